"""What a mix could reach at the most: the same SQL without the hub, the same addresses without a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.ceiling.hollow import Answers, hollow_hub
from bench.ceiling.sql import prepared
from bench.mix.crew import Crew, assembled
from bench.mix.http import Connections
from bench.mix.rows import step_row
from bench.mix.search import highest
from bench.mix.words import SHARES

if TYPE_CHECKING:
    from bench.measure import Site
    from bench.mix.run import Options
    from bench.mix.words import Over
    from bench.report import Row
    from bench.target import Target
    from hub.drive.seats import Device


async def without_hub(options: Options, site: Site, over: Over) -> Row:
    """`sql` is how often a second a driver alone does it; the bench's own hub only. Raises Unavailable."""
    target = site.target
    assert target.settings is not None
    bar = site.live.begin(f"{over}: the SQL alone", 1)
    async with prepared(
        target.settings, target.devices, clients=site.clients, cores=site.cores.clients
    ) as ceiling:
        await ceiling.run(SHARES[over], options.warmup)
        alone = await ceiling.measured(SHARES[over], options.seconds, target.roots)
    rate = round(alone.rate, 1)
    bar(1, f"{rate:,}/s")
    return {"sql": rate, "sql_postgres": alone.postgres, "sql_client": alone.client}


async def without_database(options: Options, site: Site) -> Row:
    """`hollow` is the highest rate that the hub's HTTP server holds; the bench's own hub only. Raises
    Unavailable."""
    bar = site.live.begin("http: without a database", 1)
    found: Row = {}
    answers = await _answers(site.target)
    async with (
        hollow_hub(answers, site.cores.hub) as (address, pid),
        assembled(
            address, site.target.devices, "http", clients=site.clients, cores=site.cores.clients
        ) as crew,
    ):
        found["hollow"] = rate = await _hollow_rate(options, crew, pid, found)
    bar(1, f"{rate or 0:,.0f}/s")
    return found


async def _hollow_rate(options: Options, crew: Crew, pid: int, found: Row) -> float | None:
    """The highest rate that holds the same limits."""

    async def hold(rate: float) -> bool:
        tally, used = await crew.measured(rate, 0.2, min(2.0, options.seconds), {"hub": pid})
        row = step_row("http", rate, options, tally, used)
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
