"""The process that owns an instance's servers: started by their first user, it ends with the last.

Every user holds a connection to it. However a user ends, kill -9 included, its connection closes; when the
last one has closed, the servers stop. On Linux they also end with their keeper. The program
`python -m hub.embedded.keeper <instance> [--discard]` returns as soon as the keeper, now a daemon, listens.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import shutil
import signal
import socket
import sys
from pathlib import Path

import msgspec

from hub.embedded.account import server_account
from hub.embedded.home import Instance
from hub.embedded.messages import SOCKET, Control, Join, Leave, Lines, Reply, Request
from hub.embedded.postgres import Postgres
from hub.embedded.redis import Redis
from hub.errors import HubError, Unavailable

_FIRST_USER_SECONDS = 30.0


class Keeper:
    """Serves its users one request at a time."""

    def __init__(self, instance: Instance, sockets: Path, listener: socket.socket) -> None:
        self._instance = instance
        self._sockets = sockets
        self._listener = listener
        self._users: set[Lines] = set()
        self._joined: dict[Lines, Join] = {}
        self._last: Lines | None = None  # took its leave and waits for the servers to stop
        self._postgres: Postgres | None = None
        self._redis: Redis | None = None

    def run(self, signals: socket.socket) -> None:
        """Return when the last user has gone, when none comes, or when a signal asks for the end."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(signals, selectors.EVENT_READ)
            while ready := selector.select(None if self._users else _FIRST_USER_SECONDS):
                for key, _ in ready:
                    if key.fileobj is self._listener:
                        connection, _ = self._listener.accept()
                        user = Lines(connection)
                        self._users.add(user)
                        selector.register(connection, selectors.EVENT_READ, user)
                    elif key.fileobj is signals:
                        if signal.SIGTERM in signals.recv(64):
                            return
                        self._state()  # looks at the servers: one that was killed does not stay a zombie
                    elif not self._serve(key.data):
                        selector.unregister(key.fileobj)
                        self._users.discard(key.data)
                        self._joined.pop(key.data, None)
                        if not self._users:
                            return

    def close(self) -> None:
        """Take no more users and stop the servers. Who comes now finds no keeper, and starts another."""
        (self._sockets / SOCKET).unlink(missing_ok=True)
        self._listener.close()
        for server in (self._redis, self._postgres):
            if server is not None:
                server.stop()

    def farewell(self) -> None:
        """Tell the last user that all is done."""
        if self._last is not None:
            with contextlib.suppress(OSError):
                self._last.send(self._state())

    def _serve(self, user: Lines) -> bool:
        """Answer one request; False when the user has left."""
        line = user.receive()
        if line is None:
            user.connection.close()
            return False
        leaves = False
        try:
            request = msgspec.json.decode(line, type=Request)
            leaves = isinstance(request, Leave)
            if leaves and len(self._users) == 1:
                self._last = user
                return False
            self._do(user, request)
            reply = self._state()
        except (HubError, OSError, msgspec.DecodeError) as error:
            reply = Reply(error=str(error))
        with contextlib.suppress(OSError):
            user.send(reply)
        return not leaves

    def _do(self, user: Lines, request: Request) -> None:
        if isinstance(request, Join):
            self._join(request)
            self._joined[user] = request
        elif isinstance(request, Control):
            server = self._postgres if request.server == "postgres" else self._redis
            if server is None:
                raise Unavailable(f"no {request.server} was asked for")
            if request.action == "kill":
                server.kill()
            if request.action in ("stop", "restart"):
                server.stop()
            if request.action in ("start", "restart"):
                server.start()

    def _join(self, wanted: Join) -> None:
        where = self._instance.directory
        others = self._joined.values()
        if others and not (wanted.shared and all(other.shared for other in others)):
            raise Unavailable(f"the servers in {where} are in use, and not to be shared")
        account = server_account()
        if self._postgres is None:
            self._postgres = Postgres(
                wanted.postgres, account, self._instance, self._sockets, durable=wanted.durable
            )
        if wanted.durable and not self._postgres.durable:
            raise Unavailable(f"the PostgreSQL in {where} is in use without durability, for tests")
        used = self._postgres.binaries
        if wanted.postgres.chosen and wanted.postgres.directory != used.directory:
            raise Unavailable(
                f"{where} is in use with the PostgreSQL of {used.directory}, not of HUB_PG_BINDIR"
            )
        self._postgres.start()
        if wanted.redis is None:
            return
        if self._redis is None:
            self._redis = Redis(wanted.redis, account, self._instance, self._sockets)
        if wanted.redis.chosen and wanted.redis.path != self._redis.binary.path:
            raise Unavailable(f"{where} is in use with {self._redis.binary.path}, not with HUB_REDIS_BIN")
        self._redis.start()

    def _state(self) -> Reply:
        return Reply(
            postgres=self._postgres.binaries if self._postgres else None,
            redis=self._redis.binary if self._redis else None,
            postgres_pid=self._postgres.pid if self._postgres else None,
            redis_pid=self._redis.pid if self._redis else None,
        )


def keep(instance: Instance, *, discard: bool, listening: int) -> None:
    """Be the keeper; writes to the descriptor `listening` and closes it as soon as users can come."""
    with instance.keeper_lock.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the last keeper may still be stopping its servers
        sockets = instance.make_sockets(server_account())
        (sockets / SOCKET).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(sockets / SOCKET))
            listener.listen()
            os.write(listening, b"listening")
            os.close(listening)
            keeper = Keeper(instance, sockets, listener)
            signals = _signals()
            try:
                keeper.run(signals)
            finally:
                keeper.close()
                instance.remove_short_sockets()
                if discard:
                    shutil.rmtree(instance.directory.parent, ignore_errors=True)
                keeper.farewell()


def _signals() -> socket.socket:
    """A socket that receives the number of each SIGTERM and SIGCHLD."""
    receiving, sending = socket.socketpair()
    sending.setblocking(False)
    signal.set_wakeup_fd(sending.detach())
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return receiving


def main() -> None:
    instance = Instance(Path(sys.argv[1]))
    receiving, sending = os.pipe()
    if os.fork() > 0:
        os.close(sending)
        sys.exit(0 if os.read(receiving, 16) else f"see {instance.directory / 'keeper.log'}")
    os.close(receiving)
    os.setsid()
    os.chdir("/")
    with (instance.directory / "keeper.log").open("wb") as log, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    keep(instance, discard="--discard" in sys.argv[2:], listening=sending)


if __name__ == "__main__":
    main()
