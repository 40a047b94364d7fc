"""What people say of an order, and what holds it back: its time, and an allergy that no cook has noted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID

import pytest
from msgspec.structs import replace

from hub.errors import AllergyNotAcknowledged, Forbidden, InvalidInput, InvalidTransition
from hub.orders.attention import accept, acknowledge, acknowledge_allergy, rush
from hub.orders.model import Actor, ActorKind, Change, Item, ItemStatus, OrderState, OrderStatus
from hub.orders.recall import recall
from hub.orders.transitions import ItemTarget, OrderTarget, advance, advance_item, advance_items, cancel

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
TRIP = UUID(int=70)
KINDS: tuple[ActorKind, ...] = get_args(ActorKind)
STATUSES: tuple[OrderStatus, ...] = get_args(OrderStatus)
FINISHED = ("delivered", "cancelled")
FITTING: dict[OrderStatus, ItemStatus] = {
    "received": "pending",
    "cooking": "cooking",
    "cancelled": "cancelled",
}


def who(kind: ActorKind = "kitchen") -> Actor:
    return Actor(kind=kind, id=UUID(int=1))


def order(
    status: OrderStatus = "received",
    *conflicts: tuple[str, ...],
    cooked: bool = True,
    stations: Sequence[str] = (),
) -> OrderState:
    """An order of that status; its lines hold these conflicts, without any two lines none. They are made at
    these stations, without any all at the grill."""
    return OrderState(
        id=UUID(int=7),
        status=status,
        version=1,
        items=tuple(
            Item(
                line,
                UUID(int=100 + line),
                1,
                FITTING.get(status, "ready"),
                needs_cooking=cooked,
                age_restricted=False,
                station=stations[line - 1] if stations else "grill",
                conflicts=declared,
            )
            for line, declared in enumerate(conflicts or ((), ()), 1)
        ),
        ready_at=NOW if status in ("ready", "delivering", "delivered") else None,
        finished_at=NOW if status in FINISHED else None,
        cancelled_at=NOW if status == "cancelled" else None,
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", STATUSES)
def test_who_accepts_what(status: OrderStatus, kind: ActorKind) -> None:
    before = order(status)
    if kind in ("guest", "front"):
        with pytest.raises(Forbidden):
            accept(before, who(kind), LATER)
    elif status in FINISHED:
        with pytest.raises(InvalidTransition):
            accept(before, who(kind), LATER)
    else:
        change = accept(before, who(kind), LATER)
        assert change.after == replace(before, accepted_at=LATER)
        assert accept(change.after, who(kind), NOW).noop


def test_a_bump_after_accepting_keeps_the_first_touch_and_a_guest_may_still_cancel() -> None:
    accepted = accept(order(), who("runner"), NOW).after
    assert advance(accepted, "cooking", who(), LATER).after.accepted_at == NOW
    assert cancel(accepted, who("guest"), LATER).after.status == "cancelled"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", STATUSES)
def test_who_hurries_what(status: OrderStatus, kind: ActorKind) -> None:
    before = order(status)
    if kind in ("guest", "runner"):
        with pytest.raises(Forbidden):
            rush(before, who(kind), wanted=True)
    elif status in FINISHED:
        with pytest.raises(InvalidTransition):
            rush(before, who(kind), wanted=True)
    else:
        hurried = rush(before, who(kind), wanted=True).after
        assert hurried == replace(before, rush=True)
        assert rush(hurried, who(kind), wanted=True).noop
        assert rush(hurried, who(kind), wanted=False).after == before


# what conflicts is not begun before a cook has taken note


@pytest.mark.parametrize("line", [1, 2])
@pytest.mark.parametrize("to", get_args(ItemTarget))
@pytest.mark.parametrize("cooked", [True, False])
def test_nothing_of_an_order_with_a_conflict_is_begun_unacknowledged(
    cooked: bool, to: ItemTarget, line: int
) -> None:
    before = order("received", (), ("egg", "milk"), cooked=cooked)
    acked = acknowledge_allergy(before, who(), NOW).after
    if cooked and to == "ready":
        before, acked = (replace(one, status="cooking", items=cooking(one)) for one in (before, acked))
    steps: tuple[Callable[[OrderState], Change], ...] = (
        lambda state: advance(state, to, who(), LATER),
        lambda state: advance_item(state, line, to, who(), LATER),
    )
    for step in steps:
        with pytest.raises(AllergyNotAcknowledged) as caught:
            step(before)
        assert caught.value.details == {"conflicts": [{"line": 2, "allergens": ("egg", "milk")}]}
        assert not step(acked).noop


def cooking(state: OrderState) -> tuple[Item, ...]:
    return tuple(replace(item, status="cooking") for item in state.items)


def test_only_what_is_still_to_be_eaten_conflicts() -> None:
    without = cancel(order("received", (), ("egg",)), who("guest"), NOW, lines=[2]).after
    assert advance(without, "cooking", who(), NOW).after.status == "cooking"
    with pytest.raises(InvalidTransition, match="nothing in the order was declared"):
        acknowledge_allergy(without, who(), NOW)


def test_acknowledging_an_allergy_is_a_touch_and_outlives_a_recall() -> None:
    acked = acknowledge_allergy(order("received", ("egg",)), who(), NOW).after
    assert (acked.allergy_acked_at, acked.accepted_at) == (NOW, NOW)
    assert acknowledge_allergy(acked, who("manager"), LATER).noop
    ready = advance(advance(acked, "cooking", who(), NOW).after, "ready", who(), NOW).after
    recalled = recall(ready, who(), LATER, window=timedelta(minutes=30)).after
    assert (recalled.status, recalled.allergy_acked_at) == ("cooking", NOW)
    assert advance(recalled, "ready", who(), LATER).after.status == "ready"


@pytest.mark.parametrize("kind", ["guest", "front", "runner"])
def test_only_cooks_acknowledge_allergies(kind: ActorKind) -> None:
    with pytest.raises(Forbidden):
        acknowledge_allergy(order("received", ("egg",)), who(kind), NOW)


@pytest.mark.parametrize("status", FINISHED)
def test_what_is_finished_is_acknowledged_no_more(status: OrderStatus) -> None:
    with pytest.raises(InvalidTransition):
        acknowledge_allergy(order(status, ("egg",)), who(), NOW)


# each station notes for itself

EGG = ("egg",)


def risky() -> OrderState:
    """Both the grill and the bar make something with egg; the cold kitchen does not."""
    return order("received", EGG, (), EGG, (), stations=("grill", "grill", "bar", "cold"))


def test_an_allergy_that_one_station_has_noted_holds_the_others_back() -> None:
    bar = acknowledge_allergy(risky(), who(), NOW, stations=["bar"]).after
    assert (bar.allergy_acked_stations, bar.allergy_acked_at, bar.accepted_at) == (("bar",), None, NOW)
    for lines in ([3], [4], [3, 4]):
        assert not advance_items(bar, lines, "cooking", who(), LATER).noop
    for lines in ([1], [2], [1, 3]):
        with pytest.raises(AllergyNotAcknowledged) as caught:
            advance_items(bar, lines, "cooking", who(), LATER)
        assert caught.value.details == {"conflicts": [{"line": 1, "allergens": EGG}]}
    with pytest.raises(AllergyNotAcknowledged):
        advance_item(bar, 2, "cooking", who(), LATER)
    with pytest.raises(AllergyNotAcknowledged):
        advance(bar, "cooking", who(), LATER)
    both = acknowledge_allergy(bar, who("manager"), LATER, stations=["grill", "cold"]).after
    assert (both.allergy_acked_stations, both.allergy_acked_at) == (("bar", "grill"), LATER)
    assert both.accepted_at == NOW
    assert advance(both, "cooking", who(), LATER).after.status == "cooking"


def test_without_stations_an_allergy_is_noted_by_everybody() -> None:
    bar = acknowledge_allergy(risky(), who(), NOW, stations=["bar"]).after
    for before in (risky(), bar):
        noted = acknowledge_allergy(before, who(), LATER).after
        assert noted.allergy_acked_at == LATER
        assert advance(noted, "cooking", who(), LATER).after.status == "cooking"


def test_a_station_that_has_nothing_to_note_is_passed_over() -> None:
    for stations in (["cold"], ["moon"]):
        assert acknowledge_allergy(risky(), who(), NOW, stations=stations).noop
    bar = acknowledge_allergy(risky(), who(), NOW, stations=["bar", "moon"]).after
    assert bar.allergy_acked_stations == ("bar",)
    assert acknowledge_allergy(bar, who(), LATER, stations=["bar"]).noop


def test_an_allergy_waits_for_no_station_whose_part_was_cancelled() -> None:
    bar = acknowledge_allergy(risky(), who(), NOW, stations=["bar"]).after
    without = cancel(bar, who("guest"), NOW, lines=[1]).after
    assert without.unnoted == ()
    assert advance(without, "cooking", who(), LATER).after.status == "cooking"


def gone(*lines: int) -> OrderState:
    """An order of grill, grill, bar and cold kitchen, of which these lines are cancelled."""
    before = order("received", (), (), (), (), stations=("grill", "grill", "bar", "cold"))
    return cancel(before, who("guest"), NOW, lines=lines).after


def test_a_cancellation_is_seen_by_each_station_that_it_concerns() -> None:
    grill = acknowledge(gone(1, 2, 3), who(), NOW, stations=["grill", "cold"]).after
    assert (grill.cancel_acked_stations, grill.cancel_acked_at) == (("grill",), None)
    assert grill.awaits_acknowledgement
    assert acknowledge(grill, who(), LATER, stations=["grill", "cold", "moon"]).noop
    ready = advance(advance(grill, "cooking", who(), NOW).after, "ready", who(), NOW).after
    with pytest.raises(InvalidTransition, match="not acknowledged"):
        advance(ready, "delivering", who("runner"), NOW)
    both = acknowledge(ready, who(), LATER, stations=["bar"]).after
    assert (both.cancel_acked_stations, both.cancel_acked_at) == (("grill", "bar"), LATER)
    assert acknowledge(both, who(), LATER, stations=["bar"]).noop
    assert advance(both, "delivering", who("runner"), LATER).after.status == "delivering"


def test_an_order_that_is_cancelled_concerns_all_its_stations() -> None:
    """Also where another system has changed the order alone, and left its items."""
    alone = replace(gone(4), status="cancelled", finished_at=NOW)
    for before in (gone(1, 2, 3, 4), alone):
        two = acknowledge(before, who(), NOW, stations=["cold", "grill"]).after
        assert two.awaits_acknowledgement
        assert not acknowledge(two, who(), NOW, stations=["bar"]).after.awaits_acknowledgement


def test_without_stations_a_cancellation_is_seen_by_everybody() -> None:
    grill = acknowledge(gone(1, 3), who(), NOW, stations=["grill"]).after
    for before in (gone(1, 3), grill):
        assert acknowledge(before, who(), LATER).after.cancel_acked_at == LATER


def test_the_next_cancellation_is_seen_by_those_that_it_concerns_alone() -> None:
    nobody = gone(1, 3)
    grill = acknowledge(nobody, who(), NOW, stations=["grill"]).after
    both = acknowledge(grill, who(), NOW, stations=["bar"]).after
    everybody = acknowledge(nobody, who(), NOW).after
    for before, line, still in (
        (nobody, 4, ()),
        (grill, 2, ()),
        (grill, 4, ("grill",)),
        (both, 2, ("bar",)),
        (both, 4, ("grill", "bar")),
        (everybody, 2, ("bar",)),
        (everybody, 4, ("grill", "bar")),
    ):
        again = cancel(before, who("guest"), LATER, lines=[line]).after
        assert (again.cancel_acked_stations, again.cancel_acked_at) == (still, None)
        assert again.awaits_acknowledgement
        missing = {item.station for item in again.cancelled_items} - set(still)
        done = acknowledge(again, who(), LATER, stations=missing).after
        assert done.cancel_acked_at == LATER


def test_an_order_that_is_cancelled_as_a_whole_later_is_seen_by_who_made_the_rest() -> None:
    seen = acknowledge(gone(3), who(), NOW).after
    whole = cancel(seen, who("guest"), LATER).after
    assert (whole.cancel_acked_stations, whole.cancel_acked_at) == (("bar",), None)
    assert acknowledge(whole, who(), LATER, stations=["grill", "cold"]).after.cancel_acked_at == LATER


# scheduled orders


def scheduled(*, cooked: bool = True) -> OrderState:
    return replace(order(cooked=cooked), fire_at=LATER)


@pytest.mark.parametrize(("to", "cooked"), [("cooking", True), ("cooking", False), ("ready", False)])
def test_a_scheduled_order_waits_for_its_time(to: OrderTarget, cooked: bool) -> None:
    before = scheduled(cooked=cooked)
    early = LATER - timedelta(microseconds=1)
    with pytest.raises(InvalidTransition) as caught:
        advance(before, to, who(), early)
    assert caught.value.details == {"expected": ["now: true"], "got": to, "fire_at": LATER}
    assert advance(before, to, who(), LATER).after.status == to
    assert advance(before, to, who(), early, fire_now=True).after.status == to
    item: ItemTarget = "ready" if to == "ready" else "cooking"
    with pytest.raises(InvalidTransition):
        advance_item(before, 1, item, who(), early)
    assert not advance_item(before, 1, item, who(), LATER).noop


def test_what_was_fired_early_needs_no_second_word() -> None:
    fired = advance_item(scheduled(), 1, "cooking", who(), NOW, fire_now=True).after
    assert advance_item(fired, 2, "cooking", who(), NOW).after.fire_at == LATER
    assert advance(fired, "ready", who(), NOW).after.status == "ready"


def test_who_may_not_bump_is_not_told_when() -> None:
    with pytest.raises(Forbidden):
        advance(scheduled(), "cooking", who("runner"), NOW)


# trips


def test_orders_leave_on_a_trip_and_come_back_from_it() -> None:
    left = advance(order("ready"), "delivering", who("runner"), NOW, trip_id=TRIP).after
    assert left.trip_id == TRIP
    arrived = advance(left, "delivered", who("runner"), NOW).after
    assert arrived.trip_id == TRIP
    for away in (left, arrived):
        assert recall(away, who(), NOW, window=timedelta(minutes=30)).after.trip_id is None
    assert advance(left, "delivering", who(), NOW, trip_id=UUID(int=71)).noop


@pytest.mark.parametrize(("status", "to"), [("received", "cooking"), ("delivering", "delivered")])
def test_only_a_departure_has_a_trip(status: OrderStatus, to: OrderTarget) -> None:
    with pytest.raises(InvalidInput) as caught:
        advance(order(status), to, who(), NOW, trip_id=TRIP)
    assert caught.value.field == "trip_id"
