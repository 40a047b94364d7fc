"""Who sends its sessions to another hub: only one that has no database while another has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

import pytest

from hub.log.event import Head, Page
from hub.realtime.broker import Channels, MemoryBroker
from hub.realtime.handover import CUT_OFF, RESTARTING, Handover
from hub.realtime.node import Node
from tests.realtime.screens import DEADLINE

ALONE_SECONDS = 0.8


async def _heads(_: Iterable[UUID]) -> list[Head]:
    return []


async def _page(*_: object) -> Page:
    raise AssertionError("nobody reads")


class Hub:
    """One of several, which hear each other. `asked` counts the questions that it heard, its own included."""

    def __init__(self, all_hubs: list[Hub], alone_seconds: float = ALONE_SECONDS) -> None:
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
            self.node, lambda: self.away, self._tell, seconds=0.1, retry_ms=100, alone_seconds=alone_seconds
        )
        self.asked = 0
        self.answered = asyncio.Event()
        self.all = all_hubs
        all_hubs.append(self)

    async def _tell(self, message: bytes) -> None:
        for hub in self.all:
            hub.asked += b"asked" in message
            if b"answered" in message:
                hub.answered.set()
            hub.handover.heard(message)

    async def hears(self, questions: int) -> None:
        """Wait until it has heard so many more."""
        wanted = self.asked + questions
        async with asyncio.timeout(DEADLINE):
            while self.asked < wanted:  # noqa: ASYNC110 - it is over there
                await asyncio.sleep(0.01)

    async def answers(self) -> None:
        """Wait for the next answer to anybody."""
        self.answered.clear()
        async with asyncio.timeout(DEADLINE):
            await self.answered.wait()

    async def becomes(self, closed: str | None) -> None:
        """Wait until it says so of itself."""
        async with asyncio.timeout(DEADLINE):
            while self.node.closed != closed:  # noqa: ASYNC110 - it is over there
                await asyncio.sleep(0.01)


@asynccontextmanager
async def hubs(count: int) -> AsyncIterator[list[Hub]]:
    made: list[Hub] = []
    async with AsyncExitStack() as stack:
        for _ in range(count):
            hub = Hub(made)
            task = asyncio.create_task(hub.handover.run())
            stack.push_async_callback(asyncio.wait, [task])
            stack.callback(task.cancel)
        yield made


# Well beyond ALONE_SECONDS at two questions a second.
LONG = 4


async def test_who_alone_has_no_database_gives_up_and_comes_back() -> None:
    async with hubs(3) as (lonely, *others):
        lonely.away = True
        await lonely.becomes(CUT_OFF)
        assert all(other.node.closed is None for other in others)
        lonely.away = False
        await lonely.becomes(None)


async def test_nobody_gives_up_while_nobody_has_the_database() -> None:
    async with hubs(3) as all_hubs:
        for hub in all_hubs:
            hub.away = True
        await all_hubs[0].hears(3 * LONG)
        assert all(hub.node.closed is None for hub in all_hubs)


async def test_one_by_itself_does_not_take_its_own_word() -> None:
    async with hubs(1) as (only,):
        only.away = True
        await only.hears(LONG)
        assert only.node.closed is None


@pytest.mark.parametrize("closed", [RESTARTING, CUT_OFF])
async def test_one_that_takes_nobody_does_not_answer(closed: str) -> None:
    async with hubs(2) as (lonely, leaving):
        leaving.node.closed = closed
        leaving.away = closed == CUT_OFF
        lonely.away = True
        await lonely.hears(2 * LONG)
        assert lonely.node.closed is None


async def test_a_failover_that_comes_a_moment_later_here_moves_nobody() -> None:
    async with hubs(1) as (there,):
        late = Hub(there.all, alone_seconds=0.0)
        for _ in range(3):
            late.away = True
            await late.handover.look()
            await late.answers()
            assert late.node.closed is None
            late.away = False
            await late.handover.look()
        late.away = True
        await late.handover.look()
        await late.answers()
        await late.handover.look()
        assert late.node.closed == CUT_OFF


async def test_one_that_ends_goes_on_ending_when_the_database_is_back() -> None:
    async with hubs(2) as (ending, other):
        ending.away = True
        ending.node.closed = RESTARTING
        await other.hears(2)
        ending.away = False
        other.away = True
        await other.hears(3)
        assert ending.node.closed == RESTARTING


@pytest.mark.parametrize("message", [b"", b"{}", b"[1]", b'{"type":"asked"}', b'{"type":"answered","hub":1}'])
async def test_what_is_not_a_word_of_a_hub_is_passed_over(message: bytes) -> None:
    async with hubs(2) as (one, _):
        one.handover.heard(message)
        one.away = True
        await one.becomes(CUT_OFF)
