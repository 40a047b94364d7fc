"""The ladder of an order that nobody sees or accepts: each of its steps is taken once and in time, whatever
dies.

    no screen has shown it   unseen   the front desk and the kitchen's other screens say so
                             hook     the hotel's own systems are told
    nobody has accepted it   chime    the kitchen's screens sound, again and again
                             page     managers are told, and the guest's tablet names the phone

One process of the fleet looks, the one that is the relay; two at once do no harm. It remembers nothing: what
was due while nobody looked is taken at the next look. A step is written into its order together with what it
sends out, so that neither is there without the other.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import asyncpg

from hub.db.commit import write
from hub.db.pool import DATABASE_ERRORS
from hub.db.queries import load

if TYPE_CHECKING:
    from hub.db.pool import Pool

STEPS: Final = ("unseen", "hook", "chime", "page")

_queries = load("hooks")
ALERTS_DUE: Final = _queries["alerts_due"]
RAISE_ALERTS: Final = _queries["raise_alerts"]

# A step whose moment was not known at the last look is late by so much at most.
_LOOK_SECONDS: Final = 1.0
# An order that somebody held at its moment is looked at again so soon.
_AGAIN_SECONDS: Final = 0.1
# One transaction for so many orders of a hotel, whose other changes wait for its end.
_BATCH: Final = 20
_log = logging.getLogger(__name__)


class Ladder:
    """`pool` connects as hub_relay. `leads` waits until this process is the one that shall look; `letters`
    says whether the hub can send any, `sent` is called when something may be on its way. `raised` counts
    steps."""

    def __init__(
        self,
        pool: Pool,
        leads: Callable[[], Awaitable[object]],
        *,
        letters: bool,
        sent: Callable[[], None],
    ) -> None:
        self.raised: Counter[str] = Counter(dict.fromkeys(STEPS, 0))
        self._pool = pool
        self._leads = leads
        self._letters = letters
        self._sent = sent

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            await self._leads()
            pause = _LOOK_SECONDS
            try:
                pause = await self.look()
            except DATABASE_ERRORS as error:
                _log.warning("the ladder cannot look", extra={"reason": type(error).__name__})
            await asyncio.sleep(pause)

    async def look(self) -> float:
        """Take what is due; the seconds until the next look."""
        pause = _LOOK_SECONDS
        for row in await self._pool.fetch(ALERTS_DUE.text, timedelta(seconds=_LOOK_SECONDS)):
            if row["seconds"] > 0:
                return float(min(pause, row["seconds"]))
            try:
                pause = min(pause, await self._raise(row["tenant_id"]))
            except asyncpg.PostgresConnectionError:
                raise
            except asyncpg.PostgresError as error:
                # What is wrong in one hotel must not keep the orders of all others waiting.
                reason = {"tenant": str(row["tenant_id"]), "reason": type(error).__name__}
                _log.error("a hotel's ladder was left", extra=reason)
        return pause

    async def _raise(self, tenant_id: UUID) -> float:
        """Take some of a hotel; the seconds until it should be looked at again."""
        rows = await write(self._pool, RAISE_ALERTS, tenant_id, self._letters, _BATCH)
        for row in rows:
            self.raised[row["step"]] += 1
            told = {"tenant": str(tenant_id), "order": str(row["order_id"]), "step": row["step"]}
            _log.warning("an order waits", extra=told)
        if not rows:
            return _AGAIN_SECONDS
        self._sent()
        # however much there is in one hotel, the others come first
        return 0.0 if len({row["order_id"] for row in rows}) == _BATCH else _LOOK_SECONDS
