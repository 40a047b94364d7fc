"""The second factor: a code is good once, and those who need one may do nothing else until they have it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyotp
import pytest

from tests.api.conftest import problem
from tests.api.desk import PASSWORD, SESSION, STAFF, Desk, Entered, entered
from tests.factories import Hotel

if TYPE_CHECKING:
    import httpx

BEGIN, CONFIRM, END = (f"{STAFF}/totp/{step}" for step in ("begin", "confirm", "end"))


class Phone:
    """The app with the secret; each code is of another step of time, as long as there are three."""

    def __init__(self, secret: str) -> None:
        self._totp = pyotp.TOTP(secret)
        self._steps = iter((-30, 0, 30))

    def code(self) -> str:
        return self._totp.at(datetime.now(UTC) + timedelta(seconds=next(self._steps)))

    def wrong(self) -> str:
        good = {self._totp.at(datetime.now(UTC) + timedelta(seconds=step)) for step in (-60, -30, 0, 30, 60)}
        return next(
            code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in good
        )


async def set_up(desk: Desk, token: str) -> tuple[Phone, list[str]]:
    begun = await desk.call("POST", BEGIN, token=token)
    assert begun.status_code == 200, begun.text
    assert begun.json()["uri"].startswith("otpauth://totp/")
    phone = Phone(begun.json()["secret"])
    confirmed = await desk.call("POST", CONFIRM, {"code": phone.code(), "password": PASSWORD}, token)
    assert confirmed.status_code == 200, confirmed.text
    codes: list[str] = confirmed.json()["recovery_codes"]
    return phone, codes


async def renewed(desk: Desk, inside: Entered) -> Entered:
    return entered(await desk.refresh(inside.refresh))


def locked_out(answer: httpx.Response) -> None:
    problem(answer, 401, "unauthorized")


async def test_setting_up_and_signing_in(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    elsewhere = await desk.enter(who)
    inside = await desk.enter(who)
    phone, recovery = await set_up(desk, inside.access)
    assert len(set(recovery)) == 10
    # What was known before is renewed; a sign-in without the second factor is over.
    problem(await desk.call("GET", SESSION, token=inside.access), 401, "token_expired")
    assert (await renewed(desk, inside)).me["second_factor"] == "on"
    problem(await desk.refresh(elsewhere.refresh), 401, "unauthorized", "refresh_token")
    problem(await desk.sign_in(who), 401, "second_factor_required", "code")
    locked_out(await desk.sign_in(who, "wrong password", code=phone.code()))
    code = phone.code()
    again = await desk.enter(who, code=f"{code[:3]} {code[3:]}")
    assert again.me["second_factor"] == "on"
    assert (await desk.row(who))["totp_encrypted"].startswith("v1:")


async def test_a_code_is_good_once(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    phone, _ = await set_up(desk, (await desk.enter(who)).access)
    code = phone.code()
    answers = await asyncio.gather(*(desk.sign_in(who, code=code) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 401, 401]
    locked_out(await desk.sign_in(who, code=code))
    await desk.settled()
    assert (await desk.row(who))["failed_login_attempts"] == 3
    assert len(await desk.events(hotel.tenant_id, "second_factor.failed")) == 3


async def test_a_recovery_code_is_good_once(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    _, recovery = await set_up(desk, (await desk.enter(who)).access)
    await desk.enter(who, code=recovery[0].upper())
    locked_out(await desk.sign_in(who, code=recovery[0]))
    await desk.enter(who, code=recovery[1].replace("-", ""))
    assert len((await desk.row(who))["recovery_hashes"]) == 8


async def test_wrong_codes_lock_like_wrong_passwords(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    phone, _ = await set_up(desk, (await desk.enter(who)).access)
    for _ in range(5):
        locked_out(await desk.sign_in(who, code=phone.wrong()))
        await desk.settled()
    assert (await desk.row(who))["locked_until"] is not None
    locked_out(await desk.sign_in(who, code=phone.code()))
    # Locked, not even that the password is right is told.
    locked_out(await desk.sign_in(who))


async def need(desk: Desk, hotel: Hotel, *roles: str) -> None:
    await desk.admin.execute(
        "UPDATE app.tenants SET totp_roles = $2 WHERE id = $1", hotel.tenant_id, list(roles)
    )


async def test_a_role_that_needs_one_may_do_nothing_else(desk: Desk, hotel: Hotel) -> None:
    await need(desk, hotel, "manager")
    who, front = await desk.hire(hotel, "manager"), await desk.hire(hotel, "front")
    inside = await desk.enter(who)
    assert (inside.me["second_factor"], inside.me["permissions"]) == ("required", ["self"])
    assert (await desk.enter(front)).me["second_factor"] == "off"
    for path in (f"{STAFF}/people", "/api/v1/orders", "/api/v1/menu"):
        problem(await desk.call("GET", path, token=inside.access), 403, "forbidden")
    assert (await desk.call("GET", SESSION, token=inside.access)).status_code == 200
    await set_up(desk, inside.access)
    fresh = await renewed(desk, inside)
    assert fresh.me["second_factor"] == "on"
    assert (await desk.call("GET", f"{STAFF}/people", token=fresh.access)).status_code == 200


async def test_the_rule_of_the_hotel_reaches_those_inside_with_their_renewal(
    desk: Desk, hotel: Hotel
) -> None:
    inside = await desk.enter(await desk.hire(hotel, "manager"))
    await need(desk, hotel, "manager")
    fresh = await renewed(desk, inside)
    assert (fresh.me["second_factor"], fresh.me["permissions"]) == ("required", ["self"])


async def test_ending_it(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    inside = await desk.enter(who)
    problem(
        await desk.call("POST", END, {"password": PASSWORD, "code": "123456"}, inside.access), 409, "conflict"
    )
    phone, _ = await set_up(desk, inside.access)
    fresh = await renewed(desk, inside)
    problem(await desk.call("POST", BEGIN, token=fresh.access), 409, "conflict")
    wrong = await desk.call("POST", END, {"password": "wrong", "code": phone.code()}, fresh.access)
    problem(wrong, 403, "forbidden", "password")
    wrong = await desk.call("POST", END, {"password": PASSWORD, "code": phone.wrong()}, fresh.access)
    problem(wrong, 403, "forbidden", "code")
    await desk.settled()
    assert (await desk.row(who))["failed_login_attempts"] == 2
    done = await desk.call("POST", END, {"password": PASSWORD, "code": phone.code()}, fresh.access)
    assert done.status_code == 200, done.text
    row = await desk.row(who)
    assert (row["totp_enabled"], row["totp_encrypted"], row["recovery_hashes"]) == (False, None, [])
    assert (await renewed(desk, fresh)).me["second_factor"] == "off"
    await desk.enter(who)


async def test_ending_what_the_role_needs_leaves_nothing_but_setting_it_up(desk: Desk, hotel: Hotel) -> None:
    await need(desk, hotel, "manager")
    inside = await desk.enter(await desk.hire(hotel, "manager"))
    phone, _ = await set_up(desk, inside.access)
    fresh = await renewed(desk, inside)
    done = await desk.call("POST", END, {"password": PASSWORD, "code": phone.code()}, fresh.access)
    assert done.status_code == 200, done.text
    assert (await renewed(desk, fresh)).me["permissions"] == ["self"]


async def test_a_stolen_session_does_not_lock_its_owner_out(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    inside = await desk.enter(who)
    secret = (await desk.call("POST", BEGIN, token=inside.access)).json()["secret"]
    body = {"code": Phone(secret).code(), "password": "not the password"}
    problem(await desk.call("POST", CONFIRM, body, inside.access), 403, "forbidden", "password")
    await desk.enter(who)


async def test_what_is_not_confirmed_does_not_count(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    inside = await desk.enter(who)
    early = await desk.call("POST", CONFIRM, {"code": "123456", "password": PASSWORD}, inside.access)
    problem(early, 409, "conflict")
    first = (await desk.call("POST", BEGIN, token=inside.access)).json()["secret"]
    second = (await desk.call("POST", BEGIN, token=inside.access)).json()["secret"]
    assert first != second
    for code in (Phone(first).code(), Phone(second).wrong(), "abcdef", "１２３４５６"):
        answer = await desk.call("POST", CONFIRM, {"code": code, "password": PASSWORD}, inside.access)
        problem(answer, 400, "invalid_input", "code")
    await desk.enter(who)
    assert (await desk.row(who))["totp_enabled"] is False


@pytest.mark.parametrize("body", [{}, {"code": 123456}, {"code": "1"}, {"code": "x" * 101}])
async def test_bad_bodies(desk: Desk, hotel: Hotel, body: object) -> None:
    inside = await desk.enter(await desk.hire(hotel))
    for path in (CONFIRM, END):
        assert (await desk.call("POST", path, body, inside.access)).status_code == 400


async def test_nobody_sets_it_up_without_a_sign_in(desk: Desk) -> None:
    for path in (BEGIN, CONFIRM, END):
        problem(await desk.call("POST", path, {}), 401, "unauthorized")
