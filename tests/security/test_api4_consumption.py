"""API4:2023 Unrestricted resource consumption: asking for more than a client may cost."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import httpx
import msgspec
import pytest

from hub.documents import asyncapi_document, openapi_document
from hub.security.limits import Limiter
from hub.security.permissions import ROLES
from tests.api.conftest import Api, opened
from tests.api.desk import SESSION, Desk, Postbox
from tests.factories import Hotel, make_hotel, make_staff
from tests.realtime.conftest import Live, running
from tests.realtime.peer import peer
from tests.realtime.screens import token_of
from tests.security.generated import Call, commands, routes
from tests.security.test_api7_ssrf import resolved

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

OPENAPI: Final[dict[str, Any]] = json.loads(openapi_document())
ASYNCAPI: Final[dict[str, Any]] = json.loads(asyncapi_document())
CALLS: Final = [*routes(OPENAPI), *commands(ASYNCAPI)]
WITH_BODY: Final = [call for call in CALLS if call.path and call.body is not None]
# Texts that a type bounds which the description does not show: a time of the day.
BOUNDED_BY_TYPE: Final = frozenset({"business_day_cutover"})
MOST_ON_A_PAGE: Final = 500


def called(call: Call) -> str:
    return call.name


def parts(schema: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every schema below this one, by the name of its field."""
    match schema:
        case dict():
            yield name, schema
            for field, part in schema.get("properties", {}).items():
                yield from parts(part, field)
            for key in ("anyOf", "oneOf", "items"):
                yield from parts(schema.get(key), name)
        case list():
            for part in schema:
                yield from parts(part, name)


@pytest.mark.parametrize("call", CALLS, ids=called)
def test_every_text_and_list_has_an_end(call: Call) -> None:
    """Defence: Meta(max_length) of every type that is read from a client."""
    document = OPENAPI if call.path else ASYNCAPI
    asked = [
        ("body", call.body),
        *((one.name, one.schema) for one in call.parameters if one.place == "query"),
    ]
    for name, schema in asked:
        for field, part in parts(resolved(document, schema), name):
            if part.get("type") == "array":
                assert part["maxItems"] <= 200, field
            if part.get("type") == "string" and field not in BOUNDED_BY_TYPE:
                bounded = {"maxLength", "enum", "format", "pattern", "const"} & set(part)
                assert bounded, field
            if part.get("type") == "integer":
                assert "maximum" in part, field
            if field == "limit" and "maximum" in part:
                assert part["maximum"] <= MOST_ON_A_PAGE


async def without_a_length(body: bytes) -> AsyncIterator[bytes]:
    """A body in chunks, of which nobody knows how many come."""
    for start in range(0, len(body), 8192):
        yield body[start : start + 8192]


async def answers_of(
    web: httpx.AsyncClient, call: Call, who: dict[str, str], body: bytes | AsyncIterator[bytes]
) -> int:
    path = call.path.replace("{", "").replace("}", "")
    for parameter in call.parameters:
        if parameter.place == "path":
            value = "1" if parameter.schema.get("type") == "integer" else str(uuid4())
            path = path.replace(parameter.name, value, 1)
    headers = who | {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
    return (await web.request(call.method, path, content=body, headers=headers)).status_code


@pytest.fixture(scope="module")
async def proofs(admin: Connection, module_hotel: Hotel) -> dict[str, dict[str, str]]:
    """Authorization of one caller of each kind."""
    who = {"tablet": module_hotel.tablet(), "kitchen": module_hotel.kitchen()}
    for role in ROLES:
        who[f"staff:{role}"] = await make_staff(admin, module_hotel, role)
    return {name: {"Authorization": f"Bearer {token_of(one)}"} for name, one in who.items()}


@pytest.fixture(scope="module")
async def module_hotel(admin: Connection) -> Hotel:
    return await make_hotel(admin)


@pytest.mark.parametrize("call", WITH_BODY, ids=called)
async def test_bodies_without_an_end(
    web: httpx.AsyncClient, proofs: dict[str, dict[str, str]], call: Call
) -> None:
    """Defence: hub/web/gate.py octets; hub/operations.py decode for what is nested."""
    who = {} if call.public else proofs[sorted(call.actors or ())[-1]]
    for body in (b" " * 70_000, without_a_length(b" " * 70_000)):
        assert await answers_of(web, call, who, body) == 413
    for deep in (b"[" * 30_000, b'{"a":' * 10_000, b'{"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}"):
        assert await answers_of(web, call, who, deep) == 400


@pytest.mark.parametrize("path", ["orders", "stays", "devices", "audit"])
@pytest.mark.parametrize("limit", ["0", "-1", "501", "100000", "1e9", "99999999999999999999"])
async def test_pages_without_an_end(
    web: httpx.AsyncClient, proofs: dict[str, dict[str, str]], path: str, limit: str
) -> None:
    """Defence: Meta(le) of each query."""
    answer = await web.get(f"/api/v1/{path}?limit={limit}", headers=proofs["staff:manager"])
    assert (answer.status_code, answer.json()["details"]["field"]) == (400, "limit")


# too often

FEW: Final = {
    "limit_device": "5/minute",
    "limit_sign_in_ip": "6/minute",
    "limit_sign_in_account": "3/minute",
    "limit_claim_ip": "4/minute",
    "limit_pairing_ip": "4/minute",
    "limit_pairing_tenant": "3/minute",
    "limit_mail_account": "2/minute",
    "bcrypt_rounds": 4,
    "public_url": "https://hub.example",
}


@asynccontextmanager
async def tight(settings: Settings, admin: Connection, **changes: object) -> AsyncIterator[Desk]:
    """A hub with small limits, in a namespace where nothing was counted yet."""
    few = msgspec.structs.replace(settings, **{"namespace": f"t{uuid4().hex[:12]}", **FEW, **changes})
    postbox = Postbox()
    async with (
        opened(few, postbox) as hub,
        httpx.AsyncClient(transport=httpx.ASGITransport(hub.app), base_url="http://hub") as web,
    ):
        yield Desk(hub, web, postbox, admin)


Flood = Callable[[Desk, Hotel, Any], Awaitable[httpx.Response]]


async def reading(desk: Desk, hotel: Hotel, _: Any) -> httpx.Response:
    return await desk.call("GET", "/api/v1/menu", token=token_of(hotel.tablet()))


async def without_token(desk: Desk, hotel: Hotel, _: Any) -> httpx.Response:
    return await desk.call("GET", "/api/v1/menu")


async def signing_in(desk: Desk, hotel: Hotel, _: Any) -> httpx.Response:
    body = {"email": f"{uuid4().hex}@hotel.example", "password": "x" * 12, "hotel": hotel.slug}
    return await desk.call("POST", SESSION, body)


async def one_account(desk: Desk, hotel: Hotel, _: Any) -> httpx.Response:
    body = {"email": "aiko@hotel.example", "password": uuid4().hex, "hotel": hotel.slug}
    return await desk.call("POST", SESSION, body)


async def resetting(desk: Desk, hotel: Hotel, _: Any) -> httpx.Response:
    body = {"code": f"{hotel.tenant_id.hex}.{uuid4().hex}", "password": "correct horse battery"}
    return await desk.call("POST", "/api/v1/staff/password/reset", body)


async def claiming(desk: Desk, hotel: Hotel, _: Any) -> httpx.Response:
    return await desk.call("POST", "/api/v1/devices/claim", {"code": uuid4().hex})


async def pairing(desk: Desk, hotel: Hotel, _: Any) -> httpx.Response:
    return await desk.call("POST", "/api/v1/devices/pairing", {"device_type": "tablet"})


async def trying_codes(desk: Desk, hotel: Hotel, front: Any) -> httpx.Response:
    return await desk.call("GET", "/api/v1/devices/pairing/BCDF-GHJK", token=token_of(front))


async def approving(desk: Desk, hotel: Hotel, front: Any) -> httpx.Response:
    return await desk.call(
        "POST",
        "/api/v1/devices/pairing/BCDF-GHJK/approve",
        {},
        token=token_of(front),
        Idempotency_Key=str(uuid4()),
    )


async def polling(desk: Desk, hotel: Hotel, _: Any) -> httpx.Response:
    return await desk.call("POST", "/api/v1/devices/pairing/poll", {"device_code": "x" * 43})


FLOODS: Final[list[tuple[Flood, dict[str, str], int]]] = [
    (reading, {}, 5),
    (reading, {"limit_tenant": "2/minute"}, 2),
    (without_token, {"limit_ip": "3/minute"}, 3),
    (signing_in, {}, 6),
    (one_account, {}, 3),
    (resetting, {}, 6),
    (claiming, {}, 4),
    (pairing, {}, 4),
    (trying_codes, {}, 3),
    (approving, {}, 3),
]


@pytest.mark.parametrize(
    ("flood", "changes", "most"), FLOODS, ids=lambda one: getattr(one, "__name__", str(one))
)
async def test_too_often(
    settings: Settings, admin: Connection, hotel: Hotel, flood: Flood, changes: dict[str, str], most: int
) -> None:
    """Defence: hub/security/limits.py hit, called by hub/web/rate.py, hub/web/gate.py and each of these."""
    front = await make_staff(admin, hotel, "front")
    async with tight(settings, admin, **changes) as desk:
        answers = [await flood(desk, hotel, front) for _ in range(most + 2)]
    assert [answer.status_code == 429 for answer in answers] == [False] * most + [True] * 2
    last = answers[-1]
    assert last.json()["code"] == "rate_limited"
    assert last.json()["temporary"] is True
    assert 1 <= int(last.headers["retry-after"]) <= 60


async def test_polling_too_often(settings: Settings, admin: Connection, hotel: Hotel) -> None:
    """Defence: hub/devices/pairing.py poll."""
    async with tight(settings, admin) as desk:
        answers = [await polling(desk, hotel, None) for _ in range(4)]
    assert [answer.status_code for answer in answers][-1] == 429


async def test_without_the_count_nobody_is_stopped(
    settings: Settings, admin: Connection, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        return None

    monkeypatch.setattr(Limiter, "hit", never)
    async with tight(settings, admin) as desk:
        assert {(await one_account(desk, hotel, None)).status_code for _ in range(8)} == {401}


async def test_an_inbox_is_not_flooded(settings: Settings, admin: Connection, hotel: Hotel) -> None:
    """Defence: hub/staff/account.py _send_reset; the answer is the same."""
    async with tight(settings, admin, limit_sign_in_ip="1000/minute") as desk:
        who = await desk.hire(hotel)
        body = {"email": who.email, "hotel": hotel.slug}
        asked = [await desk.call("POST", "/api/v1/staff/password/forgot", body) for _ in range(8)]
        await desk.settled()
        await desk.postbox.code_for(who.email, 2)
        assert len(desk.postbox.to(who.email)) == 2
    assert {answer.status_code for answer in asked} == {202}


async def test_the_queue_of_passwords_is_full(settings: Settings, admin: Connection, hotel: Hotel) -> None:
    """Defence: hub/security/passwords.py: whoever does not fit in line is told at once."""
    async with tight(
        settings, admin, bcrypt_rounds=12, password_waiting=2, limit_sign_in_ip="1000/minute"
    ) as desk:
        started = time.monotonic()
        took: list[float] = []

        async def one() -> int:
            status = (await signing_in(desk, hotel, None)).status_code
            if status == 429:
                took.append(time.monotonic() - started)
            return status

        statuses = await asyncio.gather(*(one() for _ in range(12)))
    assert sorted(statuses) == [401] * 3 + [429] * 9
    assert max(took) < 5, "they did not wait for those in line"


# sockets


async def test_sockets_that_say_nothing_are_cut(settings: Settings) -> None:
    """Defence: hub/realtime/conversation.py _open."""
    short = msgspec.structs.replace(settings, hello_seconds=0.3)
    async with running(short, relay=False) as live, AsyncExitStack() as stack:
        many = []
        for number in range(60):
            many.append(await stack.enter_async_context(peer(live)))
            if number < 20:
                await many[-1].socket.ping()
        async with asyncio.timeout(10):
            assert {(await one.end()).code for one in many} == {4502}


async def test_a_flood_of_commands_ends_its_socket(live: Live, admin: Connection, hotel: Hotel) -> None:
    """Defence: hub/realtime/conversation.py _next: so many may wait, and no more."""
    line = {"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}
    async with peer(live) as flooding, peer(live) as other:
        most = (await flooding.hello(hotel.tablet()))["limits"]["commands"]
        await other.hello(hotel.tablet(1))
        async with admin.transaction():
            await admin.execute("LOCK TABLE app.menu_items IN ACCESS EXCLUSIVE MODE")
            for number in range(most + 2):  # one is being worked on
                frame = {"type": "command", "id": number, "name": "order.quote", "args": {"lines": [line]}}
                await flooding.send(frame)
            assert (await flooding.end()).code == 4013
        assert (await other.ask("order.quote", {"lines": [line]}, op_id=None))["ok"]


async def test_commands_count_like_requests(settings: Settings, admin: Connection, hotel: Hotel) -> None:
    """Defence: hub/app.py call."""
    few = msgspec.structs.replace(settings, limit_device="5/minute", namespace=f"t{uuid4().hex[:12]}")
    async with running(few, relay=False) as live, peer(live) as screen:
        await screen.hello(hotel.kitchen())
        replies = [await screen.ask("no.such", op_id=None) for _ in range(7)]
        codes = [reply["error"]["code"] for reply in replies]
        assert codes == ["unknown_command"] * 5 + ["rate_limited"] * 2
        assert replies[-1]["error"]["details"]["retry_after_seconds"] > 0
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(live.hub.app), base_url="http://hub"
        ) as web:
            answer = await Api(web).get("/api/v1/menu", hotel.kitchen())
            assert answer.status_code == 429, "the same count"


async def test_a_frame_without_an_end(live: Live, hotel: Hotel) -> None:
    """Defence: hub/serve.py serving, ws_max_size; hub/realtime/protocol.py parse for what is nested."""
    for frame, code in (("x" * 70_000, 1009), ('{"type":' + "[" * 30_000, 4501)):
        async with peer(live) as screen:
            await screen.send(frame)
            assert (await screen.end()).code == code
    async with peer(live) as screen:
        await screen.hello(hotel.tablet())
        await screen.send("x" * 70_000)
        assert (await screen.end()).code == 1009
