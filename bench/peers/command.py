"""The command line of `bench peers`; what it needs is imported when it runs, so that `--help` is quick."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click

from bench.options import Numbers, given_or_quick, pin

NAMES = ("hub", "nchan", "ws", "websockets", "socketio", "python-socketio", "channels")
SHAPES = ("fanout", "kitchen")
# Nothing but what the hub's own environment has: for a look whether everything works.
_QUICK: dict[str, object] = {
    "peers": ("hub", "websockets"),
    "shapes": SHAPES,
    "sockets": (60,),
    "tenants": 12,
    "rounds": 1,
    "seconds": 0.3,
}


class Words(click.ParamType[tuple[str, ...]]):
    """`hub,nchan`, each one of those that are known."""

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known
        self.name = "NAME,..."

    def convert(
        self, value: str | tuple[str, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        words = tuple(dict.fromkeys(value.split(","))) if isinstance(value, str) else value
        for word in words:
            if word not in self._known:
                self.fail(f"{word!r} is not one of {', '.join(self._known)}", param, ctx)
        return words


class Ratios(click.ParamType[dict[str, float]]):
    """`nchan=0.9,ws=1`."""

    name = "PEER=RATIO,..."

    def convert(
        self, value: str | dict[str, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, float]:
        if isinstance(value, dict):
            return value
        found = {}
        for part in value.split(","):
            name, _, number = part.partition("=")
            if name not in NAMES[1:] or re.fullmatch(r"\d+(\.\d+)?", number) is None:
                self.fail(f"{part!r} is not one of {', '.join(NAMES[1:])} with =RATIO", param, ctx)
            found[name] = float(number)
        return found


@click.command()
@click.option(
    "--peers",
    type=Words(NAMES),
    default=",".join(NAMES),
    show_default=True,
    help="Who is measured, in this order.",
)
@click.option(
    "--shapes", type=Words(SHAPES), default=",".join(SHAPES), show_default=True, help="What they have to do."
)
@click.option(
    "--sockets", type=Numbers(), default="1000,10000", show_default=True, help="Sockets of the fan-out."
)
@click.option(
    "--tenants",
    type=click.IntRange(1, 5000),
    default=2000,
    show_default=True,
    help="Hotels of the kitchens, with 4 sockets each.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1, 1000),
    default=7,
    show_default=True,
    help="Turns of each server: A B C A B C ...",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, 600),
    default=1.5,
    show_default=True,
    help="Length of each measured window; there are two in a turn.",
)
@click.option(
    "--fanout-outstanding",
    type=click.IntRange(1, 1000),
    default=4,
    show_default=True,
    help="Events on the way in the closed loop of the fan-out.",
)
@click.option(
    "--kitchen-outstanding",
    type=click.IntRange(1, 10_000),
    default=256,
    show_default=True,
    help="The same of the kitchens.",
)
@click.option(
    "--fanout-offered",
    type=click.FloatRange(1, 1e6),
    default=4000,
    show_default=True,
    help="Deliveries a second offered in the open loop of the fan-out.",
)
@click.option(
    "--kitchen-offered",
    type=click.FloatRange(1, 1e6),
    default=4000,
    show_default=True,
    help="The same of the kitchens; 4 deliveries are an event.",
)
@pin()
@click.option(
    "--quick",
    is_flag=True,
    help="A small run that needs nothing installed: hub and websockets. Its numbers mean nothing.",
)
@click.option(
    "--min-ratio",
    type=Ratios(),
    default={},
    help="Exit with 1 when the hub does less work than PEER x RATIO for the same CPU time: nchan=0.9,ws=1.",
)
@click.option(
    "--min-deliveries",
    type=click.FloatRange(0),
    default=0,
    help="Exit with 1 when the hub delivers fewer a second.",
)
@click.option("--json", type=click.Path(path_type=Path), help="Write the result there.")
@click.option("--picture", type=click.Path(path_type=Path), help="Draw it there, as SVG.")
@click.option("--save", is_flag=True, help="Write and draw to bench/results/peers-<date>.")
@click.pass_context
def peers(ctx: click.Context, /, **given: object) -> None:
    """The hub beside other servers: the same work, in one run, in turns.

    \b
    fanout   one publisher; every event (200 bytes) goes to all sockets
    kitchen  thousands of hotels with 4 sockets; every event goes to those of one hotel

    \b
    nchan            nginx with nchan, published to over HTTP: no Redis between
    ws               Node, the package ws, and ioredis
    websockets       Python's websockets with its broadcast(), and redis-py
    socketio         Socket.IO with its Redis adapter
    python-socketio  with AsyncRedisManager, in uvicorn
    channels         Django Channels with the pub/sub layer of channels_redis, in uvicorn

    In each turn a server is started, all sockets join, and first it must be right: every event to every
    socket, once and in order, byte by byte; this is looked at in the windows too. Then it warms up,
    and works in a closed loop (so many events on the way) and in an open one (so many a second, latency). The
    server has one core, client and Redis another one. Nothing else runs meanwhile.

    The ratio says how much the hub does for the CPU time in which the peer does 1: the median of the rounds,
    each with the hub's turn of the same round, and the least and greatest of them.

    The hub's sessions are real: tokens, joined, live. Its events are written to its log before a window and
    published in it as its relay does, signed; what a commit costs in PostgreSQL is not measured here.

    Python and JavaScript packages of fixed versions are installed into an environment of the bench's own
    ($HUB_HOME/peers); nginx with nchan and Node must be there. A server that cannot run is left out.

    \b
    Exit codes
      0    good
      1    less than a threshold
      2    it cannot be run
      3    the hub lost, repeated or mixed up an event
      130  stopped by Ctrl+C
    """
    import msgspec

    from bench.peers.run import Options, run

    asked = given_or_quick(ctx, given, _QUICK)
    raise SystemExit(run(msgspec.convert(asked, Options)))
