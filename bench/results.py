"""What a bench has found: numbers, JSON, and whether that was good enough. Pure but for `write`."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bench.plan import Tally
from bench.processes import Span
from hub.drive.histogram import Histogram
from hub.errors import SettingError

PERCENTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}


class Verdict(IntEnum):
    """The exit code; 2 is a bench that could not be run."""

    GOOD = 0
    TOO_SLOW = 1
    WRONG = 3


class Latency(Struct, frozen=True):
    """Milliseconds; a percentile is None where there are too few values for it. `histogram` holds the upper
    end (microseconds) and the count of each bucket."""

    count: int
    mean: float | None
    percentiles: dict[str, float | None]
    max: float
    histogram: list[tuple[int, int]]


class Server(Struct, frozen=True):
    """`cpu_ms_per_order` is of all that an order brings, its bumps too; None without orders."""

    cpu_cores: float
    cpu_ms_per_order: float | None
    memory_mib: float


class Run(Struct, frozen=True):
    """One rate, once. Rates are a second; `errors` and `faults` by kind; `client_cores` is the CPU of the
    busiest client process, `others_cores` that of everything on this machine that is not the bench's."""

    rate: float
    seconds: float
    orders_due: int
    orders_a_second: float
    commands_a_second: float
    errors: dict[str, int]
    faults: dict[str, int]
    examples: dict[str, list[str]]
    latency_ms: dict[str, Latency]
    late_ms: Latency
    servers: dict[str, Server]
    client_cores: float
    others_cores: float | None

    @property
    def error_percent(self) -> float:
        return 100 * sum(self.errors.values()) / max(1, self.orders_due)


def make_run(rate: float, seconds: float, tally: Tally, used: Span, measures: list[str]) -> Run:
    """The numbers of a run; `measures` are the latencies that mean something."""
    return Run(
        rate=rate,
        seconds=seconds,
        orders_due=tally.due,
        orders_a_second=round(tally.answered / seconds, 2),
        commands_a_second=round(tally.commands / seconds, 2),
        errors=tally.errors,
        faults=tally.faults.counts,
        examples=tally.faults.examples,
        latency_ms={name: latency(tally.latencies[name]) for name in measures},
        late_ms=latency(tally.late),
        servers={
            name: Server(
                cpu_cores=round(use.cpu_seconds / seconds, 3),
                cpu_ms_per_order=round(1000 * use.cpu_seconds / tally.answered, 3)
                if tally.answered
                else None,
                memory_mib=round(use.memory_mib, 1),
            )
            for name, use in used.servers.items()
        },
        client_cores=round(tally.cpu_seconds / seconds, 3),
        others_cores=None if used.others is None else round(used.others / seconds, 3),
    )


def latency(histogram: Histogram) -> Latency:
    found = {name: histogram.percentile(share) for name, share in PERCENTILES.items()}
    return Latency(
        count=histogram.count,
        mean=_ms(histogram.total / histogram.count) if histogram.count else None,
        percentiles={name: None if value is None else _ms(value) for name, value in found.items()},
        max=_ms(histogram.longest),
        histogram=histogram.buckets(),
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def spread(runs: list[Run], pick: Callable[[Run], float | None]) -> tuple[float, float, float] | None:
    """Median, least and greatest over several runs of one rate; None when none has the number."""
    values = [value for run in runs if (value := pick(run)) is not None]
    return (statistics.median(values), min(values), max(values)) if values else None


def p99(measure: str) -> Callable[[Run], float | None]:
    return lambda run: run.latency_ms[measure].percentiles["p99"]


def by_rate(runs: list[Run]) -> dict[float, list[Run]]:
    """In the order in which they were offered."""
    return {one.rate: [run for run in runs if run.rate == one.rate] for one in runs}


def judge(runs: list[Run], max_p99_ms: dict[str, float], max_errors: float) -> tuple[list[str], list[str]]:
    """What was wrong and what was not good enough, in words. Of several runs of a rate the median counts."""
    slow, wrong = [], []
    for rate, same in by_rate(runs).items():
        for measure, limit in max_p99_ms.items():
            found = spread(same, p99(measure))
            if found is None:
                slow.append(f"{rate:g}/s: too few orders for a p99 of {measure}; it needs 100")
            elif found[0] > limit:
                slow.append(f"{rate:g}/s: p99 of {measure} is {found[0]:.1f} ms, allowed are {limit:g}")
        errors = max(run.error_percent for run in same)
        if errors > max_errors:
            slow.append(f"{rate:g}/s: {errors:.2f} % errors, allowed are {max_errors:g}")
    for run in runs:
        for kind, count in run.faults.items():
            wrong.append(f"{run.rate:g}/s: {count} {kind}, such as: {'; '.join(run.examples[kind][:2])}")
    return wrong, slow


def write(path: Path, result: Struct) -> None:
    """As JSON. Raises SettingError."""
    put(path, msgspec.json.format(msgspec.json.encode(result, enc_hook=str), indent=1) + b"\n")


def put(path: Path, content: bytes) -> None:
    """Raises SettingError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise SettingError(f"cannot write {path}: {error.strerror}", field="json") from error
