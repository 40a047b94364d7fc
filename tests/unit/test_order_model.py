"""The rules of an order's way forward: who may take which step when, and what it does to the items."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID

import pytest
from msgspec.structs import replace

from hub.errors import AlreadyPreparing, Forbidden, IdCheckRequired, InvalidInput, InvalidTransition, NotFound
from hub.orders.attention import acknowledge
from hub.orders.model import Actor, ActorKind, Item, ItemStatus, OrderState, OrderStatus
from hub.orders.transitions import ItemTarget, OrderTarget, advance, advance_item, cancel

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
KINDS: tuple[ActorKind, ...] = get_args(ActorKind)
STATUSES: tuple[OrderStatus, ...] = get_args(OrderStatus)
TARGETS: tuple[OrderTarget, ...] = get_args(OrderTarget)

ITEM_STATUS: dict[OrderStatus, ItemStatus] = {
    "received": "pending",
    "cooking": "cooking",
    "ready": "ready",
    "delivering": "ready",
    "delivered": "ready",
    "cancelled": "cancelled",
}


def who(kind: ActorKind = "kitchen", number: int = 1) -> Actor:
    return Actor(kind=kind, id=UUID(int=number))


def item(
    line: int,
    status: ItemStatus,
    *,
    cooked: bool = True,
    adult: bool = False,
    quantity: int = 1,
    station: str = "grill",
) -> Item:
    menu_item_id = UUID(int=100 + line)
    return Item(
        line=line,
        menu_item_id=menu_item_id,
        quantity=quantity,
        status=status,
        needs_cooking=cooked,
        age_restricted=adult,
        station=station,
    )


def order(status: OrderStatus = "received", *items: Item, acked_at: datetime | None = None) -> OrderState:
    """An order of that status; without items given, of two that fit it."""
    fitting = ITEM_STATUS[status]
    return OrderState(
        id=UUID(int=7),
        status=status,
        version=1,
        items=items or (item(1, fitting), item(2, fitting)),
        finished_at=NOW if status in ("delivered", "cancelled") else None,
        cancel_acked_at=acked_at,
    )


def statuses(state: OrderState) -> list[ItemStatus]:
    return [item.status for item in state.items]


ALLOWED: dict[tuple[OrderStatus, OrderTarget], set[ActorKind]] = {
    ("received", "cooking"): {"kitchen", "manager"},
    ("cooking", "ready"): {"kitchen", "manager"},
    ("ready", "delivering"): {"runner", "kitchen", "manager"},
    ("delivering", "delivered"): {"runner", "kitchen", "manager"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("status", STATUSES)
def test_every_step_of_the_table_and_no_other(status: OrderStatus, to: OrderTarget, kind: ActorKind) -> None:
    before = order(status)
    if status == to:
        assert advance(before, to, who(kind), NOW).noop
    elif (status, to) not in ALLOWED:
        with pytest.raises(InvalidTransition) as caught:
            advance(before, to, who(kind), NOW)
        assert caught.value.details["got"] == to
        assert caught.value.details["expected"] == [next_ for now, next_ in ALLOWED if now == status]
    elif kind not in ALLOWED[status, to]:
        with pytest.raises(Forbidden):
            advance(before, to, who(kind), NOW)
    else:
        change = advance(before, to, who(kind), NOW)
        assert (change.after.status, change.noop, change.restock) == (to, False, {})


def test_advancing_an_order_takes_its_items_along() -> None:
    mixed = order("received", item(1, "pending"), item(2, "cancelled"), item(3, "pending"), acked_at=NOW)
    cooking = advance(mixed, "cooking", who(), NOW)
    assert statuses(cooking.after) == ["cooking", "cancelled", "cooking"]
    assert cooking.items == {1: "cooking", 3: "cooking"}
    partly = order("cooking", item(1, "pending"), item(2, "cooking"), item(3, "ready"))
    assert statuses(advance(partly, "ready", who(), NOW).after) == ["ready", "ready", "ready"]


def test_moments_are_taken_once() -> None:
    cooking = advance(order(), "cooking", who(), NOW).after
    assert (cooking.accepted_at, cooking.ready_at) == (NOW, None)
    ready = advance(cooking, "ready", who(), LATER).after
    assert (ready.accepted_at, ready.ready_at) == (NOW, LATER)
    delivering = advance(ready, "delivering", who("runner"), LATER).after
    delivered = advance(delivering, "delivered", who("runner"), LATER + timedelta(minutes=1)).after
    assert (delivered.ready_at, delivered.finished_at) == (LATER, LATER + timedelta(minutes=1))


def test_received_becomes_ready_only_when_nothing_is_cooked() -> None:
    drinks = order("received", item(1, "pending", cooked=False), item(2, "cancelled"), acked_at=NOW)
    ready = advance(drinks, "ready", who(), NOW).after
    assert (ready.status, ready.ready_at, ready.accepted_at) == ("ready", NOW, NOW)
    meal = order("received", item(1, "pending", cooked=False), item(2, "pending"))
    with pytest.raises(InvalidTransition, match="expected cooking, got ready"):
        advance(meal, "ready", who(), NOW)
    with pytest.raises(Forbidden):
        advance(drinks, "ready", who("manager"), NOW)


def test_age_restricted_items_are_handed_over_after_a_check() -> None:
    wine = order("delivering", item(1, "ready"), item(2, "ready", adult=True))
    with pytest.raises(IdCheckRequired):
        advance(wine, "delivered", who("runner"), NOW)
    assert advance(wine, "delivered", who("runner"), NOW, id_checked=True).after.status == "delivered"
    no_wine_left = order("delivering", item(1, "ready"), item(2, "cancelled", adult=True), acked_at=NOW)
    assert advance(no_wine_left, "delivered", who("runner"), NOW).after.status == "delivered"


@pytest.mark.parametrize(("status", "to"), [("ready", "delivering"), ("delivering", "delivered")])
def test_nothing_leaves_with_an_unseen_cancellation(status: OrderStatus, to: OrderTarget) -> None:
    unseen = order(status, item(1, "ready"), item(2, "cancelled"))
    with pytest.raises(InvalidTransition, match="expected acknowledge"):
        advance(unseen, to, who(), NOW)
    seen = acknowledge(unseen, who(), NOW).after
    assert advance(seen, to, who(), NOW).after.status == to


ITEM_STEPS: set[tuple[ItemStatus, ItemTarget, bool]] = {
    ("pending", "cooking", True),
    ("pending", "cooking", False),
    ("pending", "ready", False),
    ("cooking", "ready", True),
    ("cooking", "ready", False),
}


@pytest.mark.parametrize("cooked", [True, False])
@pytest.mark.parametrize("to", get_args(ItemTarget))
@pytest.mark.parametrize("status", get_args(ItemStatus))
def test_every_step_of_an_item_and_no_other(status: ItemStatus, to: ItemTarget, cooked: bool) -> None:
    before = order("cooking", item(1, status, cooked=cooked), item(2, "pending"))
    if status == to:
        assert advance_item(before, 1, to, who(), NOW).noop
    elif (status, to, cooked) in ITEM_STEPS:
        change = advance_item(before, 1, to, who(), NOW)
        assert change.items == {1: to}
        assert change.after.accepted_at == NOW
    else:
        with pytest.raises(InvalidTransition) as caught:
            advance_item(before, 1, to, who(), NOW)
        assert caught.value.details["got"] == to


def test_a_station_bumps_its_items_at_once() -> None:
    both = order("received", item(1, "pending"), item(2, "pending"), item(3, "pending"))
    begun = advance(both, "cooking", who(), NOW, lines=[1, 3])
    assert begun.items == {1: "cooking", 3: "cooking"}
    assert begun.after.status == "cooking"
    mixed = order("cooking", item(1, "cooking"), item(2, "cancelled"), item(3, "ready"), acked_at=NOW)
    last = advance(mixed, "ready", who(), LATER, lines=[1, 2, 3])
    assert (last.items, last.after.status, last.after.ready_at) == ({1: "ready"}, "ready", LATER)
    assert advance(mixed, "cooking", who(), NOW, lines=[1, 2, 3]).noop
    assert advance(order("delivering"), "ready", who(), NOW, lines=[1]).noop


def test_a_station_bumps_nothing_that_one_item_would_not() -> None:
    pending = order("received", item(1, "pending"), item(2, "pending", cooked=False))
    with pytest.raises(InvalidTransition, match="line 1 is pending: expected cooking, got ready"):
        advance(pending, "ready", who(), NOW, lines=[2, 1])
    assert advance(pending, "ready", who(), NOW, lines=[2]).items == {2: "ready"}
    with pytest.raises(Forbidden):
        advance(pending, "cooking", who("runner"), NOW, lines=[1])
    for to in ("delivering", "delivered"):
        with pytest.raises(InvalidInput) as caught:
            advance(order("ready"), to, who(), NOW, lines=[1])
        assert caught.value.field == "items"
    with pytest.raises(NotFound) as unknown:
        advance(pending, "cooking", who(), NOW, lines=[1, 9])
    assert unknown.value.field == "items[1]"


def test_the_order_follows_its_items() -> None:
    started = advance_item(order(), 1, "cooking", who(), NOW).after
    assert (started.status, statuses(started)) == ("cooking", ["cooking", "pending"])
    one_ready = advance_item(started, 1, "ready", who(), NOW).after
    assert one_ready.status == "cooking"
    both = advance_item(
        advance_item(one_ready, 2, "cooking", who(), NOW).after, 2, "ready", who(), LATER
    ).after
    assert (both.status, both.ready_at) == ("ready", LATER)


def test_cancelled_items_do_not_hold_the_order_back() -> None:
    partly = order("cooking", item(1, "cooking"), item(2, "cancelled"))
    assert advance_item(partly, 1, "ready", who(), NOW).after.status == "ready"


@pytest.mark.parametrize("status", ["ready", "delivering", "delivered"])
def test_items_of_an_order_that_is_ready_do_not_go_back_by_a_bump(status: OrderStatus) -> None:
    assert advance_item(order(status), 1, "ready", who(), NOW).noop
    with pytest.raises(InvalidTransition):
        advance_item(order(status), 1, "cooking", who(), NOW)


def test_only_cooks_bump_items() -> None:
    for kind in ("guest", "runner", "front"):
        with pytest.raises(Forbidden):
            advance_item(order(), 1, "cooking", who(kind), NOW)


def test_an_unknown_line_is_named() -> None:
    with pytest.raises(NotFound) as caught:
        advance_item(order(), 9, "cooking", who(), NOW)
    assert caught.value.field == "line"
    with pytest.raises(NotFound) as caught:
        cancel(order(), who(), NOW, lines=[1, 9])
    assert caught.value.field == "items[1]"


CANCELLERS: dict[OrderStatus, set[ActorKind]] = {
    "received": {"guest", "front", "kitchen", "manager"},
    "cooking": {"kitchen", "manager"},
    "ready": {"manager"},
    "delivering": {"manager"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", STATUSES)
def test_who_may_cancel_when(status: OrderStatus, kind: ActorKind) -> None:
    before = order(status)
    if status == "cancelled":
        assert cancel(before, who(kind), NOW, reason="why").noop
    elif status == "delivered":
        with pytest.raises(InvalidTransition):
            cancel(before, who(kind), NOW, reason="why")
    elif kind in CANCELLERS[status]:
        after = cancel(before, who(kind), LATER, reason="why").after
        assert (after.status, after.cancelled_at, after.finished_at) == ("cancelled", LATER, LATER)
        assert (after.cancel_reason, after.cancel_acked_at, set(statuses(after))) == (
            "why",
            None,
            {"cancelled"},
        )
    else:
        with pytest.raises(AlreadyPreparing if kind == "guest" else Forbidden):
            cancel(before, who(kind), NOW, reason="why")


def test_what_is_begun_is_cancelled_only_with_a_reason() -> None:
    assert cancel(order(), who("guest"), NOW).after.status == "cancelled"
    for reason in (None, ""):
        with pytest.raises(InvalidInput) as caught:
            cancel(order("cooking"), who(), NOW, reason=reason)
        assert caught.value.field == "reason"


def test_only_lines_that_nobody_began_go_back_on_the_shelf() -> None:
    twice = [item(1, "pending", quantity=2), item(2, "cooking", quantity=5), item(3, "ready")]
    same_dish = replace(item(4, "pending", quantity=3), menu_item_id=UUID(int=101))
    gone = item(5, "cancelled", quantity=8)
    change = cancel(order("cooking", *twice, same_dish, gone), who(), NOW, reason="sold out")
    assert change.restock == {UUID(int=101): 5}
    assert cancel(change.after, who(), NOW, reason="sold out").restock == {}


def test_cancelling_some_lines() -> None:
    change = cancel(order(), who("guest"), NOW, lines=[2])
    assert (change.after.status, statuses(change.after)) == ("received", ["pending", "cancelled"])
    assert (change.after.finished_at, change.after.cancelled_at) == (None, None)
    assert change.after.awaits_acknowledgement
    assert cancel(change.after, who("guest"), NOW, lines=[2, 2]).noop
    assert cancel(change.after, who("guest"), NOW, lines=[1]).after.status == "cancelled"


def test_cancelling_what_was_missing_makes_the_rest_ready() -> None:
    waiting = order("cooking", item(1, "ready"), item(2, "cooking"))
    after = cancel(waiting, who(), LATER, lines=[2], reason="burnt").after
    assert (after.status, after.ready_at) == ("ready", LATER)


def test_an_order_that_was_begun_stays_begun() -> None:
    begun = advance_item(order(), 1, "cooking", who(), NOW).after
    after = cancel(begun, who(), NOW, lines=[1], reason="burnt").after
    assert (after.status, statuses(after)) == ("cooking", ["cancelled", "pending"])


def test_a_guest_is_too_late_once_one_item_is_begun() -> None:
    begun = advance_item(order(), 1, "cooking", who(), NOW).after
    with pytest.raises(AlreadyPreparing):
        cancel(begun, who("guest"), NOW, lines=[2])


def test_a_second_cancellation_is_shown_again() -> None:
    seen = acknowledge(cancel(order(), who("guest"), NOW, lines=[1]).after, who(), NOW).after
    assert not seen.awaits_acknowledgement
    assert cancel(seen, who("guest"), NOW).after.awaits_acknowledgement


def test_acknowledging() -> None:
    cancelled = cancel(order(), who("guest"), NOW).after
    seen = acknowledge(cancelled, who(), LATER)
    assert (seen.after.cancel_acked_at, seen.after.status) == (LATER, "cancelled")
    assert acknowledge(seen.after, who(), LATER).noop
    with pytest.raises(InvalidTransition):
        acknowledge(order(), who(), NOW)
    with pytest.raises(Forbidden):
        acknowledge(cancelled, who("guest"), NOW)
