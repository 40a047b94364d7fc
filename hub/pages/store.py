"""Pages in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import structs

from hub.db.queries import load
from hub.errors import Conflict, Internal
from hub.pages.documents import Action, Page, PageEntry, PageVersion, Snapshot, WholeVersion

if TYPE_CHECKING:
    from hub.db.scope import Scope

_queries = load("pages")
PAGES: Final = _queries["pages"]
PAGE: Final = _queries["page"]
LOCK_PAGE: Final = _queries["lock_page"]
LOCK_PAGES: Final = _queries["lock_pages"]
HELD: Final = _queries["held"]
INSERT_PAGE: Final = _queries["insert_page"]
SAVE_PAGE: Final = _queries["save_page"]
PAGE_OF_CHANGE: Final = _queries["page_of_change"]
INSERT_HISTORY: Final = _queries["insert_history"]
HISTORY: Final = _queries["history"]
VERSION: Final = _queries["version"]


async def pages(scope: Scope, *, deleted: bool) -> list[PageEntry]:
    """All that are there, or those that were deleted, latest first."""
    rows = await scope.fetch(PAGES, scope.tenant_id, deleted)
    return [msgspec.convert(dict(row), PageEntry) for row in rows]


async def page(scope: Scope, page_id: UUID, *, lock: bool = False) -> Page | None:
    """One page, also a deleted one; with `lock` it stands still until this transaction ends."""
    row = await scope.fetchrow(LOCK_PAGE if lock else PAGE, scope.tenant_id, page_id)
    return None if row is None else msgspec.convert(dict(row), Page)


async def lock(scope: Scope) -> None:
    """Nobody else edits a page of the hotel until this transaction ends."""
    await scope.execute(LOCK_PAGES, scope.tenant_id)


async def held(scope: Scope) -> tuple[int, int]:
    """How many pages are there, and the bytes of all that can be read in them."""
    row = await scope.fetchrow(HELD, scope.tenant_id)
    return (0, 0) if row is None else (row["pages"], row["bytes"])


async def changed_by(scope: Scope, change_id: UUID) -> Page | None:
    """The page that a change was made to, None when it was not made."""
    page_id = await scope.fetchval(PAGE_OF_CHANGE, scope.tenant_id, change_id)
    return await page(scope, page_id) if isinstance(page_id, UUID) else None


async def insert(scope: Scope, page_id: UUID, new: Snapshot) -> None:
    """A page that nobody sees. Raises Conflict when another one has its slug."""
    values = (new.content_ja, new.content_en, new.floors, new.display_order)
    names = (new.slug, new.title_ja, new.title_en, new.summary_ja, new.summary_en)
    try:
        await scope.execute(INSERT_PAGE, scope.tenant_id, page_id, *names, *values)
    except asyncpg.UniqueViolationError as error:
        raise _taken(new.slug) from error


async def save(scope: Scope, page_id: UUID, new: Snapshot, parent: int, *, deleted: bool) -> int:
    """Store what a page is now; its version. Raises Conflict when another one has its slug."""
    values = structs.astuple(new)
    try:
        version = await scope.fetchval(SAVE_PAGE, scope.tenant_id, page_id, *values, parent, deleted)
    except asyncpg.UniqueViolationError as error:
        raise _taken(new.slug) from error
    if not isinstance(version, int):
        raise Internal("a page of this transaction has gone")
    return version


async def note(
    scope: Scope,
    page: Page,
    action: Action,
    change_id: UUID,
    by: UUID,
    changed: list[str],
) -> None:
    """Write the present version into the history."""
    snapshot = msgspec.json.encode(snapshot_of(page)).decode()
    what = (page.version, action, change_id, by, page.parent_version, changed, snapshot)
    await scope.execute(INSERT_HISTORY, scope.tenant_id, page.id, *what)


async def history(scope: Scope, page_id: UUID, before: int, limit: int) -> list[PageVersion]:
    """At most `limit` versions before that one, latest first."""
    rows = await scope.fetch(HISTORY, scope.tenant_id, page_id, before, limit)
    return [msgspec.convert(dict(row), PageVersion) for row in rows]


async def version(scope: Scope, page_id: UUID, number: int) -> WholeVersion | None:
    row = await scope.fetchrow(VERSION, scope.tenant_id, page_id, number)
    if row is None:
        return None
    values: dict[str, Any] = dict(row)
    values["snapshot"] = msgspec.json.decode(values["snapshot"], type=Snapshot)
    return msgspec.convert(values, WholeVersion)


def snapshot_of(page: Page) -> Snapshot:
    """What a page is, without what follows from it."""
    return Snapshot(**{name: getattr(page, name) for name in Snapshot.__struct_fields__})


def _taken(slug: str) -> Conflict:
    return Conflict(f"Another page has the name {slug} already.", field="slug")
