"""The bytes of WebSocket: the bench's frames against the library that the hub's server is made of."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame
from websockets.frames import Opcode as LibraryOpcode
from websockets.protocol import OPEN, SERVER, Protocol

from hub.drive.frames import BadFrame, Message, Opcode, Reader, check_upgraded, close_code, masked, upgrade

SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 70_001]


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def read(data: bytes, size: int = 1 << 20) -> list[Message]:
    reader = Reader()
    return [message for piece in pieces(data, size) for message in reader.feed(piece)]


@pytest.mark.parametrize("size", SIZES)
def test_a_server_reads_what_was_masked(size: int) -> None:
    payload = os.urandom(size)
    server = Protocol(SERVER, state=OPEN)
    server.receive_data(masked(payload, os.urandom(4), Opcode.BINARY))
    (frame,) = server.events_received()
    assert isinstance(frame, Frame)
    assert (frame.opcode, frame.data, frame.fin) == (LibraryOpcode.BINARY, payload, True)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece", [1, 1000, 1 << 20])
def test_whatever_the_pieces_the_messages_are_whole(size: int, piece: int) -> None:
    if size // piece > 5000:
        piece = 7
    payload = os.urandom(size)
    frame = Frame(LibraryOpcode.BINARY, payload).serialize(mask=False)
    wanted = Message(Opcode.BINARY, payload)
    assert read(frame + frame, piece) == [wanted, wanted]


def test_fragments_become_one_message_around_a_ping() -> None:
    parts = [
        Frame(LibraryOpcode.TEXT, b"so", fin=False),
        Frame(LibraryOpcode.PING, b"?"),
        Frame(LibraryOpcode.CONT, b"u", fin=False),
        Frame(LibraryOpcode.CONT, b"p"),
    ]
    data = b"".join(part.serialize(mask=False) for part in parts)
    assert read(data, 1) == [Message(Opcode.PING, b"?"), Message(Opcode.TEXT, b"soup")]


@pytest.mark.parametrize(
    "data",
    [b"\x83\x00", b"\xc1\x00", b"\x81\x80\0\0\0\0", b"\x80\x00", b"\x01\x00\x81\x00"],
    ids=["opcode", "extension", "masked", "rest of nothing", "one inside another"],
)
def test_what_is_not_websocket(data: bytes) -> None:
    with pytest.raises(BadFrame):
        read(data)


@given(st.binary(max_size=300))
def test_any_bytes_are_messages_or_a_bad_frame(data: bytes) -> None:
    try:
        read(data, 3)
    except BadFrame:
        return


def test_close_codes() -> None:
    assert close_code(b"") == (1005, "")
    assert close_code((4001).to_bytes(2, "big") + b"restart") == (4001, "restart")


NONCE = bytes(range(16))
ACCEPTED = "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {}\r\nsec-websocket-protocol: hub"


def test_the_handshake_of_the_standard() -> None:
    """The example of RFC 6455, section 1.3."""
    nonce = b"the sample nonce"
    assert b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" in upgrade("hub", 80, "/ws", "hub", nonce)
    assert b"\r\nHost: hub:80\r\n" in upgrade("hub", 80, "/ws", "hub", nonce)
    assert b"\r\nHost: [::1]:80\r\n" in upgrade("::1", 80, "/ws", "hub", nonce)
    check_upgraded(ACCEPTED.format("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=").encode(), "hub", nonce)


@pytest.mark.parametrize(
    ("head", "nonce", "protocol"),
    [
        ("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3", b"the sample nonce", "hub"),
        (ACCEPTED.format("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), NONCE, "hub"),
        (ACCEPTED.format("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), b"the sample nonce", "other"),
        ("", NONCE, "hub"),
    ],
    ids=["refused", "another key", "another protocol", "nothing"],
)
def test_a_handshake_that_failed(head: str, nonce: bytes, protocol: str) -> None:
    with pytest.raises(BadFrame):
        check_upgraded(head.encode(), protocol, nonce)
