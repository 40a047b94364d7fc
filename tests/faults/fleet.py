"""Hub processes that can be killed: each on a port of its own, started again by hand."""

from __future__ import annotations

import asyncio
import base64
import http.client
import os
import random
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hub.web.listener import bind
from hub.workers import spawn
from tests.conftest import MASTER_KEY

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

READY_SECONDS = 30.0
# The server gives a silent relay ten seconds; the rest is for a busy machine.
HOLDER_SECONDS = 40.0
_LISTENING = "0A"  # in /proc/net/tcp


class Member:
    """One hub process. The listening socket stays with the test: the port is the same after a kill."""

    def __init__(self, settings: Settings, environ: dict[str, str]) -> None:
        self._environ = environ
        self.listener: socket.socket = bind(settings)
        self.address: tuple[str, int] = self.listener.getsockname()[:2]
        self.process: subprocess.Popen[bytes] | None = None
        self.frozen = False
        self.leaving = False  # the balancer was told to send nobody there

    def start(self) -> None:
        self.process = spawn(self._environ, self.listener)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def freeze(self) -> None:
        """SIGSTOP: it does nothing, and its connections stay."""
        os.kill(self.pid, signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)
        self.frozen = False

    @property
    def serves(self) -> bool:
        """What the health checks of a balancer find."""
        return self.process is not None and self.process.poll() is None and not (self.frozen or self.leaving)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)

    def wait_ready(self) -> None:
        """Until /readyz says so."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, f"the hub ended with {self.process.returncode}"
            connection = http.client.HTTPConnection(*self.address, timeout=5)
            try:
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            time.sleep(0.02)
        raise AssertionError("the hub is not ready")

    def end(self) -> None:
        """For good, in whatever state it is."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self.listener.close()


class Fleet:
    """Several members on one database and one Redis."""

    def __init__(self, settings: Settings, size: int, **environ: str) -> None:
        names = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        secret = base64.b64encode(MASTER_KEY.secret).decode()
        names |= {
            "HUB_DATABASE_URL": settings.database_url,
            "HUB_NAMESPACE": settings.namespace,
            "HUB_MASTER_KEYS": f"{MASTER_KEY.kid}:{secret}",
            "HUB_KITCHEN_POSITION_SECONDS": "0.5",
            "HUB_TABLET_POSITION_SECONDS": "0.5",
            "HUB_DRAIN_SECONDS": "1",
            "HUB_HANDOVER_SECONDS": "3",
            "HUB_RETRY_MS": "300",
            "HUB_LOG_FORMAT": "human",
            "HUB_LOG_LEVEL": "warning",
            **environ,
        }
        if settings.redis_url is not None:
            names["HUB_REDIS_URL"] = settings.redis_url
        self.members = [Member(settings, names) for _ in range(size)]

    def __enter__(self) -> Fleet:
        with ExitStack() as stack:
            stack.callback(self.__exit__)
            for member in self.members:
                member.start()
            for member in self.members:
                member.wait_ready()
            stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as stack:
            for member in self.members:
                stack.callback(member.end)

    def address(self) -> tuple[str, int]:
        """Where a balancer would send a new connection: any member that serves."""
        return random.choice([member for member in self.members if member.serves] or self.members).address


def connections(pid: int, port: int) -> int:
    """How many a process has that clients have made to this port."""
    owned = set()
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # it was closed meanwhile
            owned.add(str(one.readlink()).removeprefix("socket:[").removesuffix("]"))
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    at = f":{port:04X}"
    return sum(row[1].endswith(at) and row[3] != _LISTENING and row[9] in owned for row in rows)


async def relay_holder(admin: Connection, fleet: Fleet) -> Member:
    """The member whose process holds the relay's lock, as soon as one does."""
    name = None
    try:
        async with asyncio.timeout(HOLDER_SECONDS):
            while True:
                name = await admin.fetchval(
                    "SELECT a.application_name FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)"
                    " JOIN pg_database AS d ON d.oid = l.database AND d.datname = current_database()"
                    " WHERE l.locktype = 'advisory' AND l.granted AND a.usename = 'hub_relay'"
                )
                if name is not None:
                    pid = int(name.rpartition(" ")[2])
                    for member in fleet.members:
                        if member.pid == pid:
                            return member
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"no member became the relay; the lock is held by {name}") from None
