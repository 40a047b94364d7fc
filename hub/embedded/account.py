"""As whom the servers run. PostgreSQL refuses root, so root's servers run as `postgres` or `nobody`."""

from __future__ import annotations

import ctypes
import functools
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from msgspec import Struct

from hub.errors import SettingError

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Account(Struct, frozen=True):
    """The user of the server processes; `dropped` when it is not the one we are."""

    name: str
    uid: int
    gid: int
    dropped: bool

    def run(self, command: Sequence[str], log: IO[bytes] | int = subprocess.DEVNULL) -> bool:
        """Run a program to its end as this user; True when it succeeded."""
        try:
            return self._start(command, log, None).wait() == 0
        except OSError:
            return False

    def spawn(self, command: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a server as this user. On Linux it ends (SIGINT) with the calling process, however that ends.

        Only for a process with one thread: the signal comes when the calling thread ends.
        """
        return self._start(command, log, _end_with_parent)

    def _start(
        self, command: Sequence[str], log: IO[bytes] | int, before: Callable[[], None] | None
    ) -> subprocess.Popen[bytes]:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))
        }
        return subprocess.Popen(
            command,
            cwd="/",
            env={**environment, "LC_ALL": locale()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            user=self.uid if self.dropped else None,
            group=self.gid if self.dropped else None,
            extra_groups=[] if self.dropped else None,
            preexec_fn=before,  # noqa: PLW1509 - given only by `spawn`, which tells when it may be used
        )

    def can_enter(self, directory: Path) -> bool:
        return not self.dropped or self.run(["/bin/sh", "-c", 'cd -- "$0"', str(directory)])

    def own(self, directory: Path) -> Path:
        """Make a directory that only this user (and root) can enter."""
        directory.mkdir(mode=0o700, exist_ok=True)
        directory.chmod(0o700)
        if self.dropped:
            os.chown(directory, self.uid, self.gid)
        return directory


def locale() -> str:
    """One that sorts by code point and knows UTF-8; macOS has no C.UTF-8."""
    return "C.UTF-8" if sys.platform == "linux" else "C"


@functools.cache
def server_account() -> Account:
    uid = os.geteuid()
    if uid != 0:
        try:
            return Account(pwd.getpwuid(uid).pw_name, uid, os.getegid(), dropped=False)
        except KeyError:
            raise SettingError(
                f"user {uid} has no entry in the password database, and PostgreSQL needs one; run as a named "
                "user, or use running servers: set HUB_DATABASE_URL and HUB_REDIS_URL"
            ) from None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        account = Account(name, entry.pw_uid, entry.pw_gid, dropped=True)
        if account.run(["/bin/sh", "-c", ":"]):
            return account
    raise SettingError(
        "PostgreSQL does not run as root, and root cannot become user postgres or nobody here; run as an "
        "ordinary user, or use running servers: set HUB_DATABASE_URL and HUB_REDIS_URL"
    )


def _end_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
