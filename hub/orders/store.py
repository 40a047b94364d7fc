"""Orders in the database: rows become the types of the rules here, and back.

Documents are JSON text as PostgreSQL makes it, passed on untouched. `stay_id` narrows a look-up to one stay;
None is the whole hotel.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Raw, Struct

from hub.db.queries import load
from hub.db.scope import Scope
from hub.errors import Internal
from hub.orders.cart import Hotel, MenuItem, PricedCart
from hub.orders.model import Bump, Change, Item, OrderState
from hub.orders.pricing import Line, Rounding, TaxRate, totals

_queries = load("orders")
HOTEL = _queries["hotel"]
BASIS = _queries["basis"]
SHARE_STAY = _queries["share_stay"]
STAY_IS_OPEN = _queries["stay_is_open"]
MENU_ITEMS = _queries["menu_items"]
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

_rates = msgspec.json.Decoder(tuple[TaxRate, ...])
_menu = msgspec.json.Decoder(tuple[MenuItem, ...])
_items = msgspec.json.Decoder(tuple[Item, ...])
_lines = msgspec.json.Decoder(tuple[Line, ...])
_log = logging.getLogger(__name__)


class LockedOrder(Struct, frozen=True):
    """An order that this transaction holds, with what the rules need of its hotel."""

    order: OrderState
    lines: dict[int, Line]
    prices_include_tax: bool
    tax_rounding: Rounding
    recall_minutes: int
    undo_seconds: int


class Basis(Struct, frozen=True):
    """What a new order is made from. The room's stay cannot end before the transaction."""

    room_number: str
    hotel: Hotel
    menu: dict[UUID, MenuItem]


async def hotel(scope: Scope) -> Hotel:
    row = await scope.fetchrow(HOTEL, scope.tenant_id)
    if row is None:
        raise Internal("the transaction's tenant does not exist")
    return _hotel(row)


def _hotel(row: asyncpg.Record) -> Hotel:
    return Hotel(
        time_zone=row["time_zone"],
        prices_include_tax=row["prices_include_tax"],
        tax_rounding=row["tax_rounding"],
        business_day_cutover=row["business_day_cutover"],
        rates=_rates.decode(row["rates"]),
    )


async def basis(scope: Scope, stay_id: UUID, menu_item_ids: Iterable[UUID]) -> Basis | None:
    """For an order of a stay, with those of the items that guests can see; None when the stay is over."""
    row = await scope.fetchrow(BASIS, scope.tenant_id, stay_id, list(menu_item_ids))
    if row is None:
        return None
    return Basis(row["room_number"], _hotel(row), {item.id: item for item in _menu.decode(row["menu"])})


async def share_stay(scope: Scope, stay_id: UUID) -> str | None:
    """The room of an open stay, which cannot end before this transaction; None when it has ended."""
    row = await scope.fetchrow(SHARE_STAY, scope.tenant_id, stay_id)
    return None if row is None else str(row["room_number"])


async def stay_is_open(scope: Scope, stay_id: UUID) -> bool:
    return bool(await scope.fetchval(STAY_IS_OPEN, scope.tenant_id, stay_id))


async def menu_items(scope: Scope, ids: Iterable[UUID]) -> dict[UUID, MenuItem]:
    """Those of the items that guests can see."""
    rows = await scope.fetch(MENU_ITEMS, scope.tenant_id, list(ids))
    return {row["id"]: msgspec.convert(dict(row), MenuItem) for row in rows}


async def lock_stock(scope: Scope, ids: Iterable[UUID]) -> dict[UUID, int]:
    """What is left of each counted item; nobody else changes it before this transaction ends."""
    rows = await scope.fetch(LOCK_STOCK, scope.tenant_id, list(ids))
    return {row["id"]: row["stock_quantity"] for row in rows}


async def change_stock(scope: Scope, deltas: Mapping[UUID, int]) -> None:
    """Add to the stock of items that `lock_stock` holds; negative takes."""
    if deltas:
        await scope.execute(CHANGE_STOCK, scope.tenant_id, list(deltas), list(deltas.values()))


async def insert(
    scope: Scope,
    order_id: UUID,
    hotel: Hotel,
    cart: PricedCart,
    *,
    stay_id: UUID,
    room_number: str,
    special_requests: str | None,
) -> Raw:
    """Store a new order and its items under the next number of the business day; its document."""
    quote = cart.quote
    row = await scope.fetchrow(
        INSERT_ORDER,
        scope.tenant_id,
        order_id,
        hotel.business_date(scope.now),
        stay_id,
        room_number,
        special_requests,
        scope.now,
        quote.subtotal_amount,
        quote.tax_amount,
        quote.service_amount,
        quote.total_amount,
        quote.prices_include_tax,
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
        )
        await scope.execute(
            UPDATE_AMOUNTS,
            scope.tenant_id,
            after.id,
            money.subtotal_amount,
            money.tax_amount,
            money.service_amount,
            money.total_amount,
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
