"""A node: one process of the fleet. It holds a feed for every tenant that has a session here, and keeps the
feeds right: by the broker's messages, and by comparing heads."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from hub.errors import HubError
from hub.log.event import Event, Head
from hub.realtime.feed import Feed
from hub.realtime.protocol import CloseCode
from hub.realtime.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from hub.log.event import Page
    from hub.realtime.broker import Broker, Channels
    from hub.realtime.session import Session

# How long a feed stays after its last session: a tablet that reconnects finds its position known.
_LINGER_SECONDS: Final = 30.0
# So long after an event had to be fetched from the log, heads are compared as without a broker: one that says
# it is connected brings nothing when the relay stands still and still holds its lock.
_DOUBT_SECONDS: Final = 10.0
_log = logging.getLogger(__name__)
_decoder = msgspec.json.Decoder(Event)


class Node:
    """The feeds of this process. Call `run` in a task; it serves until cancelled.

    `courier` says whether events arrive by themselves at this moment; without it heads are compared more
    often. `heard` has who gets what hubs say to each other, by channel.
    """

    def __init__(
        self,
        broker: Broker,
        courier: Callable[[], bool],
        channels: Channels,
        heads: Callable[[Iterable[UUID]], Awaitable[list[Head]]],
        page: Callable[[UUID, int, int], Awaitable[Page]],
        *,
        heard: Mapping[str, Callable[[bytes], None]],
        page_events: int,
        heads_seconds: float,
        heads_alone_seconds: float,
    ) -> None:
        self.tally = Tally()
        self.closed: str | None = None  # why no new session is taken: others do
        self._empty = asyncio.Event()
        self._empty.set()
        self.heads_checked_at = float("-inf")
        self._broker = broker
        self._courier = courier
        self._channels = channels
        self._heads = heads
        self._page = page
        self._heard = heard
        self._page_events = page_events
        self._seconds = heads_seconds
        self._alone_seconds = heads_alone_seconds
        self._sessions: dict[UUID, Session] = {}
        self._feeds: dict[UUID, Feed] = {}
        self._by_channel: dict[str, Feed] = {}
        self._opening: dict[UUID, asyncio.Task[None]] = {}
        self._idle_since: dict[UUID, float] = {}
        self._filled = 0
        self._doubted_at = float("-inf")
        self._look = asyncio.Event()
        self._look.set()  # the first look says that heads can be read

    @property
    def filled(self) -> int:
        """Events that came from the log because the broker had not brought them."""
        return self.tally.filled

    # sessions

    @property
    def sessions(self) -> set[Session]:
        """All of this moment."""
        return set(self._sessions.values())

    async def feed(self, tenant_id: UUID) -> Feed:
        """The tenant's feed, its subscription confirmed. Add a session at once, or it may go again."""
        feed = self._feeds.get(tenant_id)
        if feed is None:
            feed = Feed(tenant_id, self._page, self._page_events, self.tally)
            feed.on_suspicion(self._look.set)
            self._feeds[tenant_id] = feed
            self._by_channel[self._channels.events(tenant_id)] = feed
            self._opening[tenant_id] = asyncio.create_task(self._open(feed), name=f"open {tenant_id}")
        self._idle_since.pop(tenant_id, None)
        if (opening := self._opening.get(tenant_id)) is not None:
            await asyncio.shield(opening)
        return feed

    def add(self, session: Session) -> None:
        """A session begins."""
        self._sessions[session.id] = session
        self.tally.sessions[session.principal.kind] += 1
        self._empty.clear()
        self._idle_since.pop(session.feed.tenant_id, None)
        session.feed.add(session)

    def remove(self, session: Session) -> None:
        """A session is over."""
        if self._sessions.pop(session.id, None) is not None:
            self.tally.sessions[session.principal.kind] -= 1
        session.feed.remove(session)
        if not self._sessions:
            self._empty.set()

    def replaced(self, session_id: UUID) -> None:
        """The session's device has a newer one; the session may be over already."""
        if (session := self._sessions.get(session_id)) is not None:
            session.close(CloseCode.REPLACED)

    async def emptied(self) -> None:
        """Wait until there is no session."""
        await self._empty.wait()

    async def _open(self, feed: Feed) -> None:
        await self._broker.subscribe(self._channels.events(feed.tenant_id))
        # Only a head read after the confirmed subscription makes a position: from there on nothing is missed.
        del self._opening[feed.tenant_id]
        self._look.set()

    # the broker's listener

    def received(self, channel: str, message: bytes) -> None:
        if channel == self._channels.relay:
            # a relay has taken over: what its predecessor had not sent is only in the log
            self._look.set()
            return
        if (hear := self._heard.get(channel)) is not None:
            hear(message)
            return
        feed = self._by_channel.get(channel)
        if feed is None:
            return
        try:
            event = _decoder.decode(message)
        except msgspec.MsgspecError:
            event = None
        if event is None or event.tenant_id != feed.tenant_id:
            _log.warning("a message is not an event of this channel", extra={"channel": channel})
        else:
            feed.receive(event)

    def interrupted(self) -> None:
        self._look.set()

    # heads

    async def run(self) -> None:
        """Compare heads, again and again, and at once whenever something may have been lost."""
        loop = asyncio.get_running_loop()
        while True:
            await self._until_next_look(loop.time() + self._seconds)
            self._look.clear()
            try:
                await self._compare()
                self.heads_checked_at = loop.time()
            except HubError as error:
                _log.warning("heads cannot be read", extra={"reason": error.code})
                await asyncio.sleep(self._alone_seconds)
                self._look.set()
            await self._drop_idle(loop.time())

    async def _until_next_look(self, due: float) -> None:
        # In short steps: a broker that is lost in the meantime shall not cost the whole interval.
        while not self._look.is_set():
            try:
                async with asyncio.timeout(self._alone_seconds):
                    await self._look.wait()
            except TimeoutError:
                now = asyncio.get_running_loop().time()
                if self._doubts(now) or now >= due:
                    return

    def _doubts(self, now: float) -> bool:
        """Whether events may not arrive by themselves."""
        if (filled := self.filled) != self._filled:
            self._filled, self._doubted_at = filled, now
        return not self._courier() or now - self._doubted_at < _DOUBT_SECONDS

    async def _compare(self) -> None:
        # A feed that is still opening must not take a position: its subscription is not confirmed.
        before = {
            tenant_id: feed.seq for tenant_id, feed in self._feeds.items() if tenant_id not in self._opening
        }
        if not before:
            return
        heads = await self._heads(before)
        for tenant_id in before.keys() - {head.tenant_id for head in heads}:
            if (feed := self._feeds.get(tenant_id)) is not None:
                feed.vanish()
        for head in heads:
            if (feed := self._feeds.get(head.tenant_id)) is not None:
                feed.observe(head, before[head.tenant_id])

    async def _drop_idle(self, now: float) -> None:
        for tenant_id, feed in list(self._feeds.items()):
            if not feed.idle or tenant_id in self._opening:
                self._idle_since.pop(tenant_id, None)
            elif now - self._idle_since.setdefault(tenant_id, now) > _LINGER_SECONDS:
                channel = self._channels.events(tenant_id)
                del self._feeds[tenant_id], self._by_channel[channel], self._idle_since[tenant_id]
                await feed.aclose()
                # the tenant may have come back while this waited
                if channel not in self._by_channel:
                    await self._broker.unsubscribe(channel)

    async def aclose(self) -> None:
        """Stop all reading."""
        for task in list(self._opening.values()):
            task.cancel()
        for feed in self._feeds.values():
            await feed.aclose()
