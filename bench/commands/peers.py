"""The command line of `bench peers`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from bench.options import Decorator, begin, exits, limits, numbers, output, pin, quick, real, seconds, whole

NAMES = ("hub", "nchan", "ws", "websockets", "socketio", "python-socketio", "channels")
SHAPES = ("fanout", "kitchen")

_RATIO = "Exit with 1 when the hub does less work than PEER x RATIO for the same CPU time: nchan=0.9,ws=1."
_QUICK = "A small run that needs nothing installed: hub and websockets. Its numbers mean nothing."


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


def _words(name: str, known: Sequence[str], help: str) -> Decorator:
    """All of them, when nobody names some."""
    return click.option(name, type=Words(known), default=",".join(known), show_default=True, help=help)


@click.command(epilog=exits("less than a threshold", three="the hub lost, repeated or mixed up an event"))
@_words("--peers", NAMES, "Who is measured, in this order.")
@_words("--shapes", SHAPES, "What they have to do.")
@numbers("--sockets", "1000,10000", "Sockets of the fan-out.")
@whole("--tenants", 2000, 1, 5000, "Hotels of the kitchens, with 4 sockets each.")
@whole("--rounds", 7, 1, 1000, "Turns of each server: A B C A B C ...")
@seconds(1.5, "Length of each measured window; there are two in a turn.")
@whole("--fanout-outstanding", 4, 1, 1000, "Events on the way in the closed loop of the fan-out.")
@whole("--kitchen-outstanding", 256, 1, 10_000, "The same of the kitchens.")
@real("--fanout-offered", 4000, 1, 1e6, "Deliveries a second offered in the open loop of the fan-out.")
@real("--kitchen-offered", 4000, 1, 1e6, "The same of the kitchens; 4 deliveries are an event.")
@pin()
@limits("--min-ratio", NAMES[1:], "PEER=RATIO", _RATIO)
@real("--min-deliveries", 0, 0, None, "Exit with 1 when the hub delivers fewer a second.")
@output("SVG")
@quick(_QUICK, peers=("hub", "websockets"), sockets=(60,), tenants=12, rounds=1, seconds=0.3)
def peers(**given: object) -> None:
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
    """
    from bench.peers.run import Options, run

    begin(run, Options, given)
