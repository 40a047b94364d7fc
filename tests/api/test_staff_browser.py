"""Browsers: tokens in cookies that no script reads, and that are no good to other pages."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import problem
from tests.api.desk import PASSWORD, SESSION, Desk
from tests.factories import Hotel

if TYPE_CHECKING:
    from http.cookies import Morsel

    import httpx

BROWSER = {"X-Hub-Client": "browser"}


def cookies(answer: httpx.Response) -> dict[str, Morsel[str]]:
    found: SimpleCookie = SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        found.load(header)
    return dict(found)


async def enter(desk: Desk, hotel: Hotel, url: str = "http://hub") -> httpx.Response:
    who = await desk.hire(hotel)
    body = {"email": who.email, "password": PASSWORD, "hotel": hotel.slug}
    return await desk.call("POST", f"{url}{SESSION}", body, **BROWSER)


def jar(answer: httpx.Response, *names: str) -> str:
    found = cookies(answer)
    return "; ".join(f"{name}={found[name].value}" for name in names)


async def test_tokens_are_cookies_and_nothing_else(desk: Desk, hotel: Hotel) -> None:
    answer = await enter(desk, hotel)
    assert answer.status_code == 201, answer.text
    assert set(answer.json()) == {"csrf", "expires_at", "me"}
    found = cookies(answer)
    assert set(found) == {"hub_access", "hub_refresh"}
    assert found["hub_access"]["path"] == "/"
    assert found["hub_refresh"]["path"] == SESSION
    for morsel in found.values():
        assert (morsel["httponly"], morsel["samesite"], morsel["secure"]) == (True, "strict", "")
        assert morsel.value not in answer.text
    assert 800 < int(found["hub_access"]["max-age"]) <= 900
    assert int(found["hub_refresh"]["max-age"]) == 7 * 86_400
    secure = cookies(await enter(desk, hotel, "https://hub"))
    assert all(morsel["secure"] for morsel in secure.values())


async def test_without_the_header_there_is_no_cookie(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    answer = await desk.sign_in(who)
    assert not cookies(answer)
    problem(await desk.call("POST", f"{SESSION}/refresh", {}), 401, "unauthorized", "refresh_token")


async def test_a_change_needs_what_only_an_own_page_knows(desk: Desk, hotel: Hotel) -> None:
    answer = await enter(desk, hotel)
    access, csrf = jar(answer, "hub_access"), answer.json()["csrf"]
    current = await desk.call("GET", SESSION, Cookie=access)
    assert current.json()["csrf"] == csrf
    end = f"{SESSION}/end"
    problem(await desk.call("POST", end, Cookie=access), 403, "forbidden", "X-CSRF-Token")
    headers = {"Cookie": access, "X-CSRF-Token": csrf}
    foreign = await desk.call("POST", end, Origin="https://evil.example", **headers)
    problem(foreign, 403, "forbidden", "Origin")
    done = await desk.call("POST", end, Origin="http://hub", **headers)
    assert done.status_code == 200, done.text
    gone = cookies(done)
    assert {name: (one.value, one["max-age"], one["path"]) for name, one in gone.items()} == {
        "hub_access": ("", "0", "/"),
        "hub_refresh": ("", "0", SESSION),
    }


async def test_a_page_behind_a_proxy_that_changes_the_host_is_an_own_one(desk: Desk, hotel: Hotel) -> None:
    # the public address of the settings; the hub itself is asked for as http://hub
    answer = await enter(desk, hotel)
    headers = {"Cookie": jar(answer, "hub_access"), "X-CSRF-Token": answer.json()["csrf"]}
    done = await desk.call("POST", f"{SESSION}/end", Origin="https://hub.example", **headers)
    assert done.status_code == 200, done.text


async def test_renewal_by_cookie(desk: Desk, hotel: Hotel) -> None:
    answer = await enter(desk, hotel)
    refresh, path = jar(answer, "hub_refresh"), f"{SESSION}/refresh"
    # A page of another origin cannot send the header, and is refused when it could.
    problem(await desk.call("POST", path, {}, Cookie=refresh), 401, "unauthorized", "refresh_token")
    foreign = await desk.call("POST", path, {}, Cookie=refresh, Origin="https://evil.example", **BROWSER)
    problem(foreign, 403, "forbidden", "Origin")
    fresh = await desk.call("POST", path, {}, Cookie=refresh, Origin="http://hub", **BROWSER)
    assert fresh.status_code == 200, fresh.text
    assert set(fresh.json()) == {"csrf", "expires_at", "me"}
    assert cookies(fresh)["hub_refresh"].value != cookies(answer)["hub_refresh"].value


async def test_a_foreign_page_cannot_sign_anybody_in(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    body = {"email": who.email, "password": PASSWORD, "hotel": hotel.slug}
    answer = await desk.call("POST", SESSION, body, Origin="https://evil.example", **BROWSER)
    problem(answer, 403, "forbidden", "Origin")


@pytest.mark.parametrize("cookie", ["", "x", "a.b", '"', "%00"])
async def test_cookies_that_prove_nothing(desk: Desk, cookie: str) -> None:
    answer = await desk.call("POST", f"{SESSION}/refresh", {}, Cookie=f"hub_refresh={cookie}", **BROWSER)
    problem(answer, 401, "unauthorized", "refresh_token")
