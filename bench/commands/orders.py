"""The command line of `bench orders`."""

from __future__ import annotations

import re

import click

from bench.options import (
    begin,
    choice,
    exits,
    limits,
    output,
    place,
    quick,
    real,
    seconds,
    switch,
    warmup,
    whole,
)

_LIMITED = ("place", "frame", "change", "screen", "bump")
_MAX_RATE = 10_000.0
_RATE = "Orders offered a second, by all guests together; several may follow."
_BUMPS = "Steps the kitchen takes each order, on average: 0.5 starts every second one, 4 delivers all."
_CHANGES = "Instead of --rate: so many changes of orders a second (placed, seen, bumped)."
_SATURATE = "Afterwards: durable orders a second in saturation, in turns with the same SQL alone."
_MAX_P99 = "Exit with 1 when a p99 is longer: place=50,frame=20 (also change, screen, bump)."


class Several(click.Command):
    """Lets `--rate 20 50 100` stand for `--rate 20 --rate 50 --rate 100`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        spelled: list[str] = []
        open_option = False
        for word in args:
            number = re.fullmatch(r"[0-9.]+", word) is not None
            if open_option and number and spelled[-1] != "--rate":
                spelled.append("--rate")
            open_option = word == "--rate" or (open_option and number)
            spelled.append(word)
        return super().parse_args(ctx, spelled)


@click.command(
    cls=Several,
    epilog=exits(
        "slower than a threshold, or errors",
        three="a confirmed order was missing, repeated or out of order in the kitchen",
    ),
)
@click.option(
    "--rate",
    type=click.FloatRange(0.1, _MAX_RATE),
    multiple=True,
    default=(20, 50, 100),
    show_default=True,
    help=_RATE,
)
@seconds(10, "Length of each rate's measured part.")
@warmup(2)
@whole("--repeat", 1, 1, 100, "Run all rates so often, in turn, and show medians.")
@choice("--arrivals", "poisson", ["even"], "How orders come: at random, or equally spaced.")
@real("--bumps", 1, 0, 4, _BUMPS)
@switch("seen", True, "Kitchens tell which tickets they have painted, as the page does.")
@real("--drain", 10, 0.1, 600, "Seconds that late replies and frames have at the end of a rate.")
@whole("--hotels", 20, 1, 2000, "Hotels of the bench's own hub, with a kitchen each.")
@whole("--rooms", 5, 1, 500, "Rooms of each, with a tablet each.")
@real("--changes", None, 0.1, _MAX_RATE, _CHANGES)
@click.option("--saturate", is_flag=True, help=_SATURATE)
@limits("--max-p99-ms", _LIMITED, "MEASURE=MS", _MAX_P99)
@real("--max-errors", 0, 0, 100, "Exit with 1 when more percent of the orders fail.")
@place()
@output()
@quick(rate=(30.0,), seconds=2.0, warmup=0.3, hotels=2, rooms=2)
def orders(**given: object) -> None:
    """How long from a guest's order to the kitchen's screen.

    Orders are placed by an open loop: a schedule made beforehand says when each is due, whatever the hub
    does, and latencies count from that moment, not from when the client got to send it.

    \b
    place   place -> reply           the guest knows that the kitchen has it
    frame   commit -> kitchen frame  from the event's `at` to its arrival at a kitchen screen
    change  the same                 of every change of an order: placed, seen, bumped
    screen  place -> kitchen frame   by the client's monotonic clock alone
    bump    bump -> reply            the kitchen's own commands, a closed loop

    `at` is the clock of the database when the event was written, inside the committing transaction:
    `frame` therefore includes the commit's flush to disk. It has whole milliseconds, rounded down, so
    `frame` is up to 1 ms too long. On one machine database and clients read the same clock; for a hub on
    another machine `frame` and `change` are left out.

    500 changes a second over 500 hotels: --changes 500 --hotels 500 --rooms 1 --workers 2 --no-pin.

    A percentile is shown when there are enough orders to tell it (p99.9: 1000).

    By default everything is started and removed again: PostgreSQL with fsync, Redis, the hub on a core of its
    own. For a hub elsewhere, `bench hotels` makes hotels and the token file: JSON lines
    {"kind": "tablet" or "kitchen", "token": "...", "hotel": "any name"}; each hotel needs both kinds, and
    the tokens must last.
    """
    from bench.orders import Options, run

    begin(run, Options, given)
