"""Who a principal is to the order rules, and which orders it may see."""

from __future__ import annotations

from typing import assert_never
from uuid import UUID

from hub.errors import Forbidden, StayEnded
from hub.orders.model import Actor
from hub.security.principal import Principal


def actor_of(principal: Principal) -> Actor:
    """A tablet or a phone acts as its guest, a kitchen screen as the kitchen, staff by their role. Raises
    Forbidden for a role that has nothing to do with orders."""
    match principal.kind:
        case "tablet" | "phone":
            return Actor(kind="guest", id=principal.id)
        case "kitchen":
            return Actor(kind="kitchen", id=principal.id)
        case "staff":
            match principal.role:
                case "front" | "kitchen" | "runner" | "manager":
                    return Actor(kind=principal.role, id=principal.id)
                case _:
                    raise Forbidden("Your role has nothing to do with orders.")
        case _:
            assert_never(principal.kind)


def stay_ended() -> StayEnded:
    return StayEnded("this stay has ended: please call the front desk")


def stay_of(principal: Principal) -> UUID | None:
    """The stay that a principal is bound to; None for those who see the whole hotel. Raises StayEnded for a
    tablet whose room nobody lives in."""
    match principal.kind:
        case "tablet" | "phone":
            if principal.stay_id is None:
                raise stay_ended()
            return principal.stay_id
        case "kitchen" | "staff":
            return None
        case _:
            assert_never(principal.kind)
