"""Orders of the demo hotel, and what its kitchen says of them, without a screen of either."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import UUID

from hub.orders.documents import ChangedOrder, OneOrder, Order
from hub.orders.messages import SeenReply
from hub.security.principal import Principal
from tests.browser.screens import SOUP
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.pool import Connection
    from tests.browser.screens import Screens


class Service:
    """Guests and a cook who need no page. Times are moved, not waited for."""

    def __init__(self, admin: Connection, database: Database, screens: Screens) -> None:
        assert screens.hub.tenant_id is not None
        self._tenant_id: UUID = screens.hub.tenant_id
        self._admin = admin
        self._client = Client(database)

    async def furnish(self) -> None:
        """The devices of the demo hotel are in use."""
        await self._admin.execute(
            "UPDATE app.device_rooms SET status = 'active' WHERE tenant_id = $1 AND status = 'pending'",
            self._tenant_id,
        )

    async def place(self, room: str, quantity: int = 1, *, dish: str = SOUP["ja"]) -> Order:
        """An order of that room's tablet."""
        item = await self._admin.fetchval(
            "SELECT id FROM app.menu_items WHERE tenant_id = $1 AND name_ja = $2", self._tenant_id, dish
        )
        lines = [{"menu_item_id": item, "quantity": quantity}]
        tablet = await self._device("tablet", room)
        return (await self._client.call(tablet, "order.place", OneOrder, lines=lines)).order

    async def seen(self, order: Order) -> None:
        """A kitchen screen has shown it."""
        kitchen = await self._device("kitchen_screen", None)
        await self._client.call(kitchen, "order.seen", SeenReply, order_ids=[order.id])

    async def accept(self, order: Order) -> None:
        """A cook has said yes."""
        kitchen = await self._device("kitchen_screen", None)
        await self._client.call(kitchen, "order.accept", ChangedOrder, order_id=order.id)

    async def age(self, order: Order, seconds: float) -> None:
        """As if it had been placed so long ago; the hub takes the steps that are due then."""
        await self._admin.execute(
            "UPDATE app.orders SET placed_at = now() - make_interval(secs => $2), created_at = now()"
            " - make_interval(secs => $2) WHERE id = $1",
            order.id,
            seconds,
        )

    async def _device(self, kind: str, room: str | None) -> Principal:
        row = await self._admin.fetchrow(
            "SELECT d.id, d.stations, d.floor, d.credential_version, s.id AS stay_id"
            " FROM app.device_rooms AS d LEFT JOIN app.stays AS s"
            " ON s.tenant_id = d.tenant_id AND s.room_number = d.room_number"
            " AND s.ended_at IS NULL WHERE d.tenant_id = $1 AND d.device_type = $2 AND d.status = 'active'"
            " AND d.room_number IS NOT DISTINCT FROM $3 LIMIT 1",
            self._tenant_id,
            kind,
            room,
        )
        assert row is not None
        return Principal(
            tenant_id=self._tenant_id,
            id=row["id"],
            kind="tablet" if kind == "tablet" else "kitchen",
            room_number=room,
            stay_id=row["stay_id"],
            stations=tuple(row["stations"]),
            floor=row["floor"],
            access_version=row["credential_version"],
            expires_at=time.time() + 900,
        )
