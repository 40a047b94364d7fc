"""Servers as in production, with fsync: what `hub doctor` finds nothing wrong with."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING

import asyncpg
import pytest

from hub.db.migrate import create_database, migrate
from hub.embedded import throw_away
from hub.environment import TO_MIGRATE, load
from hub.security.keyring import new_signing_key
from hub.security.sealing import MasterKeys
from hub.security.vault import Vault
from tests.conftest import MASTER_KEY

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.embedded import Servers

DATABASE = "hub_sound"
PLATFORM = "'00000000-0000-0000-0000-000000000000'"


@pytest.fixture(scope="session")
def durable() -> Iterator[Servers]:
    with throw_away(durable=True) as running:
        yield running


@pytest.fixture(scope="session")
def sound(durable: Servers) -> dict[str, str]:
    """The environment of a hub with which all is well."""
    environ = {"HUB_DATABASE_URL": durable.database_url(DATABASE)}

    async def prepare() -> None:
        await create_database(durable.database_url("postgres"), DATABASE)
        await migrate(load(environ, TO_MIGRATE))

    asyncio.run(prepare())
    secret = base64.b64encode(MASTER_KEY.secret).decode()
    return {
        **environ,
        "HUB_REDIS_URL": durable.redis_url,
        "HUB_MASTER_KEYS": f"{MASTER_KEY.kid}:{secret}",
    }


@pytest.fixture
async def psql(sound: Mapping[str, str]) -> AsyncIterator[Connection]:
    """An operator's connection, with a key of each kind in the database."""
    connection: Connection = await asyncpg.connect(sound["HUB_DATABASE_URL"])
    masters = MasterKeys((MASTER_KEY,))
    await connection.execute("DELETE FROM app.signing_keys")
    await connection.execute("DELETE FROM app.data_keys")
    kid, wrapped = new_signing_key(masters)
    await connection.execute("INSERT INTO app.signing_keys (kid, wrapped) VALUES ($1, $2)", kid, wrapped)
    platform = await connection.fetchval(f"SELECT id FROM app.tenants WHERE id = {PLATFORM}")
    name, wrapped = Vault(masters).new_key(platform)
    await connection.execute(
        "INSERT INTO app.data_keys (tenant_id, id, purpose, wrapped) VALUES ($1, $2, 'field', $3)",
        platform,
        name,
        wrapped,
    )
    yield connection
    await connection.close()
