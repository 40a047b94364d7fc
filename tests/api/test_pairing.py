from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import pytest

from hub.devices.codes import ALPHABET, read_code
from hub.security.credentials import Credential, digest
from tests.api.conftest import TOKENS, Api, problem
from tests.factories import Hotel, make_staff

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal

START = "/api/v1/devices/pairing"
POLL = "/api/v1/devices/pairing/poll"


async def start(api: Api, device_type: str = "tablet", **more: str) -> dict[str, Any]:
    answer = await api.post(START, {"device_type": device_type, **more})
    assert answer.status_code == 201, answer.text
    started: dict[str, Any] = answer.json()
    return started


async def approve(
    api: Api, who: Principal, code: str, key: UUID | None = None, **body: Any
) -> httpx.Response:
    return await api.post(f"{START}/{code}/approve", body, who, key)


async def poll(api: Api, started: dict[str, Any]) -> httpx.Response:
    return await api.post(POLL, {"device_code": started["device_code"]})


async def events(admin: Connection, hotel: Hotel, operation: str) -> int:
    count: int = await admin.fetchval(
        "SELECT count(*) FROM app.audit_logs WHERE tenant_id = $1 AND operation = $2",
        hotel.tenant_id,
        operation,
    )
    return count


@pytest.fixture
async def front(admin: Connection, hotel: Hotel) -> Principal:
    return await make_staff(admin, hotel, "front")


async def test_a_tablet_is_paired_in_one_step(
    api: Api, hotel: Hotel, front: Principal, admin: Connection
) -> None:
    started = await start(api, client="Lenovo in the box")
    assert (started["expires_in"], started["interval"]) == (600, 3)
    assert set(started["user_code"]) <= {*ALPHABET, "-"}
    assert started["verification_uri"] == f"http://hub/staff#pair={started['user_code']}"
    assert len({len(row) for row in started["qr"]}) == 1
    assert set("".join(started["qr"])) == {"0", "1"}
    assert (await poll(api, started)).json() == {"status": "pending"}

    typed = started["user_code"].lower().replace("-", " ")
    found = (await api.get(f"{START}/{typed}", front)).json()
    assert (found["device_type"], found["client"]) == ("tablet", "Lenovo in the box")

    answer = await approve(api, front, typed, room_number="305", device_name="Tablet 305 left")
    assert answer.status_code == 200, answer.text
    device = answer.json()["device"]
    assert (device["room_number"], device["device_name"], device["status"]) == (
        "305",
        "Tablet 305 left",
        "active",
    )
    approved = (await poll(api, started)).json()
    assert approved["status"] == "approved"
    principal = TOKENS.verify(approved["token"])
    assert (principal.id, principal.room_number) == (UUID(device["id"]), "305")
    # an answer that is lost is asked for again
    await asyncio.sleep(0)
    secret = Credential.parse(approved["credential"]).secret
    stored = await admin.fetchval("SELECT credential_hash FROM app.device_rooms WHERE id = $1", principal.id)
    assert stored == digest(secret) == digest(started["device_code"])
    assert (await api.post("/api/v1/devices/token", {"credential": approved["credential"]})).is_success
    assert await events(admin, hotel, "pairing.approved") == 1


async def test_the_same_approval_again_gets_the_same_answer(api: Api, front: Principal) -> None:
    started, key = await start(api, "kitchen_screen"), uuid4()
    first = await approve(api, front, started["user_code"], key, stations=["grill", "grill", "cold"])
    again = await approve(api, front, started["user_code"], key, stations=["grill", "grill", "cold"])
    assert first.content == again.content
    assert first.json()["device"]["stations"] == ["grill", "cold"]
    # another one is too late
    late = await approve(api, front, started["user_code"], stations=[])
    problem(late, 404, "not_found", "user_code")


async def test_a_room_has_one_tablet(api: Api, hotel: Hotel, front: Principal, admin: Connection) -> None:
    room = hotel.rooms[0]
    started = await start(api)
    for written in (room.number, "１０１"):
        refused = await approve(api, front, started["user_code"], room_number=written)
        document = problem(refused, 409, "conflict", "replace")
        assert document["details"]["device_id"] == str(room.tablet_id)
    answer = await approve(api, front, started["user_code"], room_number=room.number, replace=True)
    new = UUID(answer.json()["device"]["id"])
    assert new != room.tablet_id
    status = await admin.fetchval("SELECT status FROM app.device_rooms WHERE id = $1", room.tablet_id)
    assert status == "retired"
    problem(await api.get("/api/v1/orders", hotel.tablet()), 401, "unauthorized")
    assert await events(admin, hotel, "device.revoked") == 1


async def test_a_device_that_waits_for_the_room_is_used(
    api: Api, hotel: Hotel, front: Principal, admin: Connection
) -> None:
    waiting = await admin.fetchval(
        "INSERT INTO app.device_rooms (tenant_id, device_name, device_type, room_number)"
        " VALUES ($1, 'x', 'tablet', '900') RETURNING id",
        hotel.tenant_id,
    )
    started = await start(api)
    answer = await approve(api, front, started["user_code"], room_number="900")
    assert answer.json()["device"]["id"] == str(waiting)


async def test_the_plan_is_full(api: Api, hotel: Hotel, front: Principal, admin: Connection) -> None:
    await admin.execute("UPDATE app.tenants SET room_limit = 2 WHERE id = $1", hotel.tenant_id)
    started = await start(api)
    document = problem(
        await approve(api, front, started["user_code"], room_number="999"), 409, "limit_reached"
    )
    assert document["details"] == {"limit": "rooms", "allowed": 2, "used": 3}
    assert (await poll(api, started)).json() == {"status": "pending"}
    replaced = await approve(api, front, started["user_code"], room_number="101", replace=True)
    assert replaced.status_code == 200, replaced.text


async def test_two_approvals_at_once(api: Api, hotel: Hotel, front: Principal, admin: Connection) -> None:
    started = await start(api)
    answers = await asyncio.gather(
        *(approve(api, front, started["user_code"], room_number=str(700 + n)) for n in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [404] * 5
    made = await admin.fetchval(
        "SELECT count(*) FROM app.device_rooms WHERE tenant_id = $1 AND room_number LIKE '70_'",
        hotel.tenant_id,
    )
    assert made == 1
    # two tablets for one room: one of them is in
    codes = [(await start(api))["user_code"] for _ in range(4)]
    answers = await asyncio.gather(*(approve(api, front, code, room_number="800") for code in codes))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 3


async def test_a_code_ends(api: Api, front: Principal, admin: Connection) -> None:
    started = await start(api)
    await admin.execute("UPDATE app.pairing_requests SET expires_at = now()")
    problem(await poll(api, started), 401, "unauthorized", "device_code")
    problem(await api.get(f"{START}/{started['user_code']}", front), 404, "not_found", "user_code")
    problem(await approve(api, front, started["user_code"], room_number="1"), 404, "not_found", "user_code")


async def test_wrong_codes_are_written_down(
    api: Api, hotel: Hotel, front: Principal, admin: Connection
) -> None:
    problem(await api.get(f"{START}/BBBB-BBBB", front), 404, "not_found", "user_code")
    problem(await approve(api, front, "CCCC-CCCC", room_number="1"), 404, "not_found", "user_code")
    assert await events(admin, hotel, "pairing.guessed") == 2


async def test_who_polls_too_fast_is_told_to_wait(api: Api) -> None:
    started = await start(api)
    answers = [await poll(api, started) for _ in range(5)]
    assert answers[0].status_code == 200
    document = problem(answers[-1], 429, "rate_limited")
    assert document["details"]["retry_after_seconds"] >= 3


@pytest.mark.parametrize(
    ("device_type", "body", "field"),
    [
        ("tablet", {}, "room_number"),
        ("tablet", {"room_number": ""}, "room_number"),
        ("tablet", {"room_number": "1", "stations": ["x"]}, "stations"),
        ("tablet", {"room_number": "1\u200b"}, "room_number"),
        ("tablet", {"room_number": "1", "device_name": " "}, "device_name"),
        ("kitchen_screen", {"room_number": "1"}, "room_number"),
        ("kitchen_screen", {"stations": ["x\u0000"]}, "stations[0]"),
    ],
)
async def test_bad_places(
    api: Api, front: Principal, device_type: str, body: dict[str, Any], field: str
) -> None:
    started = await start(api, device_type)
    problem(await approve(api, front, started["user_code"], **body), 400, "invalid_input", field)
    assert (await poll(api, started)).json() == {"status": "pending"}


@pytest.mark.parametrize("host", ["", "x" * 300, "hub/../x", "hub\\x"])
async def test_a_host_that_is_none(api: Api, host: str) -> None:
    answer = await api.client.post(START, json={"device_type": "tablet"}, headers={"Host": host})
    problem(answer, 400, "invalid_input", "Host")


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("bcdf-ghjk", "BCDF-GHJK"),
        (" bcdf ghjk ", "BCDF-GHJK"),
        ("ＢＣＤＦーＧＨＪＫ", "BCDF-GHJK"),
        ("BCDF–GHJK", "BCDF-GHJK"),
        ("BCDFGHJ", None),
        ("BCDFGHJKL", None),
        ("ACDF-GHJK", None),
        ("", None),
        ("-" * 50, None),
    ],
)
def test_codes_as_people_type_them(typed: str, code: str | None) -> None:
    assert read_code(typed) == code
