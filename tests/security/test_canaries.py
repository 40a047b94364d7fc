"""Secrets are planted and a day is lived with them, with everything that can go wrong; then they are looked
for where they must not be: in logs, problem documents, descriptions, every table, Redis."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from uuid import UUID, uuid4

import bcrypt
import httpx
import msgspec
import pyotp
import pytest
import redis.asyncio
from msgspec import Struct

from hub.telemetry.logs import Columns, JsonLines
from tests.conftest import MASTER_KEY, TOKEN_KEY
from tests.factories import Hotel, make_hotel, make_person, make_staff
from tests.realtime.conftest import Live, running
from tests.realtime.screens import Answer, token_of

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from hub.settings import Settings

EMAIL: Final = f"canary-{uuid4().hex}@hotel.example"
INVITED: Final = f"canary-{uuid4().hex}@hotel.example"
CONTACT: Final = f"canary-{uuid4().hex}@hotel.example"
PASSWORD: Final = f"canary password {uuid4().hex}"
ANOTHER_PASSWORD: Final = f"another canary password {uuid4().hex}"
GUEST: Final = "カナリア Canary-Guest"
PHONE: Final = "+81 90-8462-0917"
PIN: Final = "84620917"
ROLE_PASSWORD: Final = f"canary-role-{uuid4().hex}"
MAIL_PASSWORD: Final = f"canary-mail-{uuid4().hex}"
# What is no secret, and shows that the search finds what is there.
KNOWN_NAME: Final = "Known-Colleague"

STAFF: Final = "/api/v1/staff"
PAIRING: Final = "/api/v1/devices/pairing"
# What these write is the client's side of the tests.
_OURS: Final = ("httpx", "httpcore", "websockets.client", "schemathesis")


class Day(Struct):
    """What was planted by name, and what was answered."""

    secrets: dict[str, bytes]
    problems: list[str] = []
    served: list[str] = []
    log: str = ""

    def plant(self, name: str, secret: str | bytes) -> str:
        """Look for this from now on."""
        self.secrets[name] = secret if isinstance(secret, bytes) else secret.encode()
        return secret if isinstance(secret, str) else ""

    def traces(self, text: str) -> set[str]:
        """The names of the secrets that stand in a text: as they are, escaped, in hex or in base64."""
        low = text.lower()
        return {name for name, secret in self.secrets.items() if any(form in low for form in _forms(secret))}


def _forms(secret: bytes) -> Iterator[str]:
    yield secret.hex()
    yield base64.b64encode(secret).rstrip(b"=").decode().lower()
    yield base64.urlsafe_b64encode(secret).rstrip(b"=").decode().lower()
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return
    yield text.lower()
    yield json.dumps(text)[1:-1].lower()
    yield quote(text).lower()


@contextmanager
def everything_logged(day: Day) -> Iterator[None]:
    """All levels of all loggers, in both layouts."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers = []
    for layout in (JsonLines(), Columns()):
        handler = logging.StreamHandler(stream)
        handler.setFormatter(layout)
        handler.addFilter(lambda record: not record.name.startswith(_OURS))
        handlers.append(handler)
        root.addHandler(handler)
    level = root.level
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.setLevel(level)
        for handler in handlers:
            root.removeHandler(handler)
        day.log = stream.getvalue()


class Client:
    """Calls, and keeps what was answered."""

    def __init__(self, web: httpx.AsyncClient, day: Day) -> None:
        self._web = web
        self._day = day

    async def __call__(
        self, method: str, path: str, body: object = None, token: str | None = None, **headers: str
    ) -> httpx.Response:
        content = body if isinstance(body, bytes) else None if body is None else msgspec.json.encode(body)
        sent = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4()), **headers}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        answer = await self._web.request(method, path, content=content, headers=sent)
        self._web.cookies.clear()
        (self._day.problems if answer.status_code >= 400 else self._day.served).append(answer.text)
        return answer

    async def well(self, method: str, path: str, body: object = None, token: str | None = None) -> Any:
        """The document of an answer that must be good."""
        answer = await self(method, path, body, token)
        assert answer.status_code < 300, f"{method} {path}: {answer.text}"
        return answer.json() if answer.content else None


async def staff(call: Client, day: Day, hotel: Hotel) -> str:
    """Somebody signs in, mistypes, sets up everything, forgets the password; an access token."""
    known = {"email": EMAIL, "password": PASSWORD, "hotel": hotel.slug}
    for wrong in ({"password": ANOTHER_PASSWORD}, {"email": INVITED}, {"hotel": "nowhere"}):
        assert (await call("POST", f"{STAFF}/session", {**known, **wrong})).status_code == 401
    inside = await call.well("POST", f"{STAFF}/session", known)
    day.plant("first refresh token", inside["refresh_token"])
    renewed = await call.well("POST", f"{STAFF}/session/refresh", {"refresh_token": inside["refresh_token"]})
    day.plant("access token", renewed["access_token"])
    day.plant("refresh token", renewed["refresh_token"])
    token: str = renewed["access_token"]
    begun = await call.well("POST", f"{STAFF}/totp/begin", {}, token)
    secret = day.plant("TOTP secret", begun["secret"])
    await call("POST", f"{STAFF}/totp/confirm", {"code": "000000", "password": PASSWORD}, token)
    for code in (
        await call.well(
            "POST", f"{STAFF}/totp/confirm", {"code": pyotp.TOTP(secret).now(), "password": PASSWORD}, token
        )
    )["recovery_codes"]:
        day.plant(f"recovery code {len(day.secrets)}", code)
    renewed = await call.well("POST", f"{STAFF}/session/refresh", {"refresh_token": renewed["refresh_token"]})
    token = renewed["access_token"]
    await call("PUT", f"{STAFF}/pin", {"pin": PIN, "password": ANOTHER_PASSWORD}, token)
    await call.well("PUT", f"{STAFF}/pin", {"pin": PIN, "password": PASSWORD}, token)
    await call("POST", f"{STAFF}/password", {"old": ANOTHER_PASSWORD, "new": PASSWORD}, token)
    await call("POST", f"{STAFF}/session", {**known, "code": "000000"})
    await call.well("POST", f"{STAFF}/password/forgot", {"email": EMAIL, "hotel": hotel.slug})
    await call.well("POST", f"{STAFF}/people", {"email": INVITED, "name": KNOWN_NAME, "role": "front"}, token)
    # the same address a second time: the database refuses it, in words that hold the row
    await call("POST", f"{STAFF}/people", {"email": INVITED, "name": KNOWN_NAME, "role": "front"}, token)
    return token


async def guests(call: Client, token: str, admin: Connection) -> None:
    """A guest arrives, is looked for, leaves; and the table is gone for a moment."""
    guest = {"guest_name": GUEST, "guest_phone": PHONE}
    stay = await call.well("POST", "/api/v1/stays", {"room_number": "900", **guest}, token)
    found = await call("POST", "/api/v1/stays/search", {"phone": PHONE}, token)
    assert GUEST in found.text
    await call("POST", "/api/v1/stays", {"room_number": "900", **guest}, token)
    await call.well("POST", f"/api/v1/stays/{stay['stay_id']}/check-out", {}, token)
    await admin.execute("ALTER TABLE app.stays RENAME TO lost")
    try:
        answer = await call("POST", "/api/v1/stays", {"room_number": "901", **guest}, token)
        assert answer.status_code == 500, answer.text
    finally:
        await admin.execute("ALTER TABLE app.lost RENAME TO stays")


async def devices(call: Client, day: Day, token: str) -> None:
    """A tablet is paired and gets a new credential."""
    started = await call.well("POST", PAIRING, {"device_type": "tablet"})
    day.plant("device code", started["device_code"])
    code = day.plant("user code", started["user_code"])
    await call.well("POST", f"{PAIRING}/{code}/approve", {"room_number": "305"}, token)
    approved = await call.well("POST", f"{PAIRING}/poll", {"device_code": started["device_code"]})
    day.plant("device credential", approved["credential"].rpartition(".")[2])
    rotated = await call.well("POST", "/api/v1/devices/rotate", {"credential": approved["credential"]})
    day.plant("rotated credential", rotated["credential"].rpartition(".")[2])
    await call.well("POST", "/api/v1/devices/token", {"credential": rotated["credential"]})


async def hooks(call: Client, day: Day, token: str) -> None:
    """An address is made, changed and tried; its secret is in one answer alone."""
    hook = {"url": "https://hooks.invalid/told", "events": ["order.paged"]}
    made = await call.well("POST", "/api/v1/webhooks", hook, token)
    day.plant("webhook secret", made["secret"])
    day.plant("webhook key", base64.b64decode(made["secret"].removeprefix("whsec_")))
    path = f"/api/v1/webhooks/{made['webhook']['id']}"
    await call.well("PATCH", path, {"description": "Pager"}, token)
    delivery = await call.well("POST", f"{path}/test", None, token)
    assert delivery["delivery"]["kind"] == "webhook.test"
    async with asyncio.timeout(20):
        while True:
            [delivery] = (await call.well("GET", f"{path}/deliveries", None, token))["deliveries"]
            if delivery["last_error"] is not None:
                break
            await asyncio.sleep(0.05)
    await call("POST", "/api/v1/webhooks", {**hook, "secret": made["secret"]}, token)


async def cooks(live: Live, hotel: Hotel, staff_id: UUID) -> None:
    """A cook signs in at the kitchen's screen, wrongly and rightly."""
    async with live.screen(hotel.kitchen()) as screen:
        for pin, good in (("84620918", False), (PIN, True)):
            try:
                await screen.command("cook.switch", staff_id=str(staff_id), pin=pin)
            except Answer:
                assert not good
            else:
                assert good
        with pytest.raises(Answer):
            await screen.command("cook.switch", staff_id=str(staff_id), pin=int(PIN))
        with pytest.raises(Answer):
            await screen.command("cook.switch", staff_id=str(staff_id), pine=PIN)


async def nonsense(call: Client, day: Day, token: str) -> None:
    """Every secret in every place of a request where it does not belong."""
    texts = [secret.decode() for secret in day.secrets.values() if secret.isascii()]
    for text in [GUEST, PHONE, *texts]:
        for path in (f"{STAFF}/session", "/api/v1/stays", f"{PAIRING}/poll", "/api/v1/devices/token"):
            await call("POST", path, {"email": {"is": text}, "other": text, "device_code": text}, token)
            await call("POST", path, f'{{"password": "{text}"'.encode(), token)
        await call("POST", f"{STAFF}/session", {"email": text, "password": text, "hotel": text})
        await call("POST", f"{STAFF}/session/refresh", {"refresh_token": text})
        await call("POST", f"{STAFF}/password/reset", {"code": text, "password": text})
        await call("POST", "/api/v1/devices/token", {"credential": text})
        await call("GET", f"/api/v1/audit?user={quote(text)}&other={quote(text)}", token=token)
        await call("GET", f"/api/v1/stays/{quote(text, safe='')}", token=token)
        await call("GET", f"/{quote(text, safe='')}?token={quote(text)}")
        if text.isascii():
            await call("GET", "/api/v1/orders", token=text)
            await call("GET", "/api/v1/orders", Cookie=f"hub_access={quote(text)}")


@pytest.fixture(scope="module")
async def canary_settings(settings: Settings) -> Settings:
    passwords = dict.fromkeys(("api_password", "relay_password", "auth_password", "admin_password"))
    return msgspec.structs.replace(
        settings,
        **dict.fromkeys(passwords, ROLE_PASSWORD),
        smtp_url=f"smtp://hub:{MAIL_PASSWORD}@127.0.0.1:1",
        mail_from="hub@hotel.example",
        public_url="https://hub.example",
        bcrypt_rounds=4,
        limit_sign_in_ip="100000/minute",
        limit_sign_in_account="100000/minute",
        limit_mail_account="1000/minute",
        limit_claim_ip="100000/minute",
        limit_pairing_ip="100000/minute",
    )


@pytest.fixture(scope="module")
async def day(canary_settings: Settings, admin: Connection) -> Day:
    """A day with all of them."""
    lived = Day(
        {
            "master key": MASTER_KEY.secret,
            "signing secret": TOKEN_KEY.secret,
            "role password": ROLE_PASSWORD.encode(),
            "mail password": MAIL_PASSWORD.encode(),
            "staff e-mail": EMAIL.encode(),
            "invited e-mail": INVITED.encode(),
            "contact e-mail": CONTACT.encode(),
            "password": PASSWORD.encode(),
            "another password": ANOTHER_PASSWORD.encode(),
            "guest": GUEST.encode(),
            "phone": PHONE.encode(),
            "phone as dialled": b"+819084620917",
            "PIN": PIN.encode(),
        }
    )
    hotel = await make_hotel(admin)
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    lived.plant("password hash", hashed.rpartition("$")[2])
    person = await make_person(admin, hotel.tenant_id, "manager", email=EMAIL, password_hash=hashed)
    boss: Principal = await make_staff(admin, hotel, "super_admin")
    with everything_logged(lived):
        async with (
            running(canary_settings) as live,
            httpx.AsyncClient(base_url=f"http://{live.host}:{live.port}") as web,
        ):
            call = Client(web, lived)
            token = await staff(call, lived, hotel)
            await guests(call, token, admin)
            await devices(call, lived, token)
            await hooks(call, lived, token)
            await cooks(live, hotel, person)
            contact = {"contact_email": CONTACT, "contact_phone": PHONE}
            inn = {"slug": f"inn-{uuid4().hex[:12]}", "name": "Inn", **contact}
            await call.well("POST", "/api/v1/tenants", inn, token_of(boss))
            await nonsense(call, lived, token)
            for path in ("/api/openapi.json", "/api/asyncapi.json"):
                assert (await call("GET", path)).status_code == 200
    return lived


async def test_nothing_is_logged(day: Day) -> None:
    assert "hub.db.scope" in day.log or "hub.staff" in day.log
    assert "Traceback" in day.log, "something went wrong on that day, and it was logged"
    assert day.log.count("\n") > 50
    assert day.traces(day.log) == set()


async def test_no_problem_says_any_of_it(day: Day) -> None:
    assert len(day.problems) > 100
    for document in day.problems:
        assert day.traces(document) == set(), document


async def test_descriptions_know_none_of_it(day: Day) -> None:
    descriptions = [text for text in day.served if '"openapi"' in text or '"asyncapi"' in text]
    assert len(descriptions) == 2
    for document in descriptions:
        assert day.traces(document) == set()


async def test_it_stands_in_no_column_of_no_table(day: Day, admin: Connection) -> None:
    tables = await admin.fetch(
        "SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'app'::regnamespace AND c.relkind = 'r'"
    )
    found: dict[str, set[str]] = {}
    known = set()
    # What is stored is a password's hash, made so that it may be.
    stored = {"staff": {"password hash"}}
    for (table,) in tables:
        rows = "\n".join(row[0] for row in await admin.fetch(f"SELECT t::text FROM app.{table} AS t"))
        if traces := day.traces(rows) - stored.get(table, set()):
            found[table] = traces
        if KNOWN_NAME in rows:
            known.add(table)
    assert found == {}
    assert {"staff"} < known, "the audit tells of people by their names"


async def test_redis_holds_none_of_it(day: Day, settings: Settings) -> None:
    assert settings.redis_url is not None
    client = redis.asyncio.Redis.from_url(settings.redis_url)
    names = [name.decode() async for name in client.scan_iter(f"{settings.namespace}:*")]
    await client.aclose()
    assert any("limits" in name for name in names)
    assert day.traces("\n".join(names)) == set()


async def test_reprs_hide_what_they_hold(canary_settings: Settings, day: Day) -> None:
    """What an exception's frame or a debugger's line would show."""
    text = repr((canary_settings, canary_settings.master_keys, TOKEN_KEY))
    assert day.traces(text) == set()
