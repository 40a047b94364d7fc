"""The jobs of the leader commit as everybody does: who is stopped on the way shows nobody what a promotion
could still lose."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from hub.db import commit as commits
from hub.db.database import Database
from hub.db.pool import Role, create_pool
from hub.db.scope import utc_now
from hub.devices.silence import Silence
from hub.hooks.client import Client, Names
from hub.hooks.courier import Courier
from hub.ops.appointments import COMEBACKS, Appointments
from hub.security.sealing import MasterKeys
from hub.security.vault import Vault
from tests.conftest import MASTER_KEY
from tests.database.waiting import age, at_once, ladder, webhook
from tests.faults.postgres import furnish, hotels_in
from tests.faults.test_postgres_commit import a_cancellation_arrives
from tests.ordering import Client as Guest
from tests.pg_servers import PATIENCE, connected, pg_cluster

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.embedded import Servers
    from tests.factories import Hotel

pytestmark = pytest.mark.faults

HANGING = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'hub_relay' AND wait_event = 'SyncRep'"
# What each job writes, and nobody else.
WRITTEN = (
    "SELECT ARRAY[(SELECT count(*) FROM app.orders WHERE alerts <> '{}'),"
    " (SELECT count(*) FROM app.deliveries WHERE attempts > 0),"
    " (SELECT count(*) FROM app.menu_items WHERE metadata ? 'gone' AND is_available),"
    " (SELECT count(*) FROM app.device_presence WHERE silent_room IS NOT NULL)]"
)


async def something_for_each(admin: Connection, database: Database, hotels: list[Hotel]) -> None:
    """Each in a hotel of its own: in one they would wait for each other."""
    waits, told, menu, silent = hotels
    # a NOTIFY would make all of them wait for the first
    await admin.execute("UPDATE app.relay_bell SET armed = false")
    await age(admin, await Guest(database).place(waits, {"soup": 1}), 11)
    await admin.execute(
        "INSERT INTO app.deliveries (tenant_id, webhook_id, kind, payload) VALUES ($1, $2,"
        " 'order.paged', '{}')",
        told.tenant_id,
        await webhook(admin, told),
    )
    await admin.execute(
        "UPDATE app.menu_items SET is_available = false, sold_out_until = now(), metadata = '{\"gone\": 1}'"
        " WHERE id = $1",
        menu.menu["soup"],
    )
    order = await Guest(database).place(silent, {"soup": 1})
    await admin.execute("UPDATE app.orders SET accepted_at = now() WHERE id = $1", order.id)
    await admin.execute(
        "INSERT INTO app.device_presence (tenant_id, device_id, online, session_generation, last_seen_at)"
        " VALUES ($1, $2, true, 1, now() - interval '1 hour')",
        silent.tenant_id,
        silent.rooms[0].tablet_id,
    )


async def test_a_job_that_is_stopped_shows_its_commit_to_nobody(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    # none may lose its patience, and begin anew, before the last one has come as far
    monkeypatch.setattr(commits, "COMMIT_SECONDS", 2 * PATIENCE)
    with pg_cluster(replicas=1) as cluster:
        await cluster.primary.followed_by("r1")
        settings = await furnish(cluster.primary.url, servers.redis_url, "jobs")
        hotels = await hotels_in(settings, 4)
        api, pool = await create_pool(settings, Role.API, 1), await create_pool(settings, Role.RELAY, 4)
        names = Names()
        try:
            async with connected(settings.database_url) as admin:
                await something_for_each(admin, Database(api), hotels)
                assert await admin.fetchval(WRITTEN) == [0, 0, 0, 0]
                vault = Vault(MasterKeys((MASTER_KEY,)))
                client = Client(names.look, private=True)
                courier = Courier(pool, Database(api), vault, client, None, at_once)
                await cluster.synchronous()
                await asyncio.to_thread(cluster.replicas[0].kill)
                jobs = [
                    asyncio.create_task(job)
                    for job in (
                        ladder(pool).run(),
                        courier.run(),
                        Appointments(pool, at_once, COMEBACKS).run(),
                        Silence(pool, lambda: True, utc_now).look(),
                    )
                ]
                try:
                    await cluster.primary.until(f"SELECT ({HANGING}) = 4")
                finally:
                    await stop(jobs)
                await a_cancellation_arrives(cluster)
                assert await admin.fetchval(HANGING) == 4
                assert await admin.fetchval(WRITTEN) == [0, 0, 0, 0]
        finally:
            names.close()
            pool.terminate()
            api.terminate()


async def stop(jobs: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel them, and wait until they have ended."""
    for job in jobs:
        job.cancel()
    _, left = await asyncio.wait(jobs, timeout=PATIENCE)
    assert not left, f"{len(left)} jobs go on"
    await asyncio.gather(*jobs, return_exceptions=True)
