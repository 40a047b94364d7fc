"""Pages over HTTP, as their editors make, change, publish, restore and delete them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.api.conftest import Api, problem
from tests.api.editors import BATH, PAGES, PageEditor, at
from tests.database.logbook import writer
from tests.factories import Hotel, make_staff
from tests.locks import waiting_for_a_lock

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings


@pytest.fixture(params=["menu_editor", "manager"])
async def desk(api: Api, admin: Connection, hotel: Hotel, request: pytest.FixtureRequest) -> PageEditor:
    return PageEditor(api, await make_staff(admin, hotel, request.param))


@pytest.fixture
async def editor(api: Api, admin: Connection, hotel: Hotel) -> PageEditor:
    return PageEditor(api, await make_staff(admin, hotel, "menu_editor"))


async def test_a_page_from_draft_to_the_rooms(desk: PageEditor, hotel: Hotel) -> None:
    draft = await desk.create(floors=["3", "4", "3"], summary_en=" Hot ")
    assert (draft["version"], draft["parent_version"], draft["is_shown"]) == (1, None, False)
    assert (draft["floors"], draft["summary_en"], draft["published_at"]) == (["3", "4"], "Hot", None)
    assert draft["content_ja"] == BATH["content_ja"]
    read = (await desk.api.get(f"{PAGES}/{draft['id']}", desk.who)).json()["page"]
    assert read == draft

    changed = (await desk.change(draft, title_en="Hot spring", floors=None)).json()["page"]
    assert (changed["version"], changed["parent_version"]) == (2, 1)
    assert (changed["title_en"], changed["floors"], changed["title_ja"]) == ("Hot spring", None, "大浴場")

    shown = await desk.done(changed, "publish")
    assert (shown["version"], shown["is_published"], shown["is_shown"]) == (3, True, True)
    hidden = await desk.done(shown, "unpublish")
    assert (hidden["is_published"], hidden["is_shown"], hidden["published_at"]) == (False, False, None)

    versions = await desk.history(draft)
    found = [(one["version"], one["action"], one["parent_version"], one["changed"]) for one in versions]
    assert found == [
        (4, "unpublished", 3, ["is_published", "published_at"]),
        (3, "published", 2, ["is_published", "published_at"]),
        (2, "changed", 1, ["floors", "title_en"]),
        (
            1,
            "created",
            None,
            ["content_en", "content_ja", "floors", "slug", "summary_en", "title_en", "title_ja"],
        ),
    ]
    role = "manager" if desk.who.role == "manager" else "menu_editor"
    assert {(one["changed_by"], one["changed_by_name"]) for one in versions} == {(str(desk.who.id), role)}


async def test_what_is_written_is_cleaned(editor: PageEditor, hotel: Hotel) -> None:
    page = await editor.create(
        content_ja='<p onclick="x()">湯<script>alert(1)</script></p>',
        content_en='<a href="https://evil.example">x</a><a href="tel:9">desk</a>',
        title_en="  Bath ",
    )
    assert page["content_ja"] == "<p>湯</p>"
    assert page["content_en"] == '<a>x</a><a href="tel:9">desk</a>'
    assert page["title_en"] == "Bath"
    picture = f'<img src="/api/v1/files/{hotel.tenant_id}/{uuid4()}" alt="湯">'
    page = (await editor.change(page, content_ja=picture)).json()["page"]
    assert page["content_ja"] == picture
    for wrong in (f'<img src="/api/v1/files/{uuid4()}/{uuid4()}" alt="x">', '<img src="/static/x.png">'):
        problem(await editor.change(page, content_en=wrong), 400, "invalid_input", "content_en")
    problem(await editor.change(page, title_ja="湯\u202e"), 400, "invalid_input", "title_ja")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"slug": "Bath"}, "slug"),
        ({"slug": "../x"}, "slug"),
        ({"slug": ""}, "slug"),
        ({"slug": "a" * 64}, "slug"),
        ({"title_ja": ""}, "title_ja"),
        ({"title_ja": " "}, "title_ja"),
        ({"title_en": "x" * 201}, "title_en"),
        ({"floors": []}, "floors"),
        ({"floors": [" "]}, "floors[0]"),
        ({"display_order": 2**31}, "display_order"),
        ({"is_published": True}, ""),
        ({"content_ja": "a&" * 15_000}, "content_ja"),
    ],
)
async def test_what_cannot_be(editor: PageEditor, values: dict[str, object], field: str) -> None:
    answer = await editor.api.post(PAGES, {**BATH, **values}, editor.who)
    problem(answer, 400, "invalid_input", field or None)


async def test_of_two_editors_the_second_is_told(
    editor: PageEditor, api: Api, admin: Connection, settings: Settings, hotel: Hotel
) -> None:
    other = PageEditor(api, await make_staff(admin, hotel, "manager"))
    page = await editor.create()
    async with writer(settings) as holder:
        held = holder.transaction()
        await held.start()
        await holder.execute("SELECT FROM app.pages WHERE id = $1 FOR NO KEY UPDATE", page["id"])
        changes = [
            asyncio.create_task(editor.change(page, title_en="Spa")),
            asyncio.create_task(other.change(page, title_en="Hot spring")),
        ]
        await waiting_for_a_lock(admin, len(changes))  # both have read the same version
        await held.commit()
        answers = await asyncio.gather(*changes)
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    winner, loser = sorted(answers, key=lambda answer: answer.status_code)
    document = problem(loser, 409, "version_mismatch", "expected_version")
    assert (document["details"]["expected"], document["details"]["got"]) == (1, 2)
    assert document["details"]["page"] == winner.json()["page"], "what to compare with comes along"
    for action in ("publish", "unpublish", "restore"):
        more = {"version": 1} if action == "restore" else {}
        problem(await other.act(page, action, **more), 409, "version_mismatch", "expected_version")
    problem(await other.delete(page), 409, "version_mismatch", "expected_version")
    assert len(await editor.history(page)) == 2


async def test_what_changes_nothing_makes_no_version(editor: PageEditor) -> None:
    page = await editor.create()
    same = (await editor.change(page, title_ja="大浴場 ", content_ja=page["content_ja"])).json()["page"]
    assert same == page
    assert await editor.done(page, "unpublish") == page
    assert len(await editor.history(page)) == 1


async def test_a_page_waits_for_its_moment(editor: PageEditor) -> None:
    page = await editor.create()
    begins, ends = at(1), at(2)
    waiting = await editor.done(page, "publish", published_at=begins, expires_at=ends)
    assert (waiting["is_published"], waiting["is_shown"]) == (True, False)
    assert datetime.fromisoformat(waiting["published_at"]) == datetime.fromisoformat(begins)
    assert [one["action"] for one in await editor.history(page)] == ["scheduled", "created"]
    now = await editor.done(waiting, "publish", expires_at=ends)
    assert now["is_shown"] is True
    for wrong in ({"expires_at": at(-1)}, {"published_at": at(2), "expires_at": at(1)}):
        problem(await editor.act(now, "publish", **wrong), 400, "invalid_input", "expires_at")
    answer = await editor.act(now, "publish", published_at="2026-11-21T12:00:00")
    problem(answer, 400, "invalid_input", "published_at")


async def test_guests_read_it_in_both_languages_or_not_at_all(editor: PageEditor) -> None:
    for missing in ("title_en", "content_ja", "content_en"):
        page = await editor.create(slug=missing.replace("_", "-"), **{missing: ""})
        problem(await editor.act(page, "publish"), 409, "conflict", missing)
    shown = await editor.done(await editor.create(), "publish")
    problem(await editor.change(shown, content_en=""), 409, "conflict", "content_en")


async def test_an_earlier_version_comes_back(editor: PageEditor) -> None:
    page = await editor.create()
    second = (await editor.change(page, title_en="Spa", content_en="<p>Spa</p>")).json()["page"]
    shown = await editor.done(second, "publish")
    restored = await editor.done(shown, "restore", version=1)
    assert (restored["version"], restored["parent_version"]) == (4, 1)
    assert (restored["title_en"], restored["content_en"]) == ("Bath", BATH["content_en"])
    assert restored["is_shown"] is True, "whether guests see it stays as it is"
    # taking back the last change, again and again
    again = await editor.done(restored, "restore", version=3)
    once_more = await editor.done(again, "restore", version=4)
    assert (again["title_en"], once_more["title_en"]) == ("Spa", "Bath")
    actions = [(one["action"], one["parent_version"]) for one in await editor.history(page, limit=3)]
    assert actions == [("restored", 4), ("restored", 3), ("restored", 1)]

    whole = (await editor.api.get(f"{PAGES}/{page['id']}/history/2", editor.who)).json()["version"]
    assert (whole["action"], whole["snapshot"]["title_en"], whole["snapshot"]["content_en"]) == (
        "changed",
        "Spa",
        "<p>Spa</p>",
    )
    assert whole["snapshot"].keys() == {*BATH, "summary_ja", "summary_en", "floors", "display_order",
                                        "is_published", "published_at", "expires_at"}  # fmt: skip
    for wrong in (99, 0):
        answer = await editor.act(once_more, "restore", version=wrong)
        assert answer.status_code == (404 if wrong else 400)
    for wrong_path in ("99", "x", "0"):
        answer = await editor.api.get(f"{PAGES}/{page['id']}/history/{wrong_path}", editor.who)
        assert answer.status_code == (404 if wrong_path == "99" else 400)


async def test_a_deleted_page_can_be_restored(editor: PageEditor) -> None:
    shown = await editor.done(await editor.create(), "publish")
    gone = (await editor.delete(shown)).json()["page"]
    assert (gone["is_published"], gone["is_shown"]) == (False, False)
    assert gone["deleted_at"] is not None
    assert (await editor.slugs(), await editor.slugs(deleted="true")) == ([], ["bath"])
    for action in ("publish", "unpublish"):
        problem(await editor.act(gone, action), 404, "not_found", "page_id")
    problem(await editor.change(gone, title_en="x"), 404, "not_found", "page_id")
    problem(await editor.delete(gone), 404, "not_found", "page_id")
    back = await editor.done(gone, "restore", version=2)
    assert (back["deleted_at"], back["is_published"], back["slug"]) == (None, False, "bath")
    assert (await editor.slugs(), await editor.slugs(deleted="true")) == (["bath"], [])
    gone = (await editor.delete(back)).json()["page"]
    await editor.create()
    problem(await editor.act(gone, "restore", version=1), 409, "conflict", "slug")


async def test_history_comes_in_pages(editor: PageEditor) -> None:
    page = await editor.create()
    for number in range(5):
        page = (await editor.change(page, title_en=str(number))).json()["page"]
    first = (await editor.api.get(f"{PAGES}/{page['id']}/history", editor.who, limit=4)).json()
    assert [one["version"] for one in first["versions"]] == [6, 5, 4, 3]
    second = (
        await editor.api.get(f"{PAGES}/{page['id']}/history", editor.who, limit=4, before=first["next"])
    ).json()
    assert ([one["version"] for one in second["versions"]], second["next"]) == ([2, 1], None)
    problem(await editor.api.get(f"{PAGES}/{uuid4()}/history", editor.who), 404, "not_found", "page_id")
