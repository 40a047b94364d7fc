"""The hotel's clock: business days and serving hours, at their edges and in zones with summer time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import accumulate
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.menu.hours import (
    Hours,
    business_date,
    is_open,
    next_opening,
    open_times,
    refusal,
    until_next_service,
    wall,
)

TOKYO = ZoneInfo("Asia/Tokyo")
BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

NIGHT = Hours(time(22), time(2))
# 2026-11-21 is a Saturday
FRIDAY, SATURDAY, SUNDAY = 20, 21, 22


def tokyo(clock: str, day: int = SATURDAY) -> datetime:
    hour, minute = clock.split(":")
    return datetime(2026, 11, day, int(hour), int(minute), tzinfo=TOKYO).astimezone(UTC)


@pytest.mark.parametrize(
    ("clock", "opens"),
    [("21:59", False), ("22:00", True), ("23:59", True), ("00:00", True), ("01:59", True), ("02:00", False)],
)
def test_hours_past_midnight(clock: str, opens: bool) -> None:
    assert is_open(NIGHT, tokyo(clock), TOKYO) is opens


@pytest.mark.parametrize(
    ("clock", "opens"), [("06:59", False), ("07:00", True), ("09:59", True), ("10:00", False)]
)
def test_hours_of_one_day(clock: str, opens: bool) -> None:
    assert is_open(Hours(time(7), time(10)), tokyo(clock), TOKYO) is opens


def test_no_hours_are_always_open() -> None:
    assert is_open(None, tokyo("03:00"), TOKYO)
    assert next_opening(None, tokyo("03:00"), TOKYO) is None


@pytest.mark.parametrize(
    ("day", "clock", "opens"),
    [
        (FRIDAY, "00:30", False),  # Thursday's
        (FRIDAY, "21:59", False),
        (FRIDAY, "22:00", True),
        (SATURDAY, "01:59", True),  # still Friday's
        (SATURDAY, "02:00", False),
        (SATURDAY, "22:30", False),
        (SUNDAY, "01:00", False),
    ],
)
def test_the_hours_past_midnight_belong_to_the_day_they_start(day: int, clock: str, opens: bool) -> None:
    assert is_open(replace(NIGHT, days=(5,)), tokyo(clock, day), TOKYO) is opens


def test_a_week_turns_from_sunday_to_monday() -> None:
    sundays = replace(NIGHT, days=(7,))
    assert is_open(sundays, tokyo("01:00", 23), TOKYO)
    assert not is_open(replace(NIGHT, days=(1,)), tokyo("01:00", 23), TOKYO)
    assert next_opening(sundays, tokyo("01:00", 23), TOKYO) == tokyo("22:00", 29)


@pytest.mark.parametrize(
    ("clock", "why"),
    [
        ("21:59", "closed"),
        ("22:00", None),
        ("01:29", None),
        ("01:30", "last_order"),
        ("01:59", "last_order"),
        ("02:00", "closed"),
    ],
)
def test_the_last_order_comes_before_the_end(clock: str, why: str | None) -> None:
    assert refusal(replace(NIGHT, last_order_minutes=30), tokyo(clock), TOKYO) == why


def test_hours_shorter_than_their_last_order_never_open() -> None:
    never = Hours(time(7), time(8), last_order_minutes=60)
    assert refusal(never, tokyo("07:00"), TOKYO) == "last_order"
    assert next_opening(never, tokyo("07:00"), TOKYO) is None


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        (tokyo("21:59"), tokyo("22:00")),
        (tokyo("22:00"), tokyo("22:00", SUNDAY)),
        (tokyo("01:30"), tokyo("22:00")),
        (tokyo("03:00"), tokyo("22:00")),
    ],
)
def test_the_next_opening_is_that_of_the_next_window(at: datetime, opens: datetime) -> None:
    assert next_opening(NIGHT, at, TOKYO) == opens
    assert until_next_service(NIGHT, at, TOKYO, time(5)) == opens


@pytest.mark.parametrize(
    ("at", "back"),
    [
        (tokyo("12:00"), tokyo("05:00", SUNDAY)),
        (tokyo("04:59"), tokyo("05:00")),
        (tokyo("05:00"), tokyo("05:00", SUNDAY)),
    ],
)
def test_without_hours_the_next_service_is_the_next_business_day(at: datetime, back: datetime) -> None:
    assert until_next_service(None, at, TOKYO, time(5)) == back


# In Berlin, 2026: on 29 March the clock goes from 02:00 to 03:00, at 01:00 UTC; on 25 October 02:00 to 03:00
# comes twice, from 00:00 and from 01:00 UTC.
@pytest.mark.parametrize(
    ("clock", "day", "utc"),
    [
        (time(1, 59), date(2026, 3, 29), datetime(2026, 3, 29, 0, 59, tzinfo=UTC)),
        (time(2), date(2026, 3, 29), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        (time(2, 30), date(2026, 3, 29), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        (time(3), date(2026, 3, 29), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        (time(2, 30), date(2026, 10, 25), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (time(3), date(2026, 10, 25), datetime(2026, 10, 25, 2, 0, tzinfo=UTC)),
    ],
)
def test_a_time_of_a_day_is_when_the_clock_first_shows_it(clock: time, day: date, utc: datetime) -> None:
    assert wall(day, clock, BERLIN) == utc


@pytest.mark.parametrize(
    ("hours", "utc", "opens"),
    [
        (NIGHT, datetime(2026, 3, 29, 0, 59, tzinfo=UTC), True),  # 01:59
        (NIGHT, datetime(2026, 3, 29, 1, 0, tzinfo=UTC), False),  # 03:00
        (NIGHT, datetime(2026, 10, 24, 23, 59, tzinfo=UTC), True),  # 01:59
        (NIGHT, datetime(2026, 10, 25, 0, 30, tzinfo=UTC), False),  # 02:30, first
        (NIGHT, datetime(2026, 10, 25, 1, 30, tzinfo=UTC), False),  # 02:30, second
        (NIGHT, datetime(2026, 10, 25, 20, 59, tzinfo=UTC), False),  # 21:59
        (NIGHT, datetime(2026, 10, 25, 21, 0, tzinfo=UTC), True),  # 22:00
        # an end that comes twice is the first one
        (Hours(time(22), time(2, 30)), datetime(2026, 10, 25, 0, 29, tzinfo=UTC), True),
        (Hours(time(22), time(2, 30)), datetime(2026, 10, 25, 1, 0, tzinfo=UTC), False),  # 02:00, second
        # so is a start, and the hour that comes again is served through
        (Hours(time(2, 30), time(5)), datetime(2026, 10, 25, 0, 30, tzinfo=UTC), True),
        (Hours(time(2, 30), time(5)), datetime(2026, 10, 25, 1, 0, tzinfo=UTC), True),
        # a start that does not exist is the moment of the jump
        (Hours(time(2, 30), time(5)), datetime(2026, 3, 29, 0, 59, tzinfo=UTC), False),
        (Hours(time(2, 30), time(5)), datetime(2026, 3, 29, 1, 0, tzinfo=UTC), True),
        # and so is an end
        (Hours(time(22), time(2, 30)), datetime(2026, 3, 29, 0, 59, tzinfo=UTC), True),
        (Hours(time(22), time(2, 30)), datetime(2026, 3, 29, 1, 0, tzinfo=UTC), False),
    ],
)
def test_hours_in_the_nights_of_summer_time(hours: Hours, utc: datetime, opens: bool) -> None:
    assert is_open(hours, utc, BERLIN) is opens


def test_the_last_order_counts_minutes_that_pass() -> None:
    """The clock shows 01:30 an hour of minutes before 03:30 in March."""
    hours = Hours(time(22), time(3, 30), last_order_minutes=60)
    assert refusal(hours, datetime(2026, 3, 29, 0, 29, tzinfo=UTC), BERLIN) is None
    assert refusal(hours, datetime(2026, 3, 29, 0, 30, tzinfo=UTC), BERLIN) == "last_order"


def test_hours_that_the_clock_jumps_over_open_a_week_later() -> None:
    gone = Hours(time(2, 10), time(2, 50), days=(7,))
    eve = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
    assert next_opening(gone, eve, BERLIN) == datetime(2026, 4, 5, 0, 10, tzinfo=UTC)


@cache
def clock_of(name: str, first: date) -> list[datetime]:
    """For each minute, in UTC, of 24 days from that day on: the latest time that the clock of the zone has
    shown until then."""
    zone, at = ZoneInfo(name), datetime.combine(first, time(), tzinfo=UTC)
    shown = (
        (at + number * MINUTE).astimezone(zone).replace(tzinfo=None) for number in range(24 * DAY // MINUTE)
    )
    return list(accumulate(shown, max))


def services(hours: Hours, first: date, clock: list[datetime]) -> Iterator[tuple[int, int]]:
    """The minutes from which on and until which it is served."""
    for number in range(-2, 21):
        day = first + number * DAY
        if hours.days is None or day.isoweekday() in hours.days:
            start = datetime.combine(day, hours.start)
            end = datetime.combine(day if hours.start < hours.end else day + DAY, hours.end)
            yield bisect_left(clock, start), bisect_left(clock, end)


# Zones whose clocks soon go forward or back: by an hour, by half an hour, at midnight, over a day.
NIGHTS = [
    ("Asia/Tokyo", date(2026, 11, 20)),
    ("Europe/Berlin", date(2026, 3, 28)),
    ("Europe/Berlin", date(2026, 10, 24)),
    ("Australia/Lord_Howe", date(2026, 4, 4)),
    ("Australia/Lord_Howe", date(2026, 10, 3)),
    ("America/Santiago", date(2026, 4, 3)),
    ("America/Santiago", date(2026, 9, 4)),
    ("Pacific/Apia", date(2011, 12, 28)),
]
clocks = st.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))
near_the_night = st.sampled_from(
    [time(0), time(0, 30), time(1, 45), time(2), time(2, 15), time(2, 30), time(3)]
)
some_hours = st.builds(
    Hours,
    start=clocks,
    end=clocks,
    days=st.none() | st.sets(st.integers(1, 7), min_size=1).map(tuple),
    last_order_minutes=st.just(0) | st.integers(0, 720),
).filter(lambda hours: hours.start != hours.end)


@settings(max_examples=500, deadline=None)
@given(night=st.sampled_from(NIGHTS), hours=some_hours, minute=st.integers(2 * 24 * 60, 5 * 24 * 60))
def test_hours_are_what_the_clock_says_minute_by_minute(
    night: tuple[str, date], hours: Hours, minute: int
) -> None:
    first = datetime.combine(night[1], time(), tzinfo=UTC)
    at, zone = first + minute * MINUTE, ZoneInfo(night[0])
    every = list(services(hours, night[1], clock_of(*night)))
    left = next((end - minute for start, end in every if start <= minute < end), None)
    if left is None:
        assert refusal(hours, at, zone) == "closed"
    else:
        assert refusal(hours, at, zone) == ("last_order" if left <= hours.last_order_minutes else None)
    later = (start for start, end in every if minute < start < end - hours.last_order_minutes)
    opening = next((first + start * MINUTE for start in later), None)
    assert next_opening(hours, at, zone) == opening


@settings(max_examples=200, deadline=None)
@given(
    night=st.sampled_from(NIGHTS),
    hours=some_hours,
    minute=st.integers(24 * 60, 3 * 24 * 60),
    late=st.lists(st.integers(0, 48 * 60), min_size=1, max_size=30),
)
def test_open_times_are_when_it_is_open(
    night: tuple[str, date], hours: Hours, minute: int, late: list[int]
) -> None:
    since, zone = datetime.combine(night[1], time(), tzinfo=UTC) + minute * MINUTE, ZoneInfo(night[0])
    times = list(open_times(hours, since, since + 2 * DAY, zone))
    for at in (since + minutes * MINUTE for minutes in (*late, 0, 48 * 60)):
        assert any(start <= at < end for start, end in times) == is_open(hours, at, zone), at
    edges = [edge for pair in times for edge in pair]
    assert edges == sorted(edges)


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


@pytest.mark.parametrize("minutes", range(0, 180, 15))
def test_a_business_day_goes_on_where_the_clock_is_set_back(minutes: int) -> None:
    at = (
        datetime(2026, 10, 24, 23, 30, tzinfo=UTC) + minutes * MINUTE
    )  # 01:30, and 02:30 after one hour and two
    day = date(2026, 10, 24 if minutes < 60 else 25)
    assert business_date(at, BERLIN, time(2, 30)) == day


@given(
    night=st.sampled_from(NIGHTS),
    cutover=clocks,
    minutes=st.lists(st.integers(0, 4 * 24 * 60), min_size=2, max_size=20),
)
def test_a_business_day_never_comes_back(night: tuple[str, date], cutover: time, minutes: list[int]) -> None:
    first = datetime.combine(night[1], time(), tzinfo=UTC)
    days = [business_date(first + minute * MINUTE, ZoneInfo(night[0]), cutover) for minute in sorted(minutes)]
    assert days == sorted(days)
