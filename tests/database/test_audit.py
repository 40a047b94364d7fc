"""Who changed what, when, from where: a row for each change, whoever writes, and nobody can change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

import asyncpg
import pytest

from hub.db.pool import Role
from tests.database.acting import scope
from tests.database.audited import ROWS, change, delete, entries, make
from tests.database.catalogue import column, partitions
from tests.database.logbook import writer
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

USER: Final = UUID(int=1)
REQUEST: Final = UUID(int=2)
AGENT: Final = "Mozilla/5.0 (端末; \"x\" 'y' | \\ ;)"
ACTOR: Final = f"{USER}|manager|{REQUEST}|203.0.113.7|{AGENT.encode().hex()}"


async def test_every_audited_table_is_tried(admin: Connection) -> None:
    audited = await column(
        admin, "SELECT relname FROM pg_trigger JOIN pg_class AS c ON c.oid = tgrelid WHERE tgname = 'audit'"
    )
    assert set(audited) == set(ROWS)


@pytest.mark.parametrize("table", ROWS)
async def test_each_change_leaves_one_row(admin: Connection, hotel: Hotel, table: str) -> None:
    async with scope(admin, hotel.tenant_id, ACTOR):
        made = await make(admin, hotel, table)
        await change(admin, made, ROWS[table].change)
        # the same again changes nothing but the time
        await change(admin, made, "updated_at = now()")
        await delete(admin, made)
    first, second, third = await entries(admin, made)
    assert [first.operation, second.operation, third.operation] == ["insert", "update", "delete"]
    for entry in (first, second, third):
        assert (entry.user_id, entry.user_role, entry.request_id) == (USER, "manager", REQUEST)
        assert (entry.ip, entry.user_agent) == ("203.0.113.7", AGENT)
    name = ROWS[table].change.partition(" ")[0]
    assert first.new is not None
    assert second.old is not None
    assert second.new is not None
    assert third.old is not None
    assert (first.old, first.changed, third.new, third.changed) == (None, None, None, None)
    # the versions of these rise with every change
    counted = {"version"} if table in ("orders", "pages") else set()
    assert set(second.changed or ()) == second.old.keys() == second.new.keys() == {name} | counted
    assert second.old[name] == first.new[name] != second.new[name] == third.old[name]
    assert first.new.keys() == third.old.keys() > {name, "created_at"}


async def test_what_no_hotel_has_stands_in_the_platforms_book(admin: Connection, hotel: Hotel) -> None:
    for table in ("tenants", "signing_keys"):
        async with scope(admin, hotel.tenant_id, ACTOR):
            made = await make(admin, hotel, table)
            await delete(admin, made)
        book = "SELECT operation, user_role FROM app.platform_audit WHERE record = $1 ORDER BY created_at"
        rows = [tuple(row) for row in await admin.fetch(book, made.record)]
        assert rows == [("insert", "manager"), ("delete", "manager")]
    assert not await admin.fetchval("SELECT count(*) FROM app.audit_logs WHERE table_name = 'signing_keys'")


async def test_the_audit_outlives_its_hotel(admin: Connection, hotel: Hotel) -> None:
    made = await make(admin, hotel, "tenants")
    await delete(admin, made)
    assert [entry.operation for entry in await entries(admin, made)] == ["insert", "delete"]


@pytest.mark.parametrize("user", ["postgres", "hub_admin", "hub_api"])
async def test_a_writer_who_says_nothing_is_the_role_that_it_connected_as(
    settings: Settings, admin: Connection, hotel: Hotel, user: str
) -> None:
    async with writer(settings, user) as connection, scope(connection, hotel.tenant_id):
        made = await make(connection, hotel, "menu_items")
    (entry,) = await entries(admin, made)
    assert (entry.user_id, entry.user_role, entry.request_id) == (None, user, None)
    assert (entry.ip, entry.user_agent) == (None, None)


async def test_the_hotel_is_that_of_the_row(admin: Connection, hotel: Hotel, other_hotel: Hotel) -> None:
    async with scope(admin, other_hotel.tenant_id, ACTOR):
        made = await make(admin, hotel, "menu_items")
    whose = "SELECT tenant_id FROM app.audit_logs WHERE record = $1"
    assert await admin.fetchval(whose, made.record) == hotel.tenant_id


async def test_what_was_undone_leaves_nothing(admin: Connection, hotel: Hotel) -> None:
    async with scope(admin, hotel.tenant_id, ACTOR, keep=False):
        made = await make(admin, hotel, "menu_items")
    assert await entries(admin, made) == []


# What stands in app.actor


@pytest.mark.parametrize(
    "actor",
    ["x", "|", "||||x", "||||abc", "a|b|c|d|e|f", "me|manager|||", "|m|request||", "|m||here|", "|m|||zz"],
)
async def test_an_actor_that_cannot_be_read_writes_nothing(
    admin: Connection, hotel: Hotel, actor: str
) -> None:
    with pytest.raises(asyncpg.DataError):
        async with scope(admin, hotel.tenant_id, actor):
            await make(admin, hotel, "menu_items")
    assert (
        await admin.fetchval(
            "SELECT count(*) FROM app.menu_items WHERE name_ja = 'N' AND tenant_id = $1", hotel.tenant_id
        )
        == 0
    )


@pytest.mark.parametrize(
    ("sent", "stored"),
    [(b"caf\xe9", "caf\\351"), (b"a\x00b", "a\\000b"), (b"\xe7\xab", "\\347\\253"), (b"'; --", "'; --")],
)
async def test_a_user_agent_that_is_no_text(
    admin: Connection, hotel: Hotel, sent: bytes, stored: str
) -> None:
    async with scope(admin, hotel.tenant_id, f"|guest|||{sent.hex()}"):
        made = await make(admin, hotel, "menu_items")
    (entry,) = await entries(admin, made)
    assert (entry.user_role, entry.user_agent) == ("guest", stored)


# Events


async def test_an_event_is_of_the_own_hotel(settings: Settings, admin: Connection, hotel: Hotel) -> None:
    record = "SELECT app.record_event($1, 'aiko', '{\"attempts\": 3}')"
    book = (
        "SELECT tenant_id, operation, table_name, record, details::text, user_role FROM app.audit_logs"
        " WHERE record = 'aiko' AND tenant_id = $1"
    )
    async with writer(settings, Role.API.value) as api:
        async with scope(api, hotel.tenant_id, ACTOR):
            await api.execute(record, "sign_in.failed")
        assert [tuple(row) for row in await admin.fetch(book, hotel.tenant_id)] == [
            (hotel.tenant_id, "sign_in.failed", None, "aiko", '{"attempts": 3}', "manager")
        ]
        # it cannot pass for the change of a row, nor for anything unheard of
        for operation in ("update", "delete", "Sign in", "a.b.c", ""):
            with pytest.raises(asyncpg.CheckViolationError):
                async with scope(api, hotel.tenant_id, ACTOR):
                    await api.execute(record, operation)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no tenant is set"):
            await api.execute(record, "sign_in.failed")
    assert await admin.fetchval("SELECT count(*) FROM app.audit_logs WHERE record = 'aiko'") == 1


# Never changed


@pytest.mark.parametrize("role", ["hub_api", "hub_auth", "hub_relay", "hub_admin", "hub_log"])
async def test_nobody_changes_the_audit(admin: Connection, hotel: Hotel, role: str) -> None:
    books = ["audit_logs", "platform_audit", *await partitions(admin)]
    assert len(books) >= 6
    statements = [
        f"{statement} app.{book}{rest}"
        for book in books
        for statement, rest in (
            ("UPDATE", " SET record = NULL"),
            ("DELETE FROM", ""),
            ("TRUNCATE", ""),
            ("DROP TABLE", ""),
            ("LOCK TABLE", " IN EXCLUSIVE MODE"),
            ("SELECT FROM", " FOR UPDATE"),
            ("ALTER TABLE", " DISABLE ROW LEVEL SECURITY"),
        )
    ]
    # only through its functions is it written
    if role != "hub_log":
        statements += [f"INSERT INTO app.{book} DEFAULT VALUES" for book in books]
    statements += [
        "ALTER TABLE app.menu_items DISABLE TRIGGER audit",
        "DROP TRIGGER audit ON app.menu_items",
        "CREATE OR REPLACE FUNCTION app.redacted(document jsonb, secrets text[]) RETURNS jsonb"
        " LANGUAGE sql RETURN document",
        "SET session_replication_role = replica",
        "SET ROLE hub_owner",
    ]
    for statement in statements:
        # as if it had connected so: a superuser who has only changed his role could change back
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await admin.execute(
                f"SET LOCAL app.current_tenant_id = '{hotel.tenant_id}';"
                f" SET LOCAL SESSION AUTHORIZATION {role}; {statement}"
            )


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.MIGRATOR])
async def test_no_hole_in_an_own_connection(settings: Settings, hotel: Hotel, role: Role) -> None:
    async with writer(settings, role.value) as connection:
        for book in ("audit_logs", "platform_audit", "audit_logs_default"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with scope(connection, hotel.tenant_id):
                    await connection.execute(f"DELETE FROM app.{book}")
