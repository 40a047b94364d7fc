"""`bench orders`: how long from a guest's order to the kitchen's screen, at offered rates."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import uvloop
from msgspec import Struct
from msgspec.structs import asdict
from rich.console import Console

from bench.crew import Crew, assembled
from bench.durable import measure as saturated
from bench.durable import table as durable_table
from bench.machine import Cores, allotted, available_cores, machine, versions
from bench.plan import MEASURES, TWO_CLOCKS, Plan
from bench.report import shown
from bench.results import Result, Run, Verdict, judge, make_run, write
from bench.schedule import Arrivals
from bench.show import Live, costs, memory, table, warnings
from bench.target import Target, elsewhere, own
from hub.errors import InvalidInput, SettingError

if TYPE_CHECKING:
    from bench.plan import Device

RESULTS: Final = Path(__file__).resolve().parent / "results"


class Options(Struct, frozen=True, kw_only=True):
    """What `bench orders --help` describes."""

    rates: tuple[float, ...]
    seconds: float
    warmup: float
    repeat: int
    arrivals: Arrivals
    bumps: float
    seen: bool
    clients: int
    drain_seconds: float
    hotels: int
    rooms: int
    workers: int
    pin: bool
    url: str | None
    token_file: Path | None
    max_p99_ms: dict[str, float]
    max_errors_percent: float
    json: Path | None
    save: bool
    changes: float | None = None
    saturate: bool = False

    @property
    def offered(self) -> tuple[float, ...]:
        """Orders a second; with `changes`, as many as bring so many changes of orders."""
        if self.changes is None:
            return self.rates
        return (round(self.changes / (1 + self.seen + self.bumps), 2),)


def run(options: Options) -> int:
    """Measure, show, save; the exit code. Raises HubError when it cannot be."""
    # In a file a line may be as long as it is.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    _check(options)
    started = datetime.now(UTC)
    cores = Cores(None, None)
    if options.pin and options.url is None:
        cores = allotted(available_cores(), options.workers, options.clients)
    with _target(options, cores, console) as target:
        measures = [name for name in MEASURES if target.one_clock or name not in TWO_CLOCKS]
        console.print(_describe(options, target, cores))
        runs = uvloop.run(_measure(options, target, cores, measures, console))
        durable = []
        if options.saturate:
            with console.status("saturating: orders through the hub, then the same SQL alone, in turns"):
                durable = uvloop.run(saturated(target, options.clients, options.seconds, cores.clients))
    verdict, broken = judge(runs, options.max_p99_ms, options.max_errors_percent)
    _tell(runs, verdict, broken, console)
    if durable:
        console.print(shown(durable_table(durable)))
    result = Result(
        bench="orders",
        date=started.isoformat(timespec="seconds"),
        command=f"python3 -m bench {shlex.join(sys.argv[1:])}",
        machine=machine(),
        versions=versions(),
        servers=target.servers,
        cores=cores,
        options=asdict(options),
        runs=runs,
        durable=durable,
        broken=broken,
        exit_code=verdict,
    )
    paths = [options.json] if options.json else []
    if options.save:
        paths.append(RESULTS / f"orders-{started:%Y%m%d-%H%M%S}.json")
    for path in paths:
        write(path, result)
        console.print(f"[dim]written to {path}[/]")
    return verdict


def _check(options: Options) -> None:
    """Refuse what cannot be, before anything is started."""
    if (options.url is None) != (options.token_file is None):
        raise SettingError(
            "--url and --token-file belong together: a hub elsewhere lets nobody in without a token"
        )
    if options.json is not None and options.json.is_dir():
        raise SettingError(f"--json {options.json} is a directory")
    if options.url is None:
        if options.saturate and options.rooms * options.hotels < 2:
            raise InvalidInput("--saturate needs more than one guest: more --hotels or --rooms")
        if options.clients > options.hotels:
            raise InvalidInput(
                f"--clients {options.clients} need as many --hotels, there are {options.hotels}"
            )
    elif options.saturate:
        raise InvalidInput("--saturate runs SQL beside the hub, so it measures only one of its own")
    elif options.token_file and set(TWO_CLOCKS) & set(options.max_p99_ms):
        if elsewhere(options.url, options.token_file).one_clock:
            return
        raise InvalidInput(
            "--max-p99-ms frame=... or change=... compares the database's clock with the one here, which "
            "means nothing between two machines; use screen=..., which needs one clock only"
        )


@contextlib.contextmanager
def _target(options: Options, cores: Cores, console: Console) -> Iterator[Target]:
    if options.url and options.token_file:
        yield elsewhere(options.url, options.token_file)
        return
    with contextlib.ExitStack() as stack:
        with console.status("starting") as status:
            target = stack.enter_context(
                own(
                    hotels=options.hotels,
                    rooms=options.rooms,
                    workers=options.workers,
                    cores=cores.hub,
                    say=status.update,
                )
            )
        yield target


async def _measure(
    options: Options, target: Target, cores: Cores, measures: list[str], console: Console
) -> list[Run]:
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
            drain_seconds=options.drain_seconds,
        )

    runs = []
    async with assembled(target, plan, options.clients, cores.clients) as crew:
        with Live(console, options.warmup + options.seconds) as live:
            # A B A B: what else the machine does falls on all rates alike.
            for turn in range(options.repeat):
                for rate in options.offered:
                    again = f" ({turn + 1}/{options.repeat})" if options.repeat > 1 else ""
                    live.begin(f"{rate:g} orders/s{again}")
                    runs.append(await _one(options, crew, rate, live, measures))
    return runs


async def _one(options: Options, crew: Crew, rate: float, live: Live, measures: list[str]) -> Run:
    async def clock() -> None:
        started = time.monotonic()
        while True:
            live.elapsed(time.monotonic() - started)
            await asyncio.sleep(0.25)

    ticking = asyncio.create_task(clock())
    try:
        tally, used = await crew.run(rate, options.warmup, options.seconds, live.heard)
    finally:
        ticking.cancel()
    live.elapsed(options.warmup + options.seconds)
    return make_run(rate, options.seconds, tally, used, measures)


def _describe(options: Options, target: Target, cores: Cores) -> str:
    kinds = [device.kind for device in target.devices]
    hotels = len({device.hotel for device in target.devices})
    lines = [*target.servers]
    lines.append(
        f"{hotels} hotels, {kinds.count('tablet')} tablets, {kinds.count('kitchen')} kitchens at "
        f"{target.address.host}:{target.address.port}"
    )
    if options.url is None:
        where = (
            f"on core {_list(cores.hub)}, clients on {_list(cores.clients)}" if cores.hub else "not pinned"
        )
        lines.append(f"{options.workers} hub process{'es' if options.workers > 1 else ''}, {where}")
    return "\n".join(f"[dim]{line}[/]" for line in lines)


def _list(cores: tuple[int, ...] | None) -> str:
    return ", ".join(map(str, cores or ()))


def _tell(runs: list[Run], verdict: Verdict, broken: list[str], console: Console) -> None:
    console.print(table(runs))
    if runs[0].servers:
        console.print(costs(runs))
        console.print(memory(runs))
    for rate in dict.fromkeys(run.rate for run in runs):
        errors: dict[str, int] = {}
        for run in runs:
            if run.rate == rate:
                for code, count in run.errors.items():
                    errors[code] = errors.get(code, 0) + count
        if errors:
            told = ", ".join(f"{count} {code}" for code, count in errors.items())
            console.print(f"[yellow]{rate:g}/s: errors:[/] {told}")
    for words in warnings(runs):
        console.print(f"[yellow]{words}[/]")
    for words in broken:
        console.print(f"[red bold]{words}[/]")
    if verdict is not Verdict.WRONG:
        console.print("[green]every confirmed order was on its kitchen's screen, once and in order[/]")
