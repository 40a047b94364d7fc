"""What a result was measured on, and who gets which core."""

from __future__ import annotations

import contextlib
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

from msgspec import Struct

import hub

_PACKAGES: Final = ("uvloop", "uvicorn", "starlette", "websockets", "asyncpg", "redis", "msgspec")


class Machine(Struct, frozen=True):
    """`fsync_ms` is the median of writing 8 KiB through to the disk of temporary files: no commit that is
    durable can be faster."""

    system: str
    processor: str
    cores: int
    memory_gib: float
    fsync_ms: float


class Cores(Struct, frozen=True):
    """The cores of the hub and of the clients; None where nothing is pinned."""

    hub: tuple[int, ...] | None
    clients: tuple[int, ...] | None


def allotted(available: list[int], workers: int, clients: int) -> Cores:
    """Cores of their own for hub and clients, so that neither measures the other; none when they are too few.

    PostgreSQL and Redis are never pinned.
    """
    clients = min(clients, len(available) - workers)
    if clients < 1:
        return Cores(None, None)
    return Cores(tuple(available[:workers]), tuple(available[-clients:]))


def available_cores() -> list[int]:
    """Those that this process may use; empty where it cannot choose (macOS)."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@contextlib.contextmanager
def pinned(cores: tuple[int, ...] | None) -> Iterator[None]:
    """What is started inside the block runs on these cores."""
    if cores is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def machine() -> Machine:
    """This one."""
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        processor=_processor(),
        cores=len(available_cores()) or os.cpu_count() or 1,
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        fsync_ms=round(_fsync_seconds() * 1000, 2),
    )


def versions() -> dict[str, str]:
    """Of everything that runs in the hub's process, and of the hub."""
    found = {"hub": hub.__version__, "commit": _commit(), "python": platform.python_version()}
    return found | {name: version(name) for name in _PACKAGES}


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _fsync_seconds() -> float:
    took = []
    with tempfile.TemporaryFile() as file:
        for _ in range(50):
            os.pwrite(file.fileno(), bytes(8192), 0)
            started = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - started)
    return statistics.median(took)


def _commit() -> str:
    """Of the checkout; "unknown" where there is none, with a plus when files are changed."""
    root = Path(__file__).resolve().parent.parent
    told = []
    for command in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "-uno"]):
        try:
            done = subprocess.run(["git", *command], cwd=root, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return "unknown"
        told.append(done.stdout.strip())
    return told[0] + ("+" if told[1] else "")
