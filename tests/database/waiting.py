"""Orders that wait, the ladder that looks at them, and what it has sent."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from msgspec import Struct

from hub.ops.ladder import Ladder

if TYPE_CHECKING:
    from hub.db.pool import Connection, Pool
    from hub.orders.documents import Order
    from tests.factories import Hotel


class Sent(Struct, frozen=True):
    """A delivery; one of the two ids says to whom."""

    kind: str
    step: str
    webhook_id: UUID | None
    staff_id: UUID | None


async def at_once() -> None:
    """This process may look."""


def ladder(pool: Pool, *, letters: bool = True) -> Ladder:
    return Ladder(pool, at_once, letters=letters, sent=lambda: None)


async def age(admin: Connection, order: Order, seconds: float) -> None:
    """As if it had been stored so long ago."""
    await admin.execute(
        "UPDATE app.orders SET created_at = now() - make_interval(secs => $2) WHERE id = $1",
        order.id,
        seconds,
    )


async def alerts(admin: Connection, order: Order) -> list[str]:
    """The steps that were taken, in the ladder's order."""
    text = await admin.fetchval("SELECT alerts::text FROM app.orders WHERE id = $1", order.id)
    taken = msgspec.json.decode(text, type=dict[str, str])
    return [step for step in ("unseen", "hook", "chime", "page") if step in taken]


async def sent(admin: Connection, order: Order) -> list[Sent]:
    """What went out about an order, oldest first."""
    rows = await admin.fetch(
        "SELECT kind, payload -> 'data' ->> 'step' AS step, webhook_id, staff_id FROM app.deliveries"
        " WHERE order_id = $1 ORDER BY created_at",
        order.id,
    )
    return [Sent(**row) for row in rows]


async def webhook(
    admin: Connection,
    hotel: Hotel,
    events: tuple[str, ...] = ("order.unseen", "order.unaccepted", "order.paged"),
    *,
    is_active: bool = True,
) -> UUID:
    """An address of the hotel, whose secret nobody can open."""
    made: UUID = await admin.fetchval(
        "INSERT INTO app.webhooks (tenant_id, url, secret_encrypted, events, is_active)"
        " VALUES ($1, 'https://hooks.example', 'v1:', $2, $3) RETURNING id",
        hotel.tenant_id,
        list(events),
        is_active,
    )
    return made
