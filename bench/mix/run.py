"""`bench mix`: the highest rate of reads and writes that is held, and what bounds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import uvloop
from msgspec import Struct
from msgspec.structs import asdict

from bench.ceiling.hollow import Answers, hollow_hub
from bench.ceiling.sql import prepared
from bench.hotels import Hotels
from bench.machine import available_cores
from bench.mix.crew import Crew, assembled
from bench.mix.http import Connections
from bench.mix.search import highest
from bench.mix.words import READS, SHARES
from bench.place import UNLIMITED, Live, Meter, Used, Where, busy_note, opened
from bench.report import Chart, Column, Findings, Output, Row, Table, console, finish, ms, now

if TYPE_CHECKING:
    from bench.mix.words import Over, Tally
    from bench.plan import Device
    from bench.target import Target

_NAMES: Final = {
    "menu": "read the menu",
    "active": "read the active orders",
    "status": "read an order",
    "place": "place an order",
    "bump": "bump an order",
    "quote": "ask for a price",
    "open": "open a screen (snapshot)",
}


class Options(Struct, frozen=True, kw_only=True):
    """What `bench mix --help` describes."""

    where: Where
    output: Output
    over: Literal["http", "sockets", "both"]
    rate: tuple[int, ...]
    start: float
    most: float
    steps: int
    seconds: float
    warmup: float
    hotels: int
    rooms: int
    ceiling: bool
    max_p95: float
    max_read_p95: float
    max_errors: float
    min_rate: float | None


def run(options: Options) -> int:
    """Measure, show, write; the exit code. Raises HubError when it cannot be."""
    shown, started, where = console(), now(), options.where
    where.check()
    options.output.check()
    cores = where.cores()
    environ = {name: value for name, value in UNLIMITED.items() if name.startswith("HUB_LIMIT_")}
    with opened(where, cores, shown, Hotels(options.hotels, options.rooms), environ=environ) as target:
        with Live(shown) as live:
            findings = uvloop.run(_measure(options, target, cores.hub, cores.clients, live))
        return finish(
            "mix",
            started,
            findings,
            target=target,
            cores=cores,
            options=asdict(options),
            output=options.output,
            console=shown,
        )


async def _measure(
    options: Options,
    target: Target,
    hub_cores: tuple[int, ...] | None,
    cores: tuple[int, ...] | None,
    live: Live,
) -> Findings:
    ways: tuple[Over, ...] = ("http", "sockets") if options.over == "both" else (options.over,)
    steps: list[Row] = []
    kinds: list[Row] = []
    best: list[Row] = []
    clients = options.where.clients
    for over in ways:
        rows: list[Row] = []
        tallies: list[Tally] = []
        async with assembled(target.address, target.devices, over, clients=clients, cores=cores) as crew:
            ask = _Step(options, target, crew, over, live, rows, tallies)
            if options.rate:
                for rate in options.rate:
                    await ask(rate)
            else:
                await highest(ask, options.start, options.most, options.steps)
        steps += rows
        held = [number for number, row in enumerate(rows) if row["held"] == "yes"]
        top = max(held, key=lambda number: float(rows[number]["offered"] or 0)) if held else None
        best.append({"over": over} | (rows[top] if top is not None else {}))
        kinds += _kinds(over, rows[top or 0], tallies[top or 0])
        if options.ceiling and target.settings is not None:
            best[-1] |= await _ceilings(options, target, over, hub_cores, cores, live)
    return _findings(options, target, steps, kinds, best)


class _Step:
    """Offers one rate."""

    def __init__(
        self,
        options: Options,
        target: Target,
        crew: Crew,
        over: Over,
        live: Live,
        rows: list[Row],
        tallies: list[Tally],
    ) -> None:
        self._options = options
        self._target = target
        self._crew = crew
        self._over = over
        self._live = live
        self._rows = rows
        self._tallies = tallies

    async def __call__(self, rate: float) -> bool:
        options = self._options
        bar = self._live.begin(f"{self._over}: {rate:,.0f}/s", 1)
        tally, used = await self._crew.measured(rate, options.warmup, options.seconds, self._target.roots)
        row = _row(self._over, rate, options, tally, used)
        self._rows.append(row)
        self._tallies.append(tally)
        word = "held" if row["held"] == "yes" else "not held"
        bar(1, f"p95 {row['p95'] or '-'} ms, {row['errors']} errors: {word}")
        return row["held"] == "yes"


def _row(over: Over, rate: float, options: Options, tally: Tally, used: Used) -> Row:
    p95, reads = ms(tally.whole(), 0.95), ms(tally.whole(READS), 0.95)
    good = tally.error_percent < options.max_errors or not tally.errors
    quick = p95 is not None and p95 < options.max_p95 and (reads is None or reads < options.max_read_p95)
    held = good and quick
    return {
        "over": over,
        "offered": round(rate, 1),
        "answered": round(tally.done / options.seconds, 1),
        "p50": ms(tally.whole(), 0.5),
        "p95": p95,
        "reads_p95": reads,
        "writes_p95": ms(tally.whole(frozenset({"place", "bump"})), 0.95),
        "p99": ms(tally.whole(), 0.99),
        "errors": sum(tally.errors.values()),
        "error_percent": round(tally.error_percent, 3),
        "why": "; ".join(f"{count} {code}" for code, count in tally.errors.items()) or None,
        "held": "yes" if held else "no",
        "late_p99": ms(tally.late, 0.99),
        "hub": used.cores("hub"),
        "postgres": used.cores("PostgreSQL"),
        "redis": used.cores("Redis"),
        "client": round(tally.cpu_seconds / used.seconds, 2),
        "busy": None if used.busy is None else round(used.busy / used.seconds, 2),
        "others": used.others(tally.cpu_seconds),
    }


def _kinds(over: Over, row: Row, tally: Tally) -> list[Row]:
    return [
        {
            "over": over,
            "offered": row["offered"],
            "operation": _NAMES[name],
            "count": histogram.count,
            "p50": ms(histogram, 0.5),
            "p95": ms(histogram, 0.95),
            "p99": ms(histogram, 0.99),
        }
        for name, histogram in sorted(tally.latencies.items())
    ]


async def _ceilings(
    options: Options,
    target: Target,
    over: Over,
    hub_cores: tuple[int, ...] | None,
    cores: tuple[int, ...] | None,
    live: Live,
) -> Row:
    """The same SQL without the hub, and (HTTP) the same addresses without a database."""
    assert target.settings is not None
    found: Row = {}
    bar = live.begin(f"{over}: the SQL alone", 1)
    clients = options.where.clients
    async with prepared(target.settings, target.devices, clients=clients, cores=cores) as ceiling:
        await ceiling.run(SHARES[over], options.warmup)
        meter = Meter(target.roots)
        done = await ceiling.run(SHARES[over], options.seconds)
        used = meter.read()
    found["sql"] = round(done.done / done.seconds, 1)
    found["sql_postgres"] = used.cores("PostgreSQL")
    found["sql_client"] = round(done.cpu_seconds / done.seconds, 2)
    bar(1, f"{found['sql']:,}/s")
    if over == "http":
        bar = live.begin("http: without a database", 1)
        answers = await _answers(target)
        async with (
            hollow_hub(answers, hub_cores) as (address, pid),
            assembled(address, target.devices, over, clients=clients, cores=cores) as crew,
        ):
            rate = await _hollow_rate(options, crew, pid, found)
        found["hollow"] = rate
        bar(1, f"{rate or 0:,.0f}/s")
    return found


async def _hollow_rate(options: Options, crew: Crew, pid: int, found: Row) -> float | None:
    """The highest rate that holds the same limits."""

    async def hold(rate: float) -> bool:
        tally, used = await crew.measured(rate, 0.2, min(2.0, options.seconds), {"hub": pid})
        row = _row("http", rate, options, tally, used)
        found["hollow_hub"], found["hollow_client"] = row["hub"], row["client"]
        return row["held"] == "yes"

    return await highest(hold, 4 * options.start, 8 * options.most, min(2, options.steps))


async def _answers(target: Target) -> Answers:
    """What the hub says now."""
    assert target.settings is not None
    tablet = next(device for device in target.devices if device.kind == "tablet")
    kitchen = next(
        device for device in target.devices if device.kind == "kitchen" and device.hotel == tablet.hotel
    )
    lines = Connections(target.address)

    async def get(path: str, device: Device) -> str:
        _, body = await lines.ask(lines.request("GET", path, device.token), 30.0)
        return body.decode()

    try:
        menu = await get("/api/v1/menu", tablet)
        active = await get("/api/v1/orders", kitchen)
    finally:
        lines.close()
    order = '{"order":{"id":"00000000-0000-7000-8000-000000000000","filler":"' + "x" * 1500 + '"}}'
    return Answers(target.settings, menu, active, order)


def bound(row: Row) -> str:
    """What the highest rate seems to be bounded by, in words."""
    hub, postgres, client, busy = (_float(row.get(key)) for key in ("hub", "postgres", "client", "busy"))
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


def _findings(
    options: Options, target: Target, steps: list[Row], kinds: list[Row], best: list[Row]
) -> Findings:
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
                Column("hub", "hub cores", 2),
                Column("postgres", "PostgreSQL", 2),
                Column("client", "clients", 2),
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
            rate = _float(row.get("answered"))
            for key in ("sql", "hollow"):
                ceiling = _float(row.get(key))
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
        own.sort(key=lambda row: _float(row["offered"]) or 0)
        series = {
            title: [(_float(r["offered"]) or 0, _float(r[key]) or 0) for r in own if r[key] is not None]
            for title, key in (("all", "p95"), ("reads", "reads_p95"), ("writes", "writes_p95"))
        }
        findings.charts.append(
            Chart(f"{over}: p95", "offered a second", "ms", {k: list(v) for k, v in series.items()})
        )
    for row in best:
        held = _float(row.get("answered"))
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
            findings.notes.append(f"{row['over']}, {row['offered']:g}/s: errors: {row['why']}")
    findings.notes += busy_note([_float(row["others"]) for row in steps])
    return findings


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
