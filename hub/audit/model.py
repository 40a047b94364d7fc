"""What the audit says, and what may be asked of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from hub.errors import InvalidInput
from hub.web.cursor import END, START, Cursor, Position, read_cursor

MOST_ENTRIES: Final = 200
Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
Name: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z_]+([.][a-z_]+)?$", max_length=63)]


class AuditFilter(Struct, frozen=True, forbid_unknown_fields=True):
    """`from` and `to` are moments, the second one not included; `record` is the key of a row, `user` a person
    or a device; `operation` insert, update, delete or an event. `after` is the `next` of the page before."""

    table: Name | None = None
    record: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    user: UUID | None = None
    operation: Name | None = None
    since: Moment | None = msgspec.field(default=None, name="from")
    until: Moment | None = msgspec.field(default=None, name="to")
    after: Cursor | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST_ENTRIES)] = 100

    def before(self) -> Position:
        """Entries before this position are wanted. Raises InvalidInput."""
        end = END if self.until is None else (self.until, START[1])
        return end if self.after is None else min(end, read_cursor(self.after))

    def start(self) -> datetime:
        """And none before this moment. Raises InvalidInput when nothing can lie between."""
        start = START[0] if self.since is None else self.since
        if self.until is not None and self.until < start:
            raise InvalidInput("`to` lies before `from`.", field="to")
        return start


class Who(Struct, frozen=True):
    """`role` is a role of staff, a kind of device, or a part of the hub. `id` and `name` are null where
    nobody was signed in; `name` also for one who belongs to another hotel or is gone."""

    id: UUID | None
    role: str
    name: str | None


class Cook(Struct, frozen=True):
    """Who worked at the shared kitchen screen."""

    id: UUID
    name: str | None


class Entry(Struct, frozen=True):
    """A change of a row (`table`, `record`, `changed` columns with their `old` and `new` values, secrets
    left out), or an event with `details`."""

    id: UUID
    at: datetime
    operation: str
    who: Who
    cook: Cook | None
    table: str | None
    record: str | None
    changed: list[str] | None
    old: dict[str, Any] | None
    new: dict[str, Any] | None
    details: dict[str, Any] | None
    ip: str | None
    user_agent: str | None
    request_id: UUID | None


class Entries(Struct, frozen=True):
    """A page, newest first. `next` is the `after` of the next one, null on the last."""

    entries: list[Entry]
    next: str | None
