"""What happens to a placed order: bumps, recall, undo, and what the kitchen has seen."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import msgspec
import pytest

from hub.db.database import Database
from hub.errors import (
    Forbidden,
    IdCheckRequired,
    InvalidInput,
    InvalidTransition,
    NotFound,
    OperationMismatch,
    StayEnded,
    VersionMismatch,
)
from hub.orders.documents import ChangedOrder, Order
from hub.orders.reading import read_active_orders, read_order
from hub.security.principal import Principal
from tests.database.changing import NOON, Clock, order_in
from tests.ordering import Client, item_statuses

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.factories import Hotel


@pytest.fixture
def client(database: Database, clock: Clock) -> Client:
    return Client(Database(database.pool, clock=clock))


async def read(client: Client, principal: Principal, order_id: UUID) -> Order:
    async with client.database.read(principal.tenant_id, principal.actor()) as scope:
        return msgspec.json.decode(await read_order(scope, principal, order_id), type=Order)


async def test_an_order_goes_its_way(client: Client, hotel: Hotel, clock: Clock) -> None:
    order = await client.place(hotel, {"soup": 1, "curry": 2})
    moments = [clock.now]
    for to in ("cooking", "ready", "delivering", "delivered"):
        clock.now += timedelta(minutes=3)
        moments.append(clock.now)
        changed = await client.cook(hotel, "order.advance", order, to=to)
        assert (changed.order.status, changed.noop) == (to, False)
        assert changed.order.version > order.version
        order = changed.order
    assert [order.placed_at, order.accepted_at, order.ready_at, order.finished_at] == [
        *moments[:3],
        moments[4],
    ]
    assert item_statuses(order) == ["ready", "ready"]
    assert await read(client, hotel.tablet(), order.id) == order


async def test_the_order_follows_its_items(client: Client, hotel: Hotel) -> None:
    order = await client.place(hotel, {"soup": 1, "curry": 1, "cake": 1})
    steps = [
        (1, "cooking", "cooking"),
        (3, "ready", "cooking"),
        (1, "ready", "cooking"),
        (2, "cooking", "cooking"),
    ]
    for line, to, status in [*steps, (2, "ready", "ready")]:
        changed = await client.cook(hotel, "item.advance", order, line=line, to=to)
        assert (changed.order.status, item_statuses(changed.order)[line - 1]) == (status, to)
    again = await client.cook(hotel, "item.advance", order, line=2, to="ready")
    assert again.noop
    with pytest.raises(NotFound) as caught:
        await client.cook(hotel, "item.advance", order, line=4, to="ready")
    assert caught.value.field == "line"


async def test_a_step_that_is_not_in_the_table_answers_with_the_order(client: Client, hotel: Hotel) -> None:
    order = await client.place(hotel, {"soup": 1})
    with pytest.raises(InvalidTransition) as caught:
        await client.cook(hotel, "order.advance", order, to="delivered")
    assert (caught.value.details["expected"], caught.value.details["got"]) == (["cooking"], "delivered")
    assert order_in(caught.value) == order
    assert await read(client, hotel.kitchen(), order.id) == order, "nothing was written"
    with pytest.raises(InvalidInput) as wrong:
        await client.cook(hotel, "order.advance", order, to="cancelled")
    assert wrong.value.field == "to"


async def test_doing_it_again_changes_nothing(client: Client, hotel: Hotel, admin: Connection) -> None:
    order = await client.place(hotel, {"soup": 1})
    first = await client.cook(hotel, "order.advance", order, to="cooking", expected_version=order.version)
    again = await client.cook(hotel, "order.advance", order, to="cooking", expected_version=order.version)
    assert (again.noop, again.order) == (True, first.order)
    events = await admin.fetchval("SELECT count(*) FROM app.events WHERE subject = $1", order.id)
    assert events == 2


async def test_an_expected_version_that_does_not_match(client: Client, hotel: Hotel) -> None:
    order = await client.place(hotel, {"soup": 1})
    cooking = (await client.cook(hotel, "order.advance", order, to="cooking")).order
    # whether or not the step would be possible now
    for to in ("ready", "delivered"):
        with pytest.raises(VersionMismatch) as caught:
            await client.cook(hotel, "order.advance", order, to=to, expected_version=order.version)
        assert order_in(caught.value) == cooking
    ready = await client.cook(hotel, "order.advance", order, to="ready", expected_version=cooking.version)
    assert ready.order.status == "ready"


async def test_age_restricted_orders_are_handed_over_after_a_check(client: Client, hotel: Hotel) -> None:
    order = await client.place(hotel, {"beer": 1}, age_attested=True)
    for to in ("ready", "delivering"):
        await client.cook(hotel, "order.advance", order, to=to)
    with pytest.raises(IdCheckRequired) as caught:
        await client.cook(hotel, "order.advance", order, to="delivered")
    assert order_in(caught.value).status == "delivering"
    delivered = await client.cook(hotel, "order.advance", order, to="delivered", id_checked=True)
    assert delivered.order.status == "delivered"


async def test_recall(client: Client, hotel: Hotel, clock: Clock, admin: Connection) -> None:
    order = await client.place(hotel, {"soup": 1, "curry": 1})
    for to in ("cooking", "ready"):
        await client.cook(hotel, "order.advance", order, to=to)
    recalled = (await client.cook(hotel, "order.recall", order, items=[2])).order
    assert (recalled.status, item_statuses(recalled)) == ("cooking", ["ready", "cooking"])
    assert (recalled.recall_count, recalled.ready_at) == (1, None)
    for to in ("ready", "delivering", "delivered"):
        await client.cook(hotel, "order.advance", order, to=to)
    clock.now += timedelta(minutes=30)
    back = (await client.cook(hotel, "order.recall", order)).order
    assert (back.status, back.finished_at, back.recall_count) == ("ready", None, 2)
    for to in ("delivering", "delivered"):
        await client.cook(hotel, "order.advance", order, to=to)
    await admin.execute(
        "UPDATE app.tenants SET settings = '{\"recall_minutes\": 5}' WHERE id = $1", hotel.tenant_id
    )
    clock.now += timedelta(minutes=5, seconds=1)
    with pytest.raises(Forbidden, match="5 minutes"):
        await client.cook(hotel, "order.recall", order)


async def test_undo_is_the_exact_inverse_of_a_bump(client: Client, hotel: Hotel, clock: Clock) -> None:
    order = await client.place(hotel, {"soup": 1, "cake": 1})
    before = order
    for name, args in (
        ("item.advance", {"line": 1, "to": "cooking"}),
        ("order.advance", {"to": "ready"}),
        ("order.advance", {"to": "delivering"}),
        ("order.advance", {"to": "delivered"}),
    ):
        await client.cook(hotel, name, order, **args)
        clock.now += timedelta(seconds=10)
        undone = (await client.cook(hotel, "order.recall", order, undo=True)).order
        assert msgspec.structs.replace(undone, version=before.version) == before
        before = (await client.cook(hotel, name, order, **args)).order


async def test_undo_is_refused_when_it_is_not_the_last_thing_that_happened(
    client: Client, hotel: Hotel, clock: Clock, admin: Connection
) -> None:
    order = await client.place(hotel, {"soup": 1, "curry": 1})

    async def refused(principal: Principal | None = None) -> None:
        who = principal or hotel.kitchen()
        with pytest.raises(InvalidTransition) as caught:
            await client.call(who, "order.recall", ChangedOrder, order_id=order.id, undo=True)
        assert order_in(caught.value).id == order.id

    await refused()
    await client.cook(hotel, "order.advance", order, to="cooking")
    second = await admin.fetchval(
        "INSERT INTO app.device_rooms (tenant_id, device_name, device_type, status)"
        " VALUES ($1, 'Second screen', 'kitchen_screen', 'active') RETURNING id",
        hotel.tenant_id,
    )
    await refused(msgspec.structs.replace(hotel.kitchen(), id=second))
    clock.now += timedelta(seconds=10, microseconds=1)
    await refused()
    await client.cook(hotel, "item.advance", order, line=1, to="ready")
    await client.cook(hotel, "order.cancel", order, items=[2], reason="sold out")
    await refused()
    await client.cook(hotel, "order.recall", order)
    await refused()
    await client.cook(hotel, "order.advance", order, to="ready")
    await admin.execute("UPDATE app.orders SET status = 'delivering' WHERE id = $1", order.id)
    await refused()
    with pytest.raises(InvalidInput):
        await client.cook(hotel, "order.recall", order, undo=True, items=[1])


async def test_that_a_screen_shows_a_ticket_does_not_take_undo_away(client: Client, hotel: Hotel) -> None:
    order = await client.place(hotel, {"soup": 1})
    await client.cook(hotel, "order.advance", order, to="cooking")
    await client.operations.call(
        "order.seen", hotel.kitchen(), None, msgspec.json.encode({"order_ids": [order.id]})
    )
    assert (await client.cook(hotel, "order.recall", order, undo=True)).order.status == "received"


async def test_a_memory_of_another_version_costs_an_undo_and_no_bump(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    order = await client.place(hotel, {"soup": 1})
    await admin.execute("UPDATE app.orders SET last_bump = '{\"by\": 1}' WHERE id = $1", order.id)
    with pytest.raises(InvalidTransition):
        await client.cook(hotel, "order.recall", order, undo=True)
    assert (await client.cook(hotel, "order.advance", order, to="cooking")).order.status == "cooking"


async def test_the_next_guest_does_not_get_the_last_ones_answers(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    """The same tablet and the same operation id, found in its memory, after a check-out and a check-in."""
    op_id = uuid4()
    await client.place(hotel, {"soup": 1}, op_id, special_requests="the last guest's words")
    room = hotel.rooms[0]
    await admin.execute("UPDATE app.stays SET ended_at = now() WHERE id = $1", room.stay_id)
    stay_id = await admin.fetchval(
        "INSERT INTO app.stays (tenant_id, room_number) VALUES ($1, $2) RETURNING id",
        hotel.tenant_id,
        room.number,
    )
    next_guest = msgspec.structs.replace(hotel.tablet(), stay_id=stay_id)
    lines = [{"menu_item_id": hotel.menu["soup"], "quantity": 1}]
    with pytest.raises(OperationMismatch):
        await client.call(
            next_guest,
            "order.place",
            Order,
            op_id,
            lines=lines,
            special_requests="the last guest's words",
        )


async def test_the_first_screen_that_paints_a_ticket_is_remembered(
    client: Client, hotel: Hotel, other_hotel: Hotel, clock: Clock
) -> None:
    orders = [await client.place(hotel, {"soup": 1}) for _ in range(2)]
    foreign = await client.place(other_hotel, {"soup": 1})
    ids = [order.id for order in orders]

    async def seen(order_ids: list[UUID]) -> object:
        raw = await client.operations.call(
            "order.seen", hotel.kitchen(), None, msgspec.json.encode({"order_ids": order_ids})
        )
        return msgspec.json.decode(raw)

    assert await seen([ids[0], ids[0], foreign.id, uuid4()]) == {"shown": 1}
    clock.now += timedelta(seconds=5)
    assert await seen(ids) == {"shown": 1}
    assert await seen(ids) == {"shown": 0}
    shown = [(await read(client, hotel.kitchen(), order_id)).shown_at for order_id in ids]
    assert shown == [NOON, clock.now]
    assert (await read(client, other_hotel.kitchen(), foreign.id)).shown_at is None
    assert (await read(client, hotel.kitchen(), ids[0])).accepted_at is None


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("order.advance", {"to": "cooking"}),
        ("item.advance", {"line": 1, "to": "cooking"}),
        ("order.recall", {}),
        ("order.recall", {"undo": True}),
        ("order.cancel", {}),
        ("order.acknowledge", {}),
    ],
)
async def test_anothers_order_and_no_order_give_the_same_answer(
    client: Client, hotel: Hotel, other_hotel: Hotel, name: str, args: dict[str, object]
) -> None:
    foreign = await client.place(other_hotel, {"soup": 1})
    for principal, order_id in (
        (hotel.kitchen(), foreign.id),
        (hotel.kitchen(), uuid4()),
        (hotel.tablet(1), (await client.place(hotel, {"soup": 1})).id),
    ):
        if principal.kind == "tablet" and name != "order.cancel":
            continue
        with pytest.raises(NotFound) as caught:
            await client.call(principal, name, ChangedOrder, order_id=order_id, **args)
        assert caught.value.to_data() == {
            "code": "not_found",
            "message": "there is no such order",
            "temporary": False,
            "details": {"field": "order_id"},
        }


async def test_a_tablet_may_not_do_the_kitchens_work(client: Client, hotel: Hotel) -> None:
    order = await client.place(hotel, {"soup": 1})
    for name in ("order.advance", "item.advance", "order.recall", "order.acknowledge", "order.seen"):
        with pytest.raises(Forbidden):
            await client.call(hotel.tablet(), name, ChangedOrder, order_id=order.id)


async def test_reading_orders_page_by_page(client: Client, hotel: Hotel, other_hotel: Hotel) -> None:
    placed = [await client.place(hotel, {"soup": 1}, room=number % 2) for number in range(5)]
    await client.cook(hotel, "order.cancel", placed[2])
    await client.place(other_hotel, {"soup": 1})

    async def pages(principal: Principal, limit: int) -> list[list[UUID]]:
        found: list[list[UUID]] = []
        after: str | None = None
        while not found or after is not None:
            async with client.database.read(principal.tenant_id, principal.actor()) as scope:
                page = await read_active_orders(scope, principal, after, limit)
            found.append([msgspec.json.decode(order, type=Order).id for order in page.orders])
            after = page.next
        return found

    active = [order.id for index, order in enumerate(placed) if index != 2]
    assert await pages(hotel.kitchen(), 100) == [active]
    assert await pages(hotel.kitchen(), 3) == [active[:3], active[3:]]
    assert await pages(hotel.kitchen(), 2) == [active[:2], active[2:]]
    assert await pages(hotel.tablet(1), 1) == [[placed[1].id], [placed[3].id]]


async def test_reading_refuses_what_makes_no_sense(client: Client, hotel: Hotel) -> None:
    order = await client.place(hotel, {"soup": 1})
    kitchen = hotel.kitchen()
    async with client.database.read(hotel.tenant_id, kitchen.actor()) as scope:
        for after in ("", "nonsense", "!", "AAAA", "\u3042", "A" * 32 + "=", "_" * 32):
            with pytest.raises(InvalidInput) as caught:
                await read_active_orders(scope, kitchen, after)
            assert caught.value.field == "after"
        for limit in (0, -1, 101):
            with pytest.raises(InvalidInput) as caught:
                await read_active_orders(scope, kitchen, limit=limit)
            assert caught.value.field == "limit"
        nobody = msgspec.structs.replace(hotel.tablet(), stay_id=None)
        with pytest.raises(StayEnded):
            await read_order(scope, nobody, order.id)
    with pytest.raises(NotFound):
        await read(client, hotel.tablet(1), order.id)
