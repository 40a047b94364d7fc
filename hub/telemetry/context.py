"""The request that is being worked on, for the log and for the records of who changed what."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final
from uuid import UUID

from msgspec import Struct


class RequestContext(Struct, frozen=True):
    """One HTTP request, or one WebSocket from its upgrade to its end.

    `ip` is the client's address as far as the hub can know it, `user_agent` what the client calls itself: no
    control characters, at most 200 of the others. `origin` is where the client found the hub, as in
    `https://hotel.example`; None when it does not say, or names no host.
    """

    request_id: UUID
    ip: str | None
    user_agent: str | None
    origin: str | None = None


# Unset outside a request: in the parts of a process that work for nobody in particular.
current: Final[ContextVar[RequestContext | None]] = ContextVar("current", default=None)
