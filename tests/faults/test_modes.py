"""Without Redis, always or for a while: screens stay live, only a little later."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.realtime.broker import Channels
from tests.faults.watch import order_and_see, screen, until_ready
from tests.realtime.conftest import Live, running
from tests.realtime.screens import Screen

if TYPE_CHECKING:
    from hub.embedded import Servers
    from hub.settings import Settings
    from tests.factories import Hotel


async def test_one_process_without_redis_is_live(settings: Settings, hotel: Hotel) -> None:
    # Slow heads: what arrives sooner came by the broker inside the process.
    alone = msgspec.structs.replace(settings, redis_url=None, heads_seconds=30.0)
    async with running(alone, beat=2.0) as live:
        address = live.host, live.port
        async with screen(hotel.tablet(), address) as guest, screen(hotel.kitchen(), address) as kitchen:
            for _ in range(5):
                assert await order_and_see(guest, hotel, kitchen, guest) < 1.0
            assert live.hub.node.filled == 0
            assert kitchen.connections == 1


@pytest.fixture
async def two(settings: Settings) -> AsyncIterator[tuple[Live, Live]]:
    """Two hubs of one database that know nothing of each other."""
    alone = msgspec.structs.replace(settings, redis_url=None)
    async with running(alone) as relay, running(alone, relay=False) as other:
        yield relay, other


async def test_two_processes_without_redis_are_live(two: tuple[Live, Live], hotel: Hotel) -> None:
    first, second = ((live.host, live.port) for live in two)
    async with (
        screen(hotel.tablet(0), first) as guest,
        screen(hotel.tablet(1), second) as neighbour,
        screen(hotel.kitchen(), first) as near,
        screen(hotel.kitchen(), second) as far,
    ):
        for _ in range(3):
            assert await order_and_see(guest, hotel, near, far, guest) < 1.5
            assert await order_and_see(neighbour, hotel, near, far, neighbour) < 1.5
        assert not two[1].hub.relay.standing.is_set()


@pytest.mark.faults
async def test_while_redis_is_away_screens_stay_live(
    servers: Servers, settings: Settings, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings) as one, running(settings, relay=False) as two:
        first, second = (one.host, one.port), (two.host, two.port)
        brought = by_redis(settings, two, hotel, monkeypatch)
        async with screen(hotel.tablet(), first) as guest, screen(hotel.kitchen(), second) as kitchen:
            await until_ready(first, 200, "ready")
            assert await order_and_see(guest, hotel, kitchen, guest) < 1.0
            await asyncio.to_thread(servers.redis.kill)
            try:
                for _ in range(3):
                    assert await order_and_see(guest, hotel, kitchen, guest) < 1.5
                for address in (first, second):
                    await until_ready(address, 200, "degraded")
                async with screen(hotel.tablet(1), second) as late:  # who joins meanwhile is live, too
                    assert await order_and_see(late, hotel, kitchen, late) < 1.5
            finally:
                await asyncio.to_thread(servers.redis.start)
            for address in (first, second):
                await until_ready(address, 200, "ready")
            before = last(kitchen)
            for _ in range(5):
                assert await order_and_see(guest, hotel, kitchen, guest) < 1.0
            # The log may be faster than a message on its way; all the same each comes by Redis again.
            await kitchen.until(lambda: brought >= set(range(before + 1, last(kitchen) + 1)))
            assert last(kitchen) >= before + 5
            assert (guest.connections, kitchen.connections) == (1, 1)


def last(one: Screen) -> int:
    assert one.position is not None
    return one.position[1]


def by_redis(settings: Settings, live: Live, hotel: Hotel, monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The seqs of the hotel's events that a broker brings to this hub from now on."""
    seqs: set[int] = set()
    channel = Channels(settings.namespace).events(hotel.tenant_id)
    receive = live.hub.node.received

    def received(where: str, message: bytes) -> None:
        if where == channel:
            seqs.add(json.loads(message)["seq"])
        receive(where, message)

    monkeypatch.setattr(live.hub.node, "received", received)
    return seqs


async def test_a_relay_that_brings_nothing(
    settings: Settings, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands, and so does Redis: an event that the log had to bring makes a node look more often."""
    slow = msgspec.structs.replace(settings, heads_seconds=3.0)
    async with running(slow) as live:
        address = live.host, live.port
        async with screen(hotel.tablet(), address) as guest, screen(hotel.kitchen(), address) as kitchen:

            async def nothing(*_: object) -> None:
                pass

            monkeypatch.setattr(live.hub.relay, "_publish", nothing)
            await order_and_see(guest, hotel, kitchen)
            for _ in range(5):
                assert await order_and_see(guest, hotel, kitchen) < 1.5
