"""The hub's side of PostgreSQL: transactions of a tenant, repeated as a whole when that is safe."""

from __future__ import annotations

import asyncio
import errno
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import UUID

import asyncpg

from hub.db.pool import DATABASE_ERRORS
from hub.db.scope import Actor, Claim, Scope, admit, replica_scope, tenant_scope, utc_now
from hub.errors import InvalidInput, NotFound, Unavailable

if TYPE_CHECKING:
    from hub.db.pool import Pool
    from hub.db.reach import Reach
    from hub.db.replicas import Replicas

T = TypeVar("T")
ATTEMPTS: Final = 3
_BACKOFF_SECONDS: Final = 0.05
# A disk that was full counts as full for so long, if nobody tries to write.
_FULL_SECONDS: Final = 30.0
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
    asyncpg.TransactionTimeoutError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InsufficientResourcesError,  # connections, memory, disk
    asyncpg.ReadOnlySQLTransactionError,  # a primary that has become a standby
    asyncpg.InvalidSQLStatementNameError,  # a pooler that forgets statements: HUB_STATEMENT_CACHE=0
    asyncpg.DuplicatePreparedStatementError,
    TimeoutError,
)


class Database:
    """Transactions and reads of tenants, as hub_api. With `replicas`, `look` asks them; with `reach`, nothing
    is begun while the database is known to be away."""

    def __init__(
        self,
        pool: Pool,
        *,
        clock: Callable[[], datetime] = utc_now,
        replicas: Replicas | None = None,
        reach: Reach | None = None,
    ) -> None:
        self.pool = pool
        self.clock = clock
        self.replicas = replicas
        self._reach = reach
        self._full_at = float("-inf")

    async def transaction(
        self,
        tenant_id: UUID,
        actor: Actor,
        work: Callable[[Scope], Awaitable[T]],
        *,
        idempotent: bool,
        claim: Claim | None = None,
    ) -> T:
        """Run `work` in one transaction of the tenant, which begins with the `claim`, and commit it.

        An idempotent one is repeated as a whole, at most three times in all, after a deadlock, a
        serialization failure or a lost connection. Raises Unavailable (temporary) when the database cannot
        do it now.
        """
        attempt = 1
        while True:
            self._check()
            try:
                async with tenant_scope(
                    self.pool,
                    tenant_id,
                    actor,
                    read_only=False,
                    clock=self.clock,
                    claim=claim,
                    committed=None if self.replicas is None else self.replicas.committed,
                ) as scope:
                    result = await work(scope)
                self._full_at = float("-inf")
                return result
            except _BUSY as error:
                if isinstance(error, asyncpg.DiskFullError):
                    self._full_at = time.monotonic()
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

    def _check(self) -> None:
        if self._reach is not None:
            self._reach.check()

    async def ping(self) -> None:
        """Returns when the database answers; raises whatever goes wrong."""
        self._check()
        await self.pool.fetchval("SELECT 1")

    async def has_room(self) -> None:
        """Raises when a change was refused lately because the server's disk is full, and none made since."""
        if time.monotonic() - self._full_at < _FULL_SECONDS:
            raise OSError(errno.ENOSPC, "the disk of the database is full")

    async def look(
        self,
        tenant_id: UUID,
        actor: Actor,
        work: Callable[[Scope], Awaitable[T]],
        *,
        own_commits: bool = True,
    ) -> T:
        """Run `work`, whose queries a replica may answer: what it finds may be `replica_lag_seconds` old, but
        with `own_commits` holds what the tenant has committed here and what its client has seen elsewhere.

        Whether the actor is admitted is never old: the primary is asked. What a replica does not find, or
        fails at, the primary is asked as well, so `work` may run twice. Raises Unavailable.
        """
        self._check()
        chosen = None if self.replicas is None else self.replicas.choose(tenant_id if own_commits else None)
        if chosen is not None:
            replica, pool, position = chosen
            await self._admit(tenant_id, actor)
            try:
                async with replica_scope(
                    pool, tenant_id, actor, position=position, clock=self.clock
                ) as scope:
                    return await work(scope)
            except NotFound:
                pass  # what everybody has just been told of may not have come there yet
            except asyncpg.DataError:
                pass  # it has not come as far as this tenant needs; or the value is wrong everywhere
            except DATABASE_ERRORS as error:
                # who is only busy is asked again the next time
                if isinstance(error, _LOST) and not (isinstance(error, TimeoutError) or _is_refusal(error)):
                    replica.doubt()
        async with self.read(tenant_id, actor, aged=True) as scope:
            return await work(scope)

    async def _admit(self, tenant_id: UUID, actor: Actor) -> None:
        if actor.proof is not None:
            with _told():
                await admit(self.pool, tenant_id, actor)

    @asynccontextmanager
    async def read(self, tenant_id: UUID, actor: Actor, *, aged: bool = False) -> AsyncIterator[Scope]:
        """A read-only transaction of the tenant. Raises Unavailable when the database cannot do it now."""
        self._check()
        with _told():
            async with tenant_scope(
                self.pool, tenant_id, actor, read_only=True, clock=self.clock, aged=aged
            ) as scope:
                yield scope


@contextmanager
def _told() -> Iterator[None]:
    """What stops a read, as an error of the hub."""
    try:
        yield
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
