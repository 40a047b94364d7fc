"""Orders in the database: rows become the types of the rules here, and back.

Documents are JSON text as PostgreSQL makes it, passed on untouched. `stay_id` narrows a look-up to one stay;
None is the whole hotel.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Raw, Struct

from hub.db.queries import load
from hub.db.scope import Scope
from hub.errors import Internal
from hub.log.event import rfc3339
from hub.orders.cart import PricedCart
from hub.orders.documents import Channel
from hub.orders.messages import RecentOrder
from hub.orders.model import Bump, Change, Item, OrderState
from hub.orders.pricing import Line, Rounding, totals

_queries = load("orders")
SHARE_STAY = _queries["share_stay"]
STAY_IS_OPEN = _queries["stay_is_open"]
LOCK_STOCK = _queries["lock_stock"]
CHANGE_STOCK = _queries["change_stock"]
INSERT_ORDER = _queries["insert_order"]
MENU_ITEMS_OF_ORDER = _queries["menu_items_of_order"]
LOCK_ORDER = _queries["lock_order"]
UPDATE_ORDER = _queries["update_order"]
UPDATE_AMOUNTS = _queries["update_amounts"]
MARK_SHOWN = _queries["mark_shown"]
DOCUMENT = _queries["document"]
ACTIVE_ORDERS = _queries["active_orders"]
ACTIVE_ORDERS_OF_STAY = _queries["active_orders_of_stay"]
RECENT_ORDERS = _queries["recent_orders"]

_items = msgspec.json.Decoder(tuple[Item, ...])
_lines = msgspec.json.Decoder(tuple[Line, ...])
_log = logging.getLogger(__name__)


class LockedOrder(Struct, frozen=True):
    """An order that this transaction holds, with what the rules need of its hotel."""

    order: OrderState
    lines: dict[int, Line]
    prices_include_tax: bool
    tax_rounding: Rounding
    service_charge_bp: int
    service_tax_rate_bp: int
    recall_minutes: int
    undo_seconds: int


async def share_stay(scope: Scope, stay_id: UUID) -> str | None:
    """The room of an open stay, which cannot end before this transaction; None when it has ended."""
    row = await scope.fetchrow(SHARE_STAY, scope.tenant_id, stay_id)
    return None if row is None else str(row["room_number"])


async def stay_is_open(scope: Scope, stay_id: UUID) -> bool:
    return bool(await scope.fetchval(STAY_IS_OPEN, scope.tenant_id, stay_id))


async def lock_stock(scope: Scope, ids: Iterable[UUID]) -> dict[UUID, int]:
    """What is left of each counted item; nobody else changes it before this transaction ends."""
    rows = await scope.fetch(LOCK_STOCK, scope.tenant_id, list(ids))
    return {row["id"]: row["stock_quantity"] for row in rows}


async def change_stock(scope: Scope, deltas: Mapping[UUID, int]) -> None:
    """Add to the stock of items that `lock_stock` holds; negative takes."""
    if deltas:
        await scope.execute(CHANGE_STOCK, scope.tenant_id, list(deltas), list(deltas.values()))


class NewOrder(Struct, frozen=True):
    """What an order is beside its cart. Its stay has declared these allergens, under that version of their
    list."""

    stay_id: UUID
    room_number: str
    channel: Channel
    business_date: date
    special_requests: str | None
    fire_at: datetime | None
    due_at: datetime | None
    estimated_delivery_at: datetime
    declared_allergens: list[str]
    allergens_version: str | None


async def insert(scope: Scope, order_id: UUID, order: NewOrder, cart: PricedCart) -> Raw:
    """Store a new order and its items under the next number of the business day; its document."""
    price = cart.price
    row = await scope.fetchrow(
        INSERT_ORDER,
        scope.tenant_id,
        order_id,
        order.business_date,
        order.stay_id,
        order.room_number,
        order.special_requests,
        scope.now,
        price.subtotal_amount,
        price.tax_amount,
        price.service_amount,
        price.total_amount,
        price.prices_include_tax,
        price.service_charge_bp,
        price.service_tax_rate_bp,
        cart.tax_rounding,
        msgspec.json.encode(price.taxes).decode(),
        cart.fulfilment,
        order.channel,
        order.fire_at,
        order.due_at,
        order.estimated_delivery_at,
        order.declared_allergens,
        order.allergens_version,
        scope.op_id,
        msgspec.json.encode(cart.items).decode(),
    )
    return _written(row)


async def menu_items_of_order(scope: Scope, order_id: UUID, stay_id: UUID | None) -> list[UUID] | None:
    """The menu items in an order, None when there is no such order."""
    row = await scope.fetchrow(MENU_ITEMS_OF_ORDER, scope.tenant_id, order_id, stay_id)
    return None if row is None else list(row["ids"])


async def lock(scope: Scope, order_id: UUID, stay_id: UUID | None) -> LockedOrder | None:
    """The order, held until this transaction ends; None when there is no such order."""
    row = await scope.fetchrow(LOCK_ORDER, scope.tenant_id, order_id, stay_id)
    if row is None:
        return None
    items = _items.decode(row["items"])
    state = dict(row) | {"items": items, "last_bump": _bump(row["last_bump"])}
    return LockedOrder(
        order=msgspec.convert(state, OrderState),
        lines={item.line: line for item, line in zip(items, _lines.decode(row["items"]), strict=True)},
        prices_include_tax=row["prices_include_tax"],
        tax_rounding=row["tax_rounding"],
        service_charge_bp=row["service_charge_bp"],
        service_tax_rate_bp=row["service_tax_rate_bp"],
        recall_minutes=row["recall_minutes"],
        undo_seconds=row["undo_seconds"],
    )


def _bump(text: str | None) -> Bump | None:
    """A memory that this version cannot read costs an undo, never a bump."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=Bump)
    except msgspec.ValidationError:
        _log.warning("the last bump of an order is not readable")
        return None


async def save(scope: Scope, locked: LockedOrder, change: Change) -> Raw:
    """Store what a change makes of a locked order, and the money of the items that are left; its document."""
    after, changed = change.after, change.items
    if "cancelled" in changed.values():
        money = totals(
            (locked.lines[item.line] for item in after.live),
            prices_include_tax=locked.prices_include_tax,
            rounding=locked.tax_rounding,
            service_charge_bp=locked.service_charge_bp,
            service_tax_rate_bp=locked.service_tax_rate_bp,
        )
        await scope.execute(
            UPDATE_AMOUNTS,
            scope.tenant_id,
            after.id,
            money.subtotal_amount,
            money.tax_amount,
            money.service_amount,
            money.total_amount,
            msgspec.json.encode(money.taxes).decode(),
        )
    row = await scope.fetchrow(
        UPDATE_ORDER,
        scope.tenant_id,
        after.id,
        after.status,
        after.accepted_at,
        after.ready_at,
        after.finished_at,
        after.cancelled_at,
        after.cancel_reason,
        after.cancel_acked_at,
        list(after.cancel_acked_stations),
        after.rush,
        after.allergy_acked_at,
        list(after.allergy_acked_stations),
        after.trip_id,
        after.recall_count,
        None if after.last_bump is None else msgspec.json.encode(after.last_bump).decode(),
        list(changed),
        list(changed.values()),
    )
    return _written(row)


def _written(row: asyncpg.Record | None) -> Raw:
    if row is None or row["document"] is None:
        raise Internal("an order of this transaction has gone")
    return Raw(row["document"].encode())


async def mark_shown(scope: Scope, ids: Iterable[UUID]) -> int:
    """Note that orders were painted; how many of them for the first time."""
    return await scope.execute(MARK_SHOWN, scope.tenant_id, list(ids), scope.now)


async def document(scope: Scope, order_id: UUID, stay_id: UUID | None = None) -> Raw | None:
    row = await scope.fetchrow(DOCUMENT, scope.tenant_id, order_id, stay_id)
    return None if row is None else Raw(row["document"].encode())


async def active(
    scope: Scope, stay_id: UUID | None, after: tuple[datetime, UUID], limit: int
) -> list[tuple[datetime, UUID, Raw]]:
    """At most `limit` active orders created after a position, oldest first: created_at, id, document."""
    if stay_id is None:
        rows = await scope.fetch(ACTIVE_ORDERS, scope.tenant_id, *after, limit)
    else:
        rows = await scope.fetch(ACTIVE_ORDERS_OF_STAY, scope.tenant_id, *after, limit, stay_id)
    return [(row["created_at"], row["id"], Raw(row["document"].encode())) for row in rows]


async def recent(scope: Scope, limit: int) -> list[RecentOrder]:
    """At most `limit` orders that were finished or became ready lately, newest first."""
    rows = await scope.fetch(RECENT_ORDERS, scope.tenant_id, scope.now, limit)
    return [RecentOrder(Raw(row["document"].encode()), row["by"], rfc3339(row["at"])) for row in rows]
