"""The node that owns a hotel's slot dies or freezes, and slots move, while people work: screens stay right,
and both hubs meet again at the new owner."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from hub.realtime.broker import Channels
from tests.faults.brokers import pair
from tests.redis_servers import RedisCluster, redis_cluster

if TYPE_CHECKING:
    from hub.settings import Settings
    from tests.factories import Hotel

pytestmark = pytest.mark.faults


@pytest.fixture
def cluster() -> Iterator[RedisCluster]:
    with redis_cluster() as running:
        yield running


@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_screens_outlive_the_owner_of_their_slot(
    how: str, settings: Settings, hotel: Hotel, cluster: RedisCluster
) -> None:
    channel = Channels(settings.namespace).events(hotel.tenant_id)
    async with pair(settings, cluster.url, hotel) as hubs:
        old = cluster.owner(channel)
        await asyncio.to_thread(old.kill if how == "kill" else old.freeze)
        new = await asyncio.to_thread(cluster.failed_over, channel, old)
        await hubs.healed()
        await asyncio.to_thread(new.heard_by, channel, 2)
        await hubs.carried_by_redis(30)
        if how == "freeze":
            await asyncio.to_thread(old.thaw)
            await asyncio.to_thread(old.wait)
            await hubs.carried_by_redis(30)
            assert new.subscribers(channel) == 2


async def test_screens_follow_a_slot_that_moves(
    settings: Settings, hotel: Hotel, cluster: RedisCluster
) -> None:
    channels = Channels(settings.namespace)
    channel = channels.events(hotel.tenant_id)
    async with pair(settings, cluster.url, hotel) as hubs:
        for _ in range(3):
            source, target = await asyncio.to_thread(cluster.move, channel)
            await hubs.healed()
            await asyncio.to_thread(target.heard_by, channel, 2)
            await hubs.carried_by_redis(20)
            assert (source.subscribers(channel), target.subscribers(channel)) == (0, 2)
        for control in (channels.relay, channels.sessions):
            _, target = await asyncio.to_thread(cluster.move, control)
            await asyncio.to_thread(target.heard_by, control, 2)
        await hubs.healed()
        await hubs.carried_by_redis(20)
