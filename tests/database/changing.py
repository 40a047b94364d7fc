"""A clock that tests move, and the order that a conflict carries."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from hub.errors import Conflict
from hub.orders.documents import Order

NOON = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def order_in(error: Conflict) -> Order:
    """The current order that a conflict carries."""
    document = error.details["order"]
    assert isinstance(document, msgspec.Raw)
    return msgspec.json.decode(document, type=Order)
