"""A pool is who it should be, and a transaction belongs to one tenant and to nobody after its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.db.database import Database
from hub.db.migrate import prepare
from hub.db.pool import Role, connect, create_pool
from hub.db.queries import Query
from hub.db.scope import Actor, Scope
from hub.errors import InvalidInput, SettingError
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection, Pool
    from hub.settings import Settings

TENANT = Query("test.tenant", "SELECT app.tenant_id()", writes=False, replica=False)
ORDERS = Query("test.orders", "SELECT count(*) FROM app.orders", writes=False, replica=False)
SLEEP = Query("test.sleep", "SELECT pg_sleep(60)", writes=False, replica=False)
FAIL = Query("test.fail", "SELECT 1 / 0", writes=False, replica=False)
WHO = Query(
    "test.who",
    "SELECT current_setting('app.current_tenant_id') AS tenant, current_setting('app.actor') AS actor",
    writes=False,
    replica=False,
)


def actor() -> Actor:
    return Actor(user_id=None, role="test", request_id=uuid4())


@pytest.fixture
async def one(settings: Settings) -> AsyncIterator[Pool]:
    """A pool of a single connection: whoever comes next gets the one that was used before."""
    pool = await create_pool(settings, Role.API, 1)
    yield pool
    await pool.close()


# Who a pool is


@pytest.mark.parametrize("role", Role)
async def test_every_role_can_be_proven(settings: Settings, role: Role) -> None:
    connection = await connect(settings, role)
    assert await connection.fetchval("SELECT current_user") == role.value
    assert (await connection.fetchval("SHOW application_name")).startswith(role.value)
    await connection.close()


@asynccontextmanager
async def changed_role(admin: Connection, change: str, back: str) -> AsyncIterator[None]:
    await admin.execute(change)
    try:
        yield
    finally:
        await admin.execute(back)


@pytest.mark.parametrize(
    ("change", "back", "told"),
    [
        ("ALTER ROLE hub_api SUPERUSER", "ALTER ROLE hub_api NOSUPERUSER", "hub_api, a superuser; expected"),
        (
            "ALTER ROLE hub_api BYPASSRLS",
            "ALTER ROLE hub_api NOBYPASSRLS",
            "hub_api, with BYPASSRLS; expected",
        ),
        (
            "GRANT hub_admin TO hub_api; ALTER ROLE hub_api SET role = 'hub_admin'",
            "ALTER ROLE hub_api RESET role; REVOKE hub_admin FROM hub_api",
            "hub_admin; expected",
        ),
    ],
)
async def test_a_pool_refuses_to_be_somebody_else(
    admin: Connection, settings: Settings, change: str, back: str, told: str
) -> None:
    async with changed_role(admin, change, back):
        for attempt in (create_pool(settings, Role.API, 2), connect(settings, Role.API)):
            with pytest.raises(
                SettingError, match=f"^the connection for hub_api is {told} hub_api"
            ) as caught:
                await attempt
            assert caught.value.details == {"field": "HUB_DATABASE_URL"}


async def test_whoever_the_url_names_the_pool_is_its_role(settings: Settings) -> None:
    assert "://postgres@" in settings.database_url
    pool = await create_pool(settings, Role.API, 1)
    assert await pool.fetchval("SELECT current_user || ' ' || session_user") == "hub_api hub_api"
    await pool.close()


async def test_a_server_that_is_too_small(settings: Settings) -> None:
    with pytest.raises(SettingError, match="the hub wants 1000") as caught:
        await create_pool(settings, Role.API, 1000)
    assert caught.value.details == {"field": "HUB_DB_CONNECTIONS"}
    with pytest.raises(SettingError, match="the hub wants 1000"):
        await create_pool(settings, Role.API, 2, total=1000)


async def test_a_database_that_does_not_exist(settings: Settings) -> None:
    nowhere = msgspec.structs.replace(
        settings, database_url=settings.database_url.replace(settings.namespace, "nowhere")
    )
    for attempt in (create_pool(nowhere, Role.API, 1), connect(nowhere, Role.RELAY)):
        with pytest.raises(SettingError, match="names a database that does not exist"):
            await attempt


@contextmanager
def rule_before(rules: Path, rule: str) -> Iterator[None]:
    """A rule of who needs what to connect, before all the others."""
    before = rules.read_text("utf-8")
    try:
        rules.write_text(rule + before, "utf-8")
        yield
    finally:
        rules.write_text(before, "utf-8")


async def reloaded(admin: Connection, settings: Settings, *, refuses: bool) -> None:
    """Until the server follows the changed rules: hub_api without a password is refused, or taken again."""
    await admin.execute("SELECT pg_reload_conf()")
    async with asyncio.timeout(10):
        while True:
            try:
                await (await connect(settings, Role.API)).close()
                refused = False
            except SettingError:
                refused = True
            if refused is refuses:
                return
            await asyncio.sleep(0.01)


async def test_a_wrong_password_names_its_setting(admin: Connection, settings: Settings) -> None:
    rules = Path(await admin.fetchval("SHOW hba_file"))
    right = msgspec.structs.replace(settings, api_password="a 'secret' of the tests")
    await prepare(right)
    stored: str = await admin.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = 'hub_api'")
    assert stored.startswith("SCRAM-SHA-256$4096:")
    # the name of the database, in the tests, is that of the namespace
    with rule_before(rules, f"local {settings.namespace} hub_api,hub_relay scram-sha-256\n"):
        await reloaded(admin, settings, refuses=True)
        wrong = msgspec.structs.replace(settings, api_password="another secret")
        for role, attempt in {
            Role.API: create_pool(wrong, Role.API, 1),
            Role.RELAY: connect(wrong, Role.RELAY),
        }.items():
            name = f"HUB_{role.name}_PASSWORD"
            with pytest.raises(
                SettingError, match=f"the server refuses {role.value}; .* set {name}"
            ) as caught:
                await attempt
            assert caught.value.details == {"field": name}
            assert "secret" not in str(caught.value)
        await (await connect(right, Role.API)).close()
    await reloaded(admin, settings, refuses=False)
    await admin.execute("ALTER ROLE hub_api PASSWORD NULL")


# Whose a transaction is


async def no_tenant(pool: Pool) -> None:
    """Without a tenant nothing is read: an error, not an empty list."""
    for query in (TENANT, ORDERS):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no tenant is set"):
            await pool.fetchval(query.text)
    for name in ("current_tenant_id", "actor", "cook_id"):
        assert not await pool.fetchval("SELECT current_setting('app.' || $1, true)", name)


async def test_a_connection_that_never_had_a_tenant(one: Pool) -> None:
    await no_tenant(one)


async def test_the_tenant_ends_with_the_transaction(one: Pool, hotel: Hotel, other_hotel: Hotel) -> None:
    database = Database(one)

    async def whose(scope: Scope) -> object:
        return await scope.fetchval(TENANT)

    async def fail(scope: Scope) -> object:
        return await scope.fetchval(FAIL)

    for tenant in (hotel.tenant_id, other_hotel.tenant_id):
        assert await database.transaction(tenant, actor(), whose, idempotent=False) == tenant
        await no_tenant(one)
        async with database.read(tenant, actor()) as scope:
            assert await scope.fetchval(TENANT) == tenant
        await no_tenant(one)
        with pytest.raises(RuntimeError, match="not the database's"):
            async with database.read(tenant, actor()):
                raise RuntimeError("not the database's")
        await no_tenant(one)
    with pytest.raises(InvalidInput, match="a value is not acceptable"):
        await database.transaction(hotel.tenant_id, actor(), fail, idempotent=False)
    await no_tenant(one)


async def test_a_cancelled_transaction_leaves_nothing_on_its_connection(one: Pool, hotel: Hotel) -> None:
    database, begun = Database(one), asyncio.Event()

    async def sleep(scope: Scope) -> object:
        begun.set()
        return await scope.fetchval(SLEEP)

    running = asyncio.create_task(database.transaction(hotel.tenant_id, actor(), sleep, idempotent=True))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    async with asyncio.timeout(3):
        await no_tenant(one)
    assert one.get_size() == 1


async def test_many_tenants_on_few_connections_never_meet(
    settings: Settings, hotel: Hotel, other_hotel: Hotel
) -> None:
    pool = await create_pool(settings, Role.API, 3)
    database = Database(pool)

    async def whose(tenant: UUID) -> bool:
        async with database.read(tenant, actor()) as scope:
            first = await scope.fetchval(TENANT)
            await asyncio.sleep(0)
            return first == await scope.fetchval(TENANT) == tenant

    tenants = (hotel.tenant_id, other_hotel.tenant_id, uuid4())
    assert all(await asyncio.gather(*(whose(tenants[number % 3]) for number in range(100))))
    await pool.close()


# What enters the text of SET LOCAL


class Forged(UUID):
    def __str__(self) -> str:
        return "x'; SET LOCAL app.actor = '|admin|||'; --"

    def __format__(self, _: str) -> str:
        return str(self)


async def test_ids_enter_as_what_their_numbers_are(one: Pool, hotel: Hotel) -> None:
    forged = Actor(Forged(int=1), "kitchen", Forged(int=2))
    async with Database(one).read(Forged(bytes=hotel.tenant_id.bytes), forged) as scope:
        row = await scope.fetchrow(WHO)
    assert row is not None
    assert dict(row) == {
        "tenant": hotel.tenant_id.hex,
        "actor": f"{UUID(int=1).hex}|kitchen|{UUID(int=2).hex}||",
    }


@given(st.text() | st.from_regex(r"\A[a-z_]{1,9}['\"\\;\x00\n -]?[a-z_]*\Z"))
def test_a_role_is_a_word_or_nothing(text: str) -> None:
    try:
        made = Actor(user_id=None, role=text, request_id=UUID(int=0))
    except ValueError:
        return
    assert set(made.role) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
