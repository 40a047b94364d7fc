"""The hub's side of PostgreSQL: transactions of a tenant, repeated as a whole when that is safe."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import UUID

import asyncpg

from hub.db.scope import Actor, Scope, tenant_scope, utc_now
from hub.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from hub.db.pool import Pool

T = TypeVar("T")
ATTEMPTS: Final = 3
_BACKOFF_SECONDS: Final = 0.05
_log = logging.getLogger(__name__)

# The server rolled the transaction back and says that it may succeed when repeated.
_CONTENDED: Final = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,
)
# Nobody knows whether the commit arrived: safe to repeat only when the transaction recognises itself.
_LOST: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    OSError,
)
_BUSY: Final = (
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.InsufficientResourcesError,  # connections, memory, disk
    asyncpg.ReadOnlySQLTransactionError,  # a primary that has become a standby
    TimeoutError,
)


class Database:
    """Transactions and reads of tenants, as hub_api."""

    def __init__(self, pool: Pool, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.pool = pool
        self.clock = clock

    async def transaction(
        self, tenant_id: UUID, actor: Actor, work: Callable[[Scope], Awaitable[T]], *, idempotent: bool
    ) -> T:
        """Run `work` in one transaction of the tenant and commit it.

        An idempotent one is repeated as a whole, at most three times in all, after a deadlock, a
        serialization failure or a lost connection. Raises Unavailable (temporary) when the database cannot
        do it now.
        """
        attempt = 1
        while True:
            try:
                async with tenant_scope(
                    self.pool, tenant_id, actor, read_only=False, clock=self.clock
                ) as scope:
                    return await work(scope)
            except _BUSY as error:
                # before the lost ones, of which TimeoutError is one too: who is busy is not asked three times
                raise _unavailable(error) from error
            except (*_CONTENDED, *_LOST) as error:
                if _is_refusal(error):
                    raise _refused(error) from error
                if not idempotent or attempt == ATTEMPTS:
                    raise _unavailable(error) from error
                _log.info("transaction repeated", extra={"attempt": attempt, "reason": type(error).__name__})
            except asyncpg.DataError as error:
                raise _refused(error) from error
            await asyncio.sleep(random.uniform(0.5, 1.5) * _BACKOFF_SECONDS * 2**attempt)
            attempt += 1

    async def ping(self) -> None:
        """Returns when the database answers; raises whatever goes wrong."""
        await self.pool.fetchval("SELECT 1")

    @asynccontextmanager
    async def read(self, tenant_id: UUID, actor: Actor) -> AsyncIterator[Scope]:
        """A read-only transaction of the tenant. Raises Unavailable when the database cannot do it now."""
        try:
            async with tenant_scope(self.pool, tenant_id, actor, read_only=True, clock=self.clock) as scope:
                yield scope
        except (*_CONTENDED, *_LOST, *_BUSY) as error:
            if _is_refusal(error):
                raise _refused(error) from error
            raise _unavailable(error) from error
        except asyncpg.DataError as error:
            raise _refused(error) from error


def _unavailable(error: BaseException) -> Unavailable:
    _log.warning("database unavailable", extra={"reason": type(error).__name__})
    return Unavailable("the hub cannot reach its data now; try again")


def _is_refusal(error: BaseException) -> bool:
    """asyncpg refuses a value that it cannot encode with an InterfaceError that is a ValueError too."""
    return isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)


def _refused(error: BaseException) -> InvalidInput:
    """A value that passed the types and that PostgreSQL still refuses: the last line of defence."""
    _log.warning("value refused by the database", extra={"reason": type(error).__name__})
    return InvalidInput("a value is not acceptable")
