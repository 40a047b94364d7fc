"""What clients send to the order commands, and what they get. Amounts are integer yen."""

from __future__ import annotations

from typing import Annotated, TypeAlias
from uuid import UUID

from msgspec import Meta, Raw, Struct

from hub.orders.pricing import RateTotal
from hub.orders.transitions import ItemTarget, OrderTarget

Quantity: TypeAlias = Annotated[int, Meta(ge=1, le=99)]
LineNumber: TypeAlias = Annotated[int, Meta(ge=1, le=1000)]
LineNumbers: TypeAlias = Annotated[tuple[LineNumber, ...], Meta(min_length=1, max_length=50)]
Version: TypeAlias = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class CartLine(Struct, frozen=True, forbid_unknown_fields=True):
    menu_item_id: UUID
    quantity: Quantity
    note: Annotated[str, Meta(max_length=200)] | None = None


Cart: TypeAlias = Annotated[tuple[CartLine, ...], Meta(min_length=1, max_length=50)]


class QuoteArgs(Struct, frozen=True, forbid_unknown_fields=True):
    lines: Cart


class PlaceArgs(Struct, frozen=True, forbid_unknown_fields=True):
    """`quoted_total` is the total the guest has agreed to; without it any price is accepted."""

    lines: Cart
    quoted_total: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    special_requests: Annotated[str, Meta(max_length=500)] | None = None
    age_attested: bool = False


class AdvanceArgs(Struct, frozen=True, forbid_unknown_fields=True):
    order_id: UUID
    to: OrderTarget
    expected_version: Version | None = None
    id_checked: bool = False


class AdvanceItemArgs(Struct, frozen=True, forbid_unknown_fields=True):
    order_id: UUID
    line: LineNumber
    to: ItemTarget
    expected_version: Version | None = None


class RecallArgs(Struct, frozen=True, forbid_unknown_fields=True):
    """`items` are lines; `undo` takes the last bump back instead."""

    order_id: UUID
    items: LineNumbers | None = None
    undo: bool = False
    expected_version: Version | None = None


class CancelArgs(Struct, frozen=True, forbid_unknown_fields=True):
    """`items` are lines; without them the whole order is cancelled."""

    order_id: UUID
    items: LineNumbers | None = None
    reason: Annotated[str, Meta(max_length=200)] | None = None
    expected_version: Version | None = None


class AcknowledgeArgs(Struct, frozen=True, forbid_unknown_fields=True):
    order_id: UUID


class SeenArgs(Struct, frozen=True, forbid_unknown_fields=True):
    order_ids: Annotated[tuple[UUID, ...], Meta(min_length=1, max_length=100)]


class QuoteLine(Struct, frozen=True):
    menu_item_id: UUID
    name_ja: str
    name_en: str
    quantity: int
    unit_price: int
    total_price: int
    tax_rate_bp: int


class Quote(Struct, frozen=True):
    """What a cart costs now; the amounts are those of an order placed now."""

    lines: tuple[QuoteLine, ...]
    taxes: tuple[RateTotal, ...]
    subtotal_amount: int
    tax_amount: int
    service_amount: int
    total_amount: int
    prices_include_tax: bool


class QuoteReply(Struct, frozen=True):
    quote: Quote


class PlaceReply(Struct, frozen=True):
    order: Raw


class OrderReply(Struct, frozen=True):
    """The order's document; `noop` says that it was so already."""

    order: Raw
    noop: bool


class SeenReply(Struct, frozen=True):
    """How many of the orders were shown for the first time."""

    shown: int


class OrderPage(Struct, frozen=True):
    """Documents of orders; `next` is where the next page begins, None on the last one."""

    orders: list[Raw]
    next: str | None
