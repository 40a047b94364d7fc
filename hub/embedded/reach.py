"""Programs in places closed to the user of root's servers, as a virtual environment below /root: copied."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from msgspec.structs import replace

from hub.embedded.account import Account
from hub.embedded.resolve import PostgresBinaries, RedisBinary
from hub.errors import SettingError


def reachable_postgres(binaries: PostgresBinaries, account: Account, copies: Path) -> PostgresBinaries:
    """The same programs where `account` can run them: copied below `copies` when they lie elsewhere."""
    if account.run([binaries.program("postgres"), "--version"]):
        return binaries
    if binaries.chosen:
        raise SettingError(
            f"user {account.name} cannot run {binaries.program('postgres')}", field="HUB_PG_BINDIR"
        )
    installation = Path(binaries.directory).parent
    package = installation.parent
    copy = copies / f"postgres-{_fingerprint(Path(binaries.program('postgres')))}"
    if not copy.is_dir():
        with tempfile.TemporaryDirectory(dir=_open_directory(copies)) as made:
            shutil.copytree(
                installation,
                Path(made, "made", package.name, installation.name),
                ignore=shutil.ignore_patterns("*.a", "include"),
                symlinks=True,
            )
            libraries = package.with_name(
                f"{package.name}.libs"
            )  # found by the programs relative to themselves
            if libraries.is_dir():
                shutil.copytree(libraries, Path(made, "made", libraries.name))
            _publish(Path(made, "made"), copy)
    moved = replace(binaries, directory=str(copy / package.name / installation.name / "bin"))
    if not account.run([moved.program("postgres"), "--version"]):
        raise SettingError(
            f"user {account.name} can run neither {binaries.directory} nor its copy {moved.directory}"
        )
    return moved


def reachable_redis(binary: RedisBinary, account: Account, copies: Path) -> RedisBinary:
    """The same program where `account` can run it: copied below `copies` when it lies elsewhere."""
    if account.run([binary.path, "--version"]):
        return binary
    if binary.chosen:
        raise SettingError(f"user {account.name} cannot run {binary.path}", field="HUB_REDIS_BIN")
    copy = copies / f"redis-{_fingerprint(Path(binary.path))}"
    if not copy.is_dir():
        with tempfile.TemporaryDirectory(dir=_open_directory(copies)) as made:
            Path(made, "made").mkdir()
            shutil.copy2(binary.path, Path(made, "made"))
            _publish(Path(made, "made"), copy)
    return replace(binary, path=str(copy / Path(binary.path).name))


def _open_directory(path: Path) -> Path:
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    return path


def _publish(made: Path, copy: Path) -> None:
    """Open it to all and rename it into place; another process may have been faster with the same."""
    for path in [made, *made.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode & 0o700
            path.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)
    try:
        made.rename(copy)
    except OSError:
        if not copy.is_dir():
            raise


def _fingerprint(program: Path) -> str:
    return hashlib.sha256(program.read_bytes()).hexdigest()[:16]
