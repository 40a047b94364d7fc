"""The contract of a broker, for all of them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager

import pytest

from hub.embedded import Servers
from hub.realtime.broker import BrokerDown, MemoryBroker
from tests.realtime.listening import Station, channel, connected, redis_station
from tests.redis_servers import PASSWORD, RedisCluster, SentinelSet, redis_cluster, sentinel_set


@pytest.fixture(scope="module")
def sentinels() -> Iterator[SentinelSet]:
    with sentinel_set(password=PASSWORD) as running:
        yield running


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    with redis_cluster(password=PASSWORD) as running:
        yield running


@asynccontextmanager
async def station_of(form: str, request: pytest.FixtureRequest) -> AsyncIterator[Station]:
    if form == "memory":
        made = Station(MemoryBroker())
        yield made
        await made.stop()
        return
    where: Servers | SentinelSet | RedisCluster = request.getfixturevalue(form)
    async with redis_station(where.redis_url if isinstance(where, Servers) else where.url) as made:
        yield made


@pytest.fixture(params=["servers", "sentinels", "cluster", "memory"])
async def station(request: pytest.FixtureRequest) -> AsyncIterator[Station]:
    """Not started yet."""
    async with station_of(request.param, request) as made:
        yield made


@pytest.fixture(params=["servers", "sentinels", "memory"])
async def single(request: pytest.FixtureRequest) -> AsyncIterator[Station]:
    """Not started yet; all channels are in one place."""
    async with station_of(request.param, request) as made:
        yield made


def by_channel(messages: list[tuple[str, bytes]]) -> dict[str, list[bytes]]:
    """Each channel has its order."""
    found = defaultdict(list)
    for name, message in messages:
        found[name].append(message)
    return found


class TestContract:
    """What the relay and the nodes rely on, whichever broker there is."""

    async def test_it_says_honestly_whether_it_is_connected(self, station: Station) -> None:
        assert not connected(station)
        assert not await station.broker.ping()
        await station.connected()
        assert connected(station)
        assert await station.broker.ping()
        await station.stop()
        assert not connected(station)
        assert not await station.broker.ping()

    async def test_every_connection_is_announced_as_an_interruption(self, station: Station) -> None:
        assert station.ear.interruptions == 0
        for number in (1, 2, 3):
            await station.connected()
            assert station.ear.interruptions == number
            await station.stop()

    async def test_each_channel_keeps_its_order(self, station: Station) -> None:
        await station.connected()
        names = [channel() for _ in range(3)]
        for name in names:
            await station.broker.subscribe(name)
        wanted = [(names[number % 3], b"%d" % number) for number in range(1200)]
        await asyncio.gather(
            *(station.broker.publish([one for one in wanted if one[0] == name]) for name in names)
        )
        heard = await station.ear.hear(len(wanted))
        for name in names:
            assert [one for one in heard if one[0] == name] == [one for one in wanted if one[0] == name]

    async def test_one_publishing_keeps_the_order_of_all_in_one_place(self, single: Station) -> None:
        await single.connected()
        names = [channel() for _ in range(3)]
        for name in names:
            await single.broker.subscribe(name)
        wanted = [(names[number % 3], b"%d" % number) for number in range(1200)]
        await single.broker.publish(wanted)
        assert await single.ear.hear(len(wanted)) == wanted

    async def test_what_is_published_after_a_confirmed_subscription_arrives(self, station: Station) -> None:
        await station.connected()
        for number in range(50):
            name = channel()
            await station.broker.subscribe(name)
            await station.broker.publish([(name, b"first")])
            assert (await station.ear.hear(number + 1))[number] == (name, b"first")

    async def test_other_channels_are_silent(self, station: Station) -> None:
        await station.connected()
        mine, other = channel(), channel()
        await station.broker.subscribe(mine)
        await station.broker.publish([(other, b"x"), (mine, b"y"), (other, b"z")])
        assert await station.ear.hear(1) == [(mine, b"y")]

    async def test_an_unsubscribed_channel_is_silent(self, station: Station) -> None:
        await station.connected()
        left, kept = channel(), channel()
        for name in (left, kept):
            await station.broker.subscribe(name)
        await station.broker.publish([(left, b"1")])
        await station.ear.hear(1)
        await station.broker.unsubscribe(left)
        await station.broker.unsubscribe(left)
        await station.broker.subscribe(other := channel())  # in order, so the other has been worked on
        await station.broker.publish([(left, b"2"), (kept, b"3"), (other, b"4")])
        wanted = [(left, b"1"), (kept, b"3"), (other, b"4")]
        assert by_channel(await station.ear.hear(3)) == by_channel(wanted)

    async def test_a_subscription_made_while_disconnected_stands_afterwards(self, station: Station) -> None:
        early, late = channel(), channel()
        async with asyncio.timeout(1):
            await station.broker.subscribe(early)
        await station.connected()
        await station.broker.publish([(early, b"1")])
        await station.ear.hear(1)
        await station.stop()
        async with asyncio.timeout(1):
            await station.broker.subscribe(late)
            await station.broker.unsubscribe(early)
        await station.connected()
        await station.broker.publish([(early, b"no"), (late, b"2")])
        assert await station.ear.hear(2) == [(early, b"1"), (late, b"2")]

    async def test_subscribing_twice_is_hearing_once(self, station: Station) -> None:
        await station.connected()
        name = channel()
        await asyncio.gather(*(station.broker.subscribe(name) for _ in range(5)))
        await station.broker.publish([(name, b"1"), (name, b"2")])
        assert await station.ear.hear(2) == [(name, b"1"), (name, b"2")]

    async def test_the_last_word_on_a_channel_counts(self, station: Station) -> None:
        """Rooms come and go at once; what is wanted in the end is what stands."""
        await station.connected()
        names = [channel() for _ in range(20)]
        for number in range(7):
            act = station.broker.unsubscribe if number % 2 else station.broker.subscribe
            await asyncio.gather(*(act(name) for name in names))
        races: list[Awaitable[None]] = []
        for name in names:
            races += [station.broker.unsubscribe(name), station.broker.subscribe(name)]
        await asyncio.gather(*races)
        await station.broker.publish([(name, b"x") for name in names])
        assert by_channel(await station.ear.hear(len(names))) == {name: [b"x"] for name in names}

    async def test_octets_arrive_as_they_are(self, station: Station) -> None:
        await station.connected()
        name = channel()
        await station.broker.subscribe(name)
        messages = [b"", b"\0\r\n\xff", bytes(range(256)) * 4096]
        await station.broker.publish([(name, message) for message in messages])
        assert await station.ear.hear(3) == [(name, message) for message in messages]


async def test_without_a_listener_nothing_inside_one_process_is_delivered() -> None:
    """Redis needs none; that it says when it is gone, the tests below show."""
    station = Station(MemoryBroker())
    with pytest.raises(BrokerDown):
        await station.broker.publish([(channel(), b"x")])
    await station.connected()
    await station.stop()
    with pytest.raises(BrokerDown):
        await station.broker.publish([(channel(), b"x")])
