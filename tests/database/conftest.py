from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hub.db.database import Database
from hub.db.pool import Role, create_pool
from hub.resources import sql_directory
from tests.conftest import clone, settings_for
from tests.database.changing import Clock
from tests.database.logbook import Logbook, writer
from tests.database.migrating import empty
from tests.database.strangers import Two, two_hotels
from tests.factories import Hotel
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.pool import Connection, Pool
    from hub.embedded import Servers
    from hub.settings import Settings


@pytest.fixture
def client(database: Database) -> Client:
    return Client(database)


@pytest.fixture(scope="module")
async def pool(settings: Settings) -> AsyncIterator[Pool]:
    """What the leader's jobs work with, as hub_relay."""
    pool = await create_pool(settings, Role.RELAY, 4)
    yield pool
    await pool.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def log(admin: Connection, hotel: Hotel) -> Logbook:
    """What is logged from now on."""
    return await Logbook(admin, hotel.tenant_id).skip()


@pytest.fixture(params=["postgres", "hub_admin"])
async def psql(settings: Settings, request: pytest.FixtureRequest) -> AsyncIterator[Connection]:
    """Another system's connection, without a tenant: a superuser's, and the super-admin's."""
    async with writer(settings, str(request.param)) as connection:
        assert not await connection.fetchval("SELECT current_setting('app.current_tenant_id', true)")
        yield connection


@pytest.fixture(scope="module")
async def two(admin: Connection, database: Database) -> Two:
    """A hotel that tries, and another one with a row in every table."""
    return await two_hotels(admin, Client(database))


@pytest.fixture(scope="module")
async def intruder(settings: Settings) -> AsyncIterator[Connection]:
    """A superuser who becomes hub_api inside transactions."""
    async with writer(settings) as connection:
        yield connection


@pytest.fixture
async def fresh(servers: Servers) -> AsyncIterator[Settings]:
    async with empty(servers) as settings:
        yield settings


@pytest.fixture
async def own(servers: Servers, template: str) -> AsyncIterator[Settings]:
    """A migrated database for one test."""
    async with clone(servers, template, "own") as name:
        yield settings_for(servers, name)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A copy of the directory of migrations, to be added to."""
    shutil.copytree(sql_directory() / "migrations", tmp_path / "migrations")
    return tmp_path / "migrations"
