"""The primary of a Sentinel set dies or freezes while people work: screens stay right, and both hubs meet
again at the new one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.faults.brokers import pair
from tests.redis_servers import SentinelSet, sentinel_set

if TYPE_CHECKING:
    from hub.settings import Settings
    from tests.factories import Hotel

pytestmark = pytest.mark.faults


@pytest.fixture
def sentinels() -> Iterator[SentinelSet]:
    with sentinel_set() as running:
        yield running


@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_screens_outlive_the_primary(
    how: str, settings: Settings, hotel: Hotel, sentinels: SentinelSet
) -> None:
    async with pair(settings, sentinels.url, hotel) as hubs:
        old = await asyncio.to_thread(sentinels.primary)
        await asyncio.to_thread(old.kill if how == "kill" else old.freeze)
        new = await asyncio.to_thread(sentinels.failed_over, old)
        await hubs.healed()
        await asyncio.to_thread(new.listened_to, 2)
        await hubs.carried_by_redis(30)
        if how == "freeze":
            # it takes messages and believes that it is the primary; nobody may believe it
            await asyncio.to_thread(old.thaw)
            await asyncio.to_thread(old.wait)
            await hubs.carried_by_redis(30)
            assert old.listeners == 0
        assert new.listeners == 2


async def test_a_failover_in_order(settings: Settings, hotel: Hotel, sentinels: SentinelSet) -> None:
    async with pair(settings, sentinels.url, hotel) as hubs:
        for _ in range(2):
            old = await asyncio.to_thread(sentinels.primary)
            await asyncio.to_thread(sentinels.fail_over)
            new = await asyncio.to_thread(sentinels.failed_over, old)
            await hubs.healed()
            await asyncio.to_thread(new.listened_to, 2)
            await hubs.carried_by_redis(20)
