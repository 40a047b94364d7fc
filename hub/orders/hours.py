"""The hotel's clock: which business day it is, and whether an item is served now. Pure.

Moments come from the server's clock and are read in the hotel's time zone, so a day with a shift to or from
summer time needs no care of its own: what counts is what the clock on the hotel's wall shows.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def business_date(now: datetime, zone: ZoneInfo, cutover: time) -> date:
    """The day an order counts for: until `cutover` (wall time, say 05:00) it is still yesterday."""
    local = now.astimezone(zone)
    return local.date() if local.time() >= cutover else local.date() - timedelta(days=1)


def is_open(start: time | None, end: time | None, now: datetime, zone: ZoneInfo) -> bool:
    """Whether `now` is inside `[start, end)`; `start > end` runs past midnight, no hours are always open."""
    if start is None or end is None:
        return True
    local = now.astimezone(zone).time()
    if start < end:
        return start <= local < end
    return local >= start or local < end
