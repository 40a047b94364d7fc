"""What the log is made of. A position is (epoch, seq) of one tenant: seq has no gaps and follows the order of
the commits; a new epoch says that the past may have changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, Raw, Struct

# The kind that tells that a topic is over, for whoever was admitted before it.
ENDED: Final = "topic.ended"


def rfc3339(moment: datetime) -> str:
    """A moment as every document shows it: UTC, milliseconds; the same as app.iso() in SQL."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


class Position(Struct, frozen=True):
    """How far a screen, a session or a node has come on a tenant's log."""

    epoch: UUID
    seq: Annotated[int, Meta(ge=0, le=2**53)]


class Head(Struct, frozen=True):
    """How far a tenant's log reaches."""

    tenant_id: UUID
    epoch: UUID
    seq: int


class Event(Struct, frozen=True):
    """One change, as the absolute state of what changed; a repeat is harmless.

    `topics` says who may see it, `data` is the JSON document, `at` the time of writing (RFC 3339, UTC).
    """

    tenant_id: UUID
    epoch: UUID
    seq: int
    kind: str
    topics: tuple[str, ...]
    data: Raw
    at: str


class Page(Struct, frozen=True):
    """Events after a position, and the head and floor of the same moment. Nothing up to the floor is kept."""

    epoch: UUID
    head: int
    floor: int
    events: tuple[Event, ...]


class Entry(Struct, frozen=True):
    """One document of a state, with those who may see it."""

    kind: str
    topics: tuple[str, ...]
    data: Raw


class State(Struct, frozen=True):
    """All that the screens of a tenant show, read at `seq`."""

    epoch: UUID
    seq: int
    entries: tuple[Entry, ...]
