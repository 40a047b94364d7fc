"""The months of the audit: made ahead, dropped when old, and nobody waits for either."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from hub.db.pool import Role
from tests.database.catalogue import describe, differences, partitions
from tests.database.logbook import until_waiting, writer
from tests.factories import Hotel, make_hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

MONTH = timedelta(days=31)


@pytest.fixture
async def own_admin(own: Settings) -> AsyncIterator[Connection]:
    """The months are as if migrated today: what it was cloned from may be of the month before."""
    async with writer(own) as connection:
        await make(connection, 2)
        for month in {*await partitions(connection)} - {*months(2), "audit_logs_default"}:
            await connection.execute(f"DROP TABLE app.{month}")
        yield connection


@pytest.fixture
async def relay(own: Settings) -> AsyncIterator[Connection]:
    async with writer(own, Role.RELAY.value) as connection:
        yield connection


def name(moment: datetime) -> str:
    return f"audit_logs_{moment:%Y_%m}"


def this_month() -> datetime:
    return datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def months(ahead: int) -> list[str]:
    """This month's partition and those of the next ones."""
    found, first = [], this_month()
    for _ in range(ahead + 1):
        found.append(name(first))
        first = (first + MONTH).replace(day=1)
    return found


async def make(connection: Connection, ahead: int) -> int:
    return int(await connection.fetchval("SELECT app.make_audit_partitions($1)", ahead))


async def drop(relay: Connection, before: datetime) -> int:
    return int(await relay.fetchval("SELECT app.drop_audit_partitions($1)", before))


async def write(admin: Connection, hotel: Hotel, moment: datetime) -> None:
    await admin.execute(
        "INSERT INTO app.audit_logs (tenant_id, created_at, operation, user_role)"
        " VALUES ($1, $2, 'sign_in', 'test')",
        hotel.tenant_id,
        moment,
    )


async def in_default(admin: Connection) -> int:
    return int(await admin.fetchval("SELECT count(*) FROM app.audit_logs_default"))


async def test_months_are_made_ahead(own_admin: Connection, relay: Connection) -> None:
    assert await partitions(own_admin) == sorted([*months(2), "audit_logs_default"])
    assert await make(relay, 2) == 0
    assert await make(relay, 4) == 2
    assert await partitions(own_admin) == sorted([*months(4), "audit_logs_default"])
    # each is like the first, which the migration made
    made = await describe(own_admin)
    first, last = months(4)[0], months(4)[-1]
    of = {
        month: {
            key.replace(month, "month"): text.replace(month, "month")
            for key, text in made.items()
            if month in key
        }
        for month in (first, last)
    }
    assert differences(of[first], of[last]) == []
    assert len(of[first]) > 20


async def test_rows_lie_in_their_month_and_the_default_one_stays_empty(
    own_admin: Connection, relay: Connection
) -> None:
    hotel = await make_hotel(own_admin)
    where = "SELECT DISTINCT tableoid::regclass::text FROM app.audit_logs"
    assert [row[0] for row in await own_admin.fetch(where)] == [f"app.{months(0)[0]}"]
    for month, edge in ((this_month(), timedelta()), (this_month() + 2 * MONTH, timedelta())):
        await write(own_admin, hotel, month.replace(day=1) + edge)
    assert await in_default(own_admin) == 0
    # midnight is UTC's, whatever the session's time zone is
    await own_admin.execute("SET TimeZone = 'Asia/Tokyo'")
    await make(relay, 5)
    bounds = await own_admin.fetchval(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = $1", months(5)[-1]
    )
    await own_admin.execute("RESET TimeZone")
    assert " 09:00:00+09" in bounds


async def test_a_hub_that_slept_for_months(own_admin: Connection, relay: Connection) -> None:
    """What was written before anybody made its month finds its place, and hinders nobody."""
    hotel = await make_hotel(own_admin)
    last = (this_month() + 4 * MONTH).replace(day=1)
    for days in (0, 3, 27):
        await write(own_admin, hotel, last + timedelta(days=days))
    await write(own_admin, hotel, this_month() - timedelta(days=1))
    assert await in_default(own_admin) == 4
    assert await make(relay, 2) == 2
    assert await in_default(own_admin) == 0
    assert await own_admin.fetchval(f"SELECT count(*) FROM app.{name(last)}") == 3
    assert await own_admin.fetchval(f"SELECT count(*) FROM app.{name(this_month() - timedelta(days=1))}") == 1
    assert await make(relay, 2) == 0


async def test_what_is_old_goes_as_a_whole(own_admin: Connection, relay: Connection) -> None:
    hotel = await make_hotel(own_admin)
    old = [(this_month() - timedelta(days=days)).replace(day=15) for days in (200, 100)]
    # of the month before, except at the end of one
    young = datetime.now(UTC) - timedelta(days=29)
    for moment in (*old, young):
        await write(own_admin, hotel, moment)
    assert await make(relay, 2) == len(old) + (name(young) not in months(2))
    assert await drop(relay, old[1]) == 1, "the month of that moment is not over before it"
    assert await drop(relay, (old[1] + MONTH).replace(day=1)) == 1
    assert set(await partitions(own_admin)) == {name(young), *months(2), "audit_logs_default"}
    # nothing of the last thirty days, whatever is asked
    assert await drop(relay, datetime.now(UTC) + 99 * MONTH) == 0
    assert await drop(relay, datetime.max.replace(tzinfo=UTC)) == 0
    assert set(await partitions(own_admin)) == {name(young), *months(2), "audit_logs_default"}


async def test_two_at_once(own: Settings, own_admin: Connection, relay: Connection) -> None:
    async with writer(own, Role.RELAY.value) as second:
        async with relay.transaction():
            assert await make(relay, 4) == 2
            late = asyncio.create_task(make(second, 4))
            await until_waiting(own_admin, second.get_server_pid())
        assert await late == 0


async def test_writers_do_not_wait_while_a_month_is_made(
    own: Settings, own_admin: Connection, relay: Connection
) -> None:
    hotel = await make_hotel(own_admin)
    async with writer(own) as guest:
        async with guest.transaction():
            # an open transaction that has written to the audit
            await guest.execute("UPDATE app.menu_items SET price = 1 WHERE id = $1", hotel.menu["soup"])
            assert await make(relay, 3) == 1
        async with relay.transaction():
            assert await make(relay, 4) == 1
            await guest.execute("SET lock_timeout = '1s'")
            await guest.execute("UPDATE app.menu_items SET price = 2 WHERE id = $1", hotel.menu["soup"])


async def test_whoever_reads_all_of_it_is_waited_for_a_moment_only(
    own: Settings, own_admin: Connection, relay: Connection
) -> None:
    hotel = await make_hotel(own_admin)
    async with writer(own) as reader, writer(own) as guest:
        async with reader.transaction():
            await reader.fetch("SELECT count(*) FROM app.audit_logs")
            late = asyncio.create_task(make(relay, 3))
            await until_waiting(own_admin, relay.get_server_pid())
            # guests order meanwhile
            await guest.execute("SET lock_timeout = '300ms'")
            await guest.execute("UPDATE app.menu_items SET price = 1 WHERE id = $1", hotel.menu["soup"])
            with pytest.raises(asyncpg.LockNotAvailableError):
                await late
        assert await partitions(own_admin) == sorted([*months(2), "audit_logs_default"])
        assert await make(relay, 3) == 1


async def test_dropping_gives_up_too(own: Settings, own_admin: Connection, relay: Connection) -> None:
    hotel = await make_hotel(own_admin)
    await write(own_admin, hotel, this_month() - 4 * MONTH)
    await make(relay, 2)
    async with writer(own) as guest, guest.transaction():
        await guest.execute("UPDATE app.menu_items SET price = 1 WHERE id = $1", hotel.menu["soup"])
        with pytest.raises(asyncpg.LockNotAvailableError):
            await drop(relay, this_month())
    assert await drop(relay, this_month()) == 1


@pytest.mark.parametrize("role", ["hub_api", "hub_auth", "hub_admin", "hub_log"])
async def test_only_the_relay_keeps_the_months(admin: Connection, role: str) -> None:
    for call in ("make_audit_partitions(1)", "drop_audit_partitions(now())"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await admin.execute(f"SET LOCAL ROLE {role}; SELECT app.{call}")
