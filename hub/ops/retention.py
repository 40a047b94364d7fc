"""Retention: old events and old answers of operations go, in batches small enough that nobody waits for them.

One process of the fleet does it, the one that is the relay. A screen whose position lies before what is kept
gets a snapshot.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from hub.db.pool import DATABASE_ERRORS
from hub.db.queries import load

if TYPE_CHECKING:
    from hub.db.pool import Pool
    from hub.db.queries import Query

_queries = load("retention")
TENANTS: Final = _queries["tenants"]
PRUNE_EVENTS: Final = _queries["prune_events"]
PRUNE_OPERATIONS: Final = _queries["prune_operations"]

_BATCH: Final = 1000
# Between two batches others get their turn.
_PAUSE_SECONDS: Final = 0.05
_log = logging.getLogger(__name__)


class Retention:
    """`pool` connects as hub_relay. `leads` waits until this process is the one that shall do it."""

    def __init__(
        self,
        pool: Pool,
        leads: Callable[[], Awaitable[object]],
        clock: Callable[[], datetime],
        *,
        events: timedelta,
        operations: timedelta,
        every_seconds: float,
    ) -> None:
        self._pool = pool
        self._leads = leads
        self._clock = clock
        self._kept = ((PRUNE_EVENTS, events), (PRUNE_OPERATIONS, operations))
        self._seconds = every_seconds

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            await self._leads()
            try:
                await self.prune()
            except DATABASE_ERRORS as error:
                _log.warning("retention stopped early", extra={"reason": repr(error)})
            await asyncio.sleep(self._seconds)

    async def prune(self) -> int:
        """One round over all tenants; how many rows went."""
        now = self._clock()
        gone = 0
        for row in await self._pool.fetch(TENANTS.text):
            for query, kept in self._kept:
                gone += await self._empty(query, row["tenant_id"], now - kept)
        return gone

    async def _empty(self, query: Query, tenant_id: UUID, before: datetime) -> int:
        total = 0
        while True:
            gone: int = await self._pool.fetchval(query.text, tenant_id, before, _BATCH)
            total += gone
            if gone < _BATCH:
                return total
            await asyncio.sleep(_PAUSE_SECONDS)
