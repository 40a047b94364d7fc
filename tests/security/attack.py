"""What the attacks share: taking one line of defence away, and reading what the audit has noticed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.factories import Hotel


@asynccontextmanager
async def without(admin: Connection, function: str) -> AsyncIterator[None]:
    """A function of the schema that returns nothing does nothing inside the block."""
    found = await admin.fetchrow(
        "SELECT pg_get_functiondef(oid) AS whole, prosrc AS body FROM pg_proc"
        " WHERE pronamespace = 'app'::regnamespace AND proname = $1",
        function,
    )
    assert found is not None
    is_trigger = "RETURNS trigger" in found["whole"]
    nothing = "BEGIN RETURN coalesce(NEW, OLD); END" if is_trigger else "BEGIN RETURN; END"
    await admin.execute(found["whole"].replace(found["body"], nothing))
    try:
        yield
    finally:
        await admin.execute(found["whole"])


async def audited(admin: Connection, hotel: Hotel, operation: str) -> int:
    """How often the hotel's audit holds this event."""
    count: int = await admin.fetchval(
        "SELECT count(*) FROM app.audit_logs WHERE tenant_id = $1 AND operation = $2",
        hotel.tenant_id,
        operation,
    )
    return count
