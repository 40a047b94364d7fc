"""`bench storm`: every device comes back at once."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, Literal

from bench.counters import Peak, counted
from bench.crowd.crowd import Crowd, assembled, check_descriptors
from bench.hotels import Hotels, room_for
from bench.measure import Asked, Site, measured
from bench.mix.crew import Crew
from bench.mix.crew import assembled as crew_of
from bench.mix.words import PLACE_ONLY
from bench.place import NO_LIMITS, Meter, busy_note, hub_mib
from bench.report import CORES, Chart, Column, Findings, Row, Table, ms, number, percentiles
from hub.drive.histogram import Histogram
from hub.errors import InvalidInput

if TYPE_CHECKING:
    from bench.crowd.words import Joins
    from bench.mix.words import Tally
    from bench.place import Used
    from bench.target import Target
    from hub.drive.seats import Device

_OTHER_ROOMS: Final = 10
_SETTLE_SECONDS: Final = 2.0
_WINDOW: Final = 100  # of handshakes, before the storm


class Options(Asked, frozen=True, kw_only=True):
    """What `bench storm --help` describes."""

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
    options.check()
    where = options.where
    if options.how == "restart" and where.url is not None:
        raise InvalidInput(
            "--how restart kills the hub, and the bench can only kill its own: restart the other one by hand "
            "while `--how cut` runs, or leave --url out",
            field="how",
        )
    check_descriptors(options.devices, min(where.workers, where.clients))
    few = Hotels(options.others, _OTHER_ROOMS)
    # The admission of handshakes is part of what is measured.
    return measured("storm", options, _measure, room_for(options.devices), others=few, environ=NO_LIMITS)


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


async def _measure(options: Options, site: Site) -> Findings:
    address, cores = site.target.address, site.cores.clients
    storming, others = _split(site.target.devices, options)
    rows: list[Row] = []
    charts: list[Chart] = []
    notes: list[str] = []
    tokens = [device.token for device in storming]
    async with (
        assembled(address, tokens, clients=site.clients, window=_WINDOW, cores=cores) as crowd,
        crew_of(address, others, "http", clients=1, cores=cores) as crew,
    ):
        bar = site.live.begin(f"{options.devices:,} devices come in", options.devices)
        came = await crowd.open(
            options.devices, options.patience, lambda n, no: bar(n, f"{n:,} live, {no:,} refused")
        )
        if came.live < options.devices:
            notes.append(f"only {came.live} devices came in before the storm: {came.failed}")
        await asyncio.sleep(_SETTLE_SECONDS)
        for number in range(options.repeat):
            title = f"storm {number + 1}/{options.repeat}" if options.repeat > 1 else "storm"
            row, chart, words = await _storm(options, site, crowd, crew, title)
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
    options: Options, site: Site, crowd: Crowd, crew: Crew, title: str
) -> tuple[Row, list[Chart], list[str]]:
    target, bar = site.target, site.live.begin(title, options.devices)
    counted_before, memory = await counted(target), hub_mib(target)
    # The orders go on for as long as the storm may: what of them falls into it is told by their moments.
    begun = time.monotonic() + 1.0
    seconds = options.before + options.spread + _guess(options)
    ordering = asyncio.create_task(
        crew.run(options.rate, 0.0, seconds, mix=PLACE_ONLY, again=True, drain=options.patience)
    )
    await asyncio.sleep(begun + options.before - time.monotonic())
    meter, peak = Meter(target.roots), Peak(target)
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
    counted_after = await counted(target)
    calm, wild = _cut(tally, cut_at, all_live)
    row = _row(options, came, used, calm, wild, tally)
    if target.roots:
        row["memory"], row["peak"] = round(memory, 1), round(peak.mib, 1)
    if counted_before and counted_after:
        row["transactions"] = counted_after.transactions - counted_before.transactions - tally.done
        row["states"] = counted_after.states - counted_before.states
        row["rows"] = counted_after.rows - counted_before.rows
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
        "a_second": came.a_second,
        "refused": came.refused,
        "retries": sum(came.retries.values()),
        **percentiles(came.took, 50, 99),
        **percentiles(calm, 50, 99, prefix="calm_"),
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
                *CORES,
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
        findings.limit("until all were live", number(row["seconds"]), options.max_seconds, "s")
        findings.limit("p99 of others' orders in the storm", number(row["storm_p99"]), options.max_p99, "ms")
    findings.notes += busy_note(rows)
    return findings
