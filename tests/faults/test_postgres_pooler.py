"""PgBouncer between the hub and PostgreSQL, a server connection for each transaction only: no tenant reaches
into another's, and what happens to PgBouncer is a short break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.db.database import Database
from hub.db.ids import uuid7
from hub.db.pool import Role, connect, create_pool
from hub.db.queries import Query
from hub.db.scope import Actor, Scope
from hub.errors import SettingError, Unavailable
from tests.faults.checker import checked
from tests.faults.pgbouncer import PgBouncer, pgbouncer
from tests.faults.postgres import DATABASE, furnish, hotels_in
from tests.faults.watch import until_ready
from tests.pg_servers import PgServer, pg_cluster
from tests.realtime.conftest import Live, running

if TYPE_CHECKING:
    from hub.embedded import Servers
    from hub.settings import Settings

pytestmark = [pytest.mark.faults, pytest.mark.debian]
Fault = Callable[[PgBouncer, Live], Awaitable[None]]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PgServer]:
    with pg_cluster(replicas=0) as cluster:
        yield cluster.primary


@pytest.fixture(scope="module")
async def direct(postgres: PgServer, servers: Servers) -> Settings:
    """Without a pooler."""
    return await furnish(postgres.url, servers.redis_url, "pooler")


def through(pooler: PgBouncer, direct: Settings, **changes: object) -> Settings:
    """Through the pooler, but for what needs PostgreSQL itself."""
    return msgspec.structs.replace(
        direct,
        database_url=pooler.url(DATABASE),
        direct_database_url=direct.database_url,
        **changes,
    )


SLOWLY = Query(
    "test.slowly",
    "SELECT name, current_setting('app.current_tenant_id') AS setting, pg_backend_pid() AS backend,"
    " $1::text AS said, pg_sleep(0.001)::text FROM app.tenants",
    writes=False,
    replica=False,
)


async def test_two_tenants_on_one_connection(postgres: PgServer, direct: Settings) -> None:
    hotels = await hotels_in(direct)
    backends = set()
    with pgbouncer(postgres.sockets, size=1) as pooler:
        pool = await create_pool(through(pooler, direct), Role.API, 6)
        try:
            database = Database(pool)

            async def look(number: int) -> None:
                tenant = hotels[number % 2].tenant_id
                actor = Actor(user_id=None, role="screen", request_id=uuid7())

                async def work(scope: Scope) -> None:
                    for said in ("first", "second"):
                        rows = await scope.fetch(SLOWLY, said)
                        assert [(row["setting"], row["said"]) for row in rows] == [(tenant.hex, said)]
                        backends.add(rows[0]["backend"])

                for _ in range(20):
                    await database.transaction(tenant, actor, work, idempotent=True)
                    # nothing of the tenant is left for whoever comes next
                    setting = await pool.fetchval("SELECT current_setting('app.current_tenant_id', true)")
                    assert not setting

            await asyncio.gather(*(look(number) for number in range(6)))
        finally:
            pool.terminate()
    assert len(backends) == 1


async def test_a_pooler_without_a_way_around_it_is_refused(postgres: PgServer, direct: Settings) -> None:
    with pgbouncer(postgres.sockets, size=2) as pooler:
        alone = msgspec.structs.replace(direct, database_url=pooler.url(DATABASE))
        twice = msgspec.structs.replace(alone, direct_database_url=pooler.url(DATABASE))
        for attempt in (
            create_pool(alone, Role.API, 1),
            connect(alone, Role.RELAY),
            connect(twice, Role.RELAY),
        ):
            with pytest.raises(SettingError, match="set HUB_DIRECT_DATABASE_URL") as caught:
                await attempt
            assert caught.value.field == "HUB_DIRECT_DATABASE_URL"


async def test_a_pooler_that_forgets_statements_is_no_internal_error(
    postgres: PgServer, direct: Settings
) -> None:
    hotel = (await hotels_in(direct))[0]
    actor = Actor(user_id=None, role="screen", request_id=uuid7())
    with pgbouncer(postgres.sockets, size=1) as pooler:
        pool = await create_pool(through(pooler, direct, statement_cache=100), Role.API, 1)
        database = Database(pool)

        async def backend() -> int:
            async with database.read(hotel.tenant_id, actor) as scope:
                number: int = (await scope.fetch(SLOWLY, ""))[0]["backend"]
                return number

        try:
            # another connection to the server takes the place of the one that knew the statement
            await postgres.value("SELECT pg_terminate_backend($1, 5000)", await backend())
            with pytest.raises(Unavailable):
                await backend()
        finally:
            pool.terminate()


@pytest.fixture(scope="module")
def pooler(postgres: PgServer) -> Iterator[PgBouncer]:
    with pgbouncer(postgres.sockets, size=4) as running:
        yield running


@pytest.fixture(scope="module")
async def hub(pooler: PgBouncer, direct: Settings) -> AsyncIterator[Live]:
    async with running(through(pooler, direct), twins=False, beat=2.0) as live:
        yield live


async def killed(pooler: PgBouncer, _: Live) -> None:
    """All its clients and server connections are gone at once."""
    await asyncio.to_thread(pooler.kill)
    await asyncio.to_thread(pooler.start)


async def paused(pooler: PgBouncer, hub: Live) -> None:
    """Whoever asks waits, until the hub has noticed."""
    pooler.pause()
    try:
        await until_ready((hub.host, hub.port), 503, "unavailable")
    finally:
        pooler.resume()


@pytest.mark.parametrize("fault", [killed, paused])
async def test_a_break_of_the_pooler(pooler: PgBouncer, direct: Settings, hub: Live, fault: Fault) -> None:
    hotels = await hotels_in(direct)
    address = hub.host, hub.port
    async with checked(hotels, lambda: address, lambda: direct.database_url, patience=30.0) as load:
        await load.done(20)
        await fault(pooler, hub)
        healing = await load.healed()
        assert healing.answered < 5.0
        await load.done(10)
        await until_ready(address, 200, "ready")
        assert {client.connections for client in load.clients} == {1}, "nobody had to come back"
