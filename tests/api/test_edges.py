"""What surrounds every request: its id, and the ways in which HTTP can be asked for something else."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from hub.telemetry.context import RequestContext, current
from hub.telemetry.logs import JsonLines
from hub.web.headers import HEADERS
from hub.web.site import site
from tests.api.conftest import Api, problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


async def see(_: Request) -> Response:
    logging.getLogger("hub.sample").warning("seen")
    return Response(msgspec.json.encode(current.get()))


async def fail(_: Request) -> Response:
    raise RuntimeError("a bug outside an endpoint")


class Socket:
    """An application that keeps the context it is called in."""

    context: RequestContext | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.context = current.get()


SITE = site(
    [
        Route("/seen", see),
        Route("/fails", fail),
    ]
)


def client(app: ASGIApp = SITE, ip: str = "203.0.113.7") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(ip, 40000))
    return httpx.AsyncClient(transport=transport, base_url="http://hub")


async def test_each_request_has_an_id_of_the_hubs_own(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.setFormatter(JsonLines())
    async with client() as one:
        forged = "0199f5a0-0000-7000-8000-000000000000"
        answers = [await one.get("/seen", headers={"X-Request-Id": forged}) for _ in range(2)]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len({*ids, forged}) == 3
    assert UUID(ids[0]).version == 7
    assert answers[0].json()["request_id"] == ids[0]
    for request_id, line in zip(ids, caplog.text.splitlines(), strict=True):
        assert f'"request_id":"{request_id}"' in line
    assert current.get() is None


@pytest.mark.parametrize(
    ("host", "ip"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", None),
    ],
)
async def test_the_address_has_one_spelling(host: str, ip: str | None) -> None:
    async with client(ip=host) as one:
        assert (await one.get("/seen")).json()["ip"] == ip


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"Tablet/1.0", "Tablet/1.0"),
        (b"a\x07b\x1b[31m\x9bc", "ab[31mc"),
        (b"caf\xe9", "café"),
        (b"x" * 5000, "x" * 200),
        (b"", None),
    ],
)
async def test_what_a_client_calls_itself(sent: bytes, kept: str | None) -> None:
    async with client() as one:
        context = (await one.get("/seen", headers={b"User-Agent": sent})).json()
    assert context["user_agent"] == kept


async def test_a_socket_has_an_id_for_its_life() -> None:
    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    socket = Socket()
    scope = {
        "type": "websocket",
        "path": "/ws",
        "headers": [(b"user-agent", b"Screen")],
        "client": ("::1", 1),
    }
    await site([WebSocketRoute("/ws", socket)])(scope, receive, send)
    assert socket.context is not None
    assert socket.context.request_id.version == 7
    assert (socket.context.ip, socket.context.user_agent) == ("::1", "Screen")
    assert current.get() is None


async def test_a_bug_outside_an_endpoint_is_answered_like_any(caplog: pytest.LogCaptureFixture) -> None:
    async with client() as one:
        answer = await one.get("/fails")
    document = problem(answer, 500, "internal")
    assert document["details"]["reference"] == answer.headers["x-request-id"]
    for name, value in HEADERS:
        assert answer.headers[name.decode()] == value.decode()


async def test_hsts_only_over_tls(app: Starlette) -> None:
    transport = httpx.ASGITransport(app)
    for scheme in ("http", "https"):
        async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://hub") as one:
            answer = await one.get("/tablet", headers={"X-Forwarded-Proto": "https"})
            assert ("strict-transport-security" in answer.headers) == (scheme == "https")


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
async def test_a_method_is_the_one_that_was_sent(api: Api, name: str) -> None:
    assert (await api.client.get("/livez", headers={name: "DELETE"})).status_code == 200
    answer = await api.client.post("/livez?_method=GET", data={"_method": "GET"}, headers={name: "GET"})
    problem(answer, 405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/tablet", "/static/hub.js", "/api/v1/menu", "/livez"])
@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT", "PROPFIND"])
async def test_other_methods_do_nothing(api: Api, path: str, method: str) -> None:
    answer = await api.client.request(method, path, headers={"X-Secret": "canary", "Origin": "https://evil"})
    problem(answer, 405, "method_not_allowed")
    assert "canary" not in answer.text
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/tablet", "/static/hub.js", "/api/openapi.json", "/livez"])
async def test_head_is_get_without_the_body(api: Api, path: str) -> None:
    whole = await api.client.get(path)
    head = await api.client.head(path)
    assert head.status_code == whole.status_code == 200
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert head.headers["content-length"] == whole.headers["content-length"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example"},
        {"Forwarded": "host=evil.example;proto=https"},
        {"X-Original-URL": "/api/v1/orders", "X-Rewrite-URL": "/api/v1/orders"},
        {"host": 'evil.example"><script>'},
    ],
    ids=lambda headers: next(iter(headers)),
)
@pytest.mark.parametrize("path", ["/tablet", "/tablet/", "/nowhere", "/api/openapi.json"])
async def test_a_host_is_never_repeated(api: Api, path: str, headers: dict[str, str]) -> None:
    answer = await api.client.get(path, headers=headers)
    plain = await api.client.get(path)
    assert (answer.status_code, answer.content) == (plain.status_code, plain.content)
    assert "evil" not in str(answer.headers)
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        b"/static/../errors.py",
        b"/static/..%2f..%2ferrors.py",
        b"/static/%2e%2e/%2e%2e/errors.py",
        b"/static/..\\..\\errors.py",
        b"/static/..%5c..%5cerrors.py",
        b"/static/%252e%252e/errors.py",
        b"/static//etc/passwd",
        b"/static/core/../../../errors.py",
        b"/static/.",
        b"/static/core",
        b"/static/hub.js%00.css",
        b"/static/%ff%fe",
        b"/static/..;/errors.py",
    ],
)
async def test_no_path_leads_out_of_static(app: Starlette, path: bytes) -> None:
    """Past the client library, which would tidy the path up."""
    request = httpx.Request("GET", "http://hub/")
    request.url = httpx.URL("http://hub/").copy_with(raw_path=path)
    async with client(app) as one:
        problem(await one.send(request), 404, "not_found")
