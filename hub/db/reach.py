"""Whether the database answers at all, as a small question finds every second.

While it does not, nobody waits for it: who asks is told at once to try again, instead of standing in line for
a connection that does not come. What is under way already is left to its own deadline, for it may be done.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from hub.db.pool import DATABASE_ERRORS
from hub.errors import Unavailable

if TYPE_CHECKING:
    from hub.db.pool import Pool

_LOOK_SECONDS: Final = 1.0
# While it is away: the sooner it is noticed that it is back, the better.
_AWAY_LOOK_SECONDS: Final = 0.25
# An answer takes milliseconds. Only a second silence counts: the first may be a moment of this machine's own.
_PATIENCE_SECONDS: Final = 2.0
_AGAIN_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


class Reach:
    """Call `run` in a task; it serves until cancelled. `pool` is one that little else uses."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._back = asyncio.Event()
        self._back.set()

    @property
    def away(self) -> bool:
        """Whether it has not answered the last time."""
        return not self._back.is_set()

    def check(self) -> None:
        """Raises Unavailable (temporary) while the database is away."""
        if self.away:
            raise Unavailable("the hub cannot reach its data now; try again")

    async def back(self) -> None:
        """Returns when the database is not known to be away."""
        await self._back.wait()

    async def run(self) -> None:
        """Ask again and again."""
        while True:
            if await self._answers(_PATIENCE_SECONDS) or await self._answers(_AGAIN_SECONDS):
                if self.away:
                    _log.warning("the database is back")
                    self._back.set()
            elif not self.away:
                _log.warning("the database is away")
                self._back.clear()
            await asyncio.sleep(_AWAY_LOOK_SECONDS if self.away else _LOOK_SECONDS)

    async def _answers(self, seconds: float) -> bool:
        try:
            # asyncpg's own timeouts: a task that is cancelled from outside waits for the server to agree
            async with self._pool.acquire(timeout=seconds) as connection:
                await connection.fetchval("SELECT 1", timeout=seconds)
        except DATABASE_ERRORS:
            return False
        return True
