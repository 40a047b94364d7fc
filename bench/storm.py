"""`bench storm`: every device comes back at once."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, Literal

import asyncpg
import uvloop
from msgspec import Struct
from msgspec.structs import asdict

from bench.crowd.crowd import Crowd, assembled, check_descriptors
from bench.histogram import Histogram
from bench.hotels import Hotels
from bench.mix.crew import Crew
from bench.mix.crew import assembled as crew_of
from bench.mix.words import PLACE_ONLY
from bench.place import UNLIMITED, Live, Meter, Where, busy_note, opened
from bench.processes import resident_mib
from bench.report import Chart, Column, Findings, Output, Row, Table, console, finish, ms, now
from hub.errors import InvalidInput

if TYPE_CHECKING:
    from bench.crowd.words import Joins
    from bench.mix.words import Tally
    from bench.place import Used
    from bench.plan import Device
    from bench.target import Target

_ROOMS, _SCREENS = 90, 10
_OTHER_ROOMS: Final = 10
_SETTLE_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.1
_WINDOW: Final = 100  # of handshakes, before the storm
_STATS = """
SELECT (SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()),
       (SELECT coalesce(sum(idx_scan), 0) FROM pg_stat_user_indexes WHERE indexrelname = 'orders_active'),
       (SELECT coalesce(sum(idx_tup_fetch), 0) FROM pg_stat_user_tables)
"""


class Options(Struct, frozen=True, kw_only=True):
    """What `bench storm --help` describes."""

    where: Where
    output: Output
    devices: int
    how: Literal["cut", "restart"]
    spread: float
    fresh: bool
    rate: float
    others: int
    before: float
    patience: float
    repeat: int
    max_seconds: float | None
    max_p99: float | None


def run(options: Options) -> int:
    """Measure, show, write; the exit code. Raises HubError when it cannot be."""
    shown, started, where = console(), now(), options.where
    where.check()
    options.output.check()
    if options.how == "restart" and where.url is not None:
        raise InvalidInput(
            "--how restart kills the hub, and the bench can only kill its own: restart the other one by hand "
            "while `--how cut` runs, or leave --url out",
            field="how",
        )
    check_descriptors(options.devices, min(where.workers, where.clients))
    cores = where.cores()
    many = Hotels(-(-options.devices // (_ROOMS + _SCREENS)), _ROOMS, _SCREENS)
    few = Hotels(options.others, _OTHER_ROOMS)
    # The admission of handshakes is part of what is measured; one address plays all hotels, though.
    environ = {name: value for name, value in UNLIMITED.items() if name.startswith("HUB_LIMIT_")}
    with opened(where, cores, shown, many, others=few, environ=environ) as target:
        storming, others = _split(target.devices, options)
        with Live(shown) as live:
            findings = uvloop.run(_measure(options, target, storming, others, cores.clients, live))
        return finish(
            "storm",
            started,
            findings,
            target=target,
            cores=cores,
            options=asdict(options),
            output=options.output,
            console=shown,
        )


def _split(devices: list[Device], options: Options) -> tuple[list[Device], list[Device]]:
    """The devices that reconnect, and those of the last hotels, which order meanwhile."""
    hotels = max(device.hotel for device in devices) + 1
    others = [device for device in devices if device.hotel >= hotels - options.others]
    storming = [device for device in devices if device.hotel < hotels - options.others]
    if len(storming) < options.devices or not others:
        raise InvalidInput(
            f"the token file has {len(storming)} devices beside {options.others} hotels that order, "
            f"--devices asks for {options.devices}: make more with `bench hotels`, or ask for fewer",
            field="devices",
        )
    return storming[: options.devices], others


async def _measure(
    options: Options,
    target: Target,
    storming: list[Device],
    others: list[Device],
    cores: tuple[int, ...] | None,
    live: Live,
) -> Findings:
    clients = options.where.clients
    rows: list[Row] = []
    charts: list[Chart] = []
    notes: list[str] = []
    tokens = [device.token for device in storming]
    async with (
        assembled(target.address, tokens, clients=clients, window=_WINDOW, cores=cores) as crowd,
        crew_of(target.address, others, "http", clients=1, cores=cores) as crew,
    ):
        bar = live.begin(f"{options.devices:,} devices come in", options.devices)
        came = await crowd.open(
            options.devices, options.patience, lambda n, no: bar(n, f"{n:,} live, {no:,} refused")
        )
        if came.live < options.devices:
            notes.append(f"only {came.live} devices came in before the storm: {came.failed}")
        await asyncio.sleep(_SETTLE_SECONDS)
        for number in range(options.repeat):
            title = f"storm {number + 1}/{options.repeat}" if options.repeat > 1 else "storm"
            row, chart, words = await _storm(options, target, crowd, crew, title, live)
            rows.append(row)
            charts += chart
            notes += words
        checked = await crew.check()
    findings = _findings(options, rows, charts)
    findings.notes += notes
    findings.wrong += [f"order {one} was confirmed and is not there" for one in checked.missing[:5]]
    findings.wrong += [f"order {one} is there twice" for one in checked.doubled[:5]]
    findings.good = f"all {checked.confirmed} confirmed orders are there, each once"
    return findings


async def _storm(
    options: Options, target: Target, crowd: Crowd, crew: Crew, title: str, live: Live
) -> tuple[Row, list[Chart], list[str]]:
    bar = live.begin(title, options.devices)
    stats_before = await _stats(target)
    memory = resident_mib(target.roots["hub"]) if target.roots else 0.0
    # The orders go on for as long as the storm may: what of them falls into it is told by their moments.
    begun = time.monotonic() + 1.0
    seconds = options.before + options.spread + _guess(options)
    ordering = asyncio.create_task(
        crew.run(options.rate, 0.0, seconds, mix=PLACE_ONLY, again=True, drain=options.patience)
    )
    await asyncio.sleep(begun + options.before - time.monotonic())
    meter, peak = Meter(target.roots), _Peak(target)
    watching = asyncio.create_task(peak.watch())
    restarting = None
    if options.how == "restart" and target.restart is not None:
        restarting = asyncio.create_task(_restart(target))
    cut_at = time.monotonic() + 0.2
    came = await crowd.reset(
        options.spread,
        lambda n, no: bar(n, f"{n:,} live again, {no:,} refused"),
        fresh=options.fresh,
        cut=options.how == "cut",
        patience=options.patience,
    )
    used = meter.read()
    if restarting is not None:
        await restarting
    all_live = came.ended or time.monotonic()
    tally = await ordering
    watching.cancel()
    # what backends have counted they tell after a moment
    await asyncio.sleep(1.5)
    stats_after = await _stats(target)
    calm, wild = _cut(tally, cut_at, all_live)
    row = _row(options, came, used, calm, wild, tally)
    if target.roots:
        row["memory"], row["peak"] = round(memory, 1), round(peak.mib, 1)
    if stats_before and stats_after:
        row["transactions"] = stats_after[0] - stats_before[0] - tally.done
        row["states"] = stats_after[1] - stats_before[1]
        row["rows"] = stats_after[2] - stats_before[2]
    points = [(round(due - cut_at, 3), round(1000 * took, 1)) for due, took in tally.samples]
    chart = Chart(f"{title}: orders of others", "seconds from the cut", "ms", {"order": sorted(points)})
    words = [f"{title}: {count} x {why}, tried again" for why, count in came.retries.items()]
    words += [f"{title}: {count} devices did not come back: {why}" for why, count in came.failed.items()]
    words += [f"{title}: orders of others: {count} x {why}" for why, count in tally.errors.items()]
    return row, [chart], words


def _guess(options: Options) -> float:
    """How long the orders shall go on after the spread: at 150 a second nobody is left."""
    return min(options.patience, 2.0 + options.devices / 150)


async def _restart(target: Target) -> None:
    await asyncio.sleep(0.2)
    assert target.restart is not None
    await asyncio.to_thread(target.restart)


class _Peak:
    """The most memory that the hub had."""

    def __init__(self, target: Target) -> None:
        self.mib = 0.0
        self._target = target

    async def watch(self) -> None:
        """Until cancelled."""
        while self._target.roots:
            self.mib = max(self.mib, resident_mib(self._target.roots["hub"]))
            await asyncio.sleep(_LOOK_SECONDS)


async def _stats(target: Target) -> tuple[int, int, int] | None:
    """Transactions, readings of the active orders, rows fetched: since the database was made."""
    if target.settings is None:
        return None
    connection = await asyncpg.connect(target.settings.database_url)
    try:
        row = await connection.fetchrow(_STATS)
    finally:
        await connection.close()
    return None if row is None else (int(row[0]), int(row[1]), int(row[2]))


def _cut(tally: Tally, begin: float, end: float) -> tuple[Histogram, Histogram]:
    """The latencies of orders that were due before the storm, and in it."""
    calm, wild = Histogram(), Histogram()
    for due, took in tally.samples:
        if due + took < begin:
            calm.add(took)
        elif due < end:
            wild.add(took)
    return calm, wild


def _row(options: Options, came: Joins, used: Used, calm: Histogram, wild: Histogram, tally: Tally) -> Row:
    return {
        "devices": options.devices,
        "live": came.live,
        "seconds": round(came.seconds, 2),
        "a_second": round(came.live / came.seconds, 1) if came.seconds else None,
        "refused": came.refused,
        "retries": sum(came.retries.values()),
        "p50": ms(came.took, 0.5),
        "p99": ms(came.took, 0.99),
        "calm_p50": ms(calm, 0.5),
        "calm_p99": ms(calm, 0.99),
        "storm_orders": wild.count,
        "storm_p50": ms(wild, 0.5),
        "storm_p99": ms(wild, 0.99) if wild.count >= 100 else round(1000 * wild.longest, 1),
        "orders": tally.done,
        "repeats": tally.repeats,
        "order_errors": sum(tally.errors.values()),
        "hub": used.cores("hub"),
        "postgres": used.cores("PostgreSQL"),
        "client": round((came.cpu_seconds + tally.cpu_seconds) / used.seconds, 2),
        "others": used.others(came.cpu_seconds + tally.cpu_seconds),
    }


def _findings(options: Options, rows: list[Row], charts: list[Chart]) -> Findings:
    findings = Findings(charts=charts)
    spread = f", each at a random moment of {options.spread:g} s" if options.spread else ", all at once"
    memory = "without memory" if options.fresh else "with their positions"
    findings.tables.append(
        Table(
            "storm",
            f"{options.devices:,} devices come back {memory}{spread}; ms of a device from its first attempt",
            [
                Column("live", "live again"),
                Column("seconds", "all in s", 1),
                Column("a_second", "a second"),
                Column("refused", "503"),
                Column("retries", "other retries"),
                Column("p50", "p50 ms"),
                Column("p99", "p99 ms"),
                Column("transactions", "transactions"),
                Column("states", "active read"),
                Column("memory", "MiB before"),
                Column("peak", "MiB peak"),
                Column("hub", "hub cores", 2),
                Column("postgres", "PostgreSQL", 2),
                Column("client", "clients", 2),
            ],
            rows,
        )
    )
    findings.tables.append(
        Table(
            "orders",
            f"orders of other guests over HTTP, {options.rate:g}/s, in ms from when each was due",
            [
                Column("calm_p50", "before: p50", 1),
                Column("calm_p99", "p99", 1),
                Column("storm_p50", "in the storm: p50", 1),
                Column("storm_p99", "p99 (or longest)", 1),
                Column("storm_orders", "orders in it"),
                Column("orders", "confirmed"),
                Column("repeats", "repeated"),
                Column("order_errors", "errors"),
            ],
            rows,
        )
    )
    for row in rows:
        live = int(row["live"] or 0)
        if live < options.devices:
            findings.slow.append(
                f"{options.devices - live} devices were not live after {options.patience:g} s"
            )
        findings.limit("until all were live", _float(row["seconds"]), options.max_seconds, "s")
        findings.limit("p99 of others' orders in the storm", _float(row["storm_p99"]), options.max_p99, "ms")
    findings.notes += busy_note([_float(row["others"]) for row in rows])
    return findings


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
