"""One PostgreSQL server as a child process."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

from hub.embedded.account import Account, locale
from hub.embedded.home import Instance
from hub.embedded.resolve import PostgresBinaries
from hub.errors import Unavailable

SUPERUSER = "postgres"
_READY_SECONDS = 60.0  # crash recovery takes as long as the last checkpoint is old
_RETRY_SECONDS = 15.0  # after kill -9 the children of the old server need a moment to see it
_STOP_SECONDS = 15.0
_STATUS_LINE = 7  # of postmaster.pid

# No TCP. Memory for a laptop; just-in-time compilation only delays short queries.
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "jit": "off",
    "wal_level": "replica",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}  # what was committed survives kill -9 all the same


class Postgres:
    """Made stopped. `account` must be able to run `binaries`; `sockets` is a directory of that user."""

    def __init__(
        self,
        binaries: PostgresBinaries,
        account: Account,
        instance: Instance,
        sockets: Path,
        *,
        durable: bool,
    ) -> None:
        self.binaries = binaries
        self.durable = durable
        self._account = account
        self._data = instance.data
        self._sockets = sockets
        self._log = instance.directory / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """None when it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Return when it takes connections; Unavailable with the log's last words when it does not."""
        if self.pid is not None:
            return
        self._initialise()
        self._stop_left_over()
        deadline = time.monotonic() + _RETRY_SECONDS
        while not self._try_start():
            if time.monotonic() > deadline:
                raise Unavailable(f"PostgreSQL does not start: {last_words(self._log)}")
            time.sleep(0.2)

    def stop(self) -> None:
        """Roll back what is open, write a checkpoint, end; harder when that takes too long."""
        for number, seconds in (
            (signal.SIGINT, _STOP_SECONDS),
            (signal.SIGQUIT, 5.0),
            (signal.SIGKILL, None),
        ):
            if self._process is None or self._process.poll() is not None:
                return
            self._process.send_signal(number)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue

    def kill(self) -> None:
        """kill -9, for tests of what happens then."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _initialise(self) -> None:
        if (self._data / "PG_VERSION").is_file():
            return
        made = self._data.with_name("data.new")
        if made.exists():
            shutil.rmtree(made)
        self._account.own(made)
        command = [self.binaries.program("initdb"), "-D", str(made), "-U", SUPERUSER, "-E", "UTF8"]
        command += [f"--locale={locale()}", "--auth-local=trust", "--auth-host=reject", "--data-checksums"]
        with self._log.open("ab") as log:
            if not self._account.run(command if self.durable else [*command, "--no-sync"], log):
                raise Unavailable(f"initdb failed: {last_words(self._log)}")
        made.rename(self._data)

    def _try_start(self) -> bool:
        settings = {**_SETTINGS, "unix_socket_directories": str(self._sockets)}
        command = [self.binaries.program("postgres"), "-D", str(self._data)]
        for name, value in (settings if self.durable else {**settings, **_NOT_DURABLE}).items():
            command += ["-c", f"{name}={value}"]
        with self._log.open("ab") as log:
            self._process = self._account.spawn(command, log)
        deadline = time.monotonic() + _READY_SECONDS
        while self._process.poll() is None:
            status = self._status()
            if status[:1] == [str(self._process.pid)] and status[_STATUS_LINE:] == ["ready"]:
                return True
            if time.monotonic() > deadline:
                self.stop()
                raise Unavailable(
                    f"PostgreSQL is not ready after {_READY_SECONDS:.0f} s: {last_words(self._log)}"
                )
            time.sleep(0.01)
        return False

    def _status(self) -> list[str]:
        """The stripped lines of postmaster.pid: the pid first, the status last."""
        try:
            text = (self._data / "postmaster.pid").read_text(encoding="utf-8")
        except OSError:
            return []
        return [line.strip() for line in text.splitlines()]

    def _stop_left_over(self) -> None:
        """Stop a server on our data that lost its keeper."""
        pid = next(iter(self._status()), "")
        command = _command_line(int(pid)) if pid.isdigit() else ""
        if str(self._data) in command:
            pg_ctl = [
                self.binaries.program("pg_ctl"),
                "-D",
                str(self._data),
                "-m",
                "fast",
                "-t",
                "15",
                "stop",
            ]
            self._account.run(pg_ctl)
        elif command and "postgres" not in command:
            # The machine was switched off, and the number is another process's now. PostgreSQL would refuse.
            (self._data / "postmaster.pid").unlink(missing_ok=True)


def last_words(log: Path) -> str:
    """The end of a server's log, as one line, and where the rest is."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-4:]
    return f"{' | '.join(lines)} (all of it: {log})"


def _command_line(pid: int) -> str:
    """Empty when there is no such process."""
    proc = Path(f"/proc/{pid}/cmdline")
    try:
        if proc.parent.parent.joinpath("self").exists():
            return proc.read_bytes().decode(errors="replace")
        return subprocess.run(
            ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return ""
