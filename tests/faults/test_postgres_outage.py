"""PostgreSQL is away for longer than anybody waits for it: nothing piles up in the hub, commands are refused
at once, and when it is back so is everything."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psutil
import pytest

import hub
from tests.faults.load import Lateness, lateness
from tests.faults.postgres import furnish, hotels_in
from tests.faults.watch import soup, until_ready
from tests.pg_servers import PgServer, pg_cluster
from tests.realtime.conftest import running
from tests.realtime.peer import Peer, peer
from tests.realtime.screens import DEADLINE

if TYPE_CHECKING:
    from hub.embedded import Servers
    from hub.settings import Settings
    from tests.factories import Hotel

pytestmark = pytest.mark.faults

SOCKETS = 20
EACH_SECOND = 5
Wait = Callable[[], Awaitable[None]]
Outage = Callable[[PgServer, Wait], Awaitable[None]]
_PACKAGE = str(Path(hub.__file__).parent)


class Guest:
    """Orders again and again, whatever becomes of it. `answers` are when a command was sent, how long its
    answer took - but for what this process was `late` itself -, and what it was: None for a success, else the
    error."""

    def __init__(self, socket: Peer, hotel: Hotel, late: Lateness) -> None:
        self._socket = socket
        self._args = {"lines": soup(hotel)}
        self._late = late
        self._sent: dict[int, tuple[float, float]] = {}
        self.answers: list[tuple[float, float, dict[str, Any] | None]] = []

    async def order(self) -> None:
        for number in itertools.count(1):
            self._sent[number] = time.monotonic(), self._late.seconds
            frame = {"type": "command", "id": number, "name": "order.place", "op_id": str(uuid4())}
            await self._socket.send(json.dumps({**frame, "args": self._args}))
            await asyncio.sleep(1 / EACH_SECOND)

    async def listen(self) -> None:
        async for text in self._socket.socket:
            frame = json.loads(text)
            if frame["type"] == "reply":
                sent, late = self._sent.pop(frame["id"])
                took = time.monotonic() - sent - (self._late.seconds - late)
                self.answers.append((sent, took, None if frame["ok"] else frame["error"]))


def tasks_of_the_hub() -> int:
    """How many there are in this process."""
    coroutines: list[Any] = [task.get_coro() for task in asyncio.all_tasks()]
    return sum(getattr(one, "cr_code", one).co_filename.startswith(_PACKAGE) for one in coroutines)


async def stopped(postgres: PgServer, wait: Wait) -> None:
    """It refuses connections."""
    await asyncio.to_thread(postgres.stop)
    try:
        await wait()
    finally:
        await asyncio.to_thread(postgres.start)


async def silent(postgres: PgServer, wait: Wait) -> None:
    """It takes connections and says nothing."""
    await asyncio.to_thread(postgres.freeze)
    try:
        await wait()
    finally:
        await asyncio.to_thread(postgres.thaw)


@pytest.fixture(scope="module")
def postgres() -> Iterator[PgServer]:
    with pg_cluster(replicas=0) as cluster:
        yield cluster.primary


@pytest.fixture(scope="module")
async def settings(postgres: PgServer, servers: Servers) -> Settings:
    return await furnish(postgres.url, servers.redis_url, "outage")


async def leave(working: list[asyncio.Task[None]]) -> None:
    for task in working:
        task.cancel()
    await asyncio.wait(working, timeout=DEADLINE)


# `known`: who is refused a connection knows at once. What was under way when the silence began is given its
# ten seconds, for it may be done, and the next commands of the same socket stand behind it.
@pytest.mark.parametrize(("outage", "known", "seconds"), [(stopped, 5, 8), (silent, 11, 15)])
async def test_a_long_outage(
    settings: Settings, postgres: PgServer, outage: Outage, known: int, seconds: int
) -> None:
    hotels = await hotels_in(settings, SOCKETS)
    process = psutil.Process()
    async with running(settings, twins=False) as live, lateness() as late, AsyncExitStack() as stack:
        guests = []
        for hotel in hotels:
            socket = await stack.enter_async_context(peer(live))
            await socket.hello(hotel.tablet())
            guests.append(Guest(socket, hotel, late))
        working = [asyncio.create_task(act()) for guest in guests for act in (guest.order, guest.listen)]
        stack.push_async_callback(leave, working)
        async with asyncio.timeout(20):
            while not all(  # noqa: ASYNC110 - all is well, to compare with; nobody tells
                len(guest.answers) >= EACH_SECOND for guest in guests
            ):
                await asyncio.sleep(0.05)
        before, memory = tasks_of_the_hub(), process.memory_info().rss
        most = 0

        async def watch() -> None:
            nonlocal most
            for _ in range(seconds * 4):
                await asyncio.sleep(0.25)
                most = max(most, tasks_of_the_hub())

        began = time.monotonic()
        await outage(postgres, watch)
        back, late_before = time.monotonic(), late.seconds
        await until_ready((live.host, live.port), 200, "ready")
        async with asyncio.timeout(20):
            while not all(  # noqa: ASYNC110 - it is over there
                any(sent > back and error is None for sent, _, error in guest.answers) for guest in guests
            ):
                await asyncio.sleep(0.05)
        assert time.monotonic() - back - (late.seconds - late_before) < 5
        assert not any(task.done() for task in working), "the sockets stay"

    assert most <= before + 2 * SOCKETS
    assert process.memory_info().rss - memory < 50 << 20
    meanwhile = [
        (took, error)
        for guest in guests
        for sent, took, error in guest.answers
        if began + known < sent < back - 1
    ]
    assert len(meanwhile) > SOCKETS * (seconds - known - 2), "it goes on answering"
    assert all(error is not None and error["temporary"] for _, error in meanwhile)
    assert sorted(took for took, _ in meanwhile)[len(meanwhile) * 9 // 10] < 1.0
