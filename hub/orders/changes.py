"""The commands that change an order which was placed. Each runs inside the one transaction of its operation.

Stock is locked before the order (see `commands`), so a cancellation reads which stock it may touch before it
locks its order.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from msgspec import Raw

from hub.db.scope import Scope
from hub.errors import Conflict, Internal, InvalidInput, NotFound, VersionMismatch
from hub.operations import Operation
from hub.orders import attention, recall, store, transitions
from hub.orders.access import actor_of, stay_ended, stay_of
from hub.orders.messages import (
    AcceptArgs,
    AcknowledgeAllergyArgs,
    AcknowledgeArgs,
    AdvanceArgs,
    AdvanceItemArgs,
    CancelArgs,
    OrderReply,
    RecallArgs,
    RushArgs,
    SeenArgs,
    SeenReply,
)
from hub.orders.model import Change
from hub.orders.store import LockedOrder
from hub.security.permissions import Permission
from hub.security.principal import Principal


async def advance(scope: Scope, principal: Principal, args: AdvanceArgs) -> OrderReply:
    """Move the whole order a step forward, or some of its items, as a station bumps its ticket."""
    actor = actor_of(principal)
    return await _change(
        scope,
        principal,
        args.order_id,
        lambda locked: transitions.advance(
            locked.order,
            args.to,
            actor,
            scope.now,
            id_checked=args.id_checked,
            lines=args.items,
            fire_now=args.now,
            trip_id=args.trip_id,
        ),
        args.expected_version,
    )


async def advance_item(scope: Scope, principal: Principal, args: AdvanceItemArgs) -> OrderReply:
    """Move one item a step forward; its order follows."""
    actor = actor_of(principal)
    return await _change(
        scope,
        principal,
        args.order_id,
        lambda locked: transitions.advance_item(
            locked.order, args.line, args.to, actor, scope.now, fire_now=args.now
        ),
        args.expected_version,
    )


async def recall_order(scope: Scope, principal: Principal, args: RecallArgs) -> OrderReply:
    """Move an order a step back, or take the actor's own last bump back."""
    if args.undo and args.items is not None:
        raise InvalidInput("undo takes back a whole bump, not named items", field="items")
    actor = actor_of(principal)

    def rule(locked: LockedOrder) -> Change:
        if args.undo:
            within = timedelta(seconds=locked.undo_seconds)
            return recall.undo(locked.order, actor, scope.now, within=within)
        window = timedelta(minutes=locked.recall_minutes)
        return recall.recall(locked.order, actor, scope.now, window=window, lines=args.items)

    return await _change(scope, principal, args.order_id, rule, args.expected_version)


async def cancel(scope: Scope, principal: Principal, args: CancelArgs) -> OrderReply:
    """Cancel an order or some of its lines; what nobody has begun goes back into stock."""
    actor = actor_of(principal)
    stay_id = stay_of(principal)
    if stay_id is not None and await store.share_stay(scope, stay_id) is None:
        raise stay_ended()
    # Stock is locked before the order. All of it, since what is pending is known only then.
    menu_item_ids = await store.menu_items_of_order(scope, args.order_id, stay_id)
    if menu_item_ids is None:
        raise _no_order()
    await store.lock_stock(scope, menu_item_ids)
    return await _change(
        scope,
        principal,
        args.order_id,
        lambda locked: transitions.cancel(
            locked.order, actor, scope.now, lines=args.items, reason=args.reason
        ),
        args.expected_version,
    )


async def acknowledge(scope: Scope, principal: Principal, args: AcknowledgeArgs) -> OrderReply:
    """Cooks of some stations, or of all, have seen a cancellation."""
    actor = actor_of(principal)
    return await _change(
        scope,
        principal,
        args.order_id,
        lambda locked: attention.acknowledge(locked.order, actor, scope.now, stations=args.stations),
    )


async def acknowledge_allergy(scope: Scope, principal: Principal, args: AcknowledgeAllergyArgs) -> OrderReply:
    """Cooks of some stations, or of all, have taken note of what in the order its guest must not eat. It
    stays noted when the order is recalled."""
    actor = actor_of(principal)
    return await _change(
        scope,
        principal,
        args.order_id,
        lambda locked: attention.acknowledge_allergy(locked.order, actor, scope.now, stations=args.stations),
    )


async def accept(scope: Scope, principal: Principal, args: AcceptArgs) -> OrderReply:
    """Take note of an order without beginning it."""
    actor = actor_of(principal)
    return await _change(
        scope, principal, args.order_id, lambda locked: attention.accept(locked.order, actor, scope.now)
    )


async def rush(scope: Scope, principal: Principal, args: RushArgs) -> OrderReply:
    """Let an order go before others, or not any more."""
    actor = actor_of(principal)
    return await _change(
        scope, principal, args.order_id, lambda locked: attention.rush(locked.order, actor, wanted=args.rush)
    )


async def seen(scope: Scope, _: Principal, args: SeenArgs) -> SeenReply:
    """A kitchen screen has painted these orders. Ids that are not there are passed over."""
    return SeenReply(shown=await store.mark_shown(scope, args.order_ids))


async def _change(
    scope: Scope,
    principal: Principal,
    order_id: UUID,
    rule: Callable[[LockedOrder], Change],
    expected_version: int | None = None,
) -> OrderReply:
    """Lock the order, ask the rule, store what it says. Every conflict carries the current order."""
    stay_id = stay_of(principal)
    locked = await store.lock(scope, order_id, stay_id)
    if locked is None:
        raise _no_order()
    stale = expected_version is not None and expected_version != locked.order.version
    try:
        change = rule(locked)
        # Two cooks who bump at once want the same: what is done already is no conflict, whatever the version.
        if stale and not change.noop:
            raise _stale(expected_version, locked)
    except Conflict as refusal:
        refusal = _stale(expected_version, locked) if stale else refusal
        refusal.details["order"] = await _document(scope, order_id)
        raise refusal
    if change.noop:
        return OrderReply(order=await _document(scope, order_id), noop=True)
    await store.change_stock(scope, change.restock)
    return OrderReply(order=await store.save(scope, locked, change), noop=False)


def _stale(expected: int | None, locked: LockedOrder) -> VersionMismatch:
    got = locked.order.version
    return VersionMismatch(
        f"the order has changed: expected version {expected}, got {got}",
        field="expected_version",
        expected=expected,
        got=got,
    )


async def _document(scope: Scope, order_id: UUID) -> Raw:
    document = await store.document(scope, order_id)
    if document is None:
        raise Internal("an order of this transaction has gone")
    return document


def _no_order() -> NotFound:
    return NotFound("there is no such order", field="order_id")


OPERATIONS: tuple[Operation, ...] = (
    Operation(name="order.accept", args=AcceptArgs, run=accept, permission=Permission.ORDER_DELIVER),
    Operation(name="order.rush", args=RushArgs, run=rush, permission=Permission.ORDER_RUSH),
    Operation(name="order.advance", args=AdvanceArgs, run=advance, permission=Permission.ORDER_DELIVER),
    Operation(name="item.advance", args=AdvanceItemArgs, run=advance_item, permission=Permission.ORDER_COOK),
    Operation(name="order.recall", args=RecallArgs, run=recall_order, permission=Permission.ORDER_DELIVER),
    Operation(name="order.cancel", args=CancelArgs, run=cancel, permission=Permission.ORDER_CANCEL),
    Operation(
        name="order.acknowledge", args=AcknowledgeArgs, run=acknowledge, permission=Permission.ORDER_COOK
    ),
    Operation(
        name="order.acknowledge_allergy",
        args=AcknowledgeAllergyArgs,
        run=acknowledge_allergy,
        permission=Permission.ORDER_COOK,
    ),
    Operation(name="order.seen", args=SeenArgs, run=seen, permission=Permission.ORDER_COOK, once=False),
)
