"""Tablets that are silent while their room waits for an order: the kitchen and the front desk are told which,
because what the hub says there nobody reads.

One process of the fleet looks, the one that is the relay; two at once do no harm. The database knows what it
has told. A tablet that is heard of again is told at once, by whoever notes that it is online.

After a break - the hub was away, or its database - all tablets have been silent, and come back by and by: the
first look waits for as long as a tablet may be silent.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import asyncpg

from hub.db.commit import write
from hub.db.pool import DATABASE_ERRORS
from hub.db.queries import load
from hub.devices.presence import SILENT

if TYPE_CHECKING:
    from hub.db.pool import Pool

_queries = load("devices")
SILENT_TABLETS_DUE: Final = _queries["silent_tablets_due"]
NOTE_SILENT_TABLETS: Final = _queries["note_silent_tablets"]

_ASK_SECONDS: Final = 1.0
# Who has not asked for so long stood still.
_GAP_SECONDS: Final = 10.0
# One transaction for so many tablets of a hotel, whose other changes wait for its end.
_BATCH: Final = 20
_log = logging.getLogger(__name__)


class Silence:
    """`pool` connects as hub_relay. `serves` says whether this process is the one that shall look, and has
    its database: when both have been so for `calm`, it looks `every` so many seconds."""

    def __init__(
        self,
        pool: Pool,
        serves: Callable[[], bool],
        clock: Callable[[], datetime],
        *,
        silent: timedelta = SILENT,
        calm: timedelta = SILENT,
        every: float = 15.0,
    ) -> None:
        self._pool = pool
        self._serves = serves
        self._clock = clock
        self._silent = silent
        self._calm = calm.total_seconds()
        self._every = every
        self._asked = float("-inf")
        self._next = float("-inf")

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            if self.due(time.monotonic()):
                try:
                    more = await self.look()
                    self._asked = time.monotonic()  # a look that took long is no break
                    self._next = self._asked + (0.0 if more else self._every)
                except DATABASE_ERRORS as error:
                    self._asked = float("-inf")
                    _log.warning("silent tablets are not told", extra={"reason": type(error).__name__})
            await asyncio.sleep(min(_ASK_SECONDS, self._every))

    def due(self, now: float) -> bool:
        """Whether it is time for a look, to be asked every second or so; `now` are seconds of a clock that
        only goes forward."""
        if not self._serves() or now - self._asked > _GAP_SECONDS:
            self._next = now + self._calm
        self._asked = now
        return now >= self._next

    async def look(self) -> bool:
        """Tell what has changed since the last look, of some tablets in each hotel; whether there may be
        more."""
        since = self._clock() - self._silent
        more = False
        for row in await self._pool.fetch(SILENT_TABLETS_DUE.text, since):
            try:
                [(changed,)] = await write(self._pool, NOTE_SILENT_TABLETS, row["tenant_id"], since, _BATCH)
                more = more or changed == _BATCH
            except asyncpg.PostgresConnectionError:
                raise
            except asyncpg.PostgresError as error:
                # Who holds one hotel must not keep the tablets of all others untold.
                reason = {"tenant": str(row["tenant_id"]), "reason": type(error).__name__}
                _log.error("a hotel's silent tablets are not told", extra=reason)
        return more
