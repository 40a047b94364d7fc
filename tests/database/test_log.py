"""What the triggers write into the log of orders, whoever the writer is."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from tests.database.logbook import Logbook, document
from tests.factories import Hotel
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.pool import Connection

EVERYTHING = {"soup": 1, "curry": 1, "cake": 1, "beer": 1}

ITEM = (
    "INSERT INTO app.order_items (tenant_id, order_id, line, menu_item_id, name_ja, name_en, tax_class,"
    " tax_rate_bp, unit_price, quantity, total_price, station, preparation_minutes)"
    " SELECT tenant_id, $1, $2, id, name_ja, name_en, tax_class, 1000, price, 1, price, station, 10"
    " FROM app.menu_items WHERE id = $3"
)


async def write_order(connection: Connection, hotel: Hotel, version: int | None = 0) -> UUID:
    """The row of an order, without items."""
    number = await connection.fetchval(
        "SELECT coalesce(max(order_number), 0) + 1 FROM app.orders WHERE tenant_id = $1", hotel.tenant_id
    )
    order_id: UUID = await connection.fetchval(
        "INSERT INTO app.orders (tenant_id, business_date, order_number, stay_id, room_number,"
        " subtotal_amount, tax_amount, total_amount, prices_include_tax, version)"
        " VALUES ($1, '2026-11-21', $2, $3, '101', 5000, 454, 5000, true, $4) RETURNING id",
        hotel.tenant_id,
        number,
        hotel.rooms[0].stay_id,
        version,
    )
    return order_id


async def test_a_placed_order_is_one_event(client: Client, hotel: Hotel, log: Logbook) -> None:
    order = await client.place(hotel, EVERYTHING, age_attested=True)
    (event, *stock) = await log.new()
    assert (event.kind, event.subject, event.version) == ("order", order.id, 1)
    assert event.topics == ["kitchen", f"stay:{hotel.rooms[0].stay_id}"]
    assert event.order == order
    assert not stock, "two portions of cake are left"


@pytest.mark.parametrize("immediate", ["never", "before the commit", "from the start"])
async def test_an_order_of_five_items_is_one_event(
    psql: Connection, admin: Connection, hotel: Hotel, log: Logbook, immediate: str
) -> None:
    async with psql.transaction():
        if immediate == "from the start":
            await psql.execute("SET CONSTRAINTS ALL IMMEDIATE")
        order_id = await write_order(psql, hotel)
        await psql.execute(
            ITEM.replace("$2", "n").replace("WHERE id = $3", ", generate_series(1, 5) AS n WHERE id = $2"),
            order_id,
            hotel.menu["soup"],
        )
        if immediate == "before the commit":
            await psql.execute("SET CONSTRAINTS ALL IMMEDIATE")
    (event,) = await log.new()
    assert (event.kind, event.version, len(event.order.items)) == ("order", 1, 5)
    assert event.order == await document(admin, order_id)


async def test_items_one_by_one_are_one_event_too(psql: Connection, hotel: Hotel, log: Logbook) -> None:
    async with psql.transaction():
        order_id = await write_order(psql, hotel)
        for line in range(1, 6):
            await psql.execute(ITEM, order_id, line, hotel.menu["soup"])
    (event,) = await log.new()
    assert (event.version, len(event.order.items)) == (1, 5)


async def test_what_was_told_already_is_told_again(
    psql: Connection, admin: Connection, hotel: Hotel, log: Logbook
) -> None:
    async with psql.transaction():
        await psql.execute("SET CONSTRAINTS ALL IMMEDIATE")
        order_id = await write_order(psql, hotel)
        for line in range(1, 4):
            await psql.execute(ITEM, order_id, line, hotel.menu["soup"])
        await psql.execute("UPDATE app.order_items SET status = 'cooking' WHERE order_id = $1", order_id)
    *_, event = events = await log.new()
    assert [event.version for event in events] == [1, 2, 3, 4]
    assert event.order == await document(admin, order_id)


async def test_an_order_without_items_is_no_news(psql: Connection, hotel: Hotel, log: Logbook) -> None:
    order_id = await write_order(psql, hotel)
    assert await log.new() == []
    await psql.execute(ITEM, order_id, 1, hotel.menu["soup"])
    (event,) = await log.new()
    assert (event.version, event.order.status) == (1, "received")


async def test_an_order_that_was_written_as_it_was_is_told_of_its_items(
    client: Client, psql: Connection, admin: Connection, hotel: Hotel
) -> None:
    order = await client.place(hotel, {"soup": 1, "curry": 1})
    log = await Logbook(admin, hotel.tenant_id).skip()
    async with psql.transaction():
        await psql.execute("UPDATE app.orders SET status = status WHERE id = $1", order.id)
        await psql.execute(
            "UPDATE app.order_items SET status = 'cooking' WHERE line = 1 AND order_id = $1", order.id
        )
    (event,) = await log.new()
    assert (event.version, [item.status for item in event.order.items]) == (2, ["cooking", "pending"])


@pytest.mark.parametrize("version", [None, -1, 0, 7])
async def test_only_one_version_is_a_writers_own(
    psql: Connection, hotel: Hotel, log: Logbook, version: int | None
) -> None:
    order_id = await write_order(psql, hotel, version)
    assert await log.new() == []
    assert await psql.fetchval("SELECT version FROM app.orders WHERE id = $1", order_id) == 0


@pytest.mark.parametrize(
    ("table", "key", "status", "finished"),
    [
        ("orders", "id", "delivering", False),
        ("orders", "id", "delivered", True),
        ("orders", "id", "cancelled", True),
        ("order_items", "line = 2 AND order_id", "cooking", False),
    ],
)
async def test_another_system_changes_a_status(
    client: Client,
    psql: Connection,
    admin: Connection,
    hotel: Hotel,
    table: str,
    key: str,
    status: str,
    finished: bool,
) -> None:
    placed = await client.place(hotel, {"soup": 1, "curry": 1})
    log = await Logbook(admin, hotel.tenant_id).skip()
    await psql.execute(f"UPDATE app.{table} SET status = $2 WHERE {key} = $1", placed.id, status)
    (event,) = await log.new()
    order = event.order
    assert (event.kind, event.version, order.version) == ("order", 2, 2)
    assert event.topics == ["kitchen", f"stay:{hotel.rooms[0].stay_id}"]
    if table == "orders":
        assert order.status == status
    else:
        assert [item.status for item in order.items] == ["pending", "cooking"]
    assert (order.finished_at is not None) is finished
    assert (order.cancelled_at is not None) is (status == "cancelled")
    assert order == await document(admin, placed.id)


async def test_every_writer_raises_the_version(
    client: Client, psql: Connection, admin: Connection, hotel: Hotel
) -> None:
    order = await client.place(hotel, {"soup": 1, "curry": 1})
    changes = [
        "UPDATE app.orders SET special_requests = 'no onions' WHERE id = $1",
        "UPDATE app.order_items SET note = 'hot' WHERE order_id = $1",
        "DELETE FROM app.order_items WHERE order_id = $1 AND line = 2",
        "UPDATE app.orders SET version = 77 WHERE id = $1",
        "UPDATE app.orders SET metadata = '{}' WHERE id = $1",  # stands so already
        "UPDATE app.order_items SET note = 'cold' WHERE order_id = $1 AND line = 99",
    ]
    versions = []
    for change in changes:
        await psql.execute(change, order.id)
        versions.append((await document(admin, order.id)).version)
    assert versions == [2, 3, 4, 5, 5, 5]
    cooked = await client.cook(hotel, "order.advance", order, to="cooking")
    assert cooked.order.version > 5


async def test_many_changes_of_one_transaction_are_one_event(
    client: Client, psql: Connection, admin: Connection, hotel: Hotel
) -> None:
    orders = [await client.place(hotel, {"soup": 1, "curry": 1}) for _ in range(2)]
    log = await Logbook(admin, hotel.tenant_id).skip()
    async with psql.transaction():
        for status in ("cooking", "ready"):
            await psql.execute(
                "UPDATE app.order_items SET status = $1 WHERE tenant_id = $2", status, hotel.tenant_id
            )
            await psql.execute(
                "UPDATE app.orders SET status = $1 WHERE tenant_id = $2", status, hotel.tenant_id
            )
    events = await log.new()
    assert sorted(event.subject for event in events) == sorted(order.id for order in orders)
    for event in events:
        assert event.order == await document(admin, event.subject)


async def test_what_is_rolled_back_was_never_there(
    client: Client, psql: Connection, admin: Connection, hotel: Hotel
) -> None:
    order = await client.place(hotel, {"soup": 1})
    log = await Logbook(admin, hotel.tenant_id).skip()
    transaction = psql.transaction()
    await transaction.start()
    await psql.execute("UPDATE app.orders SET status = 'cooking' WHERE id = $1", order.id)
    await psql.execute("SET CONSTRAINTS ALL IMMEDIATE")
    await transaction.rollback()
    async with psql.transaction():
        nested = psql.transaction()
        await nested.start()
        await psql.execute("UPDATE app.orders SET status = 'cooking' WHERE id = $1", order.id)
        await nested.rollback()
        await psql.execute("UPDATE app.orders SET status = 'ready' WHERE id = $1", order.id)
    (event,) = await log.new()
    assert (event.version, event.order.status) == (2, "ready")


async def test_an_order_that_moves_to_another_stay_leaves_the_old_one(
    client: Client, psql: Connection, admin: Connection, hotel: Hotel
) -> None:
    order = await client.place(hotel, {"soup": 1})
    log = await Logbook(admin, hotel.tenant_id).skip()
    old, new = (room.stay_id for room in hotel.rooms)
    await psql.execute("UPDATE app.orders SET stay_id = $2 WHERE id = $1", order.id, new)
    event, removal = await log.new()
    assert (event.kind, event.topics, event.order.stay_id) == ("order", ["kitchen", f"stay:{new}"], new)
    assert (removal.kind, removal.topics) == ("order.removed", [f"stay:{old}"])
    assert removal.data == {"id": str(order.id)}


async def test_a_deleted_order_is_removed(
    client: Client, psql: Connection, admin: Connection, hotel: Hotel
) -> None:
    order = await client.place(hotel, {"soup": 1, "curry": 1})
    log = await Logbook(admin, hotel.tenant_id).skip()
    await psql.execute("DELETE FROM app.orders WHERE id = $1", order.id)
    (removal,) = await log.new()
    assert (removal.kind, removal.subject) == ("order.removed", order.id)
    assert removal.topics == ["kitchen", f"stay:{hotel.rooms[0].stay_id}"]
    assert removal.data == {"id": str(order.id)}


async def test_deleting_the_items_first_is_a_removal_all_the_same(
    client: Client, psql: Connection, admin: Connection, hotel: Hotel
) -> None:
    order = await client.place(hotel, {"soup": 1, "curry": 1})
    log = await Logbook(admin, hotel.tenant_id).skip()
    async with psql.transaction():
        await psql.execute("DELETE FROM app.order_items WHERE order_id = $1", order.id)
        await psql.execute("DELETE FROM app.orders WHERE id = $1", order.id)
    assert [event.kind for event in await log.new()] == ["order.removed"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE app.orders SET id = gen_random_uuid() WHERE id = $1",
        "UPDATE app.order_items SET line = 7 WHERE order_id = $1",
        "UPDATE app.order_items SET order_id = (SELECT id FROM app.orders WHERE id <> $1 LIMIT 1)"
        " WHERE order_id = $1",
        "UPDATE app.menu_items SET id = gen_random_uuid() WHERE id ="
        " (SELECT menu_item_id FROM app.order_items WHERE order_id = $1)",
    ],
)
async def test_what_screens_know_a_row_by_never_changes(
    client: Client, psql: Connection, hotel: Hotel, change: str
) -> None:
    """Otherwise the old row stays on the screens, and the order that an item left is told nothing."""
    await client.place(hotel, {"curry": 1})
    order = await client.place(hotel, {"soup": 1})
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="never changes"):
        await psql.execute(change, order.id)
