"""A rate of the mix in numbers: as a whole, and operation by operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.mix.words import READS
from bench.report import ms, percentiles

if TYPE_CHECKING:
    from bench.mix.run import Options
    from bench.mix.words import Over, Tally
    from bench.place import Used
    from bench.report import Row

_NAMES: Final = {
    "menu": "read the menu",
    "active": "read the active orders",
    "status": "read an order",
    "place": "place an order",
    "bump": "bump an order",
    "quote": "ask for a price",
    "open": "open a screen (snapshot)",
}


def step_row(over: Over, rate: float, options: Options, tally: Tally, used: Used) -> Row:
    """A rate that was offered, and whether it was held."""
    p95, reads = ms(tally.whole(), 0.95), ms(tally.whole(READS), 0.95)
    good = tally.error_percent < options.max_errors or not tally.errors
    quick = p95 is not None and p95 < options.max_p95 and (reads is None or reads < options.max_read_p95)
    held = good and quick
    why = [f"{count} {code}" for code, count in tally.errors.items()]
    if p95 is None:
        why.append(f"{tally.done} answers are too few for a p95, 20 are needed")
    return {
        "over": over,
        "offered": round(rate, 1),
        "answered": round(tally.done / options.seconds, 1),
        "p50": ms(tally.whole(), 0.5),
        "p95": p95,
        "reads_p95": reads,
        "writes_p95": ms(tally.whole(frozenset({"place", "bump"})), 0.95),
        "p99": ms(tally.whole(), 0.99),
        "errors": sum(tally.errors.values()),
        "error_percent": round(tally.error_percent, 3),
        "why": "; ".join(why) or None,
        "held": "yes" if held else "no",
        "late_p99": ms(tally.late, 0.99),
        "hub": used.cores("hub"),
        "postgres": used.cores("PostgreSQL"),
        "redis": used.cores("Redis"),
        "client": round(tally.cpu_seconds / used.seconds, 2),
        "busy": None if used.busy is None else round(used.busy / used.seconds, 2),
        "others": used.others(tally.cpu_seconds),
    }


def kind_rows(over: Over, row: Row, tally: Tally) -> list[Row]:
    """Each operation of a rate."""
    return [
        {
            "over": over,
            "offered": row["offered"],
            "operation": _NAMES[name],
            "count": histogram.count,
            **percentiles(histogram, 50, 95, 99),
        }
        for name, histogram in sorted(tally.latencies.items())
    ]
