"""Two hubs on one Redis of any form, people at work, and what must hold after something happened to it."""

from __future__ import annotations

import random
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
        """So many commands more, and every event of theirs comes by Redis, in both hubs."""
        for live in self.hubs:
            await until_ready((live.host, live.port), 200, "ready")
        # what was published while one of the two was still on its way has been filled by now
        await self.load.done(5)
        before = self.filled()
        await self.load.done(commands)
        assert self.filled() == before, "the log had to bring what Redis should have"

    async def healed(self) -> None:
        """All screens are up to date in time."""
        healing = await self.load.healed()
        assert healing.converged < CONVERGED_SECONDS


@asynccontextmanager
async def pair(settings: Settings, url: str, hotel: Hotel) -> AsyncIterator[Pair]:
    """Heads are compared only with a reason: what Redis loses without saying so is not found in time."""
    slow = msgspec.structs.replace(settings, redis_url=url, heads_seconds=60.0)
    async with running(slow) as one, running(slow, relay=False) as two:

        def address() -> tuple[str, int]:
            live = random.choice((one, two))
            return live.host, live.port

        async with checked([hotel], address, lambda: settings.database_url, pace=0.2) as load:
            made = Pair((one, two), load)
            await made.carried_by_redis(20)
            yield made
