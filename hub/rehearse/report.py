"""What a rehearsal has measured, for people and for machines."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from rich.table import Table

from hub.drive.histogram import Histogram

if TYPE_CHECKING:
    from rich.console import Console

    from hub.rehearse.rush import Outcome
    from hub.rehearse.script import Ordered

STEPS = ("accepted", "ready", "delivered")
ALL = "all"
_TELLS_P99 = 100


class Times(Struct, frozen=True):
    """From storing an order to each step, in seconds as they passed."""

    accepted: Histogram
    ready: Histogram
    delivered: Histogram

    @classmethod
    def empty(cls) -> Times:
        return cls(Histogram(), Histogram(), Histogram())


class Report(Struct, frozen=True):
    """`paint` is from the commit of an order until a screen of the house had painted it; `stations` has the
    steps of each station's orders, and of all; `recorded` what they were when the evening was recorded."""

    outcome: Outcome
    paint: Histogram
    stations: dict[str, Times]
    recorded: Times | None

    @property
    def unseen(self) -> int:
        """Orders that no screen of the house has painted."""
        return len(self.outcome.courses) - self.paint.count

    @property
    def code(self) -> int:
        """The exit code: 3 when a confirmed order was missing, repeated or out of order on the crew's screen,
        1 when an order failed or was never painted."""
        if self.outcome.faults.counts:
            return 3
        return 1 if self.outcome.failed or self.unseen else 0


def report(outcome: Outcome, recorded: list[Ordered]) -> Report:
    """Of an outcome; `recorded` are the orders that it replays, none for an evening that was made up."""
    paint = Histogram()
    stations = {ALL: Times.empty()}
    for course in outcome.courses.values():
        if course.shown is not None:
            paint.add((course.shown - course.stored).total_seconds())
        whole = (
            max(course.ready.values()) if course.stations and course.stations <= set(course.ready) else None
        )
        moments = {ALL: whole, **{station: course.ready.get(station) for station in course.stations}}
        for station, ready in moments.items():
            times = stations.setdefault(station, Times.empty())
            for histogram, moment in (
                (times.accepted, course.accepted),
                (times.ready, ready),
                (times.delivered, course.delivered),
            ):
                _add(histogram, course.stored, moment)
    return Report(outcome, paint, stations, _recorded(recorded))


def show(found: Report, console: Console, speed: float) -> None:
    """For people."""
    outcome = found.outcome
    paint = Table("", "orders", "p50", "p99", "longest", title_justify="left")
    paint.title = "push to paint, in milliseconds"
    paint.add_row("commit → painted", f"{found.paint.count}", *_cells(found.paint, 1000, 1))
    console.print(paint)
    steps = Table("station", "orders", *STEPS, title_justify="left")
    steps.title = f"from the order, p50 / p99 in seconds; everybody was {speed:g} times as fast as people"
    for name, times in {**found.stations, "as recorded": found.recorded}.items():
        if times is not None:
            each = [getattr(times, step) for step in STEPS]
            cells = [" / ".join(_cells(histogram, 1, 0)[:2]) for histogram in each]
            steps.add_row(name, f"{max(histogram.count for histogram in each)}", *cells)
    console.print(steps)
    if found.paint.count < _TELLS_P99:
        console.print(f"[dim]a p99 is told from {_TELLS_P99} orders on[/]")
    for code, count in outcome.failed.items():
        console.print(f"[red]{count} of {outcome.orders} orders: {code}[/]")
    if found.unseen:
        why = "they stood on another page of a full screen, or it showed something else"
        console.print(f"[red]{found.unseen} orders were painted by no screen: {why}[/]")
    for kind, words in outcome.faults.examples.items():
        console.print(f"[red bold]{kind}:[/] {'; '.join(words)}")
    if found.code == 0:
        console.print(f"[green bold]ok[/] {outcome.confirmed} orders, each on its screens once and in order")


def data(found: Report, *, speed: float, seed: int) -> dict[str, Any]:
    """For machines. Milliseconds for paint, seconds for people; null where there are too few to tell."""
    outcome = found.outcome
    return {
        "speed": speed,
        "seed": seed,
        "orders": outcome.orders,
        "confirmed": outcome.confirmed,
        "failed": outcome.failed,
        "unseen": found.unseen,
        "faults": outcome.faults.counts,
        "push_to_paint_ms": _values(found.paint, 1000),
        "stations": {name: _times(times) for name, times in found.stations.items()},
        "recorded": None if found.recorded is None else _times(found.recorded),
    }


def _times(times: Times) -> dict[str, Any]:
    return {f"{step}_s": _values(getattr(times, step), 1) for step in STEPS}


def _recorded(orders: list[Ordered]) -> Times | None:
    times = Times.empty()
    for order in orders:
        for step in STEPS:
            if (seconds := getattr(order, step)) is not None:
                getattr(times, step).add(seconds)
    return times if any(getattr(times, step).count for step in STEPS) else None


def _add(histogram: Histogram, begin: datetime, moment: datetime | None) -> None:
    if moment is not None:
        histogram.add((moment - begin).total_seconds())


def _values(histogram: Histogram, unit: float) -> dict[str, float | int | None]:
    found = {name: histogram.percentile(share) for name, share in (("p50", 0.5), ("p99", 0.99))}
    longest = histogram.longest if histogram.count else None
    values = {**found, "max": longest}
    return {
        "count": histogram.count,
        **{name: None if value is None else round(value * unit, 3) for name, value in values.items()},
    }


def _cells(histogram: Histogram, unit: float, digits: int) -> list[str]:
    """p50, p99 and the longest; a dash where there are too few to tell."""
    values = _values(histogram, unit)
    cells = (values[name] for name in ("p50", "p99", "max"))
    return ["–" if value is None else f"{value:.{digits}f}" for value in cells]
