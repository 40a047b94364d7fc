"""`bench connections`: how many sessions a node holds, how fast they come in, what they cost at rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from bench.crowd.crowd import Crowd, assembled, check_descriptors
from bench.hotels import room_for
from bench.measure import Asked, Site, measured
from bench.place import UNLIMITED, Meter, busy_note, hub_mib
from bench.report import Chart, Column, Findings, Row, Table, number, percentiles, points
from hub.errors import InvalidInput

if TYPE_CHECKING:
    from bench.crowd.words import Joins, Seen
    from bench.place import Used

_SETTLE_SECONDS: Final = 2.5  # presence is written, the last snapshots have been read
_LOOK_SECONDS: Final = 2.0


class Options(Asked, frozen=True, kw_only=True):
    """What `bench connections --help` describes."""

    sessions: tuple[int, ...]
    hold: float
    rest: float
    window: int
    patience: float
    admission: bool
    sources: tuple[str, ...]
    max_kb: float | None
    max_idle: float | None
    min_accepts: float | None
    max_lost: int


def run(options: Options) -> int:
    """Measure, show, write; the exit code. Raises HubError when it cannot be."""
    options.check()
    most, where = options.sessions[-1], options.where
    check_descriptors(most, min(where.workers, where.clients) if where.url is None else where.clients)
    environ = {} if options.admission else UNLIMITED
    return measured("connections", options, _measure, room_for(most), environ=environ, needs_both=False)


async def _measure(options: Options, site: Site) -> Findings:
    target, most = site.target, options.sessions[-1]
    if len(target.devices) < most:
        raise InvalidInput(
            f"the token file has {len(target.devices)} devices, --sessions asks for {most}: make more "
            "with `bench hotels`, or ask for fewer",
            field="sessions",
        )
    rows: list[Row] = []
    held: list[Row] = []
    joins: list[Joins] = []
    async with assembled(
        target.address,
        [device.token for device in target.devices][:most],
        clients=site.clients,
        window=options.window,
        cores=site.cores.clients,
        sources=options.sources,
    ) as crowd:
        empty = hub_mib(target)
        before, memory = 0, empty
        for count in options.sessions:
            heed = _coming(site.live.begin(f"{count:,} sessions", count), before)
            meter = Meter(target.roots)
            came = await crowd.open(count, options.patience, heed)
            used = meter.read()
            joins.append(came)
            await asyncio.sleep(min(_SETTLE_SECONDS, options.rest))
            now_mib = hub_mib(target)
            row = _row(count, came, used)
            if target.roots:
                row["kb"] = round((now_mib - empty) * 1024 / count, 2)
                row["kb_more"] = round((now_mib - memory) * 1024 / max(1, came.live), 2)
                row["hub_mib"] = round(now_mib, 1)
            before, memory = before + came.live, now_mib
            seconds = options.hold if count == most else options.rest
            row |= await _rest(crowd, site, seconds, held)
            rows.append(row)
    return _findings(options, rows, held, joins)


def _coming(bar: Callable[[float, str], None], before: int) -> Callable[[int, int], None]:
    return lambda live, no: bar(before + live, f"{before + live:,} live, {no:,} refused")


def _row(count: int, came: Joins, used: Used) -> Row:
    return {
        "sessions": count,
        "came": came.live,
        "accepts": came.a_second,
        "accept_us": round(1e6 * used.servers["hub"] / max(1, came.live)) if used.servers else None,
        **percentiles(came.took, 50, 99),
        "refused": came.refused,
        "failed": sum(came.failed.values()),
    }


async def _rest(crowd: Crowd, site: Site, seconds: float, held: list[Row]) -> Row:
    """Leave all sessions alone for so long."""
    bar = site.live.begin("  at rest", seconds)
    await crowd.look()
    meter, started = Meter(site.target.roots), time.monotonic()
    lost, stale, frames, clients, shares = 0, 0, 0, 0.0, []
    hub, postgres, span, busy = 0.0, 0.0, 0.0, 0.0
    seen: Seen | None = None
    while (elapsed := time.monotonic() - started) < seconds:
        await asyncio.sleep(min(_LOOK_SECONDS, seconds - elapsed))
        seen, used = await crowd.look(), meter.read()
        lost += sum(seen.lost.values())
        stale = max(stale, seen.stale)
        frames += seen.frames
        clients += seen.cpu_seconds
        hub += used.servers.get("hub", 0.0)
        postgres += used.servers.get("PostgreSQL", 0.0)
        span += used.seconds
        busy += used.busy or 0.0
        if (share := used.cores("hub")) is not None:
            shares.append(share)
        spent = time.monotonic() - started
        told = f", {100 * shares[-1]:.1f} % of a core" if shares else ""
        bar(spent, f"{seen.live:,} live, {seen.stale} stale, {lost} lost{told}")
        held.append({"second": round(spent), "live": seen.live, "idle": 100 * shares[-1] if shares else None})
    row: Row = {"rest": round(seconds), "live": seen.live if seen else None, "lost": lost, "stale": stale}
    row["frames"] = round(frames / span) if span else None
    if shares:
        row["idle"] = round(100 * hub / span, 2)
        row["idle_median"] = round(100 * sorted(shares)[len(shares) // 2], 2)
        row["postgres"] = round(100 * postgres / span, 2)
        row["others"] = round(max(0.0, busy - hub - postgres - clients) / span, 2)
    return row


def _findings(options: Options, rows: list[Row], held: list[Row], joins: list[Joins]) -> Findings:
    last = rows[-1]
    findings = Findings()
    findings.tables.append(
        Table(
            "joining",
            "coming in: sessions a second, hub's CPU each, milliseconds from the first attempt until live",
            [
                Column("sessions", "sessions"),
                Column("accepts", "accepts/s"),
                Column("accept_us", "CPU us each"),
                Column("p50", "p50 ms", 1),
                Column("p99", "p99 ms", 1),
                Column("refused", "503"),
                Column("failed", "failed"),
            ],
            rows,
        )
    )
    findings.tables.append(
        Table(
            "resting",
            "at rest: KB of the hub's memory a session (of all, and of those that came last), % of a core",
            [
                Column("sessions", "sessions"),
                Column("kb", "KB each", 1),
                Column("kb_more", "KB each more", 1),
                Column("hub_mib", "hub MiB"),
                Column("idle", "hub CPU %", 1),
                Column("postgres", "PostgreSQL %", 1),
                Column("frames", "frames/s"),
                Column("stale", "stale"),
                Column("lost", "lost"),
                Column("rest", "seconds"),
            ],
            rows,
        )
    )
    for key, title, unit in (
        ("kb", "memory a session", "KB"),
        ("accepts", "coming in", "a second"),
        ("idle", "CPU at rest", "% of a core"),
    ):
        findings.charts.append(Chart(title, "sessions", unit, {title: points(rows, "sessions", key)}))
    findings.charts.append(
        Chart("CPU while held", "look", "% of a core", {"hub": points(held, "second", "idle")})
    )
    for place, row in enumerate(rows):
        if row["failed"]:
            told = ", ".join(f"{count} {why}" for why, count in joins[place].failed.items())
            findings.slow.append(f"{row['sessions']} sessions: {row['failed']} did not come in: {told}")
        retries = ", ".join(f"{count} x {why}" for why, count in joins[place].retries.items())
        if retries:
            findings.notes.append(f"{row['sessions']} sessions: attempts that were repeated: {retries}")
    lost = sum(int(row["lost"] or 0) for row in rows)
    findings.limit("sessions lost at rest", lost, options.max_lost, "sessions")
    findings.limit("memory a session", number(last.get("kb")), options.max_kb, "KB")
    findings.limit("CPU at rest", number(last.get("idle")), options.max_idle, "% of a core")
    accepts = number(last["accepts"]) or 0.0
    if options.min_accepts is not None and accepts < options.min_accepts:
        findings.slow.append(f"{accepts:.0f} sessions came in a second, wanted are {options.min_accepts:g}")
    findings.notes += busy_note(rows)
    if not lost and not any(row["failed"] or row["stale"] for row in rows):
        findings.good = f"all {last['live']} sessions were live, heard every heartbeat, and none was lost"
    return findings
