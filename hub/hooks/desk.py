"""What a manager does with the addresses that the hotel wants told."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from hub.db.ids import uuid7
from hub.errors import Conflict, NotFound
from hub.hooks import store
from hub.hooks.addresses import checked_url
from hub.hooks.model import DESCRIPTION_LENGTH, MOST_WEBHOOKS, Webhook, Webhooks
from hub.hooks.signing import new_secret
from hub.hooks.store import Kept
from hub.log.event import rfc3339
from hub.security.words import plain_text

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.scope import Scope
    from hub.hooks.model import ChangeWebhook, Delivery, NewWebhook
    from hub.security.principal import Principal
    from hub.security.vault import Vault

T = TypeVar("T")
_SHOWN = 20


class HookDesk:
    """`private` lets addresses in that are not of the public internet."""

    def __init__(self, database: Database, vault: Vault, *, private: bool) -> None:
        self._database = database
        self._vault = vault
        self._private = private

    async def every(self, principal: Principal) -> Webhooks:
        async with self._database.read(principal.tenant_id, principal.actor()) as scope:
            return Webhooks(await store.webhooks(scope))

    async def add(self, principal: Principal, new: NewWebhook) -> tuple[Webhook, str]:
        """The address and its secret, which nobody is told again. Raises InvalidInput, and Conflict when the
        hotel has enough."""
        one = Kept(
            uuid7(),
            checked_url(new.url, private=self._private),
            sorted(set(new.events)),
            _described(new.description),
            new.is_active,
        )
        secret = new_secret()

        async def work(scope: Scope) -> Webhook:
            if len(await store.lock(scope)) >= MOST_WEBHOOKS:
                raise Conflict(f"A hotel has at most {MOST_WEBHOOKS} addresses; delete one first.")
            sealed = await self._vault.seal(scope, "webhooks", "secret_encrypted", one.id, secret)
            await store.add(scope, one, sealed)
            return await _shown(scope, one.id)

        shown = await self._database.transaction(
            principal.tenant_id, principal.actor(), work, idempotent=False
        )
        return shown, secret

    async def change(self, principal: Principal, webhook_id: UUID, wish: ChangeWebhook) -> Webhook:
        """One that is no longer active gets nothing of what was still on its way. Raises NotFound,
        InvalidInput."""
        url = UNSET if wish.url is UNSET else checked_url(wish.url, private=self._private)
        events = UNSET if wish.events is UNSET else sorted(set(wish.events))
        description = UNSET if wish.description is UNSET else _described(wish.description)

        async def work(scope: Scope) -> Webhook:
            was = await _locked(scope, webhook_id)
            one = Kept(
                webhook_id,
                _either(url, was.url),
                _either(events, was.events),
                _either(description, was.description),
                _either(wish.is_active, was.is_active),
            )
            await store.change(scope, one)
            return await _shown(scope, webhook_id)

        return await self._database.transaction(principal.tenant_id, principal.actor(), work, idempotent=True)

    async def delete(self, principal: Principal, webhook_id: UUID) -> None:
        """Raises NotFound."""

        async def work(scope: Scope) -> None:
            await _locked(scope, webhook_id)
            await store.delete(scope, webhook_id)

        await self._database.transaction(principal.tenant_id, principal.actor(), work, idempotent=False)

    async def test(self, principal: Principal, webhook_id: UUID) -> Delivery:
        """Something goes to the address as an alert would. Raises NotFound, and Conflict for one that is not
        active or has a test on its way."""
        delivery_id = uuid7()

        async def work(scope: Scope) -> Delivery:
            if not (await _locked(scope, webhook_id)).is_active:
                raise Conflict("This address is switched off; switch it on first.")
            told = {"webhook_id": webhook_id, "step": "test"}
            payload = {"type": "webhook.test", "timestamp": rfc3339(scope.now), "data": told}
            if not await store.add_test(scope, delivery_id, webhook_id, msgspec.json.encode(payload)):
                raise Conflict("A test is still on its way to this address; wait for its end.")
            found = await store.deliveries(scope, webhook_id, 1)
            return found[0]

        return await self._database.transaction(
            principal.tenant_id, principal.actor(), work, idempotent=False
        )

    async def deliveries(self, principal: Principal, webhook_id: UUID) -> list[Delivery]:
        """The latest, newest first. Raises NotFound."""
        async with self._database.read(principal.tenant_id, principal.actor()) as scope:
            await _shown(scope, webhook_id)
            return await store.deliveries(scope, webhook_id, _SHOWN)


async def _locked(scope: Scope, webhook_id: UUID) -> Kept:
    for one in await store.lock(scope):
        if one.id == webhook_id:
            return one
    raise _no_webhook()


async def _shown(scope: Scope, webhook_id: UUID) -> Webhook:
    for one in await store.webhooks(scope):
        if one.id == webhook_id:
            return one
    raise _no_webhook()


def _no_webhook() -> NotFound:
    return NotFound("There is no such address.", field="webhook_id")


def _described(text: str | None) -> str | None:
    return plain_text(text, "description", DESCRIPTION_LENGTH, empty=True) or None if text else None


def _either(wished: T | UnsetType, was: T) -> T:
    return was if isinstance(wished, UnsetType) else wished
