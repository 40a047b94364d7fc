"""What a run has found: turns, and how the peers compare with the hub. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from bench.machine import Cores, Machine
from bench.peers.plan import Finished, Shape
from bench.results import Latency, latency

# An open loop that took longer than its schedule by so much was not kept up with.
_OVERLOAD: Final = 1.2
_SLACK_SECONDS: Final = 0.5


class Window(Struct, frozen=True):
    """One measured batch. In microseconds of CPU: `cpu_us` of the server's processes and `client_us` of the
    client for each delivery, `event_us` of the server and `redis_us` of Redis for each event. Cores are those
    that were busy, `others_cores` with neither server, Redis nor client. `latency` is in milliseconds, of an
    open loop alone."""

    seconds: float
    events: int
    deliveries: int
    events_a_second: float
    deliveries_a_second: float
    cpu_us: float
    event_us: float
    redis_us: float
    client_us: float
    server_cores: float
    client_cores: float
    others_cores: float | None
    other_frames: int
    overloaded: bool
    latency: Latency | None
    late: Latency | None


class Turn(Struct, frozen=True):
    """A server, once: from its start to its end. `accept_us` is its CPU for each socket that joined. What it
    did wrong, before or in the windows, stands in `faults`; windows after that are missing. So many
    turns before it were `repeated`, because the hub's node had taken events from its log."""

    server: str
    shape: str
    round: int
    accepts_a_second: float
    accept_us: float
    socket_kib: float | None
    faults: dict[str, int]
    examples: list[str]
    closed: Window | None = None
    open: Window | None = None
    repeated: int = 0


class Ratio(Struct, frozen=True):
    """How many times as much the hub does as the peer, each with the hub's turn of the same round: median,
    least, greatest."""

    median: float
    low: float
    high: float


class Comparison(Struct, frozen=True):
    """`cpu`: work for the same CPU time; `rate`: deliveries a second in a closed loop; `memory`: sockets for
    the same memory."""

    server: str
    shape: str
    cpu: Ratio | None
    rate: Ratio | None
    memory: Ratio | None


class PeersResult(Struct, frozen=True, kw_only=True):
    """The whole file."""

    bench: str
    date: str
    command: str
    machine: Machine
    versions: dict[str, str]
    peers: dict[str, dict[str, str]]
    servers: list[str]
    cores: Cores
    options: dict[str, object]
    shapes: list[Shape]
    turns: list[Turn]
    comparisons: list[Comparison]
    notes: list[str]
    broken: list[str]
    exit_code: int


class Used(Struct, frozen=True):
    """CPU seconds in a window."""

    server: float
    redis: float
    others: float | None


def window(shape: Shape, events: int, rate: float, told: Finished, used: Used) -> Window:
    """The numbers of a batch."""
    planned = events / rate if rate else 0.0
    seconds = max(told.seconds, 1e-9)
    return Window(
        seconds=round(told.seconds, 4),
        events=events,
        deliveries=told.deliveries,
        events_a_second=round(told.deliveries / shape.sockets / seconds, 1),
        deliveries_a_second=round(told.deliveries / seconds, 1),
        cpu_us=round(1e6 * used.server / max(1, told.deliveries), 3),
        event_us=round(1e6 * used.server * shape.sockets / max(1, told.deliveries), 3),
        redis_us=round(1e6 * used.redis / events, 3),
        client_us=round(1e6 * told.cpu_seconds / max(1, told.deliveries), 3),
        server_cores=round(used.server / seconds, 3),
        client_cores=round(told.cpu_seconds / seconds, 3),
        others_cores=None if used.others is None else round(used.others / seconds, 3),
        other_frames=told.others,
        overloaded=rate > 0 and told.seconds > planned * _OVERLOAD + _SLACK_SECONDS,
        latency=latency(told.latency) if rate else None,
        late=latency(told.late) if rate else None,
    )


Pick = Callable[[Turn], "float | None"]


def cpu(turn: Turn) -> float | None:
    return turn.closed.cpu_us if turn.closed else None


def rate(turn: Turn) -> float | None:
    return turn.closed.deliveries_a_second if turn.closed else None


def memory(turn: Turn) -> float | None:
    return turn.socket_kib


def compare(turns: list[Turn]) -> list[Comparison]:
    """Each peer in each shape with the hub; nothing when the hub was not measured."""
    found = []
    for shape in dict.fromkeys(turn.shape for turn in turns):
        for server in dict.fromkeys(turn.server for turn in turns if turn.server != "hub"):
            pairs = _pairs([turn for turn in turns if turn.shape == shape], server)
            if pairs:
                found.append(
                    Comparison(
                        server,
                        shape,
                        cpu=_ratio(pairs, lambda hub, peer: _over(cpu(peer), cpu(hub))),
                        rate=_ratio(pairs, lambda hub, peer: _over(rate(hub), rate(peer))),
                        memory=_ratio(pairs, lambda hub, peer: _over(memory(peer), memory(hub))),
                    )
                )
    return found


def _pairs(turns: list[Turn], server: str) -> list[tuple[Turn, Turn]]:
    hubs = {turn.round: turn for turn in turns if turn.server == "hub"}
    return [(hubs[turn.round], turn) for turn in turns if turn.server == server and turn.round in hubs]


def _over(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def _ratio(pairs: list[tuple[Turn, Turn]], divide: Callable[[Turn, Turn], float | None]) -> Ratio | None:
    values = [value for hub, peer in pairs if (value := divide(hub, peer)) is not None]
    if not values:
        return None
    return Ratio(round(statistics.median(values), 3), round(min(values), 3), round(max(values), 3))


def median(turns: list[Turn], pick: Pick) -> float | None:
    values = [value for turn in turns if (value := pick(turn)) is not None]
    return statistics.median(values) if values else None


def judge(
    turns: list[Turn], comparisons: list[Comparison], min_ratio: dict[str, float], min_deliveries: float
) -> tuple[list[str], list[str]]:
    """In words: what the hub did wrong, and where it was not good enough."""
    wrong, slow = [], []
    for turn in turns:
        if turn.server == "hub" and "early" in turn.faults:
            slow.append(
                f"{turn.shape}: the hub took events from its log, not from Redis: nothing was measured"
            )
        elif turn.server == "hub" and turn.faults:
            told = ", ".join(f"{count} {kind}" for kind, count in turn.faults.items())
            wrong.append(f"{turn.shape}: the hub: {told}, such as: {'; '.join(turn.examples[:2])}")
    for server, wanted in min_ratio.items():
        found = [one for one in comparisons if one.server == server]
        if not found:
            slow.append(f"{server} was not measured beside the hub, so there is no ratio to it")
        for one in found:
            if one.cpu is None:
                slow.append(f"{one.shape}: no ratio to {server}")
            elif one.cpu.median < wanted:
                slow.append(
                    f"{one.shape}: the hub does {one.cpu.median:.2f} of the work of {server} for the same "
                    f"CPU time, wanted are {wanted:g}"
                )
    for shape in dict.fromkeys(turn.shape for turn in turns):
        own = [turn for turn in turns if turn.shape == shape and turn.server == "hub"]
        reached = median(own, rate)
        if min_deliveries and (reached is None or reached < min_deliveries):
            slow.append(f"{shape}: {reached or 0:.0f} deliveries a second, wanted are {min_deliveries:g}")
    return wrong, slow
