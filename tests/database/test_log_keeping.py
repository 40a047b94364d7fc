"""The log as something kept: its bell, its origin, its floor, and who may write it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from hub.db.pool import Role, connect
from hub.log.store import RelayLog
from tests.database.logbook import writer
from tests.factories import Hotel, make_hotel
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings


@pytest.fixture
async def relay(settings: Settings) -> AsyncIterator[Connection]:
    connection = await connect(settings, Role.RELAY)
    yield connection
    await connection.close()


async def test_the_bell_rings_only_while_it_is_armed(
    client: Client, relay: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    rung: asyncio.Queue[object] = asyncio.Queue()
    await relay.add_listener(
        "hub_bell", lambda _connection, _pid, _channel, payload: rung.put_nowait(payload)
    )
    log = RelayLog(relay)
    await log.arm(True)
    await client.place(hotel, {"soup": 1})
    assert await asyncio.wait_for(rung.get(), 5) == "", "never a payload"
    await log.arm(False)
    await client.place(hotel, {"soup": 1})
    await client.place(other_hotel, {"soup": 1})
    # notifications arrive in the order of commits: the first after silence is the one of the next line
    await log.arm(True)
    assert rung.empty()
    await client.place(other_hotel, {"soup": 1})
    await asyncio.wait_for(rung.get(), 5)
    await relay.fetchval("SELECT 1")
    assert rung.empty()


async def test_another_origin_renews_every_epoch_once(
    admin: Connection, relay: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    log = RelayLog(relay)

    async def epochs() -> dict[UUID, UUID]:
        return {head.tenant_id: head.epoch for head in (await log.all_heads())[1]}

    assert hotel.tenant_id in await epochs()
    await log.check_origin()
    before = await epochs()
    assert await log.check_origin() is False
    assert await epochs() == before
    for forgery in ("timeline = timeline + 1", "system_identifier = system_identifier - 1"):
        await admin.execute(f"UPDATE app.log_origin SET {forgery}")
        assert await log.check_origin() is True
        after = await epochs()
        assert after.keys() == before.keys()
        assert all(after[tenant] != before[tenant] for tenant in before)
        assert await log.check_origin() is False
        assert await epochs() == after
        before = after


async def test_pruning_raises_the_floor_with_what_it_deletes(
    client: Client, admin: Connection, relay: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    for _ in range(5):
        await client.place(hotel, {"soup": 1})
    await client.place(other_hotel, {"soup": 1})
    first = await admin.fetchval("SELECT floor FROM app.tenant_heads WHERE tenant_id = $1", hotel.tenant_id)
    seqs = "SELECT array_agg(seq ORDER BY seq) FROM app.events WHERE tenant_id = $1"
    kept = await admin.fetchval(seqs, hotel.tenant_id)
    others = await admin.fetchval(seqs, other_hotel.tenant_id)

    async def prune(before: datetime, batch: int) -> tuple[object, object]:
        gone = await relay.fetchval("SELECT app.prune_events($1, $2, $3)", hotel.tenant_id, before, batch)
        floor = await admin.fetchval(
            "SELECT floor FROM app.tenant_heads WHERE tenant_id = $1", hotel.tenant_id
        )
        return gone, floor

    now = datetime.now(UTC)
    assert await prune(now - timedelta(hours=1), 100) == (0, first)
    assert await prune(now + timedelta(hours=1), 2) == (2, kept[1])
    assert await prune(now + timedelta(hours=1), 100) == (len(kept) - 2, kept[-1])
    assert await prune(now + timedelta(hours=1), 100) == (0, kept[-1])
    assert await admin.fetchval(seqs, other_hotel.tenant_id) == others
    await client.place(hotel, {"soup": 1})
    assert await admin.fetchval(seqs, hotel.tenant_id) == [kept[-1] + 1], "numbers go on where they were"


# Who may write it


@pytest.mark.parametrize("user", ["hub_api", "hub_admin", "hub_relay"])
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO app.events (tenant_id, seq, kind, subject, topics, payload)"
        " VALUES ('{tenant}', 999, 'order', '{tenant}', '{{menu}}', '{{}}')",
        "UPDATE app.events SET payload = '{{}}'",
        "DELETE FROM app.events",
        "TRUNCATE app.events",
        "UPDATE app.tenant_heads SET seq = seq + 1",
        "INSERT INTO app.tenant_heads (tenant_id) VALUES ('{tenant}')",
        "DELETE FROM app.tenant_heads",
        "SELECT app.take_head('{tenant}')",
        "SELECT app.ring_bell()",
        "UPDATE app.log_origin SET timeline = 1",
    ],
)
async def test_nobody_writes_the_log_but_its_triggers(
    settings: Settings, hotel: Hotel, user: str, statement: str
) -> None:
    async with writer(settings, user) as connection, connection.transaction():
        await connection.execute(f"SET LOCAL app.current_tenant_id = '{hotel.tenant_id}'")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement.format(tenant=hotel.tenant_id))


async def test_a_tenant_begins_with_a_head(settings: Settings) -> None:
    async with writer(settings, "hub_admin") as connection:
        hotel = await make_hotel(connection)
        head = await connection.fetchrow(
            "SELECT seq, floor FROM app.tenant_heads WHERE tenant_id = $1", hotel.tenant_id
        )
        assert head is not None
        assert tuple(head) == (len(hotel.menu) + len(hotel.kitchen_ids), 0)
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await connection.execute("DELETE FROM app.tenants WHERE id = $1", hotel.tenant_id)


async def test_a_missing_head_is_an_error_and_no_silence(admin: Connection, client: Client) -> None:
    hotel = await make_hotel(admin)
    await admin.execute("DELETE FROM app.events WHERE tenant_id = $1", hotel.tenant_id)
    await admin.execute("DELETE FROM app.tenant_heads WHERE tenant_id = $1", hotel.tenant_id)
    with pytest.raises(asyncpg.NoDataFoundError):
        await client.place(hotel, {"soup": 1})
    assert await admin.fetchval("SELECT count(*) FROM app.orders WHERE tenant_id = $1", hotel.tenant_id) == 0
