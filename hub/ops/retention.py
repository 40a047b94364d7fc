"""Retention: what is old goes, in batches small enough that nobody waits for them: events, answers of
operations, ended sign-ins, what was sent out, what is known of guests, whole months of the audit.

One process of the fleet does it, the one that is the relay. A screen whose position lies before what is kept
gets a snapshot.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from hub.db.commit import write
from hub.db.pool import DATABASE_ERRORS
from hub.db.queries import load

if TYPE_CHECKING:
    from hub.db.pool import Pool
    from hub.db.queries import Query

_queries = load("retention")
NOW: Final = _queries["now"]
TENANTS: Final = _queries["tenants"]
PRUNE_EVENTS: Final = _queries["prune_events"]
PRUNE_OPERATIONS: Final = _queries["prune_operations"]
PRUNE_SIGN_INS: Final = _queries["prune_sign_ins"]
PRUNE_DELIVERIES: Final = _queries["prune_deliveries"]
ERASE_GUESTS: Final = _queries["erase_guests"]
MAKE_AUDIT_PARTITIONS: Final = _queries["make_audit_partitions"]
DROP_AUDIT_PARTITIONS: Final = _queries["drop_audit_partitions"]

_BATCH: Final = 1000
# Orders of a guest change in the hotel's log, whose other changes wait for the end of the transaction.
_GUESTS: Final = 20
# Between two batches others get their turn.
_PAUSE_SECONDS: Final = 0.05
# Months of the audit that stand ready.
_AHEAD: Final = 2
_log = logging.getLogger(__name__)


class Kept(Struct, frozen=True):
    """How long each is kept: `guests` from the end of their stay on, `audit_months` as whole months."""

    events: timedelta
    operations: timedelta
    sign_ins: timedelta
    deliveries: timedelta
    guests: timedelta
    audit_months: int


class Retention:
    """`pool` connects as hub_relay. `leads` waits until this process is the one that shall do it."""

    def __init__(
        self,
        pool: Pool,
        leads: Callable[[], Awaitable[object]],
        clock: Callable[[], datetime],
        *,
        kept: Kept,
        every_seconds: float,
    ) -> None:
        self._pool = pool
        self._leads = leads
        self._clock = clock
        self._kept = kept
        self._of_tenants = (
            (PRUNE_EVENTS, kept.events, _BATCH),
            (PRUNE_OPERATIONS, kept.operations, _BATCH),
            (PRUNE_SIGN_INS, kept.sign_ins, _BATCH),
            (PRUNE_DELIVERIES, kept.deliveries, _BATCH),
            (ERASE_GUESTS, kept.guests, _GUESTS),
        )
        self._seconds = every_seconds

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            await self._leads()
            # A month that is busy now is made or dropped in the next round; the rest goes on.
            for part in (self.prune, self.turn_months):
                try:
                    await part()
                except DATABASE_ERRORS as error:
                    _log.warning("retention stopped early", extra={"reason": repr(error)})
            await asyncio.sleep(self._seconds)

    async def prune(self) -> int:
        """One round over all tenants; how many rows went or were emptied."""
        now = await self._now()
        gone = 0
        for row in await self._pool.fetch(TENANTS.text):
            for query, kept, batch in self._of_tenants:
                try:
                    gone += await self._empty(query, row["tenant_id"], now - kept, batch)
                except asyncpg.PostgresConnectionError:
                    raise
                except asyncpg.PostgresError as error:
                    # What one hotel keeps busy must not keep the guests of all others.
                    reason = {
                        "query": query.name,
                        "tenant": str(row["tenant_id"]),
                        "reason": type(error).__name__,
                    }
                    _log.warning("retention left something", extra=reason)
        return gone

    async def turn_months(self) -> int:
        """Make the audit's next months, and drop those that are over for long enough; how many it dropped."""
        await write(self._pool, MAKE_AUDIT_PARTITIONS, _AHEAD)
        now = await self._now()
        months = now.year * 12 + now.month - 1 - self._kept.audit_months
        oldest = datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
        [(dropped,)] = await write(self._pool, DROP_AUDIT_PARTITIONS, oldest)
        return int(dropped)

    async def _now(self) -> datetime:
        """The earlier of two clocks: one that is wrong must not delete what is young."""
        theirs: datetime = await self._pool.fetchval(NOW.text)
        return min(self._clock(), theirs)

    async def _empty(self, query: Query, tenant_id: UUID, before: datetime, batch: int) -> int:
        total = 0
        gone: int
        while True:
            [(gone,)] = await write(self._pool, query, tenant_id, before, batch)
            total += gone
            if gone < batch:
                return total
            await asyncio.sleep(_PAUSE_SECONDS)
