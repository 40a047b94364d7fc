"""The audit in the database; nobody writes it but the database itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from hub.audit.model import AuditFilter, Cook, Entries, Entry, Who
from hub.db.queries import load
from hub.web.cursor import cursor

if TYPE_CHECKING:
    import asyncpg

    from hub.db.queries import Query
    from hub.db.scope import Scope

_queries = load("audit")
BY_RECORD: Final = _queries["by_record"]
BY_USER: Final = _queries["by_user"]
BY_OPERATION: Final = _queries["by_operation"]
BY_TIME: Final = _queries["by_time"]
OF_PLATFORM: Final = _queries["of_platform"]


async def of_hotel(scope: Scope, wanted: AuditFilter) -> Entries:
    """A page of the audit of the scope's tenant. Raises InvalidInput."""
    return await _page(scope, _narrowest(wanted), wanted, scope.tenant_id)


async def of_platform(scope: Scope, wanted: AuditFilter) -> Entries:
    """A page of the platform's own audit; the scope is one of hub_admin. Raises InvalidInput."""
    return await _page(scope, OF_PLATFORM, wanted)


def _narrowest(wanted: AuditFilter) -> Query:
    if wanted.record is not None:
        return BY_RECORD
    if wanted.user is not None:
        return BY_USER
    return BY_TIME if wanted.operation is None else BY_OPERATION


async def _page(scope: Scope, query: Query, wanted: AuditFilter, *tenant: object) -> Entries:
    filters = (wanted.table, wanted.record, wanted.user, wanted.operation)
    # one more than asked for tells whether there is a next page
    rows = await scope.fetch(query, *tenant, *wanted.before(), wanted.start(), *filters, wanted.limit + 1)
    page = [_entry(row) for row in rows[: wanted.limit]]
    further = cursor(page[-1].at, page[-1].id) if len(rows) > wanted.limit else None
    return Entries(page, further)


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(
        id=row["id"],
        at=row["at"],
        operation=row["operation"],
        who=Who(row["user_id"], row["user_role"], row["user_name"]),
        cook=None if row["cook_id"] is None else Cook(row["cook_id"], row["cook_name"]),
        table=row["table"],
        record=row["record"],
        changed=row["changed"],
        old=_object(row["old"]),
        new=_object(row["new"]),
        details=_object(row["details"]),
        ip=row["ip"],
        user_agent=row["user_agent"],
        request_id=row["request_id"],
    )


def _object(text: str | None) -> dict[str, Any] | None:
    return None if text is None else msgspec.json.decode(text, type=dict[str, Any])
