"""What a kitchen does to the menu, and how everybody reads it."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from msgspec import Raw, Struct

from hub.db.scope import Scope
from hub.errors import InvalidInput, NotFound, OutOfStock
from hub.menu import store
from hub.operations import Operation
from hub.security.permissions import Permission
from hub.security.principal import Principal


class SoldOut(Struct, frozen=True, forbid_unknown_fields=True):
    """`until` service: it comes back by itself when it is served next, with the next of its hours or else the
    next business day."""

    menu_item_id: UUID
    sold_out: bool
    until: Literal["service"] | None = None


class MenuItemReply(Struct, frozen=True):
    menu_item: Raw


class Menu(Struct, frozen=True):
    hotel: Raw
    items: list[Raw]


async def read_menu(scope: Scope) -> Menu:
    """The hotel and all items that guests see."""
    hotel, items = await store.menu(scope)
    return Menu(hotel=hotel, items=items)


async def sold_out(scope: Scope, _: Principal, args: SoldOut) -> MenuItemReply:
    """86 an item, or bring it back.

    Raises NotFound for an item that guests cannot see, OutOfStock for one that shall come back and has none
    left.
    """
    until = None
    if args.until is not None:
        if not args.sold_out:
            raise InvalidInput("only what is sold out comes back", field="until")
        until = await store.next_service(scope, args.menu_item_id)
    await store.set_sold_out(scope, args.menu_item_id, args.sold_out, until)
    document = await store.item(scope, args.menu_item_id)
    if document is None:
        raise NotFound("there is no such item on the menu", field="menu_item_id")
    if not args.sold_out and await store.used_up(scope, args.menu_item_id):
        left = [{"menu_item_id": args.menu_item_id, "left": 0}]
        raise OutOfStock("its stock is used up; it comes back when it is restocked", left=left)
    return MenuItemReply(menu_item=document)


OPERATIONS: tuple[Operation, ...] = (
    Operation(name="menu.sold_out", args=SoldOut, run=sold_out, permission=Permission.MENU_STOCK),
)
