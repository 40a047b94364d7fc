"""When all of a cart is served."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.menu import hours
from hub.menu.hours import is_open
from hub.orders.cart import MenuItem
from hub.orders.load import FARTHEST
from hub.orders.serving import Serving
from tests.unit.test_order_cart import NOON, SOUP

TOKYO = ZoneInfo("Asia/Tokyo")
BREAKFAST = replace(SOUP, start_time=time(7), end_time=time(10), last_order_minutes=30)
NIGHT = replace(SOUP, start_time=time(22), end_time=time(2))
LATE_LUNCH = replace(SOUP, start_time=time(13), end_time=time(15))
SUNDAYS = replace(SOUP, start_time=time(9), end_time=time(14), days=(7,))
GONE = replace(SOUP, is_available=False)
BACK_AT_SIX = replace(GONE, sold_out_until=datetime(2026, 11, 21, 9, 0, tzinfo=UTC))
DISHES = (SOUP, BREAKFAST, NIGHT, LATE_LUNCH, SUNDAYS, BACK_AT_SIX)


@given(items=st.lists(st.sampled_from((*DISHES, GONE)), max_size=4), minute=st.integers(0, 48 * 60))
def test_all_of_it_is_served_when_each_is(items: list[MenuItem], minute: int) -> None:
    served = Serving(items, TOKYO, NOON, NOON + FARTHEST)
    for at in (NOON, NOON + timedelta(minutes=minute), NOON + FARTHEST):
        each = [is_open(item.hours, at, TOKYO) and not item.is_sold_out(at) for item in items]
        assert served(at) == all(each)


def test_hours_are_worked_out_once_however_often_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for each of a day's slots, by any guest, and no other socket moves meanwhile."""
    worked: list[time] = []
    wall: Callable[..., datetime] = hours.wall

    def counted(day: date, clock: time, zone: ZoneInfo) -> datetime:
        worked.append(clock)
        return wall(day, clock, zone)

    monkeypatch.setattr(hours, "wall", counted)
    items = [
        replace(BREAKFAST, id=UUID(int=n), start_time=time(7, n // 2), end_time=time(10)) for n in range(50)
    ]
    served = Serving(items, TOKYO, NOON, NOON + FARTHEST)
    assert worked == [], "nothing before it is asked"
    assert sum(served(NOON + timedelta(minutes=5 * n)) for n in range(288)) == 25
    # 25 kinds of hours, five days of each, begin and end
    assert len(worked) <= 25 * 12
