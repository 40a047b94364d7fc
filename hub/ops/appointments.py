"""What the rows of hotels say shall happen at a moment happens then, with nobody there.

One process of the fleet looks, the one that is the relay; two at once do no harm. It remembers nothing: what
came due while nobody looked is done at the next look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from hub.db.commit import write
from hub.db.pool import DATABASE_ERRORS
from hub.db.queries import Query, load

if TYPE_CHECKING:
    from hub.db.pool import Pool

# A moment that was not known at the last look is late by so much at most.
_LOOK_SECONDS: Final = 1.0
# A row that somebody held at its moment is looked at again so soon.
_AGAIN_SECONDS: Final = 0.1
_BATCH: Final = 20
_log = logging.getLogger(__name__)


class Diary(Struct, frozen=True):
    """`due` names hotels that have something due within $1 and in how many seconds, the soonest first; `keep`
    does at most $2 of what is due in hotel $1 and says how many."""

    due: Query
    keep: Query


# Pages for guests that appear and go.
PAGES: Final = Diary(load("pages")["pages_due"], load("pages")["turn_pages"])
# What is sold out until the next service.
COMEBACKS: Final = Diary(load("menu")["comebacks_due"], load("menu")["bring_back"])


class Appointments:
    """`pool` connects as hub_relay. `leads` waits until this process is the one that shall look."""

    def __init__(self, pool: Pool, leads: Callable[[], Awaitable[object]], diary: Diary) -> None:
        self._pool = pool
        self._leads = leads
        self._diary = diary

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            await self._leads()
            pause = _LOOK_SECONDS
            try:
                pause = await self.look()
            except DATABASE_ERRORS as error:
                reason = {"query": self._diary.due.name, "reason": type(error).__name__}
                _log.warning("nothing can be looked up", extra=reason)
            await asyncio.sleep(pause)

    async def look(self) -> float:
        """Do what is due; the seconds until the next look."""
        pause = _LOOK_SECONDS
        for row in await self._pool.fetch(self._diary.due.text, timedelta(seconds=_LOOK_SECONDS)):
            if row["seconds"] > 0:
                return float(min(pause, row["seconds"]))
            try:
                # Where something was done the next of the hotel may be due at once.
                pause = 0.0 if await self._keep(row["tenant_id"]) else min(pause, _AGAIN_SECONDS)
            except asyncpg.PostgresConnectionError:
                raise
            except asyncpg.PostgresError as error:
                # What is wrong in one hotel must not keep all others waiting.
                reason = {
                    "query": self._diary.keep.name,
                    "tenant": str(row["tenant_id"]),
                    "reason": type(error).__name__,
                }
                _log.error("a hotel was left", extra=reason)
        return pause

    async def _keep(self, tenant_id: UUID) -> int:
        """How much was done."""
        total = 0
        while True:
            [(done,)] = await write(self._pool, self._diary.keep, tenant_id, _BATCH)
            if not done:
                return total
            total += done
