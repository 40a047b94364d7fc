"""A client process of a crowd, started by `crowd`: does what it is asked for on its standard input."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import ssl
import time
from datetime import datetime
from typing import Final

import msgspec

from bench.crowd import words
from bench.crowd.guest import Guest, Refused
from bench.pipes import serve, tell

_REPORT_SECONDS: Final = 0.25
_BACKOFF_SECONDS: Final = (0.25, 8.0)
_JOIN_SECONDS: Final = 60.0  # from the first packet until live


class _Event(msgspec.Struct, frozen=True):
    kind: str
    at: str


_events: Final = msgspec.json.Decoder(_Event)


class Crowd:
    """`frames` and `bytes` count what comes."""

    def __init__(self, plan: words.Plan) -> None:
        self.address = plan.address
        self.frames = 0
        self.bytes = 0
        self._sources = plan.sources
        self._guests = [Guest(self, token) for token in plan.tokens]
        self._window = plan.window
        self._tls = ssl.create_default_context() if plan.address.secure else None
        self._inside = 0
        self._lost: dict[str, int] = {}
        self._joins = words.Joins()
        self._away = False
        self._round = 0
        self._heard = words.Heard()
        self._moments: list[float] = []
        self._all = asyncio.Event()
        self._kind = ""
        self._event = b""
        self._is_awaited = False
        self._committed = 0.0
        self._cpu = time.process_time()

    # what guests tell

    def lost(self, guest: Guest, why: str) -> None:
        if not self._away:
            self._lost[why] = self._lost.get(why, 0) + 1

    def event(self, guest: Guest, payload: bytes) -> None:
        now = time.monotonic()
        if payload != self._event:
            self._event = payload
            event = _events.decode(payload)
            self._is_awaited = event.kind == self._kind
            at = datetime.fromisoformat(event.at).timestamp()
            self._committed = at - time.time() + time.monotonic()  # on the monotonic clock
        if not self._is_awaited:
            return
        heard = self._heard
        # an event that comes again when all have had it is not the next one
        if guest.round == self._round or guest.event == payload:
            heard.repeated += 1
            return
        guest.round, guest.event = self._round, self._event
        heard.count += 1
        heard.from_commit.add(now - self._committed)
        self._moments.append(now)
        if heard.count >= self._inside:
            self._all.set()

    # what is asked for

    async def open(self, asked: words.Open) -> words.Joins:
        absent = [guest for guest in self._guests[: asked.count] if not guest.live]
        return await self._bring(absent, asked.patience, [0.0] * len(absent), self._window)

    async def reset(self, asked: words.Reset) -> words.Joins:
        """Everybody who is live comes back."""
        guests = [guest for guest in self._guests if guest.live]
        self._away = True
        try:
            await asyncio.sleep(asked.moment - time.monotonic())
            for guest in guests:
                if asked.fresh:
                    guest.forget()
                guest.gone = asyncio.get_running_loop().create_future()
                if asked.cut:
                    guest.cut()
            waits = [random.uniform(0, asked.spread) for _ in guests]
            # in a storm nobody waits for the others
            return await self._bring(guests, asked.patience, waits, len(guests) or 1, since=asked.moment)
        finally:
            self._away = False

    def listen(self, asked: words.Listen) -> words.Listening:
        self._kind, self._event = asked.kind, b""
        self._expect()
        return words.Listening()

    async def gather(self, asked: words.Gather) -> words.Heard:
        """The event may have come before this was asked."""
        if self._inside:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(asked.patience):
                    await self._all.wait()
        heard = self._heard
        for moment in self._moments:
            heard.from_sent.add(moment - asked.sent)
        self._expect()
        return heard

    def _expect(self) -> None:
        """The next event, which is made as soon as it is told that all have the last: it may come before
        anything more is read from the bench."""
        self._round += 1
        self._heard, self._moments = words.Heard(), []
        self._inside = sum(guest.live for guest in self._guests)
        self._all.clear()

    def look(self) -> words.Seen:
        now = time.monotonic()
        live = [guest for guest in self._guests if guest.live]
        cpu = time.process_time()
        seen = words.Seen(
            live=len(live),
            stale=sum(now - guest.heard > guest.patience for guest in live),
            frames=self.frames,
            bytes=self.bytes,
            lost=self._lost,
            cpu_seconds=cpu - self._cpu,
        )
        self.frames = self.bytes = 0
        self._lost, self._cpu = {}, cpu
        return seen

    def leave(self) -> None:
        for guest in self._guests:
            guest.live = False
            guest.cut()

    # joining

    async def _bring(
        self,
        guests: list[Guest],
        patience: float,
        waits: list[float],
        window: int,
        since: float | None = None,
    ) -> words.Joins:
        door = asyncio.Semaphore(window)
        joins = self._joins = words.Joins()
        started, cpu = time.monotonic() if since is None else since, time.process_time()
        reporting = asyncio.create_task(self._report(joins))
        tasks = [
            asyncio.create_task(self._enter(guest, joins, door, started + patience, wait))
            for guest, wait in zip(guests, waits, strict=True)
        ]
        try:
            if tasks:
                await asyncio.wait(tasks)
            for task in tasks:
                task.result()
        finally:
            reporting.cancel()
        joins.seconds = max(joins.ended - started, 0.0)
        joins.cpu_seconds = time.process_time() - cpu
        return joins

    async def _report(self, joins: words.Joins) -> None:
        while True:
            await asyncio.sleep(_REPORT_SECONDS)
            tell(words.Progress(joins.live, joins.refused))

    async def _enter(
        self, guest: Guest, joins: words.Joins, door: asyncio.Semaphore, deadline: float, wait: float
    ) -> None:
        if guest.gone is not None:
            async with asyncio.timeout(_JOIN_SECONDS):
                await guest.gone
            guest.gone = None
        await asyncio.sleep(wait)
        first, backoff = 0.0, _BACKOFF_SECONDS[0]
        while True:
            try:
                async with door:
                    first = first or time.monotonic()
                    await self._attempt(guest)
            except Refused as refused:
                joins.refused += 1
                pause = refused.seconds * random.uniform(1.0, 2.0)
                reason = "refused with 503"
            except (OSError, TimeoutError) as error:
                reason = guest.ended or _words(error)
                joins.retries[reason] = joins.retries.get(reason, 0) + 1
                pause = backoff * random.uniform(0.5, 1.5)
                backoff = min(2 * backoff, _BACKOFF_SECONDS[1])
                if reason[:2] in ("45", "46"):  # nothing but a change would help
                    deadline = 0.0
            else:
                now = time.monotonic()
                joins.live += 1
                joins.ended = max(joins.ended, now)
                joins.took.add(now - first)
                return
            if time.monotonic() + pause > deadline:
                joins.failed[reason] = joins.failed.get(reason, 0) + 1
                return
            await asyncio.sleep(pause)

    async def _attempt(self, guest: Guest) -> None:
        joined = guest.begin()
        where = self.address
        source = (random.choice(self._sources), 0) if self._sources else None
        async with asyncio.timeout(_JOIN_SECONDS):
            try:
                await asyncio.get_running_loop().create_connection(
                    lambda: guest, where.host, where.port, ssl=self._tls, local_addr=source
                )
                await joined
            except BaseException:  # a cancellation too must not leave it open
                guest.cut()
                raise


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


async def work(lines: asyncio.StreamReader) -> None:
    """Until the input ends."""
    crowd = Crowd(msgspec.json.decode(await lines.readline(), type=words.Plan))
    gc.freeze()
    gc.disable()  # a collection would stop the clock of everybody here
    try:
        while line := await lines.readline():
            asked = msgspec.json.decode(line, type=words.Asked)
            match asked:
                case words.Open():
                    tell(await crowd.open(asked))
                case words.Reset():
                    tell(await crowd.reset(asked))
                case words.Listen():
                    tell(crowd.listen(asked))
                case words.Gather():
                    tell(await crowd.gather(asked))
                case words.Look():
                    tell(crowd.look())
    finally:
        crowd.leave()


if __name__ == "__main__":
    serve(work)
