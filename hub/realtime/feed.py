"""What a node knows of one tenant's log, and the rule that keeps it right:

    seq == position + 1   deliver
    seq <= position       drop, it was delivered
    seq >  position + 1   park it, and fill the hole once from the log

Events come from the broker, which may lose, repeat and delay them; heads come from the database and reveal a
lost tail. So what a feed delivers is contiguous, whatever the broker does.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Final
from uuid import UUID

from hub.errors import HubError
from hub.log.event import ENDED, Event, Head, Page, Position
from hub.realtime.protocol import CloseCode, event_frame
from hub.realtime.tally import Tally

if TYPE_CHECKING:
    from hub.realtime.session import Session

# Beyond this a hole is filled from the log anyway, and what is parked would be read twice.
_PARKED: Final = 1024
_RETRY_SECONDS: Final = 0.25
_log = logging.getLogger(__name__)

ReadPage = Callable[[UUID, int, int], Awaitable[Page]]


class Feed:
    """One tenant on one node. `epoch` and `seq` are its position; `seq` is -1 until a head has been read
    after the subscription was confirmed."""

    def __init__(self, tenant_id: UUID, read: ReadPage, page: int, tally: Tally | None = None) -> None:
        self.tenant_id = tenant_id
        self.epoch: UUID | None = None
        self.seq = -1
        self.tally = tally or Tally()
        self._read = read
        self._page = page
        self._topics: dict[str, set[Session]] = {}
        self._parked: dict[int, Event] = {}
        self._filling: asyncio.Task[None] | None = None
        self._known = asyncio.Event()
        self._suspect: Callable[[], None] = lambda: None

    # who listens

    def on_suspicion(self, check: Callable[[], None]) -> None:
        """`check` is called when a message contradicts what the feed knows: compare heads now."""
        self._suspect = check

    def add(self, session: Session) -> None:
        """From now on events of the session's topics reach it."""
        for topic in session.topics:
            self._topics.setdefault(topic, set()).add(session)

    def remove(self, session: Session) -> None:
        """The session is gone."""
        for topic in session.topics:
            if members := self._topics.get(topic):
                members.discard(session)
                if not members:
                    del self._topics[topic]

    @property
    def idle(self) -> bool:
        """Nobody listens."""
        return not self._topics

    async def positioned(self) -> None:
        """Wait until the position is known."""
        await self._known.wait()

    # what comes in

    def receive(self, event: Event) -> None:
        """An event from the broker or from the log, in any order, any number of times."""
        if self.seq < 0:
            self._park(event)
        elif event.epoch != self.epoch:
            # an old message of the relay, or a new past: the heads know
            self._suspect()
        elif event.seq == self.seq + 1:
            self._deliver(event)
            while (parked := self._parked.pop(self.seq + 1, None)) is not None:
                self._deliver(parked)
        elif event.seq > self.seq:
            self._park(event)
            self.fill()

    def observe(self, head: Head, before: int) -> None:
        """A head read from the database; `before` is the feed's seq when the query was sent."""
        if self.seq < 0:
            self._settle(head)
        elif head.epoch != self.epoch or head.seq < before:
            _log.warning("the log's past has changed", extra={"tenant": str(self.tenant_id)})
            self._settle(head)
            for session in self._listeners(self._topics):
                session.begin_anew()
        elif head.seq > self.seq:
            self.fill()

    def vanish(self) -> None:
        """There is no such tenant: nobody has anything to see here."""
        for session in self._listeners(self._topics):
            session.close(CloseCode.REVOKED)

    def _settle(self, head: Head) -> None:
        self.epoch, self.seq = head.epoch, head.seq
        parked, self._parked = self._parked, {}
        self._known.set()
        for seq in sorted(parked):
            self.receive(parked[seq])

    def _park(self, event: Event) -> None:
        if len(self._parked) < _PARKED:
            self._parked[event.seq] = event

    def _deliver(self, event: Event) -> None:
        started = time.perf_counter()
        self.seq = event.seq
        frame = event_frame(event)
        seq, count = event.seq, 0
        if event.kind == ENDED:
            at = Position(event.epoch, seq)
            for session in self._listeners(event.topics):
                session.ask_again(at, frame)
            return
        for topic in event.topics:
            if members := self._topics.get(topic):
                count += len(members)
                for session in tuple(members):
                    session.deliver(seq, frame)
        self.tally.delivered(count, event.at, started)

    def _listeners(self, topics: Iterable[str]) -> set[Session]:
        return set().union(*(self._topics.get(topic, ()) for topic in topics))

    # holes

    def fill(self) -> None:
        """Read what is missing from the log; at most one reading at a time."""
        if self._filling is None:
            self._filling = asyncio.create_task(self._fill(), name=f"fill {self.tenant_id}")
            self._filling.add_done_callback(_filled)

    async def _fill(self) -> None:
        try:
            while not await self._fill_page():
                pass
        finally:
            # Not in a callback: a hole that opens before it would wait for the next look at the heads.
            self._filling = None

    async def _fill_page(self) -> bool:
        """Read one page; true when there is nothing more to read."""
        epoch, seq = self.epoch, self.seq
        try:
            page = await self._read(self.tenant_id, seq, self._page)
        except HubError as error:
            if not error.temporary:
                raise
            await asyncio.sleep(random.uniform(0.5, 1.5) * _RETRY_SECONDS)
            return False
        if self.epoch != epoch:
            return False  # settled anew meanwhile: this page belongs to the past
        if page.epoch == epoch and page.floor <= self.seq:
            for event in page.events:
                self.tally.filled += event.seq > self.seq
                self.receive(event)
            lost = self.seq == seq < page.head
        else:
            lost = True
        if lost:
            # What is missing is gone from the log: everybody starts from a state.
            self.observe(Head(self.tenant_id, page.epoch, page.head), page.head + 1)
            return True
        if self.seq >= page.head and not self._parked:
            return True
        if self.seq == seq:
            # The log does not lead to what is parked: only the heads can say what is true.
            self._parked.clear()
            self._suspect()
            return True
        return False

    async def aclose(self) -> None:
        """Stop reading."""
        if (task := self._filling) is not None:
            task.cancel()
            await asyncio.wait([task])


def _filled(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("filling a hole failed", exc_info=error)
