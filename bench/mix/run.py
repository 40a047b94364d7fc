"""`bench mix`: the highest rate of reads and writes that is held, and what bounds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from bench.hotels import Hotels
from bench.measure import Asked, Site, measured
from bench.mix.ceilings import without_database, without_hub
from bench.mix.crew import assembled
from bench.mix.findings import found
from bench.mix.rows import kind_rows, step_row
from bench.mix.search import highest
from bench.place import NO_LIMITS
from bench.report import Findings, Row

if TYPE_CHECKING:
    from bench.mix.words import Over, Tally


class Options(Asked, frozen=True, kw_only=True):
    """What `bench mix --help` describes."""

    over: Literal["http", "sockets", "both"]
    rate: tuple[int, ...]
    start: float
    most: float
    steps: int
    again: int
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
    options.check()
    hotels = Hotels(options.hotels, options.rooms)
    return measured("mix", options, _measure, hotels, environ=NO_LIMITS)


async def _measure(options: Options, site: Site) -> Findings:
    ways: tuple[Over, ...] = ("http", "sockets") if options.over == "both" else (options.over,)
    steps: list[Row] = []
    kinds: list[Row] = []
    best: list[Row] = []
    for over in ways:
        rows, tallies = await _steps(options, site, over)
        steps += rows
        held = [number for number, row in enumerate(rows) if row["held"] == "yes"]
        top = max(held, key=lambda number: float(rows[number]["offered"] or 0)) if held else None
        best.append({"over": over} | (rows[top] if top is not None else {}))
        kinds += kind_rows(over, rows[top or 0], tallies[top or 0])
        if options.ceiling and site.target.settings is not None:
            best[-1] |= await without_hub(options, site, over)
            if over == "http":
                best[-1] |= await without_database(options, site)
    return found(options, steps, kinds, best)


async def _steps(options: Options, site: Site, over: Over) -> tuple[list[Row], list[Tally]]:
    """The rates of the options, or those of the search, one after the other."""
    rows: list[Row] = []
    tallies: list[Tally] = []
    target = site.target

    async def hold(rate: float) -> bool:
        bar = site.live.begin(f"{over}: {rate:,.0f}/s", 1)
        tally, used = await crew.measured(rate, options.warmup, options.seconds, target.roots)
        row = step_row(over, rate, options, tally, used)
        rows.append(row)
        tallies.append(tally)
        word = "held" if row["held"] == "yes" else "not held"
        bar(1, f"p95 {row['p95'] or '-'} ms, {row['errors']} errors: {word}")
        return row["held"] == "yes"

    async def patiently(rate: float) -> bool:
        """A machine that stands still for half a second says nothing about a rate."""
        for _ in range(1 + options.again):
            if await hold(rate):
                return True
        return False

    async with assembled(
        target.address, target.devices, over, clients=site.clients, cores=site.cores.clients
    ) as crew:
        if options.rate:
            for rate in options.rate:
                await hold(rate)
        else:
            await highest(patiently, options.start, options.most, options.steps)
    return rows, tallies
