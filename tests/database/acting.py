"""Transactions as the hub begins them, for tests of what the database itself does with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection


@asynccontextmanager
async def scope(
    connection: Connection, tenant_id: UUID, actor: str = "", *, keep: bool = True
) -> AsyncIterator[None]:
    """Changes in that tenant, by that `app.actor`; undone at its end unless it may `keep` them."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("SELECT set_config('app.current_tenant_id', $1, true)", str(tenant_id))
        await connection.execute("SELECT set_config('app.actor', $1, true)", actor)
        yield
    except BaseException:
        await transaction.rollback()
        raise
    await (transaction.commit() if keep else transaction.rollback())


async def hire(admin: Connection, hotel: Hotel, role: str = "kitchen") -> UUID:
    """One more member of staff."""
    made: UUID = await admin.fetchval(
        "INSERT INTO app.staff (tenant_id, email_index, email_encrypted, password_hash, name, role)"
        " VALUES ($1, sha256($2), 'v1:', 'x', 'Aiko', $3) RETURNING id",
        hotel.tenant_id,
        uuid4().bytes,
        role,
    )
    return made


async def sign_in(admin: Connection, hotel: Hotel, staff_id: UUID, *, life: str = "1 hour") -> UUID:
    """A session of that member of staff."""
    made: UUID = await admin.fetchval(
        "INSERT INTO app.staff_sessions (tenant_id, staff_id, expires_at)"
        " VALUES ($1, $2, now() + $3::text::interval) RETURNING id",
        hotel.tenant_id,
        staff_id,
        life,
    )
    return made
