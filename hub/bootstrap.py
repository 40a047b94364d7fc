"""From a bare checkout to a running command, with nothing but Python's standard library.

`python3 -m hub ...` calls `enter` first. In a checkout it sees to it that `.venv` holds what the command
needs and re-executes the command in there; installed from a wheel it does nothing. The environment is made in
place (it cannot be moved afterwards) under a lock, and its stamp is written last: without a valid stamp it is
not used.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

MINIMUM = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("pyproject.toml", "deploy/constraints.txt", "hub/bootstrap.py")
EXTRAS = {"test": ("embedded", "dev"), "sync": ("embedded", "dev")}  # every other command: ("embedded",)
# They would send the installation elsewhere; the ones that name an index or a certificate stay.
MISLEADING = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PIP_PREFIX",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_TARGET",
    "PIP_USER",
    "VIRTUAL_ENV",
)


class BootstrapError(Exception):
    """The environment cannot be made; the message says what to do about it."""


def enter(module: str, arguments: Sequence[str]) -> None:
    """Return when this process can run `module`; else re-execute it in the checkout's `.venv`, making that.

    Exits with 2 and a message when that cannot be done.
    """
    try:
        if sys.version_info < MINIMUM:
            wanted = ".".join(map(str, MINIMUM))
            raise BootstrapError(
                f"Python {wanted} or newer is needed; {sys.executable} is {sys.version.split()[0]}"
            )
        if sys.platform == "win32":
            raise BootstrapError("Windows is not supported; Linux (in WSL too) and macOS are")
        if not is_checkout(ROOT):
            return
        environment = Environment(ROOT, wanted_extras(module, arguments))
        if environment.make() or not environment.is_active():
            environment.run(module, arguments)
    except BootstrapError as error:
        tell(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def is_checkout(root: Path) -> bool:
    return all((root / name).is_file() for name in SOURCES)


def wanted_extras(module: str, arguments: Sequence[str]) -> frozenset[str]:
    """What the command needs beside the hub's own dependencies."""
    command = next((word for word in arguments if not word.startswith("-")), "")
    if module != "hub" or command not in EXTRAS:
        return frozenset({"embedded"})
    return frozenset(EXTRAS[command]) | ({"browser"} if {"--all", "--rest"} & set(arguments) else frozenset())


class Stamp(NamedTuple):
    """What an environment was made of: digest of the sources, `sys.version` of its interpreter, extras."""

    digest: str
    python: str
    extras: list[str]


class Environment:
    """The checkout's `.venv` with at least the wanted extras."""

    def __init__(self, root: Path, extras: frozenset[str]) -> None:
        self.root = root
        self.extras = extras
        self.path = root / ".venv"
        self.python = self.path / "bin" / "python"
        self._stamp = self.path / "hub-stamp.json"
        # The path belongs to it: the scripts of a copied environment would run those of the original.
        digest = hashlib.sha256(bytes(root))
        for name in SOURCES:
            digest.update(b"\0" + (root / name).read_bytes())
        self._digest = digest.hexdigest()

    def is_active(self) -> bool:
        """This process runs in it."""
        return Path(sys.prefix).resolve() == self.path.resolve()

    def is_ready(self) -> bool:
        stamp = self._read_stamp()
        if stamp is None or stamp.digest != self._digest or not self.extras <= set(stamp.extras):
            return False
        # After an upgrade of the system's Python the packages lie in the old version's directory. Only a
        # process inside can tell without starting another one, and every command passes there.
        return os.access(self.python, os.X_OK) and (not self.is_active() or stamp.python == sys.version)

    def make(self) -> bool:
        """Make it or bring it up to date, unless it is ready. True when something was done."""
        if self.is_ready():
            return False
        with self._locked() as lock:
            if self.is_ready():  # another process made it while this one waited
                return True
            started = time.monotonic()
            try:
                self._install(lock)
            except OSError as error:
                cure = (
                    "run as its owner, or remove it" if self.path.exists() else "make the checkout writable"
                )
                raise BootstrapError(f"cannot make {self.path}: {error}; {cure}") from error
            tell(f"{self.path} is ready after {time.monotonic() - started:.1f} s")
            return True

    def run(self, module: str, arguments: Sequence[str]) -> None:
        """Replace this process by `module`, run by the environment's interpreter."""
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(self.python, [str(self.python), "-m", module, *arguments])

    def _install(self, lock: int) -> None:
        stamp = self._read_stamp()
        keep = stamp is not None and stamp.python == self._version()
        extras = sorted(self.extras.union(stamp.extras if stamp is not None and keep else ()))
        self._stamp.unlink(missing_ok=True)  # from here on it counts as half-made
        if keep:
            tell(f"bringing {self.path} up to date")
        else:
            tell(f"making {self.path} (once; it takes 10 s to a minute)")
            if self.path.exists():
                shutil.rmtree(self.path)
        install(self.root, self.path, extras, lock, new=not keep)
        unfinished = self._stamp.with_suffix(".new")
        unfinished.write_text(
            json.dumps(Stamp(self._digest, self._version(), extras)._asdict()), encoding="utf-8"
        )
        unfinished.replace(self._stamp)

    def _version(self) -> str:
        """`sys.version` of the environment's interpreter; empty when there is none that works."""
        try:
            done = subprocess.run(
                [str(self.python), "-c", "import sys; print(end=sys.version)"],
                capture_output=True,
                text=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError):
            return ""
        return done.stdout

    def _read_stamp(self) -> Stamp | None:
        try:
            return Stamp(**json.loads(self._stamp.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        """Hold the lock on the checkout's directory; yields its descriptor.

        The directory itself is the lock file. The installers inherit the descriptor: when this process is
        killed, the next one waits until they have ended.
        """
        import fcntl  # here, so that the module can be imported on Windows to say that it does not run there

        descriptor = os.open(self.root, os.O_RDONLY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                tell(f"another process is making {self.path}; waiting for it")
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)


def install(root: Path, path: Path, extras: Sequence[str], lock: int, *, new: bool) -> None:
    """Install the checkout, editable, with its extras, in the versions of the constraints."""
    python = str(path / "bin" / "python")
    what = ["-c", str(root / "deploy" / "constraints.txt"), "-e", f"{root}[{','.join(extras)}]"]
    uv = shutil.which("uv")
    if uv is not None:
        try:
            if new:
                call([base_python(), "-m", "venv", "--without-pip", str(path)], lock)
            # uv brings its own list of certificates; a company's proxy is known only to the system's.
            call([uv, "pip", "install", "--quiet", "--python", python, *what], lock, {"UV_SYSTEM_CERTS": "1"})
            return
        except BootstrapError as error:
            tell(f"uv failed, going on with pip; it said:\n{error}")
    pip_install = ["install", "--quiet", "--disable-pip-version-check", "--no-input", *what]
    if importlib.util.find_spec("ensurepip") is not None:
        if not (path / "bin" / "pip").exists():
            call([base_python(), "-m", "venv", str(path)], lock)
        call([python, "-m", "pip", *pip_install], lock)
    elif importlib.util.find_spec("pip") is not None:
        if new:
            call([base_python(), "-m", "venv", "--without-pip", "--clear", str(path)], lock)
        call([base_python(), "-m", "pip", "--python", python, *pip_install], lock)
    else:
        raise BootstrapError(
            f"{base_python()} has neither ensurepip nor pip, so nothing can be installed. "
            "On Debian and Ubuntu: apt-get install python3-venv"
        )


def base_python() -> str:
    """The interpreter itself, also when this process runs in a virtual environment, perhaps a stale one."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def call(command: Sequence[str], lock: int, extra: Mapping[str, str] | None = None) -> None:
    """Run an installer quietly; BootstrapError with its last words when it fails."""
    environment = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    done = subprocess.run(
        command,
        env={**environment, **(extra or {})},
        pass_fds=[lock],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        words = (done.stdout + done.stderr).strip().splitlines()[-25:]
        raise BootstrapError("\n    ".join([f"this failed: {' '.join(command)}", *words]))


def tell(text: str) -> None:
    """One line to the user, not into the command's output."""
    sys.stderr.write(f"hub: {text}\n")
