"""A PostgreSQL of a test's own with the hub's schema in it, and what is looked up there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from hub.db.migrate import create_database, migrate
from hub.environment import TO_MIGRATE, load
from hub.security.keyring import place
from hub.security.sealing import MasterKeys
from tests.conftest import MASTER_KEY, TOKEN_KEY
from tests.factories import make_hotel
from tests.pg_servers import connected

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from hub.settings import Settings
    from tests.factories import Hotel

DATABASE = "hub"


async def furnish(database_url: Callable[[str], str], redis_url: str, namespace: str) -> Settings:
    """Make the hub's database on a server of one's own; `database_url` tells where it has a database. The
    settings of a hub on it."""
    await create_database(database_url("postgres"), DATABASE)
    settings = msgspec.structs.replace(
        load({"HUB_DATABASE_URL": database_url(DATABASE)}, TO_MIGRATE),
        redis_url=redis_url,
        namespace=namespace,
        master_keys=(MASTER_KEY,),
        port=0,
    )
    await migrate(settings)
    wrapped = MasterKeys((MASTER_KEY,)).wrap(TOKEN_KEY.secret, place(TOKEN_KEY.kid))
    await execute(
        settings.database_url,
        "INSERT INTO app.signing_keys (kid, wrapped) VALUES ($1, $2)",
        TOKEN_KEY.kid,
        wrapped,
    )
    return settings


async def hotels_in(settings: Settings, number: int = 2) -> list[Hotel]:
    """New hotels."""
    async with connected(settings.database_url) as connection:
        return [await make_hotel(connection) for _ in range(number)]


async def execute(url: str, sql: str, *args: object) -> None:
    """One statement, as a superuser."""
    async with connected(url) as connection:
        await connection.execute(sql, *args)


async def operations(url: str) -> set[str]:
    """The operations that a server has carried out."""
    async with connected(url) as connection:
        rows = await connection.fetch("SELECT op_id::text FROM app.idempotency")
    return {row["op_id"] for row in rows}


async def epochs(url: str) -> dict[UUID, UUID]:
    """Every tenant's epoch."""
    async with connected(url) as connection:
        rows = await connection.fetch("SELECT tenant_id, epoch FROM app.tenant_heads")
    return {row["tenant_id"]: row["epoch"] for row in rows}


async def gone(pid: int) -> None:
    """Until a process has ended."""
    from psutil import pid_exists

    async with asyncio.timeout(20):
        while pid_exists(pid):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
