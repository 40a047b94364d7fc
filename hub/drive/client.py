"""A WebSocket client that costs little: one asyncio.Protocol, frames built beforehand, no queue, no task.

The time of arrival is taken before anything is parsed. Control frames are answered as RFC 6455 wants.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import Callable
from typing import cast

from msgspec import Struct

from hub.drive import messages
from hub.drive.frames import BadFrame, Message, Opcode, Reader, check_upgraded, close_code, masked, upgrade


class Address(Struct, frozen=True):
    """Where the hub is; `path` is that of its socket."""

    host: str
    port: int
    secure: bool = False
    path: str = messages.PATH


class Socket(asyncio.Protocol):
    """One connection. `on_text` gets each message with its time of arrival (`time.monotonic`), `on_close`
    the code and reason, once; 1006 stands for an end without a close frame."""

    def __init__(
        self,
        address: Address,
        on_text: Callable[[bytes, float], None],
        on_close: Callable[[int, str], None],
    ) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._address = address
        self._on_text = on_text
        self._on_close = on_close
        self._reader = Reader()
        self._nonce = os.urandom(16)
        self._head: bytearray | None = bytearray()
        self._transport: asyncio.Transport | None = None
        self._ended: tuple[int, str] = (1006, "the connection broke")

    @classmethod
    async def connect(
        cls,
        address: Address,
        on_text: Callable[[bytes, float], None],
        on_close: Callable[[int, str], None],
    ) -> Socket:
        """An open socket. Raises OSError or BadFrame."""
        loop = asyncio.get_running_loop()
        context = ssl.create_default_context() if address.secure else None
        _, socket = await loop.create_connection(
            lambda: cls(address, on_text, on_close), address.host, address.port, ssl=context
        )
        await socket.opened
        return socket

    def write(self, frame: bytes) -> bool:
        """Send a frame that is already masked; False when the socket is closing or closed."""
        if self._transport is None or self._transport.is_closing():
            return False
        self._transport.write(frame)
        return True

    def send(self, payload: bytes, opcode: Opcode = Opcode.TEXT) -> bool:
        """Mask and send; False when the socket is closing or closed."""
        return self.write(masked(payload, os.urandom(4), opcode))

    def close(self) -> None:
        """Say goodbye and hang up; a load generator need not wait for the answer."""
        self.send((1000).to_bytes(2, "big"), Opcode.CLOSE)
        self._end(1000, "closed by this client")

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        where = self._address
        head = upgrade(where.host, where.port, where.path, messages.SUBPROTOCOL, self._nonce)
        self._transport.write(head)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        try:
            if self._head is not None:
                self._head += data
                head, found, data = bytes(self._head).partition(b"\r\n\r\n")
                if not found:
                    return
                check_upgraded(head, messages.SUBPROTOCOL, self._nonce)
                self._head = None
                self.opened.set_result(None)
            for message in self._reader.feed(data):
                self._receive(message, now)
        except BadFrame as error:
            if not self.opened.done():
                self.opened.set_exception(error)
            self._end(1002, str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionResetError("the hub hung up during the handshake"))
        self._transport = None
        self._on_close(*self._ended)

    def _receive(self, message: Message, now: float) -> None:
        match message.opcode:
            case Opcode.TEXT | Opcode.BINARY:
                self._on_text(message.payload, now)
            case Opcode.PING:
                self.send(message.payload, Opcode.PONG)
            case Opcode.CLOSE:
                self.send(message.payload[:2], Opcode.CLOSE)
                self._end(*close_code(message.payload))
            case Opcode.PONG | Opcode.CONTINUATION:
                pass

    def _end(self, code: int, reason: str) -> None:
        self._ended = (code, reason)
        if self._transport is not None:
            self._transport.close()
