"""Pages over HTTP, as their editors make, change, publish, restore and delete them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import pytest

import hub.db.database as database_module
from hub.db.scope import Scope, tenant_scope
from hub.pages import editing, writing
from tests.api.conftest import Api, bearer, problem
from tests.database.logbook import writer
from tests.factories import Hotel, make_staff
from tests.locks import waiting_for_a_lock

if TYPE_CHECKING:
    import httpx

    from hub.db.pool import Connection
    from hub.security.permissions import StaffRole
    from hub.security.principal import Principal
    from hub.settings import Settings

PAGES: Final = "/api/v1/pages"
BATH: Final = {
    "slug": "bath",
    "title_ja": "大浴場",
    "title_en": "Bath",
    "content_ja": "<h2>湯</h2><p>十五時から</p>",
    "content_en": "<h2>Bath</h2><p>From 15:00</p>",
}


class Desk:
    """An editor who has signed in."""

    def __init__(self, api: Api, who: Principal) -> None:
        self.api = api
        self.who = who

    async def create(self, **values: object) -> dict[str, Any]:
        answer = await self.api.post(PAGES, {**BATH, **values}, self.who)
        assert answer.status_code == 201, answer.text
        page: dict[str, Any] = answer.json()["page"]
        return page

    async def change(self, page: dict[str, Any], **values: object) -> httpx.Response:
        body = {"expected_version": page["version"], **values}
        return await self.api.client.patch(f"{PAGES}/{page['id']}", json=body, headers=bearer(self.who))

    async def act(self, page: dict[str, Any], action: str, **values: object) -> httpx.Response:
        body = {"expected_version": page["version"], **values}
        return await self.api.post(f"{PAGES}/{page['id']}/{action}", body, self.who)

    async def done(self, page: dict[str, Any], action: str, **values: object) -> dict[str, Any]:
        answer = await self.act(page, action, **values)
        assert answer.status_code == 200, answer.text
        acted: dict[str, Any] = answer.json()["page"]
        return acted

    async def delete(self, page: dict[str, Any]) -> httpx.Response:
        return await self.api.client.delete(
            f"{PAGES}/{page['id']}", params={"expected_version": page["version"]}, headers=bearer(self.who)
        )

    async def history(self, page: dict[str, Any], **params: int) -> list[dict[str, Any]]:
        answer = await self.api.get(f"{PAGES}/{page['id']}/history", self.who, **params)
        versions: list[dict[str, Any]] = answer.json()["versions"]
        return versions

    async def slugs(self, **params: str) -> list[str]:
        answer = await self.api.get(PAGES, self.who, **params)
        return [page["slug"] for page in answer.json()["pages"]]


@pytest.fixture(params=["menu_editor", "manager"])
async def desk(api: Api, admin: Connection, hotel: Hotel, request: pytest.FixtureRequest) -> Desk:
    return Desk(api, await make_staff(admin, hotel, request.param))


@pytest.fixture
async def editor(api: Api, admin: Connection, hotel: Hotel) -> Desk:
    return Desk(api, await make_staff(admin, hotel, "menu_editor"))


def at(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


async def test_a_page_from_draft_to_the_rooms(desk: Desk, hotel: Hotel) -> None:
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


async def test_what_is_written_is_cleaned(editor: Desk, hotel: Hotel) -> None:
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
async def test_what_cannot_be(editor: Desk, values: dict[str, object], field: str) -> None:
    answer = await editor.api.post(PAGES, {**BATH, **values}, editor.who)
    problem(answer, 400, "invalid_input", field or None)


async def test_of_two_editors_the_second_is_told(
    editor: Desk, api: Api, admin: Connection, settings: Settings, hotel: Hotel
) -> None:
    other = Desk(api, await make_staff(admin, hotel, "manager"))
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


async def test_what_changes_nothing_makes_no_version(editor: Desk) -> None:
    page = await editor.create()
    same = (await editor.change(page, title_ja="大浴場 ", content_ja=page["content_ja"])).json()["page"]
    assert same == page
    assert await editor.done(page, "unpublish") == page
    assert len(await editor.history(page)) == 1


async def test_a_page_waits_for_its_moment(editor: Desk) -> None:
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


async def test_guests_read_it_in_both_languages_or_not_at_all(editor: Desk) -> None:
    for missing in ("title_en", "content_ja", "content_en"):
        page = await editor.create(slug=missing.replace("_", "-"), **{missing: ""})
        problem(await editor.act(page, "publish"), 409, "conflict", missing)
    shown = await editor.done(await editor.create(), "publish")
    problem(await editor.change(shown, content_en=""), 409, "conflict", "content_en")


async def test_an_earlier_version_comes_back(editor: Desk) -> None:
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


async def test_a_deleted_page_can_be_restored(editor: Desk) -> None:
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


async def test_names_are_unique_and_pages_have_an_order(editor: Desk) -> None:
    await editor.create(slug="b", display_order=2)
    first = await editor.create(slug="a", display_order=1)
    problem(await editor.api.post(PAGES, BATH | {"slug": "b"}, editor.who), 409, "conflict", "slug")
    problem(await editor.change(first, slug="b"), 409, "conflict", "slug")
    assert await editor.slugs() == ["a", "b"]
    assert (await editor.change(first, display_order=3)).status_code == 200
    assert await editor.slugs() == ["b", "a"]
    listed = (await editor.api.get(PAGES, editor.who)).json()["pages"]
    assert not {"content_ja", "content_en"} & listed[0].keys()


async def test_a_hotel_has_enough_pages_at_some_time(editor: Desk, admin: Connection, hotel: Hotel) -> None:
    await admin.execute(
        "INSERT INTO app.pages (tenant_id, slug, title_ja) SELECT $1, 'p' || n, 'P'"
        " FROM generate_series(1, 200) AS n",
        hotel.tenant_id,
    )
    problem(await editor.api.post(PAGES, BATH, editor.who), 409, "conflict")


async def test_what_a_hotel_has_to_read_is_bounded(
    editor: Desk, admin: Connection, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
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


async def test_a_restored_page_counts(editor: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = (await editor.delete(await editor.create())).json()["page"]
    monkeypatch.setattr(editing, "MOST_PAGES", 1)
    await editor.create(slug="b")
    problem(await editor.act(gone, "restore", version=1), 409, "conflict")


async def test_nobody_waits_while_html_is_cleaned(
    editor: Desk, admin: Connection, monkeypatch: pytest.MonkeyPatch
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
    editor: Desk, monkeypatch: pytest.MonkeyPatch, way: str
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


async def test_history_comes_in_pages(editor: Desk) -> None:
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


@pytest.mark.parametrize("role", ["front", "kitchen", "runner"])
async def test_who_may_not_edit(editor: Desk, admin: Connection, hotel: Hotel, role: StaffRole) -> None:
    page = await editor.create()
    for nobody in (
        await make_staff(admin, hotel, role),
        hotel.tablet(),
        hotel.kitchen(),
        await hotel.phone(admin),
    ):
        other = Desk(editor.api, nobody)
        problem(await editor.api.get(PAGES, nobody), 403, "forbidden")
        problem(await editor.api.post(PAGES, BATH, nobody), 403, "forbidden")
        problem(await other.change(page, title_en="x"), 403, "forbidden")
        problem(await other.act(page, "publish"), 403, "forbidden")


async def test_another_hotels_page_is_nobodys(editor: Desk, admin: Connection, other_hotel: Hotel) -> None:
    page = await editor.create()
    stranger = Desk(editor.api, await make_staff(admin, other_hotel, "manager"))
    problem(await editor.api.get(f"{PAGES}/{page['id']}", stranger.who), 404, "not_found", "page_id")
    problem(await stranger.change(page, title_en="x"), 404, "not_found", "page_id")
    problem(await stranger.delete(page), 404, "not_found", "page_id")
    problem(await stranger.act(page, "restore", version=1), 404, "not_found", "page_id")
    assert await stranger.slugs() == []
    await stranger.create()
