"""Pages come and go at their moments, with nobody touching them: whoever looks, and after any silence. Times
are moved, not waited for."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from hub.ops.appointments import PAGES, Appointments
from tests.database.logbook import Logbook, writer
from tests.database.test_pages import later, page
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection, Pool
    from hub.settings import Settings


async def at_once() -> None:
    """This process leads."""


@pytest.fixture
async def guide(pool: Pool, admin: Connection) -> Appointments:
    await admin.execute("UPDATE app.pages SET is_published = false")
    return Appointments(pool, at_once, PAGES)


async def come(admin: Connection, page_id: UUID, column: str = "published_at") -> None:
    """Its moment has come, and nobody has said so."""
    hour = "interval '1 hour'"
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        await admin.execute(
            f"UPDATE app.pages SET {column} = {column} - {hour}, turns_at = turns_at - {hour} WHERE id = $1",
            page_id,
        )


async def test_a_page_appears_and_goes(guide: Appointments, admin: Connection, hotel: Hotel) -> None:
    log = await Logbook(admin, hotel.tenant_id).skip()
    made = await page(admin, hotel, published_at=later(0.5), expires_at=later(1.8))
    assert await guide.look() == 1.0
    assert await log.new() == []
    await come(admin, made)
    assert await guide.look() == 0.0
    (event,) = await log.new()
    assert (event.kind, event.data["id"]) == ("page", str(made))
    assert await guide.look() == 1.0
    assert await log.new() == []
    await come(admin, made, "expires_at")
    await come(admin, made, "expires_at")
    await guide.look()
    (event,) = await log.new()
    assert (event.kind, event.data) == ("page.removed", {"id": str(made)})
    assert await guide.look() == 1.0
    assert await admin.fetchval("SELECT version FROM app.pages WHERE id = $1", made) == 1
    changed = await admin.fetch(
        "SELECT user_role, changed FROM app.audit_logs WHERE record = $1 AND operation = 'update'"
        " AND user_role = 'hub_relay'",
        str(made),
    )
    assert [set(row["changed"]) for row in changed] == [{"is_shown", "turns_at"}] * 2


async def test_the_next_moment_is_not_missed_by_a_second(
    guide: Appointments, admin: Connection, hotel: Hotel
) -> None:
    await page(admin, hotel, published_at=later(0.4 / 3600))
    assert 0 < await guide.look() <= 0.4


async def test_what_came_and_went_while_nobody_looked_makes_no_word(
    guide: Appointments, admin: Connection, hotel: Hotel
) -> None:
    made = await page(admin, hotel, published_at=later(0.3), expires_at=later(0.6))
    log = await Logbook(admin, hotel.tenant_id).skip()
    await come(admin, made)
    await come(admin, made, "expires_at")
    await guide.look()
    assert await log.new() == []
    assert await guide.look() == 1.0


async def test_two_that_look_at_once_turn_each_page_once(
    guide: Appointments, pool: Pool, admin: Connection, hotel: Hotel
) -> None:
    pages = [await page(admin, hotel, published_at=later(0.5)) for _ in range(45)]
    log = await Logbook(admin, hotel.tenant_id).skip()
    for made in pages:
        await come(admin, made)
    await asyncio.gather(guide.look(), Appointments(pool, at_once, PAGES).look())
    await guide.look()
    events = await log.new()
    assert sorted(event.subject for event in events) == sorted(pages)
    assert {event.kind for event in events} == {"page"}


async def test_a_page_that_somebody_holds_keeps_no_other_one_waiting(
    guide: Appointments, settings: Settings, admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    held, free = [await page(admin, one, published_at=later(0.5)) for one in (hotel, other_hotel)]
    for made in (held, free):
        await come(admin, made)
    async with writer(settings) as editor:
        transaction = editor.transaction()
        await transaction.start()
        await editor.execute("UPDATE app.pages SET title_ja = '湯' WHERE id = $1", held)
        assert await guide.look() <= 0.1
        shown = "SELECT is_shown FROM app.pages WHERE id = $1"
        assert await admin.fetchval(shown, free) is True
        assert await admin.fetchval(shown, held) is False
        await transaction.commit()
    await guide.look()
    assert await admin.fetchval(shown, held) is True


async def test_what_is_wrong_in_one_hotel_stays_there(
    guide: Appointments, admin: Connection, hotel: Hotel, other_hotel: Hotel, caplog: pytest.LogCaptureFixture
) -> None:
    wrong, right = [await page(admin, one, published_at=later(0.5)) for one in (hotel, other_hotel)]
    for made in (wrong, right):
        await come(admin, made)
    await admin.execute(
        f"ALTER TABLE app.pages ADD CONSTRAINT wrong CHECK (id <> '{wrong}' OR NOT is_shown) NOT VALID"
    )
    try:
        with caplog.at_level(logging.ERROR):
            await guide.look()
    finally:
        await admin.execute("ALTER TABLE app.pages DROP CONSTRAINT wrong")
    assert [record.message for record in caplog.records] == ["a hotel was left"]
    assert await admin.fetchval("SELECT is_shown FROM app.pages WHERE id = $1", right) is True
