"""When the kitchen begins an order, and when it is there: estimates, slots, pauses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import gcd
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.errors import KitchenPaused, SlotFull
from hub.menu.documents import Pause
from hub.orders.load import (
    FARTHEST,
    MOST_OFFERS,
    SOON,
    Kitchen,
    Plan,
    Portions,
    Taken,
    at_hand,
    begin_for,
    check_pause,
    effort,
    offers,
    plan,
    slot_of,
    slots_taken,
    whole,
)

# noon in Tokyo
NOON = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
QUIET = Kitchen(
    time_zone="Asia/Tokyo",
    delivery_minutes=10,
    capacity={},
    backlog={},
    interval_minutes=15,
    most_orders=None,
    most_minutes=None,
    pause=None,
)
TWO_AT_ONCE = replace(QUIET, most_orders=2)


CURRY = [Portions("kitchen", 20, 1)]
BEER = [Portions("bar", 0, 1)]


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def always(_: datetime) -> bool:
    return True


def planned(
    kitchen: Kitchen,
    dishes: list[Portions] = CURRY,
    *,
    slots: dict[datetime, Taken] | None = None,
    now: datetime = NOON,
    due_at: datetime | None = None,
) -> Plan:
    return plan(kitchen, slots or {}, dishes, always, now, due_at)


def test_the_slowest_dish_decides_and_every_portion_is_work() -> None:
    dishes = [Portions("kitchen", 10, 3), Portions("grill", 25, 1), Portions("bar", 0, 4)]
    assert whole(QUIET, dishes) == timedelta(minutes=35)
    assert effort(dishes) == 55


@pytest.mark.parametrize(
    ("kitchen", "dishes", "first", "last"),
    [
        (QUIET, CURRY, 30, 40),
        (QUIET, BEER, 10, 15),
        (replace(QUIET, delivery_minutes=0), BEER, 0, 5),
        # 60 minutes of work, three portions at once
        (replace(QUIET, backlog={"kitchen": 60}), CURRY, 50, 65),
        (replace(QUIET, backlog={"kitchen": 60}, capacity={"kitchen": 6}), CURRY, 40, 50),
        (replace(QUIET, backlog={"kitchen": 61}), CURRY, 55, 70),
        # another station's work is not waited for, nor by what needs no preparation
        (replace(QUIET, backlog={"grill": 600}), CURRY, 30, 40),
        (replace(QUIET, backlog={"bar": 600}), BEER, 10, 15),
        # each station is waited for by itself
        (replace(QUIET, backlog={"grill": 30}), [*CURRY, Portions("grill", 5, 1)], 30, 40),
        (replace(QUIET, backlog={"grill": 60}), [*CURRY, Portions("grill", 5, 1)], 35, 45),
        (replace(QUIET, backlog={"kitchen": 5}, capacity={"kitchen": 0}), CURRY, 35, 45),
    ],
)
def test_an_estimate_is_what_waits_and_the_slowest_dish_and_the_way(
    kitchen: Kitchen, dishes: list[Portions], first: int, last: int
) -> None:
    assert planned(kitchen, dishes) == Plan(None, None, after(first), after(last))


def test_an_estimate_is_rounded_to_what_people_say() -> None:
    assert planned(QUIET, now=NOON + timedelta(seconds=1)) == Plan(None, None, after(35), after(45))


def test_a_slot_is_by_the_hotels_clock() -> None:
    seconds = timedelta(minutes=29, seconds=59, microseconds=999_999)
    assert slot_of(NOON + seconds, QUIET) == after(15)
    assert slot_of(after(30), QUIET) == after(30)
    hourly = replace(QUIET, interval_minutes=60, time_zone="Asia/Kolkata")
    assert slot_of(NOON, hourly) == after(-30)  # 08:30 there


def test_orders_are_counted_in_the_slot_that_they_are_begun_in() -> None:
    orders = [(after(0), 20), (after(14.9), 10), (after(15), 5)]
    assert slots_taken(orders, QUIET) == {after(0): Taken(2, 30), after(15): Taken(1, 5)}


@pytest.mark.parametrize(
    ("limits", "slots", "fire_at"),
    [
        ({}, {0: Taken(99, 999)}, None),
        ({"most_orders": 2}, {}, None),
        ({"most_orders": 2}, {0: Taken(1, 10)}, None),
        ({"most_orders": 2}, {0: Taken(2, 10)}, 15),
        ({"most_orders": 2}, {0: Taken(2, 10), 15: Taken(2, 10), 30: Taken(1, 10)}, 30),
        # 20 minutes of its own
        ({"most_minutes": 40}, {0: Taken(9, 20)}, None),
        ({"most_minutes": 40}, {0: Taken(1, 21)}, 15),
        # what is more than a slot takes fits into an empty one
        ({"most_minutes": 10}, {}, None),
        ({"most_minutes": 10}, {0: Taken(1, 0), 15: Taken(1, 10)}, 30),
        ({"most_orders": 2, "most_minutes": 40}, {0: Taken(2, 0), 15: Taken(1, 30)}, 30),
    ],
)
def test_as_soon_as_possible_is_in_the_first_slot_with_room(
    limits: dict[str, int], slots: dict[int, Taken], fire_at: int | None
) -> None:
    taken = {after(minutes): orders for minutes, orders in slots.items()}
    now = after(4)
    moved = planned(replace(QUIET, **limits), slots=taken, now=now)
    begin = now if fire_at is None else after(fire_at)
    assert moved.fire_at == (None if fire_at is None else begin)
    assert moved.due_at is None
    assert timedelta(minutes=30) <= moved.first - begin < timedelta(minutes=35)


def test_a_moved_order_does_not_wait_twice() -> None:
    """What waits now has been worked on when it begins."""
    kitchen = replace(TWO_AT_ONCE, backlog={"kitchen": 60})
    full = {after(0): Taken(2, 60)}
    assert planned(kitchen, slots=full).first == after(50)
    assert planned(replace(kitchen, backlog={"kitchen": 45}), slots=full).first == after(45)
    assert planned(replace(kitchen, backlog={}), slots=full).first == after(45)


def test_a_kitchen_that_is_full_for_a_day_offers_times_after_it() -> None:
    full = {after(15 * n): Taken(2, 0) for n in range(24 * 4 + 3)}
    with pytest.raises(SlotFull) as caught:
        planned(TWO_AT_ONCE, slots=full)
    assert caught.value.field is None
    free = caught.value.details["free"]
    assert free == [after(24 * 60 + 75 + 15 * n) for n in range(5)]
    del full[after(24 * 60)]
    assert planned(TWO_AT_ONCE, slots=full).fire_at == NOON + SOON


def test_a_wished_time_is_kept() -> None:
    kitchen = replace(QUIET, backlog={"kitchen": 300})
    assert planned(kitchen, due_at=after(31)) == Plan(after(1), after(31), after(31), after(31))


def test_a_wished_time_that_cannot_be_reached_is_as_soon_as_possible() -> None:
    assert planned(QUIET, due_at=after(30)) == planned(QUIET)


def test_a_wished_time_whose_slot_is_full_is_refused_with_the_next_free_ones() -> None:
    # wished for 14:00 it begins at 13:30; the next intervals begin at 13:45, 14:00, ...
    full = {after(90): Taken(2, 0), after(120): Taken(2, 0)}
    with pytest.raises(SlotFull) as caught:
        planned(TWO_AT_ONCE, slots=full, due_at=after(120))
    assert caught.value.field == "due_at"
    assert caught.value.details["free"] == [after(m) for m in (135, 165, 180, 195, 210)]
    assert planned(TWO_AT_ONCE, slots=full, due_at=after(135)).fire_at == after(105)


def test_only_times_at_which_all_is_served_are_free() -> None:
    full = {after(90): Taken(2, 0)}
    with pytest.raises(SlotFull) as caught:
        plan(TWO_AT_ONCE, full, CURRY, lambda at: at < after(130), NOON, after(120))
    assert caught.value.details["free"] == [after(135), after(150)]


def test_offers_are_one_in_each_interval() -> None:
    full = {after(0): Taken(2, 0), after(30): Taken(2, 0)}
    pause = Pause(since=NOON, until=after(20), message_ja=None, message_en=None)
    found = list(
        offers(
            replace(TWO_AT_ONCE, pause=pause),
            full,
            CURRY,
            lambda at: at != after(45),
            after=after(40),
            until=after(105),
        )
    )
    # they begin half an hour earlier
    assert [(offer.at, offer.free) for offer in found] == [
        (after(45), False),
        (after(60), False),
        (after(75), False),
        (after(90), True),
        (after(105), True),
    ]


def test_no_more_times_are_looked_at_than_a_day_of_the_shortest_slots_has() -> None:
    often = replace(QUIET, interval_minutes=5)
    every = list(offers(often, {}, CURRY, lambda at: False, after=NOON, until=NOON + FARTHEST))
    assert len(every) == MOST_OFFERS
    assert len(list(offers(often, {}, BEER, always, after=after(4), until=NOON + SOON))) == MOST_OFFERS


def test_what_is_at_hand_waits_for_no_kitchen() -> None:
    pause = Pause(since=NOON, until=None, message_ja=None, message_en=None)
    kitchen = at_hand(replace(TWO_AT_ONCE, most_minutes=10, pause=pause, backlog={"bar": 600}))
    check_pause(kitchen, NOON)
    assert planned(kitchen, BEER, slots={after(0): Taken(9, 99)}) == Plan(None, None, NOON, after(5))
    assert planned(kitchen, BEER, due_at=after(1)).fire_at == after(1)


def test_a_pause_without_an_end_takes_no_order_at_all() -> None:
    paused = replace(QUIET, pause=Pause(since=NOON, until=None, message_ja="満席", message_en="Full"))
    for at in (NOON, after(60), NOON + FARTHEST):
        with pytest.raises(KitchenPaused) as caught:
            check_pause(paused, at)
        assert caught.value.details["pause"] == paused.pause


def test_a_pause_takes_what_is_begun_after_it_and_ends_by_itself() -> None:
    paused = replace(QUIET, pause=Pause(since=NOON, until=after(20), message_ja=None, message_en=None))
    for at in (NOON, after(19.9)):
        with pytest.raises(KitchenPaused):
            check_pause(paused, at)
    check_pause(paused, after(20))


@pytest.mark.parametrize(
    ("due_at", "begin"), [(None, None), (after(-5), None), (after(30), None), (after(31), after(1))]
)
def test_what_is_wished_is_begun_so_that_it_is_there(due_at: datetime | None, begin: datetime | None) -> None:
    assert begin_for(QUIET, CURRY, NOON, due_at) == begin


# Their clocks go forward or back by an hour or by half an hour within these days.
ZONES = [
    ("Asia/Tokyo", NOON),
    ("Asia/Kathmandu", NOON),
    ("Europe/Berlin", datetime(2026, 3, 28, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 24, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, tzinfo=UTC)),
]


@settings(deadline=None)
@given(
    place=st.sampled_from(ZONES),
    interval=st.sampled_from([5, 10, 15, 20, 30, 60]),
    minute=st.integers(0, 48 * 60),
    most=st.integers(1, 3),
    begun=st.lists(st.integers(0, 36 * 60), max_size=60),
)
def test_no_slot_ever_takes_more_than_it_may(
    place: tuple[str, datetime], interval: int, minute: int, most: int, begun: list[int]
) -> None:
    zone, first = ZoneInfo(place[0]), place[1]
    kitchen = replace(QUIET, time_zone=place[0], interval_minutes=interval, most_orders=most)
    now = first + timedelta(minutes=minute)
    orders = [(now + timedelta(minutes=late), 10) for late in begun]
    for _ in range(20):
        try:
            fire_at = planned(kitchen, slots=slots_taken(orders, kitchen), now=now).fire_at or now
        except SlotFull:
            return
        slots = slots_taken([*orders, (fire_at, 10)], kitchen)
        before = slots_taken(orders, kitchen)
        grown = [begin for begin, taken in slots.items() if taken != before.get(begin, Taken())]
        assert [slots[begin].orders <= most for begin in grown] == [True]
        # whatever came before it on the clock was full
        at = now
        while at < fire_at:
            assert before[slot_of(at, kitchen)].orders >= most
            at += timedelta(minutes=5)
        if fire_at != now:
            # a slot that the clock cuts short by half an hour is followed by one at the half hour
            assert fire_at.astimezone(zone).minute % gcd(interval, 30) == 0
        orders.append((fire_at, 10))


@settings(deadline=None)
@given(place=st.sampled_from(ZONES), interval=st.sampled_from([5, 10, 15, 20, 30, 60]))
def test_slots_follow_each_other_without_end(place: tuple[str, datetime], interval: int) -> None:
    kitchen = replace(QUIET, time_zone=place[0], interval_minutes=interval)
    every = list(offers(kitchen, {}, CURRY, always, after=place[1], until=place[1] + FARTHEST))
    assert all(
        timedelta() < later.at - earlier.at <= timedelta(minutes=interval)
        for earlier, later in pairwise(every)
    )
    assert len(every) == MOST_OFFERS or every[-1].at > place[1] + FARTHEST - timedelta(minutes=interval)
