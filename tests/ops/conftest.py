"""Servers as in production, with fsync: what `hub doctor` finds nothing wrong with."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from hub.db.migrate import create_database, migrate
from hub.embedded import throw_away
from hub.settings import TO_MIGRATE, load
from tests.conftest import MASTER_KEY

if TYPE_CHECKING:
    from hub.embedded import Servers

DATABASE = "hub_sound"


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
