"""The documents of the menu and its hotel. PostgreSQL makes them; this is their shape, from which the API's
description is made."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

Fulfilment: TypeAlias = Literal["room_service", "fridge"]


class Choice(Struct, frozen=True, forbid_unknown_fields=True):
    """`price` in yen is added to that of the dish; `allergens` null: not confirmed."""

    key: str
    name_ja: str
    name_en: str
    price: int
    allergens: list[str] | None


class OptionGroup(Struct, frozen=True, forbid_unknown_fields=True):
    """At least `min` and at most `max` different choices are taken."""

    key: str
    name_ja: str
    name_en: str
    min: int
    max: int
    choices: list[Choice]


class MenuItem(Struct, frozen=True, forbid_unknown_fields=True):
    """What a guest may know of a dish. `price` in yen.

    `start_time` and `end_time` as HH:MM of the hotel, on `days` (ISO weekdays on which the hours start, null:
    every day), orders until `last_order_minutes` before the end. `allergens` null: not confirmed, please ask;
    `may_contain` are traces. `sold_out_until`: when a sold-out one comes back by itself.
    """

    id: UUID
    name_ja: str
    name_en: str
    description_ja: str | None
    description_en: str | None
    price: int
    category: str
    tags: list[str]
    allergens: list[str] | None
    may_contain: list[str]
    options: list[OptionGroup]
    image_url: str | None
    display_order: int
    is_featured: bool
    sold_out: bool
    sold_out_until: datetime | None
    age_restricted: bool
    start_time: str | None
    end_time: str | None
    last_order_minutes: int
    days: list[int] | None
    fulfilment: Fulfilment
    station: str
    tax_class: str
    preparation_minutes: int


class OneMenuItem(Struct, frozen=True, forbid_unknown_fields=True):
    menu_item: MenuItem


class Named(Struct, frozen=True, forbid_unknown_fields=True):
    """A heading of the menu, or a station of the kitchen."""

    key: str
    name_ja: str
    name_en: str


class Allergen(Struct, frozen=True, forbid_unknown_fields=True):
    """`mandatory`: the law wants it told; the others it recommends to tell."""

    code: str
    name_ja: str
    name_en: str
    mandatory: bool


class AllergenList(Struct, frozen=True, forbid_unknown_fields=True):
    """The list of the day; declarations and orders keep its version."""

    version: str
    items: list[Allergen]


class Pause(Struct, frozen=True, forbid_unknown_fields=True):
    """The kitchen takes no orders; `until` null: until somebody opens it again."""

    since: datetime
    until: datetime | None
    message_ja: str | None
    message_en: str | None


class AlertSeconds(Struct, frozen=True, forbid_unknown_fields=True):
    """The ladder of an order that nobody sees (`unseen`, `hook`) or accepts (`chime`, repeated `every` so
    many, and `page`), each from when it was placed."""

    unseen: int
    hook: int
    chime: int
    page: int
    every: int


class Hotel(Struct, frozen=True, forbid_unknown_fields=True):
    """What every screen of a hotel knows of it. `service_charge_bp` in basis points; from `night_start` to
    `night_end`, as HH:MM of the hotel, screens in rooms are dark; a tablet rests after `idle_seconds`."""

    id: UUID
    name: str
    time_zone: str
    locale: Literal["ja", "en"]
    phone: str | None
    categories: list[Named]
    stations: list[Named]
    recall_minutes: int
    undo_seconds: int
    prices_include_tax: bool
    service_charge_bp: int
    delivery_minutes: int
    night_start: str
    night_end: str
    idle_seconds: int
    legal_age: int
    pause: Pause | None
    alert_seconds: AlertSeconds
    allergens: AllergenList


class WholeMenu(Struct, frozen=True, forbid_unknown_fields=True):
    """The hotel and all items that guests see, in the menu's order."""

    hotel: Hotel
    items: list[MenuItem]
