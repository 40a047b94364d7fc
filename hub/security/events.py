"""Security events: what no row of a table shows, such as a sign-in that failed, written into the audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from hub.db.queries import load

if TYPE_CHECKING:
    from uuid import UUID

    from hub.db.scope import Scope

RECORD_EVENT: Final = load("security")["record_event"]


async def record(
    scope: Scope,
    operation: str,
    record: UUID | str | None = None,
    details: Mapping[str, object] | None = None,
) -> None:
    """Write an event of the scope's tenant, by the scope's actor; it is there when the scope commits.

    `operation` is `subject.what_happened`, `record` the row that it is about. Neither holds a secret, an
    e-mail address or a guest's name. An event about something that is refused needs a scope of its own: the
    refusal rolls the other one back.
    """
    await scope.execute(
        RECORD_EVENT,
        scope.tenant_id,
        operation,
        None if record is None else str(record),
        None if details is None else msgspec.json.encode(details).decode(),
    )
