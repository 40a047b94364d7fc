"""What people say of an order without moving it: accepted, in a rush, allergy or cancellation noted. Pure.

Returns and raises as `transitions` does. None of it is a bump: undo takes none of it back.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from msgspec.structs import replace

from hub.orders.model import Actor, ActorKind, Change, Item, OrderState, OrderStatus, illegal, permit
from hub.orders.transitions import COOKS

_ACCEPTERS: frozenset[ActorKind] = frozenset({"kitchen", "runner", "manager"})
_HURRIERS: frozenset[ActorKind] = frozenset({"kitchen", "front", "manager"})
_OPEN: tuple[OrderStatus, ...] = ("received", "cooking", "ready", "delivering")


def accept(order: OrderState, actor: Actor, now: datetime) -> Change:
    """Somebody takes note of the order, and does not begin it yet."""
    permit(actor, _ACCEPTERS, "accept an order")
    if order.accepted_at is not None:
        return Change(order, order)
    _check_open(order, "accept")
    return Change(order, replace(order, accepted_at=now))


def rush(order: OrderState, actor: Actor, *, wanted: bool) -> Change:
    """The order goes before others, or does not any more."""
    permit(actor, _HURRIERS, "hurry an order")
    if order.rush == wanted:
        return Change(order, order)
    _check_open(order, "rush")
    return Change(order, replace(order, rush=wanted))


def acknowledge_allergy(
    order: OrderState, actor: Actor, now: datetime, *, stations: Collection[str] | None = None
) -> Change:
    """The cooks of these stations, or of all, have taken note of what in the order its guest must not eat.
    That is a touch by a human too. Stations that make nothing of it are passed over."""
    permit(actor, COOKS, "acknowledge an allergy")
    if order.allergy_acked_at is not None:
        return Change(order, order)
    _check_open(order, "acknowledge_allergy")
    if not order.conflicting:
        raise illegal("nothing in the order was declared", ["a conflicting item"], "acknowledge_allergy")
    before = order.allergy_acked_stations
    noted, by_all = _noted(order.conflicting, before, stations)
    if noted == before and not by_all:
        return Change(order, order)
    return Change(
        order,
        replace(
            order,
            allergy_acked_at=now if by_all else None,
            allergy_acked_stations=noted,
            accepted_at=order.accepted_at or now,
        ),
    )


def acknowledge(
    order: OrderState, actor: Actor, now: datetime, *, stations: Collection[str] | None = None
) -> Change:
    """The cooks of these stations, or of all, have seen that the order, or some of its items, were cancelled.
    Stations that lost nothing are passed over."""
    permit(actor, COOKS, "acknowledge a cancellation")
    if not order.has_cancellation:
        raise illegal(f"the order is {order.status}", ["a cancelled item"], "acknowledge")
    if not order.awaits_acknowledgement:
        return Change(order, order)
    before = order.cancel_acked_stations
    noted, by_all = _noted(order.cancelled_items, before, stations)
    if noted == before and not by_all:
        return Change(order, order)
    return Change(
        order,
        replace(order, cancel_acked_at=now if by_all else None, cancel_acked_stations=noted, last_bump=None),
    )


def _noted(
    items: Collection[Item], before: tuple[str, ...], stations: Collection[str] | None
) -> tuple[tuple[str, ...], bool]:
    """The stations that have noted what happened to these items, and whether that counts for all of them."""
    if stations is None:
        return before, True
    concerned = dict.fromkeys(item.station for item in items)
    noted = (*before, *(key for key in concerned if key in stations and key not in before))
    return noted, concerned.keys() <= set(noted)


def _check_open(order: OrderState, got: str) -> None:
    if order.status not in _OPEN:
        raise illegal(f"the order is {order.status}", _OPEN, got)
