"""One device of a crowd: a socket that joins, listens and costs next to nothing.

Frames of the hub are told apart by their first bytes, because a session's frame begins with its type; what
an event says is parsed once for all sessions that get the same bytes.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import struct
import time
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, Final, cast

import msgspec
from msgspec import Struct

from hub.drive import messages
from hub.drive.frames import masked, upgrade

if TYPE_CHECKING:
    from bench.crowd.worker import Crowd

_NONCE: Final = os.urandom(16)
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_DIGEST: Final = hashlib.sha1(base64.b64encode(_NONCE) + _GUID, usedforsecurity=False).digest()
_ACCEPT: Final = base64.b64encode(_DIGEST)
_NO_KEY: Final = bytes(4)
_EVENT: Final = b'{"type":"event"'
_POSITION: Final = b'{"type":"position"'
_WELCOME: Final = b'{"type":"welcome"'
_BYE: Final = b'{"type":"bye"'
_TEXT, _CLOSE, _PING = 0x81, 0x88, 0x89
# A reset instead of a goodbye: no port waits, and the hub sees what it sees of a device that is switched off.
_LINGER: Final = struct.pack("ii", 1, 0)


class Position(Struct, frozen=True):
    epoch: str
    seq: int


class Interval(Struct, frozen=True):
    """What a welcome says of the heartbeat, and of coming back."""

    ping_ms: int
    retry_ms: int


positions: Final = msgspec.json.Decoder(Position)
intervals: Final = msgspec.json.Decoder(Interval)


class Refused(Exception):
    """503; come back after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__("503")
        self.seconds = seconds


class Guest(asyncio.Protocol):
    """`joined` is set when it is live, or gets why it is not; `gone` when the connection has ended. The crowd
    looks at `live` and `heard` (the last position)."""

    __slots__ = (
        "_buffer",
        "_crowd",
        "_head",
        "_position",
        "_token",
        "_transport",
        "ended",
        "event",
        "gone",
        "heard",
        "joined",
        "live",
        "patience",
        "round",
    )

    def __init__(self, crowd: Crowd, token: str) -> None:
        self._crowd = crowd
        self._token = token
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._head = True
        self._position = b""
        self.joined: asyncio.Future[None] | None = None
        self.live = False
        self.heard = 0.0
        self.patience = 60.0
        self.round = -1
        self.event = b""
        self.ended = ""
        self.gone: asyncio.Future[None] | None = None

    def begin(self) -> asyncio.Future[None]:
        """Before each attempt to connect."""
        self._head, self._buffer, self.ended = True, b"", ""
        self.joined = asyncio.get_running_loop().create_future()
        return self.joined

    def forget(self) -> None:
        """Where it was: the next join starts from a snapshot."""
        self._position = b""

    def cut(self) -> None:
        """As when the network breaks."""
        if self._transport is not None:
            self._transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, _LINGER)
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        where = self._crowd.address
        self._transport.write(upgrade(where.host, where.port, where.path, messages.SUBPROTOCOL, _NONCE))

    def data_received(self, data: bytes) -> None:
        crowd = self._crowd
        crowd.bytes += len(data)
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        if self._head:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._buffer = data
                return
            self._answered(data[:end])
            data = data[end + 4 :]
        start, size = 0, len(data)
        while size - start >= 2:
            length = data[start + 1]
            begin = start + 2
            if length == 126:
                begin += 2
                length = int.from_bytes(data[start + 2 : begin], "big") if size >= begin else size
            elif length == 127:
                begin += 8
                length = int.from_bytes(data[start + 2 : begin], "big") if size >= begin else size
            if begin + length > size:
                break
            self._frame(data[start], data[begin : begin + length])
            start = begin + length
        if start < size:
            self._buffer = data[start:]

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self.joined is not None and not self.joined.done():
            self.joined.set_exception(ConnectionResetError(self.ended or "reset"))
        if self.gone is not None and not self.gone.done():
            self.gone.set_result(None)
        if self.live:
            self.live = False
            self._crowd.lost(self, self.ended or "reset")

    # what comes

    def _answered(self, head: bytes) -> None:
        self._head = False
        assert self._transport is not None
        if head.startswith(b"HTTP/1.1 101") and _ACCEPT in head:
            hello = {"type": "hello", "token": self._token, "client": "hub bench"}
            if self._position:
                hello["since"] = msgspec.to_builtins(positions.decode(self._position))
            self._transport.write(masked(msgspec.json.encode(hello), _NO_KEY))
            return
        error: Exception = ConnectionError(head.partition(b"\r\n")[0].decode("latin-1")[:80])
        if head.startswith(b"HTTP/1.1 503"):
            lines = head.decode("latin-1").lower().split("\r\n")
            told = next((line.partition(":")[2] for line in lines if line.startswith("retry-after:")), "1")
            error = Refused(float(told))
        if self.joined is not None and not self.joined.done():
            self.joined.set_exception(error)
        self._transport.abort()

    def _frame(self, first: int, payload: bytes) -> None:
        crowd = self._crowd
        crowd.frames += 1
        if first == _TEXT:
            if payload.startswith(_EVENT):
                crowd.event(self, payload)
            elif payload.startswith(_POSITION):
                self.heard = time.monotonic()
                self._position = payload
                if self.joined is not None and not self.joined.done():
                    self.live = True
                    self.joined.set_result(None)
            elif payload.startswith(_WELCOME):
                told = intervals.decode(payload)
                self.patience = 2 * told.ping_ms / 1000
            elif payload.startswith(_BYE):
                self.ended = "bye"
        elif first == _PING:
            self._write(bytes((0x8A, 0x80 | len(payload))) + _NO_KEY + payload)
        elif first == _CLOSE:
            code = int.from_bytes(payload[:2], "big") if len(payload) > 1 else 1005
            self.ended = f"{code} {payload[2:].decode(errors='replace')}".strip()
            self._write(bytes((0x88, 0x82)) + _NO_KEY + payload[:2])
            if self._transport is not None:
                self._transport.close()

    def _write(self, frame: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame)
