"""What `bench orders` shows: a line that lives while a rate runs, then tables, charts and doubts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from bench.plan import Tally
from bench.report import Chart, Column, Row, Table, points
from bench.results import Run, by_rate, spread

TITLES: Final = {
    "place": "place → reply",
    "frame": "commit → kitchen frame",
    "change": "commit → frame of every change",
    "screen": "place → kitchen frame",
    "bump": "bump → reply",
}
_PERCENTILES: Final = ("p50", "p99", "p99.9")
_LATE_MS: Final = 5.0
_BUSY: Final = 0.8
_OTHERS: Final = 0.15

Pick: TypeAlias = Callable[[Run], "float | None"]


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


def latencies(runs: list[Run]) -> Table:
    """By rate; medians where a rate was run several times, with the range of the p99."""
    repeats = max(len(same) for same in by_rate(runs).values())
    rows: list[Row] = []
    for rate, same in by_rate(runs).items():
        for name in same[0].latency_ms:
            row: Row = {"rate": rate, "name": name, "what": TITLES[name]}
            row |= {column: _median(same, _percentile(name, column)) for column in _PERCENTILES}
            row["max"] = _median(same, _longest(name))
            found = spread(same, _percentile(name, "p99"))
            row["range"] = f"{found[1]:.1f}-{found[2]:.1f}" if found else None
            rows.append(row)
    columns = [_rate_column(runs), Column("name", ""), Column("what", "")]
    columns += [Column(name, name, 1) for name in (*_PERCENTILES, "max")]
    columns += [Column("range", "p99 from-to")] if repeats > 1 else []
    medians = f", medians of {repeats} runs" if repeats > 1 else ""
    return Table("latency", f"latency in milliseconds{medians}", columns, rows)


def costs(runs: list[Run]) -> Table:
    """What was done by rate, and the CPU that it took."""
    names = list(runs[0].servers)
    rows: list[Row] = []
    for rate, same in by_rate(runs).items():
        row: Row = {
            "rate": rate,
            "answered": _median(same, lambda run: run.orders_a_second),
            "commands": _median(same, lambda run: run.commands_a_second),
            "errors": sum(sum(run.errors.values()) for run in same),
            "client": _median(same, lambda run: run.client_cores),
        }
        for name in names:
            row[f"{name} ms"] = _median(same, _cost(name))
            row[f"{name} cores"] = _median(same, _cores(name))
        rows.append(row)
    columns = [_rate_column(runs), Column("answered", "answered/s", 1), Column("commands", "commands/s", 1)]
    columns.append(Column("errors", "errors"))
    columns += [Column(f"{name} {unit}", f"{name}: {unit}", 2) for name in names for unit in ("ms", "cores")]
    columns.append(Column("client", "busiest client: cores", 2))
    title = "orders; CPU: milliseconds for an order with all that it brings, and cores"
    return Table("costs", title, columns, rows)


def memory(runs: list[Run]) -> Table:
    """What the servers had in RAM at the end."""
    rows: list[Row] = [
        {"server": name, "mib": server.memory_mib} for name, server in runs[-1].servers.items()
    ]
    columns = [Column("server", "server"), Column("mib", "MiB, shared pages once")]
    return Table("memory", "memory at the end", columns, rows)


def charts(latency: Table, cost: Table, servers: list[str]) -> list[Chart]:
    """Lines over several rates; bars of a single one."""
    if len(cost.rows) == 1:
        (row,) = cost.rows
        each: list[Row] = [{"server": name, "ms": row[f"{name} ms"]} for name in servers]
        series = {name: points(latency.rows, "name", name) for name in _PERCENTILES}
        return [
            _chart(f"latency at {row['rate']:g} orders a second", "", "ms", series),
            _chart("CPU for an order", "", "ms", {"CPU": points(each, "server", "ms")}),
        ]
    drawn = []
    for name in dict.fromkeys(row["name"] for row in latency.rows):
        rows = [row for row in latency.rows if row["name"] == name]
        series = {percentile: points(rows, "rate", percentile) for percentile in _PERCENTILES}
        drawn.append(_chart(TITLES[str(name)], "orders/s", "ms", series))
    for title, unit in (("CPU for an order", "ms"), ("CPU", "cores")):
        series = {name: points(cost.rows, "rate", f"{name} {unit}") for name in servers}
        drawn.append(_chart(title, "orders/s", unit, series))
    return drawn


def saturation(rows: list[Row]) -> Chart:
    """Of the rows of `bench.durable`: both rates of each turn."""
    series = {"hub": points(rows, "turn", "hub"), "SQL alone": points(rows, "turn", "sql")}
    return _chart("durable orders in saturation", "turn", "a second", series)


def errors(runs: list[Run]) -> list[str]:
    """What went wrong, by rate."""
    told = []
    for rate, same in by_rate(runs).items():
        found: dict[str, int] = {}
        for run in same:
            for code, count in run.errors.items():
                found[code] = found.get(code, 0) + count
        if found:
            words = ", ".join(f"{count} {code}" for code, count in found.items())
            told.append(f"{rate:g}/s: errors: {words}")
    return told


def warnings(runs: list[Run]) -> list[str]:
    """Why some numbers may say more about the clients, or this machine, than about the hub."""
    told = []
    for rate, same in by_rate(runs).items():
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


def _chart(title: str, x: str, y: str, series: dict[str, list[tuple[float | str, float]]]) -> Chart:
    """Without the series that have no point."""
    return Chart(title, x, y, {name: line for name, line in series.items() if line})


def _rate_column(runs: list[Run]) -> Column:
    return Column("rate", "offered/s", 2 if any(run.rate % 1 for run in runs) else 0)


def _percentile(measure: str, name: str) -> Pick:
    return lambda run: run.latency_ms[measure].percentiles[name]


def _longest(measure: str) -> Pick:
    return lambda run: run.latency_ms[measure].max


def _cost(server: str) -> Pick:
    return lambda run: run.servers[server].cpu_ms_per_order


def _cores(server: str) -> Pick:
    return lambda run: run.servers[server].cpu_cores


def _median(runs: list[Run], pick: Pick) -> float | None:
    found = spread(runs, pick)
    return found[0] if found else None
