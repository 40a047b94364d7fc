"""What stands under the servers for a whole run: Redis for all of them, PostgreSQL and hotels for the hub."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import asyncpg
from msgspec import Struct

from bench.hotels import furnish
from bench.machine import pinned
from bench.peers.plan import HubAccess, Shape
from hub.db.migrate import create_database, migrate
from hub.db.pool import Role, connect
from hub.embedded import throw_away
from hub.environment import load
from hub.errors import Unavailable
from hub.log.store import RelayLog

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

_DATABASE: Final = "hub_bench"
_TOKEN_SECONDS: Final = 86_400
_SPEAK_SECONDS: Final = 2.0
_TENANT: Final = "SELECT id FROM app.tenants WHERE slug = $1"
# A plan has room for so many tablets as it says, and counts them for each new one. Here it would count
# thousands, thousands of times.
_NO_LIMIT: Final = """
ALTER TABLE app.device_rooms DISABLE TRIGGER room_limit, DISABLE TRIGGER room_limit_update
"""
# Every peer runs without a limit on handshakes. And the node shall hear of the events of a batch from Redis,
# as in production, not from the log in which they stand before: so it does not compare itself with the log.
_SETTINGS: Final = {
    "HUB_LOG_FORMAT": "human",
    "HUB_LOG_LEVEL": "error",
    "HUB_DRAIN_SECONDS": "0",
    "HUB_ACCEPTS_PER_SECOND": "100000",
    "HUB_ACCEPTS_BURST": "100000",
    "HUB_HEADS_SECONDS": "300",
    "HUB_HOST": "127.0.0.1",
    "HUB_PORT": "0",
    "HUB_WORKERS": "1",
}


class Ground(Struct, frozen=True):
    """`redis` is the path of its socket; `environ` are the settings of the hub, `hubs` its clients by the
    label of a shape; `roots` the ids of the servers' processes by name."""

    redis: Path
    environ: dict[str, str]
    hubs: dict[str, HubAccess]
    roots: dict[str, int]
    described: list[str]


@asynccontextmanager
async def prepared(
    shapes: list[Shape], cores: tuple[int, ...] | None, say: Callable[[str], None]
) -> AsyncIterator[Ground]:
    """Start the servers on the clients' cores, make the hotels. Raises SettingError and Unavailable."""
    async with AsyncExitStack() as stack:
        say("starting PostgreSQL and Redis")
        with pinned(cores):
            servers = stack.enter_context(throw_away())
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HUB_")},
            **_SETTINGS,
            "HUB_DATABASE_URL": servers.database_url(_DATABASE),
            "HUB_REDIS_URL": servers.redis_url,
            "HUB_MASTER_KEYS": f"bench:{key}",
        }
        settings = load(environ)
        await create_database(servers.database_url("postgres"), _DATABASE)
        await migrate(settings)
        superuser_url = servers.database_url(_DATABASE)
        hubs = {}
        for shape in shapes:
            say(f"making hotels: {shape.title}")
            tokens, tenants = await _hotels(settings, superuser_url, shape)
            hubs[shape.label] = HubAccess(tokens, tenants, environ, superuser_url)
        # The bench is the relay: as long as it holds this lock no process of the hub is.
        relay = await connect(settings, Role.RELAY)
        stack.callback(relay.terminate)
        if not await RelayLog(relay).acquire():
            raise Unavailable("another process is the relay of the bench's own database")
        speaking = asyncio.create_task(_speak(relay))
        stack.callback(speaking.cancel)
        yield Ground(
            redis=Path(unquote(urlsplit(servers.redis_url).path)),
            environ=environ,
            hubs=hubs,
            roots={"PostgreSQL": servers.postgres.pid, "Redis": servers.redis.pid},
            described=servers.describe(),
        )


async def _speak(relay: Connection) -> None:
    """A relay that says nothing for long loses its lock to the next process that wants it."""
    while True:
        await relay.fetchval("SELECT 1")
        await asyncio.sleep(_SPEAK_SECONDS)


async def _hotels(settings: Settings, superuser_url: str, shape: Shape) -> tuple[list[str], list[str]]:
    """Tokens, hotel by hotel, and the hotels' ids: a kitchen and for the rest tablets in each."""
    connection = await asyncpg.connect(superuser_url)
    try:
        await connection.execute(_NO_LIMIT)
        lines = await furnish(settings, shape.groups, shape.sockets - 1, _TOKEN_SECONDS)
        slugs = dict.fromkeys(line.hotel for line in lines)
        tenants = [str(await connection.fetchval(_TENANT, slug)) for slug in slugs]
    finally:
        await connection.close()
    return [line.token for line in lines], tenants
