"""Reads what the parts of a process count, and shows it as the metrics of the service.

Whatever happens often is counted into plain numbers of the part where it happens; here they are read once a
second, or when somebody asks.
"""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct

import hub
from hub.telemetry import metrics
from hub.telemetry.board import Board
from hub.telemetry.exposition import render
from hub.telemetry.fold import Report, continued, together
from hub.telemetry.histogram import Histogram
from hub.telemetry.metrics import Figures, Rows
from hub.telemetry.process import usage

if TYPE_CHECKING:
    from hub.db.replicas import Replicas
    from hub.db.watched import Watched
    from hub.hooks.courier import Courier
    from hub.ops.ladder import Ladder
    from hub.realtime.broker import Broker
    from hub.realtime.node import Node
    from hub.realtime.relay import Relay
    from hub.services import Services
    from hub.web.requests import Requests

KINDS: Final = ("tablet", "phone", "kitchen", "staff")
_TICK_SECONDS: Final = 0.25
_TICKS: Final = 4


class Parts(Struct, frozen=True):
    """What a process is made of, as far as it counts."""

    node: Node
    broker: Broker
    relay: Relay
    services: Services
    requests: Requests
    pools: Mapping[str, Watched]
    replicas: Replicas
    ladder: Ladder
    courier: Courier


class Desk(Struct, frozen=True):
    """The worker's place on the board that it shares with its siblings."""

    board: Board
    slot: int


class Meters:
    """The figures of this process; with a `desk`, of the whole service. `run` keeps them fresh."""

    def __init__(self, parts: Parts, desk: Desk | None) -> None:
        self._parts = parts
        self._desk = desk
        self._lag = Histogram()
        self._base: Rows = {}
        if desk is not None:
            before = [report for report, _ in desk.board.read() if report.slot == desk.slot]
            self._base = before[0].rows if before else {}

    async def run(self) -> None:
        """Look at how late the event loop is, and tell the siblings; serve until cancelled."""
        while True:
            for _ in range(_TICKS):
                # not the loop's own clock: uvloop's stands still during a turn
                due = time.perf_counter() + _TICK_SECONDS
                await asyncio.sleep(_TICK_SECONDS)
                self._lag.add(max(0.0, time.perf_counter() - due))
            self.tell()

    def tell(self) -> None:
        """Say to the siblings how things stand now."""
        if self._desk is not None:
            self._desk.board.write(self._desk.slot, continued(self._base, self.read()))

    async def text(self, accept: str) -> tuple[bytes, str]:
        """The metrics of the service, and their media type, for a reader with this Accept header."""
        if self._desk is None:
            reports, ages = [Report(0, True, self.read())], [(0, 0.0)]
        else:
            self.tell()
            found = self._desk.board.read()
            reports = [report for report, _ in found]
            ages = [(report.slot, age) for report, age in found if report.alive]
        rows = together(reports)
        rows[metrics.REPORT_AGE.name] = {(str(slot),): [age] for slot, age in ages}
        pieces, media_type = render(rows, accept)
        text = bytearray()
        for piece in pieces:
            text += piece
            await asyncio.sleep(0)  # an event for the kitchen goes first
        return bytes(text), media_type

    def read(self) -> Rows:
        """The figures of this process since its start."""
        figures = Figures()
        parts = self._parts
        _process(figures)
        figures.put(metrics.LOOP_LAG, self._lag)
        _sockets(figures, parts.node)
        figures.put(metrics.BROKER, float(parts.broker.connected))
        _relay(figures, parts.relay)
        for step, count in parts.ladder.raised.items():
            figures.put(metrics.ALERTS, count, step)
        for (kind, outcome), count in parts.courier.outcomes.items():
            figures.put(metrics.HOOKS, count, kind, outcome)
        _database(figures, parts.pools)
        for replica in parts.replicas.each:
            figures.put(
                metrics.REPLICAS, float(replica.pool is not None), replica.name.removeprefix("replica ")
            )
        _asked(figures, parts.services, parts.requests)
        return figures.rows


def _process(figures: Figures) -> None:
    figures.put(metrics.BUILD, 1, hub.__version__, platform.python_version())
    figures.put(metrics.WORKERS, 1)
    figures.put(metrics.STARTS, 1)
    now = usage()
    figures.put(metrics.CPU, now.cpu)
    for metric, value in (
        (metrics.MEMORY, now.memory),
        (metrics.DESCRIPTORS, now.descriptors),
        (metrics.DESCRIPTORS_MOST, now.descriptors_most),
    ):
        if value is not None:
            figures.put(metric, value)


def _sockets(figures: Figures, node: Node) -> None:
    tally = node.tally
    for kind in KINDS:
        figures.put(metrics.SESSIONS, tally.sessions[kind], kind)
    figures.put(metrics.STREAMS, tally.streams)
    for outcome, count in tally.handshakes.items():
        figures.put(metrics.HANDSHAKES, count, outcome)
    for code, count in tally.closes.items():
        figures.put(metrics.CLOSES, count, "client" if code is None else str(code.value))
    figures.put(metrics.DELIVERIES, tally.deliveries)
    figures.put(metrics.FAN_OUT, tally.fan_out)
    figures.put(metrics.COMMIT_TO_FRAME, tally.commit_to_frame)
    for way, seconds in tally.joins.items():
        figures.put(metrics.JOINS, seconds, way)
    figures.put(metrics.REPLAYED, tally.replayed)
    figures.put(metrics.FILLED, tally.filled)
    if node.heads_checked_at > 0:
        figures.put(metrics.HEADS_AGE, asyncio.get_running_loop().time() - node.heads_checked_at)


def _relay(figures: Figures, relay: Relay) -> None:
    figures.put(metrics.RELAY, float(relay.standing.is_set()))
    figures.put(metrics.RELAY_LAG, relay.lag)
    figures.put(metrics.RELAY_BEHIND, relay.behind)


def _database(figures: Figures, pools: Mapping[str, Watched]) -> None:
    for name, pool in pools.items():
        idle = pool.get_idle_size()
        figures.put(metrics.DATABASE_CONNECTIONS, idle, name, "idle")
        figures.put(metrics.DATABASE_CONNECTIONS, pool.get_size() - idle, name, "in_use")
        figures.put(metrics.DATABASE_MOST, pool.get_max_size(), name)
        figures.put(metrics.DATABASE_WAITING, pool.waiting, name)
        figures.put(metrics.DATABASE_ACQUIRE, pool.waits, name)


def _asked(figures: Figures, services: Services, requests: Requests) -> None:
    for calls in (services.approvals, services.operations):
        for (command, outcome), seconds in calls.seconds.items():
            figures.put(metrics.COMMANDS, seconds, command, outcome)
    for (route, method, status), count in requests.answers.items():
        figures.put(metrics.REQUESTS, count, route, method, status)
    for (route, method), seconds in requests.seconds.items():
        figures.put(metrics.REQUEST_SECONDS, seconds, route, method)
    for rule, count in services.limiter.refusals.items():
        figures.put(metrics.LIMIT_REFUSALS, count, rule)
    figures.put(metrics.LIMITS_ALONE, float(services.limiter.away is not None))
    figures.put(metrics.PASSWORD_LINE, services.office.passwords.line)
    figures.put(metrics.PASSWORD_REFUSALS, services.office.passwords.refusals)
