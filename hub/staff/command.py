"""What the commands of `hub staff` do, as hub_admin in the scope of one hotel."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from hub.db.database import Database
from hub.db.ids import uuid7
from hub.db.pool import Role, create_pool
from hub.db.scope import Actor, Scope
from hub.environment import load
from hub.errors import NotFound
from hub.security.passwords import Passwords, check_new
from hub.security.permissions import StaffRole
from hub.security.principal import PLATFORM
from hub.security.sealing import MasterKeys
from hub.security.vault import Vault
from hub.security.words import canonical_email, plain_text
from hub.settings import Settings
from hub.staff import store
from hub.staff.account import set_password
from hub.staff.model import check_role
from hub.staff.people import sealed_email

if TYPE_CHECKING:
    from hub.staff.model import Account


class Access(Struct, frozen=True):
    """What every command works with."""

    database: Database
    vault: Vault
    passwords: Passwords


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Access]:
    """Raises SettingError and Unavailable."""
    passwords = Passwords(processes=1, waiting=1, rounds=settings.bcrypt_rounds)
    pool = await create_pool(settings, Role.ADMIN, 1)
    try:
        vault = Vault(MasterKeys(settings.master_keys), fresh_seconds=settings.keys_seconds)
        yield Access(Database(pool), vault, passwords)
    finally:
        await passwords.aclose()
        await pool.close()


async def create(slug: str, email: str, name: str, role: str, password: str) -> None:
    """`hub staff create`: an account whose address counts as proven."""
    async with opened(load(os.environ)) as access:
        tenant_id = await _hotel(access, slug)
        await add(access, tenant_id, email, name, msgspec.convert(role, StaffRole), password)


async def add(access: Access, tenant_id: UUID, email: str, name: str, role: StaffRole, password: str) -> None:
    """Raises InvalidInput, Conflict for an address that is somebody's already, LimitReached."""
    email, name = canonical_email(email), plain_text(name, "name", 200)
    check_role(role, platform=tenant_id == PLATFORM)
    hashed = await access.passwords.hash(check_new(password, email=email, name=name))
    staff_id = uuid7()

    async def work(scope: Scope) -> None:
        sealed = await sealed_email(access.vault, scope, staff_id, email)
        await store.add_person(scope, staff_id, sealed, hashed, name=name, role=role, proven=True)

    await access.database.transaction(tenant_id, _operator(), work, idempotent=False)


async def show(slug: str) -> None:
    """`hub staff list`."""
    async with opened(load(os.environ)) as access:
        tenant_id = await _hotel(access, slug)
        table = Table("address", "name", "role", "state", box=None, pad_edge=False, header_style="bold")
        async with access.database.read(tenant_id, _operator()) as scope:
            for row in await store.people(scope):
                email = await access.vault.shown(scope, "staff", "email_encrypted", row.id, row.email)
                locked = row.locked_until is not None and row.locked_until > scope.now
                table.add_row(email or "(cannot be opened)", row.name, row.role, _state(row, locked=locked))
        Console(highlight=False).print(table)


async def unlock(slug: str, email: str) -> None:
    """`hub staff unlock`."""
    async with opened(load(os.environ)) as access:
        tenant_id = await _hotel(access, slug)

        async def work(scope: Scope) -> None:
            account = await _account(access, scope, email)
            await scope.execute(store.UNLOCK, tenant_id, account.id)

        await access.database.transaction(tenant_id, _operator(), work, idempotent=True)


async def reset_password(slug: str, email: str, password: str, *, second_factor: bool) -> None:
    """`hub staff reset-password`."""
    async with opened(load(os.environ)) as access:
        await set_new(access, await _hotel(access, slug), email, password, second_factor=second_factor)


async def set_new(
    access: Access, tenant_id: UUID, email: str, password: str, *, second_factor: bool = False
) -> None:
    """Another password; every sign-in ends. With `second_factor`, that goes too. Raises InvalidInput, and
    NotFound for an unknown address."""
    hashed = await access.passwords.hash(check_new(password, email=canonical_email(email), name=""))

    async def work(scope: Scope) -> None:
        account = await _account(access, scope, email)
        await set_password(scope, account.id, hashed, proven=True)
        await store.end_sessions(scope, account.id, "password_changed")
        if second_factor:
            await scope.execute(store.END_TOTP, tenant_id, account.id)

    await access.database.transaction(tenant_id, _operator(), work, idempotent=True)


async def _hotel(access: Access, slug: str) -> UUID:
    async with access.database.read(PLATFORM, _operator()) as scope:
        found = await scope.fetchval(store.HOTEL_BY_SLUG, slug)
    if not isinstance(found, UUID):
        raise NotFound(f"There is no hotel {slug[:64]!r}.", field="hotel")
    return found


async def _account(access: Access, scope: Scope, email: str) -> Account:
    indexes = await access.vault.indexes(scope, "staff.email", canonical_email(email))
    account = await store.account_by_email(scope, indexes)
    if account is None:
        raise NotFound("Nobody of this hotel has this e-mail address.", field="email")
    return account


def _state(row: store.Row, *, locked: bool) -> str:
    if not row.is_active:
        return "dismissed"
    if not row.email_verified:
        return "invited, or the address is not proven"
    return "locked for a while" if locked else ""


def _operator() -> Actor:
    return Actor(user_id=None, role="operator", request_id=uuid7())
