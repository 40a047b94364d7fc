"""What clients send to the order commands, and what they get. Amounts are integer yen."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias
from uuid import UUID

from msgspec import Meta, Raw, Struct

from hub.orders.documents import OrderOption
from hub.orders.load import Offer
from hub.orders.pricing import RateTotal
from hub.orders.transitions import ItemTarget, OrderTarget

Quantity: TypeAlias = Annotated[int, Meta(ge=1, le=99)]
LineNumber: TypeAlias = Annotated[int, Meta(ge=1, le=1000)]
LineNumbers: TypeAlias = Annotated[tuple[LineNumber, ...], Meta(min_length=1, max_length=50)]
Station: TypeAlias = Annotated[str, Meta(min_length=1, max_length=50)]
Stations: TypeAlias = Annotated[tuple[Station, ...], Meta(min_length=1, max_length=20)]
Version: TypeAlias = Annotated[int, Meta(ge=1, le=2**31 - 1)]


OptionKey: TypeAlias = Annotated[str, Meta(max_length=81)]


class CartLine(Struct, frozen=True, forbid_unknown_fields=True):
    """`options` are choices as "group:choice"; the same dish with other options is another line."""

    menu_item_id: UUID
    quantity: Quantity
    note: Annotated[str, Meta(max_length=200)] | None = None
    options: Annotated[tuple[OptionKey, ...], Meta(max_length=50)] = ()


Cart: TypeAlias = Annotated[tuple[CartLine, ...], Meta(min_length=1, max_length=50)]


Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]


class QuoteArgs(Struct, frozen=True, forbid_unknown_fields=True):
    """`due_at` is when the guest wishes it, at most 48 hours ahead; without it, as soon as possible. One that
    cannot be reached any more is as soon as possible too. Staff may name the room that they will order for:
    the lines then say what its guests have declared."""

    lines: Cart
    due_at: Moment | None = None
    room_number: Annotated[str, Meta(min_length=1, max_length=20)] | None = None


class PlaceArgs(Struct, frozen=True, forbid_unknown_fields=True):
    """`quoted_total` is the total the guest has agreed to; without it any price is accepted. `quoted_until`
    is the latest time that the guest was told, `to` of the quote's estimate; without it any is accepted.
    `due_at` as in a quote. `allergens_confirmed`: the guest wants the lines with declared allergens all the
    same. Staff name the room that they order for."""

    lines: Cart
    quoted_total: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    quoted_until: Moment | None = None
    special_requests: Annotated[str, Meta(max_length=500)] | None = None
    age_attested: bool = False
    due_at: Moment | None = None
    allergens_confirmed: bool = False
    room_number: Annotated[str, Meta(min_length=1, max_length=20)] | None = None


class SlotsArgs(Struct, frozen=True, forbid_unknown_fields=True):
    lines: Cart


class AcceptArgs(Struct, frozen=True, forbid_unknown_fields=True):
    order_id: UUID


class RushArgs(Struct, frozen=True, forbid_unknown_fields=True):
    order_id: UUID
    rush: bool


class AdvanceArgs(Struct, frozen=True, forbid_unknown_fields=True):
    """`items` are lines that begin or are ready; without them the whole order moves. `now` begins a scheduled
    order before its time; `trip_id` is the trip that it leaves with."""

    order_id: UUID
    to: OrderTarget
    items: LineNumbers | None = None
    expected_version: Version | None = None
    id_checked: bool = False
    now: bool = False
    trip_id: UUID | None = None


class AdvanceItemArgs(Struct, frozen=True, forbid_unknown_fields=True):
    """`now` begins a scheduled order before its time."""

    order_id: UUID
    line: LineNumber
    to: ItemTarget
    expected_version: Version | None = None
    now: bool = False


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
    """`stations` are those whose cooks have seen it, without them everybody; one that lost nothing is passed
    over."""

    order_id: UUID
    stations: Stations | None = None


class AcknowledgeAllergyArgs(Struct, frozen=True, forbid_unknown_fields=True):
    """`stations` are those whose cooks have taken note, without them everybody; one that makes nothing of
    what the guest declared is passed over."""

    order_id: UUID
    stations: Stations | None = None


class SeenArgs(Struct, frozen=True, forbid_unknown_fields=True):
    order_ids: Annotated[tuple[UUID, ...], Meta(min_length=1, max_length=100)]


class QuoteLine(Struct, frozen=True):
    """`unit_price` includes the options; `conflicts` are the declared allergens that cannot be ruled out."""

    menu_item_id: UUID
    name_ja: str
    name_en: str
    quantity: int
    unit_price: int
    total_price: int
    tax_rate_bp: int
    options: tuple[OrderOption, ...]
    conflicts: tuple[str, ...]


class Estimate(Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """The kitchen begins at `fire_at`, null: at once, and the order is there between `from` and `to`."""

    fire_at: datetime | None
    first: datetime
    last: datetime


class Priced(Struct, frozen=True):
    """What a cart costs now; the amounts are those of an order placed now."""

    lines: tuple[QuoteLine, ...]
    taxes: tuple[RateTotal, ...]
    subtotal_amount: int
    service_amount: int
    service_charge_bp: int
    service_tax_rate_bp: int
    tax_amount: int
    total_amount: int
    prices_include_tax: bool


class Quote(Priced, frozen=True):
    """The same, and when it is there."""

    estimate: Estimate


class QuoteReply(Struct, frozen=True):
    quote: Quote


class SlotsReply(Struct, frozen=True):
    """The times of the next 24 hours for which the cart can be wished."""

    slots: list[Offer]


class PlaceReply(Struct, frozen=True):
    order: Raw


class OrderReply(Struct, frozen=True):
    """The order's document; `noop` says that it was so already."""

    order: Raw
    noop: bool


class SeenReply(Struct, frozen=True):
    """How many of the orders were shown for the first time."""

    shown: int


class RecentArgs(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to say."""


class RecentOrder(Struct, frozen=True):
    """`by` is the name of the cook, the member of staff or the screen that did the last step, None where
    nobody knows; `at` is when, RFC 3339."""

    order: Raw
    by: str | None
    at: str


class RecentReply(Struct, frozen=True):
    """Newest first; `more` says that there are older ones than these."""

    orders: list[RecentOrder]
    more: bool


class OrderPage(Struct, frozen=True):
    """Documents of orders; `next` is where the next page begins, None on the last one."""

    orders: list[Raw]
    next: str | None
