"""A client that says anything, well-formed or not, and reads only when it is told to."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

import pytest
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from hub.realtime.protocol import SUBPROTOCOL
from tests.realtime.screens import DEADLINE, Document, token_of

if TYPE_CHECKING:
    from hub.security.principal import Principal


class End(Struct, frozen=True):
    """How a socket ended: its last `bye`, if there was one, and the close frame."""

    bye: Document | None
    code: int
    reason: str


class Peer:
    """One socket. `frames` is everything it has read."""

    def __init__(self, connection: ClientConnection) -> None:
        self.socket = connection
        self.frames: list[Document] = []
        self._ids = itertools.count(1)

    async def send(self, frame: Document | str | bytes) -> None:
        """A frame as JSON, or this very text or these very bytes."""
        await self.socket.send(json.dumps(frame) if isinstance(frame, dict) else frame)

    async def send_octets(self, octets: bytes) -> None:
        """Past the library, which would refuse it: these octets in a text frame."""
        self.socket.protocol.send_text(octets)
        self.socket.send_data()

    async def receive(self) -> Document:
        """The next frame."""
        async with asyncio.timeout(DEADLINE):
            frame: Document = json.loads(await self.socket.recv())
        self.frames.append(frame)
        return frame

    async def until(self, kind: str, **wanted: object) -> Document:
        """The next frame of this type with these fields."""
        while True:
            frame = await self.receive()
            if frame["type"] == kind and all(frame[name] == value for name, value in wanted.items()):
                return frame

    async def hello(self, principal: Principal, **more: object) -> Document:
        """Say hello and wait until everything has been sent; the welcome."""
        await self.send({"type": "hello", "token": token_of(principal), **more})
        welcome = await self.receive()
        assert welcome["type"] == "welcome", welcome
        await self.until("position")
        return welcome

    async def ask(
        self, name: str, args: object = None, *, op_id: str | None = "", raw: str | None = None
    ) -> Document:
        """Send a command and wait for its reply. `op_id` "" makes one, None leaves it out; `raw` is the JSON
        text of the arguments."""
        number = next(self._ids)
        frame: Document = {"type": "command", "id": number, "name": name}
        if op_id is not None:
            frame["op_id"] = op_id or str(uuid4())
        text = raw if raw is not None else json.dumps({} if args is None else args)
        await self.send(f'{json.dumps(frame)[:-1]}, "args": {text}}}')
        return await self.until("reply", id=number)

    async def _read_on(self) -> None:
        async with asyncio.timeout(DEADLINE):
            while True:
                await self.receive()

    async def end(self) -> End:
        """Read until the hub has closed the socket."""
        with pytest.raises(ConnectionClosed) as caught:
            await self._read_on()
        received = caught.value.rcvd
        last = self.frames[-1] if self.frames else None
        bye = last if last is not None and last["type"] == "bye" else None
        assert received is not None or bye is None, "a goodbye without a close frame"
        return End(bye, received.code if received else 1006, received.reason if received else "")


class Where(Protocol):
    """A hub's address."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...


@asynccontextmanager
async def peer(live: Where, *, receive_buffer: int | None = None) -> AsyncIterator[Peer]:
    """An open socket that has not said anything. A small `receive_buffer` (bytes) makes a peer that does not
    read felt soon."""
    raw = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if receive_buffer is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, (live.host, live.port))
    async with connect(
        f"ws://{live.host}:{live.port}/ws",
        sock=raw,
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        compression=None,
        close_timeout=0.5,
        ping_interval=None,
        max_queue=4 if receive_buffer is not None else None,
    ) as connection:
        yield Peer(connection)
