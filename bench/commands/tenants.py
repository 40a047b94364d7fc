"""The command line of `bench tenants`."""

from __future__ import annotations

import click

from bench.options import (
    begin,
    exits,
    numbers,
    output,
    place,
    quick,
    rate,
    seconds,
    threshold,
    warmup,
    whole,
    windows,
)

_HOTELS = "Over how many hotels the same rate of orders is spread, one after the other."
_ORDERS = "Orders of a year, spread over all hotels, written by SQL; a million take minutes."
_GROWTH = "The same when an event takes so many times the CPU with the most hotels as with the fewest."


@click.command(
    epilog=exits(
        "a threshold does not hold, a query reads a whole table, or orders failed",
        three="a confirmed order was missing, repeated or out of order in the kitchen",
    )
)
@numbers("--hotels", "10,100,1000", _HOTELS)
@rate(30, "Orders a second.")
@seconds(6)
@warmup(1)
@windows(3, "number of hotels")
@whole("--orders", 1_000_000, 1, 100_000_000, _ORDERS)
@whole("--repeats", 400, 20, 1_000_000, "How often each hot query runs.")
@threshold("--max-p95", "Exit with 1 when one takes longer (ms).")
@threshold("--max-growth", _GROWTH)
@place()
@output()
@quick(hotels=(2, 4), seconds=1.0, warmup=0.2, windows=1, orders=4000, repeats=20)
def tenants(**given: object) -> None:
    """How cost grows: with hotels, and with the orders of a year.

    First the same rate of orders over more and more hotels, each with a tablet and a kitchen that are live:
    CPU an event. Then the tables are filled, and every hot query is timed as hub_api in one hotel after the
    other, its plan looked at: none may read a large table whole. At the end the orders once more.
    """
    from bench.tenants.run import Options, run

    begin(run, Options, given)
