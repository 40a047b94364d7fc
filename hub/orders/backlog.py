"""What waits at the stations of each kitchen. To count it is to read all that is not finished yet: where that
is much, it is counted every few seconds, and the orders of these seconds are estimated from the same count.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

# Items. Among so many one order makes no difference, and to count them begins to cost.
MANY: Final = 100
KEPT: Final = timedelta(seconds=5)


class Backlog(Struct, frozen=True):
    """`minutes` are those of preparation, by station, of the `items` that wait or are being worked on."""

    items: int
    minutes: dict[str, int]


class Backlogs:
    """What this process has counted lately, of the hotels where much waits."""

    def __init__(self) -> None:
        self._counted: dict[UUID, tuple[datetime, Backlog]] = {}

    def recent(self, tenant_id: UUID, now: datetime) -> Backlog | None:
        """None when it must be counted."""
        at, counted = self._counted.get(tenant_id, (None, None))
        return counted if at is not None and at <= now < at + KEPT else None

    def keep(self, tenant_id: UUID, now: datetime, counted: Backlog) -> None:
        if counted.items < MANY:
            self._counted.pop(tenant_id, None)
        else:
            self._counted[tenant_id] = (now, counted)
