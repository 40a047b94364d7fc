"""A kitchen that takes no orders for a while."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from hub.db.database import Database
from hub.errors import Forbidden, InvalidInput, KitchenPaused
from hub.menu.documents import Pause
from hub.orders.messages import QuoteReply
from hub.orders.pausing import PauseReply
from hub.tenants.hotel import ChangeSettings, change
from tests.factories import make_staff
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.database.changing import Clock
    from tests.database.logbook import Logbook
    from tests.factories import Hotel

NOON = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@pytest.fixture
def client(database: Database, clock: Clock) -> Client:
    clock.now = NOON
    return Client(Database(database.pool, clock=clock))


async def pause(client: Client, hotel: Hotel, **args: object) -> Pause | None:
    return (await client.call(hotel.kitchen(), "kitchen.pause", PauseReply, **args)).pause


async def resume(client: Client, hotel: Hotel) -> None:
    assert (await client.call(hotel.kitchen(), "kitchen.resume", PauseReply)).pause is None


async def refused(client: Client, hotel: Hotel, due_at: datetime | None = None) -> Pause:
    """The pause for which an order is refused, and its quote."""
    lines = [{"menu_item_id": hotel.menu["soup"], "quantity": 1}]
    told = []
    for name in ("order.quote", "order.place"):
        with pytest.raises(KitchenPaused) as caught:
            await client.call(hotel.tablet(), name, QuoteReply, lines=lines, due_at=due_at)
        told.append(caught.value.details["pause"])
    assert isinstance(told[0], Pause)
    assert told[0] == told[1]
    return told[0]


async def test_a_paused_kitchen_takes_no_order_until_it_resumes(
    client: Client, hotel: Hotel, log: Logbook
) -> None:
    placed = await client.place(hotel, {"soup": 1})
    await log.new()
    wanted = Pause(NOON, None, "ただいま混み合っています", "We are busy")
    said = await pause(client, hotel, message_ja=wanted.message_ja, message_en=wanted.message_en)
    assert said == wanted
    (event,) = await log.new()
    assert (event.kind, event.topics) == ("hotel", ["kitchen", "menu"])
    assert event.data["pause"] == {
        "since": "2026-11-20T03:00:00Z",
        "until": None,
        "message_ja": wanted.message_ja,
        "message_en": wanted.message_en,
    }
    assert await refused(client, hotel) == wanted
    assert await refused(client, hotel, after(47 * 60)) == wanted, "nobody knows until when"
    await client.cook(hotel, "order.advance", placed, to="cooking")
    await resume(client, hotel)
    assert [event.data.get("pause", 0) for event in await log.new() if event.kind == "hotel"] == [None]
    assert (await client.place(hotel, {"soup": 1})).status == "received"
    await resume(client, hotel)
    assert [event.kind for event in await log.new()] == ["order"], "nothing to resume is no news"


async def test_a_pause_ends_by_itself(client: Client, hotel: Hotel, clock: Clock) -> None:
    assert (await pause(client, hotel, minutes=30)) == Pause(NOON, after(30), None, None)
    clock.now = after(29.9)
    assert (await refused(client, hotel)).until == after(30)
    clock.now = after(30)
    assert (await client.place(hotel, {"soup": 1})).fire_at is None


async def test_an_order_that_is_begun_after_the_pause_is_taken(client: Client, hotel: Hotel) -> None:
    await pause(client, hotel, minutes=30)
    # 20 minutes before it is due
    await refused(client, hotel, after(49))
    assert (await client.place(hotel, {"soup": 1}, due_at=after(50))).fire_at == after(30)


async def test_another_pause_of_the_same_time_began_with_the_first(
    client: Client, hotel: Hotel, clock: Clock
) -> None:
    await pause(client, hotel, minutes=10, message_en="Back soon")
    clock.now = after(5)
    assert await pause(client, hotel, minutes=60) == Pause(NOON, after(65), None, None)
    clock.now = after(65)
    assert await pause(client, hotel) == Pause(after(65), None, None, None)


async def test_a_pause_and_other_settings_at_once(
    client: Client, hotel: Hotel, admin: Connection, database: Database
) -> None:
    manager = await make_staff(admin, hotel, "manager")
    await change(database, manager, ChangeSettings(recall_minutes=45))
    await asyncio.gather(pause(client, hotel), change(database, manager, ChangeSettings(phone="9")))
    kept = await admin.fetchrow(
        "SELECT settings ->> 'recall_minutes' AS recall, settings ->> 'phone' AS phone,"
        " settings -> 'pause' IS NOT NULL AS paused FROM app.tenants WHERE id = $1",
        hotel.tenant_id,
    )
    assert kept is not None
    assert tuple(kept) == ("45", "9", True)
    await asyncio.gather(resume(client, hotel), change(database, manager, ChangeSettings(phone="8")))
    settings = await admin.fetchval("SELECT settings::text FROM app.tenants WHERE id = $1", hotel.tenant_id)
    assert settings == '{"phone": "8", "recall_minutes": 45}'


async def test_who_may_pause(client: Client, hotel: Hotel, other_hotel: Hotel, admin: Connection) -> None:
    for principal in (hotel.tablet(), await make_staff(admin, hotel, "front")):
        for name in ("kitchen.pause", "kitchen.resume"):
            with pytest.raises(Forbidden):
                await client.call(principal, name, PauseReply)
    cook = await make_staff(admin, hotel, "kitchen")
    assert (await client.call(cook, "kitchen.pause", PauseReply)).pause is not None
    await refused(client, hotel)
    assert (await client.place(other_hotel, {"soup": 1})).status == "received"


@pytest.mark.parametrize(
    ("args", "field"),
    [({"minutes": 0}, "minutes"), ({"minutes": 1441}, "minutes"), ({"message_ja": ""}, "message_ja")],
)
async def test_what_is_no_pause(client: Client, hotel: Hotel, args: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await pause(client, hotel, **args)
    assert caught.value.field == field
