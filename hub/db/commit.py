"""A COMMIT is never cancelled. Whoever gives one up ends the connection instead: a cancellation would only
end the wait for a synchronous standby, and show everybody a change that can still be lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import asyncpg

if TYPE_CHECKING:
    from hub.db.pool import Pool, Pooled
    from hub.db.queries import Query

# Longer than a disk ever takes: a synchronous standby is away.
COMMIT_SECONDS: Final = 10.0


@contextmanager
def committing(connection: Pooled) -> Iterator[float]:
    """For what commits. Gives the seconds that asyncpg, which would cancel, must be told to wait: more than
    the patience here."""
    patience = asyncio.get_running_loop().call_later(COMMIT_SECONDS, connection.terminate)
    try:
        yield 2 * COMMIT_SECONDS
    except asyncio.CancelledError:
        connection.terminate()
        raise
    finally:
        patience.cancel()


async def write(pool: Pool, query: Query, *args: object) -> list[asyncpg.Record]:
    """Run one statement that is a transaction of its own; its rows."""
    async with pool.acquire() as connection:
        try:
            with committing(connection) as seconds:
                return await connection.fetch(query.text, *args, timeout=seconds)
        except asyncpg.ConnectionDoesNotExistError:
            # What lies idle may be as dead: nobody else shall find out by waiting.
            await pool.expire_connections()
            raise
