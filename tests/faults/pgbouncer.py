"""PgBouncer with transaction pooling before a PostgreSQL of the tests."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from hub.db.pool import Role
from hub.embedded.account import server_account
from hub.legs import PGBOUNCER

_START_SECONDS = 10.0

_CONFIGURATION = """\
[databases]
* = host={postgres} port=5432

[pgbouncer]
listen_addr =
listen_port = 5432
unix_socket_dir = {own}
auth_type = trust
auth_file = {own}/users.txt
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 200
logfile = {own}/pgbouncer.log
server_login_retry = 0.2
"""


class PgBouncer:
    """Made stopped. `size` are the connections to the server for each role."""

    def __init__(self, directory: Path, postgres: str, size: int) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        configuration = _CONFIGURATION.format(postgres=postgres, own=directory, size=size)
        (directory / "pgbouncer.ini").write_text(configuration)
        (directory / "users.txt").write_text("".join(f'"{role.value}" ""\n' for role in Role))

    def url(self, database: str) -> str:
        """An asyncpg DSN that leads through it."""
        return f"postgresql://hub_api@/{database}?host={quote(str(self._directory), safe='')}"

    def start(self) -> None:
        """Returns when it takes connections."""
        account = server_account()
        self._process = subprocess.Popen(
            [PGBOUNCER, "-q", str(self._directory / "pgbouncer.ini")],
            user=account.uid if account.dropped else None,
            group=account.gid if account.dropped else None,
            extra_groups=[] if account.dropped else None,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._listens():
            assert self._process.poll() is None, (self._directory / "pgbouncer.log").read_text()
            assert time.monotonic() < deadline, "PgBouncer does not start"
            time.sleep(0.01)

    def _listens(self) -> bool:
        # its socket is there a moment before it does
        with socket.socket(socket.AF_UNIX) as attempt:
            return attempt.connect_ex(str(self._directory / ".s.PGSQL.5432")) == 0

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        assert self._process is not None
        self.end()
        (self._directory / ".s.PGSQL.5432").unlink(missing_ok=True)

    def end(self) -> None:
        """For good, if it has begun."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def pause(self) -> None:
        """Like PAUSE on its console: no transaction begins any more, clients wait."""
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR1)

    def resume(self) -> None:
        """Like RESUME."""
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR2)


@contextmanager
def pgbouncer(postgres: str, *, size: int) -> Iterator[PgBouncer]:
    """One that runs before the server whose socket is in directory `postgres`; gone with the block."""
    directory = server_account().own(Path(tempfile.mkdtemp(prefix="pgb-", dir="/tmp")))
    pooler = PgBouncer(directory, postgres, size)
    try:
        pooler.start()
        yield pooler
    finally:
        pooler.end()
        shutil.rmtree(directory)
