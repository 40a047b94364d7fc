"""`bench orders`: how long from a guest's order to the kitchen's screen, at offered rates."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

from bench import durable
from bench.crew import Crew, assembled
from bench.hotels import Hotels
from bench.measure import Asked, Site, measured
from bench.place import NO_LIMITS
from bench.plan import MEASURES, TWO_CLOCKS, Plan
from bench.report import Findings
from bench.results import Run, judge, make_run
from bench.show import charts, costs, errors, latencies, memory, saturation, state, warnings
from bench.target import elsewhere
from hub.drive.schedule import Arrivals
from hub.errors import InvalidInput

if TYPE_CHECKING:
    from bench.plan import Tally
    from hub.drive.seats import Device


class Options(Asked, frozen=True, kw_only=True):
    """What `bench orders --help` describes."""

    rate: tuple[float, ...]
    seconds: float
    warmup: float
    repeat: int
    arrivals: Arrivals
    bumps: float
    seen: bool
    drain: float
    hotels: int
    rooms: int
    changes: float | None
    saturate: bool
    max_p99_ms: dict[str, float]
    max_errors: float

    @property
    def offered(self) -> tuple[float, ...]:
        """Orders a second; with `changes`, as many as bring so many changes of orders."""
        if self.changes is None:
            return self.rate
        return (round(self.changes / (1 + self.seen + self.bumps), 2),)


def run(options: Options) -> int:
    """Measure, show, write; the exit code. Raises HubError when it cannot be."""
    options.check()
    _check(options)
    # Saturated, a few tablets order more than a hub allows any guest.
    environ = NO_LIMITS if options.saturate else {}
    return measured("orders", options, _measure, Hotels(options.hotels, options.rooms), environ=environ)


def _check(options: Options) -> None:
    """Refuse what cannot be, before anything is started."""
    where = options.where
    if where.url is None:
        if options.saturate and options.rooms * options.hotels < 2:
            raise InvalidInput("--saturate needs more than one guest: more --hotels or --rooms")
        if where.clients > options.hotels:
            raise InvalidInput(f"--clients {where.clients} need as many --hotels, there are {options.hotels}")
    elif options.saturate:
        raise InvalidInput("--saturate runs SQL beside the hub, so it measures only one of its own")
    elif where.token_file and set(TWO_CLOCKS) & set(options.max_p99_ms):
        if elsewhere(where.url, where.token_file).one_clock:
            return
        raise InvalidInput(
            "--max-p99-ms frame=... or change=... compares the database's clock with the one here, which "
            "means nothing between two machines; use screen=..., which needs one clock only"
        )


async def _measure(options: Options, site: Site) -> Findings:
    target, clients = site.target, options.where.clients
    measures = [name for name in MEASURES if target.one_clock or name not in TWO_CLOCKS]
    tablets = sum(device.kind == "tablet" for device in target.devices)
    name = uuid4().hex[:8]

    def plan(devices: list[Device], first: int) -> Plan:
        return Plan(
            address=target.address,
            devices=devices,
            first=first,
            tablets=tablets,
            arrivals=options.arrivals,
            bumps=options.bumps,
            seen=options.seen,
            run=f"bench {name}",
            drain_seconds=options.drain,
        )

    runs = []
    async with assembled(target, plan, clients, site.cores.clients) as crew:
        # A B A B: what else the machine does falls on all rates alike.
        for turn in range(options.repeat):
            again = f" ({turn + 1}/{options.repeat})" if options.repeat > 1 else ""
            for rate in options.offered:
                runs.append(await _one(options, crew, rate, f"{rate:g} orders/s{again}", site, measures))
    findings = _findings(options, runs)
    if options.saturate:
        bar = site.live.begin("saturated: the hub, then the same SQL alone", 1)
        rows = await durable.measure(target, clients, options.seconds, site.cores.clients)
        bar(1, "")
        findings.tables.append(durable.table(rows))
        findings.charts.append(saturation(rows))
        share = durable.failed(rows, options.seconds)
        findings.limit("orders that failed in saturation", share, options.max_errors, "%")
    return findings


async def _one(options: Options, crew: Crew, rate: float, title: str, site: Site, measures: list[str]) -> Run:
    bar, started = site.live.begin(title, options.warmup + options.seconds), time.monotonic()

    def heard(tally: Tally) -> None:
        bar(time.monotonic() - started, state(tally))

    tally, used = await crew.run(rate, options.warmup, options.seconds, heard)
    return make_run(rate, options.seconds, tally, used, measures)


def _findings(options: Options, runs: list[Run]) -> Findings:
    wrong, slow = judge(runs, options.max_p99_ms, options.max_errors)
    latency, cost, servers = latencies(runs), costs(runs), list(runs[0].servers)
    return Findings(
        tables=[latency, cost, *([memory(runs)] if servers else [])],
        charts=charts(latency, cost, servers),
        notes=[*errors(runs), *warnings(runs)],
        slow=slow,
        wrong=wrong,
        good="every confirmed order was on its kitchen's screen, once and in order",
        runs=runs,
    )
