"""The contract of a broker, for both of them; and what only one over a network can suffer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from hub.realtime import redis_broker
from hub.realtime.broker import Broker, BrokerDown, MemoryBroker
from hub.realtime.marks import Marks
from hub.realtime.redis_broker import RedisBroker

if TYPE_CHECKING:
    from hub.embedded import Servers

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
    """A broker that can be started and stopped, and its ear."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
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
async def redis_station(url: str) -> AsyncIterator[Station]:
    broker = RedisBroker(url, f"{uuid4().hex}:relay", Marks([b"a key of these tests"]))
    station = Station(broker)
    try:
        yield station
    finally:
        await station.stop()
        await broker.aclose()


@pytest.fixture(params=["redis", "memory"])
async def station(request: pytest.FixtureRequest) -> AsyncIterator[Station]:
    """Not started yet."""
    if request.param == "redis":
        servers: Servers = request.getfixturevalue("servers")
        async with redis_station(servers.redis_url) as made:
            yield made
    else:
        made = Station(MemoryBroker())
        yield made
        await made.stop()


def channel() -> str:
    return f"test:{{{uuid4()}}}:events"


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

    async def test_one_publishing_keeps_the_order_of_all(self, station: Station) -> None:
        await station.connected()
        names = [channel() for _ in range(3)]
        for name in names:
            await station.broker.subscribe(name)
        wanted = [(names[number % 3], b"%d" % number) for number in range(1200)]
        await station.broker.publish(wanted)
        assert await station.ear.hear(len(wanted)) == wanted

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
        assert await station.ear.hear(3) == [(left, b"1"), (kept, b"3"), (other, b"4")]

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
        assert await station.ear.hear(len(names)) == [(name, b"x") for name in names]

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


# only over a network


async def test_two_thousand_channels(servers: Servers) -> None:
    async with redis_station(servers.redis_url) as station, redis_station(servers.redis_url) as other:
        names = [channel() for _ in range(2000)]
        for name in names[:1000]:
            await station.broker.subscribe(name)
        await station.connected()
        await other.connected()
        await asyncio.gather(*(station.broker.subscribe(name) for name in names[1000:]))
        await other.broker.publish([(name, b"x") for name in names])
        assert await station.ear.hear(2000) == [(name, b"x") for name in names]
        assert station.ear.interruptions == 1


class Cable:
    """A TCP proxy before a server on a socket file, that can be stalled (silent, open) and cut."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def serve(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        try:
            far_reader, far = await asyncio.open_unix_connection(self._path)
        except OSError:
            near.transport.abort()
            return
        self._writers |= {near, far}
        for reader, writer in ((near_reader, far), (far_reader, near)):
            task = asyncio.create_task(self._pump(reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    def stall(self) -> None:
        """Nothing comes through, and nobody is told."""
        self._flows.clear()

    def flow(self) -> None:
        self._flows.set()

    def cut(self) -> None:
        """Every connection ends now."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def cable(servers: Servers) -> AsyncIterator[Cable]:
    """Between a broker and the Redis of the tests."""
    made = Cable(Path(servers.redis_url.partition("unix://")[2].partition("?")[0]))
    async with await asyncio.start_server(made.serve, "127.0.0.1", 0) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made
        made.cut()
        await made.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds of silence last a tenth."""
    for name in ("_SILENCE_SECONDS", "_PING_SECONDS", "_TIMEOUT_SECONDS"):
        monkeypatch.setattr(redis_broker, name, getattr(redis_broker, name) / 10)


@pytest.fixture
async def wired(impatient: None, cable: Cable) -> AsyncIterator[Station]:
    """A connected broker behind the cable."""
    async with redis_station(f"redis://127.0.0.1:{cable.port}/0") as station:
        await station.connected()
        yield station


async def test_cuts_at_any_moment_end_nothing(cable: Cable, wired: Station) -> None:
    """Channels come and go while the connection is cut again and again: calls return, the broker lives on."""
    kept = channel()
    await wired.broker.subscribe(kept)
    over = asyncio.Event()

    async def come_and_go() -> None:
        while not over.is_set():
            name = channel()
            async with asyncio.timeout(DEADLINE):
                await wired.broker.subscribe(name)
                await wired.broker.unsubscribe(name)
            await asyncio.sleep(0.002)  # a pace: while disconnected both return at once

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(come_and_go())
        for turn in range(2, 20):
            cable.cut()
            await wired.ear.break_off(turn)
        over.set()
    await wired.connected()
    await wired.broker.publish([(kept, b"still here")])
    await wired.ear.hear_one(kept, b"still here")


async def test_a_cut_connection_is_announced_and_comes_back(cable: Cable, wired: Station) -> None:
    name = channel()
    await wired.broker.subscribe(name)
    for number in (1, 2, 3):
        cable.cut()
        await wired.ear.break_off(number + 1)
        assert wired.broker.connected
        await wired.broker.publish([(name, b"%d" % number)])
        assert (await wired.ear.hear(number))[-1] == (name, b"%d" % number)


async def test_subscribing_returns_when_it_is_confirmed(cable: Cable, wired: Station) -> None:
    name = channel()
    cable.stall()
    task = asyncio.create_task(wired.broker.subscribe(name))
    done, _ = await asyncio.wait([task], timeout=0.2)
    assert not done, "the server has not answered"
    cable.flow()
    await task
    await wired.broker.publish([(name, b"x")])
    await wired.ear.hear_one(name, b"x")
    assert wired.ear.interruptions == 1


async def test_a_silent_connection_is_noticed(cable: Cable, wired: Station) -> None:
    name = channel()
    await wired.broker.subscribe(name)
    cable.stall()
    with pytest.raises(BrokerDown):
        await wired.broker.publish([(name, b"lost")])
    async with asyncio.timeout(1.5):
        while connected(wired):  # noqa: ASYNC110 - nothing is told when it goes, only when it is back
            await asyncio.sleep(0.01)
    cable.flow()
    cable.cut()
    await wired.ear.break_off(2)
    wired.ear.heard.clear()
    await wired.broker.publish([(name, b"again")])
    await wired.ear.hear_one(name, b"again")


async def test_subscribing_into_a_silent_connection_returns_in_time(cable: Cable, wired: Station) -> None:
    """A tablet that says hello must not hang on a broker that has died without a sign."""
    name = channel()
    cable.stall()
    async with asyncio.timeout(1.5):
        await wired.broker.subscribe(name)
    cable.cut()
    cable.flow()
    await wired.ear.break_off(2)
    await wired.broker.publish([(name, b"x")])
    await wired.ear.hear_one(name, b"x")


@pytest.mark.faults
async def test_a_server_that_is_killed_and_comes_back(servers: Servers) -> None:
    async with AsyncExitStack() as stack:
        stations = [await stack.enter_async_context(redis_station(servers.redis_url)) for _ in range(3)]
        names = [channel() for _ in range(50)]
        for station in stations:
            await station.connected()
            for name in names:
                await station.broker.subscribe(name)
        for number in (2, 3):
            await asyncio.to_thread(servers.redis.kill)
            try:
                for station in stations:
                    with pytest.raises(BrokerDown):
                        await station.broker.publish([(names[0], b"lost")])
                    assert not await station.broker.ping()
                    async with asyncio.timeout(1):
                        await station.broker.subscribe(names[-1] + str(number))
            finally:
                await asyncio.to_thread(servers.redis.start)
            for station in stations:
                await station.ear.break_off(number)
            assert all(connected(station) for station in stations)
            wanted = [(name, b"%d" % number) for name in (*names, names[-1] + str(number))]
            await stations[0].broker.publish(wanted)
            for station in stations:
                await station.ear.hear_one(*wanted[-1])
                assert [one for one in station.ear.heard if one[1] == b"%d" % number] == wanted
