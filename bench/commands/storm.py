"""The command line of `bench storm`."""

from __future__ import annotations

import click

from bench.options import (
    begin,
    choice,
    exits,
    output,
    patience,
    place,
    quick,
    rate,
    real,
    threshold,
    whole,
)

_HOW = (
    "cut: every connection is reset, as when a network fails. restart: the hub dies by kill -9, with all its "
    "processes, and is started again at once; the bench's own hub only."
)
_SPREAD = "Each comes back at a random moment of so many seconds, as pages do (HUB_RETRY_MS); 0: at once."


@click.command(
    epilog=exits(
        "a threshold does not hold, or devices did not come back",
        three="a confirmed order is missing, or there twice",
    )
)
@whole("--devices", 10_000, 1, 200_000, "How many come back; nine tablets to one kitchen screen.")
@choice("--how", "cut", ["restart"], _HOW)
@real("--spread", 3, 0, 600, _SPREAD)
@click.option(
    "--fresh", is_flag=True, help="Devices have forgotten their positions: each needs a whole snapshot."
)
@rate(20, "Orders a second of guests in other hotels, before and during the storm.")
@whole("--others", 5, 1, 1000, "Those other hotels.")
@real("--before", 8, 0.5, 600, "Seconds of orders before the storm, to compare with.")
@patience("device")
@whole("--repeat", 1, 1, 100, "Storms.")
@threshold("--max-seconds", "Exit with 1 when it takes longer until all are live.")
@threshold("--max-p99", "The same for milliseconds of others' orders in the storm.")
@place()
@output()
@quick(devices=60, spread=0.3, before=1.5, others=2)
def storm(**given: object) -> None:
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
    """
    from bench.storm import Options, run

    begin(run, Options, given)
