"""A session: one authenticated WebSocket, a cursor on its tenant's log.

    BUFFERING  joining: live events wait while the past is read and sent
    LIVE       events are written as they come
    LAGGING    the peer reads too slowly: nothing is queued; it catches up from the log, or is cut off
    CLOSED

Going from LAGGING back to LIVE is the same join as the first one, so a slow peer misses nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from hub.log.event import Position
from hub.realtime.protocol import Bye, CloseCode, Frame, PositionFrame

if TYPE_CHECKING:
    from hub.realtime.feed import Feed
    from hub.realtime.wire import Wire
    from hub.security.principal import Principal


class Phase(Enum):
    """Where a session stands."""

    BUFFERING = auto()
    LIVE = auto()
    LAGGING = auto()
    CLOSED = auto()


# Looked at once for each delivery; the attribute of an enumeration is three times as slow.
_LIVE: Final = Phase.LIVE


class Session:
    """`topics` is what it may see. `sent` is the seq up to which everything has been written: while LIVE, or
    by a snapshot. `join` is called when `next_join` has one; it begins to work on it, or is at it already."""

    __slots__ = (
        "_asked",
        "_buffer",
        "_buffer_bytes",
        "_ends",
        "_join",
        "_limit_bytes",
        "_limit_frames",
        "_overflowed",
        "_wanted",
        "feed",
        "generation",
        "id",
        "phase",
        "principal",
        "retry_ms",
        "sent",
        "topics",
        "wire",
    )

    def __init__(
        self,
        principal: Principal,
        topics: frozenset[str],
        feed: Feed,
        wire: Wire,
        *,
        join: Callable[[Session], None],
        limit_bytes: int,
        limit_frames: int,
        retry_ms: int,
    ) -> None:
        self.id: UUID = uuid4()
        self.principal = principal
        self.topics = topics
        self.feed = feed
        self.wire = wire
        self.phase = Phase.BUFFERING
        self.generation = 0
        self.sent = -1
        self.retry_ms = retry_ms
        self._limit_bytes = limit_bytes
        self._limit_frames = limit_frames
        self._buffer: list[tuple[int, Frame]] = []
        self._buffer_bytes = 0
        self._overflowed = False
        self._join = join
        self._wanted: tuple[Position | None] | None = None
        self._asked: Position | None = None
        self._ends: list[Frame] = []

    # joining (driven by realtime/join.py)

    def rejoin(self, since: Position | None) -> None:
        """Join again from `since`, or from a snapshot. A join under way sees that its generation is over."""
        if self.phase is not Phase.CLOSED:
            self.generation += 1
            self.phase = Phase.LAGGING
            self._wanted = (since,)
            self._clear()
            self._join(self)

    def begin_anew(self) -> None:
        """The past has changed: what was told, and asked about, may never have been."""
        self.sent = -1
        self._asked = None
        self._ends.clear()
        self.rejoin(None)

    def admitted(self) -> None:
        """The database has just said that it may stay: what ended before has not ended for it."""
        self._ends.clear()

    def ask_again(self, at: Position, end: Frame, since: Position | None = None) -> None:
        """One of its topics has ended with the event `end` at `at`. That may be news of the past: whoever was
        admitted after it stays. So the session joins again, which asks; until that is known it is told
        nothing. `since` is what a join under way has sent, when it knows. Who has been told nothing yet is
        not told of the end either.
        """
        if self._asked is not None and self._asked.epoch == at.epoch and at.seq <= self._asked.seq:
            return
        self._asked = at
        if at.seq > self.sent >= 0:
            self._ends.append(end)
        if self.phase is Phase.LIVE:
            since = Position(at.epoch, max(at.seq, self.sent))
        elif since is None and self._wanted is not None:
            (since,) = self._wanted
        self.rejoin(since)

    def next_join(self) -> tuple[int, Position | None] | None:
        """The join to do now: its generation and where from. None when none is wanted any more."""
        if self._wanted is None or self.phase is Phase.CLOSED:
            return None
        (since,) = self._wanted
        self._wanted = None
        return self.generation, since

    def start_buffering(self) -> int:
        """Keep live events from now on; the feed's seq at this moment."""
        self.phase = Phase.BUFFERING
        self._clear()
        return self.feed.seq

    def go_live(self, sent: int, base: int) -> bool:
        """Write what was buffered after `sent`, and be LIVE in the same tick. False when the buffer does not
        connect: it overflowed, or begins (after `base`) beyond what has been sent."""
        if self._overflowed or sent < base:
            return False
        for seq, frame in self._buffer:
            if seq > sent:
                self.wire.write(frame)
        self.sent = max(sent, self.feed.seq)
        self._clear()
        self.phase = Phase.LIVE
        return True

    def _clear(self) -> None:
        self._buffer.clear()
        self._buffer_bytes = 0
        self._overflowed = False

    # live

    def deliver(self, seq: int, frame: Frame) -> None:
        """An event of the session's topics, from the feed, in order; once for each topic, perhaps."""
        if self.phase is _LIVE:
            if seq <= self.sent:
                return
            wire = self.wire
            if wire.congested and self.full:
                epoch = self.feed.epoch
                self.rejoin(Position(epoch, self.sent) if epoch else None)
                return
            wire.write(frame)
            self.sent = seq
        elif self.phase is Phase.BUFFERING and not (self._buffer and self._buffer[-1][0] == seq):
            self._buffer_bytes += len(frame.wire)
            if len(self._buffer) >= self._limit_frames or self._buffer_bytes > self._limit_bytes:
                self._overflowed = True
                self._buffer.clear()
            else:
                self._buffer.append((seq, frame))

    @property
    def full(self) -> bool:
        """The peer has not taken as much as may wait for it."""
        wire = self.wire
        return wire.congested and (
            wire.backlog_bytes > self._limit_bytes or wire.backlog_frames >= self._limit_frames
        )

    def heartbeat(self, server_time: str) -> None:
        """Tell the client how far it is, when it is live."""
        if self.phase is Phase.LIVE and self.feed.epoch is not None and not self.full:
            seq = max(self.sent, self.feed.seq)
            self.wire.write(Frame(PositionFrame(self.feed.epoch, seq, server_time)))

    def write(self, frame: Frame) -> None:
        """A frame for this session alone: a reply, the welcome."""
        self.wire.write(frame)

    async def room(self) -> None:
        """Wait while the peer does not take what is written: who does not read its replies gets no more."""
        if self.full:
            await self.wire.drained()

    # the end

    def turn_away(self, code: CloseCode, reason: str | None = None, retry_ms: int | None = None) -> None:
        """Close, because what its token says is not true (any more)."""
        for end in self._ends:
            self.wire.write(end)
        self.close(code, reason, retry_ms)

    def close(self, code: CloseCode, reason: str | None = None, retry_ms: int | None = None) -> None:
        """Say goodbye and close; what is queued is sent before."""
        if self.phase is not Phase.CLOSED:
            self.phase = Phase.CLOSED
            self.generation += 1
            self._clear()
            self.feed.tally.closes[code] += 1
            text = reason or code.reason
            wait = (self.retry_ms if retry_ms is None else retry_ms) if code.reconnect else 0
            self.wire.finish(Frame(Bye(code.value, text, wait)), code.value, short(text))

    def gone(self) -> None:
        """The socket is gone."""
        self.phase = Phase.CLOSED
        self.generation += 1
        self._clear()


def short(text: str) -> str:
    """A close frame has room for 123 bytes of reason."""
    return text.encode()[:120].decode(errors="ignore")
