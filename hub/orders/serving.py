"""When a kitchen serves all of a cart. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from hub.menu.hours import open_times
from hub.orders.cart import MenuItem


class Serving:
    """Whether all of these are served at a moment from `since` to `until`. Many moments cost little more than
    one: when each of the hours is open is worked out once, at the first question."""

    def __init__(self, items: Iterable[MenuItem], zone: ZoneInfo, since: datetime, until: datetime) -> None:
        self._items = tuple(items)
        self._zone, self._since, self._until = zone, since, until

    def __call__(self, at: datetime) -> bool:
        starts, ends = self._times
        place = bisect_right(starts, at) - 1
        return place >= 0 and at < ends[place]

    @cached_property
    def _times(self) -> tuple[list[datetime], list[datetime]]:
        """When all of it is open and not sold out: the begins, and the ends that belong to them."""
        common = [(self._since, datetime.max.replace(tzinfo=UTC))]
        for item in self._items:
            if not item.is_available:
                if item.sold_out_until is None:
                    return [], []
                common = [(max(start, item.sold_out_until), end) for start, end in common]
        for hours in {hours for item in self._items if (hours := item.hours) is not None}:
            times = list(open_times(hours, self._since, self._until, self._zone))
            common = [(max(a, c), min(b, d)) for a, b in common for c, d in times if max(a, c) < min(b, d)]
        return [start for start, _ in common], [end for _, end in common]
