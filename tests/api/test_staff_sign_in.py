"""Signing in: one answer for everything that is wrong, locks that count exactly, nothing slipping past."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import msgspec
import pytest

from hub.security.passwords import Passwords
from hub.security.principal import PLATFORM
from tests.api.conftest import FAST, opened, problem
from tests.api.desk import HASHED, PASSWORD, SESSION, Desk, Hired, Postbox, entered, hashed
from tests.factories import Hotel, make_person

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

REFUSED = "E-mail or password is wrong, or the account is locked for a while."


def refused(answer: httpx.Response) -> None:
    assert problem(answer, 401, "unauthorized")["detail"] == REFUSED


async def test_in_and_who_one_is(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel, "runner", permissions=("audit.read",))
    inside = await desk.enter(who)
    assert inside.me == {
        "id": str(who.id),
        "name": "runner",
        "role": "runner",
        "permissions": ["audit.read", "menu.read", "order.deliver", "order.read", "self"],
        "hotel": {"id": str(hotel.tenant_id), "name": hotel.slug, "slug": hotel.slug},
        "second_factor": "off",
    }
    current = await desk.call("GET", SESSION, token=inside.access)
    assert current.status_code == 200
    assert current.json()["me"] == inside.me
    orders = await desk.call("GET", "/api/v1/orders", token=inside.access)
    assert orders.status_code == 200, orders.text
    row = await desk.row(who)
    assert row["last_login_at"] is not None
    [event] = await desk.events(hotel.tenant_id, "sign_in.succeeded")
    assert (event["record"], event["user_role"]) == (str(who.id), "sign_in")


async def test_the_address_says_which_hotel(desk: Desk, hotel: Hotel, other_hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    await desk.admin.execute(
        "UPDATE app.tenants SET domain = $2 WHERE id = $1", hotel.tenant_id, f"{hotel.slug}.example"
    )
    body = {"email": who.email, "password": PASSWORD}
    for host in (f"{hotel.slug}.hotels.example", f"{hotel.slug.upper()}.Hotels.Example:8443"):
        assert (await desk.call("POST", SESSION, body, Host=host)).status_code == 201
    assert (await desk.call("POST", SESSION, body, Host=f"{hotel.slug}.example")).status_code == 201
    # The address of another hotel wins over the name in the body.
    elsewhere = f"{other_hotel.slug}.hotels.example"
    refused(await desk.call("POST", SESSION, {**body, "hotel": hotel.slug}, Host=elsewhere))
    refused(await desk.call("POST", SESSION, body, Host="hotels.example"))
    refused(await desk.call("POST", SESSION, body, Host=f"a.{hotel.slug}.hotels.example"))


@pytest.mark.parametrize(
    "change",
    [
        "is_active = false",
        "deleted_at = now(), is_active = false",
        "email_verified = false",
        "locked_until = now() + interval '1 hour', failed_login_attempts = 9",
    ],
)
async def test_one_answer_for_everything(desk: Desk, hotel: Hotel, change: str) -> None:
    who = await desk.hire(hotel)
    await desk.admin.execute(f"UPDATE app.staff SET {change} WHERE id = $1", who.id)
    refused(await desk.sign_in(who))
    refused(await desk.sign_in(who, "wrong password"))


async def test_nobody_and_nowhere(desk: Desk, hotel: Hotel, other_hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    nobody = Hired(who.id, "nobody@hotel.example", hotel.slug, hotel.tenant_id)
    refused(await desk.sign_in(nobody))
    for slug in ("nowhere", other_hotel.slug):
        refused(await desk.sign_in(who, hotel=slug))
    refused(await desk.call("POST", SESSION, {"email": who.email, "password": PASSWORD}))
    await desk.settled()
    [event] = await desk.events(hotel.tenant_id, "sign_in.failed")
    assert (event["record"], event["user_id"]) == (None, None)


async def test_a_super_admin_at_an_unknown_hotel_is_nobody(desk: Desk, admin: Connection) -> None:
    email = "root@platform.example"
    staff_id = await make_person(admin, PLATFORM, "super_admin", email=email, password_hash=HASHED)
    root = Hired(staff_id, email, "nowhere", PLATFORM)
    refused(await desk.sign_in(root))
    await desk.settled()
    # Nobody locks the super-admins out from there.
    assert (await desk.row(root))["failed_login_attempts"] == 0
    inside = await desk.enter(root, hotel="platform")
    assert inside.me["role"] == "super_admin"


async def test_wrong_passwords_lock_and_a_right_one_does_not_open(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    for _ in range(4):
        refused(await desk.sign_in(who, "wrong password"))
        await desk.settled()
    assert (await desk.row(who))["locked_until"] is None
    refused(await desk.sign_in(who, "wrong password"))
    await desk.settled()
    row = await desk.row(who)
    assert row["failed_login_attempts"] == 5
    assert timedelta(seconds=20) < row["locked_until"] - datetime.now(UTC) <= timedelta(seconds=30)
    [event] = await desk.events(hotel.tenant_id, "sign_in.locked")
    assert event["record"] == str(who.id)
    refused(await desk.sign_in(who))
    refused(await desk.sign_in(who, "wrong password"))
    await desk.settled()
    # While it is locked nothing counts: whoever guesses on does not lock the person out for longer.
    again = await desk.row(who)
    assert (again["failed_login_attempts"], again["locked_until"]) == (5, row["locked_until"])


async def test_a_lock_doubles_and_success_forgets(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    over = "UPDATE app.staff SET failed_login_attempts = 6, locked_until = now() WHERE id = $1"
    await desk.admin.execute(over, who.id)
    refused(await desk.sign_in(who, "wrong password"))
    await desk.settled()
    row = await desk.row(who)
    assert timedelta(seconds=110) < row["locked_until"] - datetime.now(UTC) <= timedelta(seconds=120)
    await desk.admin.execute(over, who.id)
    await desk.enter(who)
    row = await desk.row(who)
    assert (row["failed_login_attempts"], row["locked_until"]) == (0, None)


async def test_parallel_failures_are_counted_exactly(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    answers = await asyncio.gather(*(desk.sign_in(who, f"wrong password {n}") for n in range(4)))
    for answer in answers:
        refused(answer)
    await desk.settled()
    assert (await desk.row(who))["failed_login_attempts"] == 4
    assert len(await desk.events(hotel.tenant_id, "sign_in.failed")) == 4


@pytest.mark.parametrize(
    "spelling",
    [
        "Ada.Lovelace@Hotel.Example",
        " ada.lovelace@hotel.example ",
        "ａｄａ.lovelace@hotel.example",  # full-width letters
        "ada.lovelace@ＨＯＴＥＬ.example",
    ],
)
async def test_spellings_of_one_address(desk: Desk, hotel: Hotel, spelling: str) -> None:
    email = "ada.lovelace@hotel.example"
    staff_id = await make_person(desk.admin, hotel.tenant_id, "front", email=email, password_hash=HASHED)
    await desk.enter(Hired(staff_id, spelling, hotel.slug, hotel.tenant_id))


@pytest.mark.parametrize(
    "email",
    [
        "no address",
        "a@b",
        "a@@hotel.example",
        "a\u202eb@hotel.example",
        "a\u200bb@hotel.example",
        "a\nb@hotel.example",
        "a\x00b@hotel.example",
        "a@hotel.example\r\nBcc: b@hotel.example",
        f"{'a' * 300}@hotel.example",
    ],
)
async def test_what_is_no_address(desk: Desk, hotel: Hotel, email: str) -> None:
    answer = await desk.call("POST", SESSION, {"email": email, "password": PASSWORD, "hotel": hotel.slug})
    problem(answer, 400, "invalid_input", "email")


async def test_a_look_alike_is_somebody_else(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    cyrillic = Hired(who.id, who.email.replace("e", "\u0435"), hotel.slug, hotel.tenant_id)
    refused(await desk.sign_in(cyrillic))


@pytest.mark.parametrize("password", ["x" * 73, "あ" * 25, "x" * 1024, " ", "パスワード"])
async def test_passwords_that_nobody_has(desk: Desk, hotel: Hotel, password: str) -> None:
    who = await desk.hire(hotel)
    refused(await desk.sign_in(who, password))


async def test_a_long_password_is_not_cut(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    await desk.admin.execute(
        "UPDATE app.staff SET password_hash = $2 WHERE id = $1", who.id, hashed("x" * 72)
    )
    refused(await desk.sign_in(who, "x" * 73))
    await desk.settled()
    entered(await desk.sign_in(who, "x" * 72))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"email": "a@hotel.example"}, None),
        ({"email": "a@hotel.example", "password": ""}, "password"),
        ({"email": "a@hotel.example", "password": "x" * 1025}, "password"),
        ({"email": 7, "password": "x"}, "email"),
        ({"email": "a@hotel.example", "password": "x", "hotel": "No Slug"}, "hotel"),
        ({"email": "a@hotel.example", "password": "x", "code": "1"}, "code"),
        ({"email": "a@hotel.example", "password": "x", "admin": True}, None),
    ],
)
async def test_bad_bodies(desk: Desk, body: object, field: str | None) -> None:
    problem(await desk.call("POST", SESSION, body), 400, "invalid_input", field)


async def test_a_closed_hotel_is_told_to_those_who_know_the_password(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    inside = await desk.enter(who)
    await desk.admin.execute("UPDATE app.tenants SET status = 'suspended' WHERE id = $1", hotel.tenant_id)
    problem(await desk.refresh(inside.refresh), 403, "tenant_closed")
    problem(await desk.call("GET", SESSION, token=inside.access), 403, "tenant_closed")
    refused(await desk.sign_in(who, "wrong password"))


async def test_the_password_gets_a_hash_of_todays_cost(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    await desk.admin.execute(
        "UPDATE app.staff SET password_hash = $2 WHERE id = $1", who.id, hashed(PASSWORD, 5)
    )
    await desk.enter(who)
    await desk.settled()
    row = await desk.row(who)
    assert row["password_hash"].startswith("$2b$04$")
    await desk.enter(who)


async def test_nothing_of_the_database_is_held_while_a_password_is_checked(
    desk: Desk, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = desk.hub.office.database.pool
    verify = Passwords.verify
    held = []

    async def watched(self: Passwords, password: str, stored: str | None) -> bool:
        held.append(pool.get_size() - pool.get_idle_size())
        return await verify(self, password, stored)

    monkeypatch.setattr(Passwords, "verify", watched)
    await desk.settled()
    await desk.enter(await desk.hire(hotel))
    assert held == [0]


async def test_whoever_finds_the_line_full_is_told_at_once(
    settings: Settings, admin: Connection, hotel: Hotel
) -> None:
    slow = {**FAST, "bcrypt_rounds": 12, "password_waiting": 2}
    async with (
        opened(msgspec.structs.replace(settings, **slow)) as hub,
        httpx.AsyncClient(transport=httpx.ASGITransport(hub.app), base_url="http://hub") as web,
    ):
        desk = Desk(hub, web, Postbox(), admin)
        who = await desk.hire(hotel)
        waiting = [asyncio.create_task(desk.sign_in(who, "wrong password")) for _ in range(9)]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        first = [task.result() for task in done]
        assert {problem(answer, 429, "rate_limited")["temporary"] for answer in first} == {True}
        codes = [answer.status_code for answer in await asyncio.gather(*waiting)]
        assert sorted(codes) == [401] * 3 + [429] * 6


async def test_limits_come_before_any_work(
    settings: Settings, admin: Connection, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {**FAST, "limit_sign_in_account": "2/hour", "limit_sign_in_ip": "5/hour"}
    checked: list[str] = []

    async def never(self: Passwords, password: str, stored: str | None) -> bool:
        checked.append(password)
        return False

    monkeypatch.setattr(Passwords, "verify", never)
    own = f"{settings.namespace}_limits"
    async with (
        opened(msgspec.structs.replace(settings, **few, namespace=own)) as hub,
        httpx.AsyncClient(transport=httpx.ASGITransport(hub.app), base_url="http://hub") as web,
    ):
        desk = Desk(hub, web, Postbox(), admin)
        who, other = await desk.hire(hotel), await desk.hire(hotel)
        codes = [(await desk.sign_in(who, "x")).status_code for _ in range(3)]
        codes += [(await desk.sign_in(other, "x")).status_code for _ in range(3)]
        await desk.settled()
    assert codes == [401, 401, 429, 401, 401, 429]
    assert len(checked) == 4


async def test_a_hash_made_anew_by_a_sign_in_beside_it(
    desk: Desk, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = await desk.hire(hotel)
    verify = Passwords.verify

    async def beside(self: Passwords, password: str, stored: str | None) -> bool:
        good = await verify(self, password, stored)
        await desk.admin.execute(
            "UPDATE app.staff SET password_hash = $2 WHERE id = $1 AND password_hash = $3",
            who.id,
            hashed(now),
            HASHED,
        )
        return good

    monkeypatch.setattr(Passwords, "verify", beside)
    now = PASSWORD
    assert (await desk.sign_in(who)).status_code == 201
    await desk.admin.execute("UPDATE app.staff SET password_hash = $2 WHERE id = $1", who.id, HASHED)
    now = "another password"
    refused(await desk.sign_in(who))
