"""The hub that is measured: one of the bench's own with servers of its own, or one elsewhere."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import ipaddress
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from bench.client import Address
from bench.hotels import devices, furnish, read_tokens
from bench.machine import pinned
from bench.plan import Device
from hub.db.migrate import create_database, migrate
from hub.embedded import throw_away
from hub.errors import InvalidInput, SettingError, Unavailable
from hub.serve import bind, spawn
from hub.settings import is_set, load

_DATABASE: Final = "hub_bench"
_TOKEN_SECONDS: Final = 86_400  # of the bench's own hub: no run lasts longer
_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 30.0
# Where another hub's data are named, the bench's own must not be put quietly in their place.
_FOREIGN: Final = ("HUB_DATABASE_URL", "HUB_REDIS_URL", "HUB_MASTER_KEYS")


class Target(Struct, frozen=True):
    """Where the hub is and who may come in. `roots` are the ids of its server processes, by name, where they
    run here. `one_clock` says that its database reads the same clock as the clients."""

    address: Address
    devices: list[Device]
    servers: list[str]
    roots: dict[str, int]
    one_clock: bool


@contextlib.contextmanager
def own(
    *, hotels: int, rooms: int, workers: int, cores: tuple[int, ...] | None, say: Callable[[str], None]
) -> Iterator[Target]:
    """Start PostgreSQL (with fsync), Redis and a hub, with hotels in it; they go with the block.

    Settings of the hub in the environment count. Raises SettingError and Unavailable.
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
        environ = {
            "HUB_LOG_FORMAT": "human",
            "HUB_LOG_LEVEL": "error",
            "HUB_DRAIN_SECONDS": "2",
            **os.environ,
            "HUB_DATABASE_URL": servers.database_url(_DATABASE),
            "HUB_REDIS_URL": servers.redis_url,
            "HUB_MASTER_KEYS": f"bench:{key}",
            "HUB_WORKERS": str(workers),
            "HUB_HOST": "127.0.0.1",
            "HUB_PORT": "0",
        }
        settings = load(environ)
        asyncio.run(create_database(servers.database_url("postgres"), _DATABASE))
        asyncio.run(migrate(settings))
        say(f"making {hotels} hotels")
        lines = asyncio.run(furnish(settings, hotels, rooms, _TOKEN_SECONDS))
        listener = bind(settings)
        stack.callback(listener.close)
        say("starting the hub")
        with pinned(cores):
            server = spawn(environ, listener)
        stack.callback(_stop, server)
        address = Address(*listener.getsockname()[:2])
        _wait_ready(address, server)
        yield Target(
            address=address,
            devices=devices(lines),
            servers=servers.describe(),
            roots={"hub": server.pid, "PostgreSQL": servers.postgres.pid, "Redis": servers.redis.pid},
            one_clock=True,
        )


def elsewhere(url: str, token_file: Path) -> Target:
    """A hub that runs already. Raises InvalidInput and SettingError."""
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
    found = devices(read_tokens(token_file))
    return Target(address, found, [], {}, is_loopback(parts.hostname))


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _wait_ready(address: Address, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise Unavailable(f"the hub ended at its start with code {server.returncode}")
        connection = http.client.HTTPConnection(address.host, address.port, timeout=5)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            if response.status == http.HTTPStatus.OK and b'"degraded"' not in response.read():
                return
        time.sleep(0.05)
    raise Unavailable(f"the hub is not ready after {_START_SECONDS:.0f} s")


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
