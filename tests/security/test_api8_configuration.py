"""API8:2023 Security misconfiguration: headers that are missing, answers that talk about the inside, doors
that stand open by default."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import httpx
import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from hub.app import open_hub
from hub.db.database import Database
from hub.errors import SettingError
from hub.realtime.origin import Origins
from hub.realtime.protocol import SUBPROTOCOL
from hub.web.headers import HSTS
from tests.api.conftest import bearer
from tests.realtime.conftest import Live, running
from tests.realtime.peer import peer
from tests.security.test_api7_ssrf import ROOT, imported

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel

INSIDE: Final = (
    "Traceback",
    "asyncpg",
    "msgspec",
    "starlette",
    "uvicorn",
    "postgres",
    'File "',
    ".py",
    "canary",
)
# Headers that name the program behind, or let another page read.
TOLD: Final = frozenset({"server", "x-powered-by", "via", "x-aspnet-version"})


@asynccontextmanager
async def over_the_wire(live: Live) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the very server, not of the application inside it."""
    async with httpx.AsyncClient(base_url=f"http://{live.host}:{live.port}", trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
async def live(settings: Settings) -> AsyncIterator[Live]:
    """Small limits, so that their answers are seen too."""
    small = msgspec.structs.replace(settings, header_bytes=2048, limit_device="60/minute")
    async with running(small) as hub:
        yield hub


@pytest.fixture
async def wire(live: Live) -> AsyncIterator[httpx.AsyncClient]:
    async with over_the_wire(live) as client:
        yield client


# By hand: what must be there, whatever hub/web/headers.py says.
NEEDED: Final = {
    "content-security-policy": "default-src 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=()",
}


def checked(answer: httpx.Response) -> None:
    """What every answer has, and none has."""
    for name, part in NEEDED.items():
        [value] = answer.headers.get_list(name)
        assert part in value, name
    assert not [name for name in answer.headers if name.startswith("access-control-") or name in TOLD]
    assert "location" not in answer.headers
    shown = f"{answer.headers} {answer.text}" if answer.is_error else str(answer.headers)
    assert not [word for word in INSIDE if word in shown]


async def test_every_answer_has_the_headers(wire: httpx.AsyncClient, hotel: Hotel) -> None:
    """Defence: hub/web/headers.py SecurityHeaders; hub/web/protocol.py _refuse for what no application sees;
    hub/serve.py serving, server_header."""
    mine = bearer(hotel.kitchen())
    etag = (await wire.get("/static/hub.js")).headers["etag"]
    asked: list[tuple[int, str, str, dict[str, Any]]] = [
        (200, "GET", "/tablet", {}),
        (200, "GET", "/static/hub.js", {}),
        (304, "GET", "/static/hub.js", {"headers": {"If-None-Match": etag}}),
        (200, "GET", "/livez", {}),
        (200, "GET", "/readyz", {}),
        (200, "GET", "/api/openapi.json", {}),
        (200, "GET", "/api/v1/menu", {"headers": mine}),
        (401, "GET", "/api/v1/menu", {}),
        (403, "POST", "/api/v1/orders", {"headers": mine}),
        (404, "GET", f"/api/v1/orders/{uuid4()}", {"headers": mine}),
        (404, "GET", "/nowhere", {}),
        (404, "GET", "/static/nowhere.js", {}),
        (404, "GET", "/ws", {}),
        (405, "DELETE", "/api/v1/menu", {"headers": mine}),
        (405, "POST", "/tablet", {}),
        (400, "GET", "/api/v1/orders?limit=x", {"headers": mine}),
        (415, "POST", "/api/v1/devices/token", {"content": b"{}"}),
        (413, "POST", "/api/v1/devices/token", {"json": {"credential": "x" * 70_000}}),
        (431, "GET", "/tablet", {"headers": {"X-Long": "x" * 4000}}),
    ]
    for status, method, url, more in asked:
        answer = await wire.request(method, url, **more)
        assert answer.status_code == status, (method, url, answer.text)
        checked(answer)
    while (answer := await wire.get("/api/v1/menu", headers=mine)).status_code == 200:
        checked(answer)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    checked(answer)


async def test_what_is_no_http_gets_the_headers_too(live: Live) -> None:
    """Defence: hub/web/protocol.py _refuse."""
    reader, writer = await asyncio.open_connection(live.host, live.port)
    writer.write(b"canary\r\n\r\n")
    answer = (await asyncio.wait_for(reader.read(), 10)).lower()
    writer.close()
    for name in NEEDED:
        assert f"{name}: ".encode() in answer
    assert b"canary" not in answer
    assert b"server:" not in answer


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "CONNECT", "TRACK", "DEBUG"])
async def test_a_method_that_shows_what_was_sent(wire: httpx.AsyncClient, method: str) -> None:
    """Defence: Starlette's routes know only the methods of hub/web/endpoint.py; no CORS middleware stands in
    hub/web/site.py."""
    headers = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
        "X-Secret": "canary",
    }
    for url in ("/tablet", "/api/v1/menu", "/api/v1/devices/token", "/livez"):
        answer = await wire.request(method, url, headers=headers)
        assert answer.status_code in (400, 404, 405)
        checked(answer)


async def test_no_origin_may_read_an_answer(wire: httpx.AsyncClient, hotel: Hotel) -> None:
    """Defence: no Access-Control header anywhere, so browsers keep answers from other pages."""
    for origin in ("https://evil.example", "null", "http://hub"):
        for url in ("/api/v1/menu", "/api/openapi.json", "/tablet"):
            answer = await wire.get(url, headers={"Origin": origin} | bearer(hotel.kitchen()))
            checked(answer)
            assert origin not in str(answer.headers)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_hsts_by_https_alone(live: Live, scheme: str) -> None:
    """Defence: hub/web/headers.py SecurityHeaders."""
    transport = httpx.ASGITransport(live.hub.app)
    async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://hub") as client:
        for url in ("/tablet", "/nowhere", "/api/v1/menu"):
            told = (await client.get(url)).headers.get(HSTS[0].decode())
            assert told == (HSTS[1].decode() if scheme == "https" else None)


async def test_a_bug_shows_nothing(
    wire: httpx.AsyncClient, live: Live, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defence: hub/web/problems.py unexpected; hub/realtime/conversation.py _failure."""

    def broken(*_: object) -> None:
        raise RuntimeError("canary in postgres")

    monkeypatch.setattr(Database, "read", broken)
    answer = await wire.get("/api/v1/orders", headers=bearer(hotel.kitchen()))
    assert answer.status_code == 500
    checked(answer)
    monkeypatch.undo()
    async with peer(live) as screen:
        await screen.hello(hotel.tablet())
        monkeypatch.setattr(Database, "read", broken)
        line = {"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}
        reply = await screen.ask("order.quote", {"lines": [line]})
        assert reply["error"]["code"] == "internal"
        assert not [word for word in INSIDE if word in str(reply)]


async def addresses_counted(settings: Settings, *trusted: str) -> list[int]:
    """Statuses of requests that claim to come from somewhere else each time."""
    few = msgspec.structs.replace(
        settings, limit_ip="2/hour", trusted_proxies=trusted, namespace=f"t{uuid4().hex[:12]}"
    )
    async with running(few, relay=False) as live, over_the_wire(live) as client:
        return [
            (
                await client.get(
                    "/api/v1/menu",
                    headers={
                        "X-Forwarded-For": f"203.0.113.{number}",
                        "X-Real-IP": f"203.0.113.{number}",
                        "Forwarded": f"for=203.0.113.{number}",
                        "CF-Connecting-IP": f"203.0.113.{number}",
                        "True-Client-IP": f"203.0.113.{number}",
                    },
                )
            ).status_code
            for number in range(4)
        ]


async def test_nobody_chooses_the_address_that_is_counted(settings: Settings) -> None:
    """Defence: hub/serve.py serving, proxy_headers only with `trusted_proxies`."""
    assert await addresses_counted(settings) == [401, 401, 429, 429]


async def test_whoever_is_trusted_chooses_it(settings: Settings) -> None:
    """Why nobody is trusted by default."""
    assert await addresses_counted(settings, "127.0.0.1") == [401] * 4


async def upgrade(live: Live, origin: str) -> int:
    """The status of an upgrade that a page of this origin asks for."""
    try:
        async with connect(
            f"ws://{live.host}:{live.port}/ws",
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            origin=Origin(origin),
        ):
            return 101
    except InvalidStatus as error:
        return error.response.status_code if TOLD.isdisjoint(error.response.headers) else 0


EVIL: Final = (
    "https://evil.example",
    "null",
    "file://",
    "http://127.0.0.1.evil.example",
    "http://127.0.0.1:1",
)


async def test_another_page_opens_no_socket(live: Live) -> None:
    """Defence: hub/realtime/origin.py Origins.admit."""
    assert [await upgrade(live, origin) for origin in EVIL] == [403] * len(EVIL)
    assert await upgrade(live, f"http://{live.host}:{live.port}") == 101


async def test_without_origins_any_page_would(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Origins, "admit", lambda self, headers: True)
    assert await upgrade(live, EVIL[0]) == 101


@pytest.mark.parametrize("role", ["hub_api", "hub_auth", "hub_relay", "hub_admin"])
@pytest.mark.parametrize("power", ["SUPERUSER", "BYPASSRLS"])
async def test_a_hub_with_too_much_power_does_not_start(
    admin: Connection, settings: Settings, role: str, power: str
) -> None:
    """Defence: hub/db/pool.py _prove."""
    await admin.execute(f"ALTER ROLE {role} {power}")
    try:
        with pytest.raises(SettingError, match=role):
            async with open_hub(settings):
                raise AssertionError("it has started")
    finally:
        await admin.execute(f"ALTER ROLE {role} NO{power}")


async def test_a_new_database_lets_nobody_in(template: str, settings: Settings, admin: Connection) -> None:
    """Defence: sql/migrations make no person, no device, no code, and no hotel but the platform."""
    for table in (
        "staff",
        "device_rooms",
        "pairing_codes",
        "staff_codes",
        "staff_sessions",
        "refresh_tokens",
    ):
        made = await admin.fetchval(
            f"SELECT count(*) FROM app.{table} WHERE tenant_id = '00000000-0000-0000-0000-000000000000'"
        )
        assert made == 0, table


def test_serving_knows_nothing_of_the_demo() -> None:
    """Defence: the import order of pyproject.toml; the demo's people and codes are in no process of `hub
    serve`."""
    todo, reached = ["hub.serve"], set[str]()
    while todo:
        name = todo.pop()
        path = ROOT.parent / f"{name.replace('.', '/')}.py"
        path = path if path.exists() else ROOT.parent / name.replace(".", "/") / "__init__.py"
        if name in reached or not path.exists():
            continue
        reached.add(name)
        todo += [one for one in imported(ast.parse(path.read_text())) if one.startswith("hub")]
    assert "hub.app" in reached
    assert not [name for name in reached if name.startswith("hub.demo")]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../settings.py",
        "/static/%2e%2e/settings.py",
        "/static/..%2f..%2fpyproject.toml",
        "/static/..%5c..%5csettings.py",
        "/static//etc/passwd",
        "/static/%00",
        "/static/....//settings.py",
        "/../../etc/passwd",
    ],
)
async def test_no_path_leads_out_of_static(live: Live, path: str) -> None:
    """Defence: Starlette's StaticFiles under hub/web/pages.py Files; asked raw, because clients tidy up."""
    reader, writer = await asyncio.open_connection(live.host, live.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"HUB_" not in answer
    assert b"root:" not in answer
