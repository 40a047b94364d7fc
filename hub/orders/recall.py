"""The ways back: recall puts an order back a step, undo takes the last bump back as if it had not been. Pure.

Returns and raises as `transitions` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import assert_never

from msgspec.structs import replace

from hub.errors import Forbidden
from hub.orders.model import Actor, ActorKind, Change, OrderState, illegal, permit

_RECALLERS: frozenset[ActorKind] = frozenset({"kitchen", "runner", "manager"})


def recall(
    order: OrderState, actor: Actor, now: datetime, *, window: timedelta, lines: Sequence[int] | None = None
) -> Change:
    """Puts the order back a step, and counts it: ready > cooking, delivering > ready, delivered > ready. It
    leaves its trip.

    From ready the named lines (all live ones, when none is named) are cooked again; named lines also while
    other items are still cooking. Later than `window` after delivery only a manager may. Raises `NotFound`
    for an unknown line.
    """
    permit(actor, _RECALLERS, "recall an order")
    named = None if lines is None else [order.item(n, f"items[{i}]") for i, n in enumerate(lines)]
    match order.status:
        case "cooking" | "ready":
            if named is None:
                if order.status == "cooking":
                    raise illegal("the order is cooking", ["named items that are ready"], "the whole order")
                named = list(order.live)
            elif refused := [item for item in named if item.status not in ("ready", "cooking")]:
                raise illegal(f"line {refused[0].line} is {refused[0].status}", ["ready"], "recall")
            after = order.with_items(dict.fromkeys((item.line for item in named), "cooking"), now)
            return Change(order, order) if after == order else _recalled(order, after)
        case "delivering" | "delivered":
            if named is not None:
                raise illegal(f"the order is {order.status}", ["the whole order"], "named items")
            late = order.finished_at is None or now - order.finished_at > window
            if order.status == "delivered" and late and actor.kind != "manager":
                minutes = window // timedelta(minutes=1)
                raise Forbidden(f"more than {minutes} minutes after delivery only a manager may recall")
            return _recalled(order, replace(order, status="ready", finished_at=None))
        case "received" | "cancelled":
            raise illegal(f"the order is {order.status}", ["ready", "delivering", "delivered"], "recall")
        case _:
            assert_never(order.status)


def undo(order: OrderState, actor: Actor, now: datetime, *, within: timedelta) -> Change:
    """Takes the last bump back: only its author, only within that time, only when nothing happened since.

    What happened since is told by the statuses and moments that the bump left, not by the version: that a
    screen has shown the ticket raises the version too, and must not take the undo away.
    """
    bump = order.last_bump
    if bump is None or bump.after != order.image:
        raise illegal("the last change of this order was no bump", ["a bump"], "undo")
    if bump.by != actor.id:
        raise illegal("the last bump was somebody else's", ["a bump of yours"], "undo")
    if now - bump.at > within:
        raise illegal(
            "the last bump is too long ago", [f"a bump in the last {within.total_seconds():.0f} s"], "undo"
        )
    before = bump.before
    return Change(
        order,
        replace(
            order,
            status=before.status,
            items=tuple(replace(item, status=before.items[item.line]) for item in order.items),
            accepted_at=before.accepted_at,
            ready_at=before.ready_at,
            finished_at=before.finished_at,
            trip_id=before.trip_id,
            last_bump=None,
        ),
    )


def _recalled(order: OrderState, after: OrderState) -> Change:
    recalled = replace(after, recall_count=order.recall_count + 1, trip_id=None, last_bump=None)
    return Change(order, recalled)
