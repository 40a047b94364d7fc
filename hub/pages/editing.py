"""What editors do with pages. Each change names the version that it is made from, and leaves one in the
history. What is written has been cleaned (writing.py), and the hotel's pages stand still (store.lock)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, Struct, structs

from hub.db.ids import uuid7
from hub.errors import Conflict, Internal, InvalidInput, NotFound, VersionMismatch
from hub.pages import store
from hub.pages.documents import (
    Action,
    ChangePage,
    OnePage,
    Page,
    PublishPage,
    RestorePage,
    Snapshot,
)

if TYPE_CHECKING:
    from uuid import UUID

    from hub.db.scope import Scope

# Every guest's screen of the hotel holds all that guests see: 300 of them come back at once after an outage.
MOST_PAGES: Final = 200
MOST_BYTES: Final = 256 * 1024
# What somebody writes, and a restore brings back; the rest says whether guests see it.
_WRITTEN: Final = (
    "slug", "title_ja", "title_en", "summary_ja", "summary_en", "content_ja", "content_en", "floors",
    "display_order",
)  # fmt: skip
_TEXTS: Final = ("title_ja", "title_en", "summary_ja", "summary_en", "content_ja", "content_en")
_NEEDED: Final = ("title_ja", "title_en", "content_ja", "content_en")


class Change(Struct, frozen=True):
    """One change, by whom. `id` stays when it is tried again."""

    id: UUID
    by: UUID


async def create(scope: Scope, change: Change, written: dict[str, Any]) -> OnePage:
    """Raises Conflict when another page has its name or the hotel has enough of them."""
    page_id = uuid7()
    await store.insert(scope, page_id, msgspec.convert({**written, **_HIDDEN}, Snapshot))
    await _fits(scope)
    return await _noted(scope, change, page_id, "created", sorted(n for n, v in written.items() if v))


def named_in(wish: ChangePage) -> dict[str, Any]:
    """What a wish names of a page."""
    return {name: value for name in _WRITTEN if (value := getattr(wish, name)) is not UNSET}


async def change_to(
    scope: Scope, change: Change, page_id: UUID, expected: int, written: dict[str, Any]
) -> OnePage:
    """Raises NotFound, VersionMismatch with the page, Conflict."""
    page = await _expected(scope, page_id, expected)
    return await _save(scope, change, page, "changed", written)


async def publish(scope: Scope, change: Change, page_id: UUID, wish: PublishPage) -> OnePage:
    """Let guests see it, now or later. Raises NotFound, VersionMismatch, InvalidInput for times that cannot
    be, Conflict for a page that is not there in both languages."""
    page = await _expected(scope, page_id, wish.expected_version)
    begins = wish.published_at or scope.now
    if wish.expires_at is not None and wish.expires_at <= max(begins, scope.now):
        raise InvalidInput("It would be over before anybody has seen it.", field="expires_at")
    times = {"published_at": begins, "expires_at": wish.expires_at}
    action: Action = "scheduled" if begins > scope.now else "published"
    return await _save(scope, change, page, action, {"is_published": True, **times})


async def unpublish(scope: Scope, change: Change, page_id: UUID, expected: int) -> OnePage:
    """Nobody sees it any more. Raises NotFound, VersionMismatch."""
    page = await _expected(scope, page_id, expected)
    return await _save(scope, change, page, "unpublished", _HIDDEN)


async def written_in(scope: Scope, page_id: UUID, version: int) -> dict[str, Any] | None:
    """What a version says, None when there is no such version."""
    earlier = await store.version(scope, page_id, version)
    return None if earlier is None else {name: getattr(earlier.snapshot, name) for name in _WRITTEN}


async def restore(
    scope: Scope, change: Change, page_id: UUID, wish: RestorePage, written: dict[str, Any] | None
) -> OnePage:
    """Make what an earlier version says the newest one; a deleted page comes back. Raises NotFound,
    VersionMismatch, Conflict when another page has its name by now, guests would see half of it, or the hotel
    has enough pages without it."""
    page = await _expected(scope, page_id, wish.expected_version, deleted=True)
    if written is None:
        raise NotFound("There is no such version.", field="version")
    return await _save(scope, change, page, "restored", written, parent=wish.version)


async def delete(scope: Scope, change: Change, page_id: UUID, expected: int) -> OnePage:
    """It is gone for guests, and can be restored. Raises NotFound, VersionMismatch."""
    page = await _expected(scope, page_id, expected)
    return await _save(scope, change, page, "deleted", _HIDDEN, deleted=True)


_HIDDEN: Final[dict[str, Any]] = {"is_published": False, "published_at": None, "expires_at": None}


async def _expected(scope: Scope, page_id: UUID, version: int, *, deleted: bool = False) -> Page:
    """The page, locked, in the version that the editor has read."""
    page = await store.page(scope, page_id, lock=True)
    if page is None or (page.deleted_at is not None and not deleted):
        raise NotFound("There is no such page.", field="page_id")
    if page.version != version:
        raise VersionMismatch(
            f"The page has changed: expected version {version}, got {page.version}.",
            field="expected_version",
            expected=version,
            got=page.version,
            page=page,
        )
    return page


async def _save(
    scope: Scope,
    change: Change,
    page: Page,
    action: Action,
    values: dict[str, Any],
    *,
    parent: int | None = None,
    deleted: bool = False,
) -> OnePage:
    """Store new values and the version that they make; what changes nothing makes none. Raises Conflict when
    guests would see a page without one of its languages."""
    before = store.snapshot_of(page)
    after = structs.replace(before, **values)
    if after.is_published and (missing := [name for name in _NEEDED if not getattr(after, name)]):
        raise Conflict("Guests read it in both languages; this is missing.", field=missing[0])
    changed = sorted(name for name, value in values.items() if getattr(before, name) != value)
    if not changed and (page.deleted_at is not None) == deleted:
        return OnePage(page)
    await store.save(scope, page.id, after, page.version if parent is None else parent, deleted=deleted)
    if _size(after) > _size(before) or page.deleted_at is not None:
        await _fits(scope)
    return await _noted(scope, change, page.id, action, changed)


async def _fits(scope: Scope) -> None:
    """After there is more to read. Raises Conflict."""
    pages, size = await store.held(scope)
    if pages > MOST_PAGES:
        raise Conflict(f"A hotel has at most {MOST_PAGES} pages; delete one first.")
    if size > MOST_BYTES:
        raise Conflict(
            f"A hotel's pages hold at most {MOST_BYTES // 1024} KiB together, and these would hold "
            f"{-(-size // 1024)} KiB; shorten or delete some."
        )


def _size(page: Snapshot) -> int:
    return sum(len(getattr(page, name).encode()) for name in _TEXTS)


async def _noted(scope: Scope, change: Change, page_id: UUID, action: Action, changed: list[str]) -> OnePage:
    page = await store.page(scope, page_id)
    if page is None:
        raise Internal("a page of this transaction has gone")
    await store.note(scope, page, action, change.id, change.by, changed)
    return OnePage(page)
