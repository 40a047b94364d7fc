"""Sold out until the next service: until when, and that it comes back by itself."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from hub.db.database import Database
from hub.errors import InvalidInput, NotFound
from hub.menu.documents import MenuItem
from hub.ops.appointments import COMEBACKS, Appointments
from tests.database.test_menu import Switched
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.pool import Connection, Pool
    from tests.database.changing import Clock
    from tests.database.logbook import Logbook
    from tests.factories import Hotel

# noon in Tokyo, of a Friday
NOON = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


@pytest.fixture
def client(database: Database, clock: Clock) -> Client:
    clock.now = NOON
    return Client(Database(database.pool, clock=clock))


async def leads() -> None:
    pass


@pytest.fixture
def job(pool: Pool) -> Appointments:
    return Appointments(pool, leads, COMEBACKS)


async def switch(client: Client, hotel: Hotel, name: str, **args: object) -> MenuItem:
    wanted = {"menu_item_id": hotel.menu[name], "sold_out": True, "until": "service"} | args
    return (await client.call(hotel.kitchen(), "menu.sold_out", Switched, **wanted)).menu_item


@pytest.mark.parametrize(
    ("hours", "until"),
    [
        ("start_time = NULL, end_time = NULL", NOON + timedelta(hours=17)),  # 05:00: the next business day
        ("start_time = '11:00', end_time = '14:00'", NOON + timedelta(hours=23)),
        ("start_time = '18:00', end_time = '02:00'", NOON + timedelta(hours=6)),
        ("start_time = '11:00', end_time = '14:00', days = '{5}'", NOON + timedelta(days=7, hours=-1)),
        ("start_time = '11:00', end_time = '14:00', days = '{1,5}'", NOON + timedelta(days=3, hours=-1)),
    ],
)
async def test_until_when_it_is_sold_out(
    client: Client, hotel: Hotel, admin: Connection, hours: str, until: datetime
) -> None:
    await admin.execute(f"UPDATE app.menu_items SET {hours} WHERE id = $1", hotel.menu["soup"])
    item = await switch(client, hotel, "soup")
    assert (item.sold_out, item.sold_out_until) == (True, until)


async def test_what_the_switch_says_last_holds(
    client: Client, hotel: Hotel, admin: Connection, log: Logbook
) -> None:
    assert (await switch(client, hotel, "soup")).sold_out_until is not None
    await switch(client, hotel, "soup")
    assert [event.kind for event in await log.new()] == ["menu_item"], "once more is no news"
    for_good = await switch(client, hotel, "soup", until=None)
    assert (for_good.sold_out, for_good.sold_out_until) == (True, None)
    assert (await switch(client, hotel, "soup")).sold_out_until is not None
    back = await switch(client, hotel, "soup", sold_out=False, until=None)
    assert (back.sold_out, back.sold_out_until) == (False, None)
    assert len(await log.new()) == 3
    with pytest.raises(InvalidInput) as caught:
        await switch(client, hotel, "soup", sold_out=False)
    assert caught.value.field == "until"
    await admin.execute("UPDATE app.menu_items SET is_hidden = true WHERE id = $1", hotel.menu["soup"])
    with pytest.raises(NotFound):
        await switch(client, hotel, "soup")


async def sold_out_until(admin: Connection, hotel: Hotel, name: str, seconds: float) -> None:
    await admin.execute(
        "UPDATE app.menu_items SET is_available = false, sold_out_until = now() + $2 WHERE id = $1",
        hotel.menu[name],
        timedelta(seconds=seconds),
    )


async def available(admin: Connection, hotel: Hotel) -> list[str]:
    rows = await admin.fetch(
        "SELECT name_en FROM app.menu_items WHERE tenant_id = $1 AND is_available ORDER BY display_order",
        hotel.tenant_id,
    )
    return [row["name_en"] for row in rows]


async def test_what_is_due_comes_back_and_screens_are_told(
    hotel: Hotel, other_hotel: Hotel, admin: Connection, log: Logbook, job: Appointments
) -> None:
    await sold_out_until(admin, hotel, "soup", -3600)
    await sold_out_until(admin, hotel, "curry", 0)
    await sold_out_until(admin, hotel, "cake", 3600)
    await sold_out_until(admin, other_hotel, "beer", -1)
    await admin.execute("UPDATE app.menu_items SET is_available = false WHERE id = $1", hotel.menu["beer"])
    await log.new()
    while await job.look() == 0:
        pass
    assert await available(admin, hotel) == ["soup", "curry"]
    assert await available(admin, other_hotel) == ["soup", "curry", "cake", "beer"]
    back = await log.new()
    assert [event.kind for event in back] == ["menu_item", "menu_item"]
    for event in back:
        assert (event.data["sold_out"], event.data["sold_out_until"]) == (False, None)
    assert await job.look() == 1
    assert await log.new() == []


async def test_it_comes_back_at_its_moment(hotel: Hotel, admin: Connection, job: Appointments) -> None:
    await sold_out_until(admin, hotel, "soup", 0.3)
    moment = await admin.fetchval(
        "SELECT sold_out_until FROM app.menu_items WHERE id = $1", hotel.menu["soup"]
    )
    assert 0 < await job.look() <= 0.3
    running = asyncio.create_task(job.run())
    async with asyncio.timeout(10):
        while True:
            if "soup" in await available(admin, hotel):
                break
            await asyncio.sleep(0.005)
    running.cancel()
    back = await admin.fetchval("SELECT updated_at FROM app.menu_items WHERE id = $1", hotel.menu["soup"])
    assert timedelta() <= back - moment < timedelta(seconds=5)


async def test_an_item_that_somebody_holds_is_not_waited_for(
    hotel: Hotel, admin: Connection, job: Appointments
) -> None:
    await sold_out_until(admin, hotel, "soup", -1)
    await sold_out_until(admin, hotel, "curry", -1)
    async with admin.transaction():
        await admin.execute("SELECT FROM app.menu_items WHERE id = $1 FOR UPDATE", hotel.menu["soup"])
        assert await job.look() == 0
        assert await job.look() == pytest.approx(0.1), "soon"
        assert "curry" in await available(admin, hotel)
        # the cook changes it for good, and that holds
        await admin.execute(
            "UPDATE app.menu_items SET sold_out_until = NULL WHERE id = $1", hotel.menu["soup"]
        )
    assert await job.look() == 1
    assert "soup" not in await available(admin, hotel)
