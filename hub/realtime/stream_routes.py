"""GET /api/v1/events: who may have the events of its hotel without a socket, from where, and how many at
once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct

from hub.errors import Conflict, InvalidInput, Unavailable
from hub.log.event import Position
from hub.realtime.protocol import CloseCode
from hub.realtime.stream import ENDED, MEDIA_TYPE, EventStream
from hub.realtime.stream_poll import Events, poll
from hub.security.permissions import Permission
from hub.web.endpoint import Guarded, GuardedRun, Spec
from hub.web.gate import Gate, query

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.realtime.admission import Admission
    from hub.realtime.conversation import Conversation
    from hub.realtime.doors import House
    from hub.security.principal import Principal

PATH: Final = "/api/v1/events"
LAST_EVENT_ID: Final = "Last-Event-ID"
# Streams and waiting polls of one device or one sign-in; the newest win. A browser opens no more to one host.
_MOST: Final = 6
_FORM: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}:(0|[1-9][0-9]{0,14})"
_POSITION: Final = re.compile(_FORM)

# For the description alone: what does not fit is refused by `read_position`, in words of its own.
PositionText: TypeAlias = Annotated[
    str, Meta(extra_json_schema={"pattern": f"^{_FORM}$"}, description="Where to go on: EPOCH:SEQ.")
]


class ReadEvents(Struct, frozen=True, forbid_unknown_fields=True):
    """Without `after` there is a snapshot. An answer in JSON comes as soon as there is an event, or after
    `wait` seconds."""

    after: PositionText | None = None
    wait: Annotated[int, Meta(ge=0, le=30)] = 0


class ResumeEvents(Struct, frozen=True, rename={"last_event_id": LAST_EVENT_ID}):
    """What a browser repeats of a stream that broke off. It is newer than what the address says."""

    last_event_id: PositionText | None = None


class Streams:
    """Answers those who ask for events. What they see and how they end is what a socket's session does."""

    def __init__(self, house: House, admission: Admission) -> None:
        self._house = house
        self._admission = admission
        self._open: dict[tuple[UUID, UUID, UUID | None], list[Conversation]] = {}

    async def answer(self, request: Request, principal: Principal) -> Events | EventStream:
        """A stream, or the answer to a poll. Raises InvalidInput, Conflict, Unavailable, and what ends a
        session."""
        wanted = query(request, ReadEvents)
        after = None if wanted.after is None else read_position(wanted.after, "after")
        last = request.headers.get(LAST_EVENT_ID)
        if last is not None:
            _check_end(last)
            after = read_position(last, LAST_EVENT_ID)
        self._admit()
        opened = self._places(principal)
        if not wants_stream(request.headers.get("accept", "")):
            return await poll(self._house, principal, after, wanted.wait, request.receive, opened)
        # Once a stream has begun it is too late for another status.
        await self._house.past.admit(principal)
        return EventStream(self._house, principal, after, opened)

    def _admit(self) -> None:
        seconds, why = self._admission.wait(), "Too many connect at once."
        if (closed := self._house.node.closed) is not None:
            seconds, why = self._house.settings.retry_ms / 1000, f"{closed.capitalize()}."
        if seconds > 0:
            raise Unavailable(why, retry_after_seconds=math.ceil(seconds))

    def _places(self, principal: Principal) -> Callable[[Conversation], Callable[[], None]]:
        key = (principal.tenant_id, principal.id, principal.session_id)

        def opened(conversation: Conversation) -> Callable[[], None]:
            mine = self._open.setdefault(key, [])
            mine.append(conversation)
            self._house.node.tally.streams += 1
            if len(mine) > _MOST:
                mine[-_MOST - 1].end(CloseCode.LIMIT)
            return lambda: closed(conversation)

        def closed(conversation: Conversation) -> None:
            mine = self._open[key]
            mine.remove(conversation)
            self._house.node.tally.streams -= 1
            if not mine:
                del self._open[key]

        return opened


def read_position(text: str, field: str) -> Position:
    """A position from its text. Raises InvalidInput at `field`."""
    if not _POSITION.fullmatch(text):
        raise InvalidInput("A position is EPOCH:SEQ, as the hub has told it.", field=field)
    epoch, _, seq = text.partition(":")
    return Position(UUID(epoch), int(seq))


def _check_end(last: str) -> None:
    """Raises Conflict for who was told not to come back."""
    for code in CloseCode:
        if last == f"{ENDED}{code.value}" and not code.reconnect:
            raise Conflict(f"This stream has ended for good: {code.reason}.", close_code=code.value)


def wants_stream(accept: str) -> bool:
    """Whether an Accept header names server-sent events, and JSON at most as gladly."""
    liked: dict[str, float] = {}
    for part in accept.lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        try:
            liked[media] = float(weight)
        except ValueError:
            liked[media] = 0.0
    return liked.get(MEDIA_TYPE, 0.0) > 0 and liked[MEDIA_TYPE] >= liked.get("application/json", 0.0)


def route(gate: Gate, answer: GuardedRun) -> Guarded:
    """The address. What one may see of the log is decided by its topics, as on the socket."""
    return Guarded(
        gate,
        Permission.MENU_READ,
        "GET",
        PATH,
        answer,
        Spec(
            name="readEvents",
            summary="The events of the hotel that concern the caller, as they come",
            tag="events",
            query=ReadEvents,
            headers=ResumeEvents,
            result=Events,
            gives=(MEDIA_TYPE,),
            errors=(Conflict,),
        ),
    )
