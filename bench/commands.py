"""The command lines of `connections`, `fanout`, `mix`, `storm` and `tenants`; what they need is imported when
they run, so that `--help` is quick."""

from __future__ import annotations

from typing import Any

import click

from bench.options import (
    Numbers,
    clients,
    elsewhere,
    given_or_quick,
    output,
    pin,
    quick,
    workers,
)


@click.command()
@click.option(
    "--sessions",
    type=Numbers(),
    default="1000,5000,10000",
    show_default=True,
    help="How many sessions to look at, one after the other; nine tablets to one kitchen screen.",
)
@click.option(
    "--hold",
    type=click.FloatRange(1, 86_400),
    default=30,
    show_default=True,
    help="Seconds at rest with the most sessions; 600 for a claim that shall last.",
)
@click.option(
    "--rest",
    type=click.FloatRange(1, 3600),
    default=8,
    show_default=True,
    help="Seconds at rest with each smaller number.",
)
@click.option(
    "--window",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    help="Handshakes under way at one time.",
)
@click.option(
    "--patience",
    type=click.FloatRange(1, 3600),
    default=120,
    show_default=True,
    help="Seconds after which a session that is not live is given up.",
)
@click.option(
    "--admission/--no-admission",
    default=False,
    show_default=True,
    help="Let the bench's own hub refuse handshakes as in production (HUB_ACCEPTS_PER_SECOND).",
)
@click.option(
    "--source",
    "sources",
    multiple=True,
    help="Address of this machine to connect from; several for more than 28,000 connections. On loopback "
    "they are chosen by themselves.",
)
@click.option("--max-kb", type=click.FloatRange(0), help="Exit with 1 when a session takes more memory.")
@click.option("--max-idle", type=click.FloatRange(0), help="The same for % of a core at rest.")
@click.option(
    "--min-accepts", type=click.FloatRange(0), help="The same for fewer sessions a second coming in."
)
@click.option(
    "--max-lost",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="The same for more sessions lost at rest.",
)
@workers()
@clients()
@pin()
@elsewhere()
@output()
@quick()
@click.pass_context
def connections(ctx: click.Context, /, **given: Any) -> None:
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

    \b
    Exit codes
      0    good
      1    a threshold does not hold, or sessions did not come in
      2    it cannot be run
      130  stopped by Ctrl+C
    """
    import msgspec

    from bench.connections import Options, run

    small = {"sessions": (20, 40), "hold": 2.0, "rest": 1.0}
    raise SystemExit(run(msgspec.convert(nested(given_or_quick(ctx, given, small)), Options)))


@click.command()
@click.option(
    "--sessions",
    type=Numbers(),
    default="1000,10000",
    show_default=True,
    help="How many sessions of one hotel get each event; nine tablets to one kitchen screen.",
)
@click.option(
    "--windows",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    help="Measured windows of each number; the table shows their medians.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, 600),
    default=2,
    show_default=True,
    help="Length of a window.",
)
@click.option("--max-us", type=click.FloatRange(0), help="Exit with 1 when a delivery takes more CPU.")
@click.option("--max-p99", type=click.FloatRange(0), help="The same for milliseconds of the p99.")
@workers()
@clients()
@pin()
@elsewhere()
@output()
@quick()
@click.pass_context
def fanout(ctx: click.Context, /, **given: Any) -> None:
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

    \b
    Exit codes
      0    good
      1    a threshold does not hold
      2    it cannot be run
      3    a session missed an event, or got it twice
      130  stopped by Ctrl+C
    """
    import msgspec

    from bench.fanout import Options, run

    small = {"sessions": (30, 60), "windows": 2, "seconds": 0.3}
    raise SystemExit(run(msgspec.convert(nested(given_or_quick(ctx, given, small)), Options)))


@click.command()
@click.option(
    "--devices",
    type=click.IntRange(1, 200_000),
    default=10_000,
    show_default=True,
    help="How many come back; nine tablets to one kitchen screen.",
)
@click.option(
    "--how",
    type=click.Choice(["cut", "restart"]),
    default="cut",
    show_default=True,
    help="cut: every connection is reset, as when a network fails. restart: the hub dies by kill -9, with "
    "all its processes, and is started again at once; the bench's own hub only.",
)
@click.option(
    "--spread",
    type=click.FloatRange(0, 600),
    default=3,
    show_default=True,
    help="Each comes back at a random moment of so many seconds, as pages do (HUB_RETRY_MS); 0: at once.",
)
@click.option(
    "--fresh", is_flag=True, help="Devices have forgotten their positions: each needs a whole snapshot."
)
@click.option(
    "--rate",
    type=click.FloatRange(0.1, 10_000),
    default=20,
    show_default=True,
    help="Orders a second of guests in other hotels, before and during the storm.",
)
@click.option(
    "--others", type=click.IntRange(1, 1000), default=5, show_default=True, help="Those other hotels."
)
@click.option(
    "--before",
    type=click.FloatRange(0.5, 600),
    default=8,
    show_default=True,
    help="Seconds of orders before the storm, to compare with.",
)
@click.option(
    "--patience",
    type=click.FloatRange(1, 3600),
    default=120,
    show_default=True,
    help="Seconds after which a device that is not live is given up.",
)
@click.option("--repeat", type=click.IntRange(1, 100), default=1, show_default=True, help="Storms.")
@click.option(
    "--max-seconds", type=click.FloatRange(0), help="Exit with 1 when it takes longer until all are live."
)
@click.option(
    "--max-p99", type=click.FloatRange(0), help="The same for milliseconds of others' orders in the storm."
)
@workers()
@clients()
@pin()
@elsewhere()
@output()
@quick()
@click.pass_context
def storm(ctx: click.Context, /, **given: Any) -> None:
    """Every device reconnects at once, while guests of other hotels order.

    \b
    all in s      from the cut until the last device was live again: joined, up to date, with a heartbeat
    503           handshakes refused with Retry-After (HUB_ACCEPTS_PER_SECOND); they come again when told to
    transactions  in PostgreSQL from before until after, without those of the orders
    active read   how often a hotel's active orders were read: snapshots, shared by devices of one hotel
    MiB peak      the most memory of all hub processes (RSS)

    Orders go over HTTP, in an open loop, and are repeated with the same Idempotency-Key until they are
    answered; latencies count from the moment each was due. At the end every confirmed order must stand in its
    kitchen's list, once.

    \b
    Exit codes
      0    good
      1    a threshold does not hold, or devices did not come back
      2    it cannot be run
      3    a confirmed order is missing, or there twice
      130  stopped by Ctrl+C
    """
    import msgspec

    from bench.storm import Options, run

    small = {"devices": 60, "spread": 0.3, "before": 1.5, "others": 2}
    raise SystemExit(run(msgspec.convert(nested(given_or_quick(ctx, given, small)), Options)))


@click.command()
@click.option(
    "--over",
    type=click.Choice(["http", "sockets", "both"]),
    default="both",
    show_default=True,
    help="How requests come in.",
)
@click.option(
    "--rate",
    type=Numbers(),
    default=(),
    help="Offer only these rates: 50,100,200. Without it the highest one is searched for.",
)
@click.option(
    "--start",
    type=click.FloatRange(1, 100_000),
    default=50,
    show_default=True,
    help="Where the search begins; it doubles until a rate is not held, then halves in between.",
)
@click.option(
    "--most", type=click.FloatRange(1, 1e6), default=20_000, show_default=True, help="Where it ends."
)
@click.option(
    "--steps", type=click.IntRange(0, 10), default=3, show_default=True, help="Halvings of the search."
)
@click.option(
    "--seconds", type=click.FloatRange(0.5, 3600), default=6, show_default=True, help="Measured part of each."
)
@click.option(
    "--warmup",
    type=click.FloatRange(0.1, 600),
    default=1,
    show_default=True,
    help="Seconds before it that do not count.",
)
@click.option(
    "--hotels",
    type=click.IntRange(1, 2000),
    default=40,
    show_default=True,
    help="Hotels of the bench's own hub.",
)
@click.option(
    "--rooms",
    type=click.IntRange(2, 500),
    default=10,
    show_default=True,
    help="Rooms of each; over sockets half of their tablets stay, the others come for a look and go.",
)
@click.option(
    "--ceiling/--no-ceiling",
    default=True,
    show_default=True,
    help="Measure the same SQL without the hub, and the same addresses without a database, beside it.",
)
@click.option(
    "--max-p95",
    type=click.FloatRange(1),
    default=200,
    show_default=True,
    help="A rate is held when 95 % of all take no longer (ms).",
)
@click.option(
    "--max-read-p95",
    type=click.FloatRange(1),
    default=100,
    show_default=True,
    help="And 95 % of the reads no longer than this (ms).",
)
@click.option(
    "--max-errors",
    type=click.FloatRange(0, 100),
    default=0.1,
    show_default=True,
    help="And fewer percent of them fail.",
)
@click.option("--min-rate", type=click.FloatRange(0), help="Exit with 1 when the highest rate is lower.")
@workers()
@clients()
@pin()
@elsewhere()
@output()
@quick()
@click.pass_context
def mix(ctx: click.Context, /, **given: Any) -> None:
    """The daily work: 75 % reads, 25 % writes, and the highest rate that is held.

    \b
    over HTTP     25 % the menu, 25 % a kitchen's active orders, 25 % one order's status; 5 % new orders,
                  20 % bumps (an order takes four to the door, so the kitchen's list does not grow)
    over sockets  what screens do: 50 % a screen opens (socket, hello, snapshot of menu and orders, goodbye),
                  25 % a price is asked for; 5 % orders, 20 % bumps. Status comes as events, unasked

    An open loop: a schedule made beforehand says when each request is due, latencies count from there.

    Ceilings, with the bench's own hub: the hub's code runs once for each operation while its SQL is written
    down; then a driver alone (asyncpg, prepared statements, 16 connections) sends the same statements with
    fresh ids as fast as it can. And the hub's HTTP server answers the same addresses with bytes in hand.

    \b
    Exit codes
      0    good
      1    no rate was held, one of --rate was not, or --min-rate was not reached
      2    it cannot be run
      130  stopped by Ctrl+C
    """
    import msgspec

    from bench.mix.run import Options, run

    loose = {"max_p95": 60_000.0, "max_read_p95": 60_000.0}
    small = {"rate": (40,), "seconds": 1.0, "warmup": 0.3, "hotels": 2, "rooms": 4, **loose}
    raise SystemExit(run(msgspec.convert(nested(given_or_quick(ctx, given, small)), Options)))


@click.command()
@click.option(
    "--hotels",
    type=Numbers(),
    default="10,100,1000",
    show_default=True,
    help="Over how many hotels the same rate of orders is spread, one after the other.",
)
@click.option(
    "--rate", type=click.FloatRange(0.1, 10_000), default=30, show_default=True, help="Orders a second."
)
@click.option(
    "--seconds", type=click.FloatRange(0.5, 600), default=6, show_default=True, help="Length of a window."
)
@click.option(
    "--warmup",
    type=click.FloatRange(0, 600),
    default=1,
    show_default=True,
    help="Seconds before it that do not count.",
)
@click.option(
    "--windows",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="Windows of each number of hotels; the table shows their medians.",
)
@click.option(
    "--orders",
    type=click.IntRange(1, 100_000_000),
    default=1_000_000,
    show_default=True,
    help="Orders of a year, spread over all hotels, written by SQL; a million take minutes.",
)
@click.option(
    "--repeats",
    type=click.IntRange(20, 1_000_000),
    default=400,
    show_default=True,
    help="How often each hot query runs.",
)
@click.option("--max-p95", type=click.FloatRange(0), help="Exit with 1 when one takes longer (ms).")
@click.option(
    "--max-growth",
    type=click.FloatRange(0),
    help="The same when an event takes so many times the CPU with the most hotels as with the fewest.",
)
@workers()
@clients()
@pin()
@elsewhere()
@output()
@quick()
@click.pass_context
def tenants(ctx: click.Context, /, **given: Any) -> None:
    """How cost grows: with hotels, and with the orders of a year.

    First the same rate of orders over more and more hotels, each with a tablet and a kitchen that are live:
    CPU an event. Then the tables are filled, and every hot query is timed as hub_api in one hotel after the
    other, its plan looked at: none may read a large table whole. At the end the orders once more.

    \b
    Exit codes
      0    good
      1    a threshold does not hold, a query reads a whole table, or orders failed
      2    it cannot be run
      3    a confirmed order was missing, repeated or out of order in the kitchen
      130  stopped by Ctrl+C
    """
    import msgspec

    from bench.tenants.run import Options, run

    small = {"hotels": (2, 4), "seconds": 1.0, "warmup": 0.2, "windows": 1, "orders": 4000, "repeats": 20}
    raise SystemExit(run(msgspec.convert(nested(given_or_quick(ctx, given, small)), Options)))


def nested(given: dict[str, object]) -> dict[str, object]:
    """The options, those of place and output in their own structs."""
    where = ("workers", "clients", "pin", "url", "token_file")
    out = ("json", "picture", "save")
    rest = {name: value for name, value in given.items() if name not in (*where, *out)}
    return rest | {
        "where": {name: given[name] for name in where},
        "output": {name: given[name] for name in out},
    }
