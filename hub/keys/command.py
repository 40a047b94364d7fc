"""What the commands of `hub keys` do, and what they say about it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from hub.db.database import Database
from hub.db.pool import Role, create_pool
from hub.environment import load
from hub.keys import master, rotation
from hub.keys.master import ALL_SIGNING_KEYS
from hub.keys.reencrypt import ALL_DATA_KEYS, Reencryption
from hub.security.principal import PLATFORM
from hub.security.sealing import MasterKeys, kid_of
from hub.security.vault import Vault
from hub.settings import Settings

if TYPE_CHECKING:
    import asyncpg

_CONNECTIONS = 2


class Access(Struct, frozen=True):
    """What every command works with."""

    settings: Settings
    database: Database
    master_keys: MasterKeys
    vault: Vault


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Access]:
    """Raises SettingError and Unavailable."""
    master_keys = MasterKeys(settings.master_keys)
    pool = await create_pool(settings, Role.ADMIN, _CONNECTIONS)
    try:
        vault = Vault(master_keys, fresh_seconds=settings.keys_seconds)
        yield Access(settings, Database(pool), master_keys, vault)
    finally:
        await pool.close()


async def show() -> None:
    """`hub keys list`."""
    async with opened(load(os.environ)) as access:
        table = Table(
            "for", "key", "state", "since", "master key", box=None, pad_edge=False, header_style="bold"
        )
        async with access.database.read(PLATFORM, rotation.actor()) as scope:
            for key in await scope.fetch(ALL_SIGNING_KEYS):
                since = _day(key["created_at"])
                table.add_row("tokens", key["kid"], _state(key), since, kid_of(key["wrapped"]))
        for tenant_id, slug in (await rotation.hotels(access.database, None)).items():
            async with access.database.read(tenant_id, rotation.actor()) as scope:
                for key in await scope.fetch(ALL_DATA_KEYS, tenant_id, 0.0):
                    state = "in use" if key["retired_at"] is None else "opens only"
                    what, since = f"{slug}, {key['purpose']}", _day(key["created_at"])
                    table.add_row(what, str(key["id"]), state, since, kid_of(key["wrapped"]))
        Console(highlight=False).print(table)


async def rotate() -> None:
    """`hub keys rotate`."""
    async with opened(load(os.environ)) as access:
        settings = access.settings
        kid, seconds = await rotation.rotate_signing(
            access.database,
            access.master_keys,
            look_seconds=settings.keys_seconds,
            token_seconds=settings.token_seconds,
        )
        Console(highlight=False).print(f"{kid} signs in {seconds:.0f} s; tokens of the old key stay good.")


async def rotate_data(slug: str | None) -> None:
    """`hub keys rotate --data`."""
    async with opened(load(os.environ)) as access:
        count = 0
        for tenant_id in await rotation.hotels(access.database, slug):
            count += await rotation.rotate_data(access.database, access.vault, tenant_id)
        Console(highlight=False).print(
            f"{count} hotels have new keys; the old ones open what they sealed until `hub keys reencrypt`."
        )


async def reencrypt(slug: str | None, *, forget_pins: bool) -> int:
    """`hub keys reencrypt`; 1 when rows were left that still need an old key."""
    console = Console(highlight=False)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    async with opened(load(os.environ)) as access:
        wrapped = await master.rewrap_signing(access.database, access.master_keys) if slug is None else 0
        rows = removed = 0
        left: list[str] = []
        with progress:
            for tenant_id, name in (await rotation.hotels(access.database, slug)).items():
                task = progress.add_task(name, total=None)
                work = Reencryption(
                    access.database,
                    access.vault,
                    access.master_keys,
                    access.settings.keys_seconds,
                    advance=partial(progress.advance, task),
                    waiting=partial(_waiting, console, name),
                )
                progress.update(task, total=await work.size(tenant_id))
                done = await work.hotel(tenant_id, forget_pins=forget_pins)
                progress.remove_task(task)
                rows, wrapped, removed = rows + done.rows, wrapped + done.wrapped, removed + done.removed
                left += [f"{name}, {one}" for one in done.left]
    console.print(f"{rows} rows sealed anew, {wrapped} keys wrapped anew, {removed} old keys removed")
    for one in left:
        console.print(f"[red]left as it was:[/] {one}")
    return 1 if left else 0


def _waiting(console: Console, name: str, seconds: float) -> None:
    console.print(f"{name}: {seconds:.0f} s until every process uses the new keys")


def _state(key: asyncpg.Record) -> str:
    moment = key["signs_from"] if key["state"] == "next" else key["verifies_until"]
    words = {
        "signs": "signs, verifies until",
        "next": "signs from",
        "verifies": "verifies until",
        "over": "over since",
    }
    return str(key["state"]) if moment is None else f"{words[key['state']]} {_moment(moment)}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"
