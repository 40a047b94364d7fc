"""Pairing under attack: codes guessed and replayed, two who approve at once, strangers, and nonsense."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from hub.app import open_hub
from hub.devices.codes import ALPHABET
from hub.security.credentials import new_secret
from tests.api.conftest import Api, bearer, problem
from tests.factories import Hotel, make_staff

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

START, POLL = "/api/v1/devices/pairing", "/api/v1/devices/pairing/poll"
GUESSES = 20


@asynccontextmanager
async def api_of(settings: Settings, **limits: str) -> AsyncIterator[Api]:
    changed = msgspec.structs.replace(settings, namespace=f"n{uuid4().hex}", **limits)
    async with open_hub(changed) as hub:
        transport = httpx.ASGITransport(hub.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
            yield Api(client)


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[Api]:
    async with api_of(settings) as found:
        yield found


async def started(api: Api, device_type: str = "tablet") -> dict[str, Any]:
    answer = await api.post(START, {"device_type": device_type})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_guesses_at_once_are_stopped_and_a_right_one_after_them_too(
    settings: Settings, hotel: Hotel, admin: Connection
) -> None:
    front = await make_staff(admin, hotel, "front")
    dice = random.Random(7)
    async with api_of(settings, limit_pairing_tenant=f"{GUESSES}/hour") as api:
        waiting = await started(api)
        codes = ["".join(dice.choices(ALPHABET, k=8)) for _ in range(3 * GUESSES)]
        answers = await asyncio.gather(*(api.get(f"{START}/{code}", front) for code in codes))
        found = [answer.status_code for answer in answers]
        assert set(found) == {404, 429}
        assert found.count(404) <= GUESSES
        # whoever has used up the guesses cannot use a code that was overheard either
        problem(await api.get(f"{START}/{waiting['user_code']}", front), 429, "rate_limited")
        body = {"room_number": "999"}
        answer = await api.post(f"{START}/{waiting['user_code']}/approve", body, front)
        problem(answer, 429, "rate_limited")
    written = await admin.fetchval(
        "SELECT count(*) FROM app.audit_logs WHERE tenant_id = $1 AND operation = 'pairing.guessed'",
        hotel.tenant_id,
    )
    assert written == found.count(404)


async def test_guesses_count_by_address_whoever_asks(
    settings: Settings, hotel: Hotel, other_hotel: Hotel, admin: Connection
) -> None:
    async with api_of(settings, limit_pairing_ip=f"{GUESSES}/hour") as api:
        people = [await make_staff(admin, one, "front") for one in (hotel, other_hotel)]
        tries = [api.get(f"{START}/BBBBBBBB", person) for person in people for _ in range(GUESSES)]
        found = [answer.status_code for answer in await asyncio.gather(*tries)]
        assert found.count(404) <= GUESSES
        assert 429 in found


async def test_starts_are_limited(settings: Settings) -> None:
    async with api_of(settings, limit_pairing_ip="5/hour") as api:
        answers = await asyncio.gather(*(api.post(START, {"device_type": "tablet"}) for _ in range(12)))
        assert sorted(answer.status_code for answer in answers) == [201] * 5 + [429] * 7


async def test_two_hotels_want_the_same_device(
    api: Api, hotel: Hotel, other_hotel: Hotel, admin: Connection
) -> None:
    people = [await make_staff(admin, one, "front") for one in (hotel, other_hotel)]
    for room in range(500, 505):
        waiting = await started(api)
        path = f"{START}/{waiting['user_code']}/approve"
        answers = await asyncio.gather(
            *(api.post(path, {"room_number": str(room)}, person) for person in people)
        )
        assert sorted(answer.status_code for answer in answers) == [200, 404]
        winner = answers[0] if answers[0].status_code == 200 else answers[1]
        owner = hotel if winner is answers[0] else other_hotel
        polled = (await api.post(POLL, {"device_code": waiting["device_code"]})).json()
        assert polled["device_id"] == winner.json()["device"]["id"]
        assert polled["credential"].startswith(owner.tenant_id.hex)
        # nothing of the loser stays
        for one in (hotel, other_hotel):
            count = await admin.fetchval(
                "SELECT count(*) FROM app.device_rooms WHERE tenant_id = $1 AND room_number = $2",
                one.tenant_id,
                str(room),
            )
            assert count == (one is owner)


async def test_a_code_that_was_used_is_worth_nothing(
    api: Api, hotel: Hotel, other_hotel: Hotel, admin: Connection
) -> None:
    front, thief = [await make_staff(admin, one, "front") for one in (hotel, other_hotel)]
    waiting = await started(api, "kitchen_screen")
    path = f"{START}/{waiting['user_code']}"
    assert (await api.post(f"{path}/approve", {}, front)).status_code == 200
    for person in (front, thief):
        problem(await api.get(path, person), 404, "not_found", "user_code")
        problem(await api.post(f"{path}/approve", {}, person), 404, "not_found", "user_code")
    # the code on the screen is not the secret behind it
    for guess in (waiting["user_code"], waiting["user_code"].replace("-", "")):
        problem(await api.post(POLL, {"device_code": guess}), 401, "unauthorized", "device_code")


async def test_a_device_code_is_no_door_to_another_device(api: Api, hotel: Hotel, admin: Connection) -> None:
    """Known to the device alone, and good for its own place, until the credential is changed."""
    front = await make_staff(admin, hotel, "front")
    waiting = await started(api, "kitchen_screen")
    await api.post(f"{START}/{waiting['user_code']}/approve", {}, front)
    polled = (await api.post(POLL, {"device_code": waiting["device_code"]})).json()
    other = polled["credential"].split(".")
    other[1] = hotel.kitchen_id.hex
    answer = await api.post("/api/v1/devices/token", {"credential": ".".join(other)})
    problem(answer, 401, "unauthorized", "credential")
    await admin.execute(
        "UPDATE app.device_rooms SET status = 'lost' WHERE id = $1::uuid", polled["device_id"]
    )
    document = problem(await api.post(POLL, {"device_code": waiting["device_code"]}), 403, "forbidden")
    assert document["details"] == {"device_status": "lost"}


async def test_who_may_not_pair(api: Api, hotel: Hotel, admin: Connection) -> None:
    waiting = await started(api)
    path = f"{START}/{waiting['user_code']}"
    cook = await make_staff(admin, hotel, "kitchen")
    for nobody in (cook, hotel.tablet(), hotel.kitchen()):
        problem(await api.get(path, nobody), 403, "forbidden")
        problem(await api.post(f"{path}/approve", {"room_number": "1"}, nobody), 403, "forbidden")
    problem(await api.get(path), 401, "unauthorized")
    assert (await api.post(POLL, {"device_code": waiting["device_code"]})).json() == {"status": "pending"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"device_code": ""}',
        b'{"device_code": 7}',
        b'{"device_code": "x", "admin": true}',
        msgspec.json.encode({"device_code": "x" * 201}),
        b'{"device_code": "\\u0000"}',
    ],
)
async def test_poll_with_garbage(api: Api, body: bytes) -> None:
    answer = await api.post(POLL, body)
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize(
    "secret", ["x", "日本語", "' OR true --", pytest.param(new_secret(), id="new"), "." * 200]
)
async def test_poll_with_a_secret_of_nobody(api: Api, secret: str) -> None:
    problem(await api.post(POLL, {"device_code": secret}), 401, "unauthorized", "device_code")


@pytest.mark.parametrize("typed", ["%00", "x" * 90, "' OR true", "ＢＢＢＢ－ＢＢＢＢ"])
async def test_codes_of_nobody(api: Api, hotel: Hotel, admin: Connection, typed: str) -> None:
    front = await make_staff(admin, hotel, "front")
    answer = await api.client.get(f"{START}/{typed}", headers=bearer(front))
    assert answer.status_code in (400, 404), answer.text
