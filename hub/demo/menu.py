"""The demo hotel's room-service menu: a file for each category in `dishes/`, groups of options in
`options.json`, stations, categories and hours in `hotel.json`.

`allergens` holds codes of the Japanese labelling list; an empty list means "none of them", `None` means "not
confirmed". Items without hours are sold round the clock.
"""

from __future__ import annotations

import re
from datetime import time
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

ALLERGENS: Final = frozenset(
    {
        "shrimp", "crab", "walnut", "wheat", "buckwheat", "egg", "milk", "peanut", "almond", "abalone",
        "squid", "salmon_roe", "orange", "cashew", "kiwi", "beef", "sesame", "salmon", "mackerel", "soy",
        "chicken", "banana", "pork", "macadamia", "peach", "yam", "apple", "gelatin",
    }
)  # fmt: skip
IMAGES: Final = "/static/art/dishes"
_MINUTES_A_DAY: Final = 24 * 60
_JAPANESE: Final = re.compile(r"[\u3041-\u30ff\u4e00-\u9fff]")

Key: TypeAlias = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_]{0,39}\Z")]
Words: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
Tag: TypeAlias = Literal["signature", "vegetarian", "vegan", "spicy", "kids", "healthy"]
Weekday: TypeAlias = Annotated[int, Meta(ge=1, le=7)]


class Named(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What has a key, and a name in both languages: stations and categories are no more than that."""

    key: Key
    name_ja: Words
    name_en: Words

    def __post_init__(self) -> None:
        if _JAPANESE.search(self.name_en):
            raise ValueError(f"{self.key}: the English name {self.name_en!r} has Japanese in it")


class Choice(Named, frozen=True, kw_only=True):
    """One of a group; `price` is added to that of the item, in yen."""

    price: int = 0
    allergens: tuple[str, ...] | None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_codes(self.key, self.allergens or ())


class Options(Named, frozen=True, kw_only=True):
    """A group of options; guests take `min` to `max` different choices."""

    min: Annotated[int, Meta(ge=0)]
    max: Annotated[int, Meta(ge=1)]
    choices: Annotated[tuple[Choice, ...], Meta(min_length=1)]

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_keys(f"options {self.key}", self.choices)
        if not self.min <= self.max <= len(self.choices):
            raise ValueError(f"options {self.key}: {self.min} to {self.max} of {len(self.choices)} choices")


class MenuItem(Named, frozen=True, kw_only=True):
    """One dish or drink; fields are the columns of `menu_items`, `key` makes a stable id."""

    key: Annotated[str, Meta(pattern=r"\A[a-z]+(-[a-z]+)+\Z")]
    category: Key
    description_ja: Words
    description_en: Words
    price: Annotated[int, Meta(ge=0)]
    allergens: tuple[str, ...] | None
    preparation_minutes: Annotated[int, Meta(ge=0, le=180)]
    station: Key
    image_url: Words
    may_contain: tuple[str, ...] = ()
    options: tuple[Options, ...] = ()
    tax_class: Literal["food", "alcohol"] = "food"
    fulfilment: Literal["room_service", "fridge"] = "room_service"
    tags: tuple[Tag, ...] = ()
    age_restricted: bool = False
    is_featured: bool = False
    stock_quantity: int | None = None
    low_stock_threshold: int | None = None
    start_time: time | None = None
    end_time: time | None = None
    last_order_minutes: Annotated[int, Meta(ge=0)] = 0
    days: Annotated[tuple[Weekday, ...], Meta(min_length=1)] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        key = self.key
        _check_codes(key, (*(self.allergens or ()), *self.may_contain))
        _check_keys(f"{key}: options", self.options)
        if twice := set(self.may_contain) & set(self.allergens or ()):
            raise ValueError(f"{key}: {', '.join(sorted(twice))} is contained, not only perhaps")
        if (self.tax_class == "alcohol") != self.age_restricted:
            raise ValueError(f"{key}: alcohol is for adults, and nothing else is")
        if self.fulfilment == "fridge" and self.preparation_minutes:
            raise ValueError(f"{key}: nobody prepares what lies in the fridge")
        if "vegan" in self.tags and "vegetarian" not in self.tags:
            raise ValueError(f"{key}: what is vegan is vegetarian, too")
        if (self.low_stock_threshold is None) != (self.stock_quantity is None):
            raise ValueError(f"{key}: stock and its threshold belong together")
        if self.price + sum(_cheapest(group) for group in self.options) < 0:
            raise ValueError(f"{key}: its options may make it cost less than nothing")
        self._check_hours()

    def _check_hours(self) -> None:
        start, end = self.start_time, self.end_time
        if start is None or end is None:
            if start or end or self.days or self.last_order_minutes:
                raise ValueError(f"{self.key}: last orders and days need hours with a start and an end")
            return
        length = (_minute(end) - _minute(start)) % _MINUTES_A_DAY
        if self.last_order_minutes >= length:
            raise ValueError(f"{self.key}: its last order is before it opens")
        if self.days is not None and sorted(set(self.days)) != list(self.days):
            raise ValueError(f"{self.key}: its days are not in order")


class Menu(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole menu: all but `phone` in the order in which it is shown."""

    phone: str
    stations: tuple[Named, ...]
    categories: tuple[Named, ...]
    items: tuple[MenuItem, ...]

    def __post_init__(self) -> None:
        for what, named in (
            ("stations", self.stations),
            ("categories", self.categories),
            ("items", self.items),
        ):
            _check_keys(what, named)
        stations = {station.key for station in self.stations}
        categories = {category.key for category in self.categories}
        for item in self.items:
            if item.station not in stations:
                raise ValueError(f"{item.key}: there is no station {item.station!r}")
            if item.category not in categories:
                raise ValueError(f"{item.key}: there is no category {item.category!r}")


@cache
def load_menu() -> Menu:
    """Read the menu that lies beside this module; a malformed file raises `msgspec.ValidationError`."""
    hotel, groups = _read("hotel.json"), _read("options.json")
    dishes = {category["key"]: _read(f"dishes/{category['key']}.json") for category in hotel["categories"]}
    return build(hotel, groups, dishes)


def load_pages() -> list[dict[str, str]]:
    """The hotel's pages for its guests, in their order; fields are columns of `pages`."""
    pages: list[dict[str, str]] = _read("pages.json")
    return pages


def build(hotel: dict[str, Any], groups: dict[str, Any], dishes: dict[str, list[dict[str, Any]]]) -> Menu:
    """A menu of what stands in the files. Raises `msgspec.ValidationError`."""
    hours = hotel["hours"]
    items = [
        {
            **{name: value for name, value in dish.items() if name != "hours"},
            **_named(dish, "hours", hours, dish.get("hours")),
            "category": category,
            "image_url": f"{IMAGES}/{dish.get('key')}.svg",
            "options": [
                {"key": key, **_named(dish, "options", groups, key)} for key in dish.get("options", ())
            ],
        }
        for category, those in dishes.items()
        for dish in those
    ]
    whole = {name: value for name, value in hotel.items() if name != "hours"}
    return msgspec.convert({**whole, "items": items}, Menu, strict=False)


def _read(name: str) -> Any:
    return msgspec.json.decode(files(__package__).joinpath(name).read_bytes())


def _named(dish: dict[str, Any], what: str, table: dict[str, Any], key: str | None) -> dict[str, Any]:
    if key is None:
        return {}
    if key not in table:
        raise msgspec.ValidationError(f"{dish.get('key')}: there are no {what} {key!r}")
    found: dict[str, Any] = table[key]
    return found


def _check_codes(key: str, codes: tuple[str, ...]) -> None:
    if unknown := set(codes) - ALLERGENS:
        raise ValueError(f"{key}: unknown allergens {', '.join(sorted(unknown))}")


def _check_keys(what: str, named: tuple[Named, ...]) -> None:
    keys = [one.key for one in named]
    if len(set(keys)) < len(keys):
        raise ValueError(f"{what}: {', '.join(sorted({k for k in keys if keys.count(k) > 1}))} stands twice")


def _cheapest(group: Options) -> int:
    """The least that a group can add: the choices it asks for, and all that make the item cheaper."""
    prices = sorted(choice.price for choice in group.choices)
    return sum(prices[: group.min]) + sum(price for price in prices[group.min : group.max] if price < 0)


def _minute(moment: time) -> int:
    return moment.hour * 60 + moment.minute
