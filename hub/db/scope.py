"""The tenant-scoped transaction. Three round trips: one message that begins it, says whose it is, and asks
the database whether the caller is still admitted; the statement; the commit. The setting is local to the
transaction, never to the session: a pooled connection would carry it to the next tenant."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID

import asyncpg
from msgspec import Struct

from hub.db.dial import renounce
from hub.db.pool import DATABASE_ERRORS
from hub.db.position import UNKNOWN, lsn
from hub.db.queries import load
from hub.db.refusals import refusal
from hub.telemetry.context import current

if TYPE_CHECKING:
    from hub.db.pool import Pool, Pooled
    from hub.db.queries import Query

SLOW_SECONDS: Final = 0.1
# For a connection of the pool: who waits for longer asks again later, and no line of them grows without end.
_WAIT_SECONDS: Final = 10.0
# For the first message of a transaction, which waits for no lock: a connection that is dead without a sign is
# found out here.
_BEGIN_SECONDS: Final = 3.0
# Longer than a disk ever takes: a synchronous standby is away.
_COMMIT_SECONDS: Final = 10.0
# For one of a replica's: the primary answers as well.
_REPLICA_WAIT_SECONDS: Final = 1.0
POSITION: Final = load("replicas")["position"]
_log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The hub's clock."""
    return datetime.now(UTC)


class DeviceProof(Struct, frozen=True):
    """The device that a transaction is admitted for, as its token describes it, and which credential in turn
    bought the token."""

    device_id: UUID
    device_type: Literal["tablet", "kitchen_screen"]
    room_number: str | None
    credential_version: int


class StaffProof(Struct, frozen=True):
    """The sign-in that a transaction is admitted for, and the version of the permissions that it counts
    on."""

    session_id: UUID
    access_version: int


class Actor(Struct, frozen=True):
    """Who acts in a transaction; the database's triggers read it. With a `proof`, the transaction begins
    only when the database still finds it good."""

    user_id: UUID | None
    role: str
    request_id: UUID
    proof: DeviceProof | StaffProof | None = None

    def __post_init__(self) -> None:
        if not self.role.replace("_", "").isalnum() or not self.role.isascii():
            raise ValueError(f"not a role's name: {self.role!r}")


class Scope:
    """Runs named queries in one transaction of one tenant. `now` is the hub's clock at its begin, `op_id` the
    operation that it carries out, if one does. `writes` says whether it may change anything; `aged` that what
    it reads may be some seconds old, so that it takes only queries that say so."""

    __slots__ = ("_connection", "aged", "now", "op_id", "tenant_id", "writes")

    def __init__(
        self, connection: Pooled, tenant_id: UUID, now: datetime, *, writes: bool, aged: bool = False
    ) -> None:
        self._connection = connection
        self.tenant_id = tenant_id
        self.now = now
        self.writes = writes
        self.aged = aged
        self.op_id: UUID | None = None

    def of(self, tenant_id: UUID) -> Scope:
        """The same transaction for what belongs to another tenant. Row-level security lets hub_admin alone do
        that."""
        return Scope(self._connection, tenant_id, self.now, writes=self.writes, aged=self.aged)

    async def fetch(self, query: Query, *args: object) -> list[asyncpg.Record]:
        """All rows."""
        self._check(query)
        started = time.perf_counter()
        rows = await self._connection.fetch(query.text, *args)
        _watch(query, started)
        return rows

    async def fetchrow(self, query: Query, *args: object) -> asyncpg.Record | None:
        """The first row, or None."""
        self._check(query)
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
        self._check(query)
        started = time.perf_counter()
        status = await self._connection.execute(query.text, *args)
        _watch(query, started)
        return int(status.rpartition(" ")[2])

    def _check(self, query: Query) -> None:
        # also where the primary answers: a test without replicas finds the mistake
        if self.aged and not query.replica:
            raise RuntimeError(f"{query.name} must not be answered by a replica")


def _watch(query: Query, started: float) -> None:
    seconds = time.perf_counter() - started
    if seconds > SLOW_SECONDS:
        # by name, never with values
        _log.warning("slow query", extra={"query": query.name, "ms": round(seconds * 1000)})


def _begin(tenant_id: UUID, actor: Actor, *, read_only: bool, position: int | None = None) -> str:
    """The message that begins a transaction. SET takes no parameters: only values rebuilt from parsed
    types enter this text, and what is free text travels as hex."""
    context = current.get()
    ip = agent = ""
    request_id = actor.request_id
    if context is not None:
        request_id = context.request_id
        ip = str(ip_address(context.ip)) if context.ip else ""
        agent = (context.user_agent or "").encode().hex()
    user = UUID(bytes=actor.user_id.bytes) if actor.user_id else ""
    text = (
        f"BEGIN{' READ ONLY' if read_only else ''}; "
        f"SET LOCAL app.current_tenant_id = '{UUID(bytes=tenant_id.bytes)}'; "
        f"SET LOCAL app.actor = '{user}|{actor.role}|{UUID(bytes=request_id.bytes)}|{ip}|{agent}'"
    )
    if position is not None:
        # A division by zero is the one error that plain SQL can raise. Volatile: nothing is folded away.
        reached = f"pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= '{lsn(int(position))}'"
        return f"{text}; SELECT 1 / coalesce({reached}, false)::integer"
    match actor.proof:
        case None:
            return text
        case DeviceProof(device_id, device_type, room, version):
            place = "NULL" if room is None else f"convert_from('\\x{room.encode().hex()}', 'UTF8')"
            device = UUID(bytes=device_id.bytes)
            return f"{text}; SELECT app.admit_device('{device}', '{device_type}', {place}, {int(version)})"
        case StaffProof(session_id, version):
            return f"{text}; SELECT app.admit_staff('{UUID(bytes=session_id.bytes)}', {int(version)})"


@asynccontextmanager
async def tenant_scope(
    pool: Pool,
    tenant_id: UUID,
    actor: Actor,
    *,
    read_only: bool,
    clock: Callable[[], datetime] = utc_now,
    aged: bool = False,
    committed: Callable[[UUID, int], None] | None = None,
) -> AsyncIterator[Scope]:
    """A transaction of `tenant_id` on a connection of `pool`; commits at the end, rolls back on any error.

    `committed` is told a position that the journal had reached after the commit; that costs a round trip.
    """
    begin = _begin(tenant_id, actor, read_only=read_only)
    # Leaving `acquire` rolls back what is still open, also when the task is cancelled inside a statement.
    async with pool.acquire(timeout=_WAIT_SECONDS) as connection:
        async with _whole(connection):
            await connection.execute(begin, timeout=_BEGIN_SECONDS)
            yield Scope(connection, tenant_id, clock(), writes=not read_only, aged=aged)
        if await _commit(connection) != "COMMIT":
            # An aborted transaction answers ROLLBACK, and no error: somebody has swallowed the one before.
            raise RuntimeError("the transaction was aborted, and nothing was committed")
        if committed is not None:
            committed(tenant_id, await _reached(connection))


@asynccontextmanager
async def replica_scope(
    pool: Pool,
    tenant_id: UUID,
    actor: Actor,
    *,
    position: int,
    clock: Callable[[], datetime] = utc_now,
) -> AsyncIterator[Scope]:
    """A read-only transaction of `tenant_id` on a replica. Nobody is admitted here: see `admit`.

    Raises asyncpg.DivisionByZeroError when the server has not replayed up to `position`, or is no replica.
    """
    begin = _begin(tenant_id, actor, read_only=True, position=position)
    async with pool.acquire(timeout=_REPLICA_WAIT_SECONDS) as connection:
        async with _whole(connection):
            await connection.execute(begin, timeout=_BEGIN_SECONDS)
            yield Scope(connection, tenant_id, clock(), writes=False, aged=True)
        await connection.execute("COMMIT")


async def admit(pool: Pool, tenant_id: UUID, actor: Actor) -> None:
    """Ask the database whether the actor is still admitted, and nothing else; in one round trip."""
    async with pool.acquire(timeout=_WAIT_SECONDS) as connection, _whole(connection):
        await connection.execute(
            f"{_begin(tenant_id, actor, read_only=True)}; COMMIT", timeout=_BEGIN_SECONDS
        )


@asynccontextmanager
async def _whole(connection: Pooled) -> AsyncIterator[None]:
    """Roll back after an error, which is raised as what the database meant to say."""
    try:
        yield
    except Exception as error:
        if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            renounce(connection)
        elif isinstance(error, TimeoutError):
            connection.terminate()  # it would not answer a ROLLBACK either
        # A refused command is no fault of the program; left open, asyncpg would log an error for each.
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await connection.execute("ROLLBACK")
        if isinstance(error, asyncpg.PostgresError) and (told := refusal(error)) is not None:
            raise told from error
        raise


async def _reached(connection: Pooled) -> int:
    """How far the journal reaches. Where nobody knows: further than any replica, until the next commit."""
    try:
        position: int = await connection.fetchval(POSITION.text)
    except DATABASE_ERRORS:
        return UNKNOWN  # what is committed is committed
    return position


async def _commit(connection: Pooled) -> str:
    # Whoever gives up ends the connection, and asks for no cancellation: that would only end the wait for a
    # synchronous standby, and show everybody a change that can still be lost.
    patience = asyncio.get_running_loop().call_later(_COMMIT_SECONDS, connection.terminate)
    try:
        return await connection.execute("COMMIT", timeout=2 * _COMMIT_SECONDS)
    except asyncpg.PostgresError as error:
        # a deferred trigger may refuse as well
        if (told := refusal(error)) is not None:
            raise told from error
        raise
    except asyncio.CancelledError:
        connection.terminate()
        raise
    finally:
        patience.cancel()
