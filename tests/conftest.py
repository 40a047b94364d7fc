"""Real servers for every test: PostgreSQL and Valkey of their own, a template migrated once, and a clone of
it for each test module. Nothing is wrapped in a transaction that rolls back: NOTIFY needs a commit."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import msgspec
import pytest
import uvloop

from hub.db.database import Database
from hub.db.migrate import migrate
from hub.db.pool import Role, create_pool
from hub.environment import TO_MIGRATE, load
from hub.security.keyring import place
from hub.security.sealing import MasterKeys
from hub.security.tokens import TokenKey
from hub.settings import Settings
from tests.deadlines import Deadlines
from tests.factories import Hotel, make_hotel
from tests.keys import MASTER_KEY as MASTER_KEY

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.embedded import Servers

# The tests of the pages import Playwright, which `hub test --all` installs and `hub test` does without.
collect_ignore = [] if find_spec("playwright") else ["browser"]
TEMPLATE = "hub_template"
TOKEN_KEY = TokenKey(kid="test", algorithm="HS256", secret=b"a secret of the tests, 32 bytes or more")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Deadlines())


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run the suite on the loop that the hub runs on."""
    return {"uvloop": uvloop.new_event_loop}


def memory() -> Path | None:
    """A directory in memory with room for slow tests too: a database is copied there 20 times as fast."""
    shared = Path("/dev/shm")
    roomy = os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > 6 << 30
    return shared if roomy else None


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """PostgreSQL and Valkey that belong to this run and go with it, also when it is killed."""
    from hub.embedded import throw_away

    with throw_away(durable=False, below=memory()) as running:
        yield running


def settings_for(servers: Servers, name: str, **changes: object) -> Settings:
    """The settings of a hub on database `name`, with a Redis namespace of its own."""
    environ = {"HUB_DATABASE_URL": servers.database_url(name)}
    settings = load(environ, TO_MIGRATE)
    return msgspec.structs.replace(
        settings,
        redis_url=servers.redis_url,
        namespace=name,
        master_keys=(MASTER_KEY,),
        port=0,
        **changes,
    )


@asynccontextmanager
async def superuser(servers: Servers, name: str) -> AsyncIterator[Connection]:
    """A connection that bypasses everything, like an operator's psql."""
    connection: Connection = await asyncpg.connect(servers.database_url(name))
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture(scope="session")
async def template(servers: Servers) -> str:
    """The name of the migrated template database."""
    async with superuser(servers, "postgres") as connection:
        await connection.execute(f"CREATE DATABASE {TEMPLATE}")
    await migrate(settings_for(servers, TEMPLATE))
    async with superuser(servers, TEMPLATE) as connection:
        wrapped = MasterKeys((MASTER_KEY,)).wrap(TOKEN_KEY.secret, place(TOKEN_KEY.kid))
        await connection.execute(
            "INSERT INTO app.signing_keys (kid, wrapped) VALUES ($1, $2)", TOKEN_KEY.kid, wrapped
        )
    return TEMPLATE


@asynccontextmanager
async def clone(servers: Servers, template: str, label: str) -> AsyncIterator[str]:
    """A database of its own, copied from the template and dropped afterwards."""
    name = f"{re.sub(r'[^a-z0-9]', '_', label.lower())[-30:]}_{uuid4().hex[:8]}".lstrip("_")
    name = f"t_{name}"
    async with superuser(servers, "postgres") as connection:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield name
    finally:
        # Another connection: a test may have restarted the server.
        async with superuser(servers, "postgres") as connection:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
async def settings(
    servers: Servers, template: str, request: pytest.FixtureRequest
) -> AsyncIterator[Settings]:
    """The settings of this module's hub, on this module's database."""
    async with clone(servers, template, request.module.__name__.rpartition(".")[2]) as name:
        yield settings_for(servers, name)


@pytest.fixture(scope="module")
async def admin(settings: Settings) -> AsyncIterator[Connection]:
    """A superuser's connection to this module's database."""
    connection: Connection = await asyncpg.connect(settings.database_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The hub's own access, as hub_api."""
    pool = await create_pool(settings, Role.API, 8)
    yield Database(pool)
    await pool.close()


@pytest.fixture
async def hotel(admin: Connection) -> Hotel:
    """A new hotel of two rooms, a kitchen and a small menu."""
    return await make_hotel(admin)


@pytest.fixture
async def other_hotel(admin: Connection) -> Hotel:
    """Another hotel in the same database."""
    return await make_hotel(admin)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's shell reaches a test; the servers' own stay."""
    for name in os.environ:
        if name.startswith("HUB_") and name not in ("HUB_PG_BINDIR", "HUB_REDIS_BIN"):
            monkeypatch.delenv(name)
