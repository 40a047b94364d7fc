"""What only a broker over a network can suffer: cuts, silence, a server that goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hub.realtime import subscription
from hub.realtime.broker import BrokerDown
from hub.redis import line
from hub.redis.fleet import Fleet
from hub.redis.line import pack
from tests.faults.load import lateness
from tests.realtime.listening import DEADLINE, Station, channel, connected, redis_station

if TYPE_CHECKING:
    from hub.embedded import Servers


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


async def test_the_database_of_the_url_is_chosen(servers: Servers) -> None:
    """Messages know no databases, but what else is asked on these connections does."""
    fleet = Fleet(f"{servers.redis_url}?db=3")
    try:
        owner = fleet.topology.owner("any")
        assert owner is not None
        (info,) = await fleet.lines.ask(owner, pack("CLIENT", "INFO"))
        assert b" db=3 " in info
        assert b" name=hub-ask " in info
    finally:
        await fleet.aclose()


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
    for module, name in (
        (subscription, "_SILENCE_SECONDS"),
        (subscription, "_PING_SECONDS"),
        (line, "ANSWER_SECONDS"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name) / 10)


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
                    async with lateness() as late:
                        started = time.monotonic()
                        async with asyncio.timeout(DEADLINE):
                            await station.broker.subscribe(names[-1] + str(number))
                        assert time.monotonic() - started - late.seconds < 1
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
