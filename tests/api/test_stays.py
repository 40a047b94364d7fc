"""A front desk over HTTP: guests move in, are found, change rooms and leave."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from hub.db.ids import uuid7
from tests.api.conftest import Api, bearer, problem
from tests.database.logbook import writer
from tests.factories import Hotel, make_staff

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from hub.settings import Settings

STAYS = "/api/v1/stays"
GUEST = {"guest_name": "山田 花子", "guest_phone": "+81 90-1234-5678"}


@pytest.fixture
async def front(admin: Connection, hotel: Hotel) -> Principal:
    return await make_staff(admin, hotel, "front")


async def leave(api: Api, front: Principal, stay_id: object) -> dict[str, Any]:
    answer = await api.post(f"{STAYS}/{stay_id}/check-out", {}, front)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def wiped(admin: Connection, hotel: Hotel) -> None:
    """Every tablet has forgotten its guest."""
    await admin.execute(
        "UPDATE app.device_rooms SET wipe_requested_at = NULL WHERE tenant_id = $1", hotel.tenant_id
    )


async def arrive(api: Api, front: Principal, room: str, **more: object) -> str:
    answer = await api.post(STAYS, {"room_number": room, **more}, front)
    assert answer.status_code == 201, answer.text
    stay_id: str = answer.json()["stay_id"]
    return stay_id


async def test_a_guest_moves_in_and_is_sealed(
    api: Api, hotel: Hotel, admin: Connection, front: Principal
) -> None:
    key = uuid4()
    answer = await api.post(STAYS, {"room_number": " 900 ", **GUEST}, front, key)
    assert answer.status_code == 201, answer.text
    assert answer.json() == {"stay_id": answer.json()["stay_id"], "tablet_id": None, "wipe_pending": False}
    again = await api.post(STAYS, {"room_number": " 900 ", **GUEST}, front, key)
    assert (again.status_code, again.content) == (201, answer.content)

    stay_id = answer.json()["stay_id"]
    stay = (await api.get(f"{STAYS}/{stay_id}", front)).json()["stay"]
    assert (stay["room_number"], stay["guest_name"], stay["guest_phone"]) == ("900", *GUEST.values())
    assert (stay["ended_at"], stay["tablet_id"], stay["open_orders"]) == (None, None, 0)
    # nothing of the guest stands anywhere in the clear: neither in rows, nor in answers, nor in the audit
    for table in ("stays", "idempotency", "audit_logs", "events"):
        rows = await admin.fetchval(
            f"SELECT string_agg(t::text, '') FROM app.{table} AS t WHERE tenant_id = $1", hotel.tenant_id
        )
        for secret in ("山田", "90-1234", "819012345678"):
            assert secret not in (rows or ""), table


async def test_open_stays_come_by_room_in_pages(api: Api, hotel: Hotel, front: Principal) -> None:
    await arrive(api, front, "205", guest_name="Ada")
    first = (await api.get(STAYS, front, limit=2)).json()
    second = (await api.get(STAYS, front, limit=2, after=first["next"])).json()
    shown = [(stay["room_number"], stay["guest_name"]) for stay in first["stays"] + second["stays"]]
    assert shown == [("101", None), ("102", None), ("205", "Ada")]
    assert second["next"] is None
    assert first["stays"][0]["tablet_id"] == str(hotel.rooms[0].tablet_id)
    found = (await api.get(STAYS, front, room="205")).json()["stays"]
    assert [stay["guest_name"] for stay in found] == ["Ada"]
    assert (await api.get(STAYS, front, room="206")).json() == {"stays": [], "next": None}


async def test_a_full_width_number_is_the_same_room(
    api: Api, hotel: Hotel, admin: Connection, front: Principal
) -> None:
    problem(await api.post(STAYS, {"room_number": "１０１"}, front), 409, "room_occupied", "room_number")
    stay_id = await arrive(api, front, "４０１")
    for written in ("401", "４０１"):
        found = (await api.get(STAYS, front, room=written)).json()["stays"]
        assert [(stay["id"], stay["room_number"]) for stay in found] == [(stay_id, "401")]
    moved = await api.post(f"{STAYS}/{stay_id}/move", {"room_number": "４０１"}, front)
    problem(moved, 409, "conflict", "room_number")
    # a tablet that staff move there stands in the room of that guest
    manager = await make_staff(admin, hotel, "manager")
    spare = f"/api/v1/devices/{hotel.rooms[1].tablet_id}"
    changed = await api.client.patch(spare, json={"room_number": "４０１"}, headers=bearer(manager))
    assert changed.json()["device"]["room_number"] == "401"


async def test_one_damaged_name_hides_no_other_guest(
    api: Api, hotel: Hotel, admin: Connection, front: Principal, caplog: pytest.LogCaptureFixture
) -> None:
    damaged, fine = await arrive(api, front, "401", **GUEST), await arrive(api, front, "402", **GUEST)
    # the sealed name of one guest in the row of another one opens nowhere
    await admin.execute(
        "UPDATE app.stays AS s SET guest_name_encrypted = other.guest_name_encrypted FROM app.stays AS other"
        " WHERE s.id = $1::text::uuid AND other.id = $2::text::uuid",
        damaged,
        fine,
    )
    stays = {stay["id"]: stay for stay in (await api.get(STAYS, front)).json()["stays"]}
    assert (stays[damaged]["guest_name"], stays[damaged]["guest_phone"]) == (None, GUEST["guest_phone"])
    assert stays[fine]["guest_name"] == GUEST["guest_name"]
    [told] = [one for one in caplog.records if one.message == "sealed text not opened"]
    assert (told.__dict__["row"], told.__dict__["column"]) == (damaged, "guest_name_encrypted")


async def test_a_guest_is_found_by_phone_however_it_is_written(
    api: Api, hotel: Hotel, other_hotel: Hotel, admin: Connection, front: Principal
) -> None:
    first = await arrive(api, front, "301", **GUEST)
    await leave(api, front, first)
    second = await arrive(api, front, "302", **GUEST)
    await arrive(api, front, "303", guest_phone="+81 90-1234-5679")
    answer = await api.post(f"{STAYS}/search", {"phone": "(+81)９０ 1234 5678"}, front)
    assert [stay["id"] for stay in answer.json()["stays"]] == [second, first]
    # another hotel's keys give the same number another index
    stranger = await make_staff(admin, other_hotel, "manager")
    answer = await api.post(f"{STAYS}/search", {"phone": GUEST["guest_phone"]}, stranger)
    assert answer.json() == {"stays": [], "next": None}


async def test_who_leaves_is_told_what_is_still_cooked(
    api: Api, hotel: Hotel, admin: Connection, front: Principal
) -> None:
    order = await api.place(hotel)
    left = await leave(api, front, hotel.rooms[0].stay_id)
    assert left["open_orders"] == [
        {"id": order["id"], "order_number": order["order_number"], "status": "received"}
    ]
    assert left["wiping"] == [str(hotel.rooms[0].tablet_id)]
    # the order goes on in the kitchen; its guest sees nothing of it any more
    answer = await api.post(f"/api/v1/orders/{order['id']}/advance", {"to": "cooking"}, hotel.kitchen())
    assert answer.status_code == 200
    problem(await api.get("/api/v1/orders", hotel.tablet()), 409, "stay_ended")
    again = await api.post(f"{STAYS}/{hotel.rooms[0].stay_id}/check-out", {}, front)
    problem(again, 409, "stay_ended")


async def test_the_next_guest_waits_until_the_tablet_has_forgotten(
    api: Api, hotel: Hotel, admin: Connection, front: Principal
) -> None:
    room = hotel.rooms[0]
    await leave(api, front, room.stay_id)
    document = problem(await api.post(STAYS, {"room_number": room.number}, front), 409, "wipe_pending")
    assert document["details"]["tablet_id"] == str(room.tablet_id)
    open_stays = (
        "SELECT count(*) FROM app.stays WHERE tenant_id = $1 AND room_number = $2 AND ended_at IS NULL"
    )
    assert await admin.fetchval(open_stays, hotel.tenant_id, room.number) == 0
    await wiped(admin, hotel)
    answer = await api.post(STAYS, {"room_number": room.number}, front)
    assert answer.json()["tablet_id"] == str(room.tablet_id)
    assert answer.json()["wipe_pending"] is False


async def test_whoever_does_not_wait_is_written_down(
    api: Api, hotel: Hotel, admin: Connection, front: Principal
) -> None:
    room = hotel.rooms[0]
    await leave(api, front, room.stay_id)
    body = {"room_number": room.number, "override_wipe": True}
    answer = await api.post(STAYS, body, front)
    assert answer.json()["wipe_pending"] is True
    event = await admin.fetchrow(
        "SELECT record, user_id, user_role, details FROM app.audit_logs"
        " WHERE tenant_id = $1 AND operation = 'stay.wipe_overridden'",
        hotel.tenant_id,
    )
    assert event is not None
    assert (event["record"], event["user_id"], event["user_role"]) == (
        answer.json()["stay_id"],
        front.id,
        "front",
    )
    assert json.loads(event["details"]) == {"room_number": room.number, "tablet_id": str(room.tablet_id)}
    # the tablet is still to forget
    pending = "SELECT wipe_requested_at IS NOT NULL FROM app.device_rooms WHERE id = $1"
    assert await admin.fetchval(pending, room.tablet_id)


async def test_a_room_has_one_guest_whoever_is_quicker(api: Api, hotel: Hotel, front: Principal) -> None:
    problem(await api.post(STAYS, {"room_number": "101"}, front), 409, "room_occupied", "room_number")
    answers = await asyncio.gather(*(api.post(STAYS, {"room_number": "707"}, front) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


async def test_a_check_in_beside_a_check_out_sees_its_wish(
    api: Api, hotel: Hotel, admin: Connection, settings: Settings, front: Principal
) -> None:
    """It waits for the room, and only then looks at the tablet."""
    room = hotel.rooms[0]
    async with writer(settings) as desk:
        leaving = desk.transaction()
        await leaving.start()
        await desk.execute("UPDATE app.stays SET ended_at = now() WHERE id = $1", room.stay_id)
        arriving = asyncio.create_task(api.post(STAYS, {"room_number": room.number}, front))
        waits = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid)))"
        async with asyncio.timeout(5):
            while True:
                if await admin.fetchval(waits, desk.get_server_pid()):
                    break
                await asyncio.sleep(0.002)
        await desk.execute(
            "UPDATE app.device_rooms SET wipe_requested_at = now() WHERE id = $1", room.tablet_id
        )
        await leaving.commit()
        problem(await arriving, 409, "wipe_pending")


async def test_a_guest_takes_another_room_with_the_orders(
    api: Api, hotel: Hotel, admin: Connection, front: Principal
) -> None:
    stay_id = hotel.rooms[0].stay_id
    done, order = await api.place(hotel), await api.place(hotel)
    for step in ("cooking", "ready", "delivering", "delivered"):
        await api.post(f"/api/v1/orders/{done['id']}/advance", {"to": step}, hotel.kitchen())
    path = f"{STAYS}/{stay_id}/move"
    document = problem(await api.post(path, {"room_number": "500"}, front), 409, "orders_open", "orders")
    assert [one["id"] for one in document["details"]["open_orders"]] == [order["id"]]
    body = {"room_number": "102", "orders": "move"}
    problem(await api.post(path, body, front), 409, "room_occupied", "room_number")
    problem(await api.post(path, {"room_number": "101"}, front), 409, "conflict", "room_number")

    answer = await api.post(path, {"room_number": "500", "orders": "move"}, front)
    assert answer.status_code == 200, answer.text
    moved = answer.json()
    assert [one["id"] for one in moved["moved_orders"]] == [order["id"]]
    assert (moved["tablet_id"], moved["wiping"]) == (None, [str(hotel.rooms[0].tablet_id)])
    # the kitchen's ticket shows where to go; what was delivered was delivered to the old room
    rows = await admin.fetch("SELECT id, room_number FROM app.orders WHERE tenant_id = $1", hotel.tenant_id)
    assert {str(row["id"]): row["room_number"] for row in rows} == {order["id"]: "500", done["id"]: "101"}
    now = (await api.get(f"/api/v1/orders/{order['id']}", hotel.kitchen())).json()["order"]
    assert (now["room_number"], now["version"]) == ("500", order["version"] + 1)
    # and the old room waits for its tablet
    problem(await api.post(STAYS, {"room_number": "101"}, front), 409, "wipe_pending")


async def test_nobody_moves_to_a_tablet_that_has_not_forgotten(
    api: Api, hotel: Hotel, front: Principal
) -> None:
    first, second = hotel.rooms
    await leave(api, front, second.stay_id)
    path, body = f"{STAYS}/{first.stay_id}/move", {"room_number": second.number}
    problem(await api.post(path, body, front), 409, "wipe_pending")
    answer = await api.post(path, body | {"override_wipe": True}, front)
    assert (answer.json()["tablet_id"], answer.json()["wipe_pending"]) == (str(second.tablet_id), True)


@pytest.mark.parametrize("role", ["kitchen", "runner", "menu_editor"])
async def test_guests_are_none_of_a_cooks_business(
    api: Api, hotel: Hotel, admin: Connection, role: Any
) -> None:
    stay = f"{STAYS}/{hotel.rooms[0].stay_id}"
    for principal in (await make_staff(admin, hotel, role), hotel.tablet(), hotel.kitchen()):
        assert (await api.get(STAYS, principal)).status_code == 403
        assert (await api.get(stay, principal)).status_code == 403
        assert (await api.post(f"{stay}/check-out", {}, principal)).status_code == 403
        assert (await api.post(STAYS, {"room_number": "9"}, principal)).status_code == 403


async def test_another_hotels_stay_does_not_exist(
    api: Api, hotel: Hotel, other_hotel: Hotel, admin: Connection, front: Principal
) -> None:
    for stay_id in (other_hotel.rooms[0].stay_id, uuid7()):
        problem(await api.get(f"{STAYS}/{stay_id}", front), 404, "not_found", "stay_id")
        problem(await api.post(f"{STAYS}/{stay_id}/check-out", {}, front), 404, "not_found", "stay_id")
        answer = await api.post(f"{STAYS}/{stay_id}/move", {"room_number": "500"}, front)
        problem(answer, 404, "not_found", "stay_id")
    ended = "SELECT count(ended_at) FROM app.stays WHERE tenant_id = $1"
    assert await admin.fetchval(ended, other_hotel.tenant_id) == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"room_number": ""}, "room_number"),
        ({"room_number": "   "}, "room_number"),
        ({"room_number": "1" * 21}, "room_number"),
        ({"room_number": 101}, "room_number"),
        ({"room_number": "1\0"}, "room_number"),
        ({"room_number": "1\n"}, None),
        ({"room_number": "1\u202e2"}, "room_number"),
        ({"room_number": "1\u200b2"}, "room_number"),
        ({"room_number": "9", "guest_name": "A\u202eB"}, "guest_name"),
        ({"room_number": "9", "guest_name": "A\0B"}, "guest_name"),
        ({"room_number": "9", "guest_name": "A\r\nB"}, "guest_name"),
        ({"room_number": "9", "guest_name": "x" * 201}, "guest_name"),
        ({"room_number": "9", "guest_phone": "call me"}, "guest_phone"),
        ({"room_number": "9", "guest_phone": "++"}, "guest_phone"),
        ({"room_number": "9", "guest_phone": "1" * 31}, "guest_phone"),
        ({"room_number": "9", "override_wipe": "yes"}, "override_wipe"),
        ({"room_number": "9", "vip": True}, None),
    ],
)
async def test_bad_words_are_refused(
    api: Api, hotel: Hotel, admin: Connection, front: Principal, body: dict[str, Any], field: str | None
) -> None:
    answer = await api.post(STAYS, body, front)
    if body == {"room_number": "1\n"}:
        assert answer.status_code == 201  # blanks at the ends are nobody's wish
        return
    problem(answer, 400, "invalid_input", field)
    count = "SELECT count(*) FROM app.stays WHERE tenant_id = $1"
    assert await admin.fetchval(count, hotel.tenant_id) == 2


@pytest.mark.parametrize("after", ["", "x", "====", "AAA=", "w_8A", "AAAA", "é" * 4, "A" * 500])
async def test_a_position_that_no_page_gave(api: Api, hotel: Hotel, front: Principal, after: str) -> None:
    problem(await api.get(STAYS, front, after=after), 400, "invalid_input", "after")


async def test_a_stay_is_named_by_an_id(api: Api, front: Principal) -> None:
    for stay_id in ("1", "x" * 36, str(UUID(int=1))[:-1]):
        problem(await api.get(f"{STAYS}/{stay_id}", front), 400, "invalid_input", "stay_id")
