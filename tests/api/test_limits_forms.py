"""Rate limits on a Sentinel set and on a cluster, and through a failover of each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from hub.security.limits import Limiter, Rule
from tests.api.test_limits import allowed, limiters
from tests.redis_servers import PASSWORD, RedisCluster, SentinelSet, redis_cluster, sentinel_set

if TYPE_CHECKING:
    from hub.settings import Settings


@pytest.fixture(params=[sentinel_set, redis_cluster])
def place(request: pytest.FixtureRequest) -> Iterator[SentinelSet | RedisCluster]:
    with request.param(password=PASSWORD) as running:
        yield running


async def counts_in_redis(limiter: Limiter) -> None:
    async with asyncio.timeout(20):
        while limiter.away is not None:
            await asyncio.wait([limiter.away])


@pytest.mark.faults
async def test_counts_are_shared_also_after_a_failover(
    settings: Settings, place: SentinelSet | RedisCluster
) -> None:
    async with limiters(settings, 2, redis_url=place.url) as (one, other):
        for who in map(str, range(30)):
            assert await allowed(one, 2, who=who) == 2
            assert await allowed(other, 5, who=who) == 1
            assert await allowed(one, 1, who=who) == 0
        assert one.away is None
        assert other.away is None
        if isinstance(place, SentinelSet):
            primary = place.primary()
            await asyncio.to_thread(primary.freeze)
        else:
            primary = place.owner("a name")
            await asyncio.to_thread(primary.freeze)
        for limiter in (one, other):
            # nobody waits for more than one deadline, nobody is let through without a count
            async with asyncio.timeout(10):
                for who in map(str, range(100, 130)):
                    assert await allowed(limiter, 10, Rule.MAIL_ACCOUNT, who) <= 10
        if isinstance(place, SentinelSet):
            await asyncio.to_thread(place.failed_over, primary)
        else:
            await asyncio.to_thread(place.failed_over, "a name", primary)
        for turn in range(200, 240):
            await counts_in_redis(one)
            await counts_in_redis(other)
            if await allowed(one, 2, who=str(turn)) + await allowed(other, 5, who=str(turn)) == 3:
                break
        else:
            raise AssertionError("counts are not shared again")
        assert one.away is None
        assert other.away is None
