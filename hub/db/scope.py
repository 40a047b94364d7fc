"""The tenant-scoped transaction. Three round trips: one message that begins it and says whose it is, the
statement, the commit. The setting is local to the transaction, never to the session: a pooled connection
would carry it to the next tenant."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import asyncpg
from msgspec import Struct

if TYPE_CHECKING:
    from hub.db.pool import Pool, Pooled
    from hub.db.queries import Query

SLOW_SECONDS: Final = 0.1
_log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The hub's clock."""
    return datetime.now(UTC)


class Actor(Struct, frozen=True):
    """Who acts in a transaction; the database's triggers read it. No field is free text."""

    user_id: UUID | None
    role: str
    request_id: UUID

    def __post_init__(self) -> None:
        if not self.role.replace("_", "").isalnum() or not self.role.isascii():
            raise ValueError(f"not a role's name: {self.role!r}")


class Scope:
    """Runs named queries in one transaction of one tenant. `now` is the hub's clock at its begin, `op_id` the
    operation that it carries out, if one does."""

    __slots__ = ("_connection", "now", "op_id", "tenant_id")

    def __init__(self, connection: Pooled, tenant_id: UUID, now: datetime) -> None:
        self._connection = connection
        self.tenant_id = tenant_id
        self.now = now
        self.op_id: UUID | None = None

    async def fetch(self, query: Query, *args: object) -> list[asyncpg.Record]:
        """All rows."""
        started = time.perf_counter()
        rows = await self._connection.fetch(query.text, *args)
        _watch(query, started)
        return rows

    async def fetchrow(self, query: Query, *args: object) -> asyncpg.Record | None:
        """The first row, or None."""
        started = time.perf_counter()
        row = await self._connection.fetchrow(query.text, *args)
        _watch(query, started)
        return row

    async def fetchval(self, query: Query, *args: object) -> object:
        """The first column of the first row, or None."""
        row = await self.fetchrow(query, *args)
        return None if row is None else row[0]

    async def execute(self, query: Query, *args: object) -> int:
        """Run it; the number of rows it changed."""
        started = time.perf_counter()
        status = await self._connection.execute(query.text, *args)
        _watch(query, started)
        return int(status.rpartition(" ")[2])


def _watch(query: Query, started: float) -> None:
    seconds = time.perf_counter() - started
    if seconds > SLOW_SECONDS:
        # by name, never with values
        _log.warning("slow query", extra={"query": query.name, "ms": round(seconds * 1000)})


@asynccontextmanager
async def tenant_scope(
    pool: Pool, tenant_id: UUID, actor: Actor, *, read_only: bool, clock: Callable[[], datetime] = utc_now
) -> AsyncIterator[Scope]:
    """A transaction of `tenant_id` on a connection of `pool`; commits at the end, rolls back on any error."""
    # SET takes no parameters. Only values rebuilt from parsed types enter this text.
    begin = (
        f"BEGIN{' READ ONLY' if read_only else ''}; "
        f"SET LOCAL app.current_tenant_id = '{UUID(bytes=tenant_id.bytes)}'; "
        f"SET LOCAL app.user_id = '{UUID(bytes=actor.user_id.bytes) if actor.user_id else ''}'; "
        f"SET LOCAL app.user_role = '{actor.role}'; "
        f"SET LOCAL app.request_id = '{UUID(bytes=actor.request_id.bytes)}'"
    )
    # Leaving `acquire` rolls back what is still open, also when the task is cancelled inside a statement.
    async with pool.acquire() as connection:
        await connection.execute(begin)
        try:
            yield Scope(connection, tenant_id, clock())
        except Exception:
            # A refused command is no fault of the program; left open, asyncpg would log an error for each.
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await connection.execute("ROLLBACK")
            raise
        if await connection.execute("COMMIT") != "COMMIT":
            # An aborted transaction answers ROLLBACK, and no error: somebody has swallowed the one before.
            raise RuntimeError("the transaction was aborted, and nothing was committed")
