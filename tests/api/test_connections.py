"""What a connection may cost before it has asked for anything, over real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import msgspec
import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hub.errors import SettingError
from hub.web.protocol import bounded
from tests.realtime.conftest import Live, running
from tests.realtime.peer import peer

if TYPE_CHECKING:
    from hub.settings import Settings
    from tests.factories import Hotel

GET = b"GET /livez HTTP/1.1\r\nHost: hub\r\n"
DEADLINE = 10.0
HEAD_BYTES = 2048
HEAD_SECONDS = 0.5


@pytest.fixture(scope="module")
async def live(settings: Settings) -> AsyncIterator[Live]:
    short = msgspec.structs.replace(
        settings, header_bytes=HEAD_BYTES, header_seconds=HEAD_SECONDS, request_seconds=1.0
    )
    async with running(short, relay=False) as hub:
        yield hub


class Line:
    """One TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, octets: bytes) -> None:
        self._writer.write(octets)

    async def answer(self) -> bytes:
        """The next answer, head and body."""
        async with asyncio.timeout(DEADLINE):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            )
            return head + await self._reader.readexactly(length)

    async def end(self) -> bytes:
        """What comes until the hub closes."""
        async with asyncio.timeout(DEADLINE):
            return await self._reader.read()

    async def drip(self, octets: bytes, every: float) -> float:
        """Send byte by byte until the hub closes; after how many seconds it did."""
        started = time.monotonic()
        closed = asyncio.create_task(self.end())
        for octet in octets:
            self.send(bytes([octet]))
            await asyncio.wait([closed], timeout=every)
            if closed.done():
                break
        with suppress(ConnectionResetError):  # it met a drop on its way
            assert await closed == b""
        return time.monotonic() - started


@asynccontextmanager
async def line(live: Live) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection(live.host, live.port)
    yield Line(reader, writer)
    writer.close()


@pytest.mark.parametrize(
    "octets",
    [b"", b"GET /livez HT", GET, GET + b"X-Half: ", b"\r\n"],
    ids=["nothing", "half a line", "no end", "half a header", "an empty line"],
)
async def test_a_head_that_does_not_come(live: Live, octets: bytes) -> None:
    async with line(live) as one:
        one.send(octets)
        started = time.monotonic()
        assert await one.end() == b""
        assert time.monotonic() - started < 5 * HEAD_SECONDS


@pytest.mark.parametrize("first", [b"", GET + b"\r\n"], ids=["at once", "after an answer"])
@pytest.mark.parametrize("drops", [GET + b"X-Long: " + b"x" * 1000, b"\r\n" * 500], ids=["head", "line ends"])
async def test_dripping_does_not_prolong(live: Live, first: bytes, drops: bytes) -> None:
    async with line(live) as one:
        if first:
            one.send(first)
            await one.answer()
        assert await one.drip(drops, every=HEAD_SECONDS / 20) < 5 * HEAD_SECONDS


@pytest.mark.parametrize(
    "head",
    [
        GET + b"X-Long: " + b"x" * HEAD_BYTES,
        GET + b"X-Long: " + b"x" * 10 * HEAD_BYTES + b"\r\n\r\n",
        GET + b"X-Many: 1\r\n" * 300,
        b"GET /" + b"x" * HEAD_BYTES,
    ],
    ids=["one header", "ten times", "many headers", "address"],
)
async def test_a_head_that_is_too_long(live: Live, head: bytes) -> None:
    async with line(live) as one:
        one.send(head)
        answer = await one.end()
        assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
        assert b"application/problem+json" in answer
        assert b'"code":"headers_too_long"' in answer
        assert answer.count(b"HTTP/1.1") == 1


async def test_a_head_as_long_as_allowed_in_any_pieces(live: Live) -> None:
    head = GET + b"X-Long: "
    head += b"x" * (HEAD_BYTES - len(head) - 4) + b"\r\n\r\n"
    async with line(live) as one:
        for pieces in (1, 7):
            size = -(-len(head) // pieces)
            for start in range(0, len(head), size):
                one.send(head[start : start + size])
                await asyncio.sleep(0)
            assert (await one.answer()).startswith(b"HTTP/1.1 200 ")


async def test_trailers_without_an_end(live: Live) -> None:
    """After the last chunk there may be headers again, which the parser would collect for ever."""
    async with line(live) as one:
        one.send(
            b"POST /api/v1/devices/claim HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Trailer: "
        )
        one.send(b"x" * 2 * HEAD_BYTES)
        started = time.monotonic()
        await one.end()
        assert time.monotonic() - started < 0.9, "not only when its time was over"


async def test_a_body_that_does_not_come(live: Live) -> None:
    async with line(live) as one:
        one.send(
            b"POST /api/v1/devices/claim HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        started = time.monotonic()
        await one.end()
        assert time.monotonic() - started > HEAD_SECONDS, "a body has longer than a head"


async def test_requests_in_one_packet(live: Live) -> None:
    async with line(live) as one:
        one.send((GET + b"\r\n") * 100 + GET)
        for _ in range(100):
            assert (await one.answer()).startswith(b"HTTP/1.1 200 ")
        one.send(b"\r\n")
        assert (await one.answer()).startswith(b"HTTP/1.1 200 ")


async def test_a_socket_lives_longer_than_a_head_may_take(live: Live, hotel: Hotel) -> None:
    async with peer(live) as screen:
        await screen.hello(hotel.kitchen())
        for _ in range(8):  # one every 0.2 s
            await screen.until("position")
        await screen.ask("order.seen", {"order_ids": []})


async def test_an_upgrade_to_something_else_is_a_plain_request(live: Live) -> None:
    async with line(live) as one:
        one.send(GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert (await one.answer()).startswith(b"HTTP/1.1 200 ")


async def test_another_uvicorn_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(HttpToolsProtocol, "on_message_complete")
    with pytest.raises(SettingError, match="uvicorn"):
        bounded(settings)
