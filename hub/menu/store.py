"""The menu in the database. Documents are JSON text as PostgreSQL makes it, passed on untouched."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Raw

from hub.db.queries import load
from hub.db.scope import Scope
from hub.errors import NotFound
from hub.menu.hours import Hours, until_next_service

_queries = load("menu")
MENU = _queries["menu"]
ITEM = _queries["item"]
USED_UP = _queries["used_up"]
SERVICE = _queries["service"]
SET_SOLD_OUT = _queries["set_sold_out"]


async def menu(scope: Scope) -> tuple[Raw, list[Raw]]:
    """The hotel's document, and those of all items that guests see, in the menu's order."""
    row = await scope.fetchrow(MENU, scope.tenant_id)
    if row is None:
        raise NotFound("there is no such hotel")
    return Raw(row["hotel"].encode()), [Raw(document.encode()) for document in row["items"]]


async def item(scope: Scope, menu_item_id: UUID) -> Raw | None:
    """The document of one item, None when guests cannot see it."""
    row = await scope.fetchrow(ITEM, scope.tenant_id, menu_item_id)
    return None if row is None else Raw(row["document"].encode())


async def used_up(scope: Scope, menu_item_id: UUID) -> bool:
    """Whether an item is counted and none is left."""
    return await scope.fetchval(USED_UP, scope.tenant_id, menu_item_id) is True


async def next_service(scope: Scope, menu_item_id: UUID) -> datetime | None:
    """When what is sold out now is served again; None when there is no such item."""
    row = await scope.fetchrow(SERVICE, scope.tenant_id, menu_item_id)
    if row is None:
        return None
    hours = None
    if row["start_time"] is not None:
        days = None if row["days"] is None else tuple(row["days"])
        hours = Hours(row["start_time"], row["end_time"], days, row["last_order_minutes"])
    zone = ZoneInfo(row["time_zone"])
    return until_next_service(hours, scope.now, zone, row["business_day_cutover"])


async def set_sold_out(scope: Scope, menu_item_id: UUID, sold_out: bool, until: datetime | None) -> None:
    """Turn the 86 switch; its rows and its event are made only when something changes."""
    await scope.execute(SET_SOLD_OUT, scope.tenant_id, menu_item_id, sold_out, until)
