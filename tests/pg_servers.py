"""PostgreSQL primaries with streaming replicas, to be hurt by tests.

Each server is an embedded one with a keeper and a data directory of its own, so nothing is left behind, also
when the tests are killed. What hurts a server blocks until it is done: call it in a thread where the loop
must go on (`await asyncio.to_thread(cluster.primary.kill)`).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg

from hub.embedded import messages, throw_away
from hub.embedded.account import server_account
from tests.conftest import memory

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.embedded import Servers

# For whatever a server does on its own: following, promoting. The machine may be busy.
PATIENCE: Final = 30.0
# For one statement: a promotion waits that long by itself. A server that stands still answers none.
_STATEMENT_SECONDS: Final = 2 * PATIENCE
_GOODBYE_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.02


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """A connection whose statements end in time, also where the server stands still; nobody waits for the
    goodbye of one that does."""
    connection: Connection = await asyncpg.connect(url, timeout=PATIENCE, command_timeout=_STATEMENT_SECONDS)
    try:
        yield connection
    finally:
        with suppress(TimeoutError):  # it has been ended then
            await connection.close(timeout=_GOODBYE_SECONDS)


class PgServer:
    """One server of a cluster. `name` is also its slot at the primary and its name as a standby."""

    def __init__(self, name: str, embedded: Servers) -> None:
        self.name = name
        self.embedded = embedded
        # the sockets stay where they are whatever happens to the server
        self.sockets = parse_qs(urlsplit(embedded.database_url("postgres")).query)["host"][0]

    @property
    def pid(self) -> int:
        """Of the postmaster; Unavailable when it does not run."""
        return self.embedded.postgres.pid

    @property
    def data(self) -> Path:
        """The data directory."""
        return Path(self.sockets).resolve().parent / "data"

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """An asyncpg DSN for this server alone."""
        return self.embedded.database_url(database, user)

    def start(self) -> None:
        """Returns when it takes connections; does nothing when it runs."""
        self.embedded.postgres.start()

    def stop(self) -> None:
        """A fast shutdown, in order."""
        self.thaw()
        self.embedded.postgres.stop()

    def kill(self) -> None:
        """kill -9 of the postmaster; what was committed is still there after `start`.

        Its children end when they notice, for which those of a frozen server must be awake.
        """
        pid = self._pid()
        children = [] if pid is None else _children(pid)
        self.embedded.postgres.kill()
        _send(signal.SIGCONT, children)

    def restart(self) -> None:
        """A fast shutdown and a start."""
        self.thaw()
        self.embedded.postgres.restart()

    def freeze(self) -> None:
        """SIGSTOP for all its processes: connections stay open and nobody answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT after `freeze`; does nothing when it does not run."""
        self._signal(signal.SIGCONT)

    def _pid(self) -> int | None:
        return self.embedded.ask(messages.State()).postgres_pid

    def _signal(self, number: signal.Signals) -> None:
        pid = self._pid()
        if pid is not None:
            _send(number, [pid])  # first, so that it makes no more children
            _send(number, _children(pid))

    def connect(self, database: str = "postgres") -> AbstractAsyncContextManager[Connection]:
        """A superuser's connection."""
        return connected(self.url(database))

    async def value(self, sql: str, *args: object) -> Any:
        """The one value that a statement answers."""
        async with self.connect() as connection:
            return await connection.fetchval(sql, *args)

    async def configure(self, **settings: str) -> None:
        """ALTER SYSTEM and a reload, which has come to a session when this returns; some settings need a
        `restart` beside it."""
        async with self.connect() as connection, asyncio.timeout(PATIENCE):
            for name, value in settings.items():
                quoted = await connection.fetchval("SELECT quote_literal($1)", value)
                await connection.execute(f"ALTER SYSTEM SET {name} = {quoted}")
            before = await connection.fetchval("SELECT pg_conf_load_time()")
            await connection.execute("SELECT pg_reload_conf()")
            loaded = "SELECT pg_conf_load_time() > $1"
            while not await connection.fetchval(loaded, before):  # noqa: ASYNC110 - it tells only when asked
                await asyncio.sleep(_LOOK_SECONDS)

    async def promote(self) -> None:
        """Make a replica a primary of a new timeline; returns when it takes writes."""
        assert await self.value("SELECT pg_promote(true, $1)", int(PATIENCE)), f"{self.name}: not promoted"

    async def pause_replay(self) -> None:
        """A replica receives and shows nothing new any more; returns when it is so."""
        await self.value("SELECT pg_wal_replay_pause()")
        await self.until("SELECT pg_get_wal_replay_pause_state() = 'paused'")

    async def resume_replay(self) -> None:
        """The end of `pause_replay`."""
        await self.value("SELECT pg_wal_replay_resume()")

    async def position(self) -> str:
        """The end of what a primary has written, as an LSN."""
        return str(await self.value("SELECT pg_current_wal_lsn()::text"))

    async def reached(self, position: str) -> None:
        """Returns when a replica has replayed up to an LSN."""
        await self.until("SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", position)

    async def followed_by(self, *names: str) -> None:
        """Returns when these replicas stream from this server."""
        await self.until(
            "SELECT count(DISTINCT application_name) = $2 FROM pg_stat_replication"
            " WHERE state = 'streaming' AND application_name = ANY($1::text[])",
            list(names),
            len(set(names)),
        )

    async def until(self, sql: str, *args: object) -> None:
        """Returns when the server answers this with true."""
        try:
            async with asyncio.timeout(PATIENCE), self.connect() as connection:
                while not await connection.fetchval(sql, *args):  # noqa: ASYNC110 - it tells only when asked
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            raise TimeoutError(f"{self.name}, not within {PATIENCE:.0f} s: {sql}") from None


class PgCluster:
    """A primary and its replicas. After a promotion tell it who is the primary now: `cluster.primary = x`."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.primary = self._keep("p0", throw_away(redis=False, below=memory()))
        self.replicas: list[PgServer] = []

    def _keep(self, name: str, servers: AbstractContextManager[Servers]) -> PgServer:
        """A server that goes with the cluster; one that stands still could not be told to stop."""
        server = PgServer(name, self._stack.enter_context(servers))
        self._stack.callback(server.thaw)
        return server

    def add_replica(self) -> PgServer:
        """A new replica of the primary, with a slot; returns when it takes connections."""
        name = f"r{len(self.replicas) + 1}"
        servers = throw_away(
            redis=False, below=memory(), fill=lambda data: _copy(self.primary, data, name, new_slot=True)
        )
        self.replicas.append(self._keep(name, servers))
        return self.replicas[-1]

    async def rebuild(self, server: PgServer) -> None:
        """Make `server` anew as a replica of the primary, as after a failover: its own data is lost."""
        await asyncio.to_thread(server.stop)
        await self._slot(server.name)
        await asyncio.to_thread(shutil.rmtree, server.data)
        await asyncio.to_thread(_copy, self.primary, server.data, server.name, new_slot=False)
        await asyncio.to_thread(server.start)

    async def follow(self, replica: PgServer) -> None:
        """Let a running replica follow the primary of now, and wait until it streams."""
        await self._slot(replica.name)
        await replica.configure(primary_conninfo=_conninfo(self.primary, replica.name))
        await self.primary.followed_by(replica.name)

    async def synchronous(self, names: str = "*") -> None:
        """Commits of the primary wait for a replica (`synchronous_standby_names`); "" waits for none."""
        await self.primary.configure(synchronous_standby_names=names)

    async def caught_up(self) -> None:
        """Returns when all replicas show what the primary has committed so far."""
        position = await self.primary.position()
        for replica in self.replicas:
            await replica.reached(position)

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """An asyncpg DSN that names all servers and takes the one that is the primary."""
        hosts = ",".join(server.sockets for server in (self.primary, *self.replicas))
        return (
            f"postgresql://{quote(user)}@/{quote(database)}?host={quote(hosts, safe='')}"
            "&target_session_attrs=read-write"
        )

    async def _slot(self, name: str) -> None:
        await self.primary.value(
            "SELECT pg_create_physical_replication_slot($1)"
            " WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)",
            name,
        )


def _children(pid: int) -> list[int]:
    """Of a process; none when it has ended meanwhile."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(child) for child in text.split()]


def _send(number: signal.Signals, pids: list[int]) -> None:
    """To those that are still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _conninfo(primary: PgServer, name: str) -> str:
    return f"host={primary.sockets} user=postgres application_name={name}"


def _copy(primary: PgServer, data: Path, name: str, *, new_slot: bool) -> None:
    """Make `data` a replica of a running primary."""
    binaries = primary.embedded.ask(messages.State()).postgres
    assert binaries is not None
    account = server_account()
    account.own(data)
    log = data.with_name("basebackup.log")
    command = [binaries.program("pg_basebackup"), "-D", str(data), "-d", _conninfo(primary, name)]
    command += ["-R", "-X", "stream", "-c", "fast", "--no-sync", "-S", name]
    with log.open("ab") as file:
        done = account.run([*command, "-C"] if new_slot else command, file)
    assert done, f"pg_basebackup: {log.read_text(encoding='utf-8', errors='replace')}"


@contextmanager
def pg_cluster(*, replicas: int = 1) -> Iterator[PgCluster]:
    """A primary and replicas that follow asynchronously, see `PgCluster.synchronous`; gone with the block."""
    with ExitStack() as stack:
        cluster = PgCluster(stack)
        for _ in range(replicas):
            cluster.add_replica()
        yield cluster
