"""What a laptop lacks: PostgreSQL, Redis, a database, a master key. A URL that is set always wins."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import secrets
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hub.db.migrate import AnotherVersion, create_database, drop_database, migrate
from hub.embedded import start, throw_away
from hub.embedded.account import server_account
from hub.embedded.home import default_home, make_home
from hub.environment import TO_MIGRATE, is_set, load
from hub.errors import SettingError
from hub.web.listener import bind

if TYPE_CHECKING:
    import socket

    from hub.embedded import Servers
    from hub.settings import Settings

_DATABASE: Final = "hub_demo"


@contextlib.contextmanager
def start_missing(
    environ: MutableMapping[str, str], *, say: Callable[[str], None], own: bool = False, fresh: bool = False
) -> Iterator[None]:
    """Start PostgreSQL, and Redis beside it, unless HUB_DATABASE_URL is set; put the URLs and a master key
    into `environ`, and migrate.

    `own` starts servers for this process alone, with a directory that goes with it. `fresh` drops the
    embedded database first. Raises SettingError, also when either is asked for a database of the user's own,
    and Unavailable.
    """
    if (own or fresh) and is_set(environ, "HUB_DATABASE_URL"):
        raise SettingError(
            f"--{'fresh' if fresh else 'check'} uses servers of the demo's own; unset HUB_DATABASE_URL.",
            field="HUB_DATABASE_URL",
        )
    with contextlib.ExitStack() as stack:
        servers: Servers | None = None
        need_redis = not is_set(environ, "HUB_REDIS_URL")
        if not is_set(environ, "HUB_DATABASE_URL"):
            servers = stack.enter_context(throw_away() if own else start(redis=need_redis))
            environ["HUB_DATABASE_URL"] = servers.database_url(_DATABASE)
            if need_redis:
                environ["HUB_REDIS_URL"] = servers.redis_url
            for line in servers.describe():
                say(line)
            maintenance = servers.database_url("postgres")
            if fresh:
                asyncio.run(drop_database(maintenance, _DATABASE))
            asyncio.run(create_database(maintenance, _DATABASE))
        if not is_set(environ, "HUB_MASTER_KEYS"):
            environ["HUB_MASTER_KEYS"] = _new_key() if own else _kept_key()
        try:
            asyncio.run(migrate(load(environ, TO_MIGRATE)))
        except AnotherVersion as error:
            if servers is None:
                raise
            raise AnotherVersion(
                f"{error.message} Another version of the hub has made it; "
                "`hub demo --fresh` deletes it and starts over."
            ) from error
        yield


def bound(environ: MutableMapping[str, str]) -> tuple[Settings, socket.socket]:
    """The settings and a listener for them: where nobody has named a port and 8080 is somebody else's, any
    free one. Raises SettingError."""
    settings = load(environ)
    try:
        return settings, bind(settings)
    except SettingError:
        if is_set(environ, "HUB_PORT"):
            raise
        environ["HUB_PORT"] = "0"
        settings = load(environ)
        return settings, bind(settings)


def _new_key() -> str:
    return f"demo:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def _kept_key() -> str:
    """The key of this home: without it, nobody could read what is sealed in its database."""
    home = default_home()
    make_home(home, server_account())
    path = home / "master.key"
    candidate = path.with_name(f"master.key.{os.getpid()}")
    if not path.exists():
        _write_private(candidate, _new_key())
        with contextlib.suppress(FileExistsError):
            os.link(candidate, path)  # the first one wins
        candidate.unlink()
    return path.read_text("ascii")


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
