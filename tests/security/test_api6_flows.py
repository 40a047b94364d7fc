"""API6:2023 Unrestricted access to sensitive business flows: ordering, moving in, setting up tablets, in ways
that the hotel did not mean."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import msgspec
import pytest

from hub.orders import basis, commands
from hub.stays import commands as stays
from tests.api.conftest import Api, problem
from tests.factories import Hotel, Room, make_hotel, make_staff
from tests.realtime.conftest import Live
from tests.realtime.peer import peer
from tests.realtime.screens import token_of
from tests.security.attack import without

if TYPE_CHECKING:
    import httpx

    from hub.db.pool import Connection

ORDERS = "/api/v1/orders"
PAIRING = "/api/v1/devices/pairing"


def cart(hotel: Hotel, name: str, **more: object) -> dict[str, Any]:
    return {"lines": [{"menu_item_id": hotel.menu[name], "quantity": 1}], **more}


async def counted(admin: Connection, hotel: Hotel, table: str = "orders") -> int:
    count: int = await admin.fetchval(
        f"SELECT count(*) FROM app.{table} WHERE tenant_id = $1", hotel.tenant_id
    )
    return count


# orders


async def test_one_operation_is_one_order(live: Live, api: Api, admin: Connection, hotel: Hotel) -> None:
    """Defence: hub/operations.py _once claims the operation id in the same transaction."""
    key = uuid4()
    answers = await asyncio.gather(
        *(api.post(ORDERS, cart(hotel, "soup"), hotel.tablet(), key) for _ in range(12))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["order"]["id"] for answer in answers}) == 1
    async with peer(live) as screen:
        await screen.hello(hotel.tablet())
        again = await screen.ask("order.place", msgspec.to_builtins(cart(hotel, "soup")), op_id=str(key))
        assert again["result"] == answers[0].json()
    assert await counted(admin, hotel) == 1


async def test_a_guest_who_has_left_orders_nothing(
    live: Live, api: Api, admin: Connection, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defence: hub/orders/commands.py place locks the stay of the token, which must be open."""
    front = await make_staff(admin, hotel, "front")
    old = hotel.tablet()
    out = await api.post(f"/api/v1/stays/{old.stay_id}/check-out", {}, front)
    assert out.status_code == 200
    problem(await api.post(ORDERS, cart(hotel, "soup"), old), 409, "stay_ended")
    async with peer(live) as screen:
        await screen.send({"type": "hello", "token": token_of(old)})
        assert (await screen.end()).code in (4005, 4503)
    assert await counted(admin, hotel) == 0

    query = basis.BASIS.text
    assert query.count(" AND ended_at IS NULL") == 1
    careless = msgspec.structs.replace(basis.BASIS, text=query.replace(" AND ended_at IS NULL", ""))
    monkeypatch.setattr(basis, "BASIS", careless)
    assert (await api.post(ORDERS, cart(hotel, "soup"), old)).status_code == 201, "without the look it could"


async def test_orders_and_a_check_out_at_once(api: Api, admin: Connection, hotel: Hotel) -> None:
    """Defence: the queries basis and lock_stay take turns: what was ordered is told at the desk."""
    front = await make_staff(admin, hotel, "front")
    stay = hotel.rooms[0].stay_id
    out, *placed = await asyncio.gather(
        api.post(f"/api/v1/stays/{stay}/check-out", {}, front),
        *(api.post(ORDERS, cart(hotel, "soup"), hotel.tablet()) for _ in range(8)),
    )
    done = {one.json()["order"]["id"] for one in placed if one.status_code == 201}
    assert {one.status_code for one in placed} <= {201, 409}
    assert {one["id"] for one in out.json()["open_orders"]} == done


async def test_the_last_cakes_are_sold_once(api: Api, admin: Connection, hotel: Hotel) -> None:
    """Defence: hub/orders/commands.py place locks the stock; the check of the column stands behind it."""
    answers = await asyncio.gather(
        *(api.post(ORDERS, cart(hotel, "cake"), hotel.tablet(room)) for room in (0, 1) * 5)
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 7
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"out_of_stock"}
    left = await admin.fetchval(
        "SELECT stock_quantity FROM app.menu_items WHERE tenant_id = $1 AND id = $2",
        hotel.tenant_id,
        hotel.menu["cake"],
    )
    assert left == 0


async def test_no_beer_without_saying_the_age(
    api: Api, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defence: hub/orders/cart.py check_age, and the ID at the door, hub/orders/transitions.py advance."""
    problem(
        await api.post(ORDERS, cart(hotel, "beer"), hotel.tablet()), 409, "age_not_attested", "age_attested"
    )
    placed = await api.post(ORDERS, cart(hotel, "beer", age_attested=True), hotel.tablet())
    order, cook = placed.json()["order"], hotel.kitchen()
    steps = ["ready", "delivering", "delivered"][["received", "ready"].index(order["status"]) :]
    refused = ""
    for step in steps:
        answer = await api.post(f"{ORDERS}/{order['id']}/advance", {"to": step}, cook)
        refused = answer.json().get("code", "")
    assert refused == "id_check_required"
    monkeypatch.setattr(commands, "check_age", lambda *_, **__: None)
    answer = await api.post(ORDERS, cart(hotel, "beer"), hotel.tablet())
    assert answer.status_code == 201, "without the check it could"


@pytest.mark.parametrize(
    "bent",
    [
        {"quoted_total": 1},
        {"quoted_total": 0},
        {"total_amount": 1},
        {"unit_price": 1},
        {"prices_include_tax": True},
        {"discount": 100},
        {"stay_id": str(UUID(int=1))},
        {"room_number": "999"},
        {"status": "delivered"},
    ],
    ids=str,
)
async def test_nobody_names_the_price(
    api: Api, admin: Connection, hotel: Hotel, bent: dict[str, object]
) -> None:
    """Defence: hub/orders/messages.py PlaceArgs knows no price; hub/orders/commands.py place compares, and
    lets only staff name a room."""
    answer = await api.post(ORDERS, cart(hotel, "curry", **bent), hotel.tablet())
    codes = {"quoted_total": "price_changed", "room_number": "forbidden"}
    assert answer.json()["code"] == codes.get(next(iter(bent)), "invalid_input")
    for line in ({"price": 1}, {"unit_price": 0}, {"quantity": -5}, {"quantity": 0}, {"quantity": 100}):
        body = {"lines": [{"menu_item_id": hotel.menu["curry"], "quantity": 1, **line}]}
        assert (await api.post(ORDERS, body, hotel.tablet())).status_code == 400
    assert await counted(admin, hotel) == 0


# rooms


async def test_a_second_tablet_for_a_room(api: Api, admin: Connection, hotel: Hotel) -> None:
    """Defence: hub/devices/pairing.py _tablet, and the unique index of the room behind it."""
    front = await make_staff(admin, hotel, "front")
    started = (await api.post(PAIRING, {"device_type": "tablet"})).json()
    path = f"{PAIRING}/{started['user_code']}/approve"
    answer = await api.post(path, {"room_number": hotel.rooms[0].number}, front)
    problem(answer, 409, "conflict", "replace")
    polled = await api.post(f"{PAIRING}/poll", {"device_code": started["device_code"]})
    assert polled.json() == {"status": "pending"}
    assert (await api.get(ORDERS, hotel.tablet())).status_code == 200, "the tablet that is there works on"


async def test_a_hundred_approvals_are_one_device(api: Api, admin: Connection, hotel: Hotel) -> None:
    """Defence: sql approve_pairing takes the code once."""
    front = await make_staff(admin, hotel, "front")
    started = (await api.post(PAIRING, {"device_type": "tablet"})).json()
    path = f"{PAIRING}/{started['user_code']}/approve"
    answers = await asyncio.gather(
        *(api.post(path, {"room_number": str(900 + number)}, front) for number in range(10))
    )
    assert [answer.status_code for answer in answers].count(200) == 1
    assert await counted(admin, hotel, "device_rooms") == len(hotel.rooms) + len(hotel.kitchen_ids) + 1


async def test_the_next_guest_waits_for_the_wipe(
    api: Api, admin: Connection, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defence: hub/stays/commands.py _ready_tablet."""
    front = await make_staff(admin, hotel, "front")
    room: Room = hotel.rooms[0]
    assert (await api.post(f"/api/v1/stays/{room.stay_id}/check-out", {}, front)).status_code == 200
    guest = {"room_number": room.number}
    answer = await api.post("/api/v1/stays", guest, front)
    assert (answer.status_code, answer.json()["code"]) == (409, "wipe_pending")
    assert (
        await admin.fetchval(
            "SELECT count(*) FROM app.stays WHERE room_number = '101' AND ended_at IS NULL"
            " AND tenant_id = $1",
            hotel.tenant_id,
        )
        == 0
    )

    async def ready(*_: object, **__: object) -> None:
        return None

    monkeypatch.setattr(stays, "_ready_tablet", ready)
    assert (await api.post("/api/v1/stays", guest, front)).status_code == 201, "without the look it could"


async def test_two_guests_for_one_room(api: Api, admin: Connection, hotel: Hotel) -> None:
    """Defence: the unique index of open stays; hub/stays/store.py insert."""
    front = await make_staff(admin, hotel, "front")
    answers = await asyncio.gather(
        *(api.post("/api/v1/stays", {"room_number": "777"}, front) for _ in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5


# what the plan allows


async def invited(api: Api, admin: Connection) -> list[int]:
    """Statuses of ten invitations at once into a hotel that has room for two more."""
    hotel = await make_hotel(admin)
    manager = await make_staff(admin, hotel, "manager")
    await admin.execute("UPDATE app.tenants SET user_limit = 3 WHERE id = $1", hotel.tenant_id)

    async def one(number: int) -> httpx.Response:
        body = {"name": "A", "email": f"{number}@hotel.example", "role": "front"}
        return await api.post("/api/v1/staff/people", body, manager)

    answers = await asyncio.gather(*(one(number) for number in range(10)))
    assert await counted(admin, hotel, "staff") == 1 + [one.status_code for one in answers].count(201)
    return [answer.status_code for answer in answers]


async def test_many_at_once_do_not_exceed_the_plan(api: Api, admin: Connection) -> None:
    """Defence: sql check_limit locks the hotel before it counts."""
    assert sorted(await invited(api, admin)) == [201] * 2 + [409] * 8


async def test_without_the_limit_they_would(api: Api, admin: Connection) -> None:
    async with without(admin, "check_limit"):
        assert await invited(api, admin) == [201] * 10


async def test_rooms_beyond_the_plan(api: Api, admin: Connection, hotel: Hotel) -> None:
    """Defence: sql check_limit."""
    front = await make_staff(admin, hotel, "front")
    await admin.execute("UPDATE app.tenants SET room_limit = 3 WHERE id = $1", hotel.tenant_id)
    started = [(await api.post(PAIRING, {"device_type": "tablet"})).json() for _ in range(5)]
    answers = await asyncio.gather(
        *(
            api.post(f"{PAIRING}/{one['user_code']}/approve", {"room_number": str(600 + number)}, front)
            for number, one in enumerate(started)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 4
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"limit_reached"}
