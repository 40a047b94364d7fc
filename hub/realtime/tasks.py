"""Tasks that end by themselves or with what they serve: none is dropped, and none is lost at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, Final

# Libraries swallow a cancellation that comes while they connect; it is repeated.
_AGAIN_SECONDS: Final = 0.5
_log = logging.getLogger(__name__)


class Tasks:
    """The tasks of all sessions of a process."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], context: Context) -> asyncio.Task[None]:
        """Run `work` in `context`. An error is logged: who is gone is told by its socket, not here."""
        task = asyncio.create_task(work, context=context)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("a session failed", exc_info=error)

    def cancel(self, task: asyncio.Task[None] | None) -> None:
        """End it, without waiting."""
        if task is not None and not task.done():
            task.cancel()
            asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self.cancel, task)

    async def aclose(self) -> None:
        """End all that still run."""
        while self._running:
            for task in list(self._running):
                task.cancel()
            await asyncio.wait(list(self._running), timeout=_AGAIN_SECONDS)
