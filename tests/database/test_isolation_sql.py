"""hub_api in the scope of one hotel, with plain statements on every table and view of another one. They are
read from the catalogue, so that new ones are tried by themselves."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Final

import asyncpg
import msgspec
import pytest

from tests.database.catalogue import column, partitions, tables, tenant_tables
from tests.database.intruder import attempt
from tests.database.strangers import Two, fingerprint

if TYPE_CHECKING:
    from hub.db.pool import Connection

REFUSED: Final = "InsufficientPrivilegeError"
# What the law says is no secret of any hotel.
OPEN_TO_ALL: Final = {"allergen_lists"}


async def writable(admin: Connection, table: str) -> str | None:
    """A column that hub_api may set."""
    columns = await column(
        admin,
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0"
        " AND has_column_privilege('hub_api', attrelid, attnum, 'UPDATE') ORDER BY attnum DESC LIMIT 1",
        f"app.{table}",
    )
    return columns[0] if columns else None


async def in_our_scope(intruder: Connection, two: Two, statement: str, *values: object) -> str:
    return (await attempt(intruder, two, statement, list(values))).short


def insert_into(table: str) -> str:
    return f"INSERT INTO {table} SELECT * FROM jsonb_populate_record(NULL::{table}, $1::text::jsonb)"


async def test_no_table_goes_untried(admin: Connection, two: Two) -> None:
    owners = await tenant_tables(admin)
    assert two.owners == {name: owners[name] for name in set(owners) - set(await partitions(admin))}


async def test_reading_finds_ours_alone(intruder: Connection, admin: Connection, two: Two) -> None:
    theirs, ours = two.theirs.tenant_id, two.ours.tenant_id
    for table, owner in two.owners.items():
        asked = f"SELECT FROM app.{table} WHERE {owner} = $1"
        assert await in_our_scope(intruder, two, asked, theirs) == "SELECT 0"
        rows = await admin.fetchval(f"SELECT count(*) FROM app.{table} WHERE {owner} = $1", ours)
        seen = await in_our_scope(intruder, two, f"SELECT FROM app.{table}")
        assert seen == f"SELECT {rows}", f"all that is seen of {table} is ours"
        # a lock would make them wait
        locked = await in_our_scope(intruder, two, f"{asked} FOR UPDATE", theirs)
        assert locked == ("SELECT 0" if await writable(admin, table) else REFUSED), table


async def test_writing_reaches_ours_alone(intruder: Connection, admin: Connection, two: Two) -> None:
    theirs, ours = two.theirs.tenant_id, two.ours.tenant_id
    for table, owner in two.owners.items():
        name = await writable(admin, table)
        change = f"UPDATE app.{table} SET {name or owner} = NULL WHERE {owner} = $1"
        assert await in_our_scope(intruder, two, change, theirs) == ("UPDATE 0" if name else REFUSED), table
        # their row, as if it were made by us
        text = await admin.fetchval(
            f"SELECT to_jsonb(t)::text FROM app.{table} AS t WHERE {owner} = $1 LIMIT 1", theirs
        )
        assert await in_our_scope(intruder, two, insert_into(f"app.{table}"), text) == REFUSED, table
        if await admin.fetchval(f"SELECT EXISTS (SELECT FROM app.{table} WHERE {owner} = $1)", ours):
            # a row of ours, given to them
            give = await in_our_scope(intruder, two, f"UPDATE app.{table} SET {owner} = $1", theirs)
            assert give in (REFUSED, "IntegrityConstraintViolationError"), table
        assert await in_our_scope(intruder, two, f"DELETE FROM app.{table}") == REFUSED, table
        assert await in_our_scope(intruder, two, f"TRUNCATE app.{table} CASCADE") == REFUSED, table


async def test_what_belongs_to_no_hotel_is_not_reached_at_all(
    intruder: Connection, admin: Connection, two: Two
) -> None:
    others = {*await tables(admin), *await partitions(admin)} - two.owners.keys() - {"schema_migrations"}
    assert len(others) >= 9
    for table in others:
        for statement in (
            f"SELECT FROM app.{table}",
            f"UPDATE app.{table} SET created_at = now()",
            f"INSERT INTO app.{table} DEFAULT VALUES",
            f"DELETE FROM app.{table}",
            f"TRUNCATE app.{table}",
        ):
            if table in ("relay_bell", "log_origin") and "created_at" in statement:
                continue
            if table in OPEN_TO_ALL and statement.startswith("SELECT"):
                continue
            assert await in_our_scope(intruder, two, statement) == REFUSED, statement


async def copy_in_our_scope(intruder: Connection, two: Two, table: str) -> None:
    """Asserts that what comes out is ours, and that nothing goes in."""
    await intruder.execute(
        f"SET LOCAL ROLE hub_api; SET LOCAL app.current_tenant_id = '{two.ours.tenant_id}'"
    )
    out = BytesIO()
    try:
        async with intruder.transaction():
            await intruder.copy_from_table(table, schema_name="app", output=out, format="text")
    except asyncpg.InsufficientPrivilegeError:
        assert table not in two.owners
    assert table in {*two.owners, *OPEN_TO_ALL} or not out.getvalue()
    text = out.getvalue().decode()
    assert str(two.theirs.tenant_id) not in text, table
    if table not in OPEN_TO_ALL:
        assert [line for line in text.splitlines() if str(two.ours.tenant_id) not in line] == []
    with pytest.raises((asyncpg.FeatureNotSupportedError, asyncpg.InsufficientPrivilegeError)):
        await intruder.copy_to_table(table, schema_name="app", source=BytesIO(b""), format="text")


async def test_copy(intruder: Connection, admin: Connection, two: Two) -> None:
    """COPY is a way of its own past the statements above."""
    before = await fingerprint(admin, two)
    every = {*await tables(admin), *await partitions(admin)}
    for table in sorted(every - {"schema_migrations"}):
        transaction = intruder.transaction()
        await transaction.start()
        try:
            await copy_in_our_scope(intruder, two, table)
        finally:
            await transaction.rollback()
    assert await fingerprint(admin, two) == before


async def test_views(intruder: Connection, admin: Connection, two: Two) -> None:
    views = await column(
        admin,
        "SELECT relname FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind IN ('v', 'm')",
    )
    assert len(views) >= 3
    # tablets that nobody waits for any more, which is still to be told
    await admin.execute(
        "UPDATE app.device_presence SET silent_room = '102'"
        " WHERE tenant_id = ANY ($1) AND silent_room IS NULL",
        [two.ours.tenant_id, two.theirs.tenant_id],
    )
    for view in views:
        theirs = f"SELECT count(*) FROM app.{view} WHERE tenant_id = $1"
        assert await admin.fetchval(theirs, two.theirs.tenant_id) > 0, (
            f"the other hotel has nothing in {view}"
        )
        assert "count=0" in (await attempt(intruder, two, theirs, [two.theirs.tenant_id])).rows
        seen = await attempt(intruder, two, f"SELECT DISTINCT tenant_id FROM app.{view}", [])
        assert str(two.ours.tenant_id) in seen.rows
        assert seen.status == "SELECT 1", f"all that is seen of {view} is ours"


async def test_there_is_no_sequence(admin: Connection) -> None:
    """A shared counter would tell hotels how busy the others are."""
    assert await column(admin, "SELECT relname FROM pg_class WHERE relkind = 'S'") == []


async def test_a_reference_never_leads_to_them(intruder: Connection, admin: Connection, two: Two) -> None:
    """Every foreign key of two columns, from a row of ours to a row of theirs."""
    keys = await admin.fetch(
        "SELECT conrelid::regclass::text AS source, confrelid::regclass::text AS target, attname AS name"
        " FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[2]"
        " WHERE contype = 'f' AND connamespace = 'app'::regnamespace AND cardinality(conkey) = 2"
    )
    assert len(keys) >= 8
    for source, target, name in keys:
        stranger = await admin.fetchval(
            f"SELECT id FROM {target} WHERE tenant_id = $1 LIMIT 1", two.theirs.tenant_id
        )
        # what else must be unique with us is free
        changes = {
            "tenant_id": two.ours.tenant_id,
            name: stranger,
            "order_number": 9999,
            "room_number": "9999",
        }
        row = await admin.fetchval(
            # one that has such a reference: not every row of a table may
            f"SELECT (to_jsonb(t) || $2::text::jsonb)::text FROM {source} AS t WHERE tenant_id = $1"
            f" ORDER BY {name} IS NULL LIMIT 1",
            two.theirs.tenant_id,
            msgspec.json.encode(changes).decode(),
        )
        for text in (row, two.to_nobody(row)):
            tried = await in_our_scope(intruder, two, insert_into(source), text)
            assert tried == "ForeignKeyViolationError", (source, name)


async def test_a_search_for_what_is_unique_elsewhere_tells_nothing(intruder: Connection, two: Two) -> None:
    """An e-mail address, a room, an order number that they have is free for us."""
    insert = (
        "INSERT INTO app.staff (tenant_id, email_index, email_encrypted, password_hash, name, role)"
        " VALUES ($1, sha256('a'), 'v1:', 'x', 'Aiko', 'kitchen')"
    )
    assert await in_our_scope(intruder, two, insert, two.ours.tenant_id) == "INSERT 0 1"


HOLES: Final = {
    "ALTER POLICY tenant ON app.stays USING (true)": test_reading_finds_ours_alone,
    "ALTER TABLE app.files DISABLE ROW LEVEL SECURITY": test_writing_reaches_ours_alone,
    "GRANT SELECT ON app.audit_logs_default TO hub_api": test_what_belongs_to_no_hotel_is_not_reached_at_all,
    "ALTER TABLE app.data_keys DISABLE ROW LEVEL SECURITY": test_copy,
    "ALTER VIEW app.order_documents RESET (security_invoker)": test_views,
}


@pytest.mark.parametrize("hole", HOLES)
async def test_a_hole_would_be_seen(intruder: Connection, two: Two, hole: str) -> None:
    transaction = intruder.transaction()
    await transaction.start()
    try:
        await intruder.execute(hole)
        with pytest.raises(AssertionError):
            await HOLES[hole](intruder, intruder, two)
    finally:
        await transaction.rollback()
