"""Joining without a hole: the first join, the way back from LAGGING, and a new epoch all run this.

Live events are buffered first, and the past is read after that; so whatever commits in between is in one of
the two, or in both. Reading first and listening then would lose what commits in between.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import UUID

from msgspec import Struct

from hub.errors import HubError, TenantClosed, TokenExpired
from hub.log.event import ENDED, Page, Position, State
from hub.realtime.protocol import CloseCode, event_frame, snapshot_frame
from hub.realtime.tally import Way

if TYPE_CHECKING:
    from hub.realtime.session import Session
    from hub.security.principal import Principal

T = TypeVar("T")
_RETRY_SECONDS: Final = 0.25


class Past(Struct, frozen=True):
    """Where joins read, and their limits.

    `page` reads the log as of now. `state` reads the state of about a position; it may be shared, kept or
    come from a replica, and be older: unless asked for anew.
    `admit` raises HubError when the principal may no longer see its topics; it is asked after buffering has
    begun, so that whatever ends them later arrives as an event. `back` returns when the database is not
    known to be away.
    A client more than `max_events` behind gets a snapshot, the cheaper answer then; one that does not take
    what it is sent within `lagging_seconds` is cut off.
    """

    page: Callable[[UUID, int, int], Awaitable[Page]]
    state: Callable[[UUID, Position, bool], Awaitable[State]]
    admit: Callable[[Principal], Awaitable[None]]
    back: Callable[[], Awaitable[None]]
    server_time: Callable[[], str]
    page_events: int
    max_events: int
    lagging_seconds: float


async def keep_joined(session: Session, past: Past) -> None:
    """Do every join that the session asks for."""
    while (wanted := session.next_join()) is not None:
        generation, since = wanted
        join = _Join(session, generation, past, since)
        try:
            await _repeat(join, session, past)
        except TimeoutError:
            session.close(CloseCode.TOO_SLOW)
        except _Superseded:
            continue
        except HubError as error:
            _turn_away(session, error)
        except Exception:  # a bug: the client is told, and the log gets it whole
            session.close(CloseCode.INTERNAL)
            raise


def _turn_away(session: Session, error: HubError) -> None:
    match error:
        case TokenExpired():
            session.turn_away(CloseCode.TOKEN_EXPIRED, retry_ms=0)
        case TenantClosed():
            session.turn_away(CloseCode.FORBIDDEN, error.message)
        case _ if error.status < 500:
            session.turn_away(CloseCode.REVOKED)
        case _:
            session.close(CloseCode.INTERNAL)


async def _repeat(join: _Join, session: Session, past: Past) -> None:
    """While the database is away the socket stays, and the join goes on from where it is."""
    while True:
        try:
            await _taken(session, past)
            await join.run()
            return
        except HubError as error:
            if not error.temporary:
                raise
            await join.still(past.back())
            await join.still(asyncio.sleep(random.uniform(0.5, 1.5) * _RETRY_SECONDS))


async def _taken(session: Session, past: Past) -> None:
    async with asyncio.timeout(past.lagging_seconds):
        await session.wire.drained()


class _Superseded(Exception):
    """The session was closed, or asked for another join meanwhile."""


class _Join:
    """`cursor` is what the client has been sent; None when it needs a snapshot."""

    def __init__(self, session: Session, generation: int, past: Past, cursor: Position | None) -> None:
        self._session = session
        self._generation = generation
        self._past = past
        self._cursor = cursor
        self._anew = False
        self._base = -1
        self._way: Way = "nothing"
        self._started = time.perf_counter()

    async def run(self) -> None:
        session, past, feed = self._session, self._past, self._session.feed
        while True:
            await self.still(feed.positioned())
            base, epoch = session.start_buffering(), feed.epoch
            self._base = base
            await self.still(past.admit(session.principal))
            session.admitted()
            # A position that a client brings is checked against the log, unless it is the feed's own, which
            # the log itself has told: then the session is where all live ones are.
            checked = self._cursor == Position(epoch, base) if epoch else False
            if self._cursor is None or self._cursor.epoch != epoch:
                self._cursor = None if epoch is None else await self._snapshot(Position(epoch, base))
                if self._cursor is None:
                    # This node has not heard of the new epoch yet; it will, at the next look at the heads.
                    await self.still(asyncio.sleep(_RETRY_SECONDS))
                    continue
                checked = True
            while self._cursor is not None and (self._cursor.seq < base or not checked):
                self._cursor = await self._replay(self._cursor)
                checked = True
            if self._cursor is not None and session.go_live(self._cursor.seq, base):
                feed.tally.joins[self._way].add(time.perf_counter() - self._started)
                session.heartbeat(past.server_time())
                return

    async def _snapshot(self, base: Position) -> Position | None:
        """Send the state; its position, or None when it is not of the feed's epoch and was not sent."""
        session = self._session
        state = await self.still(self._past.state(session.feed.tenant_id, base, self._anew))
        # If the log does not lead on from this one, nobody's next one may be as old.
        self._anew = True
        if state.epoch != session.feed.epoch:
            return None
        self._way = "snapshot"
        session.write(snapshot_frame(state, session.topics))
        session.sent = state.seq
        await self.still(_taken(session, self._past))
        return Position(state.epoch, state.seq)

    async def _replay(self, cursor: Position) -> Position | None:
        """Send a page after the cursor; the new cursor, or None when only a snapshot helps."""
        session, past = self._session, self._past
        page = await self.still(past.page(session.feed.tenant_id, cursor.seq, past.page_events))
        last = page.events[-1].seq if page.events else cursor.seq
        behind = page.head - cursor.seq
        if page.epoch != cursor.epoch:
            # This node may not have heard of it yet; what it keeps of the epoch that is over is older than
            # what the client has seen of that.
            self._anew = True
        if (
            page.epoch != cursor.epoch
            or page.floor > cursor.seq
            or not 0 <= behind <= past.max_events
            or last - cursor.seq != len(page.events)
        ):
            return None
        if page.events:
            session.feed.tally.replayed += len(page.events)
            self._way = "replay" if self._way == "nothing" else self._way
        for event in page.events:
            if session.topics.isdisjoint(event.topics):
                continue
            if event.kind != ENDED:
                session.write(event_frame(event))
                if session.full:
                    await self.still(_taken(session, past))
            elif event.seq > self._base:  # before, it was over when this join was admitted
                at = Position(event.epoch, event.seq)
                session.ask_again(at, event_frame(event), since=at)
                self._wanted()
        await self.still(_taken(session, past))
        if not page.events:
            # Read from a replica that is behind, perhaps.
            await self.still(asyncio.sleep(0))
        return Position(cursor.epoch, last)

    async def still(self, step: Awaitable[T]) -> T:
        """Take a step, and go on only if this join is still the one that is wanted."""
        result = await step
        self._wanted()
        return result

    def _wanted(self) -> None:
        if self._session.generation != self._generation:
            raise _Superseded
