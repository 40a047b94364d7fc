"""What connections leave behind: no object that only the garbage collector would find, for the hub collects
rarely, and what has lived long almost never."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from websockets.server import ServerProtocol

from hub.realtime.conversation import Conversation
from hub.realtime.handshake import Handshake
from hub.realtime.protocol import CloseCode
from hub.realtime.session import Session
from hub.realtime.socket import Socket
from hub.web.protocol import BoundedProtocol
from tests.faults.raw import CLOSE, TEXT, frame, raw
from tests.realtime.conftest import Live, running
from tests.realtime.screens import DEADLINE
from tests.realtime.test_socket_ends import joined, pair, secret

if TYPE_CHECKING:
    from hub.settings import Settings
    from tests.factories import Hotel

Visit: TypeAlias = "Callable[[Live, Hotel], Awaitable[None]]"
__all__ = ["pair"]  # a fixture
KINDS = (Session, Conversation, Socket, ServerProtocol, Handshake, BoundedProtocol, RequestResponseCycle)


def kept() -> list[object]:
    return [one for one in gc.get_objects() if issubclass(type(one), KINDS)]


async def nothing_new(before: list[object]) -> None:
    """Wait until all that has been made since then is gone."""
    known = {id(one) for one in before}
    deadline = time.monotonic() + DEADLINE
    while names := sorted(type(one).__name__ for one in kept() if id(one) not in known):
        assert time.monotonic() < deadline, names
        await asyncio.sleep(0.05)


async def silent(live: Live, hotel: Hotel) -> None:
    """A socket that says nothing."""
    async with raw((live.host, live.port)):
        pass


async def refused(live: Live, hotel: Hotel) -> None:
    """A socket whose hello is none."""
    async with raw((live.host, live.port)) as one:
        await one.send(frame(TEXT, b"not a frame"))
        await one.end()


async def left(live: Live, hotel: Hotel) -> None:
    """A session with a command; the screen leaves."""
    async with raw((live.host, live.port)) as one:
        await joined(live, one, hotel)
        command = {"type": "command", "id": 1, "name": "order.none", "args": {}}
        await one.send(frame(TEXT, json.dumps(command).encode()))
        await one.receive()
        await one.send(frame(CLOSE, b"\x03\xe8"))
        await one.end()


async def ended(live: Live, hotel: Hotel) -> None:
    """A session that the hub ends."""
    async with raw((live.host, live.port)) as one:
        (await joined(live, one, hotel)).close(CloseCode.DRAIN)
        await one.send(frame(CLOSE, b"\x03\xe8"))
        await one.end()


async def asked(live: Live, hotel: Hotel) -> None:
    """Two requests over HTTP."""
    reader, writer = await asyncio.open_connection(live.host, live.port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: hub\r\n\r\n" * 2)
    await reader.readuntil(b"\r\n\r\n")
    writer.write_eof()
    await reader.read()
    writer.close()


async def turned_away(live: Live, hotel: Hotel) -> None:
    """A socket of another subprotocol."""
    reader, writer = await asyncio.open_connection(live.host, live.port)
    writer.write(
        b"GET /ws HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert b" 403 " in await reader.read()
    writer.close()


@pytest.fixture(scope="module")
async def quick(settings: Settings, live: Live) -> AsyncIterator[Live]:
    """A hub whose timers let go soon of what has ended."""
    # nobody answers a ping here, and each visit must be over before the hub misses that
    own = msgspec.structs.replace(settings, ping_seconds=0.1, pong_seconds=3.0)
    async with running(own, relay=False) as hub:
        yield hub


@pytest.mark.parametrize("visit", [silent, refused, left, ended, asked, turned_away])
async def test_nothing_is_left_for_the_collector(quick: Live, hotel: Hotel, visit: Visit) -> None:
    await visit(quick, hotel)
    gc.collect()
    gc.disable()
    try:
        before = kept()
        await visit(quick, hotel)
        await nothing_new(before)
    finally:
        gc.enable()


async def test_nothing_is_left_of_a_session_over_tls(
    settings: Settings, live: Live, hotel: Hotel, pair: tuple[str, str]
) -> None:
    own = msgspec.structs.replace(
        settings, ping_seconds=0.1, pong_seconds=0.1, tls_certificate=pair[0], tls_key=pair[1]
    )
    async with running(own, relay=False) as secure:
        gc.collect()
        gc.disable()
        try:
            before = kept()
            async with secret(secure, pair) as one:
                await joined(secure, one, hotel)
                await one.send(frame(CLOSE, b"\x03\xe8"))
                await one.end()
            await nothing_new(before)
        finally:
            gc.enable()
