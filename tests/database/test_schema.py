"""sql/schema.sql is what the migrations add up to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from hub.db.migrate import prepare
from hub.db.pool import Role, connect
from hub.resources import sql_directory
from tests.conftest import settings_for, superuser
from tests.database.catalogue import describe, differences

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.embedded import Servers

WRITTEN = "hub_written"


@pytest.fixture(scope="module")
async def written(servers: Servers) -> AsyncIterator[dict[str, str]]:
    """The catalogue of a database made from prepare.sql and schema.sql."""
    async with superuser(servers, "postgres") as connection:
        await connection.execute(f"CREATE DATABASE {WRITTEN}")
        settings = settings_for(servers, WRITTEN)
        await prepare(settings)
        migrator = await connect(settings, Role.MIGRATOR)
        async with migrator.transaction():
            await migrator.execute("SET LOCAL ROLE hub_owner")
            await migrator.execute((sql_directory() / "schema.sql").read_text("utf-8"))
        await migrator.close()
        async with superuser(servers, WRITTEN) as reader:
            yield await describe(reader)
        await connection.execute(f"DROP DATABASE {WRITTEN} WITH (FORCE)")


async def test_the_schema_is_what_the_migrations_add_up_to(
    admin: Connection, written: dict[str, str]
) -> None:
    found = differences(await describe(admin), written)
    assert not found, "migrations (-) and schema.sql (+) differ:\n" + "\n".join(found)
    kinds = {name.split()[0] for name in written}
    assert kinds >= {"schema", "table", "view", "column", "constraint", "index", "policy"}
    assert kinds >= {"function", "trigger", "defaults"}


async def test_the_rows_that_the_schema_begins_with(
    servers: Servers, admin: Connection, written: object
) -> None:
    assert written
    async with superuser(servers, WRITTEN) as reader:
        for table in ("relay_bell", "log_origin"):
            rows = f"SELECT array_agg(t::text) FROM app.{table} AS t"
            assert await reader.fetchval(rows) == await admin.fetchval(rows)


CHANGES = {
    "GRANT DELETE ON app.orders TO hub_api": "table orders",
    "GRANT UPDATE (seq) ON app.tenant_heads TO hub_api": "column app.tenant_heads.seq",
    "GRANT EXECUTE ON FUNCTION app.take_head(uuid) TO PUBLIC": "function app.take_head(uuid)",
    "GRANT CREATE ON SCHEMA app TO hub_api": "schema app",
    "ALTER POLICY tenant ON app.orders USING (true)": "policy tenant on app.orders",
    "ALTER POLICY relay ON app.events TO hub_relay, hub_api": "policy relay on app.events",
    "ALTER TABLE app.stays NO FORCE ROW LEVEL SECURITY": "table stays",
    "ALTER TABLE app.orders RESET (fillfactor)": "table orders",
    "ALTER TABLE app.staff OWNER TO hub_migrator": "table staff",
    "ALTER TABLE app.orders ALTER COLUMN status SET DEFAULT 'cooking'": "column app.orders.status",
    "ALTER TABLE app.orders ALTER COLUMN metadata DROP NOT NULL": "column app.orders.metadata",
    "ALTER TABLE app.orders ALTER COLUMN room_number TYPE varchar(20)": "column app.orders.room_number",
    "ALTER TABLE app.staff DROP CONSTRAINT staff_role_known": "constraint staff_role_known on app.staff",
    "DROP INDEX app.orders_room": "index app.orders_room",
    "ALTER FUNCTION app.take_head(uuid) RESET search_path": "function app.take_head(uuid)",
    "ALTER FUNCTION app.tenant_id() VOLATILE": "function app.tenant_id()",
    "ALTER FUNCTION app.claim_code(bytea, bytea) SECURITY INVOKER": "function app.claim_code(bytea,bytea)",
    "ALTER TABLE app.orders DISABLE TRIGGER log": "trigger log on app.orders",
    "ALTER VIEW app.order_documents RESET (security_invoker)": "view order_documents",
}


@pytest.mark.parametrize(("change", "told"), CHANGES.items(), ids=CHANGES)
async def test_the_comparison_sees(
    admin: Connection, written: dict[str, str], change: str, told: str
) -> None:
    if "varchar" in change:
        # views stand on the column
        change = f"DROP VIEW app.order_documents, app.silence_changes; DROP INDEX app.orders_room; {change}"
    transaction = admin.transaction()
    await transaction.start()
    try:
        await admin.execute(change)
        found = differences(await describe(admin), written)
    finally:
        await transaction.rollback()
    assert told in [line.splitlines()[0] for line in found]
