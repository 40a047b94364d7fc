"""What is done after an answer, so that the time of the answer says nothing about it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

from hub.db.pool import DATABASE_ERRORS
from hub.errors import HubError

_MOST: Final = 500
# Few: they must not take the database's connections from those who wait for an answer.
_AT_ONCE: Final = 2
_log = logging.getLogger(__name__)


class After:
    """Runs what it is given, a few at a time. Past `most` waiting, more is dropped."""

    def __init__(self, *, most: int = _MOST) -> None:
        self._most = most
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Never waits and never raises."""
        if len(self._tasks) >= self._most:
            work.close()
            _log.error("too much waits to be written down", extra={"waiting": len(self._tasks)})
            return
        task = asyncio.create_task(self._run(work), name="after the answer")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        async with self._turn:
            try:
                await work
            except (HubError, *DATABASE_ERRORS) as error:
                _log.warning("not written down", extra={"reason": type(error).__name__})
            except Exception:  # noqa: BLE001 - nobody waits for it any more: the log is where a bug shows
                _log.exception("what comes after an answer failed")

    async def settled(self) -> None:
        """Returns when everything that was given so far is done."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def aclose(self, seconds: float = 2.0) -> None:
        """Wait a while for what is left, then drop it."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=seconds)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
