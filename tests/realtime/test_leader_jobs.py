"""The jobs of whoever leads have connections of their own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from tests.locks import waiting_for_a_lock
from tests.realtime.conftest import running

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel


async def test_jobs_that_hang_do_not_make_a_node_blind(
    settings: Settings, admin: Connection, hotel: Hotel
) -> None:
    """It goes on to compare heads, and by that it knows that its database is there."""
    name = await admin.fetchval("SELECT current_database()")
    await admin.execute(f"ALTER ROLE hub_relay IN DATABASE {name} SET lock_timeout = 0")
    quick = msgspec.structs.replace(settings, heads_seconds=0.2)
    # heads are compared for those who have a screen
    async with running(quick) as live, live.screen(hotel.kitchen()) as kitchen:
        await kitchen.until(lambda: kitchen.position is not None)
        lock = admin.transaction()
        await lock.start()
        try:
            await admin.execute(
                "LOCK TABLE app.orders, app.menu_items, app.deliveries IN ACCESS EXCLUSIVE MODE"
            )
            await waiting_for_a_lock(admin, 2, role="hub_relay")
            began = asyncio.get_running_loop().time()
            # far sooner than the jobs give up
            async with asyncio.timeout(3):
                while live.hub.node.heads_checked_at < began:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.01)
        finally:
            await lock.rollback()
            await admin.execute(f"ALTER ROLE hub_relay IN DATABASE {name} RESET lock_timeout")
