"""The document of an order, as snapshot, event, reply and HTTP show it. PostgreSQL makes it; this is its
shape, from which the API's description is made."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from hub.orders.model import ItemStatus, OrderStatus


class OrderItem(Struct, frozen=True, forbid_unknown_fields=True):
    """A line, with names, price and tax as they were when it was ordered; `allergens` null: not confirmed."""

    line: int
    menu_item_id: UUID
    name_ja: str
    name_en: str
    quantity: int
    unit_price: int
    total_price: int
    tax_rate_bp: int
    status: ItemStatus
    note: str | None
    station: str
    allergens: list[str] | None
    preparation_minutes: int
    age_restricted: bool


class Order(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole state of an order. `version` rises with every change; amounts are integer yen."""

    id: UUID
    order_number: int
    business_date: date
    stay_id: UUID
    room_number: str
    status: OrderStatus
    version: int
    subtotal_amount: int
    tax_amount: int
    service_amount: int
    total_amount: int
    prices_include_tax: bool
    special_requests: str | None
    placed_at: datetime
    shown_at: datetime | None
    accepted_at: datetime | None
    ready_at: datetime | None
    finished_at: datetime | None
    cancelled_at: datetime | None
    cancel_reason: str | None
    cancel_acked_at: datetime | None
    recall_count: int
    items: list[OrderItem]


class OneOrder(Struct, frozen=True, forbid_unknown_fields=True):
    order: Order


class ChangedOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """`noop` says that the order was so already."""

    order: Order
    noop: bool


class Orders(Struct, frozen=True, forbid_unknown_fields=True):
    """A page. `next` is the `after` of the next one, null on the last."""

    orders: list[Order]
    next: str | None
