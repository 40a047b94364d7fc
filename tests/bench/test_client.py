"""The bench's WebSocket client against the hub's real server, and against one that does what the hub never
does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from hub.drive.client import Address, Socket
from hub.drive.frames import BadFrame, Opcode
from hub.drive.messages import SUBPROTOCOL
from tests.api.conftest import TOKENS
from tests.factories import Hotel

SECONDS = 20.0


class Heard:
    """What a socket has told."""

    def __init__(self) -> None:
        self.texts: asyncio.Queue[bytes] = asyncio.Queue()
        self.closed: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    async def connect(self, address: Address) -> Socket:
        async with asyncio.timeout(SECONDS):
            return await Socket.connect(
                address,
                lambda text, _: self.texts.put_nowait(text),
                lambda code, reason: self.closed.set_result((code, reason)),
            )

    async def text(self) -> bytes:
        async with asyncio.timeout(SECONDS):
            return await self.texts.get()

    async def end(self) -> tuple[int, str]:
        async with asyncio.timeout(SECONDS):
            return await self.closed


async def test_a_session_with_the_hub(address: Address, hotel: Hotel) -> None:
    heard = Heard()
    socket = await heard.connect(address)
    principal = hotel.tablet()
    token, _ = TOKENS.issue(principal)
    socket.send(msgspec.json.encode({"type": "hello", "token": token}))
    kinds = [msgspec.json.decode(await heard.text())["type"] for _ in range(3)]
    assert kinds == ["welcome", "snapshot", "position"]
    socket.close()
    assert await heard.end() == (1000, "closed by this client")
    assert not socket.send(b"{}")


async def test_the_hub_closes(address: Address) -> None:
    heard = Heard()
    socket = await heard.connect(address)
    socket.send(b'{"type":"hello","token":"nonsense"}')
    assert msgspec.json.decode(await heard.text())["type"] == "bye"
    assert await heard.end() == (4500, "bad token")


async def test_no_websocket_there(address: Address) -> None:
    wrong = Address(address.host, address.port, path="/livez")
    with pytest.raises(BadFrame, match="no WebSocket there"):
        await Heard().connect(wrong)


async def other_server(handle: Callable[[ServerConnection], Awaitable[None]]) -> Heard:
    """Connect to a server that does `handle`, wait for the end."""
    heard = Heard()
    async with serve(
        handle, "127.0.0.1", 0, subprotocols=[Subprotocol(SUBPROTOCOL)], compression=None
    ) as server:
        socket = await heard.connect(Address(*server.sockets[0].getsockname()[:2]))
        socket.send(b"x" * 70_000, Opcode.BINARY)
        await heard.end()
    return heard


async def test_pings_fragments_and_long_messages() -> None:
    received: list[str | bytes] = []

    async def handle(connection: ServerConnection) -> None:
        received.append(await connection.recv())
        async with asyncio.timeout(SECONDS):
            await (await connection.ping(b"?"))
        await connection.send(["so", "up"])
        await connection.send("y" * 100_000)
        await connection.close(4001, "the hub is restarting")

    heard = await other_server(handle)
    assert received == [b"x" * 70_000]
    assert [await heard.text(), await heard.text()] == [b"soup", b"y" * 100_000]
    assert heard.closed.result() == (4001, "the hub is restarting")


async def test_a_server_that_breaks_off() -> None:
    async def handle(connection: ServerConnection) -> None:
        connection.transport.abort()

    heard = await other_server(handle)
    assert heard.closed.result() == (1006, "the connection broke")
