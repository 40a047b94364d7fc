"""A long poll: a session that ends with its first answer. It joins as every session does, and what it is
sent is gathered for the answer."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from typing import TYPE_CHECKING, Final
from uuid import UUID

from msgspec import Struct

from hub.errors import Internal, RateLimited, TokenExpired, Unavailable
from hub.log.event import Position
from hub.realtime.conversation import Conversation
from hub.realtime.protocol import CLOSE_CODES, CloseCode, EventFrame, PositionFrame, Snapshot
from hub.realtime.stream import left

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive

    from hub.realtime.doors import House
    from hub.realtime.protocol import Frame
    from hub.security.principal import Principal

# How long an answer may take to find out what there is, whatever the client wants to wait.
_PATIENCE_SECONDS: Final = 10.0


class Events(Struct, frozen=True):
    """What has happened after `after`, as the frames of the socket, in order. A snapshot replaces everything
    that the client holds; it comes when there is no `after`, or the log does not lead on from it. `next` is
    the `after` of the next request. When the last frame is no `position`, there may be more already.

    As `text/event-stream`: the same frames as server-sent events without an end, each with its position as
    its id, the `event` being the type of its frame; see /api/asyncapi.json for all of them. A stream is a
    session of its device as a socket is, and the newest one wins; a request that waits is none. `retry` names
    the window in which to come back after the end. The id of a `bye` that forbids to come back is no
    position: who sends it in `Last-Event-ID` gets 409. A new token means a new stream."""

    next: str
    frames: list[Snapshot | EventFrame | PositionFrame]


class PollWire:
    """A `Wire` that keeps what is written, up to a page of so many frames and bytes.

    `settled` is set when there is nothing to catch up with, `done` when there is an answer. `code` is why the
    session was closed.
    """

    congested = False
    backlog_bytes = 0
    backlog_frames = 0

    def __init__(self, since: Position | None, limit_frames: int, limit_bytes: int) -> None:
        self.at = since
        self.frames: list[Snapshot | EventFrame | PositionFrame] = []
        self.code: int | None = None
        self.settled = asyncio.Event()
        self.done = asyncio.Event()
        self._full = False
        self._frames = limit_frames
        self._bytes = limit_bytes

    def write(self, frame: Frame) -> None:
        if self._full:
            return
        match frame.content:
            case Snapshot() as content:
                self.frames.clear()
                self._take(content, content.epoch)
            case EventFrame() as content if self.at is not None:
                self._take(content, self.at.epoch)
                self._bytes -= len(frame.wire)
                self._full = len(self.frames) >= self._frames or self._bytes <= 0
            case PositionFrame() as content:
                self._take(content, content.epoch)
                self.settled.set()
            case _:
                return
        if self._full or (self.settled.is_set() and not isinstance(self.frames[0], PositionFrame)):
            self.finished()

    def _take(self, content: Snapshot | EventFrame | PositionFrame, epoch: UUID) -> None:
        # only the last position says something
        if self.frames and isinstance(self.frames[-1], PositionFrame):
            self.frames.pop()
        self.frames.append(content)
        self.at = Position(epoch, content.seq)

    async def drained(self) -> None:
        """Nothing ever waits here."""

    def finish(self, frame: Frame, code: int, reason: str) -> None:
        self.code = code
        self.finished()

    def finished(self) -> None:
        """There is an answer, or nobody who wants it."""
        self.settled.set()
        self.done.set()


async def poll(
    house: House,
    principal: Principal,
    since: Position | None,
    wait: float,
    receive: Receive,
    opened: Callable[[Conversation], Callable[[], None]],
) -> Events:
    """The events after `since`; when there is none, the first one that comes within `wait` seconds, as long
    as the token is good. `opened` gets the conversation, and gives what to call at its end.

    Raises what the session was closed for, and Unavailable.
    """
    wire = PollWire(since, house.settings.outbound_frames, house.settings.outbound_bytes)
    conversation = Conversation(house, wire, None)
    closed = opened(conversation)
    leaving = asyncio.create_task(left(receive))
    leaving.add_done_callback(lambda _: wire.finished())
    until = asyncio.get_running_loop().time() + min(wait, principal.expires_at - time.time())
    try:
        conversation.enter(principal, since, counts=False)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await wire.settled.wait()
        except TimeoutError:
            raise Unavailable("The events cannot be read now.") from None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await wire.done.wait()
        if not wire.done.is_set() and conversation.session is not None:
            conversation.session.heartbeat(house.past.server_time())
    finally:
        closed()
        conversation.gone()
        leaving.cancel()
    if wire.code is not None:
        await _refuse(CLOSE_CODES[wire.code], house, principal)
    if wire.at is None:
        raise Unavailable("The events cannot be read now.")  # nobody waits for this answer
    return Events(f"{wire.at.epoch}:{wire.at.seq}", wire.frames)


async def _refuse(code: CloseCode, house: House, principal: Principal) -> None:
    """Raises what the code of a goodbye is over HTTP."""
    match code:
        case CloseCode.DRAIN:
            seconds = math.ceil(house.settings.retry_ms / 1000)
            why = house.node.closed or code.reason
            raise Unavailable(f"{why.capitalize()}.", retry_after_seconds=seconds)
        case CloseCode.LIMIT:
            raise RateLimited("Too many requests of this device wait for events.", retry_after_seconds=1)
        case CloseCode.INTERNAL:
            raise Internal("Something went wrong on our side.")
        case _:
            # whatever has ended the session is in the database by now, and told better there
            await house.past.admit(principal)
            raise TokenExpired("This token is not true any more: get a fresh one.")
