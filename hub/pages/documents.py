"""What is said about pages: to guests over the log, to their editors over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from hub.pages.html import MOST_WRITTEN

TITLE_LENGTH = 200
SUMMARY_LENGTH = 300
MOST_FLOORS = 100
MOST_VERSIONS = 100

# As in `open-air-bath`: what links between pages name.
Slug: TypeAlias = Annotated[str, Meta(pattern="^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$", max_length=63)]
Title: TypeAlias = Annotated[str, Meta(max_length=TITLE_LENGTH)]
Summary: TypeAlias = Annotated[str, Meta(max_length=SUMMARY_LENGTH)]
Html: TypeAlias = Annotated[str, Meta(max_length=MOST_WRITTEN)]
Floor: TypeAlias = Annotated[str, Meta(min_length=1, max_length=50)]
Floors: TypeAlias = Annotated[tuple[Floor, ...], Meta(min_length=1, max_length=MOST_FLOORS)]
Place: TypeAlias = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Version: TypeAlias = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
Action: TypeAlias = Literal[
    "created", "changed", "published", "scheduled", "unpublished", "restored", "deleted"
]


class GuestPage(Struct, frozen=True, forbid_unknown_fields=True):
    """A page as guests see it, and only while they shall. The HTML is clean, and yet a screen shows it where
    it can do nothing. `floors` null: every floor."""

    id: UUID
    slug: str
    title_ja: str
    title_en: str
    summary_ja: str
    summary_en: str
    html_ja: str
    html_en: str
    display_order: int
    floors: list[str] | None
    published_at: datetime
    expires_at: datetime | None


class PageEntry(Struct, frozen=True):
    """A page in the list of its editors. Guests see it (`is_shown`) when it is published, between its two
    times. `parent_version` is the version that this one was made from."""

    id: UUID
    slug: str
    title_ja: str
    title_en: str
    summary_ja: str
    summary_en: str
    floors: tuple[str, ...] | None
    display_order: int
    is_published: bool
    published_at: datetime | None
    expires_at: datetime | None
    is_shown: bool
    version: int
    parent_version: int | None
    updated_at: datetime
    deleted_at: datetime | None


class Page(PageEntry, frozen=True, kw_only=True):
    """The whole page."""

    content_ja: str
    content_en: str


class OnePage(Struct, frozen=True):
    page: Page


class PageList(Struct, frozen=True):
    """In the order in which guests see them."""

    pages: list[PageEntry]


class ListPages(Struct, frozen=True, forbid_unknown_fields=True):
    """`deleted` asks for those that can be restored, in place of the others."""

    deleted: bool = False


class CreatePage(Struct, frozen=True, forbid_unknown_fields=True):
    """Nobody sees it until it is published. `floors` null: every floor."""

    slug: Slug
    title_ja: Annotated[str, Meta(min_length=1, max_length=TITLE_LENGTH)]
    title_en: Title = ""
    summary_ja: Summary = ""
    summary_en: Summary = ""
    content_ja: Html = ""
    content_en: Html = ""
    floors: Floors | None = None
    display_order: Place = 0


class ChangePage(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Only what is named changes. `expected_version` is the version that the editor has read."""

    expected_version: Version
    slug: Slug | UnsetType = UNSET
    title_ja: Annotated[str, Meta(min_length=1, max_length=TITLE_LENGTH)] | UnsetType = UNSET
    title_en: Title | UnsetType = UNSET
    summary_ja: Summary | UnsetType = UNSET
    summary_en: Summary | UnsetType = UNSET
    content_ja: Html | UnsetType = UNSET
    content_en: Html | UnsetType = UNSET
    floors: Floors | UnsetType | None = UNSET
    display_order: Place | UnsetType = UNSET


class PublishPage(Struct, frozen=True, forbid_unknown_fields=True):
    """Guests see it from `published_at` (null: at once) to `expires_at` (null: until somebody takes it
    back)."""

    expected_version: Version
    published_at: Moment | None = None
    expires_at: Moment | None = None


class AtVersion(Struct, frozen=True, forbid_unknown_fields=True):
    """`expected_version` is the version that the editor has read."""

    expected_version: Version


class DeletePage(Struct, frozen=True, forbid_unknown_fields=True):
    """`expected_version` is the version that the editor has read."""

    expected_version: Version


class RestorePage(Struct, frozen=True, forbid_unknown_fields=True):
    """What `version` says becomes the newest version; whether guests see the page stays as it is. A deleted
    page comes back, and nobody sees it until it is published."""

    expected_version: Version
    version: Version


class Snapshot(Struct, frozen=True):
    """What a page was in one version."""

    slug: str
    title_ja: str
    title_en: str
    summary_ja: str
    summary_en: str
    content_ja: str
    content_en: str
    floors: tuple[str, ...] | None
    display_order: int
    is_published: bool
    published_at: datetime | None
    expires_at: datetime | None


class PageVersion(Struct, frozen=True):
    """Who has made a version, and which fields are others than in the version before it. `changed_by` is null
    when no member of staff has."""

    version: int
    action: Action
    changed_by: UUID | None
    changed_by_name: str | None
    parent_version: int | None
    changed: tuple[str, ...]
    created_at: datetime


class WholeVersion(PageVersion, frozen=True, kw_only=True):
    snapshot: Snapshot


class OneVersion(Struct, frozen=True):
    version: WholeVersion


class PageHistory(Struct, frozen=True):
    """Latest first. `next` is the `before` of the next page of the list, null on the last one."""

    versions: list[PageVersion]
    next: int | None


class ReadVersion(Struct, frozen=True):
    version: Version


class ReadHistory(Struct, frozen=True, forbid_unknown_fields=True):
    before: Version = 2**31 - 1
    limit: Annotated[int, Meta(ge=1, le=MOST_VERSIONS)] = 20
