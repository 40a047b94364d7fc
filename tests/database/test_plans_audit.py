"""The audit is read page by page from its indexes; what holds a plan or lets somebody in reads a few rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

import pytest

from hub.db.pool import Role
from hub.db.queries import load
from tests.database.acting import hire, sign_in
from tests.database.logbook import writer
from tests.database.plans import explain
from tests.factories import Hotel, make_hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

HOTELS: Final = 8
ROWS: Final = 120_000
PLANS: Final = ["force_generic_plan", "force_custom_plan"]


@pytest.fixture(scope="module")
async def crowd(admin: Connection) -> Hotel:
    """One of eight hotels that share 120,000 entries of three months, and have a hundred of everything."""
    hotels = [await make_hotel(admin) for _ in range(HOTELS)]
    await admin.execute("SET session_replication_role = replica")
    await admin.execute(
        "INSERT INTO app.audit_logs"
        " (tenant_id, created_at, operation, table_name, record, user_id, user_role)"
        " SELECT ($1::uuid[])[n % 8 + 1], date_trunc('month', now()) + n * interval '1 minute',"
        " CASE WHEN n % 17 = 0 THEN 'sign_in.failed' ELSE 'update' END,"
        " CASE WHEN n % 17 = 0 THEN NULL ELSE 'orders' END, (n % 19)::text,"
        " md5((n % 13)::text)::uuid, 'manager' FROM generate_series(1, $2::integer) AS n",
        [hotel.tenant_id for hotel in hotels],
        ROWS,
    )
    await admin.execute(
        "INSERT INTO app.staff"
        " (tenant_id, email_index, email_encrypted, password_hash, name, role, is_active)"
        " SELECT t.id, sha256(n::text::bytea), 'v1:', 'x', 'Aiko', 'kitchen', false"
        " FROM app.tenants AS t, generate_series(1, 100) AS n WHERE t.slug <> 'platform'"
    )
    await admin.execute(
        "INSERT INTO app.device_rooms (tenant_id, device_name, device_type)"
        " SELECT t.id, 'Screen', 'kitchen_screen' FROM app.tenants AS t, generate_series(1, 100) AS n"
    )
    await admin.execute(
        "INSERT INTO app.files (tenant_id, name, media_type, content)"
        " SELECT t.id, 'x', 'image/png', 'x' FROM app.tenants AS t, generate_series(1, 100) AS n"
    )
    await admin.execute(
        "INSERT INTO app.staff_sessions (tenant_id, staff_id, expires_at)"
        " SELECT s.tenant_id, s.id, now() FROM app.staff AS s"
    )
    await admin.execute(
        "INSERT INTO app.pairing_requests (secret_hash, user_code_hash, device_type, expires_at)"
        " SELECT sha256(n::text::bytea), sha256(n::text::bytea), 'tablet', now() + interval '1 hour'"
        " FROM generate_series(1, 5000) AS n"
    )
    await admin.execute("SET session_replication_role = origin")
    await admin.execute("VACUUM ANALYZE")
    return hotels[7]


@pytest.fixture
async def api(settings: Settings, crowd: Hotel) -> AsyncIterator[Connection]:
    async with writer(settings, Role.API.value) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f"SET LOCAL app.current_tenant_id = '{crowd.tenant_id}'")
        yield connection
        await transaction.rollback()


# The last arguments of each query, and what the name of its index says.
READ_BY: Final = {
    "by_time": ("NULL, NULL, NULL, NULL", "pkey"),
    "by_user": ("NULL, NULL, md5('7')::uuid, NULL", "user_id"),
    "by_record": ("NULL, '7', NULL, NULL", "record"),
    "by_operation": ("NULL, NULL, NULL, 'sign_in.failed'", "operation"),
}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize(("query", "values", "index"), [(name, *rest) for name, rest in READ_BY.items()])
async def test_a_page_comes_from_its_index_in_order(
    api: Connection, crowd: Hotel, query: str, values: str, index: str, plan: str
) -> None:
    await api.execute(f"SET LOCAL plan_cache_mode = {plan}")
    nodes = await explain(
        api,
        load("audit")[query].text,
        f"'{crowd.tenant_id}', now() + interval '70 days', '{crowd.kitchen_id}', '-infinity', {values}, 50",
    )
    # the default partition is empty
    scanned = {node.relation for node in nodes if node.kind == "Seq Scan"}
    assert scanned <= {"audit_logs_default"}
    assert not [node for node in nodes if "Sort" in node.kind]
    used = {node.index for node in nodes if node.index is not None}
    names = {"staff_pkey", "device_rooms_pkey"}
    assert names < used
    assert not [name for name in used - names if index not in name], used


@pytest.mark.parametrize("plan", PLANS)
async def test_who_did_the_last_step_is_found_by_the_order(api: Connection, crowd: Hotel, plan: str) -> None:
    await api.execute(f"SET LOCAL plan_cache_mode = {plan}")
    query = load("orders")["recent_orders"].text
    nodes = await explain(api, query, f"'{crowd.tenant_id}', now(), 201")
    audit = [node for node in nodes if (node.relation or "").startswith("audit_logs")]
    assert {node.relation for node in audit if node.kind == "Seq Scan"} <= {"audit_logs_default"}
    used = {node.index for node in audit if node.index and node.relation != "audit_logs_default"}
    assert used
    assert not [name for name in used if "record" not in name], used


async def read_whole(connection: Connection) -> list[str]:
    """The tables of many rows that this transaction has read from end to end, in functions too."""
    rows = await connection.fetch("SELECT relname FROM pg_stat_xact_user_tables WHERE seq_scan > 0")
    return [row["relname"] for row in rows if row["relname"] not in ("tenants", "tenant_heads", "relay_bell")]


@pytest.mark.parametrize("plan", PLANS)
async def test_counting_reads_the_hotels_own_rows(api: Connection, crowd: Hotel, plan: str) -> None:
    await api.execute(f"SET LOCAL plan_cache_mode = {plan}")
    for statement in (
        "INSERT INTO app.device_rooms (tenant_id, device_name, device_type) VALUES ($1, 'T', 'tablet')",
        "INSERT INTO app.staff (tenant_id, email_index, email_encrypted, password_hash, name, role)"
        " VALUES ($1, sha256('x'), 'v1:', 'x', 'Aiko', 'kitchen')",
        "INSERT INTO app.files (tenant_id, name, media_type, content) VALUES ($1, 'x', 'image/png', 'x')",
    ):
        await api.execute(statement, crowd.tenant_id)
    await api.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert await read_whole(api) == []


@pytest.mark.parametrize("plan", PLANS)
async def test_who_is_let_in_costs_a_few_rows(
    settings: Settings, admin: Connection, api: Connection, crowd: Hotel, plan: str
) -> None:
    session = await sign_in(admin, crowd, await hire(admin, crowd))
    await api.execute(f"SET LOCAL plan_cache_mode = {plan}")
    await api.execute("SELECT app.admit_staff($1, 1)", session)
    await api.execute("SELECT app.admit_device($1, 'tablet', '101', 0)", crowd.rooms[0].tablet_id)
    await api.execute("SELECT app.find_pairing(sha256('7'))")
    device = "INSERT INTO app.device_rooms (tenant_id, device_name, device_type, room_number)"
    made = await api.fetchval(f"{device} VALUES ($1, 'T', 'tablet', '909') RETURNING id", crowd.tenant_id)
    assert await api.fetchval("SELECT app.approve_pairing(sha256('7'), $1)", made) is True
    assert await read_whole(api) == []
    async with writer(settings, Role.AUTH.value) as auth, auth.transaction():
        await auth.execute(f"SET LOCAL plan_cache_mode = {plan}")
        await auth.execute("SELECT app.poll_pairing(sha256('7'))")
        assert await auth.fetchval(
            "SELECT app.start_pairing(sha256($1), sha256($1), 'tablet', NULL, interval '1 minute')",
            plan.encode(),
        )
        assert await read_whole(auth) == []
