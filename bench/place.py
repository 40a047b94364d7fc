"""Where a command measures: cores, the hub, and a line that says what is going on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench.machine import Cores, allotted, available_cores
from bench.processes import CpuTimes, busy_seconds, cpu_times, resident_mib
from bench.report import number
from bench.target import elsewhere, own
from hub.errors import SettingError

if TYPE_CHECKING:
    from rich.console import Console

    from bench.hotels import Hotels
    from bench.report import Row
    from bench.target import Target

# One address plays all hotels, and what is measured is what a hub can, not what it allows.
NO_LIMITS: Final[Mapping[str, str]] = {
    "HUB_LIMIT_IP": "99999999/minute",
    "HUB_LIMIT_DEVICE": "99999999/minute",
    "HUB_LIMIT_TENANT": "99999999/minute",
}
# And everybody may come in at once.
UNLIMITED: Final[Mapping[str, str]] = {
    "HUB_ACCEPTS_PER_SECOND": "100000",
    "HUB_ACCEPTS_BURST": "1000000",
    **NO_LIMITS,
}

# With more cores busy than that elsewhere, a number says too much about the neighbours.
_OTHERS: Final = 0.15


class Where(Struct, frozen=True):
    """The options that say where."""

    workers: int
    clients: int
    pin: bool
    url: str | None
    token_file: Path | None

    def check(self) -> None:
        """Before anything is started. Raises SettingError."""
        if (self.url is None) != (self.token_file is None):
            raise SettingError(
                "--url and --token-file belong together: a hub elsewhere lets nobody in without a token"
            )

    def cores(self) -> Cores:
        if self.pin and self.url is None:
            return allotted(available_cores(), self.workers, self.clients)
        return Cores(None, None)


@contextlib.contextmanager
def opened(
    where: Where,
    cores: Cores,
    console: Console,
    hotels: Hotels,
    *,
    others: Hotels | None = None,
    environ: Mapping[str, str] | None = None,
    needs_both: bool = True,
) -> Iterator[Target]:
    """The hub that `where` names, or one of the bench's own with these hotels. Raises InvalidInput,
    SettingError, Unavailable."""
    if where.url and where.token_file:
        target = elsewhere(where.url, where.token_file, needs_both=needs_both)
        console.print(f"[dim]{len(target.devices)} devices at {target.address.host}:{target.address.port}[/]")
        yield target
        return
    with contextlib.ExitStack() as stack:
        with console.status("starting") as status:
            target = stack.enter_context(
                own(
                    hotels=hotels.count,
                    rooms=hotels.rooms,
                    screens=hotels.screens,
                    others=others,
                    workers=where.workers,
                    cores=cores.hub,
                    say=status.update,
                    environ=environ,
                )
            )
        for line in target.servers:
            console.print(f"[dim]{line}[/]")
        pinned = (
            f"on core {_list(cores.hub)}, clients on {_list(cores.clients)}" if cores.hub else "not pinned"
        )
        console.print(f"[dim]{len(target.devices)} devices; {where.workers} hub processes, {pinned}[/]")
        yield target


class Meter:
    """CPU of the servers since it was made or last read."""

    def __init__(self, roots: Mapping[str, int]) -> None:
        self._roots = roots
        self._mark()

    def _mark(self) -> None:
        self._before: CpuTimes = cpu_times(self._roots)
        self._busy = busy_seconds()
        self._at = time.monotonic()

    def read(self) -> Used:
        """Begins anew."""
        before, busy_before, at = self._before, self._busy, self._at
        self._mark()
        servers = {
            name: sum(seconds - before.get(name, {}).get(pid, 0.0) for pid, seconds in now.items())
            for name, now in self._before.items()
        }
        busy = None if self._busy is None or busy_before is None else self._busy - busy_before
        return Used(self._at - at, servers, busy)


class Used(Struct, frozen=True):
    """CPU seconds in a span of `seconds`: of the servers by name, and `busy` of the whole machine."""

    seconds: float
    servers: dict[str, float]
    busy: float | None

    def cores(self, name: str) -> float | None:
        """How many cores one of them kept busy."""
        used = self.servers.get(name)
        return None if used is None or self.seconds <= 0 else round(used / self.seconds, 3)

    def others(self, clients: float) -> float | None:
        """Cores that neither the servers nor the `clients` (CPU seconds) kept busy."""
        if self.busy is None or not self.servers or self.seconds <= 0:
            return None
        return round(max(0.0, self.busy - sum(self.servers.values()) - clients) / self.seconds, 2)


class Live:
    """A bar for each step, with a line that lives behind it."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[state]}"),
            console=console,
        )

    def __enter__(self) -> Live:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, title: str, total: float) -> Callable[[float, str], None]:
        """A step; what comes back tells how far it is."""
        task = self._progress.add_task(title, total=total, state="")
        return lambda done, state: self._progress.update(task, completed=min(done, total), state=state)


def busy_note(rows: Sequence[Row]) -> list[str]:
    """A warning when somebody else used the machine, as the rows' `others` say."""
    most = max((number(row.get("others")) or 0.0 for row in rows), default=0.0)
    if most <= _OTHERS:
        return []
    return [f"others used {most:.1f} cores of this machine: repeat it when it is quiet"]


def hub_mib(target: Target) -> float:
    """What all processes of the hub have in RAM; 0 of one elsewhere."""
    return resident_mib(target.roots["hub"]) if target.roots else 0.0


def _list(cores: tuple[int, ...] | None) -> str:
    return ", ".join(map(str, cores or ()))
