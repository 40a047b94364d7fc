"""Waiting until somebody waits for a lock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.db.pool import Connection


async def waiting_for_a_lock(admin: Connection, count: int = 1, *, role: str = "hub_api") -> list[int]:
    """Until that many of the hub's backends on this database wait for a lock; their process ids."""
    async with asyncio.timeout(10):
        while True:
            # A transaction sees the list of backends as it was at its first look: when `admin` holds a lock
            # in one, the hub's connections of later would stay unseen.
            await admin.execute("SELECT pg_stat_clear_snapshot()")
            rows = await admin.fetch(
                "SELECT pid FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = $1 AND wait_event_type = 'Lock'",
                role,
            )
            if len(rows) >= count:
                return [row["pid"] for row in rows]
            await asyncio.sleep(0.002)
