"""Reading orders: one, or page by page. A tablet sees its stay's, a kitchen all of its hotel."""

from __future__ import annotations

from uuid import UUID

from msgspec import Raw

from hub.db.scope import Scope
from hub.errors import InvalidInput, NotFound
from hub.operations import Operation
from hub.orders import store
from hub.orders.access import stay_ended, stay_of
from hub.orders.messages import OrderPage, RecentArgs, RecentReply
from hub.security.permissions import Permission
from hub.security.principal import Principal
from hub.web.cursor import START, cursor, read_cursor

MOST_ORDERS = 100
MOST_RECENT = 200


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
    position = START if after is None else read_cursor(after)
    # one more than asked for tells whether there is a next page
    stay_id = await _open_stay_of(scope, principal)
    found = await store.active(scope, stay_id, position, limit + 1)
    page = found[:limit]
    further = cursor(page[-1][0], page[-1][1]) if len(found) > limit else None
    return OrderPage(orders=[document for _, _, document in page], next=further)


async def read_recent_orders(scope: Scope, _: Principal, __: RecentArgs) -> RecentReply:
    """What was finished, or became ready, within the time in which it may be recalled: who did it, and
    when."""
    # one more than is told tells whether there are more
    found = await store.recent(scope, MOST_RECENT + 1)
    return RecentReply(orders=found[:MOST_RECENT], more=len(found) > MOST_RECENT)


async def _open_stay_of(scope: Scope, principal: Principal) -> UUID | None:
    """The next guest may read by a tablet that still holds the last one's token, so the database is asked."""
    stay_id = stay_of(principal)
    if stay_id is not None and not await store.stay_is_open(scope, stay_id):
        raise stay_ended()
    return stay_id


RECENT = Operation(
    name="order.recent",
    args=RecentArgs,
    run=read_recent_orders,
    permission=Permission.ORDER_DELIVER,
    writes=False,
    once=False,
)
