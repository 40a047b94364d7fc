"""Credentials that are rotated with an overlap, and tablets that must forget a guest."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from hub.db.database import Database
from hub.db.ids import uuid7
from hub.db.scope import Actor
from hub.devices import store
from hub.security.credentials import Credential, digest, new_secret
from tests.api.conftest import TOKENS, Api, problem
from tests.api.test_pairing import events
from tests.factories import Hotel

if TYPE_CHECKING:
    from uuid import UUID

    from hub.db.pool import Connection

TOKEN, ROTATE, WIPED = (f"/api/v1/devices/{name}" for name in ("token", "rotate", "wiped"))
ANY_TIME = "2026-11-21T03:00:00Z"
WIPE = "UPDATE app.device_rooms SET wipe_requested_at = now() WHERE id = $1"


async def credential_of(admin: Connection, hotel: Hotel, device_id: UUID) -> str:
    """Give the device a credential, as a pairing would."""
    credential = Credential(hotel.tenant_id, device_id, new_secret())
    await admin.execute(
        "UPDATE app.device_rooms SET credential_hash = $2, credential_changed_at = now() WHERE id = $1",
        device_id,
        digest(credential.secret),
    )
    return credential.encode()


async def token(api: Api, credential: str) -> dict[str, Any]:
    answer = await api.post(TOKEN, {"credential": credential})
    assert answer.status_code == 200, answer.text
    issued: dict[str, Any] = answer.json()
    return issued


@pytest.fixture
async def old(admin: Connection, hotel: Hotel) -> str:
    return await credential_of(admin, hotel, hotel.kitchen_id)


async def test_a_credential_is_rotated_in_time(api: Api, hotel: Hotel, admin: Connection, old: str) -> None:
    assert (await token(api, old))["rotate"] is False
    await admin.execute(
        "UPDATE app.device_rooms SET credential_changed_at = now() - interval '31 days' WHERE id = $1",
        hotel.kitchen_id,
    )
    assert (await token(api, old))["rotate"] is True

    lost = (await api.post(ROTATE, {"credential": old})).json()["credential"]
    new = (await api.post(ROTATE, {"credential": old})).json()["credential"]
    assert len({old, lost, new}) == 3
    # until the new one is used the old one is good, and the one whose answer was lost never is
    assert (await token(api, old))["rotate"] is True
    problem(await api.post(TOKEN, {"credential": lost}), 401, "unauthorized", "credential")
    head = await admin.fetchval("SELECT seq FROM app.tenant_heads WHERE tenant_id = $1", hotel.tenant_id)
    assert (await token(api, new))["rotate"] is False
    assert await events(admin, hotel, "credential.rotated") == 1
    assert await events(admin, hotel, "credential.reused") == 0
    # no session ends
    assert head == await admin.fetchval(
        "SELECT seq FROM app.tenant_heads WHERE tenant_id = $1", hotel.tenant_id
    )
    problem(await api.post(TOKEN, {"credential": old}), 401, "unauthorized", "credential")
    problem(await api.post(ROTATE, {"credential": old}), 401, "unauthorized", "credential")
    assert await events(admin, hotel, "credential.reused") == 2
    assert (await token(api, new))["rotate"] is False


async def test_a_device_that_is_shut_out_gets_no_new_credential(
    api: Api, hotel: Hotel, admin: Connection, old: str
) -> None:
    await admin.execute("UPDATE app.device_rooms SET status = 'suspended' WHERE id = $1", hotel.kitchen_id)
    for path, more in ((ROTATE, {}), (WIPED, {"requested_at": ANY_TIME})):
        document = problem(await api.post(path, {"credential": old, **more}), 403, "forbidden")
        assert document["details"] == {"device_status": "suspended"}


async def test_a_tablet_has_no_stay_until_it_has_forgotten_the_last_guest(
    api: Api, hotel: Hotel, admin: Connection
) -> None:
    room = hotel.rooms[0]
    credential = await credential_of(admin, hotel, room.tablet_id)
    before = await token(api, credential)
    assert before["wipe"] is None
    await admin.execute(WIPE, room.tablet_id)
    issued = await token(api, credential)
    assert issued["wipe"] is not None
    assert TOKENS.verify(issued["token"]).stay_id is None
    report = {"credential": credential, "requested_at": issued["wipe"]}
    assert (await api.post(WIPED, report)).json() == {"wiped": True}
    issued = await token(api, credential)
    assert issued["wipe"] is None
    assert TOKENS.verify(issued["token"]).stay_id == room.stay_id
    problem(await api.post(WIPED, report), 409, "conflict", "requested_at")


async def test_a_late_answer_to_a_first_wipe_confirms_no_second_one(
    api: Api, hotel: Hotel, admin: Connection, database: Database
) -> None:
    room = hotel.rooms[0]
    credential = await credential_of(admin, hotel, room.tablet_id)
    await admin.execute(WIPE, room.tablet_id)
    first = (await token(api, credential))["wipe"]
    await admin.execute(WIPE, room.tablet_id)
    for late in (first, ANY_TIME, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        report = {"credential": credential, "requested_at": late}
        problem(await api.post(WIPED, report), 409, "conflict", "requested_at")
    # nor one that is overtaken between two looks
    cleared = await database.transaction(
        hotel.tenant_id,
        Actor(user_id=room.tablet_id, role="device", request_id=uuid7()),
        lambda scope: store.wiped(scope, room.tablet_id, datetime.fromisoformat(first)),
        idempotent=True,
    )
    assert cleared is False
    issued = await token(api, credential)
    assert issued["wipe"] not in (None, first)
    assert TOKENS.verify(issued["token"]).stay_id is None
    report = {"credential": credential, "requested_at": issued["wipe"]}
    assert (await api.post(WIPED, report)).status_code == 200
    without = {"credential": credential, "requested_at": "2026-11-21T03:00:00"}
    problem(await api.post(WIPED, without), 400, "invalid_input", "requested_at")


async def test_nobody_else_says_that_a_tablet_is_wiped(api: Api, hotel: Hotel, old: str) -> None:
    wrong = Credential(hotel.tenant_id, hotel.kitchen_id, new_secret()).encode()
    for path, more in ((ROTATE, {}), (WIPED, {"requested_at": ANY_TIME})):
        problem(await api.post(path, {"credential": wrong, **more}), 401, "unauthorized", "credential")
    assert (await api.post(TOKEN, {"credential": old})).is_success


async def test_a_token_ends_with_the_credential_that_bought_it(
    api: Api, hotel: Hotel, admin: Connection, old: str
) -> None:
    """Not in fifteen minutes: who pairs a tablet anew wants the old one out now."""
    bearer = {"Authorization": f"Bearer {(await token(api, old))['token']}"}
    orders = "/api/v1/orders"
    assert (await api.client.get(orders, headers=bearer)).status_code == 200
    rotated = (await api.post(ROTATE, {"credential": old})).json()["credential"]
    fresh = {"Authorization": f"Bearer {(await token(api, rotated))['token']}"}
    # a rotation ends nothing
    assert (await api.client.get(orders, headers=bearer)).status_code == 200
    await credential_of(admin, hotel, hotel.kitchen_id)
    for headers in (bearer, fresh):
        problem(await api.client.get(orders, headers=headers), 401, "unauthorized")
