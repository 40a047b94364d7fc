"""PostgreSQL and Redis for a laptop and for the tests: no ports, no set-up, nothing left behind.

`start` joins the servers of a home directory, or starts them; `throw_away` makes servers of its own. The
users of one home share its servers, and the last one stops them (`keeper`).
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import msgspec

from hub.embedded import messages, redis
from hub.embedded.account import server_account
from hub.embedded.home import Instance, default_home, make_home, throw_away_home
from hub.embedded.postgres import SUPERUSER
from hub.embedded.reach import reachable_postgres, reachable_redis
from hub.embedded.resolve import resolve_postgres, resolve_redis
from hub.errors import SettingError, Unavailable

_JOIN_SECONDS = 120.0  # initdb on a slow disk, or a long crash recovery


class Server:
    """One of the two servers, to be hurt by tests. Its calls block until what they say is done."""

    def __init__(self, name: messages.Server, servers: Servers) -> None:
        self._name = name
        self._servers = servers

    @property
    def pid(self) -> int:
        """Of the server now; Unavailable when it does not run."""
        state = self._servers.ask(messages.State())
        pid = state.postgres_pid if self._name == "postgres" else state.redis_pid
        if pid is None:
            raise Unavailable(f"{self._name} does not run")
        return pid

    def kill(self) -> None:
        """kill -9."""
        self._servers.ask(messages.Control(self._name, "kill"))

    def stop(self) -> None:
        self._servers.ask(messages.Control(self._name, "stop"))

    def start(self) -> None:
        """Does nothing when it runs."""
        self._servers.ask(messages.Control(self._name, "start"))

    def restart(self) -> None:
        """Stop it in order, if it runs, and start it; returns when it takes connections."""
        self._servers.ask(messages.Control(self._name, "restart"))


class Servers:
    """A claim on running servers, until `stop` or the end of the `with` block. Threads may share it."""

    def __init__(self, lines: messages.Lines, state: messages.Reply, sockets: Path) -> None:
        self._lines = lines
        self._asking = threading.Lock()
        self._state = state
        self._sockets = sockets
        self.postgres = Server("postgres", self)
        self.redis = Server("redis", self)

    def database_url(self, database: str, user: str = SUPERUSER) -> str:
        """An asyncpg DSN over the unix socket. No password: whoever can open the socket may be any user."""
        return f"postgresql://{quote(user)}@/{quote(database)}?host={quote(str(self._sockets), safe='')}"

    @property
    def redis_url(self) -> str:
        return f"unix://{quote(str(self._sockets / redis.SOCKET))}"

    def describe(self) -> list[str]:
        """One line for each server: which one, which version, from where, on which socket."""
        postgres, cache = self._state.postgres, self._state.redis
        lines = []
        if postgres is not None:
            lines.append(
                f"PostgreSQL {postgres.version} ({postgres.source}) on {self._sockets}/.s.PGSQL.5432"
            )
        if cache is not None:
            lines.append(
                f"{cache.product} {cache.version} ({cache.source}) on {self._sockets}/{redis.SOCKET}"
            )
        return lines

    def ask(self, request: messages.Request) -> messages.Reply:
        """Send a request to the keeper; Unavailable when it refuses or is gone."""
        with self._asking:
            reply = _ask(self._lines, request)
        if reply is None:
            raise Unavailable("the keeper of the embedded servers is gone, and with it the servers")
        return reply

    def stop(self) -> None:
        """Give up the claim. When nobody else has one, return after the servers have stopped."""
        with self._asking, self._lines.connection:
            if self._lines.connection.fileno() != -1:
                with contextlib.suppress(Unavailable, OSError):
                    _ask(self._lines, messages.Leave())

    def __enter__(self) -> Servers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(
    home: Path | None = None, *, durable: bool = True, shared: bool = True, redis: bool = True
) -> Servers:
    """Start the servers whose data is in `home` (None: this user's), or join them where they run.

    Without `durable` a crash of the machine may ruin the data. Without `shared` nobody else may use them at
    the same time. Raises SettingError (no binaries, no usable home) or Unavailable (they do not start).
    """
    account = server_account()
    home = default_home() if home is None else home
    make_home(home, account)
    return _start(home.resolve(), durable=durable, shared=shared, redis=redis, discard=False)


@contextlib.contextmanager
def throw_away(
    *,
    durable: bool = False,
    redis: bool = True,
    below: Path | None = None,
    fill: Callable[[Path], None] | None = None,
) -> Iterator[Servers]:
    """Servers with a directory of their own, removed with them at the end of the block or of the process.

    The directory lies in `below`, or (None, or closed to the servers' user) where temporary files do. `fill`
    makes PostgreSQL's data at the path that it is given, as for a replica; None makes an empty cluster.
    """
    home = throw_away_home(server_account(), below).resolve()
    try:
        if fill is not None:
            fill(Instance.make(home, resolve_postgres().major).data)
        with _start(home, durable=durable, shared=True, redis=redis, discard=True) as servers:
            yield servers
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _start(home: Path, *, durable: bool, shared: bool, redis: bool, discard: bool) -> Servers:
    if sys.platform == "win32":
        raise SettingError("embedded servers do not run on Windows; set HUB_DATABASE_URL and HUB_REDIS_URL")
    account = server_account()
    postgres_binaries = resolve_postgres()
    redis_binary = resolve_redis() if redis else None
    if account.dropped:
        copies = default_home() / "bin"
        make_home(copies.parent, account)
        postgres_binaries = reachable_postgres(postgres_binaries, account, copies)
        redis_binary = redis_binary and reachable_redis(redis_binary, account, copies)
    instance = Instance.make(home, postgres_binaries.major)
    join = messages.Join(postgres_binaries, redis_binary, durable, shared)
    deadline = time.monotonic() + _JOIN_SECONDS
    with instance.joining():
        while True:
            lines = _connect(instance)
            if lines is not None:
                with contextlib.ExitStack() as stack:
                    stack.callback(lines.connection.close)
                    reply = _ask(lines, join)
                    if reply is not None:  # else the keeper was about to end
                        stack.pop_all()
                        return Servers(lines, reply, instance.sockets)
            if time.monotonic() > deadline:
                raise Unavailable(f"the servers in {instance.directory} do not start; see the logs there")
            _spawn_keeper(instance, discard=discard)


def _ask(lines: messages.Lines, request: messages.Request) -> messages.Reply | None:
    """The keeper's answer, None when it is gone; Unavailable when it refuses."""
    try:
        lines.send(request)
        line = lines.receive()
    except (BrokenPipeError, ConnectionResetError):
        return None
    if line is None:
        return None
    reply = msgspec.json.decode(line, type=messages.Reply)
    if reply.error is not None:
        raise Unavailable(reply.error)
    return reply


def _connect(instance: Instance) -> messages.Lines | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(instance.sockets / messages.SOCKET))
    except OSError:
        connection.close()
        return None
    return messages.Lines(connection)


def _spawn_keeper(instance: Instance, *, discard: bool) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "hub.embedded.keeper", str(instance.directory)),
            *(["--discard"] if discard else []),
        ],
        cwd=Path(__file__).resolve().parents[2],  # where the package hub is found
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Unavailable(f"the keeper of the embedded servers does not start: {done.stderr.strip()}")
