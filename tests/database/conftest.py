from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from hub.db.database import Database
from tests.database.logbook import Logbook, writer
from tests.factories import Hotel
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings


@pytest.fixture
def client(database: Database) -> Client:
    return Client(database)


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
