"""A courier on a database of its own, the addresses of a hotel, and a server that gets what is sent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from hub.db.pool import Role, create_pool
from hub.hooks.client import Client
from hub.hooks.courier import Courier
from hub.hooks.desk import HookDesk
from hub.hooks.model import NewWebhook
from hub.security.sealing import MasterKeys
from hub.security.vault import Vault
from tests.conftest import MASTER_KEY
from tests.factories import make_staff
from tests.hooks.receiver import DEADLINE, Receiver, receiving

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.pool import Connection, Pool
    from hub.staff.mail import Mailer
    from tests.factories import Hotel


@pytest.fixture(scope="module")
async def pool(settings: Any) -> AsyncIterator[Pool]:
    pool = await create_pool(settings, Role.RELAY, 2)
    yield pool
    await pool.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def here(_: UUID, host: str, port: int) -> list[str]:
    """Every name leads to this machine."""
    return ["127.0.0.1"]


class Post:
    """What a hotel lets itself be told, and what becomes of it."""

    def __init__(self, admin: Connection, database: Database, pool: Pool, hotel: Hotel) -> None:
        self.admin = admin
        self.database = database
        self.pool = pool
        self.hotel = hotel
        self.vault = Vault(MasterKeys((MASTER_KEY,)))
        self.desk = HookDesk(database, self.vault, private=True)

    async def webhook(self, url: str) -> tuple[UUID, str]:
        """An address that is told everything, and its secret."""
        manager = await make_staff(self.admin, self.hotel, "manager")
        made, secret = await self.desk.add(
            manager, NewWebhook(url, ("order.unseen", "order.unaccepted", "order.paged"))
        )
        return made.id, secret

    async def send(self, webhook_id: UUID, kind: str = "order.paged") -> UUID:
        """Something for an address; its id."""
        made: UUID = await self.admin.fetchval(
            "INSERT INTO app.deliveries (tenant_id, id, webhook_id, kind, payload)"
            " VALUES ($1, $2, $3, $4, $5) RETURNING id",
            self.hotel.tenant_id,
            uuid4(),
            webhook_id,
            kind,
            f'{{"type":"{kind}","n":"{uuid4()}"}}',
        )
        return made

    def courier(self, mailer: Mailer | None = None, *, seconds: float = 5.0) -> Courier:
        async def at_once() -> None:
            """This process may deliver."""

        client = Client(here, private=True, seconds=seconds)
        return Courier(self.pool, self.database, self.vault, client, mailer, at_once)

    async def row(self, delivery_id: UUID) -> dict[str, Any]:
        row = await self.admin.fetchrow(
            "SELECT *, extract(epoch FROM next_attempt_at - now())::float8 AS pause FROM app.deliveries"
            " WHERE id = $1",
            delivery_id,
        )
        assert row is not None
        return dict(row)

    async def until(self, delivery_id: UUID, good: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The row of a delivery when that comes true of it."""
        async with asyncio.timeout(DEADLINE):
            while True:
                row = await self.row(delivery_id)
                if good(row):
                    return row
                await asyncio.sleep(0.005)

    async def delivered(self, delivery_id: UUID) -> dict[str, Any]:
        return await self.until(delivery_id, lambda row: row["delivered_at"] is not None)

    async def failed(self, delivery_id: UUID, attempts: int = 1) -> dict[str, Any]:
        """When so many attempts have failed, the last one too."""
        return await self.until(
            delivery_id, lambda row: row["attempts"] == attempts and row["last_error"] is not None
        )

    async def due(self, *delivery_ids: UUID) -> None:
        """Their pause is over."""
        await self.admin.execute(
            "UPDATE app.deliveries SET next_attempt_at = now(), last_error = NULL WHERE id = ANY ($1)",
            list(delivery_ids),
        )


@pytest.fixture
async def post(admin: Connection, database: Database, pool: Pool, hotel: Hotel) -> AsyncIterator[Post]:
    yield Post(admin, database, pool, hotel)
    await admin.execute("UPDATE app.deliveries SET next_attempt_at = NULL")


@asynccontextmanager
async def going(*couriers: Courier) -> AsyncIterator[None]:
    """They deliver until the end of the block, at the server too."""
    tasks = [asyncio.create_task(courier.run()) for courier in couriers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await over(couriers[0]._pool)


async def over(pool: Pool) -> None:
    """When the server has ended what was given up: it may still begin with a claim that nobody waits for, and
    would take what is written next."""
    async with pool.acquire() as connection, asyncio.timeout(DEADLINE):
        while pool.get_size() < await connection.fetchval(  # noqa: ASYNC110 - nothing tells of it
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_user"
        ):
            await asyncio.sleep(0.005)
