"""A primary that fails over: whoever publishes and whoever listens meet at the new one, and nobody stays with
an old one that still answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from hub.realtime import subscription
from hub.realtime.broker import BrokerDown
from hub.redis.sentinels import Sentinels
from tests.realtime.listening import DEADLINE, Station, channel, connected, redis_station
from tests.redis_servers import PASSWORD, SERVICE, RedisServer, SentinelSet, sentinel_set


@pytest.fixture
def sentinels() -> Iterator[SentinelSet]:
    with sentinel_set() as running:
        yield running


@pytest.fixture
async def fleet(sentinels: SentinelSet) -> AsyncIterator[list[Station]]:
    """Three brokers of one hub, connected."""
    async with AsyncExitStack() as stack:
        control = channel()
        stations = [await stack.enter_async_context(redis_station(sentinels.url, control)) for _ in range(3)]
        for station in stations:
            await station.connected()
        yield stations


async def settled(primary: RedisServer, stations: list[Station]) -> None:
    """All listen at this server, and none anywhere else."""

    def here() -> bool:
        return all(map(connected, stations)) and primary.listeners == len(stations)

    async with asyncio.timeout(DEADLINE):
        while not here():  # noqa: ASYNC110 - it is over there
            await asyncio.sleep(0.02)


async def everybody_hears(stations: list[Station], name: str, message: bytes) -> None:
    for number, station in enumerate(stations):
        one = message + b" %d" % number
        await station.broker.publish([(name, one)])
        for other in stations:
            await other.ear.hear_one(name, one)


async def test_all_follow_a_primary_that_is_killed(sentinels: SentinelSet, fleet: list[Station]) -> None:
    name = channel()
    for station in fleet:
        await station.broker.subscribe(name)
    await everybody_hears(fleet, name, b"before")
    old = sentinels.primary()
    assert old.listeners == len(fleet)
    await asyncio.to_thread(old.kill)
    with pytest.raises(BrokerDown):
        await fleet[0].broker.publish([(name, b"lost")])
    new = await asyncio.to_thread(sentinels.failed_over, old)
    async with asyncio.timeout(5):
        await settled(new, fleet)
    for station in fleet:
        await station.ear.break_off(2)
    await everybody_hears(fleet, name, b"after")


async def test_nobody_goes_back_to_a_frozen_primary_that_thaws(
    sentinels: SentinelSet, fleet: list[Station]
) -> None:
    """It believes that it still is the primary, and takes subscriptions and messages."""
    name = channel()
    for station in fleet:
        await station.broker.subscribe(name)
    old = sentinels.primary()
    await asyncio.to_thread(old.freeze)
    new = await asyncio.to_thread(sentinels.failed_over, old)
    async with asyncio.timeout(5):
        await settled(new, fleet)
    for station in fleet:
        await station.ear.break_off(2)
    await asyncio.to_thread(old.thaw)
    await asyncio.to_thread(old.wait)
    await everybody_hears(fleet, name, b"after")
    late = channel()
    for station in fleet:
        await station.stop()
        await station.connected()
        await station.broker.subscribe(late)
    await everybody_hears(fleet, late, b"late")
    assert (old.listeners, new.listeners) == (0, len(fleet))


async def test_what_went_to_the_old_primary_is_not_forgotten(
    sentinels: SentinelSet, fleet: list[Station]
) -> None:
    """A publisher that has sent to a server which was not the right one any more makes all nodes compare."""
    station, other = fleet[0], fleet[1]
    await asyncio.to_thread(sentinels.fail_over)
    for one in (station, other):
        await one.ear.hear_one(one.control, b"")
        await one.ear.break_off(2)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server is asked ten times as often."""
    monkeypatch.setattr(subscription, "_PING_SECONDS", 0.2)


async def test_a_demoted_server_is_left_although_no_sentinel_says_so(
    quick: None, sentinels: SentinelSet, fleet: list[Station]
) -> None:
    """It takes what is published, and only its own clients hear it."""
    name = channel()
    await fleet[0].broker.subscribe(name)
    old = sentinels.primary()
    other = next(server for server in sentinels.servers if server is not old)
    for sentinel in sentinels.sentinels:
        sentinel.freeze()
    await asyncio.to_thread(old.ask, "REPLICAOF", "127.0.0.1", other.port)
    async with asyncio.timeout(DEADLINE):
        # nothing is told when it goes, and the server notes a closed socket when it gets to it
        while any(map(connected, fleet)) or old.listeners:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    with pytest.raises(BrokerDown):
        await fleet[0].broker.publish([(name, b"to a replica")])
    assert not await fleet[0].broker.ping()
    await asyncio.to_thread(old.ask, "REPLICAOF", "NO", "ONE")
    for sentinel in sentinels.sentinels:
        sentinel.thaw()
    await fleet[0].ear.break_off(2)
    await fleet[0].broker.publish([(name, b"again")])
    await fleet[0].ear.hear_one(name, b"again")


async def test_sentinels_that_are_away_change_nothing_but_the_next_failover(
    sentinels: SentinelSet, fleet: list[Station]
) -> None:
    for sentinel in sentinels.sentinels[1:]:
        await asyncio.to_thread(sentinel.kill)
    async with redis_station(sentinels.url) as late:
        await late.connected()
        name = channel()
        await late.broker.subscribe(name)
        await fleet[0].broker.publish([(name, b"x")])
        await late.ear.hear_one(name, b"x")
    await asyncio.to_thread(sentinels.sentinels[0].kill)
    await fleet[0].broker.subscribe(name := channel())
    await fleet[1].broker.publish([(name, b"y")])
    await fleet[0].ear.hear_one(name, b"y")
    assert all(map(connected, fleet))


@pytest.mark.parametrize("wrong", ["service", "sentinel", "server"])
async def test_without_the_right_words_there_is_no_connection(
    wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    with sentinel_set(password=PASSWORD) as guarded:
        url = guarded.url
        match wrong:
            case "service":
                url = url.replace(f"/{SERVICE}", "/orders-of-others")
            case "sentinel":
                url = url.replace("sentinel_password=a", "sentinel_password=b")
            case "server":
                url = url.replace("://:a", "://:b")
        async with redis_station(url) as station:
            station.start()
            with pytest.raises(BrokerDown):
                await station.broker.publish([(channel(), b"x")])
            assert not connected(station)
            assert not await station.broker.ping()
    assert "of%20the%20tests" not in caplog.text
    assert "of the tests" not in caplog.text


class Witnesses:
    """Sentinels that do not agree."""

    def __init__(self, *answers: tuple[int, int] | Exception) -> None:
        self._answers = answers

    async def ask(self, address: tuple[str, int], *_: object) -> list[object]:
        answer = self._answers[address[1]]
        if isinstance(answer, Exception):
            raise answer
        epoch, port = answer
        return [[b"127.0.0.1", b"%d" % port], {b"config-epoch": b"%d" % epoch}]

    async def aclose(self) -> None:
        """Nothing is open."""


async def test_the_sentinel_that_knows_of_the_last_failover_is_believed() -> None:
    for answers in (((7, 1000), (8, 2000), (7, 1000)), ((10, 2000), ConnectionError(), (9, 1000))):
        seeds = tuple(("sentinel", number) for number in range(3))
        asked = Sentinels(seeds, SERVICE, Witnesses(*answers))  # type: ignore[arg-type]  # only asks
        assert await asked.look()
        assert asked.owner("any") == ("127.0.0.1", 2000)
        assert not await asked.look()
