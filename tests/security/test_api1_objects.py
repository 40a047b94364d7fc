"""API1:2023 Broken object level authorization: reaching what belongs to somebody else by its id. What another
hotel has is tried generated in test_bola; here is what is somebody else's in the same house, and what is said
by other means than an id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import msgspec
import pytest

from hub.db.ids import uuid7
from hub.orders import changes, reading
from hub.security.principal import Principal
from tests.api.conftest import TOKENS, Api, bearer, problem
from tests.api.desk import Desk
from tests.factories import Hotel, make_hotel, make_staff
from tests.realtime.conftest import Live, head, screens

if TYPE_CHECKING:
    import httpx

    from hub.db.pool import Connection

PNG: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63606060000000040001"
    "f61738550000000049454e44ae426082"
)


async def send(api: Api, method: str, path: str, who: Principal, body: object = None) -> httpx.Response:
    headers = bearer(who) | {"Idempotency-Key": str(uuid4())}
    more: dict[str, Any] = {} if body is None else {"json": body}
    return await api.client.request(method, path, headers=headers, **more)


# another room of the same hotel


async def test_orders_of_another_room(api: Api, hotel: Hotel) -> None:
    """Defence: hub/orders/access.py stay_of, which the queries of orders ask for."""
    order = await api.place(hotel, room=0)
    neighbour = hotel.tablet(1)
    path = f"/api/v1/orders/{order['id']}"
    problem(await api.get(path, neighbour), 404, "not_found", "order_id")
    problem(await api.post(f"{path}/cancel", {}, neighbour), 404, "not_found", "order_id")
    assert (await api.get("/api/v1/orders", neighbour)).json()["orders"] == []
    assert (await api.get(path, hotel.tablet(0))).json()["order"] == order


async def test_without_the_stay_a_neighbour_could(
    api: Api, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await api.place(hotel, room=0)
    for module in (reading, changes):
        monkeypatch.setattr(module, "stay_of", lambda principal: None)
    path = f"/api/v1/orders/{order['id']}"
    assert (await api.get(path, hotel.tablet(1))).status_code == 200
    assert (await api.post(f"{path}/cancel", {}, hotel.tablet(1))).status_code == 200


async def test_screens_of_another_room(live: Live, api: Api, admin: Connection, hotel: Hotel) -> None:
    """Defence: hub/services.py topics_of: a guest's topic is the stay."""
    before = await api.place(hotel, room=0)
    async with screens(live, hotel.tablet(1), hotel.tablet(0)) as (neighbour, own):
        after = await api.place(hotel, room=0)
        for screen in (neighbour, own):
            await screen.reach(await head(admin, hotel))
        assert set(own.orders()) == {before["id"], after["id"]}
        assert not neighbour.orders()


async def test_a_token_cannot_be_bent_to_another_stay(live: Live, api: Api, hotel: Hotel) -> None:
    """Defence: hub/devices/doorman.py admit; sql is_as_told. A token that the hub itself would not
    issue: a tablet with the neighbour's stay or room."""
    await api.place(hotel, room=0)
    bent = msgspec.structs.replace(hotel.tablet(1), stay_id=hotel.rooms[0].stay_id)
    async with live.screen(bent) as screen:
        await screen.until(lambda: screen.closes == [4503])
        assert not screen.orders()
    moved = msgspec.structs.replace(hotel.tablet(1), room_number=hotel.rooms[0].number)
    problem(await api.get("/api/v1/orders", moved), 401, "unauthorized")


# operation ids


async def test_an_operation_id_of_another_room_is_ones_own(api: Api, hotel: Hotel) -> None:
    """Defence: hub/operations.py _once, whose key holds the caller."""
    key = uuid4()
    body = {"lines": [{"menu_item_id": hotel.menu["soup"], "quantity": 1}]}
    made = [(await api.post("/api/v1/orders", body, hotel.tablet(room), key)).json() for room in (0, 1)]
    assert made[0]["order"]["id"] != made[1]["order"]["id"]
    assert [one["order"]["room_number"] for one in made] == ["101", "102"]


async def test_an_operation_id_of_the_last_guest(api: Api, admin: Connection, hotel: Hotel) -> None:
    """Defence: hub/operations.py _once: the stay belongs to the request."""
    key, room = uuid4(), hotel.rooms[0]
    body = {"lines": [{"menu_item_id": hotel.menu["soup"], "quantity": 1}]}
    assert (await api.post("/api/v1/orders", body, hotel.tablet(), key)).status_code == 201
    await admin.execute("UPDATE app.stays SET ended_at = now() WHERE id = $1", room.stay_id)
    following = await admin.fetchval(
        "INSERT INTO app.stays (tenant_id, room_number) VALUES ($1, $2) RETURNING id",
        hotel.tenant_id,
        room.number,
    )
    next_guest = msgspec.structs.replace(hotel.tablet(), stay_id=following)
    answer = await api.post("/api/v1/orders", body, next_guest, key)
    problem(answer, 422, "operation_mismatch", "op_id")


# colleagues


async def test_sign_ins_of_a_colleague(api: Api, desk: Desk, hotel: Hotel, other_hotel: Hotel) -> None:
    """Defence: hub/staff/sessions.py revoke; hub/web/endpoint.py Guarded for the list of another."""
    admin = desk.admin
    victim, front = [await make_staff(admin, hotel, role) for role in ("manager", "front")]
    stranger = await make_staff(admin, other_hotel, "manager")
    path = f"/api/v1/staff/sessions/{victim.session_id}/revoke"
    for thief in (front, stranger):
        problem(await send(api, "POST", path, thief), 404, "not_found", "session_id")
    people = f"/api/v1/staff/people/{victim.id}/sessions"
    problem(await send(api, "GET", people, front), 403, "forbidden")
    problem(await send(api, "GET", people, stranger), 404, "not_found", "staff_id")
    own = (await send(api, "GET", "/api/v1/staff/sessions", front)).json()["sessions"]
    assert [one["id"] for one in own] == [str(front.session_id)]
    assert (await send(api, "GET", "/api/v1/staff/session", victim)).status_code == 200


async def test_without_the_owner_a_colleague_could(
    api: Api, admin: Connection, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim, front = [await make_staff(admin, hotel, role) for role in ("manager", "front")]
    monkeypatch.setattr(Principal, "may", lambda self, permission: True)
    path = f"/api/v1/staff/sessions/{victim.session_id}/revoke"
    assert (await send(api, "POST", path, front)).status_code == 200


# another hotel


async def test_everything_of_another_hotel(api: Api, admin: Connection, hotel: Hotel) -> None:
    """Defence: sql/migrations protect_tenant_table (RLS) and the tenant in every query."""
    theirs = await make_hotel(admin)
    thief, owner = await make_staff(admin, hotel, "manager"), await make_staff(admin, theirs, "manager")
    picture = await api.client.post(
        "/api/v1/files", content=PNG, headers=bearer(owner) | {"Content-Type": "image/png"}
    )
    assert picture.status_code == 201, picture.text
    device, stay = theirs.rooms[0].tablet_id, theirs.rooms[0].stay_id
    tried: list[tuple[str, str, object]] = [
        ("GET", f"/api/v1/devices/{device}", None),
        ("PATCH", f"/api/v1/devices/{device}", {"device_name": "mine"}),
        *(
            ("POST", f"/api/v1/devices/{device}/{act}", None)
            for act in ("suspend", "resume", "lost", "retire")
        ),
        ("GET", f"/api/v1/stays/{stay}", None),
        ("POST", f"/api/v1/stays/{stay}/check-out", None),
        ("POST", f"/api/v1/stays/{stay}/move", {"room_number": "999"}),
        ("GET", f"/api/v1/staff/people/{owner.id}", None),
        ("PATCH", f"/api/v1/staff/people/{owner.id}", {"is_active": False}),
        ("DELETE", f"/api/v1/staff/people/{owner.id}", None),
        ("DELETE", f"/api/v1/files/{picture.json()['id']}", None),
    ]
    for method, path, body in tried:
        answer = await send(api, method, path, thief, body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, path, answer.text)
    assert (await api.client.get(picture.json()["url"])).content == PNG
    device_now = (await send(api, "GET", f"/api/v1/devices/{device}", owner)).json()["device"]
    assert (device_now["status"], device_now["device_name"]) == ("active", "Tablet 101")
    stay_now = (await send(api, "GET", f"/api/v1/stays/{stay}", owner)).json()["stay"]
    assert (stay_now["ended_at"], stay_now["room_number"]) == (None, "101")
    assert (await send(api, "GET", "/api/v1/staff/session", owner)).status_code == 200


async def test_lists_begin_nowhere_else(api: Api, admin: Connection, hotel: Hotel) -> None:
    """Defence: as above; a cursor holds a position, and no hotel."""
    theirs = await make_hotel(admin)
    thief, owner = await make_staff(admin, hotel, "manager"), await make_staff(admin, theirs, "manager")
    foreign = {str(value) for room in theirs.rooms for value in (room.tablet_id, room.stay_id)}
    for _ in range(2):
        await api.place(theirs)
    for path in ("/api/v1/devices", "/api/v1/stays", "/api/v1/orders", "/api/v1/audit"):
        page = (await send(api, "GET", f"{path}?limit=1", owner)).json()
        assert page["next"] is not None, path
        for after in ("", f"?after={page['next']}"):
            answer = await send(api, "GET", f"{path}{after}", thief)
            assert answer.status_code == 200
            assert str(theirs.tenant_id) not in answer.text
            assert not [one for one in foreign if one in answer.text]


async def test_the_audit_of_another_hotel(api: Api, admin: Connection, hotel: Hotel) -> None:
    """Defence: hub/audit/store.py of_hotel takes the tenant of the scope."""
    theirs = await make_hotel(admin)
    thief, owner = await make_staff(admin, hotel, "manager"), await make_staff(admin, theirs, "manager")
    record = theirs.rooms[0].tablet_id
    for asked in (f"record={record}", f"record={theirs.tenant_id}", f"user={owner.id}", "table=device_rooms"):
        entries = (await send(api, "GET", f"/api/v1/audit?{asked}", thief)).json()["entries"]
        assert str(record) not in str(entries)
    mine = (await send(api, "GET", f"/api/v1/audit?record={record}", owner)).json()["entries"]
    assert [one["record"] for one in mine] == [str(record)]


async def test_a_pairing_that_another_hotel_has_approved(api: Api, admin: Connection, hotel: Hotel) -> None:
    """Defence: sql approve_pairing, good once; hub/devices/pairing.py find sees codes that still wait."""
    ours, theirs = (
        await make_staff(admin, hotel, "front"),
        await make_staff(admin, await make_hotel(admin), "front"),
    )
    started = (await api.post("/api/v1/devices/pairing", {"device_type": "kitchen_screen"})).json()
    path = f"/api/v1/devices/pairing/{started['user_code']}"
    assert (await api.post(f"{path}/approve", {}, ours)).status_code == 200
    problem(await api.get(path, theirs), 404, "not_found", "user_code")
    problem(await api.post(f"{path}/approve", {}, theirs), 404, "not_found", "user_code")
    polled = await api.post("/api/v1/devices/pairing/poll", {"device_code": started["device_code"]})
    assert TOKENS.verify(polled.json()["token"]).tenant_id == hotel.tenant_id
    guessed = "SELECT count(*) FROM app.audit_logs WHERE tenant_id = $1 AND operation = 'pairing.guessed'"
    assert await admin.fetchval(guessed, theirs.tenant_id) == 2


async def test_guests_of_another_hotel_by_their_number(api: Api, admin: Connection, hotel: Hotel) -> None:
    """Defence: hub/security/vault.py index, whose key belongs to one hotel; the tenant in the query."""
    theirs = await make_hotel(admin)
    thief, owner = await make_staff(admin, hotel, "front"), await make_staff(admin, theirs, "front")
    guest = {"room_number": "900", "guest_name": "Mori", "guest_phone": "+81 90 1234 5678"}
    assert (await api.post("/api/v1/stays", guest, owner)).status_code == 201
    asked = {"phone": guest["guest_phone"]}
    assert len((await api.post("/api/v1/stays/search", asked, owner)).json()["stays"]) == 1
    assert (await api.post("/api/v1/stays/search", asked, thief)).json()["stays"] == []


async def test_ids_say_nothing_of_what_exists(api: Api, admin: Connection, hotel: Hotel) -> None:
    """Defence: hub/errors.py NotFound: an id of another hotel and one of nobody answer alike."""
    theirs = await make_hotel(admin)
    order = UUID((await api.place(theirs))["id"])
    thief = await make_staff(admin, hotel, "manager")
    for path, real in (("orders", order), ("stays", theirs.rooms[0].stay_id), ("devices", theirs.kitchen_id)):
        foreign, nobody = [await api.get(f"/api/v1/{path}/{one}", thief) for one in (real, uuid7())]
        assert (foreign.status_code, foreign.json()) == (nobody.status_code, nobody.json())
