"""The frames of hub.v1.json as this client reads and writes them: types of its own, so that it sees what any
other client would, and only the fields that it needs."""

from __future__ import annotations

import os
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from hub.drive.frames import masked
from hub.drive.ledger import Ticket

SUBPROTOCOL: Final = "hub.v1.json"
PATH: Final = "/ws"


class Limits(Struct, frozen=True):
    commands: int


class Welcome(Struct, tag="welcome", frozen=True):
    limits: Limits


class Document(Struct, frozen=True):
    kind: str
    data: Raw


class Snapshot(Struct, tag="snapshot", frozen=True):
    seq: int
    state: list[Document]


class Event(Struct, tag="event", frozen=True):
    seq: int
    kind: str
    data: Raw
    at: str


class Position(Struct, tag="position", frozen=True):
    seq: int


class ErrorData(Struct, frozen=True):
    code: str
    message: str


class Reply(Struct, tag="reply", frozen=True):
    id: int
    ok: bool
    result: Raw = Raw(b"{}")
    error: ErrorData | None = None


class Bye(Struct, tag="bye", frozen=True):
    code: int
    reason: str


class OrderId(Struct, frozen=True):
    id: str


class Confirmation(Struct, frozen=True):
    """The result of order.place."""

    order: OrderId


class Options(Struct, frozen=True):
    """A group of options; a guest has to choose when `min` is not 0."""

    min: int


class Dish(Struct, frozen=True):
    """A menu item, as far as it says whether anybody may order it now."""

    id: str
    sold_out: bool
    age_restricted: bool
    preparation_minutes: int
    options: list[Options]
    start_time: str | None = None

    @property
    def orderable(self) -> bool:
        """By anyone, at any hour, without a question, and the kitchen has something to do with it."""
        special = self.sold_out or self.age_restricted or self.start_time is not None
        asks = any(group.min for group in self.options)
        return not special and not asks and self.preparation_minutes > 0


frames: Final = msgspec.json.Decoder(Welcome | Snapshot | Event | Position | Reply | Bye)
tickets: Final = msgspec.json.Decoder(Ticket)
confirmations: Final = msgspec.json.Decoder(Confirmation)
dishes: Final = msgspec.json.Decoder(Dish)
_encoder: Final = msgspec.json.Encoder()


def hello(token: str) -> bytes:
    return _encoder.encode({"type": "hello", "token": token, "client": "hub drive"})


def masked_command(number: int, name: str, args: dict[str, Any] | Raw, op_id: str | None) -> bytes:
    """A command as it goes over the wire; `number` comes back in its reply."""
    frame = {"type": "command", "id": number, "name": name, "args": args}
    text = _encoder.encode(frame if op_id is None else {**frame, "op_id": op_id})
    return masked(text, os.urandom(4))
