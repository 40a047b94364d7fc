"""The bytes of WebSocket (RFC 6455) as this client writes and reads them. Pure: no I/O.

Client frames are masked beforehand, so that sending one is a single write. No extension is offered, so what
a server sends is unmasked and uncompressed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from enum import IntEnum
from typing import Final

from msgspec import Struct

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FIN: Final = 0x80
_MASK: Final = 0x80


class Opcode(IntEnum):
    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class BadFrame(Exception):
    """The server sent what is not WebSocket as it was agreed on."""


_WHOLE: Final = {_FIN | opcode: opcode for opcode in Opcode if opcode is not Opcode.CONTINUATION}


class Message(Struct, frozen=True):
    """One whole message, or a control frame."""

    opcode: Opcode
    payload: bytes


def masked(payload: bytes, key: bytes, opcode: Opcode = Opcode.TEXT) -> bytes:
    """A whole frame from a client; `key` is 4 random bytes."""
    size = len(payload)
    if size < 126:
        head = bytes((_FIN | opcode, _MASK | size))
    elif size < 1 << 16:
        head = bytes((_FIN | opcode, _MASK | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((_FIN | opcode, _MASK | 127)) + size.to_bytes(8, "big")
    # One exclusive-or of two long integers is many times faster than one for each byte.
    pad = (key * (size // 4 + 1))[:size]
    body = int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")
    return head + key + body.to_bytes(size, "big")


class Reader:
    """Cuts the server's bytes into messages. `feed` may be given any pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._opcode = Opcode.CONTINUATION

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that are complete now. Raises BadFrame."""
        buffer = self._buffer
        buffer += data
        start = 0
        try:
            while (frame := _frame(buffer, start)) is not None:
                first, begin, start = frame
                payload = bytes(buffer[begin:start])
                message = self._assemble(first, payload)
                if message is not None:
                    yield message
        finally:
            del buffer[:start]

    def _assemble(self, first: int, payload: bytes) -> Message | None:
        try:
            opcode = Opcode(first & 0x0F)
        except ValueError:
            raise BadFrame(f"unknown opcode {first & 0x0F}") from None
        if first & 0x70:
            raise BadFrame("an extension that was not agreed on")
        if opcode >= Opcode.CLOSE:
            return Message(opcode, payload)
        if (opcode is Opcode.CONTINUATION) != (self._opcode is not Opcode.CONTINUATION):
            raise BadFrame("a message inside another one, or the rest of none")
        if opcode is not Opcode.CONTINUATION:
            self._opcode = opcode
        self._parts.append(payload)
        if not first & _FIN:
            return None
        message = Message(self._opcode, self._parts[0] if len(self._parts) == 1 else b"".join(self._parts))
        self._opcode = Opcode.CONTINUATION
        self._parts.clear()
        return message


def one_frame(buffer: bytes, start: int) -> tuple[Message, int] | None:
    """The frame at `start` and its end, for servers that never send fragments; None when it is not complete.
    Raises BadFrame."""
    if (found := _frame(buffer, start)) is None:
        return None
    first, begin, end = found
    if first not in _WHOLE:
        raise BadFrame(f"a frame that begins with {first:#04x}: a fragment, or an extension")
    return Message(_WHOLE[first], buffer[begin:end]), end


def _frame(buffer: bytes | bytearray, start: int) -> tuple[int, int, int] | None:
    """First byte, begin and end of the payload of the frame at `start`; None when it is not complete."""
    have = len(buffer) - start
    if have < 2:
        return None
    size = buffer[start + 1]
    if size & _MASK:
        raise BadFrame("a masked frame from a server")
    begin = start + 2
    if size >= 126:
        wide = 2 if size == 126 else 8
        if have < 2 + wide:
            return None
        size = int.from_bytes(buffer[begin : begin + wide], "big")
        begin += wide
    return (buffer[start], begin, begin + size) if len(buffer) >= begin + size else None


def close_code(payload: bytes) -> tuple[int, str]:
    """Code and reason of a close frame; 1005 when it names none."""
    if len(payload) < 2:
        return 1005, ""
    return int.from_bytes(payload[:2], "big"), payload[2:].decode(errors="replace")


def upgrade(host: str, port: int, path: str, subprotocol: str, nonce: bytes) -> bytes:
    """The client's half of the opening handshake; `nonce` is 16 random bytes. An empty subprotocol asks for
    none."""
    wanted = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol else ""
    named = f"[{host}]" if ":" in host else host
    return (
        f"GET {path} HTTP/1.1\r\nHost: {named}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {base64.b64encode(nonce).decode()}\r\nSec-WebSocket-Version: 13\r\n"
        f"{wanted}\r\n"
    ).encode()


def check_upgraded(head: bytes, subprotocol: str, nonce: bytes) -> None:
    """Judge the server's half, up to its empty line. Raises BadFrame with what it said instead."""
    status, *lines = head.decode("latin-1").split("\r\n")
    if status.split(" ")[1:2] != ["101"]:
        raise BadFrame(f"no WebSocket there: {status[:100]}")
    fields = {name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    # SHA-1 is what the RFC asks for; it guards nothing
    digest = hashlib.sha1(base64.b64encode(nonce) + _GUID, usedforsecurity=False).digest()
    if fields.get("sec-websocket-accept") != base64.b64encode(digest).decode():
        raise BadFrame("the answer to the WebSocket handshake is not for this key")
    if fields.get("sec-websocket-protocol", "") != subprotocol:
        raise BadFrame(f"the server does not speak {subprotocol}")
