"""One Valkey or Redis server as a child process. It keeps nothing: the hub's truth is in PostgreSQL."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from pathlib import Path

from hub.embedded.account import Account
from hub.embedded.home import Instance
from hub.embedded.postgres import last_words
from hub.embedded.resolve import RedisBinary
from hub.errors import Unavailable

SOCKET = "redis.sock"
_READY_SECONDS = 15.0
_STOP_SECONDS = 5.0


class Redis:
    """Made stopped. `account` must be able to run `binary`; `sockets` is a directory of that user."""

    def __init__(self, binary: RedisBinary, account: Account, instance: Instance, sockets: Path) -> None:
        self.binary = binary
        self._account = account
        self._data = instance.redis_data
        self._socket = sockets / SOCKET
        self._log = instance.directory / "redis.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """None when it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Return when it answers; Unavailable with the log's last words when it does not."""
        if self.pid is not None:
            return
        self._stop_left_over()
        self._account.own(self._data)
        command = [
            self.binary.path,
            "--port",
            "0",
            "--unixsocket",
            str(self._socket),
            "--unixsocketperm",
            "700",
        ]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self._data), "--logfile", ""]
        with self._log.open("ab") as log:
            self._process = self._account.spawn(command, log)
        deadline = time.monotonic() + _READY_SECONDS
        while self._ask("PING") != "+PONG":
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise Unavailable(f"{self.binary.product} does not start: {last_words(self._log)}")
            time.sleep(0.01)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """kill -9, for tests of what happens then."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _stop_left_over(self) -> None:
        """Stop a server on our socket that lost its keeper."""
        deadline = time.monotonic() + _STOP_SECONDS
        while self._ask("PING") and time.monotonic() < deadline:
            self._ask("SHUTDOWN NOSAVE")
            time.sleep(0.05)

    def _ask(self, command: str) -> str:
        """The first line of the answer; empty when there is none."""
        with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
            connection.settimeout(1.0)
            connection.connect(str(self._socket))
            connection.sendall(f"{command}\r\n".encode())
            return connection.recv(256).partition(b"\r\n")[0].decode(errors="replace")
        return ""
