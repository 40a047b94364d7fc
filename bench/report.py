"""What a command of the bench has found, in one shape for terminal, JSON and picture: tables of rows, charts,
and what was not good enough."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct, field
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable

from bench.machine import Cores, Machine, machine, versions
from bench.results import Run, Verdict, put, write
from hub.errors import SettingError

if TYPE_CHECKING:
    from bench.target import Target
    from hub.drive.histogram import Histogram

RESULTS: Final = Path(__file__).resolve().parent / "results"
Value: TypeAlias = float | int | str | None
Row: TypeAlias = dict[str, Value]


class Column(Struct, frozen=True):
    """`key` in the rows; numbers are shown with so many `digits`."""

    key: str
    title: str
    digits: int = 0


# Of rows that hold what `Used.cores` says.
CORES: Final = (
    Column("hub", "hub cores", 2),
    Column("postgres", "PostgreSQL", 2),
    Column("client", "clients", 2),
)


class Table(Struct, frozen=True):
    """`name` in the JSON; the title says the units."""

    name: str
    title: str
    columns: list[Column]
    rows: list[Row]


class Chart(Struct, frozen=True):
    """Lines, or bars where x is a name. Points of each series are (x, y)."""

    title: str
    x: str
    y: str
    series: dict[str, list[tuple[float | str, float]]]


class Report(Struct, frozen=True, kw_only=True):
    """The whole file. `results` are the rows of the tables by name; `broken` are thresholds that did not hold
    and promises that were not kept, `notes` what one must know to read the numbers, `runs` those of
    `orders`."""

    bench: str
    date: str
    command: str
    machine: Machine
    versions: dict[str, str]
    servers: list[str]
    cores: Cores
    options: dict[str, object]
    results: dict[str, list[Row]]
    runs: list[Run] = []
    notes: list[str]
    broken: list[str]
    exit_code: int


class Findings(Struct):
    """What a command hands over: `slow` breaks a threshold, `wrong` a promise."""

    tables: list[Table] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    good: str = ""
    runs: list[Run] = field(default_factory=list)

    def limit(self, name: str, found: float | None, most: float | None, unit: str) -> None:
        """A threshold: `found` may be at most `most`; nothing was asked when that is None."""
        if most is None:
            return
        if found is None:
            self.slow.append(f"{name}: nothing was measured, allowed are {most:g} {unit}")
        elif found > most:
            self.slow.append(f"{name} is {found:.4g} {unit}, allowed are {most:g}")

    @property
    def verdict(self) -> Verdict:
        return Verdict.WRONG if self.wrong else Verdict.TOO_SLOW if self.slow else Verdict.GOOD


class Output(Struct, frozen=True):
    """Where a result goes, as the options say."""

    json: Path | None
    picture: Path | None
    save: bool

    def check(self) -> None:
        """Before anything is started. Raises SettingError."""
        for name, path in (("json", self.json), ("picture", self.picture)):
            if path is not None and path.is_dir():
                raise SettingError(f"--{name} {path} is a directory", field=name)

    def files(self, name: str, started: datetime, drawn: str) -> tuple[list[Path], list[Path]]:
        """Where to write, and where to draw: a file that ends with `drawn`."""
        base = RESULTS / f"{name}-{started:%Y%m%d-%H%M%S}"
        saved = (base.with_suffix(".json"), base.with_suffix(drawn)) if self.save else (None, None)
        jsons, pictures = (self.json, saved[0]), (self.picture, saved[1])
        return [path for path in jsons if path], [path for path in pictures if path]


def finish(
    name: str,
    started: datetime,
    findings: Findings,
    *,
    target: Target,
    cores: Cores,
    options: Mapping[str, object],
    output: Output,
    console: Console,
) -> int:
    """Show, write and draw; the exit code. Raises SettingError when a file cannot be written."""
    for table in findings.tables:
        console.print(shown(table))
    for words in findings.notes:
        console.print(f"[yellow]{words}[/]")
    broken = [*findings.wrong, *findings.slow]
    for words in broken:
        console.print(f"[red bold]{words}[/]")
    if findings.good and not findings.wrong:
        console.print(f"[green]{findings.good}[/]")
    report = Report(
        bench=name,
        date=started.isoformat(timespec="seconds"),
        command=f"python3 -m bench {shlex.join(sys.argv[1:])}",
        machine=machine(),
        versions=versions(),
        servers=target.servers,
        cores=cores,
        options=dict(options),
        results={table.name: table.rows for table in findings.tables},
        runs=findings.runs,
        notes=findings.notes,
        broken=broken,
        exit_code=findings.verdict,
    )
    jsons, pictures = output.files(name, started, ".html")
    for path in jsons:
        write(path, report)
        console.print(f"[dim]written to {path}[/]")
    if pictures:
        from bench.picture import page

        for path in pictures:
            put(path, page(report, findings).encode())
            console.print(f"[dim]written to {path}[/]")
    return findings.verdict


def shown(table: Table) -> RichTable:
    """For the terminal."""
    rich = RichTable(title=table.title, box=SIMPLE_HEAD, title_justify="left")
    for place, column in enumerate(table.columns):
        text = any(isinstance(row.get(column.key), str) for row in table.rows) or place == 0
        rich.add_column(column.title, justify="left" if text else "right")
    for row in table.rows:
        rich.add_row(*(cell(row.get(column.key), column.digits) for column in table.columns))
    return rich


def cell(value: Value, digits: int) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:,.{digits}f}"


def ms(histogram: Histogram, share: float) -> float | None:
    """A percentile in milliseconds; None where there are too few values for it."""
    value = histogram.percentile(share)
    return None if value is None else round(1000 * value, 2)


def percentiles(histogram: Histogram, *percents: int, prefix: str = "") -> Row:
    """As part of a row: `p50`, `p99`, in milliseconds."""
    return {f"{prefix}p{percent}": ms(histogram, percent / 100) for percent in percents}


def number(value: Value) -> float | None:
    """None for what is none."""
    return float(value) if isinstance(value, int | float) else None


def points(rows: Sequence[Row], x: str, y: str) -> list[tuple[float | str, float]]:
    """A series of a chart, of the rows that have a `y`."""
    return [
        (at if isinstance(at := row[x], str) else float(at or 0), value)
        for row in rows
        if (value := number(row.get(y))) is not None
    ]


def now() -> datetime:
    return datetime.now(UTC)


def console() -> Console:
    # In a file a line may be as long as it is.
    return Console(highlight=False, width=None if sys.stdout.isatty() else 140)


def median_row(rows: Sequence[Row]) -> Row:
    """Of several windows of the same thing: the median of each number, and what else the first one says."""
    middle: Row = {}
    for key, first in rows[0].items():
        values = sorted(value for row in rows if isinstance(value := row.get(key), int | float))
        middle[key] = values[(len(values) - 1) // 2] if values else first
    return middle
