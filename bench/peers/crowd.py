"""A client process, started by `hand`: all sockets to one server, and the events published to it. Reads a
plan and batches."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from array import array
from typing import Final

import msgspec

from bench.peers.member import Group, Member
from bench.peers.plan import Batch, Finished, Joined, Plan, Ready
from bench.peers.post import Post, open_post, spread
from bench.peers.source import Logged, MadeUp, Prepared, Source
from bench.peers.speech import speech
from bench.pipes import serve, tell
from hub.drive.frames import BadFrame
from hub.drive.histogram import Histogram
from hub.drive.metronome import Metronome
from hub.errors import Unavailable

_JOINS_AT_ONCE: Final = 100
_JOIN_SECONDS: Final = 120.0
_EXAMPLES: Final = 5
# A frame too many would come right behind the last one that is due.
_LISTEN_SECONDS: Final = 0.05


class Crowd:
    """All members of all groups: their `Audience`. `faults` are those since the last batch, by kind."""

    def __init__(self, plan: Plan) -> None:
        self.port = plan.port
        self.speech = speech(plan.server, plan.hub.tokens if plan.hub else [])
        self.timed = False
        self.preparing = False
        self.latencies: array[float] = array("d")
        self.others = 0
        self._plan = plan
        self._groups = [Group(self) for _ in range(plan.shape.groups)]
        self.faults: dict[str, int] = {}
        self._examples: list[str] = []
        self._post: Post | None = None
        self._source: Source | None = None
        self._events: list[Prepared] = []
        self._places: list[int] = []
        self._sent = 0
        self._done = 0
        self._refill = False
        self._finished = asyncio.Event()
        self._ended = 0.0

    def group_of(self, number: int) -> int:
        return number // self._plan.shape.sockets

    def fault(self, kind: str, words: str) -> None:
        self.faults[kind] = self.faults.get(kind, 0) + 1
        if len(self._examples) < _EXAMPLES:
            self._examples.append(f"{kind}: {words}")

    async def join(self) -> Joined:
        """Connect every socket, and be ready to publish. Raises Unavailable."""
        plan = self._plan
        loop = asyncio.get_running_loop()
        door = asyncio.Semaphore(_JOINS_AT_ONCE)

        async def enter(number: int) -> None:
            group = self._groups[self.group_of(number)]
            async with door:
                member = Member(group, number, loop.create_future())
                joined = member.joined
                assert joined is not None
                group.members.append(member)
                await loop.create_connection(lambda: member, "127.0.0.1", plan.port)
                await joined

        started, used = time.monotonic(), time.process_time()
        try:
            async with asyncio.timeout(_JOIN_SECONDS), asyncio.TaskGroup() as group:
                for number in range(plan.shape.all_sockets):
                    group.create_task(enter(number))
        except* (OSError, BadFrame, TimeoutError) as errors:
            first: BaseException = errors
            while isinstance(first, BaseExceptionGroup):
                first = first.exceptions[0]
            raise Unavailable(f"a client cannot join {plan.server}: {first!r}") from None
        took = Joined(time.monotonic() - started, time.process_time() - used)
        self._post = await open_post(
            plan.server, plan.port, plan.redis, lambda words: self.fault("publisher", words)
        )
        self._source = await Logged.open(plan.hub) if plan.hub else MadeUp(self.speech, self._post)
        return took

    async def prepare(self, batch: Batch) -> None:
        """Build the events of a batch, and expect them."""
        assert self._source is not None
        order = spread(len(self._groups), batch.events)
        self.preparing = True
        self._events = await self._source.prepare(order)
        self.preparing = False
        frames: list[list[bytes]] = [[] for _ in self._groups]
        self._places = []
        for event in self._events:
            self._places.append(len(frames[event.group]))
            frames[event.group].append(event.frame)
        for group, own in zip(self._groups, frames, strict=True):
            group.begin(own)
        self._sent = self._done = self.others = 0
        self._finished = asyncio.Event()
        self.timed = batch.rate > 0
        self.latencies = array("d")

    async def run(self, batch: Batch) -> Finished:
        """Publish, and wait until everybody has everything, or patience ends. After a fault in the meantime
        nothing is published: it would wait for what has come already."""
        if self.faults:
            return self._finished_at_once()
        used, started = time.process_time(), time.monotonic()
        late = Histogram()
        self._refill = not self.timed
        ticking: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        if self.timed:
            moments = [started + (number + 0.5) / batch.rate for number in range(batch.events)]
            ticking = Metronome(moments, lambda: self._tick(moments, late))
        else:
            for _ in range(min(batch.outstanding, batch.events)):
                self._publish(started)
        with ticking:
            try:
                async with asyncio.timeout(batch.patience):
                    await self._finished.wait()
            except TimeoutError:
                self._ended = time.monotonic()
        self._refill = False
        seconds, used = self._ended - started, time.process_time() - used
        await asyncio.sleep(_LISTEN_SECONDS)
        for group in self._groups:
            for place, left in enumerate(group.left):
                if left:
                    self.fault("missing", f"event {place} of a group did not reach {left} of its sockets")
        latency = Histogram()
        for value in self.latencies:
            latency.add(value)
        missing = sum(sum(group.left) for group in self._groups)
        deliveries = batch.events * self._plan.shape.sockets - missing
        faults, self.faults = self.faults, {}
        examples, self._examples = self._examples, []
        return Finished(seconds, deliveries, faults, examples, self.others, used, latency, late)

    def complete(self) -> None:
        self._done += 1
        if self._done == len(self._events):
            self._ended = time.monotonic()
            self._finished.set()
        elif self._refill and self._sent < len(self._events):
            self._publish(0.0)

    def _finished_at_once(self) -> Finished:
        faults, self.faults = self.faults, {}
        examples, self._examples = self._examples, []
        return Finished(0.0, 0, faults, examples, self.others, 0.0, Histogram(), Histogram())

    def leave(self) -> None:
        for group in self._groups:
            for member in group.members:
                member.close()
        if self._post is not None:
            self._post.close()
        if self._source is not None:
            self._source.close()

    def _publish(self, due: float) -> None:
        assert self._post is not None
        event, place = self._events[self._sent], self._places[self._sent]
        self._sent += 1
        group = self._groups[event.group]
        group.starts[place] = due
        group.sent = place + 1
        self._post.send(event.group, event.built)

    def _tick(self, moments: list[float], late: Histogram) -> None:
        now = time.monotonic()
        while self._sent < len(moments) and moments[self._sent] <= now:
            late.add(now - moments[self._sent])
            self._publish(moments[self._sent])


async def work(lines: asyncio.StreamReader) -> None:
    """Until the input ends."""
    crowd = Crowd(msgspec.json.decode(await lines.readline(), type=Plan))
    try:
        tell(await crowd.join())
        # A collection would stop the clock of everybody here; batches make little garbage in cycles.
        gc.freeze()
        gc.disable()
        while line := await lines.readline():
            batch = msgspec.json.decode(line, type=Batch)
            await crowd.prepare(batch)
            tell(Ready())
            await lines.readline()
            tell(await crowd.run(batch))
            gc.collect()
    finally:
        crowd.leave()


if __name__ == "__main__":
    serve(work)
