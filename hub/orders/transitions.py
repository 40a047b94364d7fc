"""The ways an order goes on: advance and cancel. Pure.

Each function takes the order as it is and returns a `Change`, or raises: `InvalidTransition` when the order's
state does not allow the step (details say expected and got), `Forbidden` when the actor may not take it, and
what is named at the function. To do again what is already done is a `Change` that is a `noop`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeAlias, assert_never
from uuid import UUID

from msgspec.structs import replace

from hub.errors import AllergyNotAcknowledged, AlreadyPreparing, IdCheckRequired, InvalidInput
from hub.orders.model import (
    Actor,
    ActorKind,
    Bump,
    Change,
    Item,
    ItemStatus,
    OrderState,
    OrderStatus,
    illegal,
    permit,
)

OrderTarget: TypeAlias = Literal["cooking", "ready", "delivering", "delivered"]
ItemTarget: TypeAlias = Literal["cooking", "ready"]

# The reason for which the kitchen has nothing to put back on the shelf.
SOLD_OUT = "sold_out"

COOKS: frozenset[ActorKind] = frozenset({"kitchen", "manager"})
_CARRIERS: frozenset[ActorKind] = frozenset({"runner", "kitchen", "manager"})
_MANAGER: frozenset[ActorKind] = frozenset({"manager"})

_STEPS: dict[OrderStatus, dict[OrderTarget, frozenset[ActorKind]]] = {
    "received": {"cooking": COOKS, "ready": frozenset({"kitchen"})},
    "cooking": {"ready": COOKS},
    "ready": {"delivering": _CARRIERS},
    "delivering": {"delivered": _CARRIERS},
    "delivered": {},
    "cancelled": {},
}
_BEFORE: dict[ItemTarget, frozenset[ItemStatus]] = {
    "cooking": frozenset({"pending"}),
    "ready": frozenset({"pending", "cooking"}),
}
_CANCELLERS: dict[OrderStatus, frozenset[ActorKind]] = {
    "received": frozenset({"guest", "front", "kitchen", "manager"}),
    "cooking": COOKS,
    "ready": _MANAGER,
    "delivering": _MANAGER,
}


def advance(
    order: OrderState,
    to: OrderTarget,
    actor: Actor,
    now: datetime,
    *,
    id_checked: bool = False,
    lines: Sequence[int] | None = None,
    fire_now: bool = False,
    trip_id: UUID | None = None,
) -> Change:
    """One step for the whole order, or for some of its `lines` (see `advance_items`); `fire_now` begins a
    scheduled one before its time, `trip_id` is the trip that it leaves with.

    Raises `IdCheckRequired` when an age-restricted item would be handed over unchecked,
    `AllergyNotAcknowledged`, `InvalidInput` for a trip without a departure, and for items with one.
    """
    if trip_id is not None and to != "delivering":
        raise InvalidInput("only an order that leaves the kitchen goes on a trip", field="trip_id")
    if lines is not None:
        if to == "delivering" or to == "delivered":
            raise InvalidInput("an order leaves the kitchen as a whole", field="items")
        return advance_items(order, lines, to, actor, now, fire_now=fire_now)
    if to == order.status:
        return Change(order, order)
    steps = _possible_steps(order)
    if to not in steps:
        raise illegal(f"the order is {order.status}", steps, to)
    permit(actor, steps[to], f"move an order from {order.status} to {to}")
    match to:
        case "cooking":
            _check_begin(order, order.live, to, now, fire_now=fire_now)
            begun: dict[int, ItemStatus] = {i.line: to for i in order.live if i.status == "pending"}
            return _bump(order, order.with_items(begun, now), actor, now)
        case "ready":
            _check_begin(order, order.live, to, now, fire_now=fire_now)
            return _bump(order, order.with_items({i.line: to for i in order.live}, now), actor, now)
        case "delivering":
            _check_acknowledged(order, to)
            return _bump(order, replace(order, status=to, trip_id=trip_id), actor, now)
        case "delivered":
            _check_acknowledged(order, to)
            if not id_checked and any(item.age_restricted for item in order.live):
                raise IdCheckRequired("the order holds age-restricted items: confirm that the ID was checked")
            return _bump(order, replace(order, status=to, finished_at=now), actor, now)
        case _:
            assert_never(to)


def advance_item(
    order: OrderState, line: int, to: ItemTarget, actor: Actor, now: datetime, *, fire_now: bool = False
) -> Change:
    """One step for one item; the order follows its items. Raises `NotFound` for an unknown line,
    `AllergyNotAcknowledged`."""
    item = order.item(line, "line")
    if to == item.status:
        return Change(order, order)
    return _advance_items(order, [item], to, actor, now, fire_now=fire_now)


def advance_items(
    order: OrderState,
    lines: Sequence[int],
    to: ItemTarget,
    actor: Actor,
    now: datetime,
    *,
    fire_now: bool = False,
) -> Change:
    """One step for some items in one bump, as a station takes it; the order follows. What was cancelled
    meanwhile, or is as far already, is passed over. Raises `NotFound` for an unknown line,
    `AllergyNotAcknowledged`."""
    named = [order.item(n, f"items[{i}]") for i, n in enumerate(lines)]
    moving = [item for item in named if item.status in _BEFORE[to]]
    if not moving:
        return Change(order, order)
    return _advance_items(order, moving, to, actor, now, fire_now=fire_now)


def _advance_items(
    order: OrderState, items: Sequence[Item], to: ItemTarget, actor: Actor, now: datetime, *, fire_now: bool
) -> Change:
    for item in items:
        steps: list[ItemTarget] = []
        if order.status in ("received", "cooking"):
            if item.status == "pending":
                steps = ["cooking"] if item.needs_cooking else ["cooking", "ready"]
            elif item.status == "cooking":
                steps = ["ready"]
        if to not in steps:
            raise illegal(f"the order is {order.status} and its line {item.line} is {item.status}", steps, to)
    permit(actor, COOKS, "bump items")
    _check_begin(order, items, to, now, fire_now=fire_now)
    statuses: Mapping[int, ItemStatus] = {item.line: to for item in items}
    return _bump(order, order.with_items(statuses, now), actor, now)


def cancel(
    order: OrderState,
    actor: Actor,
    now: datetime,
    *,
    lines: Sequence[int] | None = None,
    reason: str | None = None,
) -> Change:
    """Cancels the order, or only the named lines; what nobody has begun goes back on the shelf, unless
    somebody who cooks gives as the reason that there is none left.

    Raises `AlreadyPreparing` for a guest who is too late, `InvalidInput` without a reason for an order that
    is begun, `NotFound` for an unknown line.
    """
    named = order.items if lines is None else [order.item(n, f"items[{i}]") for i, n in enumerate(lines)]
    doomed = {item.line: item for item in named if item.status != "cancelled"}
    if order.status == "cancelled" or not doomed:
        return Change(order, order)
    if order.status == "delivered":
        raise illegal("the order is delivered, which is corrected on the bill", [], "cancelled")
    begun = order.status != "received" or any(item.status != "pending" for item in order.live)
    if begun and actor.kind == "guest":
        raise AlreadyPreparing("the order is already being prepared: please call")
    permit(actor, _CANCELLERS[order.status], f"cancel an order that is {order.status}")
    if begun and not reason:
        raise InvalidInput("an order that is being prepared is cancelled only with a reason", field="reason")
    used_up = reason == SOLD_OUT and actor.kind in COOKS
    restock: dict[UUID, int] = {}
    for item in doomed.values():
        if item.status == "pending" and not used_up:
            restock[item.menu_item_id] = restock.get(item.menu_item_id, 0) + item.quantity
    after = replace(
        order.with_items(dict.fromkeys(doomed, "cancelled"), now),
        cancel_reason=reason or order.cancel_reason,
        cancel_acked_at=None,
        cancel_acked_stations=_still_noted(order, doomed.values()),
        last_bump=None,
    )
    return Change(order, after, restock)


def _still_noted(order: OrderState, doomed: Collection[Item]) -> tuple[str, ...]:
    """The stations that have noted what was cancelled before, and lose nothing of these items."""
    noted = order.cancel_acked_stations
    if order.cancel_acked_at is not None:
        noted = tuple(dict.fromkeys(item.station for item in order.cancelled_items))
    losing = {item.station for item in doomed}
    return tuple(key for key in noted if key not in losing)


def _possible_steps(order: OrderState) -> dict[OrderTarget, frozenset[ActorKind]]:
    steps = _STEPS[order.status]
    if order.status == "received" and any(item.needs_cooking for item in order.live):
        return {to: kinds for to, kinds in steps.items() if to != "ready"}
    return steps


def _check_begin(
    order: OrderState, items: Sequence[Item], to: OrderTarget, now: datetime, *, fire_now: bool
) -> None:
    """Nothing is begun before its time, and nothing at a station that has not taken note of an allergy."""
    waits = order.status == "received" and order.fire_at is not None and now < order.fire_at
    if waits and not fire_now:
        raise illegal("the order waits for its time", ["now: true"], to, fire_at=order.fire_at)
    stations = {item.station for item in items}
    if unnoted := [item for item in order.unnoted if item.station in stations]:
        raise AllergyNotAcknowledged(
            "the order holds what its guest must not eat: acknowledge the allergy first",
            conflicts=[{"line": item.line, "allergens": item.conflicts} for item in unnoted],
        )


def _check_acknowledged(order: OrderState, to: OrderTarget) -> None:
    if order.awaits_acknowledgement:
        raise illegal("a cancellation in this order is not acknowledged", ["acknowledge"], to)


def _bump(order: OrderState, after: OrderState, actor: Actor, now: datetime) -> Change:
    after = replace(after, accepted_at=order.accepted_at or now)
    bump = Bump(by=actor.id, at=now, before=order.image, after=after.image)
    return Change(order, replace(after, last_bump=bump))
