"""One's own password, address and PIN, and the letters with codes that are good once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import msgspec
import pytest

from hub.security.credentials import digest, new_secret
from hub.staff.tickets import Ticket
from tests.api.conftest import FAST, opened, problem
from tests.api.desk import PASSWORD, SESSION, STAFF, Desk, Hired
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

FORGOT, RESET, VERIFY = f"{STAFF}/password/forgot", f"{STAFF}/password/reset", f"{STAFF}/email/verify"
NEW = "a new and longer one"


async def make_code(desk: Desk, who: Hired, purpose: str, life: timedelta = timedelta(hours=1)) -> str:
    secret = new_secret()
    await desk.admin.execute(
        "INSERT INTO app.staff_codes (tenant_id, code_hash, staff_id, purpose, expires_at)"
        " VALUES ($1, $2, $3, $4, now() + $5::interval)",
        who.tenant_id,
        digest(secret),
        who.id,
        purpose,
        life,
    )
    return Ticket(who.tenant_id, secret).encode()


# password


async def test_a_new_password_ends_every_other_sign_in(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    elsewhere = await desk.enter(who)
    inside = await desk.enter(who)
    code = await make_code(desk, who, "reset_password")
    answer = await desk.call("POST", f"{STAFF}/password", {"old": PASSWORD, "new": NEW}, inside.access)
    assert answer.status_code == 200, answer.text
    assert (await desk.call("GET", SESSION, token=inside.access)).status_code == 200
    problem(await desk.call("GET", SESSION, token=elsewhere.access), 401, "unauthorized")
    problem(await desk.sign_in(who), 401, "unauthorized")
    assert (await desk.sign_in(who, NEW)).status_code == 201
    problem(await desk.call("POST", RESET, {"code": code, "password": PASSWORD}), 401, "unauthorized", "code")
    [event] = await desk.events(hotel.tenant_id, "password.changed")
    assert event["record"] == str(who.id)
    assert (await desk.row(who))["password_changed_at"] is not None


@pytest.mark.parametrize(
    "new", ["short", "x" * 20, "password123", "あ" * 25, "x1" * 37, "front", "correct\0horse battery"]
)
async def test_passwords_that_will_not_do(desk: Desk, hotel: Hotel, new: str) -> None:
    who = await desk.hire(hotel)
    inside = await desk.enter(who)
    answer = await desk.call("POST", f"{STAFF}/password", {"old": PASSWORD, "new": new}, inside.access)
    problem(answer, 400, "invalid_input", "new")
    answer = await desk.call("POST", f"{STAFF}/password", {"old": PASSWORD, "new": who.email}, inside.access)
    problem(answer, 400, "invalid_input", "new")
    await desk.enter(who)


async def test_the_old_password_is_asked_for_and_counted(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    inside = await desk.enter(who)
    for _ in range(5):
        answer = await desk.call("POST", f"{STAFF}/password", {"old": "wrong", "new": NEW}, inside.access)
        problem(answer, 403, "forbidden", "old")
        await desk.settled()
    assert (await desk.row(who))["failed_login_attempts"] == 5
    answer = await desk.call("POST", f"{STAFF}/password", {"old": PASSWORD, "new": NEW}, inside.access)
    problem(answer, 403, "forbidden", "old")


async def test_two_changes_at_once(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    inside = await desk.enter(who)
    answers = await asyncio.gather(
        *(
            desk.call("POST", f"{STAFF}/password", {"old": PASSWORD, "new": f"{NEW} {n}"}, inside.access)
            for n in range(2)
        )
    )
    codes = sorted(answer.status_code for answer in answers)
    assert codes[0] == 200
    assert codes[1] in (401, 403)


# forgotten


async def test_forgotten_and_found(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    inside = await desk.enter(who)
    over = "UPDATE app.staff SET failed_login_attempts = 9, locked_until = now() + interval '1 hour',"
    await desk.admin.execute(f"{over} email_verified = false WHERE id = $1", who.id)
    answer = await desk.call("POST", FORGOT, {"email": who.email.upper(), "hotel": who.hotel})
    assert (answer.status_code, answer.json()) == (202, {})
    code = await desk.postbox.code_for(who.email)
    [letter] = desk.postbox.to(who.email)
    assert f"https://hub.example/staff#reset={code}" in letter.text
    assert who.email not in letter.text
    unfit = await desk.call("POST", RESET, {"code": code, "password": "short"})
    problem(unfit, 400, "invalid_input", "password")
    done = await desk.call("POST", RESET, {"code": code, "password": NEW})
    assert done.status_code == 200, done.text
    assert (await desk.sign_in(who, NEW)).status_code == 201
    problem(await desk.call("GET", SESSION, token=inside.access), 401, "unauthorized")
    again = await desk.call("POST", RESET, {"code": code, "password": PASSWORD})
    problem(again, 401, "unauthorized", "code")
    [event] = await desk.events(hotel.tenant_id, "password.reset_requested")
    assert event["record"] == str(who.id)


async def test_a_code_is_good_once_also_for_two_at_once(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    code = await make_code(desk, who, "reset_password")
    answers = await asyncio.gather(
        *(desk.call("POST", RESET, {"code": code, "password": f"{NEW} {n}"}) for n in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]


async def test_everybody_gets_the_same_answer(desk: Desk, hotel: Hotel) -> None:
    gone = await desk.hire(hotel)
    await desk.admin.execute("UPDATE app.staff SET is_active = false WHERE id = $1", gone.id)
    asked = [
        {"email": gone.email, "hotel": hotel.slug},
        {"email": f"{uuid4().hex}@hotel.example", "hotel": hotel.slug},
        {"email": gone.email, "hotel": "nowhere"},
        {"email": gone.email},
    ]
    for body in asked:
        answer = await desk.call("POST", FORGOT, body)
        assert (answer.status_code, answer.json()) == (202, {})
    await desk.settled()
    codes = await desk.admin.fetchval(
        "SELECT count(*) FROM app.staff_codes WHERE tenant_id = $1", hotel.tenant_id
    )
    assert codes == 0


async def test_nobodys_inbox_is_flooded(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    for _ in range(8):
        answer = await desk.call("POST", FORGOT, {"email": who.email, "hotel": who.hotel})
        assert answer.status_code == 202
    await desk.settled()
    codes = await desk.admin.fetchval("SELECT count(*) FROM app.staff_codes WHERE staff_id = $1", who.id)
    assert codes == 5


async def test_a_link_leads_to_the_hotels_own_host_and_to_no_other(
    settings: Settings, admin: Connection, hotel: Hotel, desk: Desk
) -> None:
    who = await desk.hire(hotel)
    own = f"{hotel.slug}.hotels.example"
    private = msgspec.structs.replace(settings, **{**FAST, "public_url": None})
    async with (
        opened(private, desk.postbox) as hub,
        httpx.AsyncClient(transport=httpx.ASGITransport(hub.app), base_url="https://hub") as web,
    ):
        there = Desk(hub, web, desk.postbox, admin)
        body = {"email": who.email, "hotel": who.hotel}
        await there.call("POST", FORGOT, body, Host="evil.example")
        await there.settled()
        assert desk.postbox.to(who.email) == []
        await there.call("POST", FORGOT, body, Host=own)
        code = await desk.postbox.code_for(who.email)
        assert f"https://{own}/staff#reset={code}" in desk.postbox.to(who.email)[0].text


@pytest.mark.parametrize("purpose", ["verify_email", "reset_password"])
async def test_codes_that_are_no_good(desk: Desk, hotel: Hotel, other_hotel: Hotel, purpose: str) -> None:
    who = await desk.hire(hotel)
    good = await make_code(desk, who, purpose)
    secret = good.partition(".")[2]
    other = {"verify_email": "reset_password", "reset_password": "verify_email"}[purpose]
    bad = [
        await make_code(desk, who, other),
        await make_code(desk, who, purpose, timedelta(seconds=-1)),
        Ticket(other_hotel.tenant_id, secret).encode(),
        Ticket(hotel.tenant_id, new_secret()).encode(),
        f"{good}x",
        secret,
        "x",
        "é.é",
        "a.b.c",
    ]
    for code in bad:
        if purpose == "reset_password":
            answer = await desk.call("POST", RESET, {"code": code, "password": NEW})
        else:
            answer = await desk.call("POST", VERIFY, {"code": code})
        problem(answer, 401, "unauthorized", "code")
    await desk.admin.execute("UPDATE app.staff SET is_active = false WHERE id = $1", who.id)
    body = {"code": good, "password": NEW} if purpose == "reset_password" else {"code": good}
    path = RESET if purpose == "reset_password" else VERIFY
    problem(await desk.call("POST", path, body), 401, "unauthorized", "code")


async def test_a_proven_address(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    await desk.admin.execute("UPDATE app.staff SET email_verified = false WHERE id = $1", who.id)
    problem(await desk.sign_in(who), 401, "unauthorized")
    code = await make_code(desk, who, "verify_email")
    assert (await desk.call("POST", VERIFY, {"code": code})).status_code == 200
    assert (await desk.sign_in(who)).status_code == 201
    problem(await desk.call("POST", VERIFY, {"code": code}), 401, "unauthorized", "code")


# PIN


async def test_a_pin(desk: Desk, hotel: Hotel) -> None:
    one, two = await desk.hire(hotel, "kitchen"), await desk.hire(hotel, "kitchen")
    hashes = []
    for who in (one, two):
        inside = await desk.enter(who)
        answer = await desk.call("PUT", f"{STAFF}/pin", {"pin": "4711", "password": PASSWORD}, inside.access)
        assert answer.status_code == 200, answer.text
        hashes.append((await desk.row(who))["pin_hash"])
    assert len(hashes[0]) == 32
    assert hashes[0] != hashes[1]
    inside = await desk.enter(one)
    wrong = await desk.call("PUT", f"{STAFF}/pin", {"pin": "4712", "password": "wrong"}, inside.access)
    problem(wrong, 403, "forbidden", "password")
    assert (await desk.row(one))["pin_hash"] == hashes[0]


@pytest.mark.parametrize(
    "pin", ["123", "123456789", "0000", "1234", "987654", "12a4", "１２４４", "4711\n", "", " 4711", "-4711"]
)
async def test_pins_that_will_not_do(desk: Desk, hotel: Hotel, pin: str) -> None:
    inside = await desk.enter(await desk.hire(hotel, "kitchen"))
    answer = await desk.call("PUT", f"{STAFF}/pin", {"pin": pin, "password": PASSWORD}, inside.access)
    problem(answer, 400, "invalid_input", "pin")
