"""CPU time and memory of servers with all their children, from /proc. Where there is none, nothing is."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

_PROC = Path("/proc")
_RSS = re.compile(rb"^Rss:\s+(\d+) kB", re.MULTILINE)
_PSS = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)

CpuTimes: TypeAlias = Mapping[str, dict[int, float]]


class Usage(Struct, frozen=True):
    """CPU seconds of the span, memory in MiB at its end: what the processes have in RAM, pages that several
    share counted once (PSS)."""

    cpu_seconds: float
    memory_mib: float


class Span(Struct, frozen=True):
    """What the measured part of a run has used: servers by name, and CPU seconds of everybody else on this
    machine, None where nobody knows."""

    servers: dict[str, Usage]
    others: float | None


def cpu_times(roots: Mapping[str, int]) -> dict[str, dict[int, float]]:
    """CPU seconds so far of each process below the roots, by name of the root and process id."""
    children = _children()
    return {name: {pid: _cpu(pid) for pid in _tree(root, children)} for name, root in roots.items()}


def tree(root: int) -> list[int]:
    """A process and all below it, parents first."""
    return _tree(root, _children())


def resident_mib(root: int) -> float:
    """What a process and all below it have in RAM (RSS), shared pages counted for each; 0 where nobody can
    tell."""
    return sum(_resident(pid) for pid in tree(root)) / 1024


def busy_seconds() -> float | None:
    """CPU seconds that this machine has spent on anything so far, what its host took away (steal) too."""
    fields = _read(_PROC / "stat").partition(b"\n")[0].split()[1:9]
    if len(fields) < 8:
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields)
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def usage(roots: Mapping[str, int], before: CpuTimes) -> dict[str, Usage]:
    """What each server has used since `before`; empty where it cannot be read."""
    if not (_PROC / "self" / "smaps_rollup").exists():
        return {}
    found = {}
    for name, now in cpu_times(roots).items():
        spent = sum(seconds - before[name].get(pid, 0.0) for pid, seconds in now.items())
        found[name] = Usage(spent, sum(map(_memory, now)) / 1024)
    return found


def _children() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for stat in _PROC.glob("[0-9]*/stat"):
        # the name of a program, in brackets, may hold anything
        fields = _read(stat).rpartition(b")")[2].split()
        if fields:
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    return children


def _tree(root: int, children: Mapping[int, list[int]]) -> list[int]:
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def _cpu(pid: int) -> float:
    """schedstat counts nanoseconds, where stat counts ticks of 10 ms."""
    stats = (_read(stat).split() for stat in _PROC.glob(f"{pid}/task/*/schedstat"))
    return sum(int(fields[0]) for fields in stats if fields) / 1e9


def _memory(pid: int) -> int:
    """KiB."""
    match = _PSS.search(_read(_PROC / str(pid) / "smaps_rollup"))
    return int(match[1]) if match else 0


def _resident(pid: int) -> int:
    """KiB."""
    match = _RSS.search(_read(_PROC / str(pid) / "smaps_rollup"))
    return int(match[1]) if match else 0


def _read(path: Path) -> bytes:
    """Empty when the process has ended, or is somebody else's."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
