"""The hotel's clock: which business day it is, and when an item is served. Pure.

Moments come from the server's clock and are read in the hotel's time zone. A time of a day is the moment at
which the clock on the hotel's wall first shows it: where the clock is set back, what has begun does not begin
again and what has ended stays over; a time that the clock jumps over is the moment of the jump.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

Refusal: TypeAlias = Literal["closed", "last_order"]

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
# That of one day a week may fall into a jump of the clock: then the one a week later is the next.
_DAYS: Final = 2 + 15


class Hours(Struct, frozen=True):
    """When an item is served: windows `[start, end)`, past midnight where `start > end`. A window belongs to
    the day on which it starts; `days` are the ISO weekdays (1 is Monday) that have one, None every day. No
    order is taken in the `last_order_minutes` before an `end`."""

    start: time
    end: time
    days: tuple[int, ...] | None = None
    last_order_minutes: int = 0


class Window(Struct, frozen=True):
    """One service: orders are taken in `[start, last_order)`."""

    start: datetime
    last_order: datetime
    end: datetime


def wall(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """When the clock on the wall first shows this time of this day, in UTC; the moment of the jump where it
    jumps over it."""
    shown = datetime.combine(day, clock, tzinfo=zone)
    moment = shown.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == shown.replace(tzinfo=None):
        return moment
    # In a jump, the two readings of the time lie on its two sides.
    before, after = shown.replace(fold=1).astimezone(UTC), moment
    offset = after.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after.replace(microsecond=0)


def business_date(now: datetime, zone: ZoneInfo, cutover: time) -> date:
    """The day an order counts for: until `cutover` (wall time, say 05:00) it is still yesterday."""
    today = now.astimezone(zone).date()
    return today if now >= wall(today, cutover, zone) else today - _DAY


def refusal(hours: Hours | None, at: datetime, zone: ZoneInfo) -> Refusal | None:
    """Why what is served in these hours cannot be ordered at that moment, None when it can; None hours are
    always open."""
    if hours is None:
        return None
    for window in _windows(hours, at, zone):
        if at < window.start:
            break
        if at < window.end:
            return None if at < window.last_order else "last_order"
    return "closed"


def is_open(hours: Hours | None, at: datetime, zone: ZoneInfo) -> bool:
    return refusal(hours, at, zone) is None


def next_opening(hours: Hours | None, at: datetime, zone: ZoneInfo) -> datetime | None:
    """The start, in UTC, of the first window after `at` in which orders are taken, or None."""
    if hours is None:
        return None
    windows = _windows(hours, at, zone)
    return next((w.start for w in windows if at < w.start < w.last_order), None)


def open_times(
    hours: Hours, since: datetime, until: datetime, zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime]]:
    """All times `[from, to)` between two moments in which orders are taken, in order and apart from each
    other; the first may have begun before, the last may go on after."""
    over = since
    for window in _windows(hours, since, zone):
        if window.start > until:
            return
        # of two windows that overlap where the clock is set back, the earlier one decides
        begin = max(window.start, over)
        if begin < window.last_order:
            yield begin, window.last_order
        over = max(over, window.end)


def until_next_service(hours: Hours | None, at: datetime, zone: ZoneInfo, cutover: time) -> datetime:
    """When what is sold out at `at` is served again: with the first window that starts later, or, where there
    is none, with the next business day."""
    opening = next_opening(hours, at, zone)
    if opening is not None:
        return opening
    return wall(business_date(at, zone, cutover) + _DAY, cutover, zone)


def _windows(hours: Hours, at: datetime, zone: ZoneInfo) -> Iterator[Window]:
    """Those that may go on at `at`, and those of the next two weeks; in order."""
    # One of the day before yesterday still goes on where the calendar skips a day.
    first = at.astimezone(zone).date() - 2 * _DAY
    for day in (first + number * _DAY for number in range(_DAYS)):
        if hours.days is not None and day.isoweekday() not in hours.days:
            continue
        start = wall(day, hours.start, zone)
        end = wall(day if hours.start < hours.end else day + _DAY, hours.end, zone)
        yield Window(start, end - timedelta(minutes=hours.last_order_minutes), end)
