"""How long a count of what waits is good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from hub.orders.backlog import KEPT, MANY, Backlog, Backlogs

NOON = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
LITTLE = Backlog(MANY - 1, {"kitchen": 990})
MUCH = Backlog(MANY, {"kitchen": 1000})
INSTANT = timedelta(microseconds=1)


def test_little_is_counted_each_time() -> None:
    backlogs, hotel = Backlogs(), uuid4()
    backlogs.keep(hotel, NOON, LITTLE)
    assert backlogs.recent(hotel, NOON) is None


def test_much_is_kept_for_a_while_by_the_hotel_it_belongs_to() -> None:
    backlogs, hotel = Backlogs(), uuid4()
    backlogs.keep(hotel, NOON, MUCH)
    assert backlogs.recent(hotel, NOON) == MUCH
    assert backlogs.recent(hotel, NOON + KEPT - INSTANT) == MUCH
    assert backlogs.recent(hotel, NOON + KEPT) is None
    assert backlogs.recent(uuid4(), NOON) is None


def test_a_clock_that_was_set_back_keeps_nothing() -> None:
    backlogs, hotel = Backlogs(), uuid4()
    backlogs.keep(hotel, NOON, MUCH)
    assert backlogs.recent(hotel, NOON - INSTANT) is None


def test_little_after_much_is_no_more_the_old_count() -> None:
    backlogs, hotel = Backlogs(), uuid4()
    backlogs.keep(hotel, NOON, MUCH)
    backlogs.keep(hotel, NOON + KEPT, LITTLE)
    assert backlogs.recent(hotel, NOON) is None
