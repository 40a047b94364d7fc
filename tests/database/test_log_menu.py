"""What the triggers write into the log of the menu, the hotel and its stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.database.logbook import Logbook
from tests.factories import Hotel
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.pool import Connection


@pytest.mark.parametrize(
    ("item", "change", "kinds"),
    [
        ("cake", "stock_quantity = 2", []),
        ("cake", "stock_quantity = 1", []),
        ("cake", "stock_quantity = 0", ["menu_item"]),
        ("cake", "stock_quantity = NULL", []),
        ("soup", "stock_quantity = 0", ["menu_item"]),
        ("soup", "is_available = false", ["menu_item"]),
        ("soup", "cost = 12, metadata = '{\"supplier\": 7}', low_stock_threshold = 2", []),
        ("soup", "price = 900", []),
        ("soup", "price = 950", ["menu_item"]),
        ("soup", "allergens = NULL", ["menu_item"]),
        ("soup", "name_en = 'Soup of the day', cost = 3", ["menu_item"]),
        ("soup", "is_hidden = true", ["menu_item.removed"]),
        ("soup", "deleted_at = now()", ["menu_item.removed"]),
    ],
)
async def test_a_menu_event_is_what_a_guest_sees(
    psql: Connection, hotel: Hotel, log: Logbook, item: str, change: str, kinds: list[str]
) -> None:
    await psql.execute(f"UPDATE app.menu_items SET {change} WHERE id = $1", hotel.menu[item])
    events = await log.new()
    assert [event.kind for event in events] == kinds
    for event in events:
        assert event.topics == ["menu"]
        if event.kind == "menu_item.removed":
            assert event.data == {"id": str(hotel.menu[item])}
        else:
            assert event.data["id"] == str(hotel.menu[item])
            assert event.data["sold_out"] is ("stock" in change or "is_available" in change)
            assert not event.data.keys() & {"cost", "metadata", "stock_quantity", "low_stock_threshold"}


async def test_what_guests_never_saw_makes_no_event(psql: Connection, hotel: Hotel, log: Logbook) -> None:
    hidden = await psql.fetchval(
        "INSERT INTO app.menu_items (tenant_id, name_ja, price, category, is_hidden)"
        " VALUES ($1, '秘密', 100, 'meals', true) RETURNING id",
        hotel.tenant_id,
    )
    await psql.execute("UPDATE app.menu_items SET price = 200 WHERE id = $1", hidden)
    assert await log.new() == []
    await psql.execute("UPDATE app.menu_items SET is_hidden = false WHERE id = $1", hidden)
    (shown,) = await log.new()
    assert (shown.kind, shown.data["price"]) == ("menu_item", 200)
    async with psql.transaction():
        await psql.execute("UPDATE app.menu_items SET is_hidden = true WHERE id = $1", hidden)
        await psql.execute("UPDATE app.menu_items SET price = 300 WHERE id = $1", hidden)
        await psql.execute("DELETE FROM app.menu_items WHERE id = $1", hidden)
    (removed,) = await log.new()
    assert removed.kind == "menu_item.removed"


async def test_an_order_that_takes_the_last_portion_says_so(
    client: Client, hotel: Hotel, log: Logbook
) -> None:
    await client.place(hotel, {"cake": 2})
    assert [event.kind for event in await log.new()] == ["order"]
    await client.place(hotel, {"cake": 1})
    events = {event.kind: event for event in await log.new()}
    assert events.keys() == {"order", "menu_item"}
    assert events["menu_item"].data["sold_out"] is True


async def test_few_portions_are_said_when_they_become_few(
    client: Client, hotel: Hotel, admin: Connection, log: Logbook
) -> None:
    cake = hotel.menu["cake"]
    await admin.execute(
        "UPDATE app.menu_items SET stock_quantity = 5, low_stock_threshold = 3 WHERE id = $1", cake
    )
    await client.place(hotel, {"cake": 1})
    assert [event.kind for event in await log.new()] == ["order"]
    order = await client.place(hotel, {"cake": 1})
    events = {event.kind: event for event in await log.new()}
    assert events.keys() == {"order", "low_stock"}
    assert (events["low_stock"].topics, events["low_stock"].subject) == (["kitchen"], cake)
    assert events["low_stock"].data == {
        "id": str(cake),
        "name_ja": "cake",
        "name_en": "cake",
        "left": 3,
        "threshold": 3,
    }
    await client.place(hotel, {"cake": 1})
    assert [event.kind for event in await log.new()] == ["order"], "once"
    # what is put back and taken again crosses it once more
    await client.cook(hotel, "order.cancel", order)
    await client.place(hotel, {"soup": 1})
    await admin.execute("UPDATE app.menu_items SET stock_quantity = 9 WHERE id = $1", cake)
    await log.new()
    await client.place(hotel, {"cake": 9})
    assert sorted(event.kind for event in await log.new()) == ["low_stock", "menu_item", "order"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("6", "5", True),
        ("6", "0", True),
        ("6", "6", False),
        ("7", "6", False),
        ("5", "4", False),
        ("3", "5", False),
        ("NULL", "5", False),
        ("6", "NULL", False),
    ],
)
async def test_the_threshold_is_crossed_downward(
    psql: Connection, hotel: Hotel, log: Logbook, before: str, after: str, said: bool
) -> None:
    change = "UPDATE app.menu_items SET stock_quantity = {} WHERE id = $1"
    await psql.execute(change.format(before), hotel.menu["cake"])
    await log.new()
    await psql.execute(change.format(after), hotel.menu["cake"])
    assert ("low_stock" in [event.kind for event in await log.new()]) is said


async def test_a_change_that_is_taken_back_is_said_once_at_most(
    psql: Connection, hotel: Hotel, log: Logbook
) -> None:
    async with psql.transaction():
        for price in (950, 960, 970):
            await psql.execute(
                "UPDATE app.menu_items SET price = $2 WHERE id = $1", hotel.menu["soup"], price
            )
    (event,) = await log.new()
    assert event.data["price"] == 970


async def test_the_hotel_as_screens_know_it(psql: Connection, hotel: Hotel, log: Logbook) -> None:
    await psql.execute(
        "UPDATE app.tenants SET plan_type = 'premium', room_limit = 99 WHERE id = $1", hotel.tenant_id
    )
    assert await log.new() == []
    await psql.execute(
        "UPDATE app.tenants SET settings = '{\"recall_minutes\": 45}' WHERE id = $1", hotel.tenant_id
    )
    (event,) = await log.new()
    assert (event.kind, event.topics, event.data["recall_minutes"]) == ("hotel", ["kitchen", "menu"], 45)
    assert not event.data.keys() & {"plan_type", "room_limit", "settings"}


async def test_the_end_of_a_stay_ends_its_topic(psql: Connection, hotel: Hotel, log: Logbook) -> None:
    stay = hotel.rooms[0].stay_id
    await psql.execute("UPDATE app.stays SET updated_at = now() WHERE id = $1", stay)
    assert await log.new() == []
    for _ in range(2):
        await psql.execute("UPDATE app.stays SET ended_at = now() WHERE id = $1", stay)
    (event,) = await log.new()
    assert (event.kind, event.topics) == ("topic.ended", [f"stay:{stay}"])
    assert event.data == {"topic": f"stay:{stay}"}


async def test_the_clock_and_zone_of_a_writer_do_not_show(
    psql: Connection, client: Client, hotel: Hotel, log: Logbook
) -> None:
    order = await client.place(hotel, {"soup": 1})
    await log.new()
    await psql.execute(
        "SET TimeZone = 'Pacific/Auckland'; SET DateStyle = 'German'; SET IntervalStyle = 'iso_8601'"
    )
    await psql.execute("UPDATE app.orders SET recall_count = 1 WHERE id = $1", order.id)
    (event,) = await log.new()
    assert (event.order.placed_at, event.order.business_date) == (order.placed_at, order.business_date)
