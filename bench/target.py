"""The hub that is measured: one of the bench's own with servers of its own, or one elsewhere."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import asyncpg
from msgspec import Struct

from bench.hotels import Hotels, Line, devices, furnish, read_tokens
from bench.machine import pinned
from bench.processes import tree
from hub.db.migrate import create_database, migrate
from hub.drive.client import Address
from hub.drive.process import stop, wait_ready
from hub.drive.seats import Device
from hub.embedded import throw_away
from hub.environment import is_set, load
from hub.errors import InvalidInput, SettingError
from hub.web.listener import bind
from hub.workers import spawn

if TYPE_CHECKING:
    from hub.settings import Settings

_DATABASE: Final = "hub_bench"
_TOKEN_SECONDS: Final = 86_400  # of the bench's own hub: no run lasts longer
_MANY_ROOMS: Final = 500
# Where another hub's data are named, the bench's own must not be put quietly in their place.
_FOREIGN: Final = ("HUB_DATABASE_URL", "HUB_REDIS_URL", "HUB_MASTER_KEYS")


class Target(Struct, frozen=True):
    """Where the hub is and who may come in. `roots` are the ids of its server processes, by name, where they
    run here. `one_clock` says that its database reads the same clock as the clients. Of the bench's own hub:
    its settings, and what kills it with all its processes and starts it again on the same port."""

    address: Address
    devices: list[Device]
    servers: list[str]
    roots: dict[str, int]
    one_clock: bool
    settings: Settings | None = None
    restart: Callable[[], None] | None = None


class _Hub:
    """The bench's own hub process; `roots` follows it through restarts."""

    def __init__(
        self, environ: Mapping[str, str], listener: socket.socket, cores: tuple[int, ...] | None
    ) -> None:
        self.roots: dict[str, int] = {}
        self._environ = environ
        self._listener = listener
        self._cores = cores
        self._process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with pinned(self._cores):
            process = spawn(self._environ, self._listener)
        self.roots["hub"] = process.pid
        return process

    def wait_ready(self) -> None:
        wait_ready(Address(*self._listener.getsockname()[:2]), self._process)

    def restart(self) -> None:
        """kill -9 for every process, and a new start at once; does not wait until it is ready."""
        for pid in reversed(tree(self._process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._process = self._spawn()

    def stop(self) -> None:
        stop(self._process)


@contextlib.contextmanager
def own(
    *,
    hotels: int,
    rooms: int,
    workers: int,
    cores: tuple[int, ...] | None,
    say: Callable[[str], None],
    screens: int = 1,
    others: Hotels | None = None,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Target]:
    """Start PostgreSQL (with fsync), Redis and a hub, with hotels in it (`others` come behind them); they go
    with the block.

    Settings of the hub in the environment count, more than those in `environ`. Raises SettingError and
    Unavailable.
    """
    if named := [name for name in _FOREIGN if is_set(os.environ, name)]:
        raise SettingError(
            f"{' and '.join(named)} set, but the bench starts servers of its own: unset, or run the hub "
            "yourself, make hotels with `bench hotels` and name it with --url and --token-file.",
            field=named[0],
        )
    with contextlib.ExitStack() as stack:
        say("starting PostgreSQL and Redis, with fsync")
        servers = stack.enter_context(throw_away(durable=True))
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        settings_of_hub = {
            "HUB_LOG_FORMAT": "human",
            "HUB_LOG_LEVEL": "error",
            "HUB_DRAIN_SECONDS": "2",
            **(environ or {}),
            **os.environ,
            "HUB_DATABASE_URL": servers.database_url(_DATABASE),
            "HUB_REDIS_URL": servers.redis_url,
            "HUB_MASTER_KEYS": f"bench:{key}",
            "HUB_WORKERS": str(workers),
            "HUB_HOST": "127.0.0.1",
            "HUB_PORT": "0",
        }
        settings = load(settings_of_hub)
        asyncio.run(create_database(servers.database_url("postgres"), _DATABASE))
        asyncio.run(migrate(settings))
        lines = []
        for kind in (Hotels(hotels, rooms, screens), *([others] if others else [])):
            say(f"making {kind.count} hotels with {kind.devices} devices")
            lines += asyncio.run(_furnish(settings, servers.database_url(_DATABASE), kind))
        asyncio.run(_analyze(servers.database_url(_DATABASE)))
        listener = bind(settings)
        stack.callback(listener.close)
        say("starting the hub")
        hub = _Hub(settings_of_hub, listener, cores)
        stack.callback(hub.stop)
        hub.wait_ready()
        hub.roots |= {"PostgreSQL": servers.postgres.pid, "Redis": servers.redis.pid}
        yield Target(
            address=Address(*listener.getsockname()[:2]),
            devices=devices(lines),
            servers=servers.describe(),
            roots=hub.roots,
            one_clock=True,
            settings=settings,
            restart=hub.restart,
        )


async def _analyze(superuser_url: str) -> None:
    """What autovacuum has done long ago in any database that is in use."""
    connection = await asyncpg.connect(superuser_url)
    try:
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def _furnish(settings: Settings, superuser_url: str, kind: Hotels) -> list[Line]:
    """Without the trigger that counts the rooms of the plan for each new one: of thousands, too often."""
    if kind.rooms > _MANY_ROOMS:
        connection = await asyncpg.connect(superuser_url)
        try:
            await connection.execute("ALTER TABLE app.device_rooms DISABLE TRIGGER room_limit")
        finally:
            await connection.close()
    return await furnish(settings, kind.count, kind.rooms, _TOKEN_SECONDS, kind.screens)


def elsewhere(url: str, token_file: Path, *, needs_both: bool = True) -> Target:
    """A hub that runs already; its hotels need tablets and kitchens where orders are placed (`needs_both`).
    Raises InvalidInput and SettingError."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname or port == -1:
        raise InvalidInput(f"{url!r} is not http://HOST:PORT or https://HOST:PORT", field="url")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
        raise InvalidInput(f"{url!r}: only scheme, host and port belong there", field="url")
    secure = parts.scheme in ("https", "wss")
    address = Address(parts.hostname, port or (443 if secure else 80), secure)
    found = devices(read_tokens(token_file), needs_both=needs_both)
    return Target(address, found, [], {}, is_loopback(parts.hostname))


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
