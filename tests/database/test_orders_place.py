"""Placing orders: what is stored, what is refused, and that a refusal leaves nothing behind."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, cast
from uuid import uuid4

import msgspec
import pytest

from hub.db.database import Database
from hub.errors import (
    AgeNotAttested,
    AllergenConflict,
    Forbidden,
    HubError,
    InvalidInput,
    ItemUnavailable,
    NotFound,
    OperationMismatch,
    OutOfStock,
    PriceChanged,
    StayEnded,
)
from hub.orders.documents import OneOrder
from hub.orders.messages import Quote, QuoteReply
from tests.factories import make_staff
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.permissions import StaffRole
    from tests.factories import Hotel


@pytest.fixture
def client(database: Database) -> Client:
    return Client(database)


def at(database: Database, now: datetime) -> Client:
    """A client of a hub whose clock stands still."""
    return Client(Database(database.pool, clock=lambda: now))


async def stock(admin: Connection, hotel: Hotel, name: str) -> int | None:
    found = await admin.fetchval("SELECT stock_quantity FROM app.menu_items WHERE id = $1", hotel.menu[name])
    return cast("int | None", found)


async def left_behind(admin: Connection, hotel: Hotel) -> tuple[int, ...]:
    """How many orders, items, counters, remembered operations and events a hotel has."""
    row = await admin.fetchrow(
        "SELECT (SELECT count(*) FROM app.orders WHERE tenant_id = $1),"
        " (SELECT count(*) FROM app.order_items WHERE tenant_id = $1),"
        " (SELECT count(*) FROM app.order_counters WHERE tenant_id = $1),"
        " (SELECT count(*) FROM app.idempotency WHERE tenant_id = $1),"
        " (SELECT count(*) FROM app.events WHERE tenant_id = $1 AND kind LIKE 'order%')",
        hotel.tenant_id,
    )
    assert row is not None
    return tuple(row)


async def test_a_placed_order_is_what_was_asked_for(client: Client, hotel: Hotel, admin: Connection) -> None:
    tablet = hotel.tablet()
    lines = [
        {"menu_item_id": hotel.menu["soup"], "quantity": 2, "note": "no onions"},
        {"menu_item_id": hotel.menu["beer"], "quantity": 1, "note": ""},
    ]
    placed = await client.call(
        tablet, "order.place", OneOrder, lines=lines, age_attested=True, special_requests="quietly"
    )
    order = placed.order
    assert (order.status, order.version, order.order_number, order.room_number) == ("received", 1, 1, "101")
    assert (order.stay_id, order.special_requests) == (tablet.stay_id, "quietly")
    assert (order.subtotal_amount, order.tax_amount, order.total_amount) == (2600, 236, 2600)
    assert [(i.line, i.name_en, i.quantity, i.total_price, i.note, i.status) for i in order.items] == [
        (1, "soup", 2, 1800, "no onions", "pending"),
        (2, "beer", 1, 800, None, "pending"),
    ]
    assert order.items[0].allergens == []
    events = await admin.fetch(
        "SELECT payload::text AS payload, topics FROM app.events WHERE subject = $1", order.id
    )
    assert [msgspec.json.decode(event["payload"], type=type(order)) for event in events] == [order]
    assert events[0]["topics"] == ["kitchen", f"stay:{tablet.stay_id}"]


async def test_the_snapshot_of_a_line_outlives_the_menu(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    await admin.execute(
        "UPDATE app.menu_items SET allergens = '{egg,milk}', name_en = NULL WHERE id = $1", hotel.menu["cake"]
    )
    await admin.execute("UPDATE app.menu_items SET allergens = NULL WHERE id = $1", hotel.menu["soup"])
    order = await client.place(hotel, {"cake": 1, "soup": 1})
    assert [(i.name_en, i.allergens) for i in order.items] == [("cake", ["egg", "milk"]), ("soup", None)]
    await admin.execute(
        "UPDATE app.menu_items SET price = 1, name_ja = 'new', allergens = '{}' WHERE tenant_id = $1",
        hotel.tenant_id,
    )
    cooking = await client.cook(hotel, "order.advance", order, to="cooking")
    assert [(i.name_ja, i.unit_price, i.allergens) for i in cooking.order.items] == [
        ("cake", 700, ["egg", "milk"]),
        ("soup", 900, None),
    ]


async def test_the_quote_is_what_the_order_will_cost(client: Client, hotel: Hotel) -> None:
    cart = [{"menu_item_id": hotel.menu[name], "quantity": 3} for name in ("soup", "cake", "soup")]
    quote = (await client.call(hotel.tablet(), "order.quote", QuoteReply, lines=cart)).quote
    assert [(line.name_en, line.total_price) for line in quote.lines] == [
        ("soup", 2700),
        ("cake", 2100),
        ("soup", 2700),
    ]
    assert [(part.rate_bp, part.base_amount, part.tax_amount) for part in quote.taxes] == [(1000, 7500, 681)]
    placed = await client.call(
        hotel.tablet(), "order.place", OneOrder, lines=cart, quoted_total=quote.total_amount
    )
    assert (placed.order.total_amount, placed.order.tax_amount) == (quote.total_amount, quote.tax_amount)


async def test_exclusive_prices_and_the_hotels_rounding(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    await admin.execute(
        "UPDATE app.tenants SET prices_include_tax = false, tax_rounding = 'ceil' WHERE id = $1",
        hotel.tenant_id,
    )
    await admin.execute("UPDATE app.menu_items SET price = 105 WHERE id = $1", hotel.menu["soup"])
    order = await client.place(hotel, {"soup": 3})
    assert (order.subtotal_amount, order.tax_amount, order.total_amount) == (315, 32, 347)


async def test_a_new_rate_holds_from_its_business_day(
    database: Database, hotel: Hotel, admin: Connection
) -> None:
    await admin.execute(
        "INSERT INTO app.tax_rates (tenant_id, tax_class, fulfilment, rate_bp, valid_from)"
        " VALUES ($1, 'food', 'room_service', 0, '2027-04-01')",
        hotel.tenant_id,
    )
    for clock, rate in (
        (datetime(2027, 3, 31, 19, 59, tzinfo=UTC), 1000),  # 04:59 in Tokyo: still the last day of March
        (datetime(2027, 3, 31, 20, 0, tzinfo=UTC), 0),
    ):
        order = await at(database, clock).place(hotel, {"soup": 1})
        assert order.items[0].tax_rate_bp == rate


async def test_numbers_begin_at_one_on_each_business_day(database: Database, hotel: Hotel) -> None:
    numbers = []
    for clock in (
        datetime(2026, 11, 20, 3, 0, tzinfo=UTC),  # noon in Tokyo
        datetime(2026, 11, 20, 19, 59, tzinfo=UTC),  # 04:59 next day
        datetime(2026, 11, 20, 20, 0, tzinfo=UTC),  # 05:00
        datetime(2026, 11, 21, 3, 0, tzinfo=UTC),
    ):
        order = await at(database, clock).place(hotel, {"soup": 1})
        numbers.append((order.business_date, order.order_number))
        assert order.placed_at == clock
    assert numbers == [
        (date(2026, 11, 20), 1),
        (date(2026, 11, 20), 2),
        (date(2026, 11, 21), 1),
        (date(2026, 11, 21), 2),
    ]


async def test_stock_is_taken_from_all_lines_or_none(client: Client, hotel: Hotel, admin: Connection) -> None:
    cake = {"menu_item_id": hotel.menu["cake"]}
    soup = {"menu_item_id": hotel.menu["soup"], "quantity": 1}
    await client.place(hotel, {"cake": 1})
    # the same item on two lines counts together
    lines = [{**cake, "quantity": 2}, soup, {**cake, "quantity": 1}]
    with pytest.raises(OutOfStock) as caught:
        await client.call(hotel.tablet(), "order.place", OneOrder, lines=lines)
    assert caught.value.details["left"] == [{"menu_item_id": hotel.menu["cake"], "left": 2}]
    with pytest.raises(OutOfStock):
        await client.call(hotel.tablet(), "order.quote", QuoteReply, lines=lines)
    assert await stock(admin, hotel, "cake") == 2
    await client.call(hotel.tablet(), "order.place", OneOrder, lines=[{**cake, "quantity": 1}] * 2)
    assert await stock(admin, hotel, "cake") == 0
    assert await stock(admin, hotel, "soup") is None


REFUSED: list[tuple[dict[str, object], type[HubError], str | None]] = [
    ({"lines": []}, InvalidInput, "lines"),
    ({"lines": [("soup", 0)]}, InvalidInput, "lines[0].quantity"),
    ({"lines": [("soup", -1)]}, InvalidInput, "lines[0].quantity"),
    ({"lines": [("soup", 1), ("soup", 1_000_000)]}, InvalidInput, "lines[1].quantity"),
    ({"lines": [("soup", 1)] * 51}, InvalidInput, "lines"),
    ({"lines": [("soup", 1)], "quoted_totl": 900}, InvalidInput, None),
    ({"lines": [("soup", 1)], "special_requests": "x" * 501}, InvalidInput, "special_requests"),
    ({"lines": [("soup", 1)], "special_requests": "a\0b"}, InvalidInput, "special_requests"),
    ({"lines": [("soup", 1), ("nothing", 1)]}, NotFound, "lines[1].menu_item_id"),
    ({"lines": [("hidden", 1)]}, NotFound, "lines[0].menu_item_id"),
    ({"lines": [("deleted", 1)]}, NotFound, "lines[0].menu_item_id"),
    ({"lines": [("foreign", 1)]}, NotFound, "lines[0].menu_item_id"),
    ({"lines": [("soup", 1), ("switched_off", 1)]}, ItemUnavailable, "lines[1].menu_item_id"),
    ({"lines": [("beer", 1)]}, AgeNotAttested, "age_attested"),
    ({"lines": [("cake", 1), ("soup", 1)], "quoted_total": 1599}, PriceChanged, "quoted_total"),
    ({"lines": [("soup", 1), ("cake", 4)]}, OutOfStock, None),
    ({"lines": [("gold", 99)] * 3}, InvalidInput, "lines"),
    ({"lines": [("untaxed", 1), ("cake", 1)]}, ItemUnavailable, "lines[0].menu_item_id"),
]


@pytest.mark.parametrize(("args", "error", "field"), REFUSED)
async def test_a_refused_order_leaves_nothing_behind(
    client: Client,
    hotel: Hotel,
    other_hotel: Hotel,
    admin: Connection,
    args: dict[str, object],
    error: type[HubError],
    field: str | None,
) -> None:
    ids = {**hotel.menu, "nothing": uuid4(), "foreign": other_hotel.menu["soup"]}
    for name, change in (
        ("hidden", "is_hidden = true"),
        ("deleted", "deleted_at = now()"),
        ("switched_off", "is_available = false"),
        ("gold", "price = 10000000"),
        ("untaxed", "tax_class = 'toys'"),
    ):
        ids[name] = await admin.fetchval(
            "INSERT INTO app.menu_items (tenant_id, name_ja, price, category)"
            " VALUES ($1, $2, 100, 'meals') RETURNING id",
            hotel.tenant_id,
            name,
        )
        await admin.execute(f"UPDATE app.menu_items SET {change} WHERE id = $1", ids[name])
    lines = cast("list[tuple[str, int]]", args["lines"])
    cart = [{"menu_item_id": ids[name], "quantity": quantity} for name, quantity in lines]
    with pytest.raises(error) as caught:
        await client.call(hotel.tablet(), "order.place", OneOrder, **{**args, "lines": cart})
    assert type(caught.value) is error
    assert caught.value.field == field
    assert await left_behind(admin, hotel) == (0, 0, 0, 0, 0)
    assert await stock(admin, hotel, "cake") == 3


async def test_a_changed_price_comes_with_the_new_quote(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    await admin.execute("UPDATE app.menu_items SET price = 950 WHERE id = $1", hotel.menu["soup"])
    with pytest.raises(PriceChanged) as caught:
        await client.place(hotel, {"soup": 1}, quoted_total=900)
    new = caught.value.details["quote"]
    assert isinstance(new, Quote)
    assert (await client.place(hotel, {"soup": 1}, quoted_total=new.total_amount)).total_amount == 950


@pytest.mark.parametrize(
    ("utc", "opens"),
    [
        (datetime(2026, 11, 21, 12, 59, tzinfo=UTC), False),  # 21:59 in Tokyo
        (datetime(2026, 11, 21, 13, 0, tzinfo=UTC), True),  # 22:00
        (datetime(2026, 11, 21, 16, 59, tzinfo=UTC), True),  # 01:59
        (datetime(2026, 11, 21, 17, 0, tzinfo=UTC), False),  # 02:00
    ],
)
async def test_an_item_is_served_in_its_hours(
    database: Database, hotel: Hotel, admin: Connection, utc: datetime, opens: bool
) -> None:
    await admin.execute(
        "UPDATE app.menu_items SET start_time = '22:00', end_time = '02:00' WHERE id = $1",
        hotel.menu["curry"],
    )
    client = at(database, utc)
    if opens:
        assert (await client.place(hotel, {"curry": 1})).status == "received"
        return
    with pytest.raises(ItemUnavailable) as caught:
        await client.place(hotel, {"soup": 1, "curry": 1})
    assert caught.value.details["unavailable"] == [
        {
            "field": "lines[1].menu_item_id",
            "menu_item_id": hotel.menu["curry"],
            "reason": "closed",
            "opens_at": datetime(2026, 11, utc.day + (utc.hour >= 13), 13, 0, tzinfo=UTC),
            "start_time": "22:00",
            "end_time": "02:00",
        }
    ]


async def test_the_same_operation_twice_is_one_order(client: Client, hotel: Hotel, admin: Connection) -> None:
    op_id = uuid4()
    first = await client.place(hotel, {"cake": 1}, op_id)
    await client.cook(hotel, "order.advance", first, to="ready")
    assert await client.place(hotel, {"cake": 1}, op_id) == first, (
        "the stored answer, not the order as it is now"
    )
    with pytest.raises(OperationMismatch):
        await client.place(hotel, {"cake": 2}, op_id)
    assert (await client.place(hotel, {"soup": 1}, op_id, room=1)).order_number == 2, (
        "ids are each device's own"
    )
    assert await stock(admin, hotel, "cake") == 2


async def test_a_refusal_is_judged_afresh(client: Client, hotel: Hotel, admin: Connection) -> None:
    op_id = uuid4()
    with pytest.raises(OutOfStock):
        await client.place(hotel, {"cake": 4}, op_id)
    await admin.execute("UPDATE app.menu_items SET stock_quantity = 4 WHERE id = $1", hotel.menu["cake"])
    assert (await client.place(hotel, {"cake": 4}, op_id)).order_number == 1


async def test_nobody_orders_for_a_stay_that_is_over(client: Client, hotel: Hotel, admin: Connection) -> None:
    await admin.execute("UPDATE app.stays SET ended_at = now() WHERE id = $1", hotel.rooms[0].stay_id)
    with pytest.raises(StayEnded):
        await client.place(hotel, {"soup": 1})
    nobody = msgspec.structs.replace(hotel.tablet(1), stay_id=None)
    cart = [{"menu_item_id": hotel.menu["soup"], "quantity": 1}]
    with pytest.raises(StayEnded):
        await client.call(nobody, "order.place", OneOrder, lines=cart)
    with pytest.raises(Forbidden):
        await client.call(hotel.kitchen(), "order.place", OneOrder, lines=cart)


async def test_staff_order_for_a_room(
    client: Client, hotel: Hotel, other_hotel: Hotel, admin: Connection
) -> None:
    await admin.execute(
        "INSERT INTO app.stays (tenant_id, room_number) VALUES ($1, '777')", other_hotel.tenant_id
    )
    cart = [{"menu_item_id": hotel.menu["soup"], "quantity": 1}]
    roles: list[StaffRole] = ["front", "manager"]
    for number, role in enumerate(roles):
        person = await make_staff(admin, hotel, role)
        placed = await client.call(person, "order.place", OneOrder, lines=cart, room_number="102")
        assert (placed.order.stay_id, placed.order.room_number) == (hotel.rooms[1].stay_id, "102")
        assert (placed.order.channel, placed.order.order_number) == ("staff", number + 1)
        with pytest.raises(NotFound) as caught:
            await client.call(person, "order.place", OneOrder, lines=cart, room_number="777")
        assert caught.value.field == "room_number"
        with pytest.raises(InvalidInput) as wrong:
            await client.call(person, "order.place", OneOrder, lines=cart)
        assert wrong.value.field == "room_number"
        await admin.execute("UPDATE app.stays SET ended_at = now() WHERE id = $1", hotel.rooms[0].stay_id)
        with pytest.raises(NotFound):
            await client.call(person, "order.place", OneOrder, lines=cart, room_number="101")


async def test_what_staff_order_is_checked_as_for_the_guest(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    await admin.execute(
        "UPDATE app.stays SET allergens = '{egg}', allergens_version = 'jp-2026-04',"
        " allergens_declared_at = now() WHERE id = $1",
        hotel.rooms[1].stay_id,
    )
    await admin.execute(
        "UPDATE app.menu_items SET allergens = '{egg,milk}' WHERE id = $1", hotel.menu["cake"]
    )
    front = await make_staff(admin, hotel, "front")
    cart = [{"menu_item_id": hotel.menu["cake"], "quantity": 1}]
    with pytest.raises(AllergenConflict):
        await client.call(front, "order.place", OneOrder, lines=cart, room_number="102")
    placed = await client.call(
        front, "order.place", OneOrder, lines=cart, room_number="102", allergens_confirmed=True
    )
    assert placed.order.declared_allergens == ["egg"]
    row = await admin.fetchrow(
        "SELECT allergens_version, service_tax_rate_bp FROM app.orders WHERE id = $1", placed.order.id
    )
    assert row is not None
    assert tuple(row) == ("jp-2026-04", 0)


async def test_only_staff_name_a_room(client: Client, hotel: Hotel, admin: Connection) -> None:
    cart = [{"menu_item_id": hotel.menu["soup"], "quantity": 1}]
    for room in ("101", "102"):
        with pytest.raises(Forbidden):
            await client.call(hotel.tablet(), "order.place", OneOrder, lines=cart, room_number=room)
    roles: list[StaffRole] = ["kitchen", "runner", "menu_editor"]
    for role in roles:
        person = await make_staff(admin, hotel, role)
        with pytest.raises(Forbidden):
            await client.call(person, "order.place", OneOrder, lines=cart, room_number="102")


async def test_a_guests_phone_orders_for_its_stay(client: Client, hotel: Hotel, admin: Connection) -> None:
    cart = [{"menu_item_id": hotel.menu["soup"], "quantity": 1}]
    placed = await client.call(await hotel.phone(admin), "order.place", OneOrder, lines=cart)
    assert (placed.order.channel, placed.order.stay_id) == ("phone", hotel.rooms[0].stay_id)
    assert (await client.place(hotel, {"soup": 1})).channel == "tablet"
