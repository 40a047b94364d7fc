"""Addresses and deliveries in the database of their hotel."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from msgspec import Struct

from hub.db.queries import load
from hub.hooks.model import Attempt, Delivery, Event, Webhook

if TYPE_CHECKING:
    import asyncpg

    from hub.db.scope import Scope
    from hub.hooks.client import Answer

_queries = load("hooks")
WEBHOOKS: Final = _queries["webhooks"]
LOCK_WEBHOOKS: Final = _queries["lock_webhooks"]
LOCK_HOTEL: Final = _queries["lock_hotel"]
ADD_WEBHOOK: Final = _queries["add_webhook"]
CHANGE_WEBHOOK: Final = _queries["change_webhook"]
DELETE_WEBHOOK: Final = _queries["delete_webhook"]
DROP_WAITING: Final = _queries["drop_waiting"]
ADD_TEST: Final = _queries["add_test"]
DELIVERIES: Final = _queries["deliveries"]
ADDRESSEE: Final = _queries["addressee"]
READER: Final = _queries["reader"]
DELIVERED: Final = _queries["delivered"]
NOT_DELIVERED: Final = _queries["not_delivered"]
HURRY: Final = _queries["hurry"]


class Kept(Struct, frozen=True):
    """What a manager has said of an address."""

    id: UUID
    url: str
    events: list[Event]
    description: str | None
    is_active: bool


async def webhooks(scope: Scope) -> list[Webhook]:
    return [_webhook(row) for row in await scope.fetch(WEBHOOKS, scope.tenant_id)]


async def lock(scope: Scope) -> list[Kept]:
    """All of the hotel, which nobody else changes or adds to until the end of the transaction."""
    await scope.fetchrow(LOCK_HOTEL, scope.tenant_id)
    return [Kept(**row) for row in await scope.fetch(LOCK_WEBHOOKS, scope.tenant_id)]


async def add(scope: Scope, one: Kept, secret: str) -> None:
    """`secret` is sealed."""
    await scope.execute(
        ADD_WEBHOOK, scope.tenant_id, one.id, one.url, secret, one.events, one.description, one.is_active
    )


async def change(scope: Scope, one: Kept) -> None:
    await scope.execute(
        CHANGE_WEBHOOK, scope.tenant_id, one.id, one.url, one.events, one.description, one.is_active
    )
    if not one.is_active:
        await scope.execute(DROP_WAITING, scope.tenant_id, one.id)


async def delete(scope: Scope, webhook_id: UUID) -> None:
    await scope.execute(DELETE_WEBHOOK, scope.tenant_id, webhook_id)
    await scope.execute(DROP_WAITING, scope.tenant_id, webhook_id)


async def add_test(scope: Scope, delivery_id: UUID, webhook_id: UUID, payload: bytes) -> bool:
    """False when one is on its way already."""
    added = await scope.execute(ADD_TEST, scope.tenant_id, delivery_id, webhook_id, payload.decode())
    return added == 1


async def deliveries(scope: Scope, webhook_id: UUID, most: int) -> list[Delivery]:
    rows = await scope.fetch(DELIVERIES, scope.tenant_id, webhook_id, most)
    return [Delivery(**row) for row in rows]


async def delivered(scope: Scope, delivery_id: UUID, answer: Answer) -> None:
    await scope.execute(DELIVERED, scope.tenant_id, delivery_id, answer.status)


async def not_delivered(scope: Scope, delivery_id: UUID, answer: Answer, again: timedelta | None) -> None:
    await scope.execute(NOT_DELIVERED, scope.tenant_id, delivery_id, answer.status, answer.fault, again)


def _webhook(row: asyncpg.Record) -> Webhook:
    last = None
    if row["last_attempt_at"] is not None:
        last = Attempt(
            kind=row["kind"],
            at=row["last_attempt_at"],
            delivered_at=row["delivered_at"],
            status=row["last_status"],
            error=row["last_error"],
        )
    return Webhook(
        id=row["id"],
        url=row["url"],
        events=row["events"],
        description=row["description"],
        is_active=row["is_active"],
        created_at=row["created_at"],
        last_attempt=last,
    )
