"""What conversations ask of the rest of the hub, and what they share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

from msgspec import Raw, Struct, UnsetType

from hub.realtime.heartbeat import Heartbeat
from hub.realtime.join import Past
from hub.realtime.node import Node
from hub.realtime.tasks import Tasks
from hub.security.principal import Principal
from hub.settings import Settings


class Doors(Struct, frozen=True):
    """What a conversation asks the rest of the hub; app.py hands it in.

    `verify` turns a token into a principal, or raises Unauthorized; so does `at_home` for one whose hotel is
    not that of the Host header. `topics` says what a principal may see.
    `call` runs a command: name, principal, operation id, JSON arguments; after it, in the same task,
    `reached` tells the position of its commit. `opened` and `closed` are told of every session. `stranger`
    writes down that a token of another tenant came to a session: the token's principal, and the session's.
    """

    verify: Callable[[str], Principal]
    at_home: Callable[[str | None, Principal], Awaitable[None]]
    topics: Callable[[Principal], frozenset[str]]
    call: Callable[[str, Principal, UUID | None, Raw], Awaitable[Raw]]
    opened: Callable[[Principal, UUID], None]
    closed: Callable[[Principal, UUID], None]
    stranger: Callable[[Principal, Principal], Awaitable[None]]
    reached: Callable[[], str | UnsetType]


class House(Struct, frozen=True):
    """What all conversations of a process share."""

    node: Node
    past: Past
    heartbeat: Heartbeat
    doors: Doors
    tasks: Tasks
    settings: Settings
