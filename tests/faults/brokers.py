"""Two hubs on one Redis of any form, people at work, and what must hold after something happened to it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from tests.faults.checker import CONVERGED_SECONDS, Load, checked
from tests.faults.watch import until_ready
from tests.realtime.conftest import Live, running

if TYPE_CHECKING:
    from hub.settings import Settings
    from tests.factories import Hotel


class Pair:
    """The two hubs and their load."""

    def __init__(self, hubs: tuple[Live, Live], load: Load) -> None:
        self.hubs = hubs
        self.load = load

    def filled(self) -> int:
        """Events that the log had to bring."""
        return sum(live.hub.node.filled for live in self.hubs)

    async def carried_by_redis(self, commands: int) -> None:
        """So many commands more, and their events come by Redis, in both hubs.

        A hub that is told to compare heads may be faster than a message on its way: some come by the log.
        """
        for live in self.hubs:
            await until_ready((live.host, live.port), 200, "ready")
        # what went astray before has been found by then
        await self.healed()
        before = self.filled()
        await self.load.done(commands)
        assert self.filled() - before < commands / 2, "the log had to bring what Redis should have"

    async def healed(self) -> None:
        """All screens are up to date in time."""
        healing = await self.load.healed()
        assert healing.converged < CONVERGED_SECONDS


@asynccontextmanager
async def pair(settings: Settings, url: str, hotel: Hotel) -> AsyncIterator[Pair]:
    """Heads are compared only with a reason: what Redis loses without saying so is not found in time."""
    slow = msgspec.structs.replace(settings, redis_url=url, heads_seconds=60.0)
    async with running(slow) as one, running(slow, relay=False) as two:
        # in turn: a hub without a session hears nothing of the hotel
        turns = itertools.cycle([(live.host, live.port) for live in (one, two)])
        async with checked([hotel], lambda: next(turns), lambda: settings.database_url, pace=0.2) as load:
            made = Pair((one, two), load)
            await made.carried_by_redis(20)
            yield made
