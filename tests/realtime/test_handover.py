"""Who sends its sessions to another hub: only one that has no database while another has it for long."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

import pytest

from hub.log.event import Head, Page
from hub.realtime.broker import Channels, MemoryBroker
from hub.realtime.handover import CUT_OFF, RESTARTING, Handover
from hub.realtime.node import Node
from tests.realtime.screens import DEADLINE

ASK_SECONDS = 0.05
SURE_SECONDS = 0.12
# So many questions take far longer than that.
LONG = 6


async def _heads(_: Iterable[UUID]) -> list[Head]:
    return []


async def _page(*_: object) -> Page:
    raise AssertionError("nobody reads")


class Hub:
    """One of several, which hear each other. `asked` counts the questions that it heard, its own included."""

    def __init__(self, all_hubs: list[Hub], site: str) -> None:
        self.away = False
        self.node = Node(
            MemoryBroker(),
            lambda: True,
            Channels("hub"),
            _heads,
            _page,
            heard={},
            page_events=1,
            heads_seconds=1,
            heads_alone_seconds=1,
        )
        self.handover = Handover(
            self.node,
            lambda: self.away,
            self.tell,
            site=site,
            sure_seconds=SURE_SECONDS,
            seconds=0.1,
            retry_ms=100,
            ask_seconds=ASK_SECONDS,
        )
        self.asked = self.answers = 0
        self.question = b""  # its last
        self._all = all_hubs
        all_hubs.append(self)

    async def tell(self, message: bytes) -> None:
        """To all, itself included."""
        if message.startswith(b'{"type":"asked"'):
            self.question = message
        for hub in self._all:
            hub.asked += message.startswith(b'{"type":"asked"')
            hub.answers += message.startswith(b'{"type":"answered"')
            hub.handover.heard(message)

    async def hears(self, questions: int) -> None:
        """Wait until it has heard so many more."""
        wanted = self.asked + questions
        await until(lambda: self.asked >= wanted)

    async def becomes(self, closed: str | None) -> None:
        """Wait until it says so of itself."""
        await until(lambda: self.node.closed == closed)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - it is over there
            await asyncio.sleep(0.01)


@asynccontextmanager
async def hubs(*sites: str) -> AsyncIterator[list[Hub]]:
    made: list[Hub] = []
    async with AsyncExitStack() as stack:
        for site in sites:
            hub = Hub(made, site)
            task = asyncio.create_task(hub.handover.run())
            stack.push_async_callback(asyncio.wait, [task])
            stack.callback(task.cancel)
        yield made


async def test_who_alone_has_no_database_gives_up_and_comes_back() -> None:
    async with hubs("a", "b", "c") as (lonely, *others):
        lonely.away = True
        await lonely.becomes(CUT_OFF)
        assert all(other.node.closed is None for other in others)
        lonely.away = False
        await lonely.becomes(None)


async def test_two_of_three_give_up() -> None:
    """However often others ask, each gets to its own question."""
    async with hubs("a", "b", "c") as (one, other, third):
        one.away = other.away = True
        noise = asyncio.create_task(_ask_always(third))
        try:
            await one.becomes(CUT_OFF)
            await other.becomes(CUT_OFF)
        finally:
            noise.cancel()
        assert third.node.closed is None


async def _ask_always(hub: Hub) -> None:
    while True:
        await hub.tell(b'{"type":"asked","hub":"00000000-0000-0000-0000-000000000001"}')
        await asyncio.sleep(ASK_SECONDS / 3)


async def test_nobody_gives_up_while_nobody_has_the_database() -> None:
    async with hubs("a", "b", "c") as all_hubs:
        for hub in all_hubs:
            hub.away = True
        await all_hubs[0].hears(3 * LONG)
        assert all(hub.node.closed is None for hub in all_hubs)


async def test_when_the_last_has_lost_it_too_the_others_take_sessions_again() -> None:
    async with hubs("a", "b") as (lonely, other):
        lonely.away = True
        await lonely.becomes(CUT_OFF)
        other.away = True
        await lonely.becomes(None)
        await lonely.hears(2 * LONG)
        assert lonely.node.closed is None


async def test_one_by_itself_does_not_take_its_own_word() -> None:
    async with hubs("a") as (only,):
        only.away = True
        await only.hears(LONG)
        assert only.node.closed is None


async def test_processes_of_one_port_do_not_send_their_sessions_to_each_other() -> None:
    async with hubs("a", "a") as (worker, _):
        worker.away = True
        await worker.hears(2 * LONG)
        assert worker.answers > 0
        assert worker.node.closed is None


@pytest.mark.parametrize("closed", [RESTARTING, CUT_OFF])
async def test_one_that_takes_nobody_does_not_answer(closed: str) -> None:
    async with hubs("a", "b") as (lonely, leaving):
        leaving.node.closed = closed
        leaving.away = closed == CUT_OFF
        lonely.away = True
        await lonely.hears(2 * LONG)
        assert lonely.answers == 0
        assert lonely.node.closed is None


async def test_different_hubs_for_a_moment_each_are_not_one_that_has_the_database() -> None:
    """As when it is slow for all: somebody has always just had an answer."""
    async with hubs("a") as (sick,):
        sick.away = True
        for number in range(1, 2 * LONG):
            await sick.hears(1)
            sick.handover.heard(_answer(sick, hub=number))
        assert sick.node.closed is None
        for _ in range(LONG):
            await sick.hears(1)
            sick.handover.heard(_answer(sick, hub=99))
        await sick.becomes(CUT_OFF)


def _answer(to: Hub, *, hub: int) -> bytes:
    asked = json.loads(to.question)["hub"]
    return json.dumps({"type": "answered", "hub": str(UUID(int=hub)), "site": "b", "asked": [asked]}).encode()


async def test_one_that_has_just_got_the_database_does_not_answer() -> None:
    async with hubs("a", "b") as (sick, flapping):
        sick.away = True
        for _ in range(LONG):
            flapping.question = b""
            flapping.away = True
            await until(lambda: flapping.question != b"")
            flapping.away = False
            await sick.hears(1)
        assert sick.answers == 0


async def test_one_that_ends_goes_on_ending_when_the_database_is_back() -> None:
    async with hubs("a", "b") as (ending, other):
        ending.away = True
        ending.node.closed = RESTARTING
        await other.hears(2)
        ending.away = False
        other.away = True
        await other.hears(LONG)
        assert ending.node.closed == RESTARTING


@pytest.mark.parametrize("message", [b"", b"{}", b"[1]", b'{"type":"asked"}', b'{"type":"answered","hub":1}'])
async def test_what_is_not_a_word_of_a_hub_is_passed_over(message: bytes) -> None:
    async with hubs("a", "b") as (one, _):
        one.handover.heard(message)
        one.away = True
        await one.becomes(CUT_OFF)
