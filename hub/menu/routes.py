"""HTTP of the menu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.menu.commands import Menu, read_menu
from hub.menu.documents import WholeMenu
from hub.security.permissions import Permission
from hub.web.endpoint import Guarded, Spec

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.db.database import Database
    from hub.security.principal import Principal
    from hub.web.gate import Gate


def routes(gate: Gate, database: Database) -> list[Guarded]:
    async def menu(_: Request, principal: Principal) -> Menu:
        return await database.look(principal.tenant_id, principal.actor(), read_menu)

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
        )
    ]
