"""The document of an order, as snapshot, event, reply and HTTP show it. PostgreSQL makes it; this is its
shape, from which the API's description is made."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from hub.menu.documents import Fulfilment
from hub.orders.model import ItemStatus, OrderStatus
from hub.orders.pricing import RateTotal

Channel: TypeAlias = Literal["tablet", "phone", "staff"]


class OrderOption(Struct, frozen=True, forbid_unknown_fields=True):
    """A choice as it was when it was ordered; `key` is "group:choice", `price` what it added to one."""

    key: str
    group_ja: str
    group_en: str
    name_ja: str
    name_en: str
    price: int


class Alerts(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """When each step of the ladder was taken; a step that was not taken is not there."""

    unseen: datetime | None = None
    hook: datetime | None = None
    chime: datetime | None = None
    page: datetime | None = None


class OrderItem(Struct, frozen=True, forbid_unknown_fields=True):
    """A line, with names, options, price and tax as they were when it was ordered; `unit_price` includes the
    options. `allergens` null: not confirmed; `conflicts` are those that the guest had declared."""

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
    options: list[OrderOption]
    station: str
    fulfilment: Fulfilment
    allergens: list[str] | None
    conflicts: list[str]
    preparation_minutes: int
    age_restricted: bool


class Order(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole state of an order. `version` rises with every change; amounts are integer yen. A scheduled
    one has `fire_at`, when the kitchen begins, and `due_at`, when the guest wants it. `trip_id` is shared by
    those that a runner carries together. Each station takes note of an allergy and of a cancellation for
    itself: `allergy_acked_stations` and `cancel_acked_stations` have; `allergy_acked_at` and
    `cancel_acked_at` are null until all have that it concerns, or somebody has for everybody."""

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
    service_charge_bp: int
    taxes: list[RateTotal]
    channel: Channel
    fire_at: datetime | None
    due_at: datetime | None
    estimated_delivery_at: datetime | None
    rush: bool
    trip_id: UUID | None
    declared_allergens: list[str]
    allergy_acked_at: datetime | None
    allergy_acked_stations: list[str]
    alerts: Alerts
    special_requests: str | None
    placed_at: datetime
    shown_at: datetime | None
    accepted_at: datetime | None
    ready_at: datetime | None
    finished_at: datetime | None
    cancelled_at: datetime | None
    cancel_reason: str | None
    cancel_acked_at: datetime | None
    cancel_acked_stations: list[str]
    recall_count: int
    items: list[OrderItem]


class OneOrder(Struct, frozen=True, forbid_unknown_fields=True):
    order: Order


class ChangedOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """`noop` says that the order was so already."""

    order: Order
    noop: bool


class RecentOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """`by` is the name of the cook, the member of staff or the screen that did the last step, null where
    nobody knows; `at` is when."""

    order: Order
    by: str | None
    at: datetime


class RecentOrders(Struct, frozen=True, forbid_unknown_fields=True):
    """Newest first; `more` says that there are older ones than these."""

    orders: list[RecentOrder]
    more: bool


class Orders(Struct, frozen=True, forbid_unknown_fields=True):
    """A page. `next` is the `after` of the next one, null on the last."""

    orders: list[Order]
    next: str | None
