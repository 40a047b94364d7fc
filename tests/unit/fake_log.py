"""A hotel's log in memory, and the feed of a node that reads it."""

from __future__ import annotations

import asyncio
from uuid import UUID

import msgspec
from msgspec import Raw

from hub.errors import Unavailable
from hub.log.event import Event, Head, Page
from hub.realtime.feed import Feed
from hub.realtime.session import Session
from tests.unit.quiet import TENANT, Kept, session_of

EPOCH = UUID("11111111-1111-4111-8111-111111111111")
OTHER = UUID("33333333-3333-4333-8333-333333333333")


class FakeLog:
    """A tenant's log in memory. The next `failures` readings fail; `most` readings ran at once."""

    def __init__(self, head: int = 0) -> None:
        self.epoch = EPOCH
        self.floor = 0
        self.events: list[Event] = []
        self.failures = 0
        self.gone = False
        self.reads = 0
        self.most = 0
        self._reading = asyncio.Event()
        self._now = 0
        for _ in range(head):
            self.write("kitchen")

    @property
    def head(self) -> Head:
        return Head(TENANT, self.epoch, len(self.events))

    def write(self, *topics: str) -> Event:
        event = Event(TENANT, self.epoch, len(self.events) + 1, "order", topics, Raw(b"{}"), "")
        self.events.append(event)
        return event

    def renew(self) -> None:
        """Another epoch, as after a restore."""
        self.epoch = OTHER
        self.events = [msgspec.structs.replace(event, epoch=OTHER) for event in self.events]

    async def begun(self) -> None:
        """Until something has been read for."""
        async with asyncio.timeout(5):
            await self._reading.wait()

    async def read(self, tenant_id: UUID, after: int, limit: int) -> Page:
        assert tenant_id == TENANT
        self.reads += 1
        self._reading.set()
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await asyncio.sleep(0)
            if self.failures:
                self.failures -= 1
                raise Unavailable("try again")
            rows = () if self.gone else tuple(self.events[after : after + limit])
            page = Page(self.epoch, len(self.events), self.floor, rows)
            await asyncio.sleep(0)
            return page
        finally:
            self._now -= 1


def live_feed(log: FakeLog, page: int = 500) -> Feed:
    """A feed whose position is the log's head."""
    feed = Feed(TENANT, log.read, page)
    feed.observe(log.head, -1)
    return feed


def live_session(feed: Feed, *topics: str) -> tuple[Session, Kept]:
    session, wire = session_of(feed, *topics)
    assert session.go_live(feed.seq, feed.seq)
    return session, wire


async def settled(feed: Feed) -> None:
    """Until nothing is being read."""
    async with asyncio.timeout(5):
        while (task := feed._filling) is not None:
            await asyncio.wait([task])
