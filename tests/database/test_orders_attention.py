"""Orders that somebody takes note of, hurries or waits with; and what was done lately, by whom."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from hub.db.database import Database
from hub.errors import AllergyNotAcknowledged, Forbidden, InvalidInput, InvalidTransition
from hub.orders.documents import ChangedOrder, Order, RecentOrders
from hub.security.principal import Principal
from tests.database.acting import hire
from tests.database.changing import NOON, Clock, order_in
from tests.database.logbook import Logbook
from tests.factories import make_staff
from tests.ordering import Client, item_statuses

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.factories import Hotel


@pytest.fixture
def client(database: Database, clock: Clock) -> Client:
    return Client(Database(database.pool, clock=clock))


async def allergic(client: Client, admin: Connection, hotel: Hotel) -> Order:
    """An order of a guest who must not eat eggs, with an egg in the soup, which the guest wants all the
    same."""
    await admin.execute(
        "UPDATE app.menu_items SET allergens = '{egg,milk}' WHERE id = $1", hotel.menu["soup"]
    )
    await client.call(hotel.tablet(), "stay.declare", dict, allergens=["egg"])
    return await client.place(hotel, {"soup": 1, "curry": 1}, allergens_confirmed=True)


async def schedule(admin: Connection, order: Order, minutes: int) -> None:
    await admin.execute(
        "UPDATE app.orders SET fire_at = $2 WHERE id = $1", order.id, NOON + timedelta(minutes=minutes)
    )


# allergies


async def test_an_allergy_is_acknowledged_before_anything_is_begun(
    client: Client, admin: Connection, hotel: Hotel, clock: Clock
) -> None:
    order = await allergic(client, admin, hotel)
    assert [item.conflicts for item in order.items] == [["egg"], []]
    refused = (
        ("order.advance", {"to": "cooking"}),
        ("order.advance", {"to": "cooking", "items": [2]}),
        ("item.advance", {"line": 2, "to": "cooking"}),
    )
    for name, args in refused:
        with pytest.raises(AllergyNotAcknowledged) as caught:
            await client.cook(hotel, name, order, **args)
        assert caught.value.details["conflicts"] == [{"line": 1, "allergens": ("egg",)}]
        assert order_in(caught.value) == order
    clock.now += timedelta(minutes=1)
    acked = await client.cook(hotel, "order.acknowledge_allergy", order)
    assert (acked.order.allergy_acked_at, acked.order.accepted_at) == (clock.now, clock.now)
    assert (await client.cook(hotel, "order.acknowledge_allergy", order)).noop
    for to in ("cooking", "ready"):
        await client.cook(hotel, "order.advance", order, to=to)
    recalled = await client.cook(hotel, "order.recall", order)
    assert (recalled.order.status, recalled.order.allergy_acked_at) == ("cooking", clock.now)
    row = await admin.fetchrow(
        "SELECT user_id FROM app.audit_logs WHERE record = $1 AND 'allergy_acked_at' = ANY (changed)",
        str(order.id),
    )
    assert row is not None
    assert row["user_id"] == hotel.kitchen_id


async def test_an_acknowledgement_against_bumps(client: Client, admin: Connection, hotel: Hotel) -> None:
    """Whoever is first: nothing is begun before it, and what was refused is possible after it."""
    for _ in range(5):
        order = await allergic(client, admin, hotel)
        acked, *bumps = await asyncio.gather(
            client.cook(hotel, "order.acknowledge_allergy", order),
            *(client.cook(hotel, "order.advance", order, to="cooking") for _ in range(3)),
            return_exceptions=True,
        )
        assert isinstance(acked, ChangedOrder)
        for bump in bumps:
            assert isinstance(bump, AllergyNotAcknowledged) or (
                isinstance(bump, ChangedOrder) and bump.order.version > acked.order.version
            )
        after = (await client.cook(hotel, "order.advance", order, to="cooking")).order
        assert (after.status, after.allergy_acked_at) == ("cooking", NOON)


async def at_two_stations(client: Client, admin: Connection, hotel: Hotel) -> Order:
    """The same with an egg in the curry too, which is made at the bar."""
    await admin.execute(
        "UPDATE app.menu_items SET station = 'bar', allergens = '{egg}' WHERE id = $1", hotel.menu["curry"]
    )
    return await allergic(client, admin, hotel)


async def test_each_station_notes_an_allergy_for_itself(
    client: Client, admin: Connection, hotel: Hotel, clock: Clock
) -> None:
    order = await at_two_stations(client, admin, hotel)
    log = await Logbook(admin, hotel.tenant_id).skip()
    bar = (await client.cook(hotel, "order.acknowledge_allergy", order, stations=["bar", "moon"])).order
    assert (bar.allergy_acked_stations, bar.allergy_acked_at) == (["bar"], None)
    (event,) = await log.new()
    assert event.order == bar
    assert (await client.cook(hotel, "order.acknowledge_allergy", order, stations=["bar", "moon"])).noop
    begun = await client.cook(hotel, "order.advance", order, to="cooking", items=[2])
    assert item_statuses(begun.order) == ["pending", "cooking"]
    for args in ({"items": [1], "to": "cooking"}, {"to": "ready"}):
        with pytest.raises(AllergyNotAcknowledged) as caught:
            await client.cook(hotel, "order.advance", order, **args)
        assert caught.value.details["conflicts"] == [{"line": 1, "allergens": ("egg",)}]
    clock.now += timedelta(minutes=1)
    both = (await client.cook(hotel, "order.acknowledge_allergy", order, stations=["kitchen"])).order
    assert (both.allergy_acked_stations, both.allergy_acked_at) == (["bar", "kitchen"], clock.now)
    await client.cook(hotel, "order.advance", order, to="cooking", items=[1])


async def test_stations_that_note_at_once_are_all_heard(
    client: Client, admin: Connection, hotel: Hotel
) -> None:
    for _ in range(5):
        order = await at_two_stations(client, admin, hotel)
        answers = await asyncio.gather(
            *(
                client.cook(hotel, "order.acknowledge_allergy", order, stations=[station])
                for station in ("bar", "kitchen")
            )
        )
        last = max((answer.order for answer in answers), key=lambda after: after.version)
        assert (sorted(last.allergy_acked_stations), last.allergy_acked_at) == (["bar", "kitchen"], NOON)


@pytest.mark.parametrize("name", ["order.acknowledge", "order.acknowledge_allergy"])
@pytest.mark.parametrize("stations", [[], [""], ["x" * 51], [f"s{n}" for n in range(21)]])
async def test_stations_are_named_and_few(
    client: Client, admin: Connection, hotel: Hotel, name: str, stations: list[str]
) -> None:
    order = await allergic(client, admin, hotel)
    with pytest.raises(InvalidInput) as caught:
        await client.cook(hotel, name, order, stations=stations)
    assert str(caught.value.field).startswith("stations")


# accept and rush


async def test_two_cooks_accept_at_once(client: Client, admin: Connection, hotel: Hotel) -> None:
    order = await client.place(hotel, {"soup": 1})
    log = await Logbook(admin, hotel.tenant_id).skip()
    answers = await asyncio.gather(
        *(
            client.call(hotel.kitchen(screen), "order.accept", ChangedOrder, order_id=order.id)
            for screen in (0, 1, 2, 3)
        )
    )
    assert sorted(answer.noop for answer in answers) == [False, True, True, True]
    assert {answer.order.accepted_at for answer in answers} == {NOON}
    (event,) = await log.new()
    assert (event.order.status, event.order.accepted_at) == ("received", NOON)


async def test_who_accepts_and_who_hurries(client: Client, admin: Connection, hotel: Hotel) -> None:
    order = await client.place(hotel, {"soup": 1})
    people = {
        role: await make_staff(admin, hotel, role) for role in ("front", "kitchen", "runner", "manager")
    }

    async def may(principal: Principal, name: str, **args: object) -> bool:
        try:
            await client.call(principal, name, ChangedOrder, order_id=order.id, **args)
        except Forbidden:
            return False
        return True

    allowed = {role for role, person in people.items() if await may(person, "order.accept")}
    assert allowed == {"kitchen", "runner", "manager"}
    allowed = {role for role, person in people.items() if await may(person, "order.rush", rush=True)}
    assert allowed == {"front", "kitchen", "manager"}
    assert not await may(hotel.tablet(), "order.accept")
    assert not await may(hotel.tablet(), "order.rush", rush=True)
    calm = await client.call(people["front"], "order.rush", ChangedOrder, order_id=order.id, rush=False)
    assert not calm.order.rush


async def test_that_an_order_is_hurried_takes_no_undo_away(client: Client, hotel: Hotel) -> None:
    order = await client.place(hotel, {"soup": 1})
    await client.cook(hotel, "order.advance", order, to="cooking")
    await client.cook(hotel, "order.rush", order, rush=True)
    undone = (await client.cook(hotel, "order.recall", order, undo=True)).order
    assert (undone.status, undone.rush) == ("received", True)


# scheduled orders and trips


async def test_a_scheduled_order_is_begun_at_its_time_or_on_purpose(
    client: Client, admin: Connection, hotel: Hotel, clock: Clock
) -> None:
    early, late = [await client.place(hotel, {"soup": 1, "cake": 1}) for _ in range(2)]
    for order in (early, late):
        await schedule(admin, order, 20)
    with pytest.raises(InvalidTransition) as caught:
        await client.cook(hotel, "order.advance", early, to="cooking")
    assert caught.value.details["fire_at"] == NOON + timedelta(minutes=20)
    with pytest.raises(InvalidTransition):
        await client.cook(hotel, "item.advance", early, line=2, to="ready")
    fired = await client.cook(hotel, "item.advance", early, line=1, to="cooking", now=True)
    assert fired.order.status == "cooking"
    undone = await client.cook(hotel, "order.recall", early, undo=True)
    assert (undone.order.status, undone.order.fire_at) == ("received", NOON + timedelta(minutes=20))
    clock.now += timedelta(minutes=20)
    assert (await client.cook(hotel, "order.advance", late, to="cooking")).order.status == "cooking"


async def test_orders_leave_together_and_come_back_alone(client: Client, hotel: Hotel) -> None:
    orders = [await client.place(hotel, {"cake": 1}) for _ in range(2)]
    trip = uuid4()
    for order in orders:
        await client.cook(hotel, "order.advance", order, to="ready")
        left = await client.cook(hotel, "order.advance", order, to="delivering", trip_id=trip)
        assert left.order.trip_id == trip
    undone = await client.cook(hotel, "order.recall", orders[0], undo=True)
    assert (undone.order.status, undone.order.trip_id) == ("ready", None)
    delivered = await client.cook(hotel, "order.advance", orders[1], to="delivered")
    assert delivered.order.trip_id == trip
    assert (await client.cook(hotel, "order.recall", orders[1])).order.trip_id is None
    with pytest.raises(InvalidInput) as caught:
        await client.cook(hotel, "order.advance", orders[1], to="delivered", trip_id=trip)
    assert caught.value.field == "trip_id"


async def test_a_station_bumps_its_part(client: Client, hotel: Hotel) -> None:
    order = await client.place(hotel, {"soup": 1, "curry": 1, "cake": 1})
    begun = (await client.cook(hotel, "order.advance", order, to="cooking", items=[1, 2])).order
    assert item_statuses(begun) == ["cooking", "cooking", "pending"]
    undone = (await client.cook(hotel, "order.recall", order, undo=True)).order
    assert item_statuses(undone) == ["pending", "pending", "pending"]


# what was done lately


async def recent(client: Client, principal: Principal) -> list[tuple[UUID, str | None]]:
    told = await client.call(principal, "order.recent", RecentOrders)
    assert not told.more
    moments = [entry.at for entry in told.orders]
    assert moments == sorted(moments, reverse=True)
    return [(entry.order.id, entry.by) for entry in told.orders]


async def test_what_was_done_lately_and_by_whom(
    client: Client, admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    ready, carried, delivered, cancelled, by_psql, cooking = [
        await client.place(hotel, {"cake": 1} if number < 3 else {"soup": 1}) for number in range(6)
    ]
    foreign = await client.place(other_hotel, {"beer": 1}, age_attested=True)
    await client.cook(other_hotel, "order.advance", foreign, to="ready")
    cook, runner = await hire(admin, hotel), await make_staff(admin, hotel, "runner")

    await client.cook(hotel, "order.advance", cooking, to="cooking")
    for order in (delivered, carried):
        await client.cook(hotel, "order.advance", order, to="ready")
    await client.call(runner, "order.advance", ChangedOrder, order_id=carried.id, to="delivering")
    for to in ("delivering", "delivered"):
        await client.call(runner, "order.advance", ChangedOrder, order_id=delivered.id, to=to)
    await client.call(hotel.tablet(), "order.cancel", ChangedOrder, order_id=cancelled.id)
    by_hand = "UPDATE app.orders SET status = 'delivered', finished_at = $2 WHERE id = $1"
    await admin.execute(by_hand, by_psql.id, NOON)
    await admin.execute("UPDATE app.device_rooms SET cook_id = $2 WHERE id = $1", hotel.kitchen_id, cook)
    await client.cook(hotel, "order.advance", ready, to="ready")
    # that it was painted later is no step
    await client.call(hotel.kitchen(1), "order.rush", ChangedOrder, order_id=ready.id, rush=True)

    wanted = [
        (ready.id, "Aiko"),
        (by_psql.id, None),
        (cancelled.id, "Tablet 101"),
        (delivered.id, "runner"),
        (carried.id, "runner"),
    ]
    assert await recent(client, hotel.kitchen()) == wanted
    assert await recent(client, runner) == wanted
    await client.call(hotel.kitchen(2), "order.recall", ChangedOrder, order_id=delivered.id)
    assert (await recent(client, hotel.kitchen()))[0] == (delivered.id, "Kitchen 3")
    with pytest.raises(Forbidden):
        await recent(client, hotel.tablet())


async def test_what_was_done_long_ago_is_not_recent(
    client: Client, admin: Connection, hotel: Hotel, clock: Clock
) -> None:
    order, other = [await client.place(hotel, {"cake": 1}) for _ in range(2)]
    await client.cook(hotel, "order.advance", order, to="ready")
    await client.cook(hotel, "order.cancel", other)
    clock.now += timedelta(minutes=30) - timedelta(milliseconds=1)
    assert len(await recent(client, hotel.kitchen())) == 2
    clock.now += timedelta(milliseconds=1)
    assert await recent(client, hotel.kitchen()) == []
    await admin.execute(
        "UPDATE app.tenants SET settings = '{\"recall_minutes\": 31}' WHERE id = $1", hotel.tenant_id
    )
    assert len(await recent(client, hotel.kitchen())) == 2


async def test_more_than_can_be_told_is_said(
    client: Client, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.orders.reading.MOST_RECENT", 1)
    orders = [await client.place(hotel, {"cake": 1}) for _ in range(2)]
    for order in orders:
        await client.cook(hotel, "order.advance", order, to="ready")
    told = await client.call(hotel.kitchen(), "order.recent", RecentOrders)
    assert ([entry.order.id for entry in told.orders], told.more) == ([orders[1].id], True)
