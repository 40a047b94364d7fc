"""Cancelled orders: by guests, by the kitchen, by another system; what goes back on the shelf."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hub.db.database import Database
from hub.errors import AlreadyPreparing, InvalidInput, InvalidTransition
from hub.orders.documents import ChangedOrder
from tests.database.changing import NOON, Clock, order_in
from tests.factories import make_staff
from tests.ordering import Client, item_statuses

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.factories import Hotel


@pytest.fixture
def client(database: Database, clock: Clock) -> Client:
    return Client(Database(database.pool, clock=clock))


async def test_a_guest_cancels_while_nobody_has_begun(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    order = await client.place(hotel, {"cake": 2, "soup": 1})
    tablet = hotel.tablet()
    part = await client.call(tablet, "order.cancel", ChangedOrder, order_id=order.id, items=[1])
    assert (part.order.status, item_statuses(part.order)) == ("received", ["cancelled", "pending"])
    assert (part.order.subtotal_amount, part.order.tax_amount, part.order.total_amount) == (900, 81, 900)
    assert await stock(admin, hotel) == 3
    rest = await client.call(tablet, "order.cancel", ChangedOrder, order_id=order.id)
    assert (rest.order.status, rest.order.total_amount, rest.order.cancelled_at) == ("cancelled", 0, NOON)
    for _ in range(2):
        again = await client.call(tablet, "order.cancel", ChangedOrder, order_id=order.id)
        assert again.noop
    assert await stock(admin, hotel) == 3, "restocked once"


async def test_the_reply_has_the_version_that_everybody_is_told(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    """Of an order that changes in nothing but its items: a line that costs nothing is cancelled."""
    await admin.execute("UPDATE app.menu_items SET price = 0 WHERE id = $1", hotel.menu["soup"])
    order = await client.place(hotel, {"cake": 1, "soup": 1})
    reply = await client.call(hotel.tablet(), "order.cancel", ChangedOrder, order_id=order.id, items=[2])
    stands = await admin.fetchval("SELECT version FROM app.orders WHERE id = $1", order.id)
    told = await admin.fetchval(
        "SELECT payload ->> 'version' FROM app.events WHERE subject = $1 ORDER BY seq DESC LIMIT 1", order.id
    )
    assert (reply.order.version, int(told)) == (stands, stands)
    assert stands > order.version


async def test_an_order_that_has_lost_its_items_can_still_be_asked_about(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    """Another system may delete them all."""
    order = await client.place(hotel, {"soup": 1})
    await admin.execute("DELETE FROM app.order_items WHERE order_id = $1", order.id)
    assert (await client.cook(hotel, "order.cancel", order, reason="gone")).noop


async def test_a_guest_is_too_late(client: Client, hotel: Hotel, admin: Connection) -> None:
    order = await client.place(hotel, {"cake": 1, "soup": 1})
    await client.cook(hotel, "item.advance", order, line=2, to="cooking")
    with pytest.raises(AlreadyPreparing) as caught:
        await client.call(hotel.tablet(), "order.cancel", ChangedOrder, order_id=order.id)
    assert order_in(caught.value).status == "cooking"
    assert await stock(admin, hotel) == 2


async def test_the_kitchen_cancels_with_a_reason_and_restocks_what_is_pending(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    first = await client.place(hotel, {"cake": 1, "soup": 1})
    await client.cook(hotel, "item.advance", first, line=1, to="ready")
    with pytest.raises(InvalidInput) as caught:
        await client.cook(hotel, "order.cancel", first)
    assert caught.value.field == "reason"
    cancelled = (await client.cook(hotel, "order.cancel", first, reason="dropped")).order
    assert (cancelled.status, cancelled.cancel_reason) == ("cancelled", "dropped")
    assert await stock(admin, hotel) == 2, "the cake was begun: it is waste"
    second = await client.place(hotel, {"cake": 1, "soup": 1})
    await client.cook(hotel, "item.advance", second, line=2, to="cooking")
    await client.cook(hotel, "order.cancel", second, reason="power cut")
    assert await stock(admin, hotel) == 2, "nobody had begun this one"


async def test_a_cancellation_stays_until_it_is_acknowledged(
    client: Client, hotel: Hotel, clock: Clock
) -> None:
    order = await client.place(hotel, {"soup": 1, "curry": 1})
    await client.call(hotel.tablet(), "order.cancel", ChangedOrder, order_id=order.id, items=[1])
    for to in ("cooking", "ready"):
        await client.cook(hotel, "order.advance", order, to=to)
    with pytest.raises(InvalidTransition, match="acknowledge"):
        await client.cook(hotel, "order.advance", order, to="delivering")
    clock.now += timedelta(minutes=1)
    acknowledged = await client.cook(hotel, "order.acknowledge", order)
    assert acknowledged.order.cancel_acked_at == clock.now
    assert (await client.cook(hotel, "order.acknowledge", order)).noop
    delivering = await client.cook(hotel, "order.advance", order, to="delivering")
    assert (delivering.order.status, item_statuses(delivering.order)) == (
        "delivering",
        ["cancelled", "ready"],
    )


async def test_each_station_sees_a_cancellation_for_itself(
    client: Client, hotel: Hotel, admin: Connection, clock: Clock
) -> None:
    await admin.execute("UPDATE app.menu_items SET station = 'bar' WHERE id = $1", hotel.menu["curry"])
    order = await client.place(hotel, {"soup": 1, "curry": 1, "cake": 1})
    await client.call(hotel.tablet(), "order.cancel", ChangedOrder, order_id=order.id, items=[1, 2])
    await client.cook(hotel, "order.advance", order, to="ready")
    bar = (await client.cook(hotel, "order.acknowledge", order, stations=["bar", "moon"])).order
    assert (bar.cancel_acked_stations, bar.cancel_acked_at) == (["bar"], None)
    assert (await client.cook(hotel, "order.acknowledge", order, stations=["bar"])).noop
    with pytest.raises(InvalidTransition, match="acknowledge"):
        await client.cook(hotel, "order.advance", order, to="delivering")
    clock.now += timedelta(minutes=1)
    both = (await client.cook(hotel, "order.acknowledge", order, stations=["kitchen"])).order
    assert (both.cancel_acked_stations, both.cancel_acked_at) == (["bar", "kitchen"], clock.now)
    person = await make_staff(admin, hotel, "manager")
    again = await client.call(
        person, "order.cancel", ChangedOrder, order_id=order.id, reason="the guest has left"
    )
    assert (again.order.cancel_acked_stations, again.order.cancel_acked_at) == (["bar"], None)
    done = (await client.cook(hotel, "order.acknowledge", order)).order
    assert (done.cancel_acked_stations, done.cancel_acked_at) == (["bar"], clock.now)


async def test_a_cancellation_by_another_system_can_be_acknowledged(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    """It changes the status of the order and leaves the items."""
    order = await client.place(hotel, {"soup": 1})
    await admin.execute("UPDATE app.orders SET status = 'cancelled' WHERE id = $1", order.id)
    done = await client.cook(hotel, "order.acknowledge", order)
    assert done.order.cancel_acked_at is not None


async def test_what_is_cancelled_as_sold_out_does_not_go_back_on_the_shelf(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    order = await client.place(hotel, {"cake": 2, "soup": 1})
    await client.cook(hotel, "order.cancel", order, items=[1], reason="sold_out")
    assert await stock(admin, hotel) == 1


async def test_only_who_cooks_knows_that_nothing_is_left(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    front, manager = await make_staff(admin, hotel, "front"), await make_staff(admin, hotel, "manager")
    for who, left in ((hotel.tablet(), 3), (await hotel.phone(admin), 3), (front, 3), (manager, 1)):
        order = await client.place(hotel, {"cake": 2})
        await client.call(who, "order.cancel", ChangedOrder, order_id=order.id, reason="sold_out")
        assert await stock(admin, hotel) == left, who.kind


async def stock(admin: Connection, hotel: Hotel) -> int:
    left = await admin.fetchval("SELECT stock_quantity FROM app.menu_items WHERE id = $1", hotel.menu["cake"])
    assert isinstance(left, int)
    return left
