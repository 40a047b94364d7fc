"""What each kind of server wants to hear from a client, and how it dresses up an event. Pure: no I/O."""

from __future__ import annotations

from typing import Final, Protocol

from msgspec import Struct

from hub.drive import messages

# Together some 200 bytes, as much as a small order.
_NOTE: Final = (
    "two coffees, one with milk; a fruit plate without melon; please knock softly, a small child is asleep"
)
KIND: Final = "bench"
# `at` of events that have not been written to a log
_AT: Final = "2026-01-01T00:00:00.000Z"


class Answer(Struct, frozen=True):
    """To a frame that is no event: what to send, and whether the client is now inside."""

    send: bytes | None = None
    joined: bool = False


NOTHING: Final = Answer()
INSIDE: Final = Answer(joined=True)


class Speech(Protocol):
    """How to speak with a server. `subprotocol` is empty where none is asked for."""

    subprotocol: str

    def path(self, group: int) -> str:
        """Of the socket of a member of that group."""

    def opened(self, number: int) -> Answer:
        """Member `number` (of all groups) stands behind the WebSocket handshake."""

    def other(self, payload: bytes) -> Answer | None:
        """A text that is not an event; None for one that has no business here."""

    def dressed(self, event: bytes) -> bytes:
        """The text of the frame in which clients get an event."""


class Plain:
    """A path for each group, events as they are: ws, websockets, nchan, Channels."""

    subprotocol = ""

    def path(self, group: int) -> str:
        return f"/rooms/{group}"

    def opened(self, number: int) -> Answer:
        return INSIDE

    def other(self, payload: bytes) -> Answer | None:
        return None

    def dressed(self, event: bytes) -> bytes:
        return event


class EngineIo(Plain):
    """Socket.IO over WebSocket alone: engine.io 4, the main namespace."""

    def path(self, group: int) -> str:
        return f"/socket.io/?EIO=4&transport=websocket&room={group}"

    def opened(self, number: int) -> Answer:
        return NOTHING

    def other(self, payload: bytes) -> Answer | None:
        if payload == b"2":  # ping
            return Answer(send=b"3")
        if payload.startswith(b"0{"):
            return Answer(send=b"40")
        return INSIDE if payload.startswith(b"40{") else None

    def dressed(self, event: bytes) -> bytes:
        return b'42["event",' + event + b"]"


class Hub:
    """A real session: hello with a token, welcome, snapshot, position."""

    subprotocol = messages.SUBPROTOCOL

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens

    def path(self, group: int) -> str:
        return messages.PATH

    def opened(self, number: int) -> Answer:
        return Answer(send=messages.hello(self._tokens[number]))

    def other(self, payload: bytes) -> Answer | None:
        if payload.startswith(b'{"type":"position"'):
            return INSIDE  # the first one says that the session is live, the others are heartbeats
        return NOTHING if payload.startswith((b'{"type":"welcome"', b'{"type":"snapshot"')) else None

    def dressed(self, event: bytes) -> bytes:
        return event


def speech(server: str, tokens: list[str]) -> Speech:
    """The one of a server of `hosts.HOSTS`."""
    if server == "hub":
        return Hub(tokens)
    return EngineIo() if server in ("socketio", "python-socketio") else Plain()


def document(group: int) -> str:
    """What an event is about, as JSON."""
    return f'{{"note":"{_NOTE}","hotel":{group}}}'


def event(seq: int, about: str, at: str = _AT) -> bytes:
    """An event's text, the same for all servers: what the hub's protocol says."""
    return f'{{"type":"event","seq":{seq},"kind":"{KIND}","data":{about},"at":"{at}"}}'.encode()


def server_frame(text: bytes) -> bytes:
    """A whole text frame as a server sends it, unmasked (RFC 6455, 5.2)."""
    size = len(text)
    head = bytes((0x81, size)) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big")
    return head + text
