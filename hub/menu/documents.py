"""The documents of the menu and its hotel. PostgreSQL makes them; this is their shape, from which the API's
description is made."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from msgspec import Struct


class MenuItem(Struct, frozen=True, forbid_unknown_fields=True):
    """What a guest may know of a dish. `price` in yen; `start_time` and `end_time` as HH:MM of the hotel;
    `allergens` null: not confirmed, please ask."""

    id: UUID
    name_ja: str
    name_en: str
    description_ja: str | None
    description_en: str | None
    price: int
    category: str
    tags: list[str]
    allergens: list[str] | None
    image_url: str | None
    display_order: int
    is_featured: bool
    sold_out: bool
    age_restricted: bool
    start_time: str | None
    end_time: str | None
    station: str
    tax_class: str
    preparation_minutes: int


class Category(Struct, frozen=True, forbid_unknown_fields=True):
    """A heading of the menu."""

    key: str
    name_ja: str
    name_en: str


class Hotel(Struct, frozen=True, forbid_unknown_fields=True):
    """What every screen of a hotel knows of it."""

    id: UUID
    name: str
    time_zone: str
    locale: Literal["ja", "en"]
    phone: str | None
    categories: list[Category]
    recall_minutes: int
    undo_seconds: int
    prices_include_tax: bool


class WholeMenu(Struct, frozen=True, forbid_unknown_fields=True):
    """The hotel and all items that guests see, in the menu's order."""

    hotel: Hotel
    items: list[MenuItem]
