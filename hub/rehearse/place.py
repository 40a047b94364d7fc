"""Where a rehearsal plays: at a hub that serves already, or at one of its own."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from msgspec import Struct
from rich.console import Console

from hub.db.pool import Role, connect
from hub.db.queries import load as load_queries
from hub.drive.client import Address
from hub.drive.process import stop, wait_ready
from hub.environment import is_set, load
from hub.errors import InvalidInput, SettingError
from hub.laptop import bound, start_missing
from hub.telemetry import logs
from hub.workers import spawn

if TYPE_CHECKING:
    from hub.settings import Settings

LED: Final = load_queries("rehearse")["led"]
# Of the service in whose environment this may run: its addresses are taken, and a rehearsal's are printed.
_OF_THE_SERVICE: Final = (
    "HUB_HOST", "HUB_PORT", "HUB_TLS_CERTIFICATE", "HUB_TLS_KEY", "HUB_METRICS_HOST", "HUB_METRICS_PORT",
    "HUB_METRICS_TOKEN",
)  # fmt: skip


class Place(Struct, frozen=True):
    """A hub that serves the sandbox, and the settings of its database; `base` begins the addresses that
    screens open."""

    settings: Settings
    address: Address
    base: str


@contextlib.contextmanager
def serving(
    url: str | None, host: str | None, port: int | None, console: Console, *, own: bool
) -> Iterator[Place]:
    """The hub at `url`, or one that listens on `host` and `port`, beside the others of HUB_DATABASE_URL.
    Without that variable the database is of this machine, and thrown away when it is `own`. Raises HubError.
    """
    environ = dict(os.environ)
    environ.setdefault("HUB_LOG_FORMAT", "human")
    environ.setdefault("HUB_LOG_LEVEL", "error")
    somebodys = is_set(environ, "HUB_DATABASE_URL")
    if url is not None and not somebodys:
        raise SettingError(
            "--url names a hub: set HUB_DATABASE_URL and HUB_MASTER_KEYS as they are there, for the sandbox.",
            field="HUB_DATABASE_URL",
        )
    for name in _OF_THE_SERVICE:
        _unset(environ, name)
    for name, value in (("HUB_HOST", host), ("HUB_PORT", port), ("HUB_WORKERS", 1)):
        if value is not None:
            environ[name] = str(value)
    with contextlib.ExitStack() as stack:
        settings = stack.enter_context(database(environ, console, own=own))
        logs.configure(settings.log_level, settings.log_format)
        if url is not None:
            yield Place(settings, address(url), url.rstrip("/"))
            return
        if somebodys and (delay := asyncio.run(unheard(environ, settings))):
            console.print(f"[yellow]{delay}[/]")
        settings, listener = bound(environ)
        stack.callback(listener.close)
        at = Address(*listener.getsockname()[:2])
        base = base_of(at)
        # Who decides what is pruned and sent out there is somebody else, with other settings than these.
        process = spawn(environ, listener, follows=somebodys)
        stack.callback(stop, process)
        wait_ready(at, process, whole=not somebodys)
        yield Place(settings, at, base)


@contextlib.contextmanager
def database(environ: MutableMapping[str, str], console: Console, *, own: bool) -> Iterator[Settings]:
    """Settings of the database that is named, or of one on this machine, which is thrown away when it is
    `own`. Raises HubError."""
    if is_set(environ, "HUB_DATABASE_URL"):
        yield load(environ)
        return
    with start_missing(environ, say=lambda line: console.print(f"[dim]{line}[/]"), own=own):
        yield load(environ)


async def unheard(environ: MutableMapping[str, str], settings: Settings) -> str:
    """Why a hub that does not lead there hears of changes late; "" when it does not. Where nobody leads, the
    setting of Redis goes: nobody speaks there, and a hub that knows it looks more often."""
    connection = await connect(settings, Role.ADMIN)
    try:
        led: bool = await connection.fetchval(LED.text)
    finally:
        await connection.close()
    late = f"screens hear of a change up to {settings.heads_alone_seconds:g} s after its commit"
    if not led:
        _unset(environ, "HUB_REDIS_URL")
        return (
            f"No hub leads in this database: {late}, and nobody tells of orders that wait. "
            "Start the fleet to measure it as it is."
        )
    if settings.redis_url is None:
        return f"HUB_REDIS_URL is not set: {late}. Set it as the fleet has it to measure that."
    return ""


def base_of(at: Address) -> str:
    """What the addresses of screens begin with. Raises SettingError for one that nobody can open."""
    if ipaddress.ip_address(at.host).is_unspecified:
        raise SettingError(
            f"{at.host} stands for every address of this machine, and no screen can open it: give --host the "
            "one that they reach, as in --host 192.168.1.5.",
            field="host",
        )
    return f"http://[{at.host}]:{at.port}" if ":" in at.host else f"http://{at.host}:{at.port}"


def address(url: str) -> Address:
    """Of a hub. Raises InvalidInput."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    wrong = parts.path not in ("", "/") or parts.query or parts.fragment or parts.username or port == -1
    if parts.scheme not in ("http", "https") or not parts.hostname or wrong:
        raise InvalidInput(f"{url!r} is not http://HOST:PORT or https://HOST", field="url")
    secure = parts.scheme == "https"
    return Address(parts.hostname, port or (443 if secure else 80), secure)


def _unset(environ: MutableMapping[str, str], name: str) -> None:
    for one in (name, f"{name}_FILE"):
        environ.pop(one, None)
