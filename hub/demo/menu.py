"""The demo hotel's room-service menu: names in Japanese and English, prices in integer yen, allergens.

`allergens` holds codes of the Japanese labelling list (8 mandatory, 20 recommended); an empty list means
"none of them", `None` means "not confirmed". Items without `start_time` are sold round the clock.
"""

from datetime import time
from functools import cache
from importlib.resources import files
from typing import Final, Literal

import msgspec

MANDATORY_ALLERGENS: Final = frozenset(
    {"shrimp", "crab", "walnut", "wheat", "buckwheat", "egg", "milk", "peanut"}
)
RECOMMENDED_ALLERGENS: Final = frozenset(
    {
        "almond", "abalone", "squid", "salmon_roe", "orange", "cashew", "kiwi", "beef", "sesame", "salmon",
        "mackerel", "soy", "chicken", "banana", "pork", "macadamia", "peach", "yam", "apple", "gelatin",
    }
)  # fmt: skip


class Category(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A heading of the menu; `key` is what `MenuItem.category` names."""

    key: str
    name_ja: str
    name_en: str


class MenuItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One dish or drink; fields are the columns of `menu_items`, `key` makes a stable id."""

    key: str
    category: str
    name_ja: str
    name_en: str
    description_ja: str
    description_en: str
    price: int
    allergens: tuple[str, ...] | None
    preparation_minutes: int
    station: Literal["kitchen", "bar"]
    tax_class: Literal["food", "alcohol"] = "food"
    tags: tuple[str, ...] = ()
    age_restricted: bool = False
    is_featured: bool = False
    stock_quantity: int | None = None
    low_stock_threshold: int | None = None
    start_time: time | None = None
    end_time: time | None = None


class Menu(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole menu, categories and items in the order in which they are shown."""

    categories: tuple[Category, ...]
    items: tuple[MenuItem, ...]


@cache
def load_menu() -> Menu:
    """Read the menu that lies beside this module; a malformed file raises `msgspec.ValidationError`."""
    raw = files(__package__).joinpath("menu.json").read_bytes()
    return msgspec.json.decode(raw, type=Menu)
