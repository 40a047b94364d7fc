"""What stands before the first migration: roles, schema, and who may change rows of every tenant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import msgspec
import pytest

from hub.db.migrate import migrate, prepare, read_migrations
from hub.db.pool import Role, connect
from hub.errors import SettingError, Unavailable
from tests.conftest import superuser
from tests.database.catalogue import describe, differences
from tests.database.logbook import writer
from tests.database.migrating import add, empty
from tests.factories import make_hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.embedded import Servers
    from hub.settings import Settings

NEWEST: Final = len(read_migrations())


@pytest.mark.parametrize("as_owner", [False, True], ids=["hub_migrator", "hub_owner"])
async def test_a_backfill_reaches_the_rows_of_all_tenants(
    settings: Settings, admin: Connection, as_owner: bool
) -> None:
    for _ in range(2):
        await make_hotel(admin)
    connection = await connect(settings, Role.MIGRATOR)
    try:
        if as_owner:
            await connection.execute("SET ROLE hub_owner")
        for table in ("tenants", "stays", "device_rooms", "menu_items", "tax_rates", "tenant_heads"):
            rows = await admin.fetchval(f"SELECT count(*) FROM app.{table}")
            changed = await connection.execute(f"UPDATE app.{table} SET created_at = created_at")
            assert changed == f"UPDATE {rows}"
            assert rows >= 2
    finally:
        await connection.close()


async def test_without_its_policy_a_backfill_changes_nothing_and_says_nothing(own: Settings) -> None:
    """Why owner and migrator have policies of their own."""
    async with writer(own) as admin:
        await make_hotel(admin)
        await admin.execute("DROP POLICY owner ON app.tax_rates")
    connection = await connect(own, Role.MIGRATOR)
    assert await connection.execute("UPDATE app.tax_rates SET created_at = created_at") == "UPDATE 0"
    await connection.close()


async def roles(admin: Connection) -> list[tuple[object, ...]]:
    rows = await admin.fetch(
        "SELECT r.*, (SELECT array_agg(roleid::regrole::text ORDER BY 1) FROM pg_auth_members"
        " WHERE member = r.oid) AS member_of FROM pg_roles AS r WHERE rolname LIKE 'hub\\_%' ORDER BY rolname"
    )
    return [tuple(row) for row in rows]


async def test_preparing_twice_changes_nothing(own: Settings, servers: Servers) -> None:
    async with writer(own) as admin:
        before, who = await describe(admin), await roles(admin)
        touched = "SELECT array_agg(xmin::text ORDER BY oid) FROM pg_authid WHERE rolname LIKE 'hub\\_%'"
        rows = await admin.fetchval(touched)
        await prepare(own)
        assert differences(before, await describe(admin)) == []
        assert await roles(admin) == who
        assert await admin.fetchval(touched) == rows, "roles are not even written to"


async def test_many_databases_are_prepared_at_once(servers: Servers) -> None:
    """Roles belong to the cluster, the lock only to a database: runs meet at the roles."""
    async with superuser(servers, "postgres") as admin:
        wanted = await roles(admin)
        for role in ("hub_api", "hub_relay", "hub_auth", "hub_admin"):
            await admin.execute(f"ALTER ROLE {role} RESET ALL")
        await admin.execute("REVOKE hub_owner FROM hub_migrator; REVOKE hub_log FROM hub_owner")
        await admin.execute("REVOKE pg_read_all_data FROM hub_backup")
        assert await roles(admin) != wanted
        async with empty(servers) as one, empty(servers) as two, empty(servers) as three:
            await asyncio.gather(*(migrate(settings) for settings in (one, two, three)))
            assert await roles(admin) == wanted
            async with writer(one) as first, writer(two) as second:
                assert differences(await describe(first), await describe(second)) == []


def as_user(settings: Settings, user: str) -> Settings:
    return msgspec.structs.replace(
        settings, database_url=settings.database_url.replace("postgres@", f"{user}@")
    )


@pytest.fixture
async def plain(servers: Servers) -> AsyncIterator[str]:
    """A user that may connect, and nothing else."""
    name = f"plain_{uuid4().hex[:8]}"
    async with superuser(servers, "postgres") as admin:
        await admin.execute(f"CREATE ROLE {name} LOGIN")
        yield name
        await admin.execute(f"DROP ROLE {name}")


async def test_later_migrations_need_no_superuser(own: Settings, files: Path, plain: str) -> None:
    todo = add(files, "CREATE TABLE app.good (id integer);")
    # a password that is set already need not be set again
    settings = msgspec.structs.replace(as_user(own, plain), api_password="a secret of the tests")
    assert await migrate(settings, migrations=todo) == [NEWEST + 1]


async def test_the_first_one_says_what_it_needs(fresh: Settings, plain: str) -> None:
    with pytest.raises(
        SettingError, match=r"once as a superuser, or make them by sql/prepare\.sql"
    ) as caught:
        await migrate(as_user(fresh, plain))
    assert caught.value.details == {"field": "HUB_DATABASE_URL"}


async def test_a_password_is_given_to_its_role(own: Settings) -> None:
    secret = 'o\'clock \\ "noon" %L $1'
    await prepare(msgspec.structs.replace(own, auth_password=secret))
    async with writer(own) as admin:
        try:
            stored = "SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = 'hub_auth'"
            assert await admin.fetchval(stored) is True
        finally:
            await admin.execute("ALTER ROLE hub_auth PASSWORD NULL")


async def test_no_server_and_no_database(settings: Settings) -> None:
    nowhere = settings.database_url.replace(f"/{settings.namespace}", "/nowhere")
    with pytest.raises(SettingError, match='HUB_DATABASE_URL: database "nowhere" does not exist'):
        await migrate(msgspec.structs.replace(settings, database_url=nowhere))
    with pytest.raises(Unavailable, match="the database does not answer"):
        await migrate(msgspec.structs.replace(settings, database_url="postgresql://postgres@127.0.0.1:1/x"))
