"""Where the embedded servers keep their data, locks and sockets.

<home>/pg<major>/     one instance for each major version of PostgreSQL: their data directories differ
    lock              held while a process joins: one starter at a time
    keeper.lock       held by the keeper for its life
    data/  redis/     of the servers' user
    s/                the sockets, closed to others: whoever can enter is the database's superuser
    *.log
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hub.embedded.account import Account
from hub.errors import SettingError

_LONGEST_SOCKET_PATH = 103  # bytes; 107 on Linux, 103 on macOS
_LONGEST_SOCKET_NAME = ".s.PGSQL.5432"


def default_home() -> Path:
    """`HUB_HOME`, else the place for state of this user, else (nothing there is writable) one below /tmp."""
    named = os.environ.get("HUB_HOME")
    if named:
        return Path(named).absolute()
    if os.geteuid() == 0:
        wanted = Path("/var/lib/hub-embedded")
    else:
        state = os.environ.get("XDG_STATE_HOME", "")
        wanted = (Path(state) if state.startswith("/") else Path.home() / ".local" / "state") / "hub"
    try:
        wanted.mkdir(mode=_home_mode(), parents=True, exist_ok=True)
    except OSError:
        return _temporary_home()
    return wanted if os.access(wanted, os.W_OK) else _temporary_home()


def make_home(home: Path, account: Account) -> None:
    """Make the directory; SettingError when we cannot write to it or the servers' user cannot enter it."""
    try:
        home.mkdir(mode=_home_mode(), parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(f"cannot make the directory {home}: {error.strerror}", field="HUB_HOME") from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise SettingError(f"cannot write to {home}", field="HUB_HOME")
    if not account.can_enter(home):
        raise SettingError(
            f"for root the servers run as user {account.name}, who cannot enter {home}", field="HUB_HOME"
        )


def throw_away_home(account: Account, below: Path | None = None) -> Path:
    """A fresh directory for servers that leave nothing behind; `below` is tried first."""
    for base in dict.fromkeys(
        (str(below or tempfile.gettempdir()), tempfile.gettempdir(), "/tmp", "/var/tmp")
    ):
        if account.can_enter(Path(base)):
            home = Path(tempfile.mkdtemp(prefix="hub-", dir=base))
            home.chmod(_home_mode())
            return home
    raise SettingError(f"user {account.name} can enter no directory for temporary files; set TMPDIR")


class Instance:
    """The files of one PostgreSQL and one Redis."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.redis_data = directory / "redis"
        self.keeper_lock = directory / "keeper.lock"

    @classmethod
    def make(cls, home: Path, major: int) -> Instance:
        directory = home / f"pg{major}"
        directory.mkdir(mode=_home_mode(), exist_ok=True)
        return cls(directory)

    @property
    def sockets(self) -> Path:
        """The directory of the sockets; a link leads to a short path where the own one is too long."""
        own = self.directory / "s"
        return own.readlink() if own.is_symlink() else own

    def make_sockets(self, account: Account) -> Path:
        own = self.directory / "s"
        if len(bytes(own / _LONGEST_SOCKET_NAME)) <= _LONGEST_SOCKET_PATH:
            return account.own(own)
        self.remove_short_sockets()
        short = Path(tempfile.mkdtemp(prefix="hub-", dir="/tmp"))
        own.symlink_to(short)
        return account.own(short)

    def remove_short_sockets(self) -> None:
        own = self.directory / "s"
        if own.is_symlink():
            shutil.rmtree(own.readlink(), ignore_errors=True)
            own.unlink()

    @contextlib.contextmanager
    def joining(self) -> Iterator[None]:
        with (self.directory / "lock").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _home_mode() -> int:
    """Root's servers run as another user, who must be able to pass."""
    return 0o711 if os.geteuid() == 0 else 0o700


def _temporary_home() -> Path:
    home = Path(tempfile.gettempdir(), f"hub-{os.geteuid()}")
    with contextlib.suppress(FileExistsError):
        home.mkdir(mode=_home_mode())
    found = home.lstat()
    # Anybody can make a directory of this name in /tmp.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise SettingError(
            f"no writable home directory, and {home} is not ours; set HUB_HOME", field="HUB_HOME"
        )
    return home
