"""`hub rehearse`: from the options to the report."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import uvloop
from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console
from rich.markup import escape

from hub.errors import InvalidInput, SettingError
from hub.rehearse import script as scripts
from hub.rehearse import source
from hub.rehearse.evening import evening
from hub.rehearse.place import database, serving
from hub.rehearse.report import Report, data, report, show
from hub.rehearse.rush import Outcome, Rush
from hub.rehearse.sandbox import prepare
from hub.rehearse.screens import arrived, browsers

if TYPE_CHECKING:
    from hub.rehearse.place import Place
    from hub.rehearse.sandbox import Sandbox
    from hub.rehearse.script import Script
    from hub.settings import Settings

_TOKEN_SECONDS: Final = 86_400  # no rehearsal lasts longer


class Options(Struct, frozen=True, kw_only=True):
    """What `hub rehearse --help` describes."""

    hotel: str | None
    recording: Path | None
    minutes: float | None
    speed: float
    orders: int
    rooms: int
    seed: int | None
    url: str | None
    host: str | None
    port: int | None
    screens: int
    headless: bool
    wait: float
    by_hand: bool
    json: Path | None


def run(options: Options) -> int:
    """Make the sandbox, play the rush, print and write what was measured; the exit code. Raises HubError when
    it cannot be."""
    console = Console(highlight=False, soft_wrap=True, stderr=options.json == Path("-"))
    seed = secrets.randbits(32) if options.seed is None else options.seed
    read = None if options.recording is None else scripts.read(options.recording)
    with serving(options.url, options.host, options.port, console, own=options.hotel is None) as place:
        script = _script(options, place.settings, read, seed)
        sandbox = uvloop.run(prepare(place.settings, script, options.screens, _TOKEN_SECONDS))
        addresses = [f"{place.base}/kitchen#claim={code}" for code in sandbox.codes]
        console.print(
            f"\n[bold]{sandbox.slug}[/]: {len(script.orders)} orders, {options.speed:g} times as fast"
        )
        for number, address in enumerate(addresses, 1):
            console.print(f"Kitchen screen {number}   [cyan]{escape(address)}[/]")
        with browsers(addresses) if options.headless else contextlib.nullcontext():
            outcome = uvloop.run(_play(options, place, sandbox, script, seed, console))
    found = report(outcome, [] if read is None else script.orders)
    show(found, console, options.speed)
    _write(options, found, seed)
    return found.code


def record(slug: str, since: str, until: str | None, out: Path) -> int:
    """Write what a hotel sold between two moments into a file. Raises HubError."""
    with database(dict(os.environ), Console(stderr=True), own=False) as settings:
        script = asyncio.run(source.record(settings, slug, since, until))
    scripts.write(out, script)
    count = sum(len(order.lines) for order in script.orders)
    Console(highlight=False).print(
        f"{out}: {len(script.orders)} orders with {count} lines from {script.rooms} rooms; no names, no notes"
    )
    return 0


def _script(options: Options, settings: Settings, read: Script | None, seed: int) -> Script:
    if read is not None:
        if options.minutes is None:
            return read
        kept = [order for order in read.orders if order.at < options.minutes * 60]
        if not kept:
            raise InvalidInput("the recording has no order in its first minutes", field="minutes")
        return replace(read, orders=kept)
    script = source.demo() if options.hotel is None else asyncio.run(source.of_hotel(settings, options.hotel))
    orders = evening(
        script.dishes,
        count=options.orders,
        seconds=(options.minutes or 10.0) * 60,
        rooms=options.rooms,
        seed=seed,
    )
    if not orders:
        raise InvalidInput("there is nothing on the menu that a guest could order", field="hotel")
    return replace(script, orders=orders)


async def _play(
    options: Options, place: Place, sandbox: Sandbox, script: Script, seed: int, console: Console
) -> Outcome:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    crew = not options.by_hand
    rush = Rush(place.address, sandbox, script, speed=options.speed, crew=crew, seed=seed)
    try:
        with console.status("waiting for the kitchen screens"):
            await rush.join()
            await arrived(place.settings, sandbox, options.wait)
        loop.add_signal_handler(signal.SIGINT, ended.set)  # from here on there is something to report
        with console.status("") as status:

            def heard(outcome: Outcome) -> None:
                placed = sum(outcome.ended.values())
                status.update(
                    f"{placed} of {outcome.orders} ordered, {outcome.open} under way; Ctrl+C ends it"
                )

            return await rush.play(ended, heard)
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        rush.leave()


def _write(options: Options, found: Report, seed: int) -> None:
    if options.json is None:
        return
    text = msgspec.json.format(msgspec.json.encode(data(found, speed=options.speed, seed=seed)), indent=2)
    if options.json == Path("-"):
        sys.stdout.write(text.decode() + "\n")
        return
    try:
        options.json.write_bytes(text + b"\n")
    except OSError as error:
        raise SettingError(f"cannot write {options.json}: {error.strerror}", field="json") from error
