"""Whether the database is away: not for one silence, at once for two, and everybody hears when it is back."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import pytest

import hub.db.reach
from hub.db.reach import Reach
from hub.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.db.pool import Pool


class Server:
    """Answers with what `answers` says, then as it does last; `asked` counts."""

    def __init__(self, *answers: bool) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.looked = asyncio.Event()

    @asynccontextmanager
    async def acquire(self, *, timeout: float) -> AsyncIterator[Server]:
        yield self

    async def fetchval(self, _: str, *, timeout: float) -> int:
        self.asked += 1
        well = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if len(self.answers) == 1:
            self.looked.set()
        if not well:
            raise ConnectionRefusedError
        return 1


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_LOOK_SECONDS", "_AWAY_LOOK_SECONDS"):
        monkeypatch.setattr(hub.db.reach, name, 0.001)


@asynccontextmanager
async def watching(server: Server) -> AsyncIterator[Reach]:
    reach = Reach(cast("Pool", server))
    task = asyncio.create_task(reach.run())
    try:
        async with asyncio.timeout(10):
            await server.looked.wait()
            await asyncio.sleep(0)
            yield reach
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_one_silence_is_none() -> None:
    async with watching(Server(True, False, True, False, True)) as reach:
        assert not reach.away
        reach.check()
        await reach.back()


async def test_two_are_and_then_it_is_back() -> None:
    server = Server(True, False, False)
    async with watching(server) as reach:
        while not reach.away:  # noqa: ASYNC110 - it tells only when it is over
            await asyncio.sleep(0)
        with pytest.raises(Unavailable) as caught:
            reach.check()
        assert caught.value.temporary
        waiting = asyncio.create_task(reach.back())
        asked = server.asked
        while server.asked < asked + 4:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        assert not waiting.done()
        server.answers = [True]
        await waiting
        reach.check()
