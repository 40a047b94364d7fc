"""One turn of one server: start, sockets, a check that it does its work right, warm-up, windows, end.

Nothing else runs meanwhile: thousands of idle sockets of another server would want their pings.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from bench.peers.hand import Client, connected
from bench.peers.hosts import running
from bench.peers.plan import Batch, Finished, Plan, Shape
from bench.peers.report import Turn, Used, Window, window
from bench.processes import busy_seconds, cpu_times, usage

if TYPE_CHECKING:
    from bench.machine import Cores
    from bench.peers.ground import Ground
    from bench.peers.software import Software

_SERVER: Final = "server"
_BENCH: Final = "bench"  # this process and all below it: client and server
_PATIENCE_SECONDS: Final = 30.0
_SETTLE_SECONDS: Final = 0.5
_CHECK_EVENTS: Final = 20
_WARMUP_SECONDS: Final = 0.25
_GROWTH: Final = 3


class Pace(Struct, frozen=True):
    """How hard a shape is driven: events on the way in the closed loop, deliveries a second offered in the
    open one, and the length of either window."""

    outstanding: int
    offered: float
    seconds: float


async def take(
    name: str,
    found: Software,
    shape: Shape,
    number: int,
    pace: Pace,
    ground: Ground,
    cores: Cores,
    say: Callable[[str], None],
) -> Turn:
    """Measure one server once. Raises Unavailable when it does not start or lets nobody in."""
    say("starting")
    with running(name, found, ground, cores.hub) as server:
        await asyncio.sleep(_SETTLE_SECONDS)
        roots = {_SERVER: server.pid, _BENCH: os.getpid(), **ground.roots}
        hub = ground.hubs[shape.label] if name == "hub" else None
        plan = Plan(name, server.port, shape, str(ground.redis), hub)
        before = cpu_times(roots)
        empty = usage(roots, before)
        say(f"{shape.all_sockets:,} sockets join")
        async with connected(plan, cores.clients) as client:
            joined = usage(roots, before)
            await asyncio.sleep(_SETTLE_SECONDS)
            settled = usage(roots, before)
            grown = (settled[_SERVER].memory_mib - empty[_SERVER].memory_mib) if settled else None
            turn = _Windows(client, shape, roots)
            await turn.measure(pace, say)
            return Turn(
                server=name,
                shape=shape.label,
                round=number,
                accepts_a_second=round(shape.all_sockets / client.joined.seconds, 1),
                accept_us=round(1e6 * joined[_SERVER].cpu_seconds / shape.all_sockets, 1) if joined else 0.0,
                socket_kib=None if grown is None else round(1024 * grown / shape.all_sockets, 2),
                faults=turn.faults,
                examples=turn.examples,
                closed=turn.closed,
                open=turn.open,
            )


class _Windows:
    def __init__(self, client: Client, shape: Shape, roots: Mapping[str, int]) -> None:
        self.faults: dict[str, int] = {}
        self.examples: list[str] = []
        self.closed: Window | None = None
        self.open: Window | None = None
        self._client = client
        self._shape = shape
        self._roots = roots

    async def measure(self, pace: Pace, say: Callable[[str], None]) -> None:
        """Check, warm up, measure; up to the first fault."""
        shape = self._shape
        say("is every message there, once, in order?")
        events = max(_CHECK_EVENTS, 2 * shape.groups)
        await self._batch(Batch(events, _PATIENCE_SECONDS, outstanding=min(pace.outstanding, 8)))
        say("warm-up")
        rate = await self._warm_up(pace)
        if self.faults:
            return
        say("closed loop")
        events = max(pace.outstanding, round(rate * pace.seconds))
        self.closed = await self._batch(
            Batch(events, _PATIENCE_SECONDS + 4 * pace.seconds, outstanding=pace.outstanding)
        )
        if self.faults:
            return
        say("open loop")
        offered = pace.offered / shape.sockets
        events = max(3, round(offered * pace.seconds))
        patience = events / offered + _PATIENCE_SECONDS
        self.open = await self._batch(Batch(events, patience, rate=offered))

    async def _warm_up(self, pace: Pace) -> float:
        """Events a second, from batches that grow until one is long enough."""
        events = pace.outstanding
        while not self.faults:
            _, told = await self._run(Batch(events, _PATIENCE_SECONDS, outstanding=pace.outstanding))
            if told.seconds >= _WARMUP_SECONDS:
                return events / told.seconds
            events *= _GROWTH
        return 0.0

    async def _batch(self, batch: Batch) -> Window:
        used, told = await self._run(batch)
        return window(self._shape, batch.events, batch.rate, told, used)

    async def _run(self, batch: Batch) -> tuple[Used, Finished]:
        await self._client.prepare(batch)
        before, busy_before = cpu_times(self._roots), busy_seconds()
        told = await self._client.run()
        busy, after = busy_seconds(), cpu_times(self._roots)
        spent = {
            name: sum(seconds - before[name].get(pid, 0.0) for pid, seconds in now.items())
            for name, now in after.items()
        }
        others = None
        if busy is not None and busy_before is not None:
            known = sum(
                seconds for name, seconds in spent.items() if name != _SERVER
            )  # it is below the bench
            others = max(0.0, busy - busy_before - known)
        for kind, count in told.faults.items():
            self.faults[kind] = self.faults.get(kind, 0) + count
        self.examples += told.examples
        return Used(spent[_SERVER], spent["Redis"], others), told
