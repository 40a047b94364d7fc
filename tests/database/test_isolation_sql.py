"""hub_api in the scope of one hotel, with plain statements, on every table of another one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

import asyncpg
import msgspec
import pytest

from tests.database.logbook import writer
from tests.database.strangers import Two, fingerprint

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings


@pytest.fixture(scope="module")
async def api(settings: Settings) -> AsyncIterator[Connection]:
    async with writer(settings, "hub_api") as connection:
        yield connection


async def in_our_scope(api: Connection, two: Two, statement: str, *values: object) -> str:
    """The command's tag, or the name of its error."""
    transaction = api.transaction()
    await transaction.start()
    try:
        await api.execute(f"SET LOCAL app.current_tenant_id = '{two.ours.tenant_id}'")
        return await api.execute(statement, *values)
    except asyncpg.PostgresError as error:
        return type(error).__name__
    finally:
        await transaction.rollback()


ONLY_READ: Final = {"tenants", "tenant_heads", "events"}


async def test_plain_statements_on_every_table(api: Connection, admin: Connection, two: Two) -> None:
    before, theirs, ours = await fingerprint(admin, two), two.theirs.tenant_id, two.ours.tenant_id
    for table, owner in two.owners.items():
        assert (
            await in_our_scope(api, two, f"SELECT FROM app.{table} WHERE {owner} = $1", theirs) == "SELECT 0"
        )
        seen = await in_our_scope(api, two, f"SELECT FROM app.{table}")
        rows = await admin.fetchval(f"SELECT count(*) FROM app.{table} WHERE {owner} = $1", ours)
        assert seen == f"SELECT {rows}", f"all that is seen of {table} is ours"
        refused = "InsufficientPrivilegeError"
        change = await in_our_scope(
            api, two, f"UPDATE app.{table} SET created_at = now() WHERE {owner} = $1", theirs
        )
        assert change == (refused if table in ONLY_READ else "UPDATE 0")
        # their row, as if it were made by us
        text = await admin.fetchval(
            f"SELECT to_jsonb(t)::text FROM app.{table} AS t WHERE {owner} = $1 LIMIT 1", theirs
        )
        insert = (
            f"INSERT INTO app.{table} SELECT * FROM jsonb_populate_record(NULL::app.{table}, $1::text::jsonb)"
        )
        assert await in_our_scope(api, two, insert, text) == refused, table
        if rows:
            # a row of ours, given to them
            give = await in_our_scope(api, two, f"UPDATE app.{table} SET {owner} = $1", theirs)
            assert give in (refused, "IntegrityConstraintViolationError"), table
        assert await in_our_scope(api, two, f"DELETE FROM app.{table}") == refused
        assert await in_our_scope(api, two, f"TRUNCATE app.{table}") == refused
    assert await fingerprint(admin, two) == before


async def test_a_reference_never_leads_to_them(api: Connection, admin: Connection, two: Two) -> None:
    """Every foreign key of two columns, from a row of ours to a row of theirs."""
    keys = await admin.fetch(
        "SELECT conrelid::regclass::text AS source, confrelid::regclass::text AS target, attname AS name"
        " FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[2]"
        " WHERE contype = 'f' AND connamespace = 'app'::regnamespace AND cardinality(conkey) = 2"
    )
    assert len(keys) >= 5
    for source, target, name in keys:
        stranger = await admin.fetchval(
            f"SELECT id FROM {target} WHERE tenant_id = $1 LIMIT 1", two.theirs.tenant_id
        )
        row = await admin.fetchval(
            f"SELECT (to_jsonb(t) || $2::text::jsonb)::text FROM {source} AS t WHERE tenant_id = $1 LIMIT 1",
            two.theirs.tenant_id,
            msgspec.json.encode(
                {"tenant_id": two.ours.tenant_id, name: stranger, "order_number": 9999}
            ).decode(),
        )
        insert = f"INSERT INTO {source} SELECT * FROM jsonb_populate_record(NULL::{source}, $1::text::jsonb)"
        for text in (
            row,
            str(two.to_nobody(row)).replace(str(two.to_nobody(two.ours.tenant_id)), str(two.ours.tenant_id)),
        ):
            assert await in_our_scope(api, two, insert, text) == "ForeignKeyViolationError", (source, name)


async def test_a_search_for_what_is_unique_elsewhere_tells_nothing(api: Connection, two: Two) -> None:
    """An e-mail address, a room, an order number that they have is free for us."""
    insert = (
        "INSERT INTO app.staff (tenant_id, email_index, email_encrypted, password_hash, name, role)"
        " VALUES ($1, sha256('a'), 'v1:', 'x', 'Aiko', 'kitchen')"
    )
    assert await in_our_scope(api, two, insert, two.ours.tenant_id) == "INSERT 0 1"
