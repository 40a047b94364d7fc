"""The command line of `bench connections`."""

from __future__ import annotations

import click

from bench.options import (
    begin,
    exits,
    numbers,
    output,
    patience,
    place,
    quick,
    real,
    switch,
    threshold,
    whole,
)

_SESSIONS = "How many sessions to look at, one after the other; nine tablets to one kitchen screen."
_HOLD = "Seconds at rest with the most sessions; 600 for a claim that shall last."
_ADMISSION = "Let the bench's own hub refuse handshakes as in production (HUB_ACCEPTS_PER_SECOND)."
_SOURCE = (
    "Address of this machine to connect from; several for more than 28,000 connections. On loopback they are "
    "chosen by themselves."
)


@click.command(epilog=exits("a threshold does not hold, or sessions did not come in"))
@numbers("--sessions", "1000,5000,10000", _SESSIONS)
@real("--hold", 30, 1, 86_400, _HOLD)
@real("--rest", 8, 1, 3600, "Seconds at rest with each smaller number.")
@whole("--window", 100, 1, 10_000, "Handshakes under way at one time.")
@patience("session")
@switch("admission", False, _ADMISSION)
@click.option("--source", "sources", multiple=True, help=_SOURCE)
@threshold("--max-kb", "Exit with 1 when a session takes more memory.")
@threshold("--max-idle", "The same for % of a core at rest.")
@threshold("--min-accepts", "The same for fewer sessions a second coming in.")
@whole("--max-lost", 0, 0, None, "The same for more sessions lost at rest.")
@place()
@output()
@quick(sessions=(20, 40), hold=2.0, rest=1.0)
def connections(**given: object) -> None:
    """How many sessions a node holds, how fast they come in, and what they cost at rest.

    Every session is a real one: a token, hello, the snapshot of its hotel, live, with heartbeats and pings.

    \b
    accepts/s    sessions that became live a second, with --window handshakes under way
    CPU us each  of the hub, from the first byte of the handshake until live
    KB each      growth of the hub's resident memory (RSS) over the hub without sessions
    hub CPU %    of one core, while nothing happens but heartbeats and pings
    stale        sessions that heard no heartbeat for two intervals: their screens would say so
    503          handshakes that were refused with Retry-After; they come again when told to

    Of a hub elsewhere only what a client can see is measured.
    """
    from bench.connections import Options, run

    begin(run, Options, given)
