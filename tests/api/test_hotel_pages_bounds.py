"""What a hotel's pages are kept within: their names, number and size, who may edit them, one change for one
command, and nobody who waits while they are cleaned."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

import hub.db.database as database_module
from hub.db.scope import Scope, tenant_scope
from hub.pages import editing, writing
from tests.api.conftest import Api, problem
from tests.api.editors import BATH, PAGES, PageEditor
from tests.factories import Hotel, make_staff

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.permissions import StaffRole


@pytest.fixture
async def editor(api: Api, admin: Connection, hotel: Hotel) -> PageEditor:
    return PageEditor(api, await make_staff(admin, hotel, "menu_editor"))


async def test_names_are_unique_and_pages_have_an_order(editor: PageEditor) -> None:
    await editor.create(slug="b", display_order=2)
    first = await editor.create(slug="a", display_order=1)
    problem(await editor.api.post(PAGES, BATH | {"slug": "b"}, editor.who), 409, "conflict", "slug")
    problem(await editor.change(first, slug="b"), 409, "conflict", "slug")
    assert await editor.slugs() == ["a", "b"]
    assert (await editor.change(first, display_order=3)).status_code == 200
    assert await editor.slugs() == ["b", "a"]
    listed = (await editor.api.get(PAGES, editor.who)).json()["pages"]
    assert not {"content_ja", "content_en"} & listed[0].keys()


async def test_a_hotel_has_enough_pages_at_some_time(
    editor: PageEditor, admin: Connection, hotel: Hotel
) -> None:
    await admin.execute(
        "INSERT INTO app.pages (tenant_id, slug, title_ja) SELECT $1, 'p' || n, 'P'"
        " FROM generate_series(1, 200) AS n",
        hotel.tenant_id,
    )
    problem(await editor.api.post(PAGES, BATH, editor.who), 409, "conflict")


async def test_what_a_hotel_has_to_read_is_bounded(
    editor: PageEditor, admin: Connection, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By bytes as they travel, for every way in which there can be more."""
    monkeypatch.setattr(editing, "MOST_BYTES", 9 * 1024)
    large = "湯" * 1024
    first = await editor.create(content_ja=large)
    second = await editor.create(slug="b", content_ja=large, content_en="")
    third = {**BATH, "slug": "c", "content_ja": large}
    full = problem(await editor.api.post(PAGES, third, editor.who), 409, "conflict")
    assert full["detail"] == (
        "A hotel's pages hold at most 9 KiB together, and these would hold 10 KiB; shorten or delete some."
    )
    problem(await editor.change(second, content_en="x" * 4096), 409, "conflict")
    shorter = (await editor.change(second, content_ja="x")).json()["page"]
    gone = (await editor.delete(first)).json()["page"]
    third = await editor.create(slug="c", content_ja=large, content_en=large)
    problem(await editor.act(gone, "restore", version=1), 409, "conflict")
    problem(await editor.act(shorter, "restore", version=1), 409, "conflict")
    await editor.delete(third)
    assert (await editor.done(gone, "restore", version=1))["deleted_at"] is None
    # who has more already can make it less
    monkeypatch.setattr(editing, "MOST_BYTES", 10)
    assert (await editor.change(shorter, title_en="B")).status_code == 200


async def test_a_restored_page_counts(editor: PageEditor, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = (await editor.delete(await editor.create())).json()["page"]
    monkeypatch.setattr(editing, "MOST_PAGES", 1)
    await editor.create(slug="b")
    problem(await editor.act(gone, "restore", version=1), 409, "conflict")


async def test_nobody_waits_while_html_is_cleaned(
    editor: PageEditor, admin: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not this process, and no row of the hotel."""
    page = await editor.create()
    cleaning, go_on = threading.Event(), threading.Event()

    def slowly(text: str, *_: object) -> str:
        cleaning.set()
        go_on.wait(5)
        return text

    monkeypatch.setattr(writing, "clean", slowly)
    ways = (
        editor.change(page, content_en="<p>x</p>"),
        editor.act(page, "restore", version=1),
        editor.api.post(PAGES, BATH | {"slug": "b"}, editor.who),
    )
    for way in ways:
        cleaning.clear()
        go_on.clear()
        saving = asyncio.ensure_future(way)
        assert await asyncio.to_thread(cleaning.wait, 5)
        try:
            assert (await editor.slugs()) == ["bath"]
            assert not saving.done()
            held = "SELECT id FROM app.pages WHERE id = $1 FOR NO KEY UPDATE NOWAIT"
            assert await admin.fetchval(held, UUID(page["id"])) is not None
        finally:
            go_on.set()
        await saving


@pytest.mark.parametrize("way", ["create", "change", "publish", "unpublish", "restore", "delete"])
async def test_a_change_whose_answer_was_lost_is_made_once(
    editor: PageEditor, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """The commit arrives, the connection breaks; what comes next finds that it was made."""
    page: dict[str, Any] = {}
    if way != "create":
        page = (await editor.change(await editor.create(), title_en="Baths")).json()["page"]
        page = await editor.done(page, "publish")
    lost: list[Scope] = []

    @asynccontextmanager
    async def losing(*args: Any, read_only: bool, **options: Any) -> AsyncIterator[Scope]:
        async with tenant_scope(*args, read_only=read_only, **options) as scope:
            yield scope
        if not read_only and not lost:
            lost.append(scope)
            raise ConnectionResetError("the server went away")

    monkeypatch.setattr(database_module, "tenant_scope", losing)
    match way:
        case "create":
            page = await editor.create()
        case "change":
            page = (await editor.change(page, title_en="Spa")).json()["page"]
        case "restore":
            page = await editor.done(page, "restore", version=1)
        case "delete":
            page = (await editor.delete(page)).json()["page"]
        case _:
            page = await editor.done(page, way)
    assert lost
    assert page["version"] == (1 if way == "create" else 4)
    versions = [one["version"] for one in await editor.history(page)]
    assert versions == list(range(page["version"], 0, -1))


@pytest.mark.parametrize("role", ["front", "kitchen", "runner"])
async def test_who_may_not_edit(editor: PageEditor, admin: Connection, hotel: Hotel, role: StaffRole) -> None:
    page = await editor.create()
    for nobody in (
        await make_staff(admin, hotel, role),
        hotel.tablet(),
        hotel.kitchen(),
        await hotel.phone(admin),
    ):
        other = PageEditor(editor.api, nobody)
        problem(await editor.api.get(PAGES, nobody), 403, "forbidden")
        problem(await editor.api.post(PAGES, BATH, nobody), 403, "forbidden")
        problem(await other.change(page, title_en="x"), 403, "forbidden")
        problem(await other.act(page, "publish"), 403, "forbidden")


async def test_another_hotels_page_is_nobodys(
    editor: PageEditor, admin: Connection, other_hotel: Hotel
) -> None:
    page = await editor.create()
    stranger = PageEditor(editor.api, await make_staff(admin, other_hotel, "manager"))
    problem(await editor.api.get(f"{PAGES}/{page['id']}", stranger.who), 404, "not_found", "page_id")
    problem(await stranger.change(page, title_en="x"), 404, "not_found", "page_id")
    problem(await stranger.delete(page), 404, "not_found", "page_id")
    problem(await stranger.act(page, "restore", version=1), 404, "not_found", "page_id")
    assert await stranger.slugs() == []
    await stranger.create()
