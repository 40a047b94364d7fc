"""A kitchen that is live learns which tablets are silent, and when they are back."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from hub.devices.silence import Silence
from tests.ordering import Client
from tests.realtime.conftest import running

if TYPE_CHECKING:
    import pytest

    from hub.db.database import Database
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel


async def test_a_kitchen_sees_a_tablet_fall_silent_and_come_back(
    settings: Settings,
    admin: Connection,
    database: Database,
    hotel: Hotel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hub.jobs.Silence", partial(Silence, calm=timedelta(), every=0.1))
    await Client(database).place(hotel, {"soup": 1})
    tablet = str(hotel.rooms[0].tablet_id)
    await admin.execute(
        "INSERT INTO app.device_presence (tenant_id, device_id, online, session_generation, last_seen_at)"
        " VALUES ($1, $2, true, 1, now() - interval '91 seconds')",
        hotel.tenant_id,
        hotel.rooms[0].tablet_id,
    )
    async with running(settings) as live, live.screen(hotel.kitchen()) as kitchen:
        await kitchen.until(lambda: ("silent_tablet", tablet) in kitchen.documents)
        assert kitchen.documents["silent_tablet", tablet]["room_number"] == "101"
        async with live.screen(hotel.tablet()) as guest:
            await kitchen.until(lambda: ("silent_tablet", tablet) not in kitchen.documents)
            assert not [key for key in guest.documents if key[0] == "silent_tablet"]
