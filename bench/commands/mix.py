"""The command line of `bench mix`."""

from __future__ import annotations

import click

from bench.options import (
    begin,
    choice,
    exits,
    numbers,
    output,
    place,
    quick,
    real,
    seconds,
    switch,
    threshold,
    warmup,
    whole,
)

_RATE = "Offer only these rates: 50,100,200. Without it the highest one is searched for."
_START = "Where the search begins; it doubles until a rate is not held, then halves in between."
_AGAIN = "How often the search offers a rate again that was not held: a stall of the machine decides nothing."
_ROOMS = "Rooms of each; over sockets half of their tablets stay, the others come for a look and go."
_CEILING = "Measure the same SQL without the hub, and the same addresses without a database, beside it."


@click.command(epilog=exits("no rate was held, one of --rate was not, or --min-rate was not reached"))
@choice("--over", "both", ["http", "sockets"], "How requests come in.")
@numbers("--rate", None, _RATE)
@real("--start", 50, 1, 100_000, _START)
@real("--most", 20_000, 1, 1e6, "Where it ends.")
@whole("--steps", 3, 0, 10, "Halvings of the search.")
@whole("--again", 1, 0, 10, _AGAIN)
@seconds(6, "Measured part of each.")
@warmup(1, least=0.1)
@whole("--hotels", 40, 1, 2000, "Hotels of the bench's own hub.")
@whole("--rooms", 10, 2, 500, _ROOMS)
@switch("ceiling", True, _CEILING)
@real("--max-p95", 200, 1, None, "A rate is held when 95 % of all take no longer (ms).")
@real("--max-read-p95", 100, 1, None, "And 95 % of the reads no longer than this (ms).")
@real("--max-errors", 0.1, 0, 100, "And fewer percent of them fail.")
@threshold("--min-rate", "Exit with 1 when the highest rate is lower.")
@place()
@output()
@quick(
    rate=(40,),
    most=1000.0,
    seconds=1.0,
    warmup=0.3,
    hotels=2,
    rooms=4,
    max_p95=60_000.0,
    max_read_p95=60_000.0,
)
def mix(**given: object) -> None:
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
    """
    from bench.mix.run import Options, run

    begin(run, Options, given)
