"""How sockets end: nothing is written after the goodbye, and nobody is waited for too long."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.realtime.protocol import SUBPROTOCOL, CloseCode, Frame, PositionFrame
from hub.realtime.wire import GOODBYE_SECONDS
from tests.api.test_tls import certificate
from tests.faults.raw import CLOSE, PING, TEXT, Raw, frame, raw
from tests.realtime.conftest import Live, running
from tests.realtime.screens import token_of

if TYPE_CHECKING:
    from hub.realtime.session import Session
    from hub.settings import Settings
    from tests.factories import Hotel

# The goodbye's time, and a busy machine.
CUT_OFF = GOODBYE_SECONDS + 3.0


def hello_of(hotel: Hotel) -> bytes:
    return frame(TEXT, json.dumps({"type": "hello", "token": token_of(hotel.tablet())}).encode())


async def joined(live: Live, one: Raw, hotel: Hotel) -> Session:
    """Say hello; the session, live."""
    before = set(live.hub.node.sessions)
    await one.send(hello_of(hotel))
    said = b""
    while b'"type":"position"' not in said:
        found = await one.receive()
        assert found is not None, "the hub hung up"
        said = found[1]
    [session] = live.hub.node.sessions - before
    return session


async def ended(live: Live, session: Session, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while session in live.hub.node.sessions:  # noqa: ASYNC110 - nobody signals that one is gone
            await asyncio.sleep(0.01)


def large(session: Session) -> Frame:
    """More than the kernel's buffers take."""
    assert session.feed.epoch is not None
    return Frame(PositionFrame(session.feed.epoch, 0, "x" * 8_000_000))


# what is written after the goodbye


async def test_after_the_close_frame_nothing_is_written(live: Live, hotel: Hotel) -> None:
    async with raw((live.host, live.port)) as one:
        session = await joined(live, one, hotel)
        session.close(CloseCode.DRAIN)
        while (got := await one.receive()) is not None and got[0] != CLOSE:
            pass
        assert got is not None
        await one.send(frame(PING, b"still there?") + frame(CLOSE, b"\x03\xe8"))
        assert await one.receive() is None


# whom nobody waits for


async def test_a_peer_that_ends_its_side_and_takes_nothing_is_cut_off(live: Live, hotel: Hotel) -> None:
    async with raw((live.host, live.port), receive_buffer=4096) as one:
        session = await joined(live, one, hotel)
        session.write(large(session))
        one.writer.write_eof()
        await ended(live, session, CUT_OFF)


async def test_a_peer_that_says_goodbye_and_takes_nothing_is_cut_off(live: Live, hotel: Hotel) -> None:
    async with raw((live.host, live.port), receive_buffer=4096) as one:
        session = await joined(live, one, hotel)
        session.write(large(session))
        await one.send(frame(CLOSE, b"\x03\xe8"))
        await ended(live, session, CUT_OFF)


async def test_a_peer_that_says_nothing_at_all_is_asked_and_given_up(settings: Settings, live: Live) -> None:
    quick = msgspec.structs.replace(settings, ping_seconds=0.1, pong_seconds=0.2)
    async with running(quick, relay=False) as other, raw((other.host, other.port)) as one:
        assert await one.end() == CloseCode.NO_PONG
        assert other.hub.node.tally.closes[CloseCode.NO_PONG] == 1


async def test_a_socket_that_is_open_when_the_server_ends_is_told(settings: Settings, live: Live) -> None:
    async with running(settings, relay=False) as other:
        where = (other.host, other.port)
        opened = raw(where)
        one = await opened.__aenter__()
    assert await one.end() == 1012
    await opened.__aexit__(None, None, None)


# over TLS


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    path: Path = tmp_path_factory.mktemp("tls")
    return certificate(path)


@pytest.fixture(scope="module")
async def secure(settings: Settings, live: Live, pair: tuple[str, str]) -> AsyncIterator[Live]:
    own = msgspec.structs.replace(settings, tls_certificate=pair[0], tls_key=pair[1])
    async with running(own, relay=False) as hub:
        yield hub


@asynccontextmanager
async def secret(live: Live, pair: tuple[str, str]) -> AsyncIterator[Raw]:
    """As `raw`, over TLS."""
    trust = ssl.create_default_context(cafile=pair[0])
    reader, writer = await asyncio.open_connection(live.host, live.port, ssl=trust)
    try:
        writer.write(
            f"GET /ws HTTP/1.1\r\nHost: {live.host}:{live.port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
            f"dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n".encode()
        )
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        yield Raw(reader, writer)
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("full", [False, True], ids=["idle", "full"])
async def test_over_tls_a_peer_that_takes_no_goodbye_is_cut_off(
    secure: Live, pair: tuple[str, str], hotel: Hotel, full: bool
) -> None:
    async with secret(secure, pair) as one:
        session = await joined(secure, one, hotel)
        one.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it reads, too
        if full:
            session.write(large(session))
        session.close(CloseCode.DRAIN)
        await ended(secure, session, CUT_OFF)


async def test_over_tls_a_peer_that_says_goodbye_and_no_more_is_cut_off(
    secure: Live, pair: tuple[str, str], hotel: Hotel
) -> None:
    async with secret(secure, pair) as one:
        session = await joined(secure, one, hotel)
        one.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it reads, too
        await one.send(frame(CLOSE, b"\x03\xe8"))
        await ended(secure, session, CUT_OFF)
