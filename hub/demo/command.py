"""`hub demo` and `hub demo --check`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets

from rich.console import Console

from hub.demo.busy.process import Plan, playing
from hub.demo.check import check as run_check
from hub.demo.hotel import CREW, KITCHEN, NAME, PEOPLE, ROOMS, SLUG, hire, new_codes, open_hotel
from hub.environment import is_set
from hub.errors import SettingError
from hub.laptop import bound, start_missing
from hub.serve import serve
from hub.telemetry import logs


def run(
    *,
    check: bool,
    fresh: bool,
    port: int | None,
    workers: int,
    busy: bool = False,
    speed: float = 4.0,
    seed: int | None = None,
) -> int:
    """Run the demo hotel until it is interrupted; the exit code.

    With `check`, on servers of its own: drive one order to the end, print the latencies, stop. With `fresh`,
    start over. With `busy`, guests of all other rooms order by themselves, and cooks and runners work
    `speed` times as fast as people; the same `seed` throws the same dice. Raises SettingError and
    Unavailable.
    """
    if busy and is_set(os.environ, "HUB_TLS_CERTIFICATE"):
        raise SettingError(
            "--busy plays guests in plain HTTP on this machine; unset HUB_TLS_CERTIFICATE and HUB_TLS_KEY.",
            field="HUB_TLS_CERTIFICATE",
        )
    console = Console(highlight=False, soft_wrap=True)
    environ = {**os.environ, "HUB_WORKERS": str(workers)}
    environ.setdefault("HUB_LOG_FORMAT", "human")
    environ.setdefault("HUB_LOG_LEVEL", "warning")
    if check:
        environ["HUB_PORT"] = str(port or 0)
        for name in ("HUB_TLS_CERTIFICATE", "HUB_TLS_KEY"):
            environ.pop(name, None)  # the screens of the check are on this machine
    elif port is not None:
        environ["HUB_PORT"] = str(port)
    with contextlib.ExitStack() as stack:
        stack.enter_context(
            start_missing(environ, say=lambda line: console.print(f"[dim]{line}[/]"), own=check, fresh=fresh)
        )
        settings, listener = bound(environ)
        logs.configure(settings.log_level, settings.log_format)
        stack.callback(listener.close)
        host, number = listener.getsockname()[:2]
        tenant_id = asyncio.run(open_hotel(settings))
        room = ROOMS[0]
        tablet, kitchen = asyncio.run(new_codes(settings, tenant_id, (room, KITCHEN)))
        if check:
            return run_check(settings, environ, listener, tablet, kitchen, console)
        base = f"http{'' if settings.tls_certificate is None else 's'}://{host}:{number}"
        # No box around them: a frame would cut the addresses in a narrow terminal.
        console.print(f"\n[bold]{NAME}[/], twenty rooms and one kitchen\n")
        console.print(f"Guest tablet, room {room}   [cyan]{base}/tablet#claim={tablet}[/]")
        console.print(f"Kitchen screen           [cyan]{base}/kitchen#claim={kitchen}[/]")
        console.print(f"Front desk, devices      [cyan]{base}/staff?hotel={SLUG}[/]")
        password = asyncio.run(hire(settings, tenant_id))
        for email, (_, role) in PEOPLE.items():
            console.print(f"  as {role:<20}[green]{email}[/]   password [green]{password}[/]")
        console.print(
            "\nOpen tablet and kitchen; their addresses work once. Order on the one, bump on the other."
        )
        console.print(f"At the front desk, check room {room} out: its tablet forgets the guest.")
        if busy:
            guests = ROOMS[1:]
            codes = asyncio.run(new_codes(settings, tenant_id, (*guests, CREW)))
            plan = Plan(
                host=host,
                port=number,
                tablets=dict(zip(guests, codes, strict=False)),
                kitchen=codes[-1],
                speed=speed,
                seed=secrets.randbits(32) if seed is None else seed,
            )
            stack.enter_context(playing(plan))
            console.print(
                f"The other rooms order by themselves, and a crew works {speed:g} times as fast as people; "
                f"room {room} is yours alone."
            )
        console.print("[dim]Ctrl+C stops the demo; its orders are kept, --fresh starts over.[/]")
        return serve(settings, environ, listener)
