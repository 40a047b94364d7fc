"""The ways an order goes on: advance, cancel, acknowledge. Pure.

Each function takes the order as it is and returns a `Change`, or raises: `InvalidTransition` when the order's
state does not allow the step (details say expected and got), `Forbidden` when the actor may not take it, and
what is named at the function. To do again what is already done is a `Change` that is a `noop`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeAlias, assert_never
from uuid import UUID

from msgspec.structs import replace

from hub.errors import AlreadyPreparing, IdCheckRequired, InvalidInput
from hub.orders.model import (
    Actor,
    ActorKind,
    Bump,
    Change,
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

_COOKS: frozenset[ActorKind] = frozenset({"kitchen", "manager"})
_CARRIERS: frozenset[ActorKind] = frozenset({"runner", "kitchen", "manager"})
_MANAGER: frozenset[ActorKind] = frozenset({"manager"})

_STEPS: dict[OrderStatus, dict[OrderTarget, frozenset[ActorKind]]] = {
    "received": {"cooking": _COOKS, "ready": frozenset({"kitchen"})},
    "cooking": {"ready": _COOKS},
    "ready": {"delivering": _CARRIERS},
    "delivering": {"delivered": _CARRIERS},
    "delivered": {},
    "cancelled": {},
}
_CANCELLERS: dict[OrderStatus, frozenset[ActorKind]] = {
    "received": frozenset({"guest", "front", "kitchen", "manager"}),
    "cooking": _COOKS,
    "ready": _MANAGER,
    "delivering": _MANAGER,
}


def advance(
    order: OrderState, to: OrderTarget, actor: Actor, now: datetime, *, id_checked: bool = False
) -> Change:
    """One step for the whole order. Raises `IdCheckRequired` when an age-restricted item would be handed over
    unchecked."""
    if to == order.status:
        return Change(order, order)
    steps = _possible_steps(order)
    if to not in steps:
        raise illegal(f"the order is {order.status}", steps, to)
    permit(actor, steps[to], f"move an order from {order.status} to {to}")
    match to:
        case "cooking":
            begun: dict[int, ItemStatus] = {i.line: to for i in order.live if i.status == "pending"}
            return _bump(order, order.with_items(begun, now), actor, now)
        case "ready":
            return _bump(order, order.with_items({i.line: to for i in order.live}, now), actor, now)
        case "delivering":
            _check_acknowledged(order, to)
            return _bump(order, replace(order, status=to), actor, now)
        case "delivered":
            _check_acknowledged(order, to)
            if not id_checked and any(item.age_restricted for item in order.live):
                raise IdCheckRequired("the order holds age-restricted items: confirm that the ID was checked")
            return _bump(order, replace(order, status=to, finished_at=now), actor, now)
        case _:
            assert_never(to)


def advance_item(order: OrderState, line: int, to: ItemTarget, actor: Actor, now: datetime) -> Change:
    """One step for one item; the order follows its items. Raises `NotFound` for an unknown line."""
    item = order.item(line, "line")
    if to == item.status:
        return Change(order, order)
    steps: list[ItemTarget] = []
    if order.status in ("received", "cooking"):
        if item.status == "pending":
            steps = ["cooking"] if item.needs_cooking else ["cooking", "ready"]
        elif item.status == "cooking":
            steps = ["ready"]
    if to not in steps:
        raise illegal(f"the order is {order.status} and its line {line} is {item.status}", steps, to)
    permit(actor, _COOKS, "bump items")
    statuses: Mapping[int, ItemStatus] = {line: to}
    return _bump(order, order.with_items(statuses, now), actor, now)


def cancel(
    order: OrderState,
    actor: Actor,
    now: datetime,
    *,
    lines: Sequence[int] | None = None,
    reason: str | None = None,
) -> Change:
    """Cancels the order, or only the named lines; what nobody has begun goes back on the shelf, unless the
    reason is that there is none left.

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
    restock: dict[UUID, int] = {}
    for item in doomed.values():
        if item.status == "pending" and reason != SOLD_OUT:
            restock[item.menu_item_id] = restock.get(item.menu_item_id, 0) + item.quantity
    after = replace(
        order.with_items(dict.fromkeys(doomed, "cancelled"), now),
        cancel_reason=reason or order.cancel_reason,
        cancel_acked_at=None,
        last_bump=None,
    )
    return Change(order, after, restock)


def acknowledge(order: OrderState, actor: Actor, now: datetime) -> Change:
    """A cook has seen that the order, or some of its items, were cancelled."""
    permit(actor, _COOKS, "acknowledge a cancellation")
    if not order.has_cancellation:
        raise illegal(f"the order is {order.status}", ["a cancelled item"], "acknowledge")
    if not order.awaits_acknowledgement:
        return Change(order, order)
    return Change(order, replace(order, cancel_acked_at=now, last_bump=None))


def _possible_steps(order: OrderState) -> dict[OrderTarget, frozenset[ActorKind]]:
    steps = _STEPS[order.status]
    if order.status == "received" and any(item.needs_cooking for item in order.live):
        return {to: kinds for to, kinds in steps.items() if to != "ready"}
    return steps


def _check_acknowledged(order: OrderState, to: OrderTarget) -> None:
    if order.awaits_acknowledgement:
        raise illegal("a cancellation in this order is not acknowledged", ["acknowledge"], to)


def _bump(order: OrderState, after: OrderState, actor: Actor, now: datetime) -> Change:
    after = replace(after, accepted_at=order.accepted_at or now)
    bump = Bump(by=actor.id, at=now, before=order.image, after=after.image)
    return Change(order, replace(after, last_bump=bump))
