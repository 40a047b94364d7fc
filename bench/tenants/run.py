"""`bench tenants`: how cost grows with hotels and with orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import uuid4

import asyncpg
from msgspec.structs import replace

from bench.crew import assembled
from bench.hotels import Hotels
from bench.measure import Asked, Site, measured
from bench.place import NO_LIMITS
from bench.plan import Plan, Tally
from bench.report import Chart, Column, Findings, Row, Table, median_row, number, percentiles, points
from bench.tenants.bulk import fill
from bench.tenants.hot import Found, measure
from bench.tenants.tables import largest_indexes, largest_tables, places_in, tenants
from hub.db.pool import Role, connect
from hub.drive.ledger import Faults
from hub.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from hub.drive.seats import Device

_ASKED: Final = 20  # hotels whose queries are measured


class Options(Asked, frozen=True, kw_only=True):
    """What `bench tenants --help` describes."""

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
    options.check()
    where = options.where
    if where.url is not None:
        raise InvalidInput(
            "bench tenants fills a database with orders, so it measures only one of its own: leave --url out",
            field="url",
        )
    if where.clients > options.hotels[0]:
        raise InvalidInput(
            f"--clients {where.clients} need as many hotels, the fewest are {options.hotels[0]}"
        )
    return measured("tenants", options, _measure, Hotels(options.hotels[-1], 1), environ=NO_LIMITS)


async def _measure(options: Options, site: Site) -> Findings:
    faults, settings = Faults(), site.target.settings
    few = [await _hotels(options, site, count, faults) for count in options.hotels]
    assert settings is not None
    admin = await asyncpg.connect(settings.database_url)
    try:
        bar = site.live.begin(f"{options.orders:,} orders", options.orders)
        ids = await tenants(admin)
        there = await fill(admin, ids, options.orders, lambda done: bar(done, f"{done:,} written"))
        sizes, tables = await largest_indexes(admin), await largest_tables(admin)
        places = await places_in(admin, ids[:: max(1, len(ids) // _ASKED)])
    finally:
        await admin.close()
    if not places:
        raise Unavailable("no hotel has an active order: more --orders for each of them")
    bar = site.live.begin("hot queries", 1)
    api = await connect(settings, Role.API)
    try:
        found = await measure(api, places, options.repeats)
    finally:
        await api.close()
    bar(1, f"{len(found)} queries")
    # The same work once more, now that the tables are full.
    full = await _hotels(options, site, options.hotels[-1], faults, " after")
    full["orders"] = there
    return _findings(options, [*few, full], found, sizes, tables, faults)


async def _hotels(options: Options, site: Site, count: int, faults: Faults, words: str = "") -> Row:
    """The same rate of orders over so many hotels, each with a tablet and a kitchen."""
    devices = [device for device in site.target.devices if device.hotel < count]
    tablets = sum(device.kind == "tablet" for device in devices)

    def plan(share: list[Device], first: int) -> Plan:
        return Plan(
            address=site.target.address,
            devices=share,
            first=first,
            tablets=tablets,
            arrivals="poisson",
            bumps=1,
            seen=True,
            run=f"bench {uuid4().hex[:8]}",
            drain_seconds=20,
        )

    bar = site.live.begin(f"{count:,} hotels{words}", options.windows)
    windows: list[Row] = []
    part = replace(site.target, devices=devices)
    async with assembled(part, plan, site.clients, site.cores.clients) as crew:
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
        **percentiles(tally.latencies["screen"], 50, 95, 99),
        "errors": sum(tally.errors.values()),
    }


def _findings(
    options: Options,
    rows: list[Row],
    found: list[Found],
    sizes: list[Row],
    tables: list[Row],
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
            **percentiles(one.took, 50, 95),
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
            tables,
        )
    )
    findings.tables.append(
        Table(
            "indexes",
            "the largest indexes, MiB",
            [Column("name", "index"), Column("table", "of"), Column("mib", "MiB", 1)],
            sizes,
        )
    )
    empty = [row for row in rows if row["orders"] is None]
    series = {name: points(empty, "hotels", f"{name}_us") for name in ("hub", "PostgreSQL")}
    findings.charts.append(Chart("CPU an event", "hotels", "us", series))
    findings.charts.append(
        Chart("p95 of the hot queries", "query", "ms", {"p95": points(queries, "query", "p95")})
    )
    for one, row in zip(found, queries, strict=True):
        if one.scanned:
            findings.slow.append(f"{one.name} reads whole tables: {', '.join(one.scanned)}")
        findings.limit(f"p95 of {one.name}", number(row["p95"]), options.max_p95, "ms")
    first, last = number(empty[0].get("hub_us")), number(empty[-1].get("hub_us"))
    if first and last:
        findings.limit("CPU an event, most hotels over fewest", last / first, options.max_growth, "times")
    findings.wrong += [f"{count} {kind}: {faults.examples[kind][0]}" for kind, count in faults.counts.items()]
    errors = sum(int(row["errors"] or 0) for row in rows)
    if errors:
        findings.slow.append(f"{errors} orders failed")
    findings.good = "every confirmed order was on its kitchen's screen, once and in order"
    return findings
