"""`hub tenant`: what super-admins do over HTTP, by whoever has the database's credentials."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import click
import msgspec
from msgspec import UNSET

from hub.db.database import Database
from hub.db.ids import uuid7
from hub.db.pool import Role, create_pool
from hub.db.scope import Actor
from hub.environment import load
from hub.errors import InvalidInput
from hub.security.sealing import MasterKeys
from hub.security.vault import Vault
from hub.tenants.commands import Platform
from hub.tenants.model import ChangeTenant, CreateTenant, Status, Tenant
from hub.web.cursor import read_text_cursor

# What the audit calls whoever works here.
_ROLE = "operator"
_PAGE = 100
_FIELDS = {"plan": "plan_type", "rooms": "room_limit", "users": "user_limit", "storage": "storage_limit"}


async def create(slug: str, name: str, options: Mapping[str, str | int | None]) -> None:
    """Raises InvalidInput, Conflict."""
    given = {_FIELDS.get(key, key): value for key, value in options.items() if value is not None}
    try:
        new = msgspec.convert({"slug": slug, "name": name} | given, CreateTenant)
    except msgspec.ValidationError as error:
        raise InvalidInput.from_validation(str(error)) from None
    async with _platform() as (platform, actor):
        created = await platform.create(actor, new)
    click.echo(f"{created.tenant.slug}  {created.tenant.id}")


async def show(status: str | None) -> None:
    wanted = msgspec.convert(status, Status | None)
    after = ""
    async with _platform() as (platform, actor):
        while True:
            page = await platform.list(actor, after, wanted, _PAGE)
            for one in page.tenants:
                click.echo(f"{one.slug:<24}{one.state:<12}{one.plan_type:<10}{one.room_limit:>6}  {one.name}")
            if page.next is None:
                return
            after = read_text_cursor(page.next)


async def suspend(slug: str, reason: str) -> None:
    """Raises NotFound, InvalidTransition, InvalidInput."""
    async with _platform() as (platform, actor):
        _say(await platform.suspend(actor, await platform.find(actor, slug), reason))


async def resume(slug: str) -> None:
    """Raises NotFound, InvalidTransition."""
    async with _platform() as (platform, actor):
        _say(await platform.resume(actor, await platform.find(actor, slug)))


async def end(slug: str, confirm: str) -> None:
    """Raises NotFound, InvalidTransition, InvalidInput."""
    async with _platform() as (platform, actor):
        _say(await platform.end(actor, await platform.find(actor, slug), confirm))


async def limits(slug: str, rooms: int | None, users: int | None, storage: int | None) -> None:
    """Raises NotFound."""
    change = ChangeTenant(
        room_limit=UNSET if rooms is None else rooms,
        user_limit=UNSET if users is None else users,
        storage_limit=UNSET if storage is None else storage,
    )
    async with _platform() as (platform, actor):
        tenant = await platform.change(actor, await platform.find(actor, slug), change)
    used = tenant.usage
    click.echo(f"rooms    {used.rooms} of {tenant.room_limit}")
    click.echo(f"users    {used.users} of {tenant.user_limit}")
    click.echo(f"storage  {used.storage} of {tenant.storage_limit} bytes")


def _say(tenant: Tenant) -> None:
    click.echo(f"{tenant.slug} is {tenant.state.replace('_', ' ')}")


@asynccontextmanager
async def _platform() -> AsyncIterator[tuple[Platform, Actor]]:
    settings = load(os.environ)
    pool = await create_pool(settings, Role.ADMIN, 1)
    try:
        vault = Vault(MasterKeys(settings.master_keys), fresh_seconds=settings.keys_seconds)
        platform = Platform(Database(pool), vault, base_domain=settings.base_domain)
        yield platform, Actor(user_id=None, role=_ROLE, request_id=uuid7())
    finally:
        await pool.close()
