"""The ladder and the courier look every second, over all hotels: what they read is what waits, no more."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from hub.db.pool import Role
from hub.db.queries import load
from tests.database.logbook import writer
from tests.database.plans import PLANS, check, explain, fill, read_whole

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_HOOKS: Final = load("hooks")
# A hotel has ten at most.
FEW: Final = {"webhooks", "staff"}


@pytest.fixture(scope="module")
async def crowd(admin: Connection) -> Hotel:
    """One of two hundred hotels, of which each has an order that waits, an address, and hundreds of
    deliveries of which few are still on their way."""
    hotel = (await fill(admin))[100]
    await admin.execute("SET session_replication_role = replica")
    for statement in (
        "UPDATE app.orders SET accepted_at = now() WHERE status = 'received'",
        "UPDATE app.orders SET accepted_at = NULL, created_at = now() - interval '5 minutes' WHERE id IN"
        " (SELECT DISTINCT ON (tenant_id) id FROM app.orders WHERE status = 'received' ORDER BY tenant_id)",
        "INSERT INTO app.webhooks (tenant_id, url, secret_encrypted, events)"
        " SELECT id, 'https://hooks.example', 'v1:', '{order.paged}' FROM app.tenants",
        "INSERT INTO app.deliveries (tenant_id, webhook_id, kind, payload, next_attempt_at, last_attempt_at,"
        " created_at) SELECT w.tenant_id, w.id, 'order.paged', '{}', CASE WHEN n = 1 THEN now() END, now(),"
        " now() - n * interval '1 hour' FROM app.webhooks AS w, generate_series(1, 500) AS n",
        "SET session_replication_role = origin",
    ):
        await admin.execute(statement)
    await admin.execute("VACUUM ANALYZE")
    return hotel


@pytest.fixture(params=PLANS)
async def relay(
    settings: Settings, crowd: Hotel, request: pytest.FixtureRequest
) -> AsyncIterator[Connection]:
    """A transaction of hub_relay."""
    async with writer(settings, Role.RELAY.value) as connection:
        await connection.execute(f"SET plan_cache_mode = {request.param}")
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        await transaction.rollback()


async def test_looking_for_steps(relay: Connection) -> None:
    rows = await relay.fetch(_HOOKS["alerts_due"].text, timedelta(seconds=1))
    assert len(rows) == 200
    assert await read_whole(relay) == []


@pytest.mark.parametrize("plan", PLANS)
async def test_what_nobody_waits_for_is_not_read(admin: Connection, crowd: Hotel, plan: str) -> None:
    """What stands in the index are the orders that nobody has accepted, and of them those not yet paged."""
    body = await admin.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'alerts_due'")
    async with admin.transaction():
        await admin.execute(f"SET LOCAL ROLE hub_log; SET LOCAL plan_cache_mode = {plan}")
        nodes = await explain(admin, re.sub(r"\bahead\b", "$1::interval", body), "interval '1 second'")
    check(nodes, "orders_unaccepted", {"orders_unaccepted", "tenants_pkey"})


async def test_taking_steps(relay: Connection, crowd: Hotel) -> None:
    rows = await relay.fetch(_HOOKS["raise_alerts"].text, crowd.tenant_id, True, 20)
    assert [row["step"] for row in rows] == ["unseen", "hook", "chime", "page"]
    assert set(await read_whole(relay)) <= FEW


async def test_taking_deliveries(relay: Connection) -> None:
    rows = await relay.fetch(_HOOKS["claim_deliveries"].text, False, [], [], [], 4, 32, timedelta(seconds=20))
    assert len(rows) == 32
    assert await read_whole(relay) == []


async def test_old_deliveries(relay: Connection, crowd: Hotel) -> None:
    query = load("retention")["prune_deliveries"].text
    before = timedelta(hours=100)
    now = await relay.fetchval("SELECT now()")
    assert await relay.fetchval(query, crowd.tenant_id, now - before, 50) == 50
    assert await read_whole(relay) == []


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize(
    ("name", "values"), [("webhooks", "'{tenant}'"), ("deliveries", "'{tenant}', '{webhook}', 20")]
)
async def test_what_a_manager_looks_at(
    settings: Settings, admin: Connection, crowd: Hotel, plan: str, name: str, values: str
) -> None:
    webhook = await admin.fetchval("SELECT id FROM app.webhooks WHERE tenant_id = $1", crowd.tenant_id)
    async with writer(settings, Role.API.value) as api, api.transaction():
        await api.execute(f"SET LOCAL app.current_tenant_id = '{crowd.tenant_id}'")
        await api.execute(f"SET LOCAL plan_cache_mode = {plan}")
        nodes = await explain(api, _HOOKS[name].text, values.format(tenant=crowd.tenant_id, webhook=webhook))
        kept = [node for node in nodes if node.relation not in FEW]
        check(kept, "deliveries_of_webhook")


async def test_looking_for_silent_tablets(relay: Connection, crowd: Hotel) -> None:
    queries = load("devices")
    since = await relay.fetchval("SELECT now()")
    assert await relay.fetchval(queries["note_silent_tablets"].text, crowd.tenant_id, since, 20) == 1
    assert await read_whole(relay) == []
    rows = await relay.fetch(queries["silent_tablets_due"].text, since)
    assert len(rows) == 199
    # a row for each tablet of all hotels, once in a while
    assert set(await read_whole(relay)) <= {"device_presence"}
