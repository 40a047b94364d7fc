"""A kitchen that takes on so much at once: orders are moved, wishes refused, the last place goes to one."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from hub.db.database import Database
from hub.db.queries import Query
from hub.db.scope import Scope
from hub.errors import ItemUnavailable, KitchenPaused, LaterThanQuoted, SlotFull
from hub.orders.basis import LOCK_SLOTS
from hub.orders.documents import Order
from hub.orders.messages import Estimate, Quote, QuoteReply, SlotsReply
from tests.locks import waiting_for_a_lock
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.database.changing import Clock
    from tests.factories import Hotel

# 12:04 in Tokyo: the fourth minute of a slot
NOON = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
NOW = NOON + timedelta(minutes=4)


def after(minutes: float) -> datetime:
    """So long after noon."""
    return NOON + timedelta(minutes=minutes)


@pytest.fixture
def client(database: Database, clock: Clock) -> Client:
    clock.now = NOW
    return Client(Database(database.pool, clock=clock))


async def limit(admin: Connection, hotel: Hotel, **settings: object) -> None:
    await admin.execute(
        "UPDATE app.tenants SET settings = $2 WHERE id = $1", hotel.tenant_id, json.dumps(settings)
    )


def lines(hotel: Hotel, name: str) -> list[dict[str, object]]:
    return [{"menu_item_id": hotel.menu[name], "quantity": 1}]


async def quoted(client: Client, hotel: Hotel, name: str = "soup") -> Estimate:
    reply = await client.call(hotel.tablet(), "order.quote", QuoteReply, lines=lines(hotel, name))
    return reply.quote.estimate


async def test_an_order_without_room_is_moved_and_its_quote_says_so(
    client: Client, hotel: Hotel, admin: Connection, clock: Clock
) -> None:
    await limit(admin, hotel, throttle_orders=2)
    begun = []
    for _ in range(5):
        said = await quoted(client, hotel)
        order = await client.place(hotel, {"soup": 1})
        assert (order.fire_at, order.due_at, order.estimated_delivery_at) == (said.fire_at, None, said.last)
        begun.append(order.fire_at)
    assert begun == [None, None, after(15), after(15), after(30)]
    clock.now = after(16)
    assert (await client.place(hotel, {"soup": 1})).fire_at == after(30)


async def test_an_order_that_would_be_much_later_than_was_said_is_asked_about(
    client: Client, hotel: Hotel, admin: Connection, clock: Clock
) -> None:
    """While the guest reads, somebody else takes the last place of the slot."""
    await limit(admin, hotel, throttle_orders=1, throttle_interval_minutes=30)
    said = await quoted(client, hotel)
    clock.now = NOW + timedelta(minutes=10)
    order = await client.place(hotel, {"soup": 1}, quoted_until=said.last)
    assert order.estimated_delivery_at is not None
    assert order.estimated_delivery_at > said.last, (
        "that the guest has read for a while is nothing to ask about"
    )
    with pytest.raises(LaterThanQuoted) as caught:
        await client.place(hotel, {"soup": 1}, quoted_until=said.last)
    assert caught.value.field == "quoted_until"
    new = caught.value.details["quote"]
    assert isinstance(new, Quote)
    assert new.estimate == await quoted(client, hotel), "nothing was taken"
    moved = await client.place(hotel, {"soup": 1}, quoted_until=new.estimate.last)
    assert (moved.fire_at, moved.estimated_delivery_at) == (new.estimate.fire_at, new.estimate.last)
    assert (await client.place(hotel, {"soup": 1})).fire_at == after(60), "who names no time takes any"
    last = datetime.max.replace(tzinfo=UTC)
    assert (await client.place(hotel, {"soup": 1}, quoted_until=last)).fire_at == after(90)


async def test_a_wish_that_came_too_late_is_asked_about(client: Client, hotel: Hotel, clock: Clock) -> None:
    """It cannot be reached any more, and would be made as soon as possible."""
    wish: dict[str, Any] = {"due_at": after(30), "quoted_until": after(30)}
    clock.now = after(12)
    order = await client.place(hotel, {"soup": 1}, **wish)
    assert (order.due_at, order.estimated_delivery_at) == (None, after(40))
    clock.now = after(25)
    with pytest.raises(LaterThanQuoted):
        await client.place(hotel, {"soup": 1}, **wish)


async def test_a_slot_takes_so_much_work(client: Client, hotel: Hotel, admin: Connection) -> None:
    await limit(admin, hotel, throttle_minutes=40, throttle_interval_minutes=30)
    # 60 minutes of work are more than a slot takes, and take an empty one
    assert (await client.place(hotel, {"curry": 3})).fire_at is None
    assert (await client.place(hotel, {"curry": 1})).fire_at == after(30)
    assert (await client.place(hotel, {"soup": 3})).fire_at == after(60)
    assert (await client.place(hotel, {"soup": 2})).fire_at == after(30)
    assert (await client.place(hotel, {"cake": 1})).fire_at == after(30), "it is no work"


async def test_a_wish_without_room_is_refused_with_the_next_free_ones(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    await limit(admin, hotel, throttle_orders=1)
    # soup takes 20 minutes with the way; both are begun between 13:00 and 13:15
    await client.place(hotel, {"soup": 1}, due_at=after(85))
    free = [after(105 + 15 * n) for n in range(5)]
    wish = {"lines": lines(hotel, "soup"), "due_at": after(90)}
    for name in ("order.quote", "order.place"):
        with pytest.raises(SlotFull) as caught:
            await client.call(hotel.tablet(1), name, QuoteReply, **wish)
        assert caught.value.details == {"field": "due_at", "free": free}
    assert (await client.place(hotel, {"soup": 1}, room=1, due_at=free[0])).due_at == free[0]
    offered = await client.call(hotel.tablet(), "order.slots", SlotsReply, lines=lines(hotel, "soup"))
    taken = [slot.at for slot in offered.slots if not slot.free]
    assert taken == [after(90), after(105)]


async def test_what_is_cancelled_gives_its_place_back_and_what_is_delivered_does_not(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    await limit(admin, hotel, throttle_orders=1)
    order = await client.place(hotel, {"cake": 1})
    for step in ("ready", "delivering", "delivered"):
        await client.cook(hotel, "order.advance", order, to=step)
    moved = await client.place(hotel, {"soup": 1})
    assert moved.fire_at == after(15)
    assert (await client.place(hotel, {"soup": 1})).fire_at == after(30)
    await client.cook(hotel, "order.cancel", moved)
    assert (await client.place(hotel, {"soup": 1})).fire_at == after(15)


async def test_a_cancelled_line_is_no_work(client: Client, hotel: Hotel, admin: Connection) -> None:
    await limit(admin, hotel, throttle_minutes=30)
    order = await client.place(hotel, {"curry": 1, "soup": 1})
    assert (await quoted(client, hotel)).fire_at == after(15)
    await client.cook(hotel, "order.cancel", order, items=[1])
    assert (await quoted(client, hotel)).fire_at is None


async def test_what_is_taken_from_the_fridge_asks_nothing_of_the_kitchen(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    """The guest helps himself: no place in a slot, no pause, no preparation, no way."""
    await limit(admin, hotel, throttle_orders=1)
    await admin.execute(
        "UPDATE app.menu_items SET fulfilment = 'fridge' WHERE id = ANY ($1)",
        [hotel.menu["cake"], hotel.menu["curry"]],
    )
    await admin.execute(
        "INSERT INTO app.tax_rates (tenant_id, tax_class, fulfilment, rate_bp, valid_from)"
        " VALUES ($1, 'food', 'fridge', 800, '2019-10-01')",
        hotel.tenant_id,
    )
    at_hand = Estimate(None, after(5), after(10))
    assert await quoted(client, hotel, "curry") == at_hand
    order = await client.place(hotel, {"curry": 1})
    assert (order.fire_at, order.estimated_delivery_at) == (None, after(10))
    assert order.items[0].preparation_minutes == 0, "nobody prepares it, and nobody waits for it"
    assert (await client.place(hotel, {"soup": 1})).fire_at is None, "the place in the slot is still there"
    assert await quoted(client, hotel, "curry") == at_hand
    slots = (await client.call(hotel.tablet(), "order.slots", SlotsReply, lines=lines(hotel, "cake"))).slots
    assert [slot.at for slot in slots[:2]] == [after(15), after(30)]
    assert all(slot.free for slot in slots)
    assert (await client.place(hotel, {"curry": 1}, due_at=after(15))).fire_at == after(15)
    assert (await client.place(hotel, {"soup": 1})).fire_at == after(15)
    paused = {"pause": {"since": NOW.isoformat(), "until": None, "message_ja": None, "message_en": None}}
    await limit(admin, hotel, **paused)
    assert (await client.place(hotel, {"cake": 1, "curry": 1})).fire_at is None
    with pytest.raises(KitchenPaused):
        await client.place(hotel, {"cake": 1, "soup": 1})


async def test_a_moved_order_is_taxed_as_on_the_day_on_which_it_is_served(
    client: Client, hotel: Hotel, admin: Connection, clock: Clock
) -> None:
    await limit(admin, hotel, throttle_orders=1)
    await admin.execute(
        "INSERT INTO app.tax_rates (tenant_id, tax_class, fulfilment, rate_bp, valid_from)"
        " VALUES ($1, 'food', 'room_service', 1200, '2026-11-20')",
        hotel.tenant_id,
    )
    clock.now = NOON - timedelta(hours=7, minutes=5)  # 04:55, five minutes before the business day
    first = await client.place(hotel, {"soup": 1})
    reply = await client.call(hotel.tablet(), "order.quote", QuoteReply, lines=lines(hotel, "soup"))
    moved = await client.place(hotel, {"soup": 1}, quoted_total=reply.quote.total_amount)
    assert (first.fire_at, moved.fire_at) == (None, NOON - timedelta(hours=7))
    assert [order.taxes[0].rate_bp for order in (first, moved)] == [1000, 1200]
    assert list(reply.quote.taxes) == moved.taxes
    assert first.business_date == moved.business_date == date(2026, 11, 19), (
        "it is an order of the day it came"
    )


async def test_an_order_is_not_moved_into_hours_in_which_it_is_not_served(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    await limit(admin, hotel, throttle_orders=1)
    await admin.execute(
        "UPDATE app.menu_items SET start_time = '11:00', end_time = '12:15' WHERE id = $1", hotel.menu["soup"]
    )
    await client.place(hotel, {"soup": 1})
    for name in ("order.quote", "order.place"):
        with pytest.raises(ItemUnavailable):
            await client.call(hotel.tablet(), name, QuoteReply, lines=lines(hotel, "soup"))
    assert (await client.place(hotel, {"curry": 1})).fire_at == after(15)


@pytest.mark.parametrize("due_at", [None, after(60)])
async def test_the_last_place_in_a_slot_goes_to_one(
    client: Client, hotel: Hotel, admin: Connection, due_at: datetime | None
) -> None:
    await limit(admin, hotel, throttle_orders=3)
    results = await asyncio.gather(
        *(client.place(hotel, {"soup": 1}, room=n % 2, due_at=due_at) for n in range(12)),
        return_exceptions=True,
    )
    placed = [result for result in results if isinstance(result, Order)]
    if due_at is not None:
        refused = [result for result in results if isinstance(result, SlotFull)]
        assert (len(placed), len(refused)) == (3, 9)
        return
    begun = sorted(order.fire_at or NOW for order in placed)
    assert begun == [NOW] * 3 + [after(15)] * 3 + [after(30)] * 3 + [after(45)] * 3


async def test_only_a_limited_kitchen_is_waited_for(
    client: Client, hotel: Hotel, other_hotel: Hotel, admin: Connection
) -> None:
    await limit(admin, hotel, throttle_orders=9)
    await limit(admin, other_hotel, throttle_orders=9)
    async with admin.transaction():
        await admin.execute(LOCK_SLOTS.text, hotel.tenant_id)
        waiting = asyncio.create_task(client.place(hotel, {"cake": 1}))
        await waiting_for_a_lock(admin)
        # it holds no stock meanwhile, and no place of another hotel
        await client.place(other_hotel, {"cake": 1})
        await admin.execute("SELECT FROM app.menu_items WHERE id = $1 FOR UPDATE NOWAIT", hotel.menu["cake"])
        await limit(admin, hotel)
    assert (await waiting).status == "received"


async def test_a_kitchen_without_limits_costs_no_more_statements(
    client: Client, hotel: Hotel, admin: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    check = Scope._check

    def noted(scope: Scope, query: Query) -> None:
        asked.append(query.name)
        check(scope, query)

    monkeypatch.setattr(Scope, "_check", noted)
    await client.place(hotel, {"soup": 1}, due_at=after(60))
    assert asked == ["orders.basis", "orders.insert_order"]
    asked.clear()
    await limit(admin, hotel, throttle_orders=9)
    await client.place(hotel, {"soup": 1})
    assert asked == ["orders.basis", "orders.lock_slots", "orders.slots_taken", "orders.insert_order"]
