"""`bench tenants`: how cost grows with hotels and with orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import asyncpg
import uvloop
from msgspec import Struct
from msgspec.structs import asdict

from bench.crew import assembled
from bench.hotels import Hotels
from bench.ledger import Faults
from bench.place import UNLIMITED, Live, Where, opened
from bench.plan import Plan, Tally
from bench.report import Chart, Column, Findings, Output, Row, Table, console, finish, median_row, ms, now
from bench.tenants.bulk import fill
from bench.tenants.hot import Found, Place, measure
from hub.db.pool import Role, connect
from hub.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from bench.plan import Device
    from bench.target import Target

_TENANTS = "SELECT id FROM app.tenants WHERE slug LIKE 'bench-%' ORDER BY id"
_PLACE = """
SELECT $1::uuid AS tenant, o.id AS order, o.stay_id AS stay, o.room_number AS room,
    (SELECT m.id FROM app.menu_items AS m WHERE m.tenant_id = $1 LIMIT 1) AS item
FROM app.orders AS o WHERE o.tenant_id = $1 AND o.status = 'received' LIMIT 1
"""
_SIZES = """
SELECT c.relname AS name, t.relname AS table, pg_relation_size(c.oid) / 1048576.0 AS mib
FROM pg_class AS c
JOIN pg_index AS i ON i.indexrelid = c.oid
JOIN pg_class AS t ON t.oid = i.indrelid
JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE n.nspname = 'app'
ORDER BY 3 DESC LIMIT 12
"""
_TABLES = """
SELECT c.relname AS name, pg_table_size(c.oid) / 1048576.0 AS mib,
    pg_indexes_size(c.oid) / 1048576.0 AS indexes, c.reltuples::bigint AS rows
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'app' AND c.relkind = 'r'
ORDER BY 2 DESC LIMIT 6
"""
_ASKED: Final = 20  # hotels whose queries are measured


class Options(Struct, frozen=True, kw_only=True):
    """What `bench tenants --help` describes."""

    where: Where
    output: Output
    hotels: tuple[int, ...]
    rate: float
    seconds: float
    warmup: float
    windows: int
    orders: int
    repeats: int
    max_p95: float | None
    max_growth: float | None


def run(options: Options) -> int:
    """Measure, show, write; the exit code. Raises HubError when it cannot be."""
    shown, started, where = console(), now(), options.where
    where.check()
    options.output.check()
    if where.url is not None:
        raise InvalidInput(
            "bench tenants fills a database with orders, so it measures only one of its own: leave --url out",
            field="url",
        )
    if where.clients > options.hotels[0]:
        raise InvalidInput(
            f"--clients {where.clients} need as many hotels, the fewest are {options.hotels[0]}"
        )
    cores = where.cores()
    environ = {name: value for name, value in UNLIMITED.items() if name.startswith("HUB_LIMIT_")}
    with opened(where, cores, shown, Hotels(options.hotels[-1], 1), environ=environ) as target:
        with Live(shown) as live:
            findings = uvloop.run(_measure(options, target, cores.clients, live))
        return finish(
            "tenants",
            started,
            findings,
            target=target,
            cores=cores,
            options=asdict(options),
            output=options.output,
            console=shown,
        )


async def _measure(options: Options, target: Target, cores: tuple[int, ...] | None, live: Live) -> Findings:
    faults = Faults()
    few = [await _hotels(options, target, count, cores, live, faults) for count in options.hotels]
    assert target.settings is not None
    admin = await asyncpg.connect(target.settings.database_url)
    try:
        bar = live.begin(f"{options.orders:,} orders", options.orders)
        tenants: list[UUID] = [row["id"] for row in await admin.fetch(_TENANTS)]
        there = await fill(admin, tenants, options.orders, lambda done: bar(done, f"{done:,} written"))
        sizes = [dict(row) for row in await admin.fetch(_SIZES)]
        tables = [dict(row) for row in await admin.fetch(_TABLES)]
        places = [
            Place(row["tenant"], row["order"], row["stay"], row["item"], row["room"])
            for tenant in tenants[:: max(1, len(tenants) // _ASKED)]
            if (row := await admin.fetchrow(_PLACE, tenant)) is not None
        ]
    finally:
        await admin.close()
    if not places:
        raise Unavailable("no hotel has an active order: more --orders for each of them")
    bar = live.begin("hot queries", 1)
    api = await connect(target.settings, Role.API)
    try:
        found = await measure(api, places, options.repeats)
    finally:
        await api.close()
    bar(1, f"{len(found)} queries")
    # The same work once more, now that the tables are full.
    full = await _hotels(options, target, options.hotels[-1], cores, live, faults, " after")
    full["orders"] = there
    return _findings(options, [*few, full], found, sizes, tables, faults)


async def _hotels(
    options: Options,
    target: Target,
    count: int,
    cores: tuple[int, ...] | None,
    live: Live,
    faults: Faults,
    words: str = "",
) -> Row:
    """The same rate of orders over so many hotels, each with a tablet and a kitchen."""
    devices = [device for device in target.devices if device.hotel < count]
    tablets = sum(device.kind == "tablet" for device in devices)

    def plan(share: list[Device], first: int) -> Plan:
        return Plan(
            address=target.address,
            devices=share,
            first=first,
            tablets=tablets,
            arrivals="poisson",
            bumps=1,
            seen=True,
            run=f"bench {uuid4().hex[:8]}",
            drain_seconds=20,
        )

    bar = live.begin(f"{count:,} hotels{words}", options.windows)
    windows: list[Row] = []
    part = type(target)(
        target.address, devices, target.servers, target.roots, target.one_clock, target.settings
    )
    async with assembled(part, plan, options.where.clients, cores) as crew:
        for number in range(options.windows):
            tally, used = await crew.run(options.rate, options.warmup, options.seconds, lambda _: None)
            faults.merge(tally.faults)
            row = _row(count, tally, options.seconds)
            for name, use in used.servers.items():
                row[f"{name}_us"] = round(1e6 * use.cpu_seconds / max(1, tally.commands), 1)
            row["others"] = None if used.others is None else round(used.others / options.seconds, 2)
            windows.append(row)
            bar(number + 1, f"hub {row.get('hub_us', '-')} us an event, {row['errors']} errors")
    return median_row(windows) | {"errors": sum(int(row["errors"] or 0) for row in windows)}


def _row(count: int, tally: Tally, seconds: float) -> Row:
    return {
        "hotels": count,
        "orders": None,
        "events": round(tally.commands / seconds, 1),
        "p50": ms(tally.latencies["screen"], 0.5),
        "p95": ms(tally.latencies["screen"], 0.95),
        "p99": ms(tally.latencies["screen"], 0.99),
        "errors": sum(tally.errors.values()),
    }


def _findings(
    options: Options,
    rows: list[Row],
    found: list[Found],
    sizes: list[dict[str, object]],
    tables: list[dict[str, object]],
    faults: Faults,
) -> Findings:
    findings = Findings()
    findings.tables.append(
        Table(
            "hotels",
            f"{options.rate:g} orders/s over so many hotels, all kitchens live; CPU in us an event",
            [
                Column("hotels", "hotels"),
                Column("orders", "orders there"),
                Column("hub_us", "hub us"),
                Column("PostgreSQL_us", "PostgreSQL us"),
                Column("Redis_us", "Redis us"),
                Column("events", "events/s", 1),
                Column("p50", "place→frame p50", 1),
                Column("p95", "p95 ms", 1),
                Column("p99", "p99 ms", 1),
                Column("errors", "errors"),
            ],
            rows,
        )
    )
    queries: list[Row] = [
        {
            "query": one.name,
            "p50": ms(one.took, 0.5),
            "p95": ms(one.took, 0.95),
            "longest": round(1000 * one.took.longest, 2),
            "indexes": ", ".join(one.indexes),
            "scans": ", ".join(one.scanned) or "none",
        }
        for one in found
    ]
    findings.tables.append(
        Table(
            "queries",
            f"hot queries with {rows[-1]['orders']:,} orders, ms, one connection of hub_api",
            [
                Column("query", "query"),
                Column("p50", "p50", 2),
                Column("p95", "p95", 2),
                Column("longest", "longest", 1),
                Column("scans", "whole tables read"),
                Column("indexes", "indexes"),
            ],
            queries,
        )
    )
    findings.tables.append(
        Table(
            "tables",
            "the largest tables, MiB",
            [
                Column("name", "table"),
                Column("rows", "rows"),
                Column("mib", "table", 1),
                Column("indexes", "its indexes", 1),
            ],
            [_plain(row) for row in tables],
        )
    )
    findings.tables.append(
        Table(
            "indexes",
            "the largest indexes, MiB",
            [Column("name", "index"), Column("table", "of"), Column("mib", "MiB", 1)],
            [_plain(row) for row in sizes],
        )
    )
    empty = [row for row in rows if row["orders"] is None]
    series = {
        name: [(float(row["hotels"] or 0), float(row[key] or 0)) for row in empty if row.get(key) is not None]
        for name, key in (("hub", "hub_us"), ("PostgreSQL", "PostgreSQL_us"))
    }
    findings.charts.append(
        Chart("CPU an event", "hotels", "us", {name: list(line) for name, line in series.items()})
    )
    findings.charts.append(
        Chart(
            "p95 of the hot queries",
            "query",
            "ms",
            {"p95": [(str(row["query"]), float(row["p95"])) for row in queries if row["p95"] is not None]},
        )
    )
    for one, row in zip(found, queries, strict=True):
        if one.scanned:
            findings.slow.append(f"{one.name} reads whole tables: {', '.join(one.scanned)}")
        findings.limit(f"p95 of {one.name}", _float(row["p95"]), options.max_p95, "ms")
    first, last = _float(empty[0].get("hub_us")), _float(empty[-1].get("hub_us"))
    if first and last:
        findings.limit("CPU an event, most hotels over fewest", last / first, options.max_growth, "times")
    findings.wrong += [f"{count} {kind}: {faults.examples[kind][0]}" for kind, count in faults.counts.items()]
    errors = sum(int(row["errors"] or 0) for row in rows)
    if errors:
        findings.slow.append(f"{errors} orders failed")
    findings.good = "every confirmed order was on its kitchen's screen, once and in order"
    return findings


def _plain(row: dict[str, object]) -> Row:
    return {
        key: value if isinstance(value, str | int) else round(float(str(value)), 2)
        for key, value in row.items()
    }


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
