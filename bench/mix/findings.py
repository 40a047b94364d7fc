"""What a mix has found: tables, charts, and what bounds its highest rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.machine import available_cores
from bench.place import busy_note
from bench.report import CORES, Chart, Column, Findings, Row, Table, number, points

if TYPE_CHECKING:
    from bench.mix.run import Options


def bound(row: Row) -> str:
    """What the highest rate seems to be bounded by, in words."""
    hub, postgres, client, busy = (number(row.get(key)) for key in ("hub", "postgres", "client", "busy"))
    cores = len(available_cores()) or 1
    if hub is None:
        return "the hub is elsewhere: look at its CPU and its database's there"
    told = f"hub {hub:.2f}, PostgreSQL {postgres or 0:.2f}, clients {client or 0:.2f} of {cores} cores"
    if (client or 0) > 0.85:
        return f"the clients' CPU: --clients more, or elsewhere ({told})"
    if hub > 0.85:
        return f"the hub's CPU ({told})"
    if (busy or 0) > 0.9 * cores:
        return f"the machine: no CPU was left ({told})"
    return f"waiting: for the disk's flush, locks, or cores taken by others ({told})"


def found(options: Options, steps: list[Row], kinds: list[Row], best: list[Row]) -> Findings:
    """`best` are the highest rates that were held, over HTTP and over sockets."""
    findings = Findings()
    limits = f"p95 < {options.max_p95:g} ms, reads < {options.max_read_p95:g} ms"
    limits += f", errors < {options.max_errors:g} %"
    findings.tables.append(
        Table(
            "steps",
            f"75 % reads, 25 % writes, open loop, {options.seconds:g} s each; held: {limits}",
            [
                Column("over", "over"),
                Column("offered", "offered/s"),
                Column("answered", "answered/s", 1),
                Column("p50", "p50 ms", 1),
                Column("p95", "p95 ms", 1),
                Column("reads_p95", "reads p95", 1),
                Column("writes_p95", "writes p95", 1),
                Column("errors", "errors"),
                Column("held", "held"),
                *CORES,
            ],
            steps,
        )
    )
    findings.tables.append(
        Table(
            "operations",
            "by operation, at the highest rate that was held",
            [
                Column("over", "over"),
                Column("operation", "operation"),
                Column("count", "count"),
                Column("p50", "p50 ms", 1),
                Column("p95", "p95 ms", 1),
                Column("p99", "p99 ms", 1),
            ],
            kinds,
        )
    )
    if any("sql" in row for row in best):
        for row in best:
            rate = number(row.get("answered"))
            for key in ("sql", "hollow"):
                ceiling = number(row.get(key))
                row[f"{key}_share"] = round(100 * rate / ceiling, 1) if rate and ceiling else None
        findings.tables.append(
            Table(
                "ceilings",
                "a second: held by the hub; its SQL alone from a driver; its addresses without a database",
                [
                    Column("over", "over"),
                    Column("answered", "held/s", 1),
                    Column("sql", "SQL alone/s", 1),
                    Column("sql_share", "hub in %", 1),
                    Column("sql_postgres", "PostgreSQL cores", 2),
                    Column("sql_client", "driver cores", 2),
                    Column("hollow", "no database/s"),
                    Column("hollow_share", "hub in %", 1),
                ],
                best,
            )
        )
    for over in dict.fromkeys(str(row["over"]) for row in steps):
        own = [row for row in steps if row["over"] == over]
        own.sort(key=lambda row: number(row["offered"]) or 0)
        series = {
            title: points(own, "offered", key)
            for title, key in (("all", "p95"), ("reads", "reads_p95"), ("writes", "writes_p95"))
        }
        findings.charts.append(Chart(f"{over}: p95", "offered a second", "ms", series))
    for row in best:
        held = number(row.get("answered"))
        if held is None:
            findings.slow.append(f"{row['over']}: no rate was held")
            continue
        findings.notes.append(f"{row['over']}: {held:g}/s were held; bounded by {bound(row)}")
        if options.min_rate is not None and held < options.min_rate:
            findings.slow.append(f"{row['over']}: {held:g}/s were held, wanted are {options.min_rate:g}")
    for row in steps:
        if options.rate and row["held"] == "no":
            findings.slow.append(f"{row['over']}: {row['offered']:g}/s were not held: {row['why'] or limits}")
        elif row["why"]:
            findings.notes.append(f"{row['over']}, {row['offered']:g}/s: {row['why']}")
    findings.notes += busy_note(steps)
    return findings
