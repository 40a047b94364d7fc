"""`bench fanout`: what it costs to bring one event to all sessions of a hotel."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import uvloop
from msgspec import Struct
from msgspec.structs import asdict

from bench.crowd.crowd import Crowd, assembled
from bench.crowd.words import Heard
from bench.hand import Hand
from bench.hotels import Hotels
from bench.machine import pinned
from bench.place import UNLIMITED, Live, Meter, Where, busy_note, opened
from bench.report import Chart, Column, Findings, Output, Row, Table, console, finish, median_row, ms, now
from hub.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from bench.plan import Device
    from bench.target import Target

_PATIENCE: Final = 30.0
_WARM_EVENTS: Final = 3
_ALONE: Final = Hotels(1, 1)  # for what an event costs by itself


class Options(Struct, frozen=True, kw_only=True):
    """What `bench fanout --help` describes."""

    where: Where
    output: Output
    sessions: tuple[int, ...]
    windows: int
    seconds: float
    max_us: float | None
    max_p99: float | None


def run(options: Options) -> int:
    """Measure, show, write; the exit code. Raises HubError when it cannot be."""
    shown, started, where = console(), now(), options.where
    where.check()
    options.output.check()
    most = options.sessions[-1]
    screens = max(1, most // 10)
    cores = where.cores()
    hotels = Hotels(1, most - screens + 1, screens + 1)
    with opened(where, cores, shown, hotels, others=_ALONE, environ=UNLIMITED) as target:
        crowded, alone = _hotels(target.devices)
        if len(crowded) - 1 < most:
            raise InvalidInput(
                f"the largest hotel of the token file has {len(crowded)} devices, and {most} sessions need "
                "one more: `bench hotels --hotels 2 --rooms N --screens N` makes larger ones",
                field="sessions",
            )
        with Live(shown) as live, pinned(cores.clients):
            findings = uvloop.run(_measure(options, target, crowded, alone, cores.clients, live))
        return finish(
            "fanout",
            started,
            findings,
            target=target,
            cores=cores,
            options=asdict(options),
            output=options.output,
            console=shown,
        )


def _hotels(devices: list[Device]) -> tuple[list[Device], list[Device]]:
    """The largest hotel, and the smallest other one (perhaps none)."""
    hotels: dict[int, list[Device]] = {}
    for device in devices:
        hotels.setdefault(device.hotel, []).append(device)
    ordered = sorted(hotels.values(), key=len)
    return ordered[-1], ordered[0] if len(ordered) > 1 else []


async def _measure(
    options: Options,
    target: Target,
    crowded: list[Device],
    alone: list[Device],
    cores: tuple[int, ...] | None,
    live: Live,
) -> Findings:
    cook = next(device for device in crowded if device.kind == "kitchen")
    tokens = [device.token for device in crowded if device is not cook][: options.sessions[-1]]
    rows: list[Row] = []
    base = None
    clients = options.where.clients
    if target.roots and alone:
        base = await _base(options, target, alone, cores, live)
    async with assembled(target.address, tokens, clients=clients, window=200, cores=cores) as crowd:
        hand = await Hand.joined(target.address, cook.token)
        try:
            for count in options.sessions:
                bar = live.begin(f"{count:,} sessions", options.windows)
                await crowd.open(count, 120.0, lambda n, no, bar=bar: bar(0, f"{n:,} in"))  # type: ignore[misc]
                windows = []
                await _window(crowd, hand, target, 0.0, events=_WARM_EVENTS)
                for number in range(options.windows):
                    windows.append(await _window(crowd, hand, target, options.seconds))
                    bar(number + 1, _told(windows[-1]))
                row = median_row(windows)
                row["missing"] = sum(int(one["missing"] or 0) for one in windows)
                row["repeated"] = sum(int(one["repeated"] or 0) for one in windows)
                if base is not None and (event := row.get("event_us")) is not None:
                    row["net_us"] = round((float(event) - base) / count, 2)
                rows.append(row)
        finally:
            hand.leave()
    return _findings(options, target, rows, base)


async def _base(
    options: Options,
    target: Target,
    devices: list[Device],
    cores: tuple[int, ...] | None,
    live: Live,
) -> float:
    """CPU of the hub for an event that one session gets, in microseconds."""
    cook = next(device for device in devices if device.kind == "kitchen")
    tokens = [next(device for device in devices if device is not cook).token]
    async with assembled(target.address, tokens, clients=1, window=1, cores=cores) as crowd:
        hand = await Hand.joined(target.address, cook.token)
        try:
            bar = live.begin("one session", 1)
            await crowd.open(1, 30.0, lambda live, no: None)
            await _window(crowd, hand, target, 0.0, events=20)
            row = await _window(crowd, hand, target, options.seconds)
            bar(1, _told(row))
            return float(row["event_us"] or 0)
        finally:
            hand.leave()


async def _window(crowd: Crowd, hand: Hand, target: Target, seconds: float, *, events: int = 1) -> Row:
    """Events one after the other, each when everybody has the last, for so long and at least so many."""
    await crowd.look()
    heard, done = Heard(), 0
    sessions = (await crowd.look()).live
    if not sessions:
        raise Unavailable("no session is live")
    dish = hand.menu[0].id
    meter, started = Meter(target.roots), time.monotonic()
    while done < events or time.monotonic() - started < seconds:
        sent = time.monotonic()
        everybody = await crowd.listen(sent, _PATIENCE)
        # off and on again: each is one event for every screen of the hotel
        await hand.call("menu.sold_out", {"menu_item_id": dish, "sold_out": done % 2 == 0})
        heard.merge(await everybody)
        done += 1
    used = meter.read()
    seen = await crowd.look()
    if done % 2:
        again = await crowd.listen(time.monotonic(), _PATIENCE)
        await hand.call("menu.sold_out", {"menu_item_id": dish, "sold_out": False})
        await again
    hub = used.servers.get("hub")
    return {
        "sessions": sessions,
        "events": done,
        "deliveries": round(heard.count / used.seconds),
        "event_us": None if hub is None else round(1e6 * hub / done, 1),
        "us": None if hub is None else round(1e6 * hub / max(1, heard.count), 2),
        "p50": ms(heard.from_commit if target.one_clock else heard.from_sent, 0.5),
        "p99": ms(heard.from_commit if target.one_clock else heard.from_sent, 0.99),
        "sent_p50": ms(heard.from_sent, 0.5),
        "sent_p99": ms(heard.from_sent, 0.99),
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
    names = [f"{row['sessions']:,}" for row in rows]
    for keys, title, unit in (
        (("us", "net_us"), "CPU of the hub a delivery", "us"),
        (("p50", "p99"), f"{since} → frame", "ms"),
    ):
        series = {
            key: [
                (n, float(v)) for n, row in zip(names, rows, strict=True) if (v := row.get(key)) is not None
            ]
            for key in keys
        }
        findings.charts.append(Chart(title, "sessions", unit, {k: list(v) for k, v in series.items() if v}))
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
        findings.limit(f"{name}: CPU a delivery", _float(row["us"]), options.max_us, "us")
        findings.limit(f"{name}: p99", _float(row["p99"]), options.max_p99, "ms")
    if base is not None:
        findings.notes.append(
            f"an event for one session costs the hub {base:.0f} us (command, relay, Redis, delivery); "
            "'net us' takes that off"
        )
    findings.notes += busy_note([_float(row["others"]) for row in rows])
    findings.good = "every event came to every session, once"
    return findings


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
