"""The log while many write at once: no gap, no stale event, nothing that a relay misses."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from uuid import UUID

import pytest

from hub.db.database import Database
from hub.db.pool import Role, connect, create_pool
from hub.log.event import Event
from hub.log.store import RelayLog
from hub.orders.documents import Order
from tests.conftest import clone, settings_for
from tests.database.logbook import Logbook, document, until_waiting, writer
from tests.factories import Hotel, make_hotel
from tests.locks import waiting_for_a_lock
from tests.ordering import Client, item_statuses

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.embedded import Servers
    from hub.settings import Settings

WRITERS: Final = 16
ROUNDS: Final = 10


async def relay_all(
    settings: Settings, looking: asyncio.Event, stop: asyncio.Event
) -> dict[UUID, list[Event]]:
    """What a relay publishes that polls as fast as it can, from when it is `looking`: per tenant, in the
    order in which it saw them."""
    connection = await connect(settings, Role.RELAY)
    log = RelayLog(connection)
    cursor, heads = await log.all_heads()
    seen = {head.tenant_id: head.seq for head in heads}
    published: dict[UUID, list[Event]] = {head.tenant_id: [] for head in heads}
    looking.set()
    while True:
        last = stop.is_set()
        cursor, events = await log.new_events(cursor, 100_000)
        for event in events:
            if event.seq > seen[event.tenant_id]:
                seen[event.tenant_id] = event.seq
                published[event.tenant_id].append(event)
        if last:
            await connection.close()
            return published


async def test_sixteen_writers_leave_no_gap_and_a_relay_misses_nothing(
    settings: Settings, admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    pool = await create_pool(settings, Role.API, WRITERS)
    client = Client(Database(pool))
    rolled_back = 0

    async def write(number: int) -> None:
        nonlocal rolled_back
        chance = random.Random(number)
        one = (hotel, other_hotel)[number % 2]
        for _ in range(ROUNDS):
            order = await client.place(one, {"soup": 1, "curry": 1}, room=chance.randrange(2))
            if chance.random() < 0.4:
                async with pool.acquire() as connection:
                    doomed = connection.transaction()
                    await doomed.start()
                    await connection.execute(f"SET LOCAL app.current_tenant_id = '{one.tenant_id}'")
                    await connection.execute("UPDATE app.orders SET recall_count = 9 WHERE id = $1", order.id)
                    # takes a number that nobody must ever see
                    await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
                    await doomed.rollback()
                    rolled_back += 1
            await client.cook(one, "item.advance", order, line=1, to="cooking")

    before = {one.tenant_id: await Logbook(admin, one.tenant_id).skip() for one in (hotel, other_hotel)}
    looking, stop = asyncio.Event(), asyncio.Event()
    relay = asyncio.create_task(relay_all(settings, looking, stop))
    async with asyncio.timeout(10):
        await looking.wait()
    await asyncio.gather(*(write(number) for number in range(WRITERS)))
    stop.set()
    published = await relay
    await pool.close()
    assert rolled_back > 10
    for tenant_id, log in before.items():
        start = log.seq
        events = await log.new()  # asserts that they follow on each other
        assert len(events) == WRITERS * ROUNDS  # half the writers, two changes each
        assert [event.seq for event in published[tenant_id]] == list(range(start + 1, log.seq + 1))
        assert [bytes(event.data).decode() for event in published[tenant_id]] == [e.payload for e in events]
        versions: dict[UUID, int] = {}
        for event in events:
            assert event.version > versions.get(event.subject, 0), "events of an order follow its versions"
            versions[event.subject] = event.version


async def test_an_open_transaction_holds_up_nobody(client: Client, hotel: Hotel, settings: Settings) -> None:
    """The head is the last lock, and lives for the commit only."""
    one, other = [await client.place(hotel, {"soup": 1}) for _ in range(2)]
    async with writer(settings) as slow, asyncio.timeout(1.5), slow.transaction():
        await slow.execute("UPDATE app.orders SET status = 'cooking' WHERE id = $1", one.id)
        await client.cook(hotel, "order.advance", other, to="cooking")
        await client.place(hotel, {"soup": 1})


# Two transactions bump two items of one order at once. A gate stands in the function that takes the head:
# each comes to it, or waits for the other, and then it is opened.

GATE: Final = 4711

# Without the lock of the order, which the version's trigger takes, only the order of the two steps is left.
UNLOCKED: Final = """
DROP TRIGGER raise_version_update ON app.order_items;
CREATE FUNCTION app.log_item() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seq bigint;
    document jsonb;
BEGIN
    {steps}
    INSERT INTO app.events (tenant_id, seq, kind, subject, topics, payload)
    VALUES (NEW.tenant_id, seq, 'order', NEW.order_id, ARRAY['kitchen'], document);
    RETURN NULL;
END
$$;
ALTER FUNCTION app.log_item() OWNER TO hub_log;
CREATE CONSTRAINT TRIGGER log AFTER UPDATE ON app.order_items
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.log_item();
"""
TAKE: Final = "seq := app.take_head(NEW.tenant_id);"
READ: Final = (
    "document := (SELECT d.document FROM app.order_documents AS d"
    " WHERE d.tenant_id = NEW.tenant_id AND d.id = NEW.order_id);"
)


@asynccontextmanager
async def gated(servers: Servers, template: str) -> AsyncIterator[tuple[Settings, Connection]]:
    """A database of its own with the gate in it."""
    async with clone(servers, template, "gate") as name:
        settings = settings_for(servers, name)
        async with writer(settings) as admin:
            text = await admin.fetchval("SELECT pg_get_functiondef('app.take_head(uuid)'::regprocedure)")
            wait = f"BEGIN\n    PERFORM pg_advisory_xact_lock_shared({GATE});"
            changed = text.replace("BEGIN", wait, 1)
            assert changed != text
            await admin.execute(changed)
            yield settings, admin


async def bump_two_items(settings: Settings, admin: Connection) -> tuple[Order, Order]:
    """The order as the last event has it, and as it is."""
    pool = await create_pool(settings, Role.API, 2)
    hotel = await make_hotel(admin)
    order = await Client(Database(pool)).place(hotel, {"soup": 1, "curry": 1})
    await pool.close()
    log = await Logbook(admin, hotel.tenant_id).skip()

    async def bump(connection: Connection, line: int) -> None:
        async with connection.transaction():
            await connection.execute(
                "UPDATE app.order_items SET status = 'cooking' WHERE order_id = $1 AND line = $2",
                order.id,
                line,
            )

    async with writer(settings) as first, writer(settings) as second:
        await admin.execute("SELECT pg_advisory_lock($1)", GATE)
        bumps = [asyncio.create_task(bump(connection, n)) for n, connection in enumerate((first, second), 1)]
        for connection in (first, second):
            await until_waiting(admin, connection.get_server_pid())
        await admin.execute("SELECT pg_advisory_unlock($1)", GATE)
        await asyncio.gather(*bumps)
    events = await log.new()
    assert len(events) == 2
    now = await document(admin, order.id)
    assert item_statuses(now) == ["cooking", "cooking"]
    return events[-1].order, now


async def test_two_items_bumped_at_once_leave_the_right_last_event(servers: Servers, template: str) -> None:
    async with gated(servers, template) as (settings, admin):
        logged, now = await bump_two_items(settings, admin)
        assert logged == now
        assert logged.version == 3


async def test_the_head_before_the_payload_would_do_alone(servers: Servers, template: str) -> None:
    async with gated(servers, template) as (settings, admin):
        await admin.execute(UNLOCKED.format(steps=TAKE + READ))
        logged, now = await bump_two_items(settings, admin)
        assert logged == now


async def test_the_payload_before_the_head_leaves_a_stale_event(servers: Servers, template: str) -> None:
    """The check above can fail: this is the mistake that it would catch."""
    async with gated(servers, template) as (settings, admin):
        await admin.execute(UNLOCKED.format(steps=READ + TAKE))
        logged, now = await bump_two_items(settings, admin)
        assert sorted(item_statuses(logged)) == ["cooking", "pending"]
        assert logged != now


# Deadlocks


async def test_a_writer_who_locks_the_item_before_its_order(
    settings: Settings, admin: Connection, hotel: Hotel, caplog: pytest.LogCaptureFixture
) -> None:
    """The hub locks the order first. It is the victim, repeats its command, and both changes stand."""
    caplog.set_level("INFO", "hub.db.database")
    # Each looks once, so long after it began to wait: psql waits by then, and looks too late itself.
    await admin.execute(f"ALTER ROLE hub_api IN DATABASE {settings.namespace} SET deadlock_timeout = '800ms'")
    pool = await create_pool(settings, Role.API, 2)
    client = Client(Database(pool))
    order = await client.place(hotel, {"soup": 1, "curry": 1})
    log = await Logbook(admin, hotel.tenant_id).skip()
    async with writer(settings) as psql:
        await psql.execute("SET deadlock_timeout = '1h'")
        async with psql.transaction():
            await psql.execute(
                "SELECT FROM app.order_items WHERE order_id = $1 AND line = 1 FOR UPDATE", order.id
            )
            bump = asyncio.create_task(client.cook(hotel, "item.advance", order, line=1, to="cooking"))
            [hub] = await waiting_for_a_lock(admin)
            await until_waiting(admin, hub)
            await psql.execute(
                "UPDATE app.order_items SET note = 'hot' WHERE order_id = $1 AND line = 1", order.id
            )
    changed = await bump
    await pool.close()
    assert not changed.noop
    assert (changed.order.items[0].status, changed.order.items[0].note) == ("cooking", "hot")
    events = await log.new()
    assert len(events) == 2
    assert events[-1].order == changed.order == await document(admin, order.id)
    reasons = [getattr(record, "reason", None) for record in caplog.records]
    assert reasons == ["DeadlockDetectedError"]
