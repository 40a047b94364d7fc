"""Brokers with somebody who listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

from hub.realtime.broker import Broker
from hub.realtime.marks import Marks
from hub.realtime.redis_broker import RedisBroker

DEADLINE = 15.0


class Ear:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.interruptions = 0
        self._changed = asyncio.Event()

    def received(self, channel: str, message: bytes) -> None:
        self.heard.append((channel, message))
        self._changed.set()

    def interrupted(self) -> None:
        self.interruptions += 1
        self._changed.set()

    async def until(self, condition: Callable[[], bool], seconds: float = DEADLINE) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def break_off(self, times: int) -> None:
        """Wait until so many interruptions, the first connection included, have been announced."""
        await self.until(lambda: self.interruptions >= times)

    async def hear_one(self, channel: str, message: bytes) -> None:
        await self.until(lambda: (channel, message) in self.heard)

    async def hear(self, count: int) -> list[tuple[str, bytes]]:
        await self.until(lambda: len(self.heard) >= count)
        return self.heard


class Station:
    """A broker that can be started and stopped, and its ear. `control` is the channel it always hears."""

    def __init__(self, broker: Broker, control: str = "") -> None:
        self.broker = broker
        self.control = control
        self.ear = Ear()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self.broker.run(self.ear))

    async def stop(self) -> None:
        if (task := self._task) is not None:
            self._task = None
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled(), "a broker never ends by itself"

    async def connected(self) -> None:
        """Start, and wait until subscriptions stand."""
        before = self.ear.interruptions
        self.start()
        await self.ear.until(lambda: self.ear.interruptions > before)


def connected(station: Station) -> bool:
    return station.broker.connected


@asynccontextmanager
async def redis_station(url: str, control: str | None = None) -> AsyncIterator[Station]:
    control = control or f"{uuid4().hex}:relay"
    broker = RedisBroker(url, control, Marks([b"a key of these tests"]))
    station = Station(broker, control)
    try:
        yield station
    finally:
        await station.stop()
        await broker.aclose()


def channel() -> str:
    return f"test:{{{uuid4()}}}:events"
