"""A hub's database on a primary with two replicas, and what tells who answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from hub.db.database import Database
from hub.db.ids import uuid7
from hub.db.migrate import create_database, migrate
from hub.db.pool import Role, connect, create_pool
from hub.db.queries import Query
from hub.db.replicas import Replicas
from hub.db.scope import Actor
from hub.log.store import RelayLog
from hub.security.keyring import place
from hub.security.sealing import MasterKeys
from hub.settings import Settings
from tests.conftest import TOKEN_KEY
from tests.keys import MASTER_KEY
from tests.pg_servers import PATIENCE

if TYPE_CHECKING:
    from uuid import UUID

    from hub.db.scope import Scope
    from tests.pg_servers import PgCluster

NAME: Final = "hub_replicated"
# True when a replica answers.
WHERE: Final = Query(name="test.where", text="SELECT pg_is_in_recovery()", writes=False, replica=True)
NEWS: Final = Query(
    name="test.news",
    text="SELECT string_agg(name_en, ',' ORDER BY name_en) FROM app.menu_items WHERE tenant_id = $1"
    " AND category = 'news'",
    writes=False,
    replica=True,
)
WRITE: Final = Query(
    name="test.write",
    text="INSERT INTO app.menu_items (tenant_id, id, name_ja, name_en, price, category, tax_class, station)"
    " VALUES ($1, gen_random_uuid(), $2, $2, 1, 'news', 'food', 'kitchen')",
    writes=True,
    replica=False,
)


async def prepared(cluster: PgCluster, **changes: object) -> Settings:
    """The settings of a hub whose database is on the cluster, migrated; the relay has been there."""
    settings = Settings(
        database_url=cluster.primary.url(NAME),
        replica_url=tuple(replica.url(NAME) for replica in cluster.replicas),
        master_keys=(MASTER_KEY,),
        namespace=NAME,
        port=0,
        workers=1,
    )
    await create_database(cluster.primary.url(), NAME)
    await migrate(settings)
    async with cluster.primary.connect(NAME) as connection:
        wrapped = MasterKeys((MASTER_KEY,)).wrap(TOKEN_KEY.secret, place(TOKEN_KEY.kid))
        await connection.execute(
            "INSERT INTO app.signing_keys (kid, wrapped) VALUES ($1, $2)", TOKEN_KEY.kid, wrapped
        )
    await note_origin(settings)
    await cluster.caught_up()
    return msgspec.structs.replace(settings, **changes)


async def note_origin(settings: Settings) -> None:
    """What a relay does first."""
    relay = await connect(settings, Role.RELAY)
    try:
        await RelayLog(relay).check_origin()
    finally:
        await relay.close()


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """The hub's own access with the replicas of the settings, which may not serve yet."""
    api = await create_pool(settings, Role.API, 4)
    relay = await create_pool(settings, Role.RELAY, 2)
    replicas = Replicas(settings, relay, 3)
    tasks = [asyncio.create_task(part, name=name) for name, part in replicas.parts().items()]
    try:
        yield Database(api, replicas=replicas)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        api.terminate()
        relay.terminate()


def someone() -> Actor:
    """An actor of the hub itself, whom nobody has to admit."""
    return Actor(user_id=None, role="system", request_id=uuid7())


async def where(database: Database, tenant_id: UUID) -> str:
    """Who answers a read of the tenant."""

    async def work(scope: Scope) -> str:
        return "replica" if await scope.fetchval(WHERE) else "primary"

    return await database.look(tenant_id, someone(), work)


async def news(database: Database, tenant_id: UUID) -> tuple[str, object]:
    """Who answers, and what was written by `write`."""

    async def work(scope: Scope) -> tuple[str, object]:
        place = "replica" if await scope.fetchval(WHERE) else "primary"
        return place, await scope.fetchval(NEWS, scope.tenant_id)

    return await database.look(tenant_id, someone(), work)


async def write(database: Database, tenant_id: UUID, name: str) -> None:
    """Commit something that `news` reads."""

    async def work(scope: Scope) -> int:
        return await scope.execute(WRITE, scope.tenant_id, name)

    await database.transaction(tenant_id, someone(), work, idempotent=False)


async def serving(database: Database, number: int) -> None:
    """Returns when so many replicas may be asked."""
    replicas = database.replicas
    assert replicas is not None
    async with asyncio.timeout(PATIENCE):
        while sum(one.pool is not None for one in replicas.each) != number:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)


async def answered_by(database: Database, tenant_id: UUID, wanted: str) -> None:
    """Returns when the tenant's reads are answered there."""
    async with asyncio.timeout(PATIENCE):
        while await where(database, tenant_id) != wanted:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
