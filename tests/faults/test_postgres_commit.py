"""A commit that waits for its standby, and a hub that stops waiting."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from hub.db import commit as commits
from hub.db.database import Database
from hub.db.ids import uuid7
from hub.db.pool import Role, connect, create_pool
from hub.db.scope import Actor, Claim, Scope
from hub.errors import Unavailable
from hub.log.store import RelayLog
from tests.faults.postgres import DATABASE, furnish, hotels_in, operations
from tests.pg_servers import PgCluster, pg_cluster

if TYPE_CHECKING:
    from hub.embedded import Servers

pytestmark = pytest.mark.faults


async def waiting(cluster: PgCluster) -> int:
    """How many commits wait for the standby."""
    number: int = await cluster.primary.value(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'hub_api' AND wait_event = 'SyncRep'"
    )
    return number


async def a_cancellation_arrives(cluster: PgCluster) -> None:
    """Give up a commit as nobody must, and wait until its server has: what was sent before is there too."""
    ours = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'postgres' AND wait_event = 'SyncRep'"
    async with cluster.primary.connect() as connection:
        commit = asyncio.create_task(connection.execute("SELECT pg_logical_emit_message(true, '', 'x')"))
        await cluster.primary.until(f"SELECT ({ours}) = 1")
        commit.cancel()
        await cluster.primary.until(f"SELECT ({ours}) = 0")


@pytest.mark.parametrize("how", ["patience", "cancelled"])
async def test_who_gives_up_a_commit_shows_it_to_nobody(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "patience":
        monkeypatch.setattr(commits, "COMMIT_SECONDS", 0.5)
    with pg_cluster(replicas=1) as cluster:
        await cluster.primary.followed_by("r1")
        settings = await furnish(cluster.primary.url, servers.redis_url, "commit")
        hotel = (await hotels_in(settings))[0]
        await cluster.synchronous()
        op_id = uuid4()
        pool = await create_pool(settings, Role.API, 2)
        relay = await connect(settings, Role.RELAY)
        try:
            await asyncio.to_thread(cluster.replicas[0].kill)
            # who only asks, and changes nothing, waits for nobody
            assert not await RelayLog(relay).check_origin()

            async def work(scope: Scope) -> None:
                scope.answer(claim, b"{}")

            claim = Claim(hotel.kitchen_id, op_id, "test", bytes(32))
            actor = Actor(user_id=None, role="screen", request_id=uuid7())
            database = Database(pool)
            asking = asyncio.create_task(
                database.transaction(hotel.tenant_id, actor, work, idempotent=False, claim=claim)
            )
            async with asyncio.timeout(20):
                while not await waiting(cluster):  # noqa: ASYNC110 - a server tells it only when asked
                    await asyncio.sleep(0.02)
            if how == "cancelled":
                asking.cancel()
            with pytest.raises(Unavailable if how == "patience" else asyncio.CancelledError):
                await asking
            await a_cancellation_arrives(cluster)
            assert await waiting(cluster) == 1
            assert str(op_id) not in await operations(settings.database_url)
            written = await cluster.primary.position()
            await asyncio.to_thread(cluster.replicas[0].start)
            # the tables themselves may not have been there when it was killed
            await cluster.replicas[0].reached(written)
            assert str(op_id) in await operations(cluster.replicas[0].url(DATABASE))
        finally:
            pool.terminate()
            relay.terminate()
