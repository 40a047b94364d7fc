"""What super-admins do with hotels: transactions of the platform, as hub_admin."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias, TypeVar
from uuid import UUID

from hub.db.ids import uuid7
from hub.errors import InvalidInput, NotFound
from hub.security.principal import PLATFORM
from hub.security.words import plain_text
from hub.tenants import store
from hub.tenants.model import (
    NAME_LENGTH,
    ChangeTenant,
    CreatedTenant,
    CreateTenant,
    Status,
    Tenant,
    Tenants,
    Terms,
    address,
    agreed,
    check_slug,
    contact,
    step,
)
from hub.web.cursor import text_cursor

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.scope import Actor, Scope
    from hub.security.vault import Vault
    from hub.tenants.store import Locked

T = TypeVar("T")
# Called in the scope of the new hotel; what it returns posts the letter after the commit, if there is one.
Hire: TypeAlias = Callable[["Scope"], Awaitable[Callable[[], None] | None]]
# Prepares the first manager of a hotel: e-mail address and name.
Invite: TypeAlias = Callable[[str, str], Awaitable[Hire]]


class Platform:
    """`database` works as hub_admin. Without `invite` no first manager can be asked for."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        base_domain: str | None = None,
        invite: Invite | None = None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._base_domain = base_domain
        self._invite = invite

    async def list(self, actor: Actor, after: str, status: Status | None, limit: int) -> Tenants:
        async with self._database.read(PLATFORM, actor) as scope:
            # one more than asked for tells whether there is a next page
            found = await store.tenants(scope, after, status, limit + 1)
        page = found[:limit]
        return Tenants(page, text_cursor(page[-1].slug) if len(found) > limit else None)

    async def read(self, actor: Actor, tenant_id: UUID) -> Tenant:
        """Raises NotFound."""
        async with self._database.read(PLATFORM, actor) as scope:
            return await self._tenant(scope, tenant_id)

    async def find(self, actor: Actor, slug: str) -> UUID:
        """The hotel of a slug. Raises NotFound."""
        async with self._database.read(PLATFORM, actor) as scope:
            tenant_id = await store.id_of_slug(scope, slug)
        if tenant_id is None:
            raise _missing()
        return tenant_id

    async def create(self, actor: Actor, new: CreateTenant) -> CreatedTenant:
        """Raises InvalidInput, and Conflict for a slug or a domain that another hotel has."""
        slug = check_slug(new.slug)
        terms = agreed(Terms(name=new.name), new, self._base_domain)
        email, phone = contact(new)
        hire = None
        if new.manager is not None:
            if self._invite is None:
                raise InvalidInput("No manager can be made from here.", field="manager")
            name = plain_text(new.manager.name, "manager.name", NAME_LENGTH)
            hire = await self._invite(address(new.manager.email, "manager.email"), name)
        tenant_id = uuid7()

        async def work(scope: Scope) -> tuple[Tenant, Callable[[], None] | None]:
            await store.insert(scope, tenant_id, slug, terms)
            await store.save_contact(scope, self._vault, tenant_id, email, phone)
            post = None if hire is None else await hire(scope.of(tenant_id))
            return await self._tenant(scope, tenant_id), post

        tenant, post = await self._database.transaction(PLATFORM, actor, work, idempotent=False)
        if post is not None:
            post()
        return CreatedTenant(tenant, letter_sent=post is not None)

    async def change(self, actor: Actor, tenant_id: UUID, change: ChangeTenant) -> Tenant:
        """Raises NotFound, InvalidInput, and Conflict for a domain that another hotel has."""
        email, phone = contact(change)

        async def work(scope: Scope, locked: Locked) -> None:
            terms = agreed(locked.terms, change, self._base_domain)
            if terms != locked.terms:
                await store.save(scope, tenant_id, terms)
            await store.save_contact(scope, self._vault, tenant_id, email, phone)

        return await self._on(actor, tenant_id, work)

    async def suspend(self, actor: Actor, tenant_id: UUID, reason: str) -> Tenant:
        """Close a hotel for a while: its screens and people are told why. Raises NotFound, InvalidInput,
        InvalidTransition."""
        return await self._set(actor, tenant_id, "suspended", plain_text(reason, "reason", NAME_LENGTH))

    async def resume(self, actor: Actor, tenant_id: UUID) -> Tenant:
        """Open a suspended hotel again. Raises NotFound, InvalidTransition."""
        return await self._set(actor, tenant_id, "active", None)

    async def end(self, actor: Actor, tenant_id: UUID, confirm_slug: str) -> Tenant:
        """Close a hotel for good; its data stay. Raises NotFound, InvalidTransition, and InvalidInput when
        the slug is not its own."""
        return await self._set(actor, tenant_id, "ended", None, confirm_slug=confirm_slug)

    async def _set(
        self,
        actor: Actor,
        tenant_id: UUID,
        to: Status,
        reason: str | None,
        *,
        confirm_slug: str | None = None,
    ) -> Tenant:
        async def work(scope: Scope, locked: Locked) -> None:
            if confirm_slug is not None and confirm_slug != locked.slug:
                raise InvalidInput("This is not the slug of the hotel that would end.", field="confirm_slug")
            step(locked.status, to)
            await store.set_status(scope, tenant_id, to, reason)

        return await self._on(actor, tenant_id, work)

    async def _on(
        self, actor: Actor, tenant_id: UUID, change: Callable[[Scope, Locked], Awaitable[None]]
    ) -> Tenant:
        async def work(scope: Scope) -> Tenant:
            locked = await store.lock(scope, tenant_id)
            if locked is None:
                raise _missing()
            await change(scope, locked)
            return await self._tenant(scope, tenant_id)

        return await self._database.transaction(PLATFORM, actor, work, idempotent=False)

    async def _tenant(self, scope: Scope, tenant_id: UUID) -> Tenant:
        tenant = await store.tenant(scope, self._vault, tenant_id)
        if tenant is None:
            raise _missing()
        return tenant


def _missing() -> NotFound:
    return NotFound("There is no such hotel.", field="tenant_id")
