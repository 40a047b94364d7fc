"""The relay: one process of the fleet, by advisory lock, reads new events from the log and publishes each to
its tenant's channel.

It remembers nothing across a start. It takes a cursor and all heads of one moment, announces itself - nodes
then compare heads, which finds whatever its predecessor had not sent - and goes on from there:

    cursor   every transaction that was running at the last look is at or after the cursor; so all events with
             xid >= cursor are read, and those already published are dropped by their seq
    heads    when a long transaction, even one in another database of the server, holds the cursor back and
             the same events are read again and again, the relay compares heads instead, until it moves

The bell: while events are few a writer rings (NOTIFY) and the relay sleeps; while they come fast it is
disarmed, because NOTIFY serialises all commits of the cluster, and the relay polls.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec

from hub.db.pool import DATABASE_ERRORS
from hub.errors import HubError
from hub.log.store import RelayLog
from hub.realtime.broker import BrokerDown
from hub.realtime.tally import add_age
from hub.telemetry.histogram import Histogram

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.log.event import Event
    from hub.realtime.broker import Broker, Channels

BELL: Final = "hub_bell"
# A takeover is noticed by trying: how often the others try.
_CANDIDATE_SECONDS: Final = 0.5
# One try in so many also looks whether the one that is the relay still says anything.
_LOOK_EVERY: Final = 6
# While the bell is armed a ring is enough; this look finds what was written while the bell was being armed.
_SAFETY_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.008
_POLL_BY_HEADS_SECONDS: Final = 0.03
# After arming, writers that read the bell before may still be committing: poll on for so long.
_GRACE_SECONDS: Final = 2.0
_BUSY_PER_SECOND: Final = 50.0
_STUCK_SECONDS: Final = 2.0
_ROWS: Final = 5000
_PER_TENANT: Final = 500
# A server that says nothing for so long may have lost its place to another: connect anew, whoever answers.
_ANSWER_SECONDS: Final = 3.0
_log = logging.getLogger(__name__)


class Relay:
    """`connect` opens a connection as hub_relay. Call `run` in a task; it serves until cancelled.

    `standing` is set while this process is the relay. `lag` are the seconds from an event's own time until it
    was published, `behind` the events that waited when the relay looked last.
    """

    def __init__(
        self, connect: Callable[[], Coroutine[Any, Any, Connection]], broker: Broker, channels: Channels
    ) -> None:
        self.standing = asyncio.Event()
        self.lag = Histogram()
        self.behind = 0
        self._connect = connect
        self._broker = broker
        self._channels = channels
        self._rung = asyncio.Event()

    async def run(self) -> None:
        """Try to become the relay, be it, and start over when its connection is lost."""
        while True:
            try:
                connection = await self._connect()
                try:
                    await self._serve(connection)
                finally:
                    self.standing.clear()
                    self.behind = 0
                    # The lock goes with the connection, at once and whatever state it is in.
                    connection.terminate()
            except (*DATABASE_ERRORS, HubError) as error:
                _log.warning("the relay lost its database", extra={"reason": repr(error)})
            await asyncio.sleep(random.uniform(0.5, 1.5) * _CANDIDATE_SECONDS)

    async def _serve(self, connection: Connection) -> None:
        log = RelayLog(connection)
        await log.limit_silence()
        for attempt in itertools.count(1):
            async with asyncio.timeout(_ANSWER_SECONDS):
                if await log.acquire():
                    break
                if attempt % _LOOK_EVERY == 0:
                    await log.end_silent()
            await asyncio.sleep(random.uniform(0.5, 1.5) * _CANDIDATE_SECONDS)
        connection.add_termination_listener(lambda _: self._rung.set())
        await connection.add_listener(BELL, lambda *_: self._rung.set())
        if await log.check_origin():
            _log.warning("the log comes from another server or timeline: every tenant has a new epoch")
        watch = Watch(log)
        await watch.start()
        self.standing.set()
        _log.info("this process is the relay")
        await self._announce()
        await self._follow(log, watch)

    async def _follow(self, log: RelayLog, watch: Watch) -> None:
        loop = asyncio.get_running_loop()
        # Whatever a dead relay left, polls come first: only a calm relay trusts the bell.
        armed, calm_since = False, loop.time()
        await log.arm(False)
        rate = Rate()
        while True:
            self._rung.clear()
            async with asyncio.timeout(_ANSWER_SECONDS):
                events = await watch.look(loop.time())
            self.behind = watch.behind
            if events:
                await self._publish(events)
            busy = rate.add(len(events), loop.time()) > _BUSY_PER_SECOND
            if busy and armed:
                await log.arm(False)
                armed = False
            elif not busy and not armed:
                await log.arm(True)
                armed, calm_since = True, loop.time()
            calm = armed and loop.time() - calm_since > _GRACE_SECONDS
            if calm:
                try:
                    async with asyncio.timeout(_SAFETY_SECONDS):
                        await self._rung.wait()
                except TimeoutError:
                    pass
            else:
                await asyncio.sleep(_POLL_BY_HEADS_SECONDS if watch.by_heads else _POLL_SECONDS)

    async def _publish(self, events: list[Event]) -> None:
        messages = [(self._channels.events(event.tenant_id), msgspec.json.encode(event)) for event in events]
        try:
            await self._broker.publish(messages)
        except BrokerDown:
            # Nodes compare heads when they are connected again, and every few seconds anyway.
            return
        for event in events:
            add_age(self.lag, event.at)

    async def _announce(self) -> None:
        try:
            await self._broker.publish([(self._channels.relay, b"")])
        except BrokerDown:
            return


class Rate:
    """Events a second, smoothed over about a second."""

    def __init__(self) -> None:
        self._value = 0.0
        self._at = 0.0

    def add(self, count: int, now: float) -> float:
        """Count events at `now` (seconds); the rate after them."""
        passed = min(1.0, now - self._at)
        self._at = now
        self._value = self._value * (1.0 - passed) + count
        return self._value


class Watch:
    """What is new in the log. Remembers the last published seq of each tenant, and how to look.

    `behind` is how many events the last look found new, those included that it could not read at once.
    """

    def __init__(self, log: RelayLog) -> None:
        self._log = log
        self._published: dict[UUID, int] = {}
        self._cursor = ""
        self._stuck_since = 0.0
        self.by_heads = False
        self.behind = 0

    async def start(self) -> None:
        """Everything up to now counts as published."""
        self._cursor, heads = await self._log.all_heads()
        self._published = {head.tenant_id: head.seq for head in heads}

    async def look(self, now: float) -> list[Event]:
        """The events that are new since the last look, each tenant's in order and without a hole."""
        if self.by_heads:
            return await self._look_by_heads()
        cursor, rows = await self._log.new_events(self._cursor, _ROWS + 1)
        if len(rows) > _ROWS:
            # What is missing at the end of the page is found by its head; the cursor stays.
            self.by_heads = True
            return await self._look_by_heads()
        fresh = self._take(rows)
        self.behind = len(fresh)
        if cursor != self._cursor or len(fresh) == len(rows):
            self._stuck_since = now
        self._cursor = cursor
        self.by_heads = now - self._stuck_since > _STUCK_SECONDS
        return fresh

    async def _look_by_heads(self) -> list[Event]:
        cursor, heads = await self._log.all_heads()
        changed = {
            head.tenant_id: self._published.get(head.tenant_id, 0)
            for head in heads
            if head.seq > self._published.get(head.tenant_id, 0)
        }
        self.behind = sum(head.seq - changed[head.tenant_id] for head in heads if head.tenant_id in changed)
        rows = await self._log.events_after(changed, _PER_TENANT) if changed else []
        fresh = self._take(rows)
        for tenant_id in changed.keys() - {event.tenant_id for event in rows}:
            # retention has taken them all; nodes learn by the heads that they need a snapshot
            self._published[tenant_id] = max(head.seq for head in heads if head.tenant_id == tenant_id)
        if all(self._published[head.tenant_id] >= head.seq for head in heads if head.tenant_id in changed):
            # Up to the moment of these heads everything is published, so their cursor holds.
            self.by_heads = cursor == self._cursor
            self._cursor = cursor
        return fresh

    def _take(self, rows: list[Event]) -> list[Event]:
        fresh: list[Event] = []
        for event in rows:
            # A gap would be retention's doing; nodes then learn by the heads that they need a snapshot.
            if event.seq > self._published.get(event.tenant_id, 0):
                self._published[event.tenant_id] = event.seq
                fresh.append(event)
        return fresh
