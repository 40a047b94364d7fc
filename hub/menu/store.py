"""The menu in the database. Documents are JSON text as PostgreSQL makes it, passed on untouched."""

from __future__ import annotations

from uuid import UUID

from msgspec import Raw

from hub.db.queries import load
from hub.db.scope import Scope
from hub.errors import NotFound

_queries = load("menu")
MENU = _queries["menu"]
ITEM = _queries["item"]
USED_UP = _queries["used_up"]
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


async def set_sold_out(scope: Scope, menu_item_id: UUID, sold_out: bool) -> None:
    """Turn the 86 switch; its rows and its event are made only when something changes."""
    await scope.execute(SET_SOLD_OUT, scope.tenant_id, menu_item_id, sold_out)
