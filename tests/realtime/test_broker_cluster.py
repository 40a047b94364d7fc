"""Slots that move, primaries that die: a channel is subscribed where its slot is, and messages go there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from hub.realtime.broker import BrokerDown
from hub.redis.cluster import SLOTS, Cluster, owners, slot_of
from tests.realtime.listening import DEADLINE, Station, channel, connected, redis_station
from tests.redis_servers import RedisCluster, RedisServer, redis_cluster


@pytest.fixture
def cluster() -> Iterator[RedisCluster]:
    with redis_cluster() as running:
        yield running


@pytest.fixture
async def pair(cluster: RedisCluster) -> AsyncIterator[list[Station]]:
    """Two brokers of one hub, connected."""
    async with AsyncExitStack() as stack:
        control = channel()
        stations = [await stack.enter_async_context(redis_station(cluster.url, control)) for _ in range(2)]
        for station in stations:
            await station.connected()
        yield stations


def channel_of(cluster: RedisCluster, node: RedisServer) -> str:
    """A new channel that this node owns."""
    while cluster.owner(name := channel()) is not node:
        pass
    return name


def channels_at(node: RedisServer) -> set[str]:
    return set(node.ask("PUBSUB", "SHARDCHANNELS"))


def heard(station: Station, name: str) -> list[bytes]:
    return [message for one, message in station.ear.heard if one == name]


async def test_every_channel_is_subscribed_at_its_owner_and_there_alone(
    cluster: RedisCluster, pair: list[Station]
) -> None:
    names = [channel() for _ in range(300)]
    await asyncio.gather(*(pair[0].broker.subscribe(name) for name in names))
    primaries = [node for node in cluster.nodes if node.role == "master"]
    found = [channels_at(node) & set(names) for node in primaries]
    assert all(found), "all primaries carry some"
    assert sum(map(len, found)) == len(names)
    for node, some in zip(primaries, found, strict=True):
        assert all(cluster.owner(name) is node for name in sorted(some)[:5])
    for replica in (node for node in cluster.nodes if node not in primaries):
        assert not channels_at(replica)
    await pair[1].broker.publish([(name, b"x") for name in names])
    assert sorted(await pair[0].ear.hear(len(names))) == sorted((name, b"x") for name in names)
    for name in names:
        await pair[0].broker.unsubscribe(name)
    async with asyncio.timeout(DEADLINE):
        while any(channels_at(node) & set(names) for node in primaries):  # noqa: ASYNC110 - it is over there
            await asyncio.sleep(0.02)


async def test_a_slot_that_moves_is_followed(cluster: RedisCluster, pair: list[Station]) -> None:
    name, beside = channel(), channel()
    for station in pair:
        await station.broker.subscribe(name)
        await station.broker.subscribe(beside)
    for turn in (2, 3):
        source, target = await asyncio.to_thread(cluster.move, name)
        for station in pair:
            await station.ear.break_off(turn)
            assert connected(station)
        assert (name in channels_at(source), name in channels_at(target)) == (False, True)
        await pair[0].broker.publish([(name, b"%d" % turn), (beside, b"%d" % turn)])
        for station in pair:
            await station.ear.hear_one(name, b"%d" % turn)
            await station.ear.hear_one(beside, b"%d" % turn)
    assert heard(pair[1], name) == [b"2", b"3"]
    for station in pair:
        # whoever had published to the old owner has said so
        await station.ear.hear_one(station.control, b"")


async def test_what_the_old_owner_refuses_goes_to_the_new_one(
    monkeypatch: pytest.MonkeyPatch, cluster: RedisCluster
) -> None:
    """Nobody has told this process that the slots have moved."""
    monkeypatch.setattr(Cluster, "seconds", 600.0)
    control = channel()
    async with redis_station(cluster.url, control) as station, redis_station(cluster.url, control) as ear:
        await station.connected()
        name, late = channel(), channel()
        await asyncio.to_thread(cluster.move, name)
        await ear.connected()
        await ear.broker.subscribe(name)
        wanted = [b"%d" % number for number in range(20)]
        await station.broker.publish([(name, message) for message in wanted])
        await ear.ear.hear_one(name, wanted[-1])
        assert heard(ear, name) == wanted
        # what it had sent before may have gone to the old owner, and others were elsewhere by then
        await ear.ear.hear_one(control, b"")
        await asyncio.to_thread(cluster.move, late)
        await station.broker.subscribe(late)
        await station.ear.break_off(2)
        assert late in channels_at(cluster.owner(late))
        await ear.broker.publish([(late, b"x")])
        await station.ear.hear_one(late, b"x")
        # the old owner ends the subscription, and only that says that the slot has moved
        await asyncio.to_thread(cluster.move, late)
        await station.ear.break_off(3)
        assert late in channels_at(cluster.owner(late))


@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_a_dead_owner_is_replaced_and_holds_up_nobody_else(
    how: str, cluster: RedisCluster, pair: list[Station]
) -> None:
    name = channel()
    old = cluster.owner(name)
    beside = channel_of(cluster, next(node for node in cluster.nodes[:3] if node is not old))
    for station in pair:
        await station.broker.subscribe(name)
        await station.broker.subscribe(beside)
    await asyncio.to_thread(old.kill if how == "kill" else old.freeze)
    with pytest.raises(BrokerDown):
        await pair[0].broker.publish([(name, b"lost"), (beside, b"first")])
    await pair[1].ear.hear_one(beside, b"first")
    new = await asyncio.to_thread(cluster.failed_over, name, old)
    async with asyncio.timeout(5):
        for station in pair:
            await station.ear.break_off(2)
            while not connected(station):  # noqa: ASYNC110 - the other's channels may still be on their way
                await asyncio.sleep(0.02)
    if how == "freeze":
        await asyncio.to_thread(old.thaw)
        await asyncio.to_thread(old.wait)
    await pair[0].broker.publish([(name, b"after"), (beside, b"after")])
    for station in pair:
        await station.ear.hear_one(name, b"after")
        await station.ear.hear_one(beside, b"after")
    assert name in channels_at(new)


async def test_one_seed_that_answers_is_enough(cluster: RedisCluster) -> None:
    nowhere = RedisServer.__name__  # no such host
    url = cluster.url.replace("redis+cluster://", f"redis+cluster://127.0.0.1:1,{nowhere}.invalid:6379,")
    async with redis_station(url) as station:
        await station.connected()
        await station.broker.subscribe(name := channel())
        await station.broker.publish([(name, b"x")])
        await station.ear.hear_one(name, b"x")


def test_a_slot_belongs_to_its_tag() -> None:
    assert slot_of("123456789") == 0x31C3
    assert slot_of("hub:{a}:events") == slot_of("{a}") == slot_of("a")
    assert slot_of("{}a") != slot_of("a")
    assert slot_of("a{b}{c}") == slot_of("b")


def test_of_two_who_claim_a_slot_the_later_election_counts() -> None:
    old, new, other = ("old", 1), ("new", 1), ("other", 1)
    found = owners(frozenset({(0, 99, 3, old), (50, 50, 7, new), (60, 60, 2, new), (100, 200, 5, other)}))
    assert (len(found), found[49], found[50], found[60], found[100]) == (SLOTS, old, new, old, other)
    assert found[201] is None
