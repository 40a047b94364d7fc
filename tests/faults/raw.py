"""A client that says on a WebSocket what no library would."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hub.realtime.protocol import SUBPROTOCOL

CONT, TEXT, BINARY, CLOSE, PING = 0x0, 0x1, 0x2, 0x8, 0x9
_DEADLINE = 15.0
# Until the hub has closed the connection, with whatever it says meanwhile: positions come for ever.
_END_SECONDS = 60.0


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True, bits: int = 0
) -> bytes:
    """A frame as a client sends it, or as it must not. `bits` are the reserved ones of the first byte."""
    head = bytes((opcode | bits | (0x80 if fin else 0),))
    return head + _length(len(payload), masked=masked) + (_mask(payload) if masked else payload)


def announced(opcode: int, length: int) -> bytes:
    """The head of a frame of that length, and nothing of its payload."""
    return bytes((opcode | 0x80,)) + _length(length, masked=True) + b"\0\0\0\0"


def _length(length: int, *, masked: bool) -> bytes:
    bit = 0x80 if masked else 0
    if length < 126:
        return bytes((bit | length,))
    if length < 1 << 16:
        return bytes((bit | 126,)) + length.to_bytes(2, "big")
    return bytes((bit | 127,)) + length.to_bytes(8, "big")


def _mask(payload: bytes) -> bytes:
    key = os.urandom(4)
    return key + bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))


class Raw:
    """An upgraded connection; nothing is read unless it is asked for."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Until the kernel has it, or the hub is gone."""
        self.writer.write(data)
        async with asyncio.timeout(_DEADLINE):
            await self.writer.drain()

    async def receive(self) -> tuple[int, bytes] | None:
        """The next frame from the hub, opcode and payload; None when the connection is over."""
        try:
            async with asyncio.timeout(_DEADLINE):
                first, second = await self.reader.readexactly(2)
                length = second & 0x7F
                if length >= 126:
                    length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8), "big")
                return first & 0x0F, await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            return None

    async def end(self) -> int | None:
        """Read until the connection is over; the code of the close frame (1005: it had none), None when there
        was no such frame."""
        code = None
        try:
            async with asyncio.timeout(_END_SECONDS):
                while (one := await self.receive()) is not None:
                    if one[0] == CLOSE:
                        code = int.from_bytes(one[1][:2], "big") or 1005
        except TimeoutError:
            raise AssertionError("the hub does not close the connection") from None
        return code

    async def until(self, words: bytes) -> None:
        """Read until a frame holds these, or the connection is over."""
        async with asyncio.timeout(_DEADLINE):
            while (one := await self.receive()) is not None and words not in one[1]:
                pass


@asynccontextmanager
async def raw(address: tuple[str, int], *, receive_buffer: int | None = None) -> AsyncIterator[Raw]:
    """An upgraded connection that has not said hello. A small `receive_buffer` (bytes) makes one that does
    not read felt soon."""
    plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if receive_buffer is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    plain.setblocking(False)
    try:
        async with asyncio.timeout(_DEADLINE):
            await asyncio.get_running_loop().sock_connect(plain, address)
    except BaseException:
        plain.close()
        raise
    reader, writer = await asyncio.open_connection(sock=plain, limit=4096 if receive_buffer else 2**16)
    try:
        writer.write(
            f"GET /ws HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
            f"dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n".encode()
        )
        async with asyncio.timeout(_DEADLINE):
            answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        yield Raw(reader, writer)
    finally:
        writer.transport.abort()
