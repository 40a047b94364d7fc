"""What a span has cost the servers beside CPU: work of PostgreSQL, the hub's memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import asyncpg
from msgspec import Struct

from bench.place import hub_mib

if TYPE_CHECKING:
    from bench.target import Target

_LOOK_SECONDS: Final = 0.1
_COUNTED: Final = """
SELECT (SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()),
       (SELECT coalesce(sum(idx_scan), 0) FROM pg_stat_user_indexes WHERE indexrelname = 'orders_active'),
       (SELECT coalesce(sum(idx_tup_fetch), 0) FROM pg_stat_user_tables)
"""


class Counted(Struct, frozen=True):
    """Transactions, readings of the active orders, rows fetched: since the database was made."""

    transactions: int
    states: int
    rows: int


async def counted(target: Target) -> Counted | None:
    """None of a hub elsewhere."""
    if target.settings is None:
        return None
    connection = await asyncpg.connect(target.settings.database_url)
    try:
        row = await connection.fetchrow(_COUNTED)
    finally:
        await connection.close()
    return None if row is None else Counted(*map(int, row))


class Peak:
    """The most memory that the hub had."""

    def __init__(self, target: Target) -> None:
        self.mib = 0.0
        self._target = target

    async def watch(self) -> None:
        """Until cancelled."""
        while self._target.roots:
            self.mib = max(self.mib, hub_mib(self._target))
            await asyncio.sleep(_LOOK_SECONDS)
