"""What is refused and somebody should know of: what becomes of the caller, and the event in the audit of the
hotel that it concerns. No event says more than ids."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import httpx
import msgspec
import pytest

from hub.security.credentials import digest
from hub.security.tokens import Tokens
from tests.api.conftest import Api, bearer, problem
from tests.api.desk import SESSION, Desk
from tests.conftest import TOKEN_KEY
from tests.factories import Hotel, make_staff
from tests.realtime.conftest import Live
from tests.realtime.peer import Peer, peer
from tests.realtime.screens import DEADLINE, token_of
from tests.security.attack import audited

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal

SECRET: Final = "s" * 43


def old_token(principal: Principal) -> str:
    token, _ = Tokens((TOKEN_KEY,), 60, now=lambda: time.time() - 3600).issue(principal)
    return token


async def noticed(admin: Connection, hotel: Hotel, operation: str, times: int = 1) -> list[dict[str, Any]]:
    """The events of this name, once there are so many; some are written after the answer."""
    async with asyncio.timeout(DEADLINE):
        while await audited(admin, hotel, operation) < times:  # noqa: ASYNC110 - nothing tells of a row
            await asyncio.sleep(0.02)
    rows = await admin.fetch(
        "SELECT * FROM app.audit_logs WHERE tenant_id = $1 AND operation = $2", hotel.tenant_id, operation
    )
    assert len(rows) == times
    found = [dict(row) for row in rows]
    assert "@" not in json.dumps([[str(value) for value in row.values()] for row in found])
    return found


async def ended(screen: Peer, code: int) -> None:
    end = await screen.end()
    assert (end.code, end.bye and end.bye["code"]) == (code, code)


# the first frame


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("nothing", 4501),
        ("no token", 4501),
        ("empty", 4500),
        ("words", 4500),
        ("expired", 4005),
        ("another key", 4500),
        ("a hotel that is none", 4503),
        ("a device that is none", 4503),
        ("a tablet as kitchen", 4503),
        ("suspended", 4503),
        ("lost", 4503),
        ("retired", 4503),
        ("signed out", 4503),
        ("hotel suspended", 4507),
        ("hotel ended", 4507),
    ],
)
async def test_hellos_that_open_nothing(
    live: Live, admin: Connection, hotel: Hotel, case: str, code: int
) -> None:
    """Defence: hub/realtime/conversation.py _open; hub/devices/doorman.py; sql is_as_told and admit_staff."""
    tablet, kitchen = hotel.tablet(), hotel.kitchen()
    token: str | None = token_of(kitchen)
    match case:
        case "nothing" | "no token":
            token = None
        case "empty":
            token = ""
        case "words":
            token = "open sesame"
        case "expired":
            token = old_token(kitchen)
        case "another key":
            other = msgspec.structs.replace(TOKEN_KEY, secret=b"another secret, 32 bytes or more")
            token, _ = Tokens((other,), 900).issue(kitchen)
        case "a hotel that is none":
            token = token_of(msgspec.structs.replace(kitchen, tenant_id=uuid4()))
        case "a device that is none":
            token = token_of(msgspec.structs.replace(kitchen, id=uuid4()))
        case "a tablet as kitchen":
            token = token_of(msgspec.structs.replace(kitchen, id=tablet.id))
        case "suspended" | "lost" | "retired":
            await admin.execute("UPDATE app.device_rooms SET status = $2 WHERE id = $1", kitchen.id, case)
        case "signed out":
            staff = await make_staff(admin, hotel, "kitchen")
            await admin.execute(
                "UPDATE app.staff_sessions SET ended_at = now(), end_reason = 'signed_out' WHERE id = $1",
                staff.session_id,
            )
            token = token_of(staff)
        case _:
            status = case.removeprefix("hotel ")
            await admin.execute("UPDATE app.tenants SET status = $2 WHERE id = $1", hotel.tenant_id, status)
    async with peer(live) as screen:
        frame: dict[str, Any] = {} if case == "nothing" else {"type": "hello"}
        await screen.send(frame if token is None else {**frame, "token": token})
        await ended(screen, code)
        assert not {frame["type"] for frame in screen.frames} & {"snapshot", "event"}


# a fresh token in a session


async def test_a_renewal_by_another_hotel(
    live: Live, admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    """Defence: hub/realtime/conversation.py _refresh. The hotel whose token has strayed is told."""
    async with peer(live) as screen:
        await screen.hello(hotel.kitchen())
        await screen.send({"type": "refresh", "token": token_of(other_hotel.kitchen())})
        await ended(screen, 4500)
    [event] = await noticed(admin, other_hotel, "tenant.refused")
    assert event["user_id"] == other_hotel.kitchen_id
    assert await audited(admin, hotel, "tenant.refused") == 0


@pytest.mark.parametrize("who", ["another device", "another kind", "words", "expired"])
async def test_a_renewal_by_somebody_else(live: Live, hotel: Hotel, who: str) -> None:
    """Defence: as above."""
    token = {
        "another device": token_of(hotel.kitchen(1)),
        "another kind": token_of(hotel.tablet()),
        "words": "open sesame",
        "expired": old_token(hotel.kitchen()),
    }[who]
    async with peer(live) as screen:
        await screen.hello(hotel.kitchen())
        await screen.send({"type": "refresh", "token": token})
        await ended(screen, 4005 if who == "expired" else 4500)


@pytest.mark.parametrize("change", ["suspended", "lost", "retired"])
async def test_a_device_that_is_put_out_in_the_middle(
    live: Live, api: Api, admin: Connection, hotel: Hotel, change: str
) -> None:
    """Defence: sql log_topic_end of device_rooms."""
    manager = await make_staff(admin, hotel, "manager")
    action = {"suspended": "suspend", "retired": "retire"}.get(change, change)
    async with peer(live) as screen:
        await screen.hello(hotel.kitchen())
        answer = await api.post(f"/api/v1/devices/{hotel.kitchen_id}/{action}", {}, manager)
        assert answer.status_code == 200
        await ended(screen, 4503)
    problem(await api.get("/api/v1/orders", hotel.kitchen()), 401, "unauthorized")
    [event] = await noticed(admin, hotel, "device.revoked")
    assert (event["record"], event["user_id"]) == (str(hotel.kitchen_id), manager.id)


# over HTTP


async def test_a_credential_that_was_replaced(
    web: httpx.AsyncClient, admin: Connection, hotel: Hotel
) -> None:
    """Defence: hub/devices/commands.py _admit knows the previous one."""
    await admin.execute(
        "UPDATE app.device_rooms SET credential_hash = $2 WHERE id = $1", hotel.kitchen_id, digest(SECRET)
    )
    first = f"{hotel.tenant_id.hex}.{hotel.kitchen_id.hex}.{SECRET}"
    second = (await web.post("/api/v1/devices/rotate", json={"credential": first})).json()["credential"]
    assert (await web.post("/api/v1/devices/token", json={"credential": second})).status_code == 200
    await noticed(admin, hotel, "credential.rotated")
    wiped = {"requested_at": "2026-11-21T03:00:00Z"}
    for path, more in (("token", {}), ("rotate", {}), ("wiped", wiped)):
        answer = await web.post(f"/api/v1/devices/{path}", json={"credential": first, **more})
        problem(answer, 401, "unauthorized", "credential")
    await noticed(admin, hotel, "credential.reused", 3)


async def test_a_code_that_nobody_shows(api: Api, admin: Connection, hotel: Hotel) -> None:
    """Defence: hub/devices/pairing.py guessed."""
    front = await make_staff(admin, hotel, "front")
    for code in ("BCDF-GHJK", "!", "x" * 300):
        problem(await api.get(f"/api/v1/devices/pairing/{code}", front), 404, "not_found", "user_code")
    events = await noticed(admin, hotel, "pairing.guessed", 3)
    assert {event["user_id"] for event in events} == {front.id}


async def test_a_refresh_token_at_the_address_of_another_hotel(
    live: Live, desk: Desk, admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    """Defence: hub/staff/sessions.py refresh."""
    inside = await desk.enter(await desk.hire(hotel))
    await admin.execute(
        "UPDATE app.tenants SET domain = $2 WHERE id = $1",
        other_hotel.tenant_id,
        f"{other_hotel.slug}.example",
    )
    body = {"refresh_token": inside.refresh}
    answer = await desk.call("POST", f"{SESSION}/refresh", body, Host=f"{other_hotel.slug}.example")
    problem(answer, 401, "unauthorized", "refresh_token")
    await noticed(admin, other_hotel, "tenant.refused")
    assert (await desk.refresh(inside.refresh)).status_code == 200, "at its own it is good"


async def test_passwords_that_are_wrong(desk: Desk, admin: Connection, hotel: Hotel) -> None:
    """Defence: hub/staff/office.py failed."""
    who = await desk.hire(hotel)
    await desk.sign_in(who, "wrong horse battery")
    await desk.sign_in(msgspec.structs.replace(who, email="nobody@hotel.example"))
    events = await noticed(admin, hotel, "sign_in.failed", 2)
    assert {event["record"] for event in events} == {str(who.id), None}
    inside = await desk.enter(who)
    revoked = f"/api/v1/staff/sessions/{(await own_session(desk, inside.access))}/revoke"
    assert (await desk.call("POST", revoked, token=inside.access)).status_code == 200
    await noticed(admin, hotel, "session.revoked")


async def own_session(desk: Desk, token: str) -> str:
    sessions = (await desk.call("GET", "/api/v1/staff/sessions", token=token)).json()["sessions"]
    current: str = next(one["id"] for one in sessions if one["current"])
    return current


async def test_whoever_is_put_out_writes_nothing(api: Api, admin: Connection, hotel: Hotel) -> None:
    """Defence: sql admit_device stands before the first statement of a transaction."""
    await admin.execute("UPDATE app.device_rooms SET status = 'lost' WHERE tenant_id = $1", hotel.tenant_id)
    body = {"lines": [{"menu_item_id": hotel.menu["soup"], "quantity": 1}]}
    problem(await api.post("/api/v1/orders", body, hotel.tablet()), 401, "unauthorized")
    for table in ("orders", "idempotency"):
        count = await admin.fetchval(
            f"SELECT count(*) FROM app.{table} WHERE tenant_id = $1", hotel.tenant_id
        )
        assert count == 0
    answer = await api.client.get("/api/v1/menu", headers=bearer(hotel.kitchen()))
    problem(answer, 401, "unauthorized")
