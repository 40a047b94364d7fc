"""Reading orders: one, or page by page. A tablet sees its stay's, a kitchen all of its hotel."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeAlias
from uuid import UUID

from msgspec import Meta, Raw

from hub.db.scope import Scope
from hub.errors import InvalidInput, NotFound
from hub.orders import store
from hub.orders.access import stay_ended, stay_of
from hub.orders.messages import OrderPage
from hub.security.principal import Principal

MOST_ORDERS = 100
# For the description alone: what does not fit is refused by `read_cursor`, in words of its own.
Cursor: TypeAlias = Annotated[
    str, Meta(extra_json_schema={"pattern": "^A[A-Za-z0-3][A-Za-z0-9_-]{30}$"}, description="Opaque.")
]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_START = (_EPOCH, UUID(int=0))


async def read_order(scope: Scope, principal: Principal, order_id: UUID) -> Raw:
    """The document of one order.

    Raises NotFound, the same for an order of another stay or tenant as for one that does not exist, and
    StayEnded.
    """
    document = await store.document(scope, order_id, await _open_stay_of(scope, principal))
    if document is None:
        raise NotFound("there is no such order", field="order_id")
    return document


async def read_active_orders(
    scope: Scope, principal: Principal, after: str | None = None, limit: int = MOST_ORDERS
) -> OrderPage:
    """A page of active orders, oldest first; `after` is the last page's `next`, `limit` at most MOST_ORDERS.

    Raises InvalidInput for a position that no page gave, or a limit out of range; StayEnded.
    """
    if not 1 <= limit <= MOST_ORDERS:
        raise InvalidInput(f"expected 1 to {MOST_ORDERS}, got {limit}", field="limit")
    position = _START if after is None else read_cursor(after)
    # one more than asked for tells whether there is a next page
    stay_id = await _open_stay_of(scope, principal)
    found = await store.active(scope, stay_id, position, limit + 1)
    page = found[:limit]
    further = cursor(page[-1][0], page[-1][1]) if len(found) > limit else None
    return OrderPage(orders=[document for _, _, document in page], next=further)


async def _open_stay_of(scope: Scope, principal: Principal) -> UUID | None:
    """The next guest may read by a tablet that still holds the last one's token, so the database is asked."""
    stay_id = stay_of(principal)
    if stay_id is not None and not await store.stay_is_open(scope, stay_id):
        raise stay_ended()
    return stay_id


def cursor(created_at: datetime, order_id: UUID) -> str:
    """A position between two orders, opaque to clients: 8 bytes of microseconds since 1970, 16 of the id."""
    micros = (created_at - _EPOCH) // timedelta(microseconds=1)
    return urlsafe_b64encode(micros.to_bytes(8, "big") + order_id.bytes).decode()


def read_cursor(text: str) -> tuple[datetime, UUID]:
    """The inverse of `cursor`. Raises InvalidInput."""
    try:
        data = urlsafe_b64decode(text)
        if len(data) == 24 and urlsafe_b64encode(data).decode() == text:
            micros = int.from_bytes(data[:8], "big")
            return _EPOCH + timedelta(microseconds=micros), UUID(bytes=data[8:])
    except (ValueError, OverflowError):
        pass
    raise InvalidInput("this is not a position of a list of orders", field="after")
