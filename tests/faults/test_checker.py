"""The checker finds nothing wrong with a hub in order, and each fault of one that was broken on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.factories import make_hotel
from tests.faults.checker import checked
from tests.realtime.conftest import running

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

pytestmark = pytest.mark.faults


async def test_a_hub_in_order(settings: Settings, admin: Connection) -> None:
    hotels = [await make_hotel(admin) for _ in range(2)]
    async with (
        running(settings, twins=False) as live,
        checked(hotels, lambda: (live.host, live.port), lambda: settings.database_url) as load,
    ):
        await load.done(40)
        load.clients[0].drop()
        load.clients[2].drop()
        healing = await load.healed()
        assert healing.answered < 5
