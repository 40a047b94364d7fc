"""What the database keeps of pages, whoever writes: versions, what guests see and when, what is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from hub.pages.documents import GuestPage
from tests.database.logbook import Logbook
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection

HOUR: Final = timedelta(hours=1)


async def page(writer: Connection, hotel: Hotel, **values: object) -> UUID:
    """A page, published unless it is said otherwise."""
    columns: dict[str, object] = {
        "tenant_id": hotel.tenant_id,
        "slug": f"p-{uuid4().hex[:12]}",
        "title_ja": "大浴場",
        "title_en": "Bath",
        "content_ja": "<p>湯</p>",
        "content_en": "<p>Bath</p>",
        "is_published": True,
        **values,
    }
    holders = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    made: UUID = await writer.fetchval(
        f"INSERT INTO app.pages ({', '.join(columns)}) VALUES ({holders}) RETURNING id", *columns.values()
    )
    return made


def later(hours: float) -> datetime:
    return datetime.now(UTC) + hours * HOUR


async def test_a_page_is_told_when_guests_see_it(psql: Connection, hotel: Hotel, log: Logbook) -> None:
    draft = await page(psql, hotel, is_published=False)
    await psql.execute("UPDATE app.pages SET title_ja = '湯' WHERE id = $1", draft)
    await psql.execute("UPDATE app.pages SET deleted_at = now() WHERE id = $1", draft)
    await psql.execute("DELETE FROM app.pages WHERE id = $1", draft)
    assert await log.new() == [], "what guests never saw comes and goes without a word"

    shown = await page(psql, hotel, floors=["3", "4"], summary_en="Hot")
    (event,) = await log.new()
    assert (event.kind, event.topics, event.subject) == ("page", ["pages"], shown)
    document = msgspec.json.decode(event.payload, type=GuestPage)
    assert (document.id, document.html_ja, document.html_en) == (shown, "<p>湯</p>", "<p>Bath</p>")
    assert (document.floors, document.summary_en, document.expires_at) == (["3", "4"], "Hot", None)
    assert abs(document.published_at - datetime.now(UTC)) < timedelta(minutes=1)

    await psql.execute("UPDATE app.pages SET parent_version = NULL, updated_at = now() WHERE id = $1", shown)
    assert await log.new() == []
    await psql.execute("UPDATE app.pages SET content_en = '<p>Spa</p>' WHERE id = $1", shown)
    (event,) = await log.new()
    assert event.data["html_en"] == "<p>Spa</p>"
    await psql.execute("UPDATE app.pages SET is_published = false WHERE id = $1", shown)
    await psql.execute("UPDATE app.pages SET content_en = 'x' WHERE id = $1", shown)
    (event,) = await log.new()
    assert (event.kind, event.data) == ("page.removed", {"id": str(shown)})
    again = await page(psql, hotel)
    await psql.execute("DELETE FROM app.pages WHERE id = $1", again)
    assert [event.kind for event in await log.new()] == ["page", "page.removed"]


@pytest.mark.parametrize(
    ("begins", "ends", "shown", "turns"),
    [
        (None, None, True, None),
        (-1, None, True, None),
        (1, None, False, 1),
        (None, 1, True, 1),
        (1, 2, False, 1),
        (-2, 1, True, 1),
        (-2, -1, False, None),
    ],
)
async def test_what_guests_see_follows_from_its_times(
    psql: Connection, hotel: Hotel, begins: float | None, ends: float | None, shown: bool, turns: float | None
) -> None:
    times = {
        "published_at": None if begins is None else later(begins),
        "expires_at": None if ends is None else later(ends),
    }
    made = await page(psql, hotel, **times)
    row = await psql.fetchrow(
        "SELECT is_shown, turns_at, published_at, expires_at FROM app.pages WHERE id = $1", made
    )
    assert row is not None
    assert row["is_shown"] is shown
    assert row["published_at"] is not None
    if turns is None:
        assert row["turns_at"] is None
    else:
        assert row["turns_at"] == (times["published_at"] if shown is False else times["expires_at"])
    await psql.execute("UPDATE app.pages SET is_shown = NOT is_shown, turns_at = now() WHERE id = $1", made)
    again = await psql.fetchrow("SELECT is_shown, turns_at FROM app.pages WHERE id = $1", made)
    assert again is not None
    assert tuple(again) == (row["is_shown"], row["turns_at"]), "no writer can say otherwise"


async def test_the_version_rises_with_what_an_editor_changes(psql: Connection, hotel: Hotel) -> None:
    made = await page(psql, hotel)

    async def after(change: str) -> int:
        await psql.execute(f"UPDATE app.pages SET {change} WHERE id = $1", made)
        version: int = await psql.fetchval("SELECT version FROM app.pages WHERE id = $1", made)
        return version

    assert await after("title_ja = title_ja, version = 99") == 1
    assert await after("is_shown = NOT is_shown") == 1
    assert await after("title_ja = '湯'") == 2
    assert await after("floors = '{2}', display_order = 7") == 3
    assert await after("expires_at = now() + interval '1 day'") == 4
    assert await after("is_published = false") == 5
    assert await after("deleted_at = now()") == 6


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"slug": "Bath"}, "pages_slug_form"),
        ({"slug": "a b"}, "pages_slug_form"),
        ({"slug": "-a"}, "pages_slug_form"),
        ({"title_ja": ""}, "pages_title_ja_length"),
        ({"title_en": ""}, "pages_published_in_both_languages"),
        ({"content_en": ""}, "pages_published_in_both_languages"),
        ({"content_ja": ""}, "pages_published_in_both_languages"),
        ({"content_ja": "x" * 40_001}, "pages_content_ja_length"),
        ({"floors": []}, "pages_floors_not_empty"),
        ({"published_at": later(2), "expires_at": later(1)}, "pages_times_in_order"),
        ({"deleted_at": later(0)}, "pages_deleted_is_not_published"),
    ],
)
async def test_what_cannot_be(
    admin: Connection, hotel: Hotel, values: dict[str, object], constraint: str
) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await page(admin, hotel, **values)
    assert refused.value.constraint_name == constraint


async def test_a_name_is_free_again_when_its_page_is_deleted(
    admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    first = await page(admin, hotel, slug="bath")
    await page(admin, other_hotel, slug="bath")
    with pytest.raises(asyncpg.UniqueViolationError):
        await page(admin, hotel, slug="bath")
    await admin.execute("UPDATE app.pages SET is_published = false, deleted_at = now() WHERE id = $1", first)
    await page(admin, hotel, slug="bath")


async def test_the_last_hundred_versions_are_kept(admin: Connection, hotel: Hotel) -> None:
    made, other = await page(admin, hotel), await page(admin, hotel)
    write = (
        "INSERT INTO app.page_histories (tenant_id, page_id, version, action, changed, snapshot)"
        " SELECT $1, $2, n, 'changed', '{}', '{}' FROM generate_series($3::integer, $4) AS n"
    )
    await admin.execute(write, hotel.tenant_id, other, 1, 2)
    await admin.execute(write, hotel.tenant_id, made, 1, 100)
    kept = "SELECT min(version), max(version), count(*) FROM app.page_histories WHERE page_id = $1"
    assert tuple(await admin.fetchrow(kept, made) or ()) == (1, 100, 100)
    await admin.execute(write, hotel.tenant_id, made, 101, 103)
    assert tuple(await admin.fetchrow(kept, made) or ()) == (4, 103, 100)
    assert tuple(await admin.fetchrow(kept, other) or ()) == (1, 2, 2)


async def test_the_last_hundred_deleted_pages_are_kept(
    psql: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    delete = "UPDATE app.pages SET is_published = false, deleted_at = $2 WHERE id = $1"
    made = [await page(psql, hotel) for _ in range(102)]
    await psql.execute(
        "INSERT INTO app.page_histories (tenant_id, page_id, version, action, changed, snapshot)"
        " SELECT tenant_id, id, 1, 'created', '{}', '{}' FROM app.pages WHERE tenant_id = $1",
        hotel.tenant_id,
    )
    theirs = await page(psql, other_hotel)
    await psql.execute(delete, theirs, later(-9))
    for number, one in enumerate(made[:-1]):
        await psql.execute(delete, one, later(number - 200))
    left = {row["id"] for row in await psql.fetch("SELECT id FROM app.pages WHERE id = ANY ($1)", made)}
    assert left == set(made[1:]), "the one that was deleted first is gone, and what is there stays"
    assert await psql.fetchval("SELECT count(*) FROM app.page_histories WHERE page_id = $1", made[0]) == 0
    assert await psql.fetchval("SELECT count(*) FROM app.pages WHERE id = $1", theirs) == 1
