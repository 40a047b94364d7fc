"""The tenant-scoped transaction. Three round trips: one message that begins it, says whose it is, asks the
database whether the caller is still admitted, and takes the operation id; the statement; the answer with the
commit. The setting is local to the transaction, never to the session: a pooled connection would carry it to
the next tenant."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID

import asyncpg
from msgspec import Struct

from hub.db.commit import committing
from hub.db.dial import renounce
from hub.db.pool import DATABASE_ERRORS
from hub.db.position import UNKNOWN, lsn
from hub.db.queries import load
from hub.db.refusals import refusal
from hub.errors import OperationInProgress
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
# With an operation id, which another transaction may hold: the server's lock_timeout, 2 seconds, comes first.
_CLAIM_SECONDS: Final = 5.0
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
    device_type: Literal["tablet", "phone", "kitchen_screen"]
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


class Claim(Struct, frozen=True):
    """What is done once: the id that a principal gave it, which operation it is, and the SHA-256 of what was
    asked."""

    principal_id: UUID
    op_id: UUID
    operation: str
    request_hash: bytes

    def __post_init__(self) -> None:
        if not self.operation.replace("_", "").replace(".", "").isalnum() or not self.operation.isascii():
            raise ValueError(f"not an operation's name: {self.operation!r}")


class Scope:
    """Runs named queries in one transaction of one tenant. `now` is the hub's clock at its begin, `op_id` the
    operation that it carries out, if one does; `claimed` says that its id was free. `writes`
    says whether it may change anything; `aged` that what it reads may be some seconds old, so that it takes
    only queries that say so."""

    __slots__ = ("_connection", "aged", "claimed", "last", "now", "op_id", "tenant_id", "writes")

    def __init__(
        self, connection: Pooled, tenant_id: UUID, now: datetime, *, writes: bool, aged: bool = False
    ) -> None:
        self._connection = connection
        self.tenant_id = tenant_id
        self.now = now
        self.writes = writes
        self.aged = aged
        self.claimed = False
        self.op_id: UUID | None = None
        # What is sent along with the commit.
        self.last = ""

    def of(self, tenant_id: UUID) -> Scope:
        """The same transaction for what belongs to another tenant. Row-level security lets hub_admin alone do
        that."""
        return Scope(self._connection, tenant_id, self.now, writes=self.writes, aged=self.aged)

    async def claim(self, claim: Claim) -> None:
        """Take an operation id that the transaction did not begin with; `claimed` says whether it was free.

        Raises OperationInProgress while another transaction holds it.
        """
        with _told_in_progress():
            self.claimed = await self._connection.execute(_claim(claim)) == _CLAIMED

    def answer(self, claim: Claim, text: bytes) -> None:
        """Keep the answer of the operation, in UTF-8, together with the commit."""
        self.last = (
            f"SELECT app.answer_operation('{_uuid(claim.principal_id)}', '{_uuid(claim.op_id)}', "
            f"'{claim.operation}', '\\x{claim.request_hash.hex()}', "
            f"convert_from('\\x{text.hex()}', 'UTF8')); "
        )

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


# What the server says of a claim that was free.
_CLAIMED: Final = "SELECT 1"


def _uuid(value: UUID) -> str:
    """Rebuilt from the number; a tenth of the time of str()."""
    return f"{int(value.int):032x}"


def _claim(claim: Claim) -> str:
    return f"SELECT FROM app.claim_operation('{_uuid(claim.principal_id)}', '{_uuid(claim.op_id)}')"


@contextmanager
def _told_in_progress() -> Iterator[None]:
    try:
        yield
    except asyncpg.LockNotAvailableError as error:
        raise OperationInProgress("the same operation is still being worked on; ask again") from error


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
    user = _uuid(actor.user_id) if actor.user_id else ""
    text = (
        f"BEGIN{' READ ONLY' if read_only else ''}; "
        f"SET LOCAL app.current_tenant_id = '{_uuid(tenant_id)}'; "
        f"SET LOCAL app.actor = '{user}|{actor.role}|{_uuid(request_id)}|{ip}|{agent}'"
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
            device = _uuid(device_id)
            return f"{text}; SELECT app.admit_device('{device}', '{device_type}', {place}, {int(version)})"
        case StaffProof(session_id, version):
            return f"{text}; SELECT app.admit_staff('{_uuid(session_id)}', {int(version)})"


@asynccontextmanager
async def tenant_scope(
    pool: Pool,
    tenant_id: UUID,
    actor: Actor,
    *,
    read_only: bool,
    clock: Callable[[], datetime] = utc_now,
    aged: bool = False,
    claim: Claim | None = None,
    committed: Callable[[UUID, int], None] | None = None,
) -> AsyncIterator[Scope]:
    """A transaction of `tenant_id` on a connection of `pool`; commits at the end, rolls back on any error.

    A `claim` is taken at the begin: `Scope.claimed` says whether it was free, and OperationInProgress is
    raised while another transaction holds it. `committed` is told a position that the journal had reached
    after the commit; that costs a round trip.
    """
    begin = _begin(tenant_id, actor, read_only=read_only)
    # Leaving `acquire` rolls back what is still open, also when the task is cancelled inside a statement.
    async with pool.acquire(timeout=_WAIT_SECONDS) as connection:
        async with _whole(connection):
            scope = Scope(connection, tenant_id, clock(), writes=not read_only, aged=aged)
            if claim is None:
                await connection.execute(begin, timeout=_BEGIN_SECONDS)
            else:
                with _told_in_progress():
                    told = await connection.execute(f"{begin}; {_claim(claim)}", timeout=_CLAIM_SECONDS)
                scope.claimed = told == _CLAIMED
            yield scope
        if await _commit(connection, scope.last) != "COMMIT":
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


async def _commit(connection: Pooled, last: str) -> str:
    try:
        with committing(connection) as seconds:
            return await connection.execute(f"{last}COMMIT", timeout=seconds)
    except asyncpg.PostgresError as error:
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            if connection.is_in_transaction():  # it was the last statement that failed, not the commit
                await connection.execute("ROLLBACK")
        # a deferred trigger may refuse as well
        if (told := refusal(error)) is not None:
            raise told from error
        raise
