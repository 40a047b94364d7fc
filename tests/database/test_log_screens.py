"""What the triggers log of kitchen screens and of what stays declare, whoever the writer is."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from tests.database.logbook import Logbook, Logged
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection

DECLARED = "allergens = '{egg}', allergens_version = 'jp-2026-04', allergens_declared_at = '2026-11-21Z'"


def kinds(events: list[Logged]) -> list[tuple[str, list[str]]]:
    return [(event.kind, event.topics) for event in events]


async def set_screen(connection: Connection, device_id: UUID, change: str) -> None:
    await connection.execute(f"UPDATE app.device_rooms SET {change} WHERE id = $1", device_id)


# screens


async def test_a_screen_is_told_what_it_is_set_to(psql: Connection, hotel: Hotel, log: Logbook) -> None:
    screen = hotel.kitchen_id
    await set_screen(psql, screen, 'settings = \'{"view": "expo"}\'')
    (event,) = await log.new()
    assert (event.kind, event.subject, event.topics) == ("screen", screen, [f"device:{screen}"])
    assert event.data == {
        "id": str(screen),
        "name": "Kitchen 1",
        "stations": ["kitchen"],
        "settings": {"view": "expo"},
    }
    await set_screen(psql, screen, "device_name = 'Grill'")
    (event,) = await log.new()
    assert event.data["name"] == "Grill"


@pytest.mark.parametrize(
    "change",
    [
        "settings = '{}'",
        "floor = '3'",
        "cook_id = NULL",
        "reported = '{\"battery\": 3}'",
        "next_credential_hash = sha256('x')",
    ],
)
async def test_what_a_screen_does_not_know_of_itself_is_no_news(
    psql: Connection, hotel: Hotel, log: Logbook, change: str
) -> None:
    await psql.execute("UPDATE app.device_rooms SET status = 'suspended' WHERE id = $1", hotel.kitchen_ids[1])
    await log.skip()
    await set_screen(psql, hotel.kitchen_ids[1], change)
    assert await log.new() == []


async def test_a_screen_that_gets_other_stations_comes_back_to_the_news(
    psql: Connection, hotel: Hotel, log: Logbook
) -> None:
    """It resumes after the end of its session, which it has heard of: what it must know comes later."""
    topic = [f"device:{hotel.kitchen_id}"]
    await set_screen(psql, hotel.kitchen_id, "stations = '{fry}'")
    assert kinds(await log.new()) == [("topic.ended", topic), ("screen", topic)]


async def test_a_new_screen_is_news_and_a_retired_one_is_none(
    psql: Connection, hotel: Hotel, log: Logbook
) -> None:
    added = await psql.fetchval(
        "INSERT INTO app.device_rooms (tenant_id, device_name, device_type)"
        " VALUES ($1, 'Bar', 'kitchen_screen') RETURNING id",
        hotel.tenant_id,
    )
    assert kinds(await log.new()) == [("screen", [f"device:{added}"])]
    await set_screen(psql, added, "status = 'retired'")
    assert kinds(await log.new()) == [("screen.removed", [f"device:{added}"])]


async def test_tablets_have_no_screen(psql: Connection, hotel: Hotel, log: Logbook) -> None:
    await set_screen(psql, hotel.rooms[0].tablet_id, "device_name = 'T', settings = '{\"volume\": 1}'")
    assert await log.new() == []


# stays


async def test_a_stay_is_told_what_it_has_declared(psql: Connection, hotel: Hotel, log: Logbook) -> None:
    stay = hotel.rooms[0].stay_id
    await psql.execute(f"UPDATE app.stays SET {DECLARED} WHERE id = $1", stay)
    (event,) = await log.new()
    assert (event.kind, event.subject, event.topics) == ("stay", stay, [f"stay:{stay}"])
    assert event.data == {
        "id": str(stay),
        "room_number": "101",
        "allergens": ["egg"],
        "allergens_version": "jp-2026-04",
        "allergens_declared_at": "2026-11-21T00:00:00.000Z",
    }
    await psql.execute("UPDATE app.stays SET guest_phone_index = sha256('x') WHERE id = $1", stay)
    assert await log.new() == []


async def test_a_stay_that_moves_brings_its_allergies_after_the_end_of_the_old_session(
    psql: Connection, hotel: Hotel, log: Logbook
) -> None:
    stay, tablet = hotel.rooms[0].stay_id, hotel.rooms[1].tablet_id
    await psql.execute("UPDATE app.stays SET ended_at = now() WHERE id = $1", hotel.rooms[1].stay_id)
    await psql.execute(f"UPDATE app.stays SET {DECLARED} WHERE id = $1", stay)
    await log.skip()
    await psql.execute("UPDATE app.stays SET room_number = '102' WHERE id = $1", stay)
    *ends, event = await log.new()
    assert kinds(ends) == [("topic.ended", [f"stay:{stay}"]), ("topic.ended", [f"device:{tablet}"])]
    assert (event.kind, event.data["room_number"], event.data["allergens"]) == ("stay", "102", ["egg"])


async def test_a_stay_that_has_declared_nothing_is_no_news(
    psql: Connection, hotel: Hotel, log: Logbook
) -> None:
    await psql.execute("UPDATE app.stays SET room_number = '909' WHERE id = $1", hotel.rooms[0].stay_id)
    assert kinds(await log.new()) == [("topic.ended", [f"stay:{hotel.rooms[0].stay_id}"])]


@pytest.mark.parametrize(
    "change",
    [
        "allergens = '{egg}'",
        "allergens_version = 'jp-2026-04'",
        "allergens_declared_at = now()",
    ],
)
async def test_a_declaration_is_whole(psql: Connection, hotel: Hotel, change: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="stays_allergens_of_a_version"):
        await psql.execute(f"UPDATE app.stays SET {change} WHERE id = $1", hotel.rooms[0].stay_id)
