"""Reading and writing around the log, as another system does with psql."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
from msgspec import Struct, json

from hub.orders.documents import Order

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings


class Logged(Struct, frozen=True):
    """One event as it stands in the table; `payload` is its JSON text."""

    seq: int
    kind: str
    subject: UUID
    version: int
    topics: list[str]
    payload: str

    @property
    def order(self) -> Order:
        return json.decode(self.payload, type=Order)

    @property
    def data(self) -> dict[str, object]:
        return json.decode(self.payload, type=dict[str, object])


class Logbook:
    """The log of one tenant, read from where it stood when this was made or last read."""

    def __init__(self, admin: Connection, tenant_id: UUID) -> None:
        self._admin = admin
        self._tenant_id = tenant_id
        self.seq = 0

    async def skip(self) -> Logbook:
        """Forget what has been written up to now."""
        await self.new()
        return self

    async def new(self) -> list[Logged]:
        """The events since the last look; they follow on each other and end at the head."""
        # one statement: both as of one moment, whoever writes meanwhile
        rows = await self._admin.fetch(
            "SELECT head.seq AS head, event.seq, kind, subject, version, topics, payload::text AS payload"
            " FROM app.tenant_heads AS head"
            " LEFT JOIN app.events AS event ON event.tenant_id = head.tenant_id AND event.seq > $2"
            " WHERE head.tenant_id = $1 ORDER BY event.seq",
            self._tenant_id,
            self.seq,
        )
        head = rows[0]["head"]
        events = [
            Logged(**{name: row[name] for name in Logged.__struct_fields__})
            for row in rows
            if row["seq"] is not None
        ]
        assert [event.seq for event in events] == list(range(self.seq + 1, head + 1))
        self.seq = head
        return events


@asynccontextmanager
async def writer(settings: Settings, user: str = "postgres") -> AsyncIterator[Connection]:
    """A connection of another system: no tenant is set."""
    connection: Connection = await asyncpg.connect(settings.database_url, user=user)
    try:
        yield connection
    finally:
        await connection.close()


async def until_waiting(admin: Connection, pid: int) -> None:
    """Until that backend waits for a lock."""
    async with asyncio.timeout(5):
        while True:
            blocked = await admin.fetchval("SELECT cardinality(pg_blocking_pids($1)) > 0", pid)
            if blocked:
                return
            await asyncio.sleep(0.002)


async def document(admin: Connection, order_id: UUID) -> Order:
    """An order as it is now."""
    text = await admin.fetchval("SELECT document::text FROM app.order_documents WHERE id = $1", order_id)
    return json.decode(text, type=Order)
