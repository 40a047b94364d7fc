"""States are shared through a Sentinel set and through a Cluster, also after a primary has died."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

from msgspec import Raw

from hub.log.event import Entry, State
from hub.realtime.shelf import RedisShelf
from hub.realtime.states import Kept
from tests.redis_servers import redis_cluster, sentinel_set

DEADLINE = 30.0


@asynccontextmanager
async def shelves(url: str) -> AsyncIterator[tuple[RedisShelf, RedisShelf]]:
    """Those of two processes."""
    pair = RedisShelf(url, "hub", [bytes(32)]), RedisShelf(url, "hub", [bytes(32)])
    yield pair
    for shelf in pair:
        await shelf.aclose()


async def shared(pair: tuple[RedisShelf, RedisShelf], hotel: UUID) -> None:
    """Returns when one of them finds what the other one has put there."""
    kept = Kept(State(uuid4(), 1, (Entry("hotel", ("menu",), Raw(b"{}")),)), 1.0)
    async with asyncio.timeout(DEADLINE):
        while await pair[1].take(hotel) != kept:
            await pair[0].put(hotel, kept)
            await asyncio.sleep(0.02)


async def test_through_a_cluster() -> None:
    with redis_cluster() as cluster:
        async with shelves(cluster.url) as pair:
            hotels = [uuid4() for _ in range(20)]
            for hotel in hotels:
                await shared(pair, hotel)
            name = f"hub:{{{hotels[0]}}}:events"
            owner = cluster.owner(name)
            await asyncio.to_thread(owner.kill)
            await asyncio.to_thread(cluster.failed_over, name, owner)
            for hotel in hotels:
                await shared(pair, hotel)


async def test_through_sentinels() -> None:
    with sentinel_set() as servers:
        async with shelves(servers.url) as pair:
            await shared(pair, uuid4())
            old = servers.primary()
            await asyncio.to_thread(old.kill)
            await asyncio.to_thread(servers.failed_over, old)
            await shared(pair, uuid4())
