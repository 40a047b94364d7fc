"""Tablets that are silent while their room waits for an order."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from hub.db.database import Database
from hub.db.pool import Role, create_pool
from hub.devices.presence import SILENT, Presence
from hub.devices.silence import Silence
from tests.database.changing import Clock
from tests.database.logbook import Logbook, writer
from tests.factories import Hotel, make_hotel
from tests.ordering import Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.db.pool import Connection
    from hub.settings import Settings


class Scene:
    """A hotel with an order under way in its first room, whose tablet was online a moment ago."""

    def __init__(
        self, admin: Connection, hotel: Hotel, client: Client, silence: Silence, presence: Presence
    ) -> None:
        self.admin = admin
        self.hotel = hotel
        self.client = client
        self.silence = silence
        self.presence = presence
        self.tablet = hotel.rooms[0].tablet_id
        self.log = Logbook(admin, hotel.tenant_id)

    async def come(self, tablet: UUID) -> None:
        self.presence.opened(self.hotel.tenant_id, tablet, uuid4())
        await self.presence.flush()

    async def told(self) -> list[tuple[str, UUID]]:
        """What a look tells this hotel's kitchen."""
        await self.silence.look()
        return await self.heard()

    async def heard(self) -> list[tuple[str, UUID]]:
        events = await self.log.new()
        assert all(event.topics == ["kitchen"] for event in events)
        return [(event.kind, event.subject) for event in events]


@pytest.fixture
async def scene(
    settings: Settings, admin: Connection, database: Database, clock: Clock
) -> AsyncIterator[Scene]:
    database = Database(database.pool, clock=clock)
    hotel, client = await make_hotel(admin), Client(database)
    relay = await create_pool(settings, Role.RELAY, 1)
    silence = Silence(relay, lambda: True, clock)
    presence = Presence(database)
    scene = Scene(admin, hotel, client, silence, presence)
    await client.place(hotel, {"soup": 1})
    for room in hotel.rooms:
        await scene.come(room.tablet_id)
    await scene.log.skip()
    yield scene
    await relay.close()


async def test_the_kitchen_is_told_when_a_waiting_rooms_tablet_falls_silent_and_when_it_comes_back(
    scene: Scene, clock: Clock
) -> None:
    seen = clock.now
    clock.now += SILENT
    assert await scene.told() == []
    clock.now += timedelta(milliseconds=1)
    await scene.silence.look()
    (event,) = await scene.log.new()
    assert (event.kind, event.topics) == ("silent_tablet", ["kitchen"])
    assert event.data == {
        "id": str(scene.tablet),
        "room_number": "101",
        "last_seen_at": seen.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    assert await scene.told() == [], "the other room waits for nothing; and nothing is said twice"
    await scene.come(scene.tablet)
    assert await scene.heard() == [("silent_tablet.removed", scene.tablet)]
    assert await scene.told() == []


async def test_an_order_of_a_room_that_was_silent_before(scene: Scene, clock: Clock) -> None:
    clock.now += timedelta(hours=1)
    assert await scene.told() == [("silent_tablet", scene.tablet)]
    await scene.client.place(scene.hotel, {"soup": 1}, room=1)
    await scene.log.skip()
    assert await scene.told() == [("silent_tablet", scene.hotel.rooms[1].tablet_id)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE app.orders SET status = 'cancelled' WHERE room_number = '101' AND tenant_id = $1",
        "UPDATE app.device_rooms SET status = 'lost' WHERE room_number = '101' AND tenant_id = $1",
        "UPDATE app.device_rooms SET deleted_at = now() WHERE room_number = '101' AND tenant_id = $1",
        "UPDATE app.device_rooms SET room_number = '909' WHERE room_number = '101' AND tenant_id = $1",
    ],
)
async def test_what_is_no_longer_so_is_taken_back(scene: Scene, clock: Clock, change: str) -> None:
    clock.now += timedelta(hours=1)
    assert await scene.told() == [("silent_tablet", scene.tablet)]
    await scene.admin.execute(change, scene.hotel.tenant_id)
    await scene.log.skip()
    assert await scene.told() == [("silent_tablet.removed", scene.tablet)]
    assert await scene.told() == []


async def test_who_writes_of_a_tablet_at_the_moment_is_not_waited_for(
    scene: Scene, settings: Settings, clock: Clock
) -> None:
    clock.now += timedelta(hours=1)
    async with writer(settings) as other, other.transaction():
        await other.execute("UPDATE app.device_presence SET online = true WHERE device_id = $1", scene.tablet)
        assert await scene.told() == []
    assert await scene.told() == [("silent_tablet", scene.tablet)]


async def test_a_hotel_that_cannot_be_told_holds_up_no_other(
    scene: Scene, settings: Settings, database: Database, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Each of two is held in its turn: one of them comes before the other."""
    other = await make_hotel(scene.admin)
    await Client(Database(database.pool, clock=clock)).place(other, {"soup": 1})
    scene.presence.opened(other.tenant_id, other.rooms[0].tablet_id, uuid4())
    await scene.presence.flush()
    logs = {
        place.tenant_id: await Logbook(scene.admin, place.tenant_id).skip() for place in (scene.hotel, other)
    }
    clock.now += timedelta(hours=1)
    for held, free in ((scene.hotel, other), (other, scene.hotel)):
        async with writer(settings) as holder, holder.transaction():
            await holder.execute(
                "SELECT FROM app.tenant_heads WHERE tenant_id = $1 FOR UPDATE", held.tenant_id
            )
            with caplog.at_level(logging.ERROR):
                await scene.silence.look()
            assert "are not told" in caplog.text
            assert await logs[held.tenant_id].new() == []
            assert [event.kind for event in await logs[free.tenant_id].new()] == ["silent_tablet"]
        caplog.clear()
        tablets = [place.rooms[0].tablet_id for place in (held, free)]
        await scene.admin.execute(
            "UPDATE app.device_presence SET silent_room = NULL WHERE device_id = ANY ($1)", tablets
        )
        for log in logs.values():
            await log.skip()


async def test_few_at_a_time(scene: Scene, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.devices.silence._BATCH", 1)
    await scene.client.place(scene.hotel, {"soup": 1}, room=1)
    await scene.log.skip()
    clock.now += timedelta(hours=1)
    for _ in range(2):
        assert await scene.silence.look(), "there may be more"
        assert [kind for kind, _ in await scene.heard()] == ["silent_tablet"]
    assert not await scene.silence.look()


async def test_no_look_before_tablets_have_had_the_time_to_come_back(scene: Scene) -> None:
    """Since it leads, since its database is back, and since it stood still itself."""
    serves = True
    silence = Silence(scene.silence._pool, lambda: serves, scene.silence._clock)
    now = 1000.0

    def looks(seconds: float) -> list[float]:
        """When there is a look within these, if one asks every second."""
        nonlocal now
        began, found = now, []
        while now < began + seconds:
            if silence.due(now):
                found.append(now - began)
            now += 1
        return found

    assert looks(90) == []
    assert looks(1) == [0]
    serves = False
    assert looks(5) == []
    serves = True
    assert looks(89) == []
    assert looks(1) == [0]
    now += 60
    assert looks(90) == [], "it was stopped for a minute"
    assert looks(1) == [0]


async def test_it_goes_on_looking(scene: Scene, clock: Clock) -> None:
    """And after what it cannot look at it waits again."""
    clock.now += timedelta(hours=1)
    silence = Silence(scene.silence._pool, lambda: True, clock, calm=timedelta(seconds=0.1), every=0.01)
    task = asyncio.create_task(silence.run())
    try:
        async with asyncio.timeout(10):
            while not (told := await scene.heard()):  # noqa: ASYNC110 - a table tells nobody
                await asyncio.sleep(0.01)
            assert told == [("silent_tablet", scene.tablet)]
            await scene.come(scene.tablet)
            assert await scene.heard() == [("silent_tablet.removed", scene.tablet)]
            clock.now += timedelta(hours=1)
            while not (told := await scene.heard()):  # noqa: ASYNC110 - a table tells nobody
                await asyncio.sleep(0.01)
            assert told == [("silent_tablet", scene.tablet)]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_two_that_look_at_once_tell_once(scene: Scene, clock: Clock) -> None:
    clock.now += timedelta(hours=1)
    await asyncio.gather(scene.silence.look(), scene.silence.look())
    assert await scene.heard() == [("silent_tablet", scene.tablet)]
