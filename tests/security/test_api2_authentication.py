"""API2:2023 Broken authentication: being taken for somebody else, or for somebody whom the hub has put
out."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import httpx
import jwt
import msgspec
import pytest

from hub.security.principal import Principal
from hub.web.gate import ACCESS_COOKIE, CSRF_HEADER, Gate
from tests.api.conftest import Api, bearer, problem
from tests.api.desk import PASSWORD, SESSION, Desk, Hired
from tests.conftest import TOKEN_KEY
from tests.factories import Hotel, make_staff
from tests.realtime.conftest import Live
from tests.realtime.peer import peer
from tests.realtime.screens import token_of
from tests.security.attack import audited, without
from tests.security.callers import forgeries

if TYPE_CHECKING:
    from hub.db.pool import Connection

OTHERS: Final = ("HS384", "HS512", "none", "None", "nOnE", "RS256", "ES256", "")


def encoded(header: dict[str, Any], claims: dict[str, Any], key: bytes = TOKEN_KEY.secret) -> str:
    """A token with any header, signed with HS256 whatever the header says."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signed = b".".join(parts)
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signed, key)
    return b".".join([signed, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def strange(principal: Principal) -> dict[str, str]:
    """Tokens whose header asks the hub to look elsewhere for the key, or to forget about it."""
    claims: dict[str, Any] = jwt.decode(token_of(principal), options={"verify_signature": False})
    kid, secret = TOKEN_KEY.kid, b"a key of the attacker, 32 bytes long"
    web_key = {"kty": "oct", "k": base64.urlsafe_b64encode(secret).decode(), "alg": "HS256"}
    made = {f"alg {alg}": encoded({"alg": alg, "kid": kid}, claims) for alg in OTHERS}
    for name, odd in {
        "path": "../../../dev/null",
        "sql": "test' OR '1'='1",
        "url": "https://evil.example/key",
        "nul": "test\0",
        "case": kid.upper(),
        "blank": f" {kid}",
        "long": "x" * 1500,
    }.items():
        made[f"kid {name}"] = encoded({"alg": "HS256", "kid": odd}, claims, secret)
        made[f"kid {name}, empty key"] = encoded({"alg": "HS256", "kid": odd}, claims, b"")
    for odd_kid in (None, 7, ["test"], {"kid": "test"}):
        made[f"kid {odd_kid}"] = encoded({"alg": "HS256", "kid": odd_kid}, claims)
    for field, value in {
        "jwk": web_key,
        "jku": "https://evil.example",
        "x5u": "https://evil.example",
    }.items():
        made[field] = encoded({"alg": "HS256", "kid": kid, field: value}, claims, secret)
    made["crit"] = encoded({"alg": "HS256", "kid": kid, "crit": ["exp"], "exp": 0}, claims)
    made["not in base64"] = encoded({"alg": "HS256", "kid": kid, "b64": False, "crit": ["b64"]}, claims)
    return made


def misshapen(principal: Principal) -> dict[str, str]:
    """Tokens under the hub's own key that it would never issue."""
    claims: dict[str, Any] = jwt.decode(token_of(principal), options={"verify_signature": False})
    session = str(uuid4())
    changes: dict[str, dict[str, Any]] = {
        "another issuer": {"iss": "evil"},
        "no issuer": {"iss": None},
        "a kind that there is not": {"kind": "admin"},
        "a role that there is not": {"kind": "staff", "role": "root", "sid": session},
        "staff without a session": {"kind": "staff", "role": "manager"},
        "staff without a role": {"kind": "staff", "sid": session},
        "a device with a role": {"role": "manager", "sid": session},
        "an end in words": {"exp": "tomorrow"},
        "no end": {"exp": None},
        "nobody": {"sub": None},
        "no hotel": {"tid": ""},
    }
    return {
        name: encoded({"alg": "HS256", "kid": TOKEN_KEY.kid}, claims | odd) for name, odd in changes.items()
    }


async def statuses(live: Live, web: httpx.AsyncClient, token: str) -> list[int | str]:
    """What a token gets: as Bearer, as cookie, in hello, and to renew a session of another device."""
    got: list[int | str] = []
    for headers in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"{ACCESS_COOKIE}={token}"}):
        answer = await web.get("/api/v1/menu", headers=headers)
        got.append(answer.status_code)
    async with peer(live) as screen:
        await screen.send({"type": "hello", "token": token})
        first = await screen.receive()
        got.append(first["code"] if first["type"] == "bye" else first["type"])
    return got


@pytest.mark.parametrize("make", [strange, misshapen, forgeries])
async def test_tokens_that_the_hub_has_not_issued(
    live: Live, web: httpx.AsyncClient, hotel: Hotel, make: Any
) -> None:
    """Defence: hub/security/tokens.py _check: key and algorithm by `kid` from the hub's own table."""
    for name, token in make(hotel.tablet()).items():
        wanted = 4005 if name == "expired" else 4500
        assert await statuses(live, web, token) == [401, 401, wanted], name


async def test_without_the_signature_anybody_could(
    live: Live, web: httpx.AsyncClient, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwt.PyJWS, "decode", lambda self, token, *_, **__: jwt.PyJWS()._load(token)[0])
    token = forgeries(hotel.tablet(room=1))["a signature of another key"]
    assert (await statuses(live, web, token))[::2] == [200, "welcome"]


# one kind of proof in the place of another


async def test_a_proof_in_the_place_of_another(
    live: Live, web: httpx.AsyncClient, desk: Desk, hotel: Hotel
) -> None:
    """Defence: hub/web/gate.py _cookie (staff alone); hub/staff/tickets.py parse; hub/security/credentials.py
    Credential.parse; hub/security/permissions.py."""
    who = await desk.hire(hotel, "manager")
    inside = await desk.enter(who)
    tablet = token_of(hotel.tablet())
    # a device in a browser's cookie, even with its own CSRF token
    assert (await web.get("/api/v1/menu", headers={"Cookie": f"{ACCESS_COOKIE}={tablet}"})).status_code == 401
    # a refresh token as an access token, and the reverse
    assert (await statuses(live, web, inside.refresh)) == [401, 401, 4500]
    problem(await desk.refresh(inside.access[:200]), 401, "unauthorized", "refresh_token")
    problem(await desk.refresh(tablet[:200]), 401, "unauthorized", "refresh_token")
    # tokens as credentials
    for text in (tablet[:200], inside.refresh, "x.y.z"):
        wiped = {"requested_at": "2026-11-21T03:00:00Z"}
        for path, more in (("token", {}), ("rotate", {}), ("wiped", wiped)):
            answer = await web.post(f"/api/v1/devices/{path}", json={"credential": text, **more})
            problem(answer, 401, "unauthorized", "credential")
    # a member of staff orders for no room of their own, and a tablet does not manage people
    order = {"lines": [{"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}]}
    answer = await web.post(
        "/api/v1/orders",
        json=order,
        headers={"Authorization": f"Bearer {inside.access}", "Idempotency-Key": str(uuid4())},
    )
    problem(answer, 400, "invalid_input", "room_number")
    for path in ("/api/v1/staff/people", "/api/v1/staff/session", "/api/v1/devices", "/api/v1/audit"):
        problem(await web.get(path, headers=bearer(hotel.tablet())), 403, "forbidden")


async def test_the_credential_of_another_device(
    web: httpx.AsyncClient, admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    """Defence: hub/devices/model.py match compares with the hash of the very device."""
    secret = "x" * 43
    await admin.execute(
        "UPDATE app.device_rooms SET credential_hash = sha256($2) WHERE id = $1",
        hotel.kitchen_id,
        secret.encode(),
    )
    for tenant, device in (
        (hotel.tenant_id, hotel.rooms[0].tablet_id),
        (other_hotel.tenant_id, hotel.kitchen_id),
        (other_hotel.tenant_id, other_hotel.kitchen_id),
    ):
        text = f"{tenant.hex}.{device.hex}.{secret}"
        answer = await web.post("/api/v1/devices/token", json={"credential": text})
        problem(answer, 401, "unauthorized", "credential")


# put out at once


async def test_a_sign_out_counts_at_once(live: Live, desk: Desk, hotel: Hotel) -> None:
    """Defence: sql admit_staff, at the beginning of every transaction; the topic of the session that ends."""
    inside = await desk.enter(await desk.hire(hotel, "manager"))
    async with peer(live) as screen:
        await screen.send({"type": "hello", "token": inside.access})
        await screen.until("position")
        assert (await desk.call("POST", f"{SESSION}/end", token=inside.access)).status_code == 200
        assert (await screen.end()).code == 4503
    problem(await desk.call("GET", "/api/v1/orders", token=inside.access), 401, "unauthorized")
    problem(await desk.refresh(inside.refresh), 401, "unauthorized", "refresh_token")
    async with peer(live) as screen:
        await screen.send({"type": "hello", "token": inside.access})
        await screen.until("welcome")
        assert (await screen.end()).code == 4503


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE app.staff_sessions SET ended_at = now(), end_reason = 'revoked' WHERE staff_id = $1",
        "UPDATE app.staff SET is_active = false WHERE id = $1",
        "UPDATE app.staff SET is_active = false, deleted_at = now() WHERE id = $1",
        "UPDATE app.staff SET role = 'runner' WHERE id = $1",
        "UPDATE app.staff SET permissions = '{audit.read}' WHERE id = $1",
        "UPDATE app.tenants AS t SET status = 'suspended' FROM app.staff AS p"
        " WHERE p.id = $1 AND t.id = p.tenant_id",
    ],
    ids=["revoked", "dismissed", "gone", "another role", "another permission", "hotel closed"],
)
async def test_what_changes_about_a_person_counts_at_once(
    live: Live, desk: Desk, admin: Connection, hotel: Hotel, change: str
) -> None:
    """Defence: sql admit_staff; log_access_change and log_topic_end for those who only listen."""
    who = await desk.hire(hotel, "kitchen")
    inside = await desk.enter(who)
    async with peer(live) as screen:
        await screen.send({"type": "hello", "token": inside.access})
        await screen.until("position")
        await admin.execute(change, who.id)
        answer = await desk.call("GET", "/api/v1/orders", token=inside.access)
        assert answer.status_code in (401, 403)
        assert (await screen.end()).code >= 4000


async def test_without_admission_a_dismissed_cook_could(desk: Desk, admin: Connection, hotel: Hotel) -> None:
    who = await desk.hire(hotel, "kitchen")
    inside = await desk.enter(who)
    await admin.execute("UPDATE app.staff SET is_active = false WHERE id = $1", who.id)
    async with without(admin, "admit_staff"):
        assert (await desk.call("GET", "/api/v1/orders", token=inside.access)).status_code == 200
    assert (await desk.call("GET", "/api/v1/orders", token=inside.access)).status_code == 401


async def test_another_password_ends_every_other_sign_in(desk: Desk, hotel: Hotel) -> None:
    """Defence: hub/staff/account.py change_password."""
    who = await desk.hire(hotel, "front")
    mine, thief = [await desk.enter(who) for _ in range(2)]
    new = {"old": PASSWORD, "new": "another horse staple"}
    answer = await desk.call("POST", "/api/v1/staff/password", new, token=mine.access)
    assert answer.status_code == 200, answer.text
    problem(await desk.call("GET", SESSION, token=thief.access), 401, "unauthorized")
    problem(await desk.refresh(thief.refresh), 401, "unauthorized", "refresh_token")
    assert (await desk.call("GET", SESSION, token=mine.access)).status_code == 200
    assert (await desk.sign_in(who)).status_code == 401


async def test_a_refresh_token_that_was_used_ends_its_session(
    desk: Desk, admin: Connection, hotel: Hotel
) -> None:
    """Defence: hub/staff/model.py judge_refresh."""
    inside = await desk.enter(await desk.hire(hotel, "front"))
    renewed = await desk.refresh(inside.refresh)
    assert renewed.status_code == 200
    await admin.execute(
        "UPDATE app.refresh_tokens SET used_at = now() - interval '1 minute' WHERE tenant_id = $1",
        hotel.tenant_id,
    )
    problem(await desk.refresh(inside.refresh), 401, "unauthorized", "refresh_token")
    problem(await desk.refresh(renewed.json()["refresh_token"]), 401, "unauthorized", "refresh_token")
    problem(await desk.call("GET", SESSION, token=renewed.json()["access_token"]), 401, "unauthorized")
    assert await audited(admin, hotel, "refresh.reused") == 1


# guessing


async def test_a_locked_account_knows_no_right_password(desk: Desk, admin: Connection, hotel: Hotel) -> None:
    """Defence: hub/staff/model.py Locks and Account.may_sign_in."""
    who = await desk.hire(hotel, "front")
    for _ in range(desk.hub.settings.sign_in_attempts):
        assert (await desk.sign_in(who, "wrong horse battery")).status_code == 401
        await desk.settled()
    right, unknown = (
        await desk.sign_in(who),
        await desk.sign_in(msgspec.structs.replace(who, email="x@y.example")),
    )
    assert (right.status_code, right.json()) == (unknown.status_code, unknown.json())
    assert right.status_code == 401
    await desk.settled()
    assert await audited(admin, hotel, "sign_in.locked") == 1
    assert await audited(admin, hotel, "sign_in.failed") >= desk.hub.settings.sign_in_attempts


async def test_guessing_a_pin(live: Live, desk: Desk, admin: Connection, hotel: Hotel) -> None:
    """Defence: hub/devices/cooks.py switch: a wrong PIN is counted, also when the reply is a refusal."""
    who = await desk.hire(hotel, "kitchen")
    inside = await desk.enter(who)
    pin = {"pin": "7294", "password": PASSWORD}
    assert (await desk.call("PUT", "/api/v1/staff/pin", pin, token=inside.access)).status_code == 200
    async with peer(live) as screen:
        await screen.hello(hotel.kitchen())
        replies = [
            await screen.ask("cook.switch", {"staff_id": str(who.id), "pin": f"{guess:04}"}, op_id=None)
            for guess in range(10)
        ]
        right = await screen.ask("cook.switch", {"staff_id": str(who.id), "pin": "7294"}, op_id=None)
        nobody = await screen.ask("cook.switch", {"staff_id": str(uuid4()), "pin": "7294"}, op_id=None)
    refusals = [reply["error"] for reply in (*replies, right, nobody)]
    assert all(refusal == refusals[0] for refusal in refusals), "locked, wrong and unknown answer alike"
    assert await audited(admin, hotel, "pin.failed") >= 3
    assert await audited(admin, hotel, "pin.locked") >= 1
    await admin.execute("UPDATE app.staff SET pin_locked_until = NULL WHERE id = $1", who.id)
    async with peer(live) as screen:
        await screen.hello(hotel.kitchen())
        assert (await screen.ask("cook.switch", {"staff_id": str(who.id), "pin": "7294"}, op_id=None))["ok"]


# the second factor


async def test_a_limited_sign_in_does_nothing_else(
    api: Api, desk: Desk, admin: Connection, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defence: hub/staff/model.py Session.limited; hub/security/principal.py permissions."""
    await admin.execute("UPDATE app.tenants SET totp_roles = '{manager}' WHERE id = $1", hotel.tenant_id)
    inside = await desk.enter(await desk.hire(hotel, "manager"))
    assert inside.me["second_factor"] == "required"
    assert inside.me["permissions"] == ["self"]
    paths = ("orders", "devices", "stays", "audit", "staff/people", "menu")
    for path in paths:
        problem(await desk.call("GET", f"/api/v1/{path}", token=inside.access), 403, "forbidden")
    renewed = (await desk.refresh(inside.refresh)).json()
    assert renewed["me"]["permissions"] == ["self"], "a renewal is no second factor"
    for path in paths:
        answer = await desk.call("GET", f"/api/v1/{path}", token=renewed["access_token"])
        problem(answer, 403, "forbidden")
    monkeypatch.setattr(Principal, "limited", False)
    answer = await desk.call("GET", "/api/v1/orders", token=inside.access)
    assert answer.status_code == 200, "without the limit it could"


async def test_a_password_alone_opens_nothing_where_a_code_is_due(
    desk: Desk, admin: Connection, hotel: Hotel
) -> None:
    """Defence: hub/staff/sign_in.py _open."""
    import pyotp

    who = await desk.hire(hotel, "front")
    inside = await desk.enter(who)
    begun = await desk.call("POST", "/api/v1/staff/totp/begin", token=inside.access)
    code = pyotp.TOTP(begun.json()["secret"]).now()
    confirmed = await desk.call(
        "POST", "/api/v1/staff/totp/confirm", {"code": code, "password": PASSWORD}, token=inside.access
    )
    assert confirmed.status_code == 200, confirmed.text
    before = await admin.fetchval("SELECT count(*) FROM app.staff_sessions WHERE staff_id = $1", who.id)
    problem(await desk.sign_in(who), 401, "second_factor_required", "code")
    problem(await desk.sign_in(who, code=code), 401, "unauthorized")
    problem(await desk.sign_in(who, code="000000"), 401, "unauthorized")
    await desk.settled()
    assert before == await admin.fetchval(
        "SELECT count(*) FROM app.staff_sessions WHERE staff_id = $1", who.id
    )
    assert await audited(admin, hotel, "second_factor.failed") == 2


# browsers


async def browser(live: Live, who: Hired, scheme: str) -> list[str]:
    """The Set-Cookie headers of a sign-in."""
    transport = httpx.ASGITransport(live.hub.app)
    async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://hub") as client:
        body = {"email": who.email, "password": PASSWORD, "hotel": who.hotel}
        answer = await client.post(SESSION, json=body, headers={"X-Hub-Client": "browser"})
        assert answer.status_code == 201
        assert "token" not in json.dumps(answer.json())
        return answer.headers.get_list("set-cookie")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_cookies_that_no_script_and_no_other_page_has(
    live: Live, desk: Desk, hotel: Hotel, scheme: str
) -> None:
    """Defence: hub/staff/cookies.py _set. Without Domain a cookie is of this host alone."""
    access, refresh = await browser(live, await desk.hire(hotel), scheme)
    for cookie, path in ((access, "Path=/;"), (refresh, "Path=/api/v1/staff/session;")):
        assert {"HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))
        assert path in f"{cookie};"
        assert "domain" not in cookie.lower()
        assert ("Secure" in cookie.split("; ")) == (scheme == "https")


async def test_a_cookie_alone_changes_nothing(
    web: httpx.AsyncClient, admin: Connection, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defence: hub/web/gate.py check_forgery."""
    front = await make_staff(admin, hotel, "front")
    token = token_of(front)
    cookie = {"Cookie": f"{ACCESS_COOKIE}={token}", "Idempotency-Key": str(uuid4())}
    guest = {"room_number": f"{int(time.time())}"}
    for forged in ({}, {CSRF_HEADER: "x"}, {CSRF_HEADER: token[:32]}, {"Origin": "https://evil.example"}):
        answer = await web.post("/api/v1/stays", json=guest, headers=cookie | forged)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    monkeypatch.setattr(Gate, "check_forgery", lambda *_: None)
    answer = await web.post("/api/v1/stays", json=guest, headers=cookie)
    assert answer.status_code == 201, "without the check it could"
