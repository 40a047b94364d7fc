"""A guest's phone over HTTP: the front desk shows a code, the phone exchanges it, and has what its stay has,
as long as the stay has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from hub.security.principal import Principal
from hub.security.tokens import Tokens
from tests.api.conftest import Api, bearer, opened, problem
from tests.conftest import TOKEN_KEY
from tests.factories import Hotel, make_staff

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.permissions import StaffRole
    from hub.settings import Settings

TOKENS = Tokens((TOKEN_KEY,), 900)
CLAIM, TOKEN = "/api/v1/devices/claim", "/api/v1/devices/token"


@pytest.fixture
async def front(admin: Connection, hotel: Hotel) -> Principal:
    return await make_staff(admin, hotel, "front")


def address(hotel: Hotel, room: int = 0) -> str:
    return f"/api/v1/stays/{hotel.rooms[room].stay_id}/phone-code"


async def code(api: Api, front: Principal, hotel: Hotel, room: int = 0) -> str:
    answer = await api.post(address(hotel, room), {}, front)
    assert answer.status_code == 201, answer.text
    url: str = answer.json()["url"]
    return url.partition("#claim=")[2]


async def claimed(api: Api, front: Principal, hotel: Hotel, room: int = 0) -> dict[str, Any]:
    """What a phone has got."""
    answer = await api.post(CLAIM, {"code": await code(api, front, hotel, room)})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def as_phone(api: Api, method: str, path: str, phone: dict[str, Any], **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {phone['token']}", "Idempotency-Key": str(uuid4())}
    return await api.client.request(method, path, headers=headers, **more)


async def order(api: Api, phone: dict[str, Any], hotel: Hotel) -> httpx.Response:
    lines = [{"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}]
    return await as_phone(api, "POST", "/api/v1/orders", phone, json={"lines": lines})


async def test_the_front_desk_shows_a_code(api: Api, hotel: Hotel, front: Principal) -> None:
    answer = await api.post(address(hotel), {}, front)
    assert answer.status_code == 201
    shown = answer.json()
    assert shown.keys() == {"url", "qr", "expires_at"}
    assert shown["url"].startswith("http://hub/tablet#claim=")
    assert len(shown["url"].partition("=")[2]) == 43, "256 random bits"
    left = datetime.fromisoformat(shown["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=4) < left <= timedelta(minutes=5)
    size = len(shown["qr"])
    assert size > 20
    assert all(len(row) == size and set(row) <= {"0", "1"} for row in shown["qr"])
    again = (await api.post(address(hotel), {}, front)).json()
    assert again["url"] != shown["url"]


async def test_the_address_is_the_one_that_guests_find(
    settings: Settings, hotel: Hotel, admin: Connection
) -> None:
    front = await make_staff(admin, hotel, "front")
    changed = msgspec.structs.replace(settings, public_url="https://order.hotel.example")
    async with opened(changed) as hub:
        transport = httpx.ASGITransport(hub.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://10.0.0.2") as client:
            answer = await client.post(address(hotel), headers=bearer(front))
    assert answer.json()["url"].startswith("https://order.hotel.example/tablet#claim=")


async def test_a_phone_orders_for_its_stay(
    api: Api, hotel: Hotel, front: Principal, admin: Connection
) -> None:
    phone = await claimed(api, front, hotel)
    principal = TOKENS.verify(phone["token"])
    room = hotel.rooms[0]
    assert (principal.kind, principal.id) == ("phone", UUID(phone["device_id"]))
    assert (principal.room_number, principal.stay_id) == (room.number, room.stay_id)
    assert phone["wipe"] is None
    answer = await order(api, phone, hotel)
    assert answer.status_code == 201, answer.text
    placed = answer.json()["order"]
    assert (placed["channel"], placed["room_number"]) == ("phone", "101")
    assert placed["stay_id"] == str(room.stay_id)
    of_tablet = await api.place(hotel)
    assert of_tablet["channel"] == "tablet"
    mine = (await as_phone(api, "GET", "/api/v1/orders", phone)).json()["orders"]
    assert [one["id"] for one in mine] == [placed["id"], of_tablet["id"]]
    theirs = (await api.get("/api/v1/orders", hotel.tablet())).json()["orders"]
    assert theirs == mine
    cancelled = await as_phone(
        api, "POST", f"/api/v1/orders/{of_tablet['id']}/cancel", phone, json={"reason": "guest"}
    )
    assert cancelled.json()["order"]["status"] == "cancelled"


async def test_a_phone_sees_nothing_of_the_neighbours(api: Api, hotel: Hotel, front: Principal) -> None:
    placed = await api.place(hotel, room=1)
    phone = await claimed(api, front, hotel)
    problem(await as_phone(api, "GET", f"/api/v1/orders/{placed['id']}", phone), 404, "not_found", "order_id")
    path = f"/api/v1/orders/{placed['id']}/cancel"
    problem(await as_phone(api, "POST", path, phone, json={}), 404, "not_found", "order_id")
    assert (await as_phone(api, "GET", "/api/v1/orders", phone)).json()["orders"] == []


@pytest.mark.parametrize("role", ["kitchen", "runner", "menu_editor"])
async def test_who_may_not_invite(api: Api, hotel: Hotel, admin: Connection, role: StaffRole) -> None:
    person = await make_staff(admin, hotel, role)
    phone = await hotel.phone(admin)
    for nobody in (person, hotel.tablet(), hotel.kitchen(), phone):
        problem(await api.post(address(hotel), {}, nobody), 403, "forbidden")
    problem(await api.post(address(hotel), {}), 401, "unauthorized")


async def test_stays_that_nobody_can_come_to(
    api: Api, hotel: Hotel, other_hotel: Hotel, front: Principal
) -> None:
    problem(await api.post(address(other_hotel), {}, front), 404, "not_found", "stay_id")
    nobody = f"/api/v1/stays/{uuid4()}/phone-code"
    problem(await api.post(nobody, {}, front), 404, "not_found", "stay_id")
    leave = f"/api/v1/stays/{hotel.rooms[0].stay_id}/check-out"
    assert (await api.post(leave, {}, front)).status_code == 200
    problem(await api.post(address(hotel), {}, front), 409, "stay_ended")


async def test_the_guest_leaves_and_the_phone_knows_it(api: Api, hotel: Hotel, front: Principal) -> None:
    phone = await claimed(api, front, hotel)
    placed = (await order(api, phone, hotel)).json()["order"]
    unused = await code(api, front, hotel)
    leave = f"/api/v1/stays/{hotel.rooms[0].stay_id}/check-out"
    assert (await api.post(leave, {}, front)).status_code == 200
    # the token is good for minutes yet, and opens nothing
    for path in ("/api/v1/orders", f"/api/v1/orders/{placed['id']}", "/api/v1/menu"):
        problem(await as_phone(api, "GET", path, phone), 401, "unauthorized")
    problem(await order(api, phone, hotel), 401, "unauthorized")
    problem(await api.post(TOKEN, {"credential": phone["credential"]}), 409, "stay_ended")
    problem(await api.post("/api/v1/devices/rotate", {"credential": phone["credential"]}), 409, "stay_ended")
    problem(await api.post(CLAIM, {"code": unused}), 401, "unauthorized", "code")


async def test_the_guest_takes_another_room(
    api: Api, hotel: Hotel, front: Principal, admin: Connection
) -> None:
    phone = await claimed(api, front, hotel)
    unused = await code(api, front, hotel)
    move = f"/api/v1/stays/{hotel.rooms[0].stay_id}/move"
    assert (await api.post(move, {"room_number": "777"}, front)).status_code == 200
    problem(await order(api, phone, hotel), 401, "unauthorized")
    answer = await api.post(TOKEN, {"credential": phone["credential"]})
    assert problem(answer, 403, "forbidden")["details"] == {"device_status": "retired"}
    problem(await api.post(CLAIM, {"code": unused}), 401, "unauthorized", "code")
    # whoever is with the guest scans the code of the new room
    again = await claimed(api, front, hotel)
    assert TOKENS.verify(again["token"]).room_number == "777"
    assert (await order(api, again, hotel)).json()["order"]["room_number"] == "777"


async def test_staff_see_phones_and_shut_one_out(
    api: Api, hotel: Hotel, front: Principal, admin: Connection
) -> None:
    manager = await make_staff(admin, hotel, "manager")
    phone, other = [await claimed(api, front, hotel) for _ in range(2)]
    listed = (await api.get("/api/v1/devices", front, type="phone")).json()["devices"]
    assert [one["id"] for one in listed] == [phone["device_id"], other["device_id"]]
    assert {(one["device_name"], one["room_number"]) for one in listed} == {("Phone 101", "101")}
    path = f"/api/v1/devices/{phone['device_id']}"
    assert (await api.post(f"{path}/retire", {}, manager)).json()["device"]["status"] == "retired"
    problem(await order(api, phone, hotel), 401, "unauthorized")
    assert (await order(api, other, hotel)).status_code == 201
    listed = (await api.get("/api/v1/devices", front)).json()["devices"]
    assert phone["device_id"] not in [one["id"] for one in listed]
    listed = (await api.get("/api/v1/devices", front, status="retired")).json()["devices"]
    assert [one["id"] for one in listed] == [phone["device_id"]]
    patched = await api.client.patch(
        f"/api/v1/devices/{other['device_id']}", json={"room_number": "102"}, headers=bearer(manager)
    )
    problem(patched, 400, "invalid_input", "room_number")
    answer = await api.post("/api/v1/devices/pairing", {"device_type": "phone"})
    problem(answer, 400, "invalid_input", "device_type")


async def test_phones_take_no_place_in_the_plan(
    api: Api, hotel: Hotel, front: Principal, admin: Connection
) -> None:
    await admin.execute("UPDATE app.tenants SET room_limit = 2 WHERE id = $1", hotel.tenant_id)
    for _ in range(3):
        await claimed(api, front, hotel)


async def test_the_credential_of_a_phone_is_renewed_like_any_other(
    api: Api, hotel: Hotel, front: Principal
) -> None:
    phone = await claimed(api, front, hotel)
    rotated = (await api.post("/api/v1/devices/rotate", {"credential": phone["credential"]})).json()
    fresh = (await api.post(TOKEN, {"credential": rotated["credential"]})).json()
    assert TOKENS.verify(fresh["token"]).kind == "phone"
    problem(await api.post(TOKEN, {"credential": phone["credential"]}), 401, "unauthorized", "credential")
