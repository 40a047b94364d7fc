"""Two hubs that are replaced one after the other, with guests and cooks at work."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.factories import make_hotel
from tests.faults.checker import checked
from tests.faults.fleet import Fleet

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

pytestmark = [pytest.mark.faults, pytest.mark.slow]

# Slow heartbeats: who is held up for a moment on a busy machine must not take it for silence.
BEATS = dict.fromkeys(("HUB_KITCHEN_POSITION_SECONDS", "HUB_TABLET_POSITION_SECONDS"), "2")


async def test_hubs_are_replaced_one_after_the_other(settings: Settings, admin: Connection) -> None:
    """Nobody gets more than a goodbye, and no command is lost."""
    hotels = [await make_hotel(admin) for _ in range(3)]
    with Fleet(settings, 2, **BEATS) as fleet:
        async with checked(hotels, fleet.address, lambda: settings.database_url, patience=30.0) as load:
            await load.done(60)
            for member in fleet.members:
                member.leaving = True
                assert await asyncio.to_thread(member.stop) == 0
                member.start()
                await asyncio.to_thread(member.wait_ready)
                member.leaving = False
                await load.done(60)
                await load.healed()
            ends = [
                (line.body["code"], client.journal[max(0, n - 3) : n])
                for client in load.clients
                for n, line in enumerate(client.journal)
                if line.kind == "close"
            ]
            assert ends
            assert not [end for end in ends if end[0] != 4001], "nobody was cut off without a word"
