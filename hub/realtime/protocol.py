"""The frames and close codes of subprotocol hub.v1.json: pure, no I/O.

    client                          hub
      | hello {token, since?}        |
      |----------------------------->|
      |          welcome, snapshot or the events after `since`, position
      |<-----------------------------|
      | command {id, op_id, name, args}
      |----------------------------->|
      |          reply {id, ...}, event, event, position, ...
      |<-----------------------------|
      |          bye {code}, then the close
      |<-----------------------------|

A position is stored by a client after it has applied the frame that carried it. Events carry absolute state,
and their seqs rise but skip what does not concern the session.
"""

from __future__ import annotations

import json
from enum import IntEnum
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from hub.errors import ErrorData, InvalidInput
from hub.log.event import Event, Position, State

SUBPROTOCOL: Final = "hub.v1.json"
_EMPTY: Final = Raw(b"{}")


class CloseCode(IntEnum):
    """Why the hub closes a socket. 4000-4499: come back; 4500-4999: do not, something must change first.

    POSITION_LOST is reserved: clients know it, the hub does not send it yet. LIMIT ends event streams alone.
    """

    reason: str

    def __new__(cls, code: int, reason: str) -> CloseCode:
        member = int.__new__(cls, code)
        member._value_ = code
        member.reason = reason
        return member

    DRAIN = (4001, "the hub is restarting")
    INTERNAL = (4004, "internal error")
    TOKEN_EXPIRED = (4005, "token expired")
    TOO_SLOW = (4008, "too slow")
    POSITION_LOST = (4010, "position lost")
    NO_PONG = (4012, "no pong")
    RATE = (4013, "too many commands")
    BAD_TOKEN = (4500, "bad token")
    BAD_FRAME = (4501, "bad frame")
    NO_HELLO = (4502, "no hello")
    REVOKED = (4503, "revoked")
    REPLACED = (4504, "replaced by a newer session")
    LIMIT = (4505, "limit reached")
    FORBIDDEN = (4507, "forbidden")

    @property
    def reconnect(self) -> bool:
        """Whether a client may come back by itself."""
        return self.value < 4500


# By number.
CLOSE_CODES: Final = {code.value: code for code in CloseCode}


class Hello(Struct, tag="hello", frozen=True):
    """The first frame: opens a session, or resumes one after `since`."""

    token: Annotated[str, Meta(max_length=4096)]
    since: Position | None = None
    client: Annotated[str, Meta(max_length=200)] | None = None


class Command(Struct, tag="command", frozen=True):
    """A request. `id` names the reply; `op_id` is kept by the client until it has the answer."""

    id: Annotated[int, Meta(ge=0, le=2**53)]
    name: Annotated[str, Meta(max_length=64)]
    args: Raw = msgspec.field(default_factory=lambda: _EMPTY)
    op_id: UUID | None = None


class Refresh(Struct, tag="refresh", frozen=True):
    """A new token before the old one expires; the session goes on."""

    token: Annotated[str, Meta(max_length=4096)]


ClientFrame = Hello | Command | Refresh


class Limits(Struct, frozen=True):
    """What a client may send: bytes of one frame, commands waiting for their reply."""

    frame_bytes: int
    commands: int


class WhoAmI(Struct, frozen=True):
    """The session's principal as its client sees it: a device, or a member of staff. `floor` is that of a
    guest's room, where somebody has said."""

    id: UUID
    kind: str
    room_number: str | None
    stay_id: UUID | None
    stations: tuple[str, ...]
    floor: str | None


class Welcome(Struct, tag="welcome", frozen=True):
    """`ping_ms` is the interval of position frames; a client that hears nothing for two calls itself
    stale."""

    session: UUID
    principal: WhoAmI
    ping_ms: int
    retry_ms: int
    limits: Limits
    server_time: str


class Document(Struct, frozen=True):
    """One document of a snapshot."""

    kind: str
    data: Raw


class Snapshot(Struct, tag="snapshot", frozen=True):
    """Replaces everything that the client holds."""

    epoch: UUID
    seq: int
    state: list[Document]


class EventFrame(Struct, tag="event", frozen=True):
    """One change, live or replayed."""

    seq: int
    kind: str
    data: Raw
    at: str


class PositionFrame(Struct, tag="position", frozen=True):
    """Everything up to here that concerns the session has been sent."""

    epoch: UUID
    seq: int
    server_time: str


class Done(Struct, tag="reply", frozen=True):
    """The answer to a command, after its commit. `position` is what to send as Hub-Position with requests
    that must see the change; without replicas there is none."""

    id: int
    result: Raw
    ok: Literal[True] = True
    position: str | UnsetType = UNSET


class Failed(Struct, tag="reply", frozen=True):
    """The refusal of a command; nothing was changed unless `temporary` leaves it open."""

    id: int
    error: ErrorData
    ok: Literal[False] = False


class Bye(Struct, tag="bye", frozen=True):
    """The last frame before the close."""

    code: int
    reason: str
    retry_ms: int


HubFrame = Welcome | Snapshot | EventFrame | PositionFrame | Done | Failed | Bye

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ClientFrame)


class Frame:
    """An encoded frame, shared by all sessions that receive it. `wire` is a server's whole WebSocket frame;
    `text` is what an ASGI server sends, which frames by itself; `data` is its JSON alone."""

    __slots__ = ("_begin", "content", "wire")

    def __init__(self, content: HubFrame) -> None:
        self.content = content
        data = _encoder.encode(content)
        head = _head(len(data))
        self._begin = len(head)
        self.wire = head + data

    @property
    def data(self) -> bytes:
        return self.wire[self._begin :]

    @property
    def text(self) -> str:
        return self.data.decode()


def _head(length: int) -> bytes:
    """Of a text frame that is whole, unmasked and uncompressed (RFC 6455, 5.2)."""
    if length < 126:
        return bytes((0x81, length))
    if length < 1 << 16:
        return b"\x81\x7e" + length.to_bytes(2, "big")
    return b"\x81\x7f" + length.to_bytes(8, "big")


def parse(text: str | None) -> ClientFrame | Failed:
    """A frame from a client, None when it came as a binary one. Raises InvalidInput saying what is wrong, and
    where.

    A command whose arguments hold half of a surrogate pair comes back as its refusal: what a cut emoji leaves
    in a guest's note is JSON by the grammar, and must not end the session.
    """
    if text is None:
        raise InvalidInput("a frame of this subprotocol is text, not binary", field="frame")
    try:
        frame: ClientFrame = _decoder.decode(text)
    except msgspec.ValidationError as error:
        raise InvalidInput.from_validation(str(error), whole="frame") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        if (number := _command_id(text)) is not None:
            return Failed(number, InvalidInput("the text is not valid Unicode", field="args").to_data())
        raise InvalidInput("not valid JSON text in UTF-8, or nested too deeply", field="frame") from error
    return frame


def _command_id(text: str) -> int | None:
    """The id of a command in JSON that is lawful but for its surrogates."""
    try:
        frame = json.loads(text)
        frame.pop("args", None)
        command = _decoder.decode(json.dumps(frame))
    except (ValueError, AttributeError, RecursionError):
        return None
    return command.id if isinstance(command, Command) else None


def event_frame(event: Event) -> Frame:
    """An event as every session that may see it receives it."""
    return Frame(EventFrame(event.seq, event.kind, event.data, event.at))


def snapshot_frame(state: State, topics: frozenset[str]) -> Frame:
    """A state, filtered by the same rule as events."""
    documents = [
        Document(entry.kind, entry.data) for entry in state.entries if not topics.isdisjoint(entry.topics)
    ]
    return Frame(Snapshot(state.epoch, state.seq, documents))
