"""The hotel's clock: business days and serving hours, at their edges and in a zone with summer time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from hub.orders.hours import business_date, is_open

TOKYO = ZoneInfo("Asia/Tokyo")
BERLIN = ZoneInfo("Europe/Berlin")


def tokyo(clock: str, day: int = 21) -> datetime:
    hour, minute = clock.split(":")
    return datetime(2026, 11, day, int(hour), int(minute), tzinfo=TOKYO).astimezone(UTC)


@pytest.mark.parametrize(
    ("clock", "opens"),
    [("21:59", False), ("22:00", True), ("23:59", True), ("00:00", True), ("01:59", True), ("02:00", False)],
)
def test_hours_past_midnight(clock: str, opens: bool) -> None:
    assert is_open(time(22), time(2), tokyo(clock), TOKYO) is opens


@pytest.mark.parametrize(
    ("clock", "opens"), [("06:59", False), ("07:00", True), ("09:59", True), ("10:00", False)]
)
def test_hours_of_one_day(clock: str, opens: bool) -> None:
    assert is_open(time(7), time(10), tokyo(clock), TOKYO) is opens


def test_no_hours_are_always_open() -> None:
    assert is_open(None, None, tokyo("03:00"), TOKYO)


@pytest.mark.parametrize(
    ("utc", "opens"),
    [
        # 2026-03-29: the clock in Berlin goes from 02:00 straight to 03:00
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), True),  # 01:59
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), False),  # 03:00
        # 2026-10-25: 02:00 to 03:00 comes twice
        (datetime(2026, 10, 24, 23, 59, tzinfo=UTC), True),  # 01:59
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), False),  # 02:30, first
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), False),  # 02:30, second
        (datetime(2026, 10, 25, 20, 59, tzinfo=UTC), False),  # 21:59
        (datetime(2026, 10, 25, 21, 0, tzinfo=UTC), True),  # 22:00
    ],
)
def test_hours_follow_the_wall_clock_through_summer_time(utc: datetime, opens: bool) -> None:
    assert is_open(time(22), time(2), utc, BERLIN) is opens


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (tokyo("04:59"), date(2026, 11, 20)),
        (tokyo("05:00"), date(2026, 11, 21)),
        (tokyo("23:59"), date(2026, 11, 21)),
        (tokyo("00:00", 22), date(2026, 11, 21)),
        (tokyo("04:59", 1), date(2026, 10, 31)),
    ],
)
def test_the_business_day_turns_at_the_cutover(moment: datetime, day: date) -> None:
    assert business_date(moment, TOKYO, time(5)) == day


def test_a_cutover_at_midnight_is_the_calendar() -> None:
    assert business_date(tokyo("00:00", 22), TOKYO, time(0)) == date(2026, 11, 22)
