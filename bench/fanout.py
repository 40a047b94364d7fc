"""`bench fanout`: what it costs to bring one event to all sessions of a hotel."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from bench.crowd.crowd import Crowd, assembled
from bench.crowd.words import Heard
from bench.hand import Hand
from bench.hotels import Hotels
from bench.machine import pinned
from bench.measure import Asked, Site, measured
from bench.place import UNLIMITED, Meter, busy_note
from bench.report import Chart, Column, Findings, Row, Table, median_row, number, percentiles, points
from hub.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from bench.target import Target
    from hub.drive.seats import Device

_PATIENCE: Final = 30.0
_WARM_EVENTS: Final = 3
_JOINING: Final = 200  # handshakes under way at one time
_ALONE: Final = Hotels(1, 1)  # for what an event costs by itself


class Options(Asked, frozen=True, kw_only=True):
    """What `bench fanout --help` describes."""

    sessions: tuple[int, ...]
    windows: int
    seconds: float
    max_us: float | None
    max_p99: float | None


def run(options: Options) -> int:
    """Measure, show, write; the exit code. Raises HubError when it cannot be."""
    options.check()
    most = options.sessions[-1]
    screens = max(1, most // 10)
    hotels = Hotels(1, most - screens + 1, screens + 1)
    return measured("fanout", options, _measure, hotels, others=_ALONE, environ=UNLIMITED)


def _hotels(devices: list[Device]) -> tuple[list[Device], list[Device]]:
    """The largest hotel, and the smallest other one (perhaps none)."""
    hotels: dict[int, list[Device]] = {}
    for device in devices:
        hotels.setdefault(device.hotel, []).append(device)
    ordered = sorted(hotels.values(), key=len)
    return ordered[-1], ordered[0] if len(ordered) > 1 else []


async def _measure(options: Options, site: Site) -> Findings:
    crowded, alone = _hotels(site.target.devices)
    most = options.sessions[-1]
    if len(crowded) - 1 < most:
        raise InvalidInput(
            f"the largest hotel of the token file has {len(crowded)} devices, and {most} sessions need "
            "one more: `bench hotels --hotels 2 --rooms N --screens N` makes larger ones",
            field="sessions",
        )
    rows: list[Row] = []
    base = None
    with pinned(site.cores.clients):  # the hand works in this process
        if site.target.roots and alone:
            base = await _base(options, site, alone)
        async with _joined(site, crowded, most) as (crowd, hand):
            for count in options.sessions:
                row = await _sessions(options, site, crowd, hand, count)
                if base is not None and (event := number(row["event_us"])) is not None:
                    row["net_us"] = round((event - base) / count, 2)
                rows.append(row)
    return _findings(options, site.target, rows, base)


@asynccontextmanager
async def _joined(site: Site, devices: list[Device], most: int) -> AsyncIterator[tuple[Crowd, Hand]]:
    """A kitchen screen that acts, and so many others of its hotel; they are not connected yet."""
    address = site.target.address
    cook = next(device for device in devices if device.kind == "kitchen")
    tokens = [device.token for device in devices if device is not cook][:most]
    async with assembled(
        address, tokens, clients=site.clients, window=_JOINING, cores=site.cores.clients
    ) as crowd:
        hand = await Hand.joined(address, cook.token)
        try:
            yield crowd, hand
        finally:
            hand.leave()


async def _base(options: Options, site: Site, devices: list[Device]) -> float:
    """CPU of the hub for an event that one session gets, in microseconds."""
    async with _joined(site, devices, 1) as (crowd, hand):
        bar = site.live.begin("one session", 1)
        await crowd.open(1, 30.0, lambda live, no: None)
        await _window(crowd, hand, site.target, 0.0, events=20)
        row = await _window(crowd, hand, site.target, options.seconds)
        bar(1, _told(row))
        return float(row["event_us"] or 0)


async def _sessions(options: Options, site: Site, crowd: Crowd, hand: Hand, count: int) -> Row:
    """The medians of its windows, with so many sessions."""
    bar = site.live.begin(f"{count:,} sessions", options.windows)
    await crowd.open(count, 120.0, lambda live, no: bar(0, f"{live:,} in"))
    windows = []
    await _window(crowd, hand, site.target, 0.0, events=_WARM_EVENTS)
    for done in range(options.windows):
        windows.append(await _window(crowd, hand, site.target, options.seconds))
        bar(done + 1, _told(windows[-1]))
    row = median_row(windows)
    for key in ("missing", "repeated"):
        row[key] = sum(int(one[key] or 0) for one in windows)
    return row


async def _window(crowd: Crowd, hand: Hand, target: Target, seconds: float, *, events: int = 1) -> Row:
    """Events one after the other, each when everybody has the last, for so long and at least so many."""
    await crowd.look()
    heard, done = Heard(), 0
    sessions = (await crowd.look()).live
    if not sessions:
        raise Unavailable("no session is live")
    dish = hand.menu[0].id
    await crowd.listen("menu_item")

    async def switch(sold_out: bool) -> Heard:
        """One event for every screen of the hotel."""
        sent = time.monotonic()
        await hand.call("menu.sold_out", {"menu_item_id": dish, "sold_out": sold_out})
        return await crowd.gather(sent, _PATIENCE)

    meter, started = Meter(target.roots), time.monotonic()
    while done < events or time.monotonic() - started < seconds:
        heard.merge(await switch(done % 2 == 0))
        done += 1
    used = meter.read()
    seen = await crowd.look()
    took = heard.from_commit if target.one_clock else heard.from_sent
    if done % 2:
        await switch(False)
    hub = used.servers.get("hub")
    return {
        "sessions": sessions,
        "events": done,
        "deliveries": round(heard.count / used.seconds),
        "event_us": None if hub is None else round(1e6 * hub / done, 1),
        "us": None if hub is None else round(1e6 * hub / max(1, heard.count), 2),
        **percentiles(took, 50, 99),
        **percentiles(heard.from_sent, 50, 99, prefix="sent_"),
        "hub": used.cores("hub"),
        "client": round(seen.cpu_seconds / used.seconds, 3),
        "missing": sessions * done - heard.count,
        "repeated": heard.repeated,
        "others": used.others(seen.cpu_seconds),
    }


def _told(row: Row) -> str:
    cpu = "" if row["us"] is None else f"{row['us']:.4g} us each, "
    return f"{row['deliveries']:,} deliveries/s, {cpu}p99 {row['p99'] or row['sent_p99'] or '-'} ms"


def _findings(options: Options, target: Target, rows: list[Row], base: float | None) -> Findings:
    findings = Findings()
    since = "commit" if target.one_clock else "command"
    findings.tables.append(
        Table(
            "fanout",
            f"one event to every session of a hotel, medians of {options.windows} windows; CPU of the hub; "
            f"ms from the {since}",
            [
                Column("sessions", "sessions"),
                Column("deliveries", "deliveries/s"),
                Column("us", "us each", 1),
                Column("net_us", "net us", 1),
                Column("event_us", "us an event"),
                Column("p50", "p50 ms", 1),
                Column("p99", "p99 ms", 1),
                Column("sent_p99", "from command p99", 1),
                Column("hub", "hub cores", 2),
                Column("client", "client cores", 2),
                Column("events", "events"),
            ],
            rows,
        )
    )
    named = [row | {"sessions": f"{row['sessions']:,}"} for row in rows]
    for keys, title, unit in (
        (("us", "net_us"), "CPU of the hub a delivery", "us"),
        (("p50", "p99"), f"{since} → frame", "ms"),
    ):
        series = {key: line for key in keys if (line := points(named, "sessions", key))}
        findings.charts.append(Chart(title, "sessions", unit, series))
    for row in rows:
        name = f"{row['sessions']} sessions"
        if row["missing"]:
            findings.wrong.append(f"{name}: {row['missing']} deliveries were missing after {_PATIENCE:.0f} s")
        if row["repeated"]:
            findings.wrong.append(f"{name}: {row['repeated']} deliveries came twice")
        if isinstance(row["client"], float) and row["client"] > 0.9:
            findings.notes.append(
                f"{name}: the client was as busy as the hub: deliveries/s are its limit too"
            )
        findings.limit(f"{name}: CPU a delivery", number(row["us"]), options.max_us, "us")
        findings.limit(f"{name}: p99", number(row["p99"]), options.max_p99, "ms")
    if base is not None:
        findings.notes.append(
            f"an event for one session costs the hub {base:.0f} us (command, relay, Redis, delivery); "
            "'net us' takes that off"
        )
    findings.notes += busy_note(rows)
    findings.good = "every event came to every session, once"
    return findings
