"""The order commands. Each runs inside the one transaction of its operation.

Locks are taken in one order everywhere: the stay, stock rows by id, the day's counter, the order, its items;
the log's head comes last, at the commit. A cancellation therefore reads which stock it may touch before it
locks its order.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from msgspec import Raw

from hub.db.ids import uuid7
from hub.db.scope import Scope
from hub.errors import (
    Conflict,
    Internal,
    InvalidInput,
    NotFound,
    PriceChanged,
    VersionMismatch,
)
from hub.operations import Operation
from hub.orders import recall, store, transitions
from hub.orders.access import actor_of, stay_ended, stay_of
from hub.orders.cart import check_age, check_stock, price_cart
from hub.orders.messages import (
    AcknowledgeArgs,
    AdvanceArgs,
    AdvanceItemArgs,
    CancelArgs,
    OrderReply,
    PlaceArgs,
    PlaceReply,
    QuoteArgs,
    QuoteReply,
    RecallArgs,
    SeenArgs,
    SeenReply,
)
from hub.orders.model import Change
from hub.orders.store import LockedOrder
from hub.security.permissions import Permission
from hub.security.principal import Principal


async def quote(scope: Scope, _: Principal, args: QuoteArgs) -> QuoteReply:
    """What a cart costs now. Refuses what `place` refuses for the items' sake."""
    hotel = await store.hotel(scope)
    menu = await store.menu_items(scope, {line.menu_item_id for line in args.lines})
    cart = price_cart(hotel, menu, args.lines, scope.now)
    check_stock(cart, {i.id: i.stock_quantity for i in menu.values() if i.stock_quantity is not None})
    return QuoteReply(quote=cart.quote)


async def place(scope: Scope, principal: Principal, args: PlaceArgs) -> PlaceReply:
    """A new order of the tablet's stay: all lines or none.

    Raises StayEnded, NotFound and ItemUnavailable naming lines, AgeNotAttested, PriceChanged with the new
    quote, OutOfStock with what is left.
    """
    stay_id = principal.stay_id
    wanted = {line.menu_item_id for line in args.lines}
    basis = None if stay_id is None else await store.basis(scope, stay_id, wanted)
    if stay_id is None or basis is None:
        raise stay_ended()
    hotel, menu = basis.hotel, basis.menu
    cart = price_cart(hotel, menu, args.lines, scope.now)
    check_age(cart, attested=args.age_attested)
    if args.quoted_total is not None and args.quoted_total != cart.quote.total_amount:
        raise PriceChanged("the price is not the one that was quoted", field="quoted_total", quote=cart.quote)
    if any(item.stock_quantity is not None for item in menu.values()):
        taken = check_stock(cart, await store.lock_stock(scope, cart.wanted))
        await store.change_stock(scope, {item: -quantity for item, quantity in taken.items()})
    document = await store.insert(
        scope,
        uuid7(),
        hotel,
        cart,
        stay_id=stay_id,
        room_number=basis.room_number,
        special_requests=args.special_requests or None,
    )
    return PlaceReply(order=document)


async def advance(scope: Scope, principal: Principal, args: AdvanceArgs) -> OrderReply:
    """Move the whole order a step forward."""
    actor = actor_of(principal)
    return await _change(
        scope,
        principal,
        args.order_id,
        lambda locked: transitions.advance(
            locked.order, args.to, actor, scope.now, id_checked=args.id_checked
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
        lambda locked: transitions.advance_item(locked.order, args.line, args.to, actor, scope.now),
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
    """A cook has seen a cancellation."""
    actor = actor_of(principal)
    return await _change(
        scope,
        principal,
        args.order_id,
        lambda locked: transitions.acknowledge(locked.order, actor, scope.now),
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
    Operation(
        name="order.quote",
        args=QuoteArgs,
        run=quote,
        permission=Permission.ORDER_READ,
        writes=False,
        once=False,
    ),
    Operation(name="order.place", args=PlaceArgs, run=place, permission=Permission.ORDER_PLACE),
    Operation(name="order.advance", args=AdvanceArgs, run=advance, permission=Permission.ORDER_DELIVER),
    Operation(name="item.advance", args=AdvanceItemArgs, run=advance_item, permission=Permission.ORDER_COOK),
    Operation(name="order.recall", args=RecallArgs, run=recall_order, permission=Permission.ORDER_DELIVER),
    Operation(name="order.cancel", args=CancelArgs, run=cancel, permission=Permission.ORDER_CANCEL),
    Operation(
        name="order.acknowledge", args=AcknowledgeArgs, run=acknowledge, permission=Permission.ORDER_COOK
    ),
    Operation(name="order.seen", args=SeenArgs, run=seen, permission=Permission.ORDER_COOK, once=False),
)
