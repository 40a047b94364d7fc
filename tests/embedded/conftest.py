"""A home for servers, and processes of their own that use it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub.embedded.account import server_account
from hub.embedded.home import throw_away_home
from tests.conftest import memory

USER = """
import sys
from pathlib import Path
from hub import embedded
with embedded.start(Path(sys.argv[1]), durable=False) as servers:
    print(servers.postgres.pid, servers.redis.pid, flush=True)
    sys.stdin.read()
"""


class User:
    """A process that joins the servers of a home and holds them until it is told to end."""

    def __init__(self, home: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", USER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def pids(self) -> tuple[int, int]:
        """The servers it uses, as soon as they run."""
        assert self._process.stdout is not None
        postgres, redis = self._process.stdout.readline().split()
        return int(postgres), int(redis)

    def end(self) -> None:
        self._process.communicate(timeout=30)
        assert self._process.returncode == 0

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty directory that the servers' user can enter; what still runs in it is stopped at the end."""
    path = throw_away_home(server_account(), memory())
    yield path
    for keeper in keepers(path):
        with contextlib.suppress(ProcessLookupError):
            os.kill(keeper, signal.SIGTERM)
        wait_gone(keeper)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def user(home: Path) -> Iterator[Callable[[], User]]:
    """Starts a process that uses the servers of `home`."""
    started: list[User] = []

    def start() -> User:
        started.append(User(home))
        return started[-1]

    yield start
    for process in started:
        process.kill()


def keepers(home: Path) -> list[int]:
    """The processes that keep an instance below `home`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = entry.read_bytes().decode(errors="replace").split("\0")
            if "hub.embedded.keeper" in words and any(word.startswith(str(home)) for word in words):
                found.append(int(entry.parent.name))
    return found


def is_alive(pid: int) -> bool:
    """Also false for a zombie that nobody has waited for yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_gone(*pids: int, seconds: float = 20) -> None:
    """Return when none of the processes lives; fail at the deadline."""
    deadline = time.monotonic() + seconds
    while alive := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < deadline, f"still alive: {alive}"
        time.sleep(0.01)
