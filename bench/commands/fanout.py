"""The command line of `bench fanout`."""

from __future__ import annotations

import click

from bench.options import begin, exits, numbers, output, place, quick, seconds, threshold, windows

_SESSIONS = "How many sessions of one hotel get each event; nine tablets to one kitchen screen."


@click.command(epilog=exits("a threshold does not hold", three="a session missed an event, or got it twice"))
@numbers("--sessions", "1000,10000", _SESSIONS)
@windows(5, "number")
@seconds(2)
@threshold("--max-us", "Exit with 1 when a delivery takes more CPU.")
@threshold("--max-p99", "The same for milliseconds of the p99.")
@place()
@output()
@quick(sessions=(30, 60), windows=2, seconds=0.3)
def fanout(**given: object) -> None:
    """What one delivery costs: an event that every session of a hotel gets.

    A kitchen screen takes a dish off the menu and puts it back: a command, a commit, the relay, Redis, and a
    frame for every tablet and screen of the hotel. The next one follows when everybody has the last.

    \b
    us each        CPU of all hub processes, divided by the deliveries: command and heartbeats too
    net us         the same less what an event costs that only one session gets
    commit→frame   from the event's `at`, the database's clock inside the transaction (whole milliseconds,
                   rounded down: up to 1 ms too long); not for a hub on another machine
    command→frame  from the command's first byte, by one clock

    On loopback the sender also pays for what the kernel does to receive.
    """
    from bench.fanout import Options, run

    begin(run, Options, given)
