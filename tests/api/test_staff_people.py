"""Managers and their people."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from hub.security.principal import PLATFORM
from tests.api.conftest import problem
from tests.api.desk import HASHED, PASSWORD, SESSION, STAFF, Desk, Entered, Hired, entered
from tests.factories import Hotel, make_person

if TYPE_CHECKING:
    import httpx

PEOPLE = f"{STAFF}/people"


async def boss_of(desk: Desk, hotel: Hotel) -> tuple[Hired, Entered]:
    boss = await desk.hire(hotel, "manager")
    return boss, await desk.enter(boss)


def address() -> str:
    return f"{uuid4().hex[:12]}@hotel.example"


async def invite(desk: Desk, inside: Entered, **body: Any) -> httpx.Response:
    new = {"name": "Aiko 愛子", "email": address(), "role": "runner", **body}
    return await desk.call("POST", PEOPLE, new, inside.access)


async def patch(desk: Desk, inside: Entered, who: Hired, **body: Any) -> httpx.Response:
    return await desk.call("PATCH", f"{PEOPLE}/{who.id}", body, inside.access)


# invitations


async def test_an_invitation(desk: Desk, hotel: Hotel) -> None:
    _, inside = await boss_of(desk, hotel)
    email = address()
    answer = await invite(desk, inside, email=email.upper(), permissions=["menu.stock"])
    assert answer.status_code == 201, answer.text
    document = answer.json()
    assert document["letter"] is True
    person = document["person"]
    assert (person["name"], person["email"], person["role"]) == ("Aiko 愛子", email, "runner")
    assert (person["permissions"], person["email_verified"], person["is_active"]) == (
        ["menu.stock"],
        False,
        True,
    )
    new = Hired(person["id"], email, hotel.slug, hotel.tenant_id)
    problem(await desk.sign_in(new), 401, "unauthorized")
    code = await desk.postbox.code_for(email)
    reset = {"code": code, "password": PASSWORD}
    assert (await desk.call("POST", f"{STAFF}/password/reset", reset)).status_code == 200
    me = (await desk.enter(new)).me
    assert me["permissions"] == ["menu.read", "menu.stock", "order.deliver", "order.read", "self"]
    # The address stands nowhere in plain text.
    row = await desk.admin.fetchval("SELECT s::text FROM app.staff AS s WHERE id = $1", person["id"])
    assert email not in row
    audit = await desk.admin.fetchval(
        "SELECT string_agg(a::text, ' ') FROM app.audit_logs AS a WHERE tenant_id = $1", hotel.tenant_id
    )
    assert email not in audit


async def test_one_damaged_address_hides_nobody(
    desk: Desk, hotel: Hotel, caplog: pytest.LogCaptureFixture
) -> None:
    boss, inside = await boss_of(desk, hotel)
    damaged = await desk.hire(hotel)
    # the sealed address of one person in the row of another one opens nowhere
    await desk.admin.execute(
        "UPDATE app.staff AS s SET email_encrypted = other.email_encrypted FROM app.staff AS other"
        " WHERE s.id = $1 AND other.id = $2",
        damaged.id,
        boss.id,
    )
    answer = await desk.call("GET", PEOPLE, token=inside.access)
    assert answer.status_code == 200, answer.text
    emails = {person["id"]: person["email"] for person in answer.json()["people"]}
    assert emails == {str(boss.id): boss.email, str(damaged.id): None}
    [told] = [one for one in caplog.records if one.message == "sealed text not opened"]
    assert (told.__dict__["table"], told.__dict__["row"]) == ("staff", str(damaged.id))
    email = address()
    assert (await patch(desk, inside, damaged, email=email)).json()["person"]["email"] == email


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "Aiko\u202egnp.exe"}, "name"),
        ({"name": "Ai\u200bko"}, "name"),
        ({"name": "Aiko\nBcc: all@hotel.example"}, "name"),
        ({"name": "Ai\0ko"}, "name"),
        ({"name": "\u3164"}, "name"),
        ({"email": "no address"}, "email"),
        ({"email": "a@hotel.example, b@hotel.example"}, "email"),
        ({"email": "a\u202eb@hotel.example"}, "email"),
        ({"role": "owner"}, "role"),
        ({"role": "super_admin"}, "role"),
        ({"permissions": ["staff.manage"]}, "permissions"),
        ({"permissions": ["tenant.manage"]}, "permissions"),
        ({"permissions": ["order.place"]}, "permissions"),
        ({"permissions": ["everything"]}, "permissions"),
        ({"permissions": "audit.read"}, "permissions"),
        ({"password": PASSWORD}, None),
    ],
)
async def test_people_who_cannot_be(
    desk: Desk, hotel: Hotel, change: dict[str, Any], field: str | None
) -> None:
    _, inside = await boss_of(desk, hotel)
    problem(await invite(desk, inside, **change), 400, "invalid_input", field)
    people = await desk.call("GET", PEOPLE, token=inside.access)
    assert len(people.json()["people"]) == 1


async def test_an_address_is_one_persons_of_a_hotel(desk: Desk, hotel: Hotel, other_hotel: Hotel) -> None:
    _, inside = await boss_of(desk, hotel)
    _, elsewhere = await boss_of(desk, other_hotel)
    email = address()
    answers = await asyncio.gather(*(invite(desk, inside, email=email) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    problem(await invite(desk, inside, email=email.title()), 409, "conflict", "email")
    assert (await invite(desk, elsewhere, email=email)).status_code == 201
    first = next(answer.json()["person"]["id"] for answer in answers if answer.status_code == 201)
    gone = Hired(first, email, hotel.slug, hotel.tenant_id)
    assert (await desk.call("DELETE", f"{PEOPLE}/{gone.id}", token=inside.access)).status_code == 200
    assert (await invite(desk, inside, email=email)).status_code == 201


async def test_the_plan_says_how_many(desk: Desk, hotel: Hotel) -> None:
    _, inside = await boss_of(desk, hotel)
    await desk.admin.execute("UPDATE app.tenants SET user_limit = 2 WHERE id = $1", hotel.tenant_id)
    second = await invite(desk, inside)
    assert second.status_code == 201
    refused = await invite(desk, inside)
    details = problem(refused, 409, "limit_reached")["details"]
    assert (details["limit"], details["allowed"]) == ("users", 2)
    who = Hired(second.json()["person"]["id"], "", hotel.slug, hotel.tenant_id)
    assert (await patch(desk, inside, who, is_active=False)).status_code == 200
    assert (await invite(desk, inside)).status_code == 201
    problem(await patch(desk, inside, who, is_active=True), 409, "limit_reached")


# changes


async def test_a_change_counts_at_once(desk: Desk, hotel: Hotel) -> None:
    _, inside = await boss_of(desk, hotel)
    who = await desk.hire(hotel, "kitchen")
    theirs = await desk.enter(who)
    answer = await patch(desk, inside, who, role="runner", permissions=["audit.read"], name="Ｋen")
    assert answer.status_code == 200, answer.text
    person = answer.json()["person"]
    assert (person["role"], person["permissions"]) == ("runner", ["audit.read"])
    problem(await desk.call("GET", "/api/v1/orders", token=theirs.access), 401, "token_expired")
    fresh = entered(await desk.refresh(theirs.refresh))
    assert "audit.read" in fresh.me["permissions"]
    assert "order.cook" not in fresh.me["permissions"]


async def test_whoever_is_dismissed_is_out_at_once(desk: Desk, hotel: Hotel) -> None:
    _, inside = await boss_of(desk, hotel)
    who = await desk.hire(hotel)
    theirs = await desk.enter(who)
    assert (await patch(desk, inside, who, is_active=False)).status_code == 200
    problem(await desk.call("GET", SESSION, token=theirs.access), 401, "unauthorized")
    problem(await desk.refresh(theirs.refresh), 401, "unauthorized", "refresh_token")
    problem(await desk.sign_in(who), 401, "unauthorized")
    reason = "SELECT end_reason FROM app.staff_sessions WHERE staff_id = $1"
    assert await desk.admin.fetchval(reason, who.id) == "dismissed"
    assert (await patch(desk, inside, who, is_active=True)).status_code == 200
    await desk.enter(who)


async def test_another_address_must_be_proven(desk: Desk, hotel: Hotel) -> None:
    _, inside = await boss_of(desk, hotel)
    who = await desk.hire(hotel)
    email = address()
    answer = await patch(desk, inside, who, email=email)
    assert answer.json()["letter"] is True
    moved = Hired(who.id, email, hotel.slug, hotel.tenant_id)
    problem(await desk.sign_in(who), 401, "unauthorized")
    problem(await desk.sign_in(moved), 401, "unauthorized")
    code = await desk.postbox.code_for(email)
    assert f"#verify={code}" in desk.postbox.to(email)[0].text
    assert (await desk.call("POST", f"{STAFF}/email/verify", {"code": code})).status_code == 200
    await desk.enter(moved)
    other = await desk.hire(hotel)
    problem(await patch(desk, inside, other, email=email), 409, "conflict", "email")


async def test_a_lost_phone(desk: Desk, hotel: Hotel) -> None:
    boss, inside = await boss_of(desk, hotel)
    who = await desk.hire(hotel)
    await desk.admin.execute(
        "UPDATE app.staff SET totp_enabled = true, totp_encrypted = 'v1:', recovery_hashes = '{x}'"
        " WHERE id = $1",
        who.id,
    )
    problem(await desk.sign_in(who), 401, "second_factor_required", "code")
    problem(
        await patch(desk, inside, boss, reset_second_factor=True), 403, "forbidden", "reset_second_factor"
    )
    assert (await patch(desk, inside, who, reset_second_factor=True)).status_code == 200
    await desk.enter(who)
    assert (await desk.row(who))["recovery_hashes"] == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "a\u202eb"}, "name"),
        ({"role": "super_admin"}, "role"),
        ({"permissions": ["staff.manage"]}, "permissions"),
        ({"email": "x"}, "email"),
        ({"is_active": None}, "is_active"),
        ({"access_version": 1}, None),
        ({"tenant_id": str(PLATFORM)}, None),
    ],
)
async def test_changes_that_cannot_be(
    desk: Desk, hotel: Hotel, change: dict[str, Any], field: str | None
) -> None:
    _, inside = await boss_of(desk, hotel)
    who = await desk.hire(hotel)
    before = await desk.row(who)
    problem(await patch(desk, inside, who, **change), 400, "invalid_input", field)
    assert await desk.row(who) == before


# who may


async def test_only_managers_and_only_their_own(desk: Desk, hotel: Hotel, other_hotel: Hotel) -> None:
    _, stranger = await boss_of(desk, other_hotel)
    who = await desk.hire(hotel)
    for role in ("front", "kitchen", "runner", "menu_editor"):
        # A permission that nobody can give counts for nothing, also when it stands in the row.
        inside = await desk.enter(await desk.hire(hotel, role, permissions=("staff.manage",)))
        problem(await desk.call("GET", PEOPLE, token=inside.access), 403, "forbidden")
        problem(await invite(desk, inside), 403, "forbidden")
        problem(await patch(desk, inside, who, role="manager"), 403, "forbidden")
        problem(await desk.call("DELETE", f"{PEOPLE}/{who.id}", token=inside.access), 403, "forbidden")
    for method, body in (("GET", None), ("PATCH", {"role": "runner"}), ("DELETE", None)):
        path = f"{PEOPLE}/{who.id}"
        problem(await desk.call(method, path, body, stranger.access), 404, "not_found", "staff_id")
    mine = await desk.call("GET", PEOPLE, token=stranger.access)
    assert str(who.id) not in mine.text
    assert (await desk.row(who))["role"] == "front"


async def test_the_last_manager_stays(desk: Desk, hotel: Hotel) -> None:
    boss, inside = await boss_of(desk, hotel)
    for change in ({"role": "front"}, {"is_active": False}):
        problem(await patch(desk, inside, boss, **change), 409, "conflict")
    problem(await desk.call("DELETE", f"{PEOPLE}/{boss.id}", token=inside.access), 409, "conflict")
    # One who was invited and never came is nobody who could manage.
    assert (await invite(desk, inside, role="manager")).status_code == 201
    problem(await patch(desk, inside, boss, role="front"), 409, "conflict")
    await desk.hire(hotel, "manager")
    assert (await patch(desk, inside, boss, role="front")).status_code == 200


async def test_two_managers_dismiss_each_other(desk: Desk, hotel: Hotel) -> None:
    (one, first), (two, second) = await boss_of(desk, hotel), await boss_of(desk, hotel)
    answers = await asyncio.gather(
        patch(desk, first, two, is_active=False), patch(desk, second, one, is_active=False)
    )
    left = await desk.admin.fetchval(
        "SELECT count(*) FROM app.staff WHERE tenant_id = $1 AND role = 'manager' AND is_active",
        hotel.tenant_id,
    )
    assert left == 1
    assert sorted(answer.status_code for answer in answers) in ([200, 401], [200, 409])


async def test_super_admins_are_the_people_of_the_platform(desk: Desk, hotel: Hotel) -> None:
    email = address()
    root = Hired(
        await make_person(desk.admin, PLATFORM, "super_admin", email=email, password_hash=HASHED),
        email,
        "platform",
        PLATFORM,
    )
    inside = await desk.enter(root)
    problem(await invite(desk, inside, role="manager"), 400, "invalid_input", "role")
    assert (await invite(desk, inside, role="super_admin")).status_code == 201
    who = await desk.hire(hotel)
    problem(await patch(desk, inside, who, role="manager"), 404, "not_found", "staff_id")
    problem(await desk.call("GET", "/api/v1/orders", token=inside.access), 403, "forbidden")


async def test_the_list(desk: Desk, hotel: Hotel) -> None:
    _, inside = await boss_of(desk, hotel)
    who = await desk.hire(hotel)
    people = (await desk.call("GET", PEOPLE, token=inside.access)).json()["people"]
    assert [one["role"] for one in people] == ["front", "manager"]
    one = (await desk.call("GET", f"{PEOPLE}/{who.id}", token=inside.access)).json()
    assert one == people[0]
    assert one["email"] == who.email
    assert "password" not in str(one)
    problem(await desk.call("GET", f"{PEOPLE}/x", token=inside.access), 400, "invalid_input", "staff_id")
    problem(await desk.call("GET", f"{PEOPLE}/{uuid4()}", token=inside.access), 404, "not_found", "staff_id")
