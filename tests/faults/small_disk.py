"""A PostgreSQL with a part of its files on a file system that is small, so that it can be full.

The file system is mounted in a namespace of its own: it is gone with the server, whatever ends the tests, and
an ordinary user may do it too, where the machine lets users have namespaces.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import asyncpg

from hub.db.pool import DATABASE_ERRORS
from hub.embedded.account import locale, server_account
from hub.embedded.home import default_home, make_home
from hub.embedded.reach import reachable_postgres
from hub.embedded.resolve import resolve_postgres

_START_SECONDS = 30.0
_ANSWER_SECONDS = 5.0
# Until its log has no room left: a busy machine may write so slowly that checkpoints keep up.
_FULL_SECONDS = 60.0
_STOP_SECONDS = 20.0
_BLOCK = 64 * 1024

# Ends with the tests; and starts the server again when it has ended, as a service manager does.
_SCRIPT = """
set -eu
mount -t tmpfs -o "size=$SIZE,mode=0777" tmpfs "$MOUNT"
$AS "$BIN/initdb" -D "$DATA" -X "$WAL" --wal-segsize=1 -U postgres -E UTF8 --locale="$LC_ALL" \
    --auth-local=trust --no-sync >/dev/null
while :; do
    $AS "$BIN/postgres" -D "$DATA" -c listen_addresses= -c unix_socket_directories="$OWN" \
        -c fsync=off -c full_page_writes=off -c max_wal_size="$KEPT" -c min_wal_size=2MB \
        -c max_connections=60 -c jit=off -c timezone=UTC || sleep 0.2
done
"""


class SmallDisk:
    """`full` is what lies on the small file system: the data, or the write-ahead log."""

    def __init__(self, directory: Path, part: Literal["data", "wal"]) -> None:
        self._directory = directory
        self._mount = directory / "small"
        self._mount.mkdir(mode=0o755)
        account, binaries = server_account(), resolve_postgres()
        user = []
        if account.dropped:
            make_home(default_home() / "bin", account)
            binaries = reachable_postgres(binaries, account, default_home() / "bin")
            user = ["--reuid", str(account.uid), "--regid", str(account.gid), "--clear-groups"]
        places = {"data": directory / "data", "wal": directory / "wal"} | {part: self._mount / "files"}
        self._data = places["data"]
        environment = {
            "PATH": os.environ["PATH"],
            "LC_ALL": locale(),
            "SIZE": "96m" if part == "data" else "16m",
            # no checkpoint while the data has no room: it would end the server, as a full log does
            "KEPT": "1GB" if part == "data" else "4MB",
            "MOUNT": str(self._mount),
            "AS": " ".join(["setpriv", *user, "--pdeathsig", "INT"]),
            "BIN": str(Path(binaries.program("postgres")).parent),
            "DATA": str(places["data"]),
            "WAL": str(places["wal"]),
            "OWN": str(directory),
        }
        with (directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *_namespace(), "sh", "-c", _SCRIPT],
                env=environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def database_url(self, database: str) -> str:
        """An asyncpg DSN."""
        return f"postgresql://postgres@/{database}?host={quote(str(self._directory), safe='')}"

    async def wait(self) -> None:
        """Until it takes connections."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            with suppress(*DATABASE_ERRORS):
                (await asyncpg.connect(self.database_url("postgres"), timeout=_ANSWER_SECONDS)).terminate()
                return
            assert self._process.poll() is None, (self._directory / "log").read_text()
            assert time.monotonic() < deadline, (self._directory / "log").read_text()
            await asyncio.sleep(0.05)

    @property
    def _ballast(self) -> Path:
        # the server's namespace, seen from here
        return Path(f"/proc/{self._process.pid}/root{self._mount}/ballast")

    def fill(self) -> None:
        """Leave not one byte of room."""
        with self._ballast.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(_BLOCK))

    async def run_out(self) -> None:
        """Write to the log until the server finds no room for it."""
        more = "SELECT pg_logical_emit_message(true, '', repeat('x', 500000)) FROM generate_series(1, 20)"
        deadline = time.monotonic() + _FULL_SECONDS
        with suppress(*DATABASE_ERRORS):
            connection = await asyncpg.connect(self.database_url("postgres"), timeout=_ANSWER_SECONDS)
            try:
                while time.monotonic() < deadline:
                    await connection.execute(more, timeout=_FULL_SECONDS)
            finally:
                connection.terminate()
            raise AssertionError("the server still finds room for its log")

    def empty(self) -> None:
        """Make room again."""
        self._ballast.unlink()

    def stop(self) -> None:
        """With SIGQUIT: nothing of it is kept."""
        self._process.send_signal(signal.SIGSTOP)  # it starts no other one meanwhile
        root = Path(f"/proc/{self._process.pid}/root")
        try:
            pid = int((root / str(self._data).lstrip("/") / "postmaster.pid").read_text().split()[0])
        except (OSError, IndexError):
            pid = None
        self._process.kill()
        self._process.wait(10)
        deadline = time.monotonic() + _STOP_SECONDS
        with suppress(ProcessLookupError):
            while pid is not None and self._runs(pid):
                assert time.monotonic() < deadline, f"process {pid}, the server, does not end"
                os.kill(pid, signal.SIGQUIT)
                time.sleep(0.05)

    def _runs(self, pid: int) -> bool:
        """Whether the server has this number: no other process, and not a dead one that nobody has buried."""
        try:
            return bytes(self._data) in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False


@asynccontextmanager
async def small_disk(part: Literal["data", "wal"]) -> AsyncIterator[SmallDisk]:
    """A server that runs; gone with the block."""
    directory = server_account().own(Path(tempfile.mkdtemp(prefix="small-", dir="/tmp")))
    server = SmallDisk(directory, part)
    try:
        await server.wait()
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def can_mount() -> bool:
    """Whether this user may have file systems of its own."""
    command = [*_namespace(), "mount", "-t", "tmpfs", "tmpfs", tempfile.gettempdir()]
    try:
        done = subprocess.run(command, check=False, capture_output=True, timeout=_START_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _namespace() -> list[str]:
    user = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
    return ["unshare", "--mount", *user]
