from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
import pytest

from hub.db.ids import uuid7
from hub.devices.commands import Claimed, Issued
from hub.security.credentials import Credential, digest, new_secret
from tests.api.conftest import TOKENS, Api, problem
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection

CLAIM, TOKEN = "/api/v1/devices/claim", "/api/v1/devices/token"


async def make_code(admin: Connection, hotel: Hotel, device_id: UUID, minutes: int = 10) -> str:
    code = new_secret()
    await admin.execute(
        "INSERT INTO app.pairing_codes (tenant_id, device_id, code_hash, expires_at)"
        " VALUES ($1, $2, $3, now() + make_interval(mins => $4))",
        hotel.tenant_id,
        device_id,
        digest(code),
        minutes,
    )
    return code


async def claim(api: Api, admin: Connection, hotel: Hotel, device_id: UUID) -> Claimed:
    answer = await api.post(CLAIM, {"code": await make_code(admin, hotel, device_id)})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return msgspec.json.decode(answer.content, type=Claimed)


async def test_a_code_becomes_a_credential_and_that_becomes_tokens(
    api: Api, hotel: Hotel, admin: Connection
) -> None:
    room = hotel.rooms[0]
    claimed = await claim(api, admin, hotel, room.tablet_id)
    answer = await api.post(TOKEN, {"credential": claimed.credential})
    issued = msgspec.json.decode(answer.content, type=Issued)
    for token in (claimed.token, issued.token):
        principal = TOKENS.verify(token)
        assert (principal.tenant_id, principal.id) == (hotel.tenant_id, room.tablet_id)
        assert (principal.kind, principal.room_number, principal.stay_id) == ("tablet", "101", room.stay_id)
    assert 0 < (issued.expires_at - datetime.now(UTC)).total_seconds() <= 900
    stored = await admin.fetchval(
        "SELECT credential_hash FROM app.device_rooms WHERE id = $1", room.tablet_id
    )
    assert stored == digest(Credential.parse(claimed.credential).secret)


async def test_a_kitchen_gets_its_stations_and_no_stay(api: Api, hotel: Hotel, admin: Connection) -> None:
    principal = TOKENS.verify((await claim(api, admin, hotel, hotel.kitchen_id)).token)
    assert (principal.kind, principal.stations, principal.stay_id) == ("kitchen", ("kitchen",), None)


async def test_a_code_is_good_once_even_for_ten_at_once(api: Api, hotel: Hotel, admin: Connection) -> None:
    code = await make_code(admin, hotel, hotel.kitchen_id)
    answers = await asyncio.gather(*(api.post(CLAIM, {"code": code}) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 9
    for answer in answers:
        if answer.status_code != 200:
            problem(answer, 401, "unauthorized", "code")


async def test_unknown_and_expired_codes_answer_alike(api: Api, hotel: Hotel, admin: Connection) -> None:
    expired = await make_code(admin, hotel, hotel.kitchen_id, minutes=-1)
    answers = [await api.post(CLAIM, {"code": code}) for code in (expired, new_secret(), "日本語", "x" * 200)]
    for answer in answers:
        problem(answer, 401, "unauthorized", "code")
    assert len({answer.content for answer in answers}) == 1


async def test_a_new_claim_ends_the_credential_before(api: Api, hotel: Hotel, admin: Connection) -> None:
    first = await claim(api, admin, hotel, hotel.kitchen_id)
    second = await claim(api, admin, hotel, hotel.kitchen_id)
    problem(await api.post(TOKEN, {"credential": first.credential}), 401, "unauthorized", "credential")
    assert (await api.post(TOKEN, {"credential": second.credential})).status_code == 200


async def test_a_token_carries_the_stay_that_is_open_now(api: Api, hotel: Hotel, admin: Connection) -> None:
    room = hotel.rooms[0]
    credential = (await claim(api, admin, hotel, room.tablet_id)).credential
    await admin.execute("UPDATE app.stays SET ended_at = now() WHERE id = $1", room.stay_id)
    answer = await api.post(TOKEN, {"credential": credential})
    assert TOKENS.verify(answer.json()["token"]).stay_id is None
    stay_id = await admin.fetchval(
        "INSERT INTO app.stays (tenant_id, room_number) VALUES ($1, '101') RETURNING id", hotel.tenant_id
    )
    answer = await api.post(TOKEN, {"credential": credential})
    assert TOKENS.verify(answer.json()["token"]).stay_id == stay_id


async def test_a_device_that_is_not_active_gets_no_token(api: Api, hotel: Hotel, admin: Connection) -> None:
    credential = (await claim(api, admin, hotel, hotel.kitchen_id)).credential
    for status in ("suspended", "lost", "retired"):
        await admin.execute("UPDATE app.device_rooms SET status = $2 WHERE id = $1", hotel.kitchen_id, status)
        document = problem(await api.post(TOKEN, {"credential": credential}), 403, "forbidden")
        assert document["details"] == {"device_status": status}
        # and a code does not bring it back
        code = await make_code(admin, hotel, hotel.kitchen_id)
        problem(await api.post(CLAIM, {"code": code}), 401, "unauthorized", "code")
    await admin.execute("UPDATE app.device_rooms SET status = 'active' WHERE id = $1", hotel.kitchen_id)
    await admin.execute("UPDATE app.tenants SET status = 'suspended' WHERE id = $1", hotel.tenant_id)
    document = problem(await api.post(TOKEN, {"credential": credential}), 403, "tenant_closed")
    assert document["details"] == {"tenant_status": "suspended", "status_reason": None}
    await admin.execute("UPDATE app.tenants SET status = 'active' WHERE id = $1", hotel.tenant_id)
    await admin.execute("UPDATE app.device_rooms SET deleted_at = now() WHERE id = $1", hotel.kitchen_id)
    problem(await api.post(TOKEN, {"credential": credential}), 401, "unauthorized", "credential")


async def test_every_wrong_credential_answers_alike(
    api: Api, hotel: Hotel, other_hotel: Hotel, admin: Connection
) -> None:
    right = Credential.parse((await claim(api, admin, hotel, hotel.kitchen_id)).credential)
    wrong = (
        msgspec.structs.replace(right, secret=new_secret()).encode(),
        msgspec.structs.replace(right, tenant_id=other_hotel.tenant_id).encode(),
        msgspec.structs.replace(right, tenant_id=uuid7()).encode(),
        msgspec.structs.replace(right, device_id=hotel.rooms[0].tablet_id).encode(),
        msgspec.structs.replace(right, device_id=uuid7()).encode(),
        f"{right.tenant_id.hex}.{right.device_id.hex}.",
        "..",
        "日本語",
    )
    answers = [await api.post(TOKEN, {"credential": credential}) for credential in wrong]
    for answer in answers:
        problem(answer, 401, "unauthorized", "credential")
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (CLAIM, b"{", None),
        (CLAIM, b'{"code": "\\ud800"}', None),
        (CLAIM, {}, None),
        (CLAIM, {"code": 7}, "code"),
        (CLAIM, {"code": ""}, "code"),
        (CLAIM, {"code": "x" * 201}, "code"),
        (CLAIM, {"code": "a\0"}, "code"),
        (TOKEN, {"credential": None}, "credential"),
        (TOKEN, {"credential": "x", "admin": True}, None),
    ],
)
async def test_bad_input(api: Api, path: str, body: object, field: str | None) -> None:
    problem(await api.post(path, body), 400, "invalid_input", field)
