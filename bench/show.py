"""What a person at a terminal sees: a line that lives while a rate runs, and the table at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.plan import Tally
from bench.results import Run, spread

TITLES: Final = {
    "place": "place → reply",
    "frame": "commit → kitchen frame",
    "change": "the same, every change",
    "screen": "place → kitchen frame",
    "bump": "bump → reply",
}
_COLUMNS: Final = ("p50", "p99", "p99.9")
_LATE_MS: Final = 5.0
_BUSY: Final = 0.8
_OTHERS: Final = 0.15

Pick: TypeAlias = Callable[[Run], "float | None"]


class Live:
    """A progress bar with the state of the run behind it; one line for each run stays."""

    def __init__(self, console: Console, seconds: float) -> None:
        self._seconds = seconds
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[state]}"),
            console=console,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Live:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, title: str) -> None:
        self._task = self._progress.add_task(title, total=self._seconds, state="")

    def elapsed(self, seconds: float) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=min(seconds, self._seconds))

    def heard(self, tally: Tally) -> None:
        if self._task is not None:
            self._progress.update(self._task, state=state(tally))


def state(tally: Tally) -> str:
    """The run so far, in one line."""
    words = [f"{tally.latencies['place'].count}/{tally.due}"]
    for title, name in (("reply", "place"), ("screen", "screen")):
        histogram = tally.latencies[name]
        found = [(label, histogram.percentile(share)) for label, share in (("p50", 0.5), ("p99", 0.99))]
        told = [f"{label} {value * 1000:.1f}" for label, value in found if value is not None]
        words += [f"{title} {' '.join(told)} ms"] if told else []
    errors, faults = sum(tally.errors.values()), sum(tally.faults.counts.values())
    words.append(f"[red]{errors} errors[/]" if errors else "no errors")
    words += [f"[red bold]{faults} faults[/]"] if faults else []
    return " · ".join(words)


def table(runs: list[Run]) -> Table:
    """Latencies by rate; medians where a rate was run several times, with the spread of the p99."""
    repeats = max(sum(run.rate == other.rate for other in runs) for run in runs)
    medians = f", medians of {repeats} runs" if repeats > 1 else ""
    shown = Table(title=f"latency in milliseconds{medians}", box=SIMPLE_HEAD)
    for title in ("offered/s", "answered/s"):
        shown.add_column(title, justify="right")
    shown.add_column("")
    for title in (*_COLUMNS, "max"):
        shown.add_column(title, justify="right")
    if repeats > 1:
        shown.add_column("p99 from-to", justify="right")
    shown.add_column("errors", justify="right")
    for rate in dict.fromkeys(run.rate for run in runs):
        same = [run for run in runs if run.rate == rate]
        for place, name in enumerate(same[0].latency_ms):
            first = place == 0
            cells = [
                f"{rate:g}" if first else "",
                _cell(same, lambda run: run.orders_a_second) if first else "",
            ]
            cells.append(TITLES[name])
            cells += [_cell(same, percentile(name, column)) for column in _COLUMNS]
            cells.append(_cell(same, longest(name)))
            if repeats > 1:
                found = spread(same, percentile(name, "p99"))
                cells.append(f"{found[1]:.1f}-{found[2]:.1f}" if found else "-")
            cells.append(str(sum(sum(run.errors.values()) for run in same)) if first else "")
            shown.add_row(*cells, end_section=place == len(same[0].latency_ms) - 1)
    return shown


def costs(runs: list[Run]) -> Table:
    """CPU of the servers by rate."""
    shown = Table(title="CPU: milliseconds for an order with all that it brings, and cores", box=SIMPLE_HEAD)
    names = list(runs[0].servers)
    for title in (
        "offered/s",
        "commands/s",
        *(f"{name}: {unit}" for name in names for unit in ("ms", "cores")),
    ):
        shown.add_column(title, justify="right")
    shown.add_column("busiest client: cores", justify="right")
    for rate in dict.fromkeys(run.rate for run in runs):
        same = [run for run in runs if run.rate == rate]
        cells = [f"{rate:g}", _cell(same, lambda run: run.commands_a_second)]
        for name in names:
            cells += [_cell(same, cost(name), 2), _cell(same, cores(name), 2)]
        shown.add_row(*cells, _cell(same, lambda run: run.client_cores, 2))
    return shown


def memory(runs: list[Run]) -> str:
    """What the servers had in RAM at the end."""
    told = [f"{name} {server.memory_mib:.0f} MiB" for name, server in runs[-1].servers.items()]
    return f"memory, shared pages counted once: {', '.join(told)}"


def warnings(runs: list[Run]) -> list[str]:
    """Why some numbers may say more about the clients, or this machine, than about the hub."""
    told = []
    for rate in dict.fromkeys(run.rate for run in runs):
        same = [run for run in runs if run.rate == rate]
        late = max(run.late_ms.percentiles["p99"] or run.late_ms.max for run in same)
        busiest = max(run.client_cores for run in same)
        others = max(run.others_cores or 0.0 for run in same)
        if others > _OTHERS:
            told.append(
                f"{rate:g}/s: others used {others:.1f} cores of this machine: repeat it when it is quiet"
            )
        if busiest > _BUSY:
            told.append(f"{rate:g}/s: the clients used {busiest:.0%} of a core: --clients more, or elsewhere")
        elif late > _LATE_MS:
            told.append(
                f"{rate:g}/s: orders were sent {late:.1f} ms late (p99): the clients' core was busy; "
                "the latencies include it"
            )
    return told


def percentile(measure: str, name: str) -> Pick:
    return lambda run: run.latency_ms[measure].percentiles[name]


def longest(measure: str) -> Pick:
    return lambda run: run.latency_ms[measure].max


def cost(server: str) -> Pick:
    return lambda run: run.servers[server].cpu_ms_per_order


def cores(server: str) -> Pick:
    return lambda run: run.servers[server].cpu_cores


def _cell(runs: list[Run], pick: Pick, digits: int = 1) -> str:
    found = spread(runs, pick)
    return f"{found[0]:.{digits}f}" if found else "-"
