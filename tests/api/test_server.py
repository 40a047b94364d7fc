"""The whole hub behind its real HTTP server, over loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import pytest

from hub.serve import serving
from hub.web.listener import bind
from tests.api.conftest import TOKENS, Api, bearer, problem
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.settings import Settings


@pytest.fixture(scope="module")
async def address(settings: Settings) -> AsyncIterator[tuple[str, int]]:
    listener = bind(settings)
    host, port = listener.getsockname()[:2]
    async with serving(settings, listener):
        yield host, port


@pytest.fixture
async def wire(address: tuple[str, int]) -> AsyncIterator[Api]:
    host, port = address
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}", trust_env=False) as client:
        yield Api(client)


async def test_a_hub_with_all_its_parts_is_ready(wire: Api) -> None:
    async with asyncio.timeout(10):
        while (answer := await wire.get("/readyz")).json()["status"] != "ready":
            continue
    checks = dict.fromkeys(("database", "heads", "broker", "disk"), True)
    assert answer.json() == {"status": "ready", "checks": checks}
    assert (await wire.get("/livez")).text == "ok\n"
    assert "server" not in answer.headers


async def test_an_order_over_the_wire(wire: Api, hotel: Hotel) -> None:
    order = await wire.place(hotel)
    answer = await wire.post(f"/api/v1/orders/{order['id']}/advance", {"to": "cooking"}, hotel.kitchen())
    assert answer.json()["order"]["status"] == "cooking"


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
async def test_ten_megabytes_over_the_wire(address: tuple[str, int], hotel: Hotel, chunked: bool) -> None:
    """The answer comes after the first bytes, while most of the body is still with the client."""
    reader, writer = await asyncio.open_connection(*address)
    token = bearer(hotel.tablet(), TOKENS)["Authorization"]
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {10 * 2**20}"
    writer.write(
        f"POST /api/v1/orders HTTP/1.1\r\nHost: hub\r\nAuthorization: {token}\r\n{length}\r\n"
        f"Content-Type: application/json\r\nIdempotency-Key: {uuid4()}\r\n\r\n".encode()
    )
    some = b" " * 70_000
    writer.write(b"%x\r\n%b\r\n" % (len(some), some) if chunked else some)
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in head
    writer.close()


@pytest.mark.parametrize(
    "request_bytes",
    [b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET /\x00 HTTP/1.1\r\n\r\n"],
    ids=["nonsense", "another version", "TLS", "NUL"],
)
async def test_what_is_not_http(address: tuple[str, int], request_bytes: bytes) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request_bytes)
    async with asyncio.timeout(10):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Traceback" not in answer
    writer.close()


async def test_a_socket_address_is_no_http_address(wire: Api) -> None:
    problem(await wire.get("/ws"), 404, "not_found")
