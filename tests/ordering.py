"""Commands of orders and menu as a client calls them, with the documents it gets back as types."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID, uuid4

import msgspec

from hub.db.database import Database
from hub.operations import Operations
from hub.orders.documents import ChangedOrder, OneOrder, Order
from hub.security.principal import Principal
from hub.security.sealing import MasterKeys
from hub.security.vault import Vault
from hub.services import commands
from tests.conftest import MASTER_KEY
from tests.factories import Hotel

T = TypeVar("T")


def item_statuses(order: Order) -> list[str]:
    return [item.status for item in order.items]


class Client:
    """Calls commands in one database; each with an operation id of its own, unless one is given."""

    def __init__(self, database: Database) -> None:
        self.database = database
        vault = Vault(MasterKeys((MASTER_KEY,)))
        self.operations = Operations(database, vault, commands(vault))

    async def call(
        self, principal: Principal, name: str, wanted: type[T], op_id: UUID | None = None, /, **args: object
    ) -> T:
        raw = await self.operations.call(name, principal, op_id or uuid4(), msgspec.json.encode(args))
        return msgspec.json.decode(raw, type=wanted)

    async def place(
        self,
        hotel: Hotel,
        lines: dict[str, int],
        op_id: UUID | None = None,
        /,
        *,
        room: int = 0,
        **args: object,
    ) -> Order:
        """An order of that room: quantities by the names of the test menu."""
        cart = [{"menu_item_id": hotel.menu[name], "quantity": quantity} for name, quantity in lines.items()]
        placed = await self.call(hotel.tablet(room), "order.place", OneOrder, op_id, lines=cart, **args)
        return placed.order

    async def cook(self, hotel: Hotel, name: str, order: Order, /, **args: object) -> ChangedOrder:
        """A command of the kitchen's screen on one order."""
        return await self.call(hotel.kitchen(), name, ChangedOrder, order_id=order.id, **args)
