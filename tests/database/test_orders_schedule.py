"""Orders for a wished time, and when any order is there, by what the kitchen has to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest

from hub.db.database import Database
from hub.errors import InvalidInput, ItemUnavailable, NotFound, OutOfStock
from hub.orders.backlog import KEPT, MANY
from hub.orders.documents import OneOrder
from hub.orders.messages import Estimate, QuoteReply, SlotsReply
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.database.changing import Clock
    from tests.factories import Hotel

# noon in Tokyo
NOON = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@pytest.fixture
def client(database: Database, clock: Clock) -> Client:
    clock.now = NOON
    return Client(Database(database.pool, clock=clock))


def cart(hotel: Hotel, **quantities: int) -> list[dict[str, object]]:
    return [{"menu_item_id": hotel.menu[name], "quantity": quantity} for name, quantity in quantities.items()]


async def estimate(client: Client, hotel: Hotel, *, due_at: datetime | None = None, **items: int) -> Estimate:
    reply = await client.call(
        hotel.tablet(), "order.quote", QuoteReply, lines=cart(hotel, **items), due_at=due_at
    )
    return reply.quote.estimate


async def test_an_estimate_is_the_slowest_dish_and_the_way(client: Client, hotel: Hotel) -> None:
    # 20 minutes for the curry, 10 for the way
    quoted = await estimate(client, hotel, curry=1, soup=2)
    assert quoted == Estimate(None, after(30), after(40))
    order = await client.place(hotel, {"curry": 1, "soup": 2})
    assert (order.fire_at, order.due_at, order.estimated_delivery_at) == (None, None, after(40))
    assert await estimate(client, hotel, cake=1) == Estimate(None, after(10), after(15))


async def test_what_the_kitchen_has_to_do_is_waited_for(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    order = await client.place(hotel, {"curry": 3, "beer": 9}, age_attested=True)
    # 60 minutes of work, three portions at once
    assert (await estimate(client, hotel, soup=1)).first == after(40)
    assert (await estimate(client, hotel, cake=1)).first == after(10), "it needs no preparation"
    assert (await client.place(hotel, {"soup": 1}, room=1)).estimated_delivery_at == after(50)
    await client.cook(hotel, "order.advance", order, to="cooking")
    assert (await estimate(client, hotel, soup=1)).first == after(45), "and the soup of the other room"
    await client.cook(hotel, "item.advance", order, line=1, to="ready")
    assert (await estimate(client, hotel, soup=1)).first == after(25)
    await admin.execute(
        'UPDATE app.tenants SET settings = \'{"station_capacity": {"kitchen": 1}, "delivery_minutes": 20}\''
        " WHERE id = $1",
        hotel.tenant_id,
    )
    assert (await estimate(client, hotel, soup=1)).first == after(40)


async def test_much_work_is_counted_every_few_seconds(
    client: Client, hotel: Hotel, admin: Connection, clock: Clock
) -> None:
    order = await client.place(hotel, {"soup": 1})
    await admin.execute(
        "INSERT INTO app.order_items (tenant_id, order_id, line, menu_item_id, name_ja, name_en, tax_class,"
        " tax_rate_bp, unit_price, quantity, total_price, station, preparation_minutes)"
        " SELECT tenant_id, order_id, n, menu_item_id, name_ja, name_en, tax_class, tax_rate_bp, unit_price,"
        " quantity, total_price, station, 3 FROM app.order_items, generate_series(2, $2::integer) AS n"
        " WHERE order_id = $1",
        order.id,
        MANY,
    )
    # 307 minutes of work, three portions at once; 10 for the soup itself and 10 for the way
    busy = after(125)
    assert (await estimate(client, hotel, soup=1)).first == busy
    await admin.execute("UPDATE app.order_items SET status = 'ready' WHERE order_id = $1", order.id)
    assert (await estimate(client, hotel, soup=1)).first == busy
    assert (await client.place(hotel, {"soup": 1}, room=1)).estimated_delivery_at == after(160)
    clock.now = NOON + KEPT
    # 3 minutes for a third of the other room's soup
    assert (await estimate(client, hotel, soup=1)).first == after(25)


async def test_an_order_for_a_wished_time_waits_for_its_moment(client: Client, hotel: Hotel) -> None:
    wished = after(120)
    assert await estimate(client, hotel, due_at=wished, curry=9) == Estimate(after(90), wished, wished)
    order = await client.place(hotel, {"curry": 9}, due_at=wished)
    assert (order.status, order.fire_at, order.due_at, order.estimated_delivery_at) == (
        "received",
        after(90),
        wished,
        wished,
    )
    assert (await estimate(client, hotel, soup=1)).first == after(20), "the kitchen does not begin it yet"
    assert (await client.place(hotel, {"soup": 1})).estimated_delivery_at == after(25)


async def test_it_is_work_from_its_moment_on(client: Client, hotel: Hotel, clock: Clock) -> None:
    await client.place(hotel, {"curry": 9}, due_at=after(120))
    clock.now = after(89.9)
    assert (await estimate(client, hotel, soup=1)).first == after(110)
    clock.now = after(90)
    assert (await estimate(client, hotel, soup=1)).first == after(170)


@pytest.mark.parametrize(
    "wished",
    [
        after(0),
        after(-1),
        after(48 * 60 + 1),
        "2026-11-20T14:00:00",
        "tomorrow",
    ],
)
async def test_a_time_that_cannot_be_wished(client: Client, hotel: Hotel, wished: object) -> None:
    for name, wanted in (("order.quote", QuoteReply), ("order.place", OneOrder)):
        with pytest.raises(InvalidInput) as caught:
            await client.call(hotel.tablet(), name, wanted, lines=cart(hotel, soup=1), due_at=wished)
        assert caught.value.field == "due_at"


async def test_up_to_two_days_ahead(client: Client, hotel: Hotel) -> None:
    order = await client.place(hotel, {"soup": 1}, due_at=after(48 * 60))
    assert order.due_at == after(48 * 60)


async def test_a_time_that_cannot_be_reached_any_more_is_as_soon_as_possible(
    client: Client, hotel: Hotel
) -> None:
    assert await estimate(client, hotel, due_at=after(30), curry=1) == Estimate(None, after(30), after(40))
    order = await client.place(hotel, {"curry": 1}, due_at=after(10))
    assert (order.fire_at, order.due_at, order.estimated_delivery_at) == (None, None, after(40))


async def test_a_scheduled_order_is_of_the_hours_in_which_it_is_made(
    client: Client, hotel: Hotel, admin: Connection, clock: Clock
) -> None:
    await admin.execute(
        "UPDATE app.menu_items SET start_time = '07:00', end_time = '10:00', last_order_minutes = 30"
        " WHERE id = $1",
        hotel.menu["curry"],
    )
    opens = after(19 * 60)  # 07:00 tomorrow
    for begin, reason in (
        (opens - timedelta(minutes=1), "closed"),
        (opens, None),
        (opens + timedelta(minutes=149), None),
        (opens + timedelta(minutes=150), "last_order"),
    ):
        due_at = begin + timedelta(minutes=30)
        if reason is None:
            assert (await client.place(hotel, {"curry": 1}, due_at=due_at)).fire_at == begin
            continue
        with pytest.raises(ItemUnavailable) as caught:
            await client.place(hotel, {"soup": 1, "curry": 1}, due_at=due_at)
        next_one = opens if begin < opens else opens + timedelta(days=1)
        assert caught.value.details["unavailable"] == [
            {
                "field": "lines[1].menu_item_id",
                "menu_item_id": hotel.menu["curry"],
                "reason": reason,
                "opens_at": next_one,
                "start_time": "07:00",
                "end_time": "10:00",
            }
        ]
    clock.now = opens
    with pytest.raises(ItemUnavailable):
        await client.place(hotel, {"curry": 1}, due_at=opens + timedelta(hours=5))


async def test_hours_by_weekday_are_kept(client: Client, hotel: Hotel, admin: Connection) -> None:
    # a Friday at noon; its hours begin on Fridays and last until 02:00
    await admin.execute(
        "UPDATE app.menu_items SET start_time = '22:00', end_time = '02:00', days = '{5}' WHERE id = $1",
        hotel.menu["soup"],
    )
    late = after(13 * 60)  # 01:00 on Saturday
    assert (await client.place(hotel, {"soup": 1}, due_at=late)).due_at == late
    with pytest.raises(ItemUnavailable):
        await client.place(hotel, {"soup": 1}, due_at=late + timedelta(days=1))


async def test_what_is_sold_out_until_then_can_be_wished_for_later(
    client: Client, hotel: Hotel, admin: Connection, clock: Clock
) -> None:
    await admin.execute(
        "UPDATE app.menu_items SET is_available = false, sold_out_until = $2 WHERE id = $1",
        hotel.menu["soup"],
        after(60),
    )
    for due_at in (None, after(79)):
        with pytest.raises(ItemUnavailable) as caught:
            await client.place(hotel, {"soup": 1}, due_at=due_at)
        refused = cast("list[dict[str, object]]", caught.value.details["unavailable"])
        assert [(line["reason"], line["opens_at"]) for line in refused] == [("sold_out", after(60))]
    assert (await client.place(hotel, {"soup": 1}, due_at=after(80))).fire_at == after(60)
    # nobody has turned the switch back, and yet it is back
    clock.now = after(60)
    assert (await client.place(hotel, {"soup": 1})).status == "received"


async def test_a_scheduled_order_takes_its_stock_at_once(client: Client, hotel: Hotel) -> None:
    await client.place(hotel, {"cake": 2}, due_at=after(600))
    with pytest.raises(OutOfStock):
        await client.place(hotel, {"cake": 2})


async def test_the_times_that_can_be_wished(client: Client, hotel: Hotel, admin: Connection) -> None:
    await admin.execute(
        "UPDATE app.menu_items SET start_time = '13:00', end_time = '14:00' WHERE id = $1",
        hotel.menu["curry"],
    )
    lines = cart(hotel, curry=1, soup=1)
    slots = (await client.call(hotel.tablet(), "order.slots", SlotsReply, lines=lines)).slots
    # half an hour from now on, for a day
    assert [slot.at for slot in slots] == [after(30 + 15 * n) for n in range(1, 24 * 4 - 1)]
    assert [slot.at for slot in slots if slot.free] == [after(minutes) for minutes in (90, 105, 120, 135)]
    for slot in slots[:8]:
        if slot.free:
            assert (await client.place(hotel, {"curry": 1, "soup": 1}, due_at=slot.at)).due_at == slot.at
        else:
            with pytest.raises(ItemUnavailable):
                await client.place(hotel, {"curry": 1, "soup": 1}, due_at=slot.at)


async def test_no_times_for_what_is_not_on_the_menu(client: Client, hotel: Hotel, other_hotel: Hotel) -> None:
    lines = [*cart(hotel, soup=1), *cart(other_hotel, soup=1)]
    with pytest.raises(NotFound) as caught:
        await client.call(hotel.tablet(), "order.slots", SlotsReply, lines=lines)
    assert caught.value.field == "lines[1].menu_item_id"
