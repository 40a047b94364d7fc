"""The rules of an order's ways back, recall and undo; and what no sequence of steps may break."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import Forbidden, HubError, InvalidTransition, NotFound
from hub.orders.attention import accept, acknowledge, acknowledge_allergy, rush
from hub.orders.model import Actor, ActorKind, Bump, Change, Item, ItemStatus, OrderState, OrderStatus
from hub.orders.recall import recall, undo
from hub.orders.transitions import ItemTarget, advance, advance_item, cancel

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=30)
UNDO = timedelta(seconds=10)
COOK = Actor(kind="kitchen", id=UUID(int=1))
OTHER_COOK = Actor(kind="kitchen", id=UUID(int=2))
MANAGER = Actor(kind="manager", id=UUID(int=3))


TRIP = UUID(int=70)
STATIONS = ("grill", "bar", "grill")


def order(status: OrderStatus, *items: ItemStatus, finished_at: datetime | None = None) -> OrderState:
    return OrderState(
        id=UUID(int=7),
        status=status,
        version=1,
        items=tuple(
            Item(
                line,
                UUID(int=100 + line),
                1,
                state,
                needs_cooking=True,
                age_restricted=False,
                station=STATIONS[line - 1],
            )
            for line, state in enumerate(items, 1)
        ),
        ready_at=NOW if status in ("ready", "delivering", "delivered") else None,
        finished_at=finished_at,
    )


def statuses(state: OrderState) -> list[ItemStatus]:
    return [item.status for item in state.items]


def test_recall_of_a_ready_order_cooks_all_that_lives_again() -> None:
    after = recall(order("ready", "ready", "cancelled", "ready"), COOK, NOW, window=WINDOW).after
    assert (after.status, after.recall_count, after.ready_at) == ("cooking", 1, None)
    assert statuses(after) == ["cooking", "cancelled", "cooking"]


def test_recall_of_named_items() -> None:
    after = recall(order("ready", "ready", "ready"), COOK, NOW, window=WINDOW, lines=[2]).after
    assert (after.status, statuses(after)) == ("cooking", ["ready", "cooking"])
    again = recall(after, COOK, NOW, window=WINDOW, lines=[1]).after
    assert (again.recall_count, statuses(again)) == (2, ["cooking", "cooking"])
    assert recall(again, COOK, NOW, window=WINDOW, lines=[1, 2]).noop


@pytest.mark.parametrize("status", ["delivering", "delivered"])
def test_recall_of_what_left_the_kitchen_leaves_items_ready(status: OrderStatus) -> None:
    finished_at = NOW if status == "delivered" else None
    before = order(status, "ready", "ready", finished_at=finished_at)
    after = recall(before, COOK, NOW, window=WINDOW).after
    assert (after.status, after.recall_count, after.finished_at) == ("ready", 1, None)
    assert (statuses(after), after.ready_at) == (["ready", "ready"], NOW)
    with pytest.raises(InvalidTransition, match="expected the whole order"):
        recall(before, COOK, NOW, window=WINDOW, lines=[1])


def test_after_the_window_only_a_manager_recalls() -> None:
    before = order("delivered", "ready", finished_at=NOW)
    assert not recall(before, COOK, NOW + WINDOW, window=WINDOW).noop
    late = NOW + WINDOW + timedelta(milliseconds=1)
    with pytest.raises(Forbidden, match="30 minutes"):
        recall(before, COOK, late, window=WINDOW)
    assert recall(before, MANAGER, late, window=WINDOW).after.status == "ready"


@pytest.mark.parametrize("status", ["received", "cancelled", "cooking"])
def test_nothing_to_recall(status: OrderStatus) -> None:
    with pytest.raises(InvalidTransition):
        recall(order(status, "pending", finished_at=NOW), COOK, NOW, window=WINDOW)


def test_items_that_are_not_ready_are_not_recalled() -> None:
    cooking = order("cooking", "pending", "ready", "cancelled")
    for line in (1, 3):
        with pytest.raises(InvalidTransition, match="expected ready"):
            recall(cooking, COOK, NOW, window=WINDOW, lines=[line])
    with pytest.raises(NotFound) as caught:
        recall(cooking, COOK, NOW, window=WINDOW, lines=[2, 8])
    assert caught.value.field == "items[1]"


@pytest.mark.parametrize("kind", ["guest", "front"])
def test_guests_and_front_desk_do_not_recall(kind: ActorKind) -> None:
    with pytest.raises(Forbidden):
        recall(order("ready", "ready"), Actor(kind=kind, id=UUID(int=9)), NOW, window=WINDOW)


BUMPS = [
    lambda: advance(order("received", "pending", "pending"), "cooking", COOK, NOW),
    lambda: advance(order("cooking", "ready", "pending"), "ready", COOK, NOW),
    lambda: advance(order("ready", "ready", "ready"), "delivering", COOK, NOW, trip_id=TRIP),
    lambda: advance(order("delivering", "ready", "ready"), "delivered", COOK, NOW),
    lambda: advance_item(order("received", "pending", "pending"), 2, "cooking", COOK, NOW),
    lambda: advance_item(order("cooking", "cooking", "ready"), 1, "ready", COOK, NOW),
]


@pytest.mark.parametrize("number", range(len(BUMPS)))
def test_undo_is_the_exact_inverse_of_a_bump(number: int) -> None:
    bumped: Change = BUMPS[number]()
    undone = undo(bumped.after, COOK, NOW + UNDO, within=UNDO).after
    assert undone == bumped.before
    with pytest.raises(InvalidTransition):
        undo(undone, COOK, NOW, within=UNDO)


def test_what_was_said_of_an_order_meanwhile_stays_when_its_bump_is_undone() -> None:
    before = accept(order("received", "pending"), OTHER_COOK, NOW - UNDO).after
    bumped = advance(before, "cooking", COOK, NOW).after
    hurried = rush(bumped, MANAGER, wanted=True).after
    undone = undo(hurried, COOK, NOW + UNDO, within=UNDO).after
    assert (undone.status, undone.rush, undone.accepted_at) == ("received", True, NOW - UNDO)


def test_undo_of_a_departure_leaves_the_trip_and_undo_of_the_arrival_does_not() -> None:
    left = advance(order("ready", "ready"), "delivering", COOK, NOW, trip_id=TRIP).after
    arrived = advance(left, "delivered", COOK, NOW).after
    assert undo(arrived, COOK, NOW, within=UNDO).after.trip_id == TRIP
    assert undo(left, COOK, NOW, within=UNDO).after.trip_id is None


def test_undo_is_for_the_same_cook_and_only_for_a_moment() -> None:
    bumped = BUMPS[0]().after
    with pytest.raises(InvalidTransition, match="somebody else"):
        undo(bumped, OTHER_COOK, NOW, within=UNDO)
    with pytest.raises(InvalidTransition, match="too long ago"):
        undo(bumped, COOK, NOW + UNDO + timedelta(milliseconds=1), within=UNDO)


def test_undo_takes_back_the_last_change_or_nothing() -> None:
    first = BUMPS[0]().after
    for happened in (
        advance_item(first, 1, "ready", OTHER_COOK, NOW),
        cancel(first, COOK, NOW, lines=[1], reason="sold out"),
        recall(advance(first, "ready", COOK, NOW).after, COOK, NOW, window=WINDOW),
    ):
        with pytest.raises(InvalidTransition):
            undo(happened.after, COOK, NOW, within=UNDO)
    changed_from_outside = msgspec.structs.replace(first, status="ready", ready_at=NOW)
    with pytest.raises(InvalidTransition):
        undo(changed_from_outside, COOK, NOW, within=UNDO)


def test_the_memory_of_a_bump_survives_storage() -> None:
    bump = BUMPS[2]().after.last_bump
    assert bump is not None
    assert bump.after.trip_id == TRIP
    assert msgspec.json.decode(msgspec.json.encode(bump), type=Bump) == bump


Step: TypeAlias = tuple[str, list[int], Actor, bool]


def steps_of(*names: str) -> st.SearchStrategy[list[Step]]:
    lines = st.lists(st.integers(1, 3), min_size=1, max_size=3, unique=True)
    actors = st.sampled_from([COOK, OTHER_COOK, MANAGER, Actor(kind="guest", id=UUID(int=4))])
    return st.lists(st.tuples(st.sampled_from(names), lines, actors, st.booleans()), max_size=25)


NOTING = ("cancel", "ack", "allergy")
MOVING = ("cooking", "ready", "delivering", "delivered", "item", "recall", "undo", "accept", "rush")


def take(step: str, state: OrderState, lines: list[int], actor: Actor, some: bool) -> Change:
    match step:
        case "cooking" | "ready" | "delivering" | "delivered":
            trip = TRIP if step == "delivering" and some else None
            return advance(state, step, actor, NOW, fire_now=some, trip_id=trip)
        case "item":
            to: ItemTarget = "ready" if some else "cooking"
            return advance_item(state, lines[0], to, actor, NOW, fire_now=len(lines) > 1)
        case "recall":
            return recall(state, actor, NOW, window=WINDOW, lines=lines if some else None)
        case "undo":
            return undo(state, actor, NOW, within=UNDO)
        case "cancel":
            return cancel(state, actor, NOW, lines=lines if some else None, reason="why")
        case "accept":
            return accept(state, actor, NOW)
        case "rush":
            return rush(state, actor, wanted=some)
        case "allergy":
            return acknowledge_allergy(state, actor, NOW, stations=stations_of(lines, some))
        case _:
            return acknowledge(state, actor, NOW, stations=stations_of(lines, some))


def stations_of(lines: list[int], some: bool) -> set[str] | None:
    return {STATIONS[line - 1] for line in lines} if some else None


@settings(max_examples=400, deadline=None)
@given(steps=steps_of(*MOVING, *NOTING) | steps_of(*NOTING), allergic=st.booleans(), scheduled=st.booleans())
def test_no_sequence_of_steps_breaks_what_always_holds(
    steps: list[Step], allergic: bool, scheduled: bool
) -> None:
    state = order("received", "pending", "pending", "pending")
    if allergic:
        eggs = (msgspec.structs.replace(item, conflicts=("egg",)) for item in state.items[1:])
        state = msgspec.structs.replace(state, items=(state.items[0], *eggs))
    if scheduled:
        state = msgspec.structs.replace(state, fire_at=NOW + WINDOW)
    restocked: dict[UUID, int] = {}
    seen, noted = set[str](), set[str]()
    for step in steps:
        try:
            change = take(step[0], state, *step[1:])
        except HubError:
            continue
        state = change.after
        stations = set(STATIONS) if (named := stations_of(step[1], step[3])) is None else named
        match step[0]:
            case "cancel" if not change.noop:
                seen -= {item.station for item in state.items if change.items.get(item.line) == "cancelled"}
            case "ack":
                seen |= stations
            case "allergy":
                noted |= stations
        for menu_item_id, quantity in change.restock.items():
            restocked[menu_item_id] = restocked.get(menu_item_id, 0) + quantity
        live = {item.status for item in state.live}
        match state.status:
            case "received":
                assert live == {"pending"}
            case "cooking":
                # also when all that was begun is cancelled: an order never goes back to received
                assert live
                assert live != {"ready"}
            case "ready" | "delivering" | "delivered":
                assert live == {"ready"}
            case "cancelled":
                assert not live
        assert (state.finished_at is not None) == (state.status in ("delivered", "cancelled"))
        assert (state.ready_at is not None) == (state.status in ("ready", "delivering", "delivered")) or (
            state.status == "cancelled"
        )
        if state.status in ("cooking", "ready", "delivering", "delivered"):
            assert state.accepted_at is not None
        assert {item.station for item in state.unnoted} == {i.station for i in state.conflicting} - noted
        waiting = {item.station for item in state.unnoted}
        assert all(item.status == "pending" for item in state.live if item.station in waiting)
        concerned = {item.station for item in state.items if item.status == "cancelled"}
        assert state.awaits_acknowledgement == (not concerned <= seen)
        if state.awaits_acknowledgement:
            assert concerned - set(state.cancel_acked_stations) == concerned - seen
        assert state.trip_id is None or state.status in ("delivering", "delivered", "cancelled")
        assert all(quantity == 1 for quantity in restocked.values()), "restocked twice"
