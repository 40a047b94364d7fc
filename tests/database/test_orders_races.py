"""Orders under fire: many at once, writers that hold locks, and deadlocks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest
from msgspec import Raw

from hub.db.database import Database
from hub.db.scope import Scope
from hub.errors import AlreadyPreparing, OutOfStock, StayEnded, VersionMismatch
from hub.orders import store
from hub.orders.documents import ChangedOrder, Order
from hub.orders.model import Change
from tests.locks import waiting_for_a_lock
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel


@pytest.fixture
def client(database: Database) -> Client:
    return Client(database)


@asynccontextmanager
async def another_writer(settings: Settings) -> AsyncIterator[Connection]:
    """A second superuser's connection, as another system has one."""
    connection: Connection = await asyncpg.connect(settings.database_url)
    try:
        yield connection
    finally:
        await connection.close()


async def test_the_last_portion_goes_to_one_of_twenty(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    await admin.execute("UPDATE app.menu_items SET stock_quantity = 1 WHERE id = $1", hotel.menu["cake"])
    results = await asyncio.gather(
        *(client.place(hotel, {"cake": 1, "soup": 1}, room=n % 2) for n in range(20)), return_exceptions=True
    )
    placed = [result for result in results if isinstance(result, Order)]
    refused = [result for result in results if isinstance(result, OutOfStock)]
    assert (len(placed), len(refused)) == (1, 19)
    assert all(
        error.details["left"] == [{"menu_item_id": hotel.menu["cake"], "left": 0}] for error in refused
    )
    assert placed[0].order_number == 1
    orders = await admin.fetchval("SELECT count(*) FROM app.orders WHERE tenant_id = $1", hotel.tenant_id)
    assert orders == 1


async def test_two_items_in_any_order_never_deadlock(
    client: Client, hotel: Hotel, admin: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    await admin.execute("UPDATE app.menu_items SET stock_quantity = 30 WHERE tenant_id = $1", hotel.tenant_id)
    caplog.set_level("INFO", "hub.db.database")

    async def order_and_cancel(number: int) -> None:
        names = ("soup", "curry", "cake") if number % 2 else ("cake", "curry", "soup")
        order = await client.place(hotel, dict.fromkeys(names, 1), room=number % 2)
        if number % 3 == 0:
            await client.cook(hotel, "order.cancel", order)

    await asyncio.gather(*(order_and_cancel(number) for number in range(30)))
    left = await admin.fetch(
        "SELECT name_en, stock_quantity FROM app.menu_items WHERE tenant_id = $1", hotel.tenant_id
    )
    assert {row["name_en"]: row["stock_quantity"] for row in left} == {
        "soup": 10,
        "curry": 10,
        "cake": 10,
        "beer": 30,
    }
    numbers = await admin.fetch(
        "SELECT order_number FROM app.orders WHERE tenant_id = $1 ORDER BY 1", hotel.tenant_id
    )
    assert [row["order_number"] for row in numbers] == list(range(1, 31))
    assert not [record for record in caplog.records if record.message == "transaction repeated"]


async def test_two_cooks_bump_at_once(client: Client, hotel: Hotel, admin: Connection) -> None:
    commands: list[tuple[str, dict[str, object]]] = [
        ("order.advance", {"to": "cooking"}),
        ("item.advance", {"line": 1, "to": "cooking"}),
    ]
    for name, args in commands:
        order = await client.place(hotel, {"soup": 1, "curry": 1})
        both = await asyncio.gather(*(client.cook(hotel, name, order, **args) for _ in range(2)))
        assert sorted(changed.noop for changed in both) == [False, True]
        assert both[0].order == both[1].order
        events = await admin.fetchval("SELECT count(*) FROM app.events WHERE subject = $1", order.id)
        assert events == 2


async def test_two_changes_of_one_version(client: Client, hotel: Hotel) -> None:
    order = await client.place(hotel, {"soup": 1, "curry": 1})
    results = await asyncio.gather(
        *(
            client.cook(hotel, "item.advance", order, line=line, to="cooking", expected_version=order.version)
            for line in (1, 2)
        ),
        return_exceptions=True,
    )
    assert {type(result) for result in results} == {ChangedOrder, VersionMismatch}


async def test_every_item_bumped_at_once(client: Client, hotel: Hotel, admin: Connection) -> None:
    order = await client.place(hotel, {"soup": 1, "curry": 1, "cake": 1})
    for to in ("cooking", "ready"):
        await asyncio.gather(
            *(client.cook(hotel, "item.advance", order, line=line, to=to) for line in (1, 2, 3))
        )
    last = await admin.fetchval(
        "SELECT payload ->> 'status' FROM app.events WHERE subject = $1 ORDER BY seq DESC LIMIT 1", order.id
    )
    assert last == "ready"


async def test_a_cancellation_and_a_bump_that_cross(client: Client, hotel: Hotel, admin: Connection) -> None:
    order = await client.place(hotel, {"cake": 1})
    # the cook's transaction holds the order while the guest cancels
    async with admin.transaction():
        await admin.execute("SELECT FROM app.orders WHERE id = $1 FOR UPDATE", order.id)
        guest = asyncio.create_task(
            client.call(hotel.tablet(), "order.cancel", ChangedOrder, order_id=order.id)
        )
        await waiting_for_a_lock(admin)
        await admin.execute(
            "UPDATE app.order_items SET status = 'cooking' WHERE tenant_id = $1 AND order_id = $2",
            hotel.tenant_id,
            order.id,
        )
        await admin.execute("UPDATE app.orders SET status = 'cooking' WHERE id = $1", order.id)
    with pytest.raises(AlreadyPreparing):
        await guest
    left = await admin.fetchval("SELECT stock_quantity FROM app.menu_items WHERE id = $1", hotel.menu["cake"])
    assert left == 2


async def test_the_same_operation_at_once_is_one_order(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    op_id = uuid4()
    results = await asyncio.gather(*(client.place(hotel, {"cake": 1}, op_id) for _ in range(5)))
    assert len({order.id for order in results}) == 1
    left = await admin.fetchval("SELECT stock_quantity FROM app.menu_items WHERE id = $1", hotel.menu["cake"])
    assert left == 2


async def test_a_stay_does_not_end_under_an_order(
    client: Client, hotel: Hotel, admin: Connection, settings: Settings
) -> None:
    async with another_writer(settings) as desk:
        # the check-out has begun when the order comes: the order waits, and finds the stay over
        check_out = desk.transaction()
        await check_out.start()
        await desk.execute("UPDATE app.stays SET ended_at = now() WHERE id = $1", hotel.rooms[0].stay_id)
        order = asyncio.create_task(client.place(hotel, {"soup": 1}))
        await waiting_for_a_lock(admin)
        await check_out.commit()
        with pytest.raises(StayEnded):
            await order
    orders = await admin.fetchval("SELECT count(*) FROM app.orders WHERE tenant_id = $1", hotel.tenant_id)
    assert orders == 0


async def test_a_deadlock_with_another_system_is_survived(
    client: Client,
    hotel: Hotel,
    admin: Connection,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Another system locks an order and then the stock, against the order of locks. The hub is the victim,
    and does its transaction again as a whole."""
    caplog.set_level("INFO", "hub.db.database")
    order = await client.place(hotel, {"cake": 1})
    async with another_writer(settings) as foreign:
        # the foreign one never looks for deadlocks, so the hub's is the one that is rolled back
        await foreign.execute("SET deadlock_timeout = '1h'")
        transaction = foreign.transaction()
        await transaction.start()
        await foreign.execute("SELECT FROM app.orders WHERE id = $1 FOR UPDATE", order.id)
        cancelling = asyncio.create_task(client.cook(hotel, "order.cancel", order))
        await waiting_for_a_lock(admin)
        await foreign.execute("SELECT FROM app.menu_items WHERE id = $1 FOR UPDATE", hotel.menu["cake"])
        await transaction.rollback()
        assert (await cancelling).order.status == "cancelled"
    repeated = [record for record in caplog.records if record.message == "transaction repeated"]
    assert [getattr(record, "reason", None) for record in repeated] == ["DeadlockDetectedError"]
    left = await admin.fetchval("SELECT stock_quantity FROM app.menu_items WHERE id = $1", hotel.menu["cake"])
    assert left == 3, "restocked once"


async def test_a_deadlock_between_two_of_the_hub_is_repeated(
    client: Client, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The retry repeats the whole command: a failure after everything was written leaves one change."""
    save = store.save
    failures = [asyncpg.DeadlockDetectedError("deadlock detected"), asyncpg.SerializationError("try again")]

    async def fail_at_first(scope: Scope, locked: store.LockedOrder, change: Change) -> Raw:
        document = await save(scope, locked, change)
        if failures:
            raise failures.pop()
        return document

    monkeypatch.setattr(store, "save", fail_at_first)
    order = await client.place(hotel, {"soup": 1})
    changed = await client.cook(hotel, "order.advance", order, to="cooking")
    assert (changed.order.status, changed.noop, failures) == ("cooking", False, [])
