"""Managers and their people: invited, changed, dismissed. A manager never learns anybody's password."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from msgspec import UNSET

from hub.db.ids import uuid7
from hub.errors import Conflict, NotFound
from hub.security.credentials import new_secret
from hub.security.principal import PLATFORM
from hub.security.words import canonical_email, plain_text
from hub.staff import store
from hub.staff.documents import NewPerson, People, Person, PersonChange, PersonReply
from hub.staff.model import Change, check_change, check_grant, check_role, leaves_top, top_role

if TYPE_CHECKING:
    from hub.db.scope import Scope
    from hub.security.principal import Principal
    from hub.security.vault import Vault
    from hub.staff.mail import Letter
    from hub.staff.model import Account
    from hub.staff.office import Office

_LONGEST_NAME = 200
# Called in the transaction that makes the hotel, in its scope; what it returns posts the letter after the
# commit, and is None where none can be sent.
Hire: TypeAlias = Callable[["Scope"], Awaitable[Callable[[], None] | None]]


class Team:
    """The people of the hotel that a principal works for; the super-admins are those of the platform."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def list(self, principal: Principal) -> People:
        async with self._office.database.read(principal.tenant_id, principal.actor()) as scope:
            return People([await self._shown(scope, row) for row in await store.people(scope)])

    async def get(self, principal: Principal, staff_id: UUID) -> Person:
        """Raises NotFound."""
        async with self._office.database.read(principal.tenant_id, principal.actor()) as scope:
            return await self._person(scope, staff_id)

    async def invite(self, principal: Principal, new: NewPerson, base: str | None) -> PersonReply:
        """A new person, who gets a letter to choose a password. Raises InvalidInput, LimitReached, and
        Conflict when the address is somebody's already."""
        office = self._office
        name = plain_text(new.name, "name", _LONGEST_NAME)
        email = canonical_email(new.email)
        check_role(new.role, platform=principal.tenant_id == PLATFORM)
        check_grant(frozenset(new.permissions))
        # A password that nobody knows.
        hashed = await office.passwords.hash(new_secret())
        staff_id = uuid7()

        async def work(scope: Scope) -> tuple[Person, Letter | None]:
            sealed = await sealed_email(office.vault, scope, staff_id, email)
            extra = sorted(set(new.permissions))
            await store.add_person(
                scope, staff_id, sealed, hashed, name=name, role=new.role, permissions=extra
            )
            letter = await self._invitation(scope, staff_id, name=name, email=email, base=base)
            return await self._person(scope, staff_id), letter

        person, letter = await office.database.transaction(
            principal.tenant_id, principal.actor(), work, idempotent=False
        )
        return self._sent(person, letter)

    async def first_manager(self, email: str, name: str, base: str | None) -> Hire:
        """The first manager of a hotel that is about to be made; both texts are in their one form."""
        office = self._office
        hashed = await office.passwords.hash(new_secret())
        staff_id = uuid7()

        async def hire(scope: Scope) -> Callable[[], None] | None:
            sealed = await sealed_email(office.vault, scope, staff_id, email)
            await store.add_person(scope, staff_id, sealed, hashed, name=name, role="manager")
            letter = await self._invitation(scope, staff_id, name=name, email=email, base=base)
            return None if letter is None else partial(office.post, letter)

        return hire

    async def _invitation(
        self, scope: Scope, staff_id: UUID, *, name: str, email: str, base: str | None
    ) -> Letter | None:
        if base is None or not self._office.can_write(base):
            return None
        return await self._office.add_code(
            scope, staff_id, kind="invitation", name=name, email=email, base=base
        )

    async def change(
        self, principal: Principal, staff_id: UUID, asked: PersonChange, base: str | None
    ) -> PersonReply:
        """What takes permissions away counts at once. Raises NotFound, InvalidInput, Forbidden for what
        nobody does to oneself, Conflict for the last manager or a taken address, LimitReached."""
        office = self._office
        name = UNSET if asked.name is UNSET else plain_text(asked.name, "name", _LONGEST_NAME)
        email = UNSET if asked.email is UNSET else canonical_email(asked.email)
        permissions = UNSET if asked.permissions is UNSET else frozenset(asked.permissions)
        change = Change(asked.role, permissions, asked.is_active, email, asked.reset_second_factor)

        async def work(scope: Scope) -> tuple[Person, Letter | None]:
            account = await self._target(scope, principal, staff_id, change)
            await scope.execute(
                store.CHANGE_PERSON,
                scope.tenant_id,
                staff_id,
                account.name if name is UNSET else name,
                account.role if change.role is UNSET else change.role,
                sorted(account.permissions if change.permissions is UNSET else change.permissions),
                account.is_active if change.is_active is UNSET else change.is_active,
            )
            if change.is_active is False:
                await _dismiss(scope, staff_id)
            if change.reset_second_factor:
                await scope.execute(store.END_TOTP, scope.tenant_id, staff_id)
                await store.end_sessions(scope, staff_id, "revoked")
            letter = None
            if email is not UNSET:
                sealed = await sealed_email(office.vault, scope, staff_id, email)
                await store.change_email(scope, staff_id, sealed)
                await scope.execute(store.VOID_CODES, scope.tenant_id, staff_id, scope.now)
                if base is not None and office.can_write(base):
                    called = account.name if name is UNSET else name
                    letter = await office.add_code(
                        scope, staff_id, kind="verify", name=called, email=email, base=base
                    )
            return await self._person(scope, staff_id), letter

        person, letter = await office.database.transaction(
            principal.tenant_id, principal.actor(), work, idempotent=False
        )
        return self._sent(person, letter)

    async def remove(self, principal: Principal, staff_id: UUID) -> None:
        """The person is gone; what he did stays in the audit. Raises NotFound, and Conflict for the last
        manager."""

        async def work(scope: Scope) -> None:
            await self._target(scope, principal, staff_id, Change(is_active=False))
            await scope.execute(store.REMOVE_PERSON, scope.tenant_id, staff_id, scope.now)
            await _dismiss(scope, staff_id)

        await self._office.database.transaction(
            principal.tenant_id, principal.actor(), work, idempotent=False
        )

    async def _target(self, scope: Scope, principal: Principal, staff_id: UUID, change: Change) -> Account:
        """The account, locked, when it may be changed so."""
        platform = principal.tenant_id == PLATFORM
        # Locked before the person, in one order: two managers who dismiss each other take turns here.
        managers = await store.managers(scope, top_role(platform))
        account = await store.lock_account(scope, staff_id)
        if account is None:
            raise NotFound("There is no such person.", field="staff_id")
        check_change(change, account, own=staff_id == principal.id, platform=platform)
        if leaves_top(change, account, platform=platform) and managers == {staff_id}:
            called = top_role(platform).replace("_", " ")
            raise Conflict(f"This is the last {called}; make somebody else one first.")
        return account

    async def _person(self, scope: Scope, staff_id: UUID) -> Person:
        row = await store.person(scope, staff_id)
        if row is None:
            raise NotFound("There is no such person.", field="staff_id")
        return await self._shown(scope, row)

    async def _shown(self, scope: Scope, row: store.Row) -> Person:
        locked = row.locked_until if row.locked_until and row.locked_until > scope.now else None
        return Person(
            id=row.id,
            name=row.name,
            email=await self._office.vault.shown(scope, "staff", "email_encrypted", row.id, row.email),
            role=row.role,
            permissions=row.permissions,
            is_active=row.is_active,
            email_verified=row.email_verified,
            second_factor=row.totp_enabled,
            has_pin=row.has_pin,
            locked_until=locked,
            last_login_at=row.last_login_at,
            created_at=row.created_at,
        )

    def _sent(self, person: Person, letter: Letter | None) -> PersonReply:
        if letter is not None:
            self._office.post(letter)
        return PersonReply(person, letter is not None)


async def _dismiss(scope: Scope, staff_id: UUID) -> None:
    await store.end_sessions(scope, staff_id, "dismissed")
    await scope.execute(store.VOID_CODES, scope.tenant_id, staff_id, scope.now)


async def sealed_email(vault: Vault, scope: Scope, staff_id: UUID, email: str) -> store.Email:
    """An address as it is stored. Raises Conflict when somebody else has the address."""
    # While indexes are made anew, the unique one alone would let an address in twice.
    found = await store.account_by_email(scope, await vault.indexes(scope, "staff.email", email))
    if found is not None and found.id != staff_id:
        raise store.email_taken()
    index = await vault.index(scope, "staff.email", email)
    return index, await vault.seal(scope, "staff", "email_encrypted", staff_id, email)
