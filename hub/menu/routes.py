"""HTTP of the menu."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct, structs

from hub.errors import NotFound, OutOfStock
from hub.menu.commands import Menu, SoldOut, read_menu
from hub.menu.documents import OneMenuItem, WholeMenu
from hub.security.permissions import Permission
from hub.web.endpoint import Guarded, Spec
from hub.web.gate import operation_id, path_id

if TYPE_CHECKING:
    from msgspec import Raw
    from starlette.requests import Request

    from hub.db.database import Database
    from hub.operations import Operations
    from hub.security.principal import Principal
    from hub.web.gate import Gate


class SwitchItem(Struct, frozen=True, forbid_unknown_fields=True):
    """`until` service: it comes back by itself when it is served next."""

    sold_out: bool
    until: Literal["service"] | None = None


def routes(gate: Gate, operations: Operations, database: Database) -> list[Guarded]:
    async def menu(_: Request, principal: Principal) -> Menu:
        return await database.look(principal.tenant_id, principal.actor(), read_menu)

    async def sold_out(request: Request, principal: Principal) -> Raw:
        op_id, item_id = operation_id(request), path_id(request, "menu_item_id")
        wish = await gate.read(request, SwitchItem)
        args = msgspec.json.encode(SoldOut(item_id, **structs.asdict(wish)))
        return await operations.call("menu.sold_out", principal, op_id, args)

    return [
        Guarded(
            gate,
            Permission.MENU_READ,
            "GET",
            "/api/v1/menu",
            menu,
            Spec(
                name="readMenu", summary="The menu and the hotel it belongs to", tag="menu", result=WholeMenu
            ),
        ),
        Guarded(
            gate,
            Permission.MENU_STOCK,
            "POST",
            "/api/v1/menu/{menu_item_id}/sold-out",
            sold_out,
            Spec(
                name="switchMenuItem",
                summary="Say that a dish is sold out, or that it is there again",
                tag="menu",
                body=SwitchItem,
                result=OneMenuItem,
                errors=(NotFound, OutOfStock),
                once=True,
            ),
        ),
    ]
