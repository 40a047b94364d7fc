"""What guests order: dishes, drinks, options and notes, drawn at random from a menu. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

Language = Literal["ja", "en"]

# A dish takes so long to prepare; the rest goes with it.
_DISH_MINUTES: Final = 10
_LINE_NOTES: Final[dict[Language, tuple[str, ...]]] = {
    "ja": (
        "少なめでお願いします",
        "取り皿を二枚ください",
        "薬味は別添えで",
        "塩分を控えめに",
        "熱々でお願いします",
    ),
    "en": (
        "A small portion, please",
        "Two extra plates, please",
        "Condiments on the side, please",
        "Go easy on the salt, please",
        "Very hot, please",
    ),
}
_REQUESTS: Final[dict[Language, tuple[str, ...]]] = {
    "ja": (
        "子どもが寝ています。ノックは静かにお願いします",
        "お箸を三膳お願いします",
        "ドアの前に置いてください",
        "氷を多めにお願いします",
        "会議中です。チャイムは鳴らさないでください",
    ),
    "en": (
        "The baby is asleep: please knock softly",
        "Three pairs of chopsticks, please",
        "Please leave it at the door",
        "Extra ice, please",
        "In a call: please do not ring",
    ),
}


class Choice(Struct, frozen=True):
    key: str


class Group(Struct, frozen=True):
    """Options of a dish: `min` to `max` different choices."""

    key: str
    min: int
    max: int
    choices: list[Choice]


class Item(Struct, frozen=True):
    """A menu item, as far as it makes a guest want it."""

    id: str
    sold_out: bool
    age_restricted: bool
    is_featured: bool
    preparation_minutes: int
    options: list[Group]


class CartLine(Struct, frozen=True, omit_defaults=True):
    menu_item_id: str
    quantity: int
    note: str | None = None
    options: list[str] = []


class Wish(Struct, frozen=True):
    """What a guest would order."""

    lines: list[CartLine]
    special_requests: str | None


def wish(menu: Sequence[Item], chance: random.Random, language: Language) -> Wish | None:
    """One or two dishes and what goes with them; None when the menu has nothing."""
    sold = [item for item in menu if not item.sold_out]
    dishes = [item for item in sold if item.preparation_minutes >= _DISH_MINUTES]
    extras = [item for item in sold if item.preparation_minutes < _DISH_MINUTES]
    chosen = _some(dishes, chance.choices((0, 1, 2, 3), (15, 45, 30, 10))[0], chance)
    chosen += _some(extras, chance.choices((0, 1, 2), (35, 45, 20))[0], chance)
    if not chosen:
        chosen = _some(sold, 1, chance)
    if not chosen:
        return None
    lines = [_line(item, chance, language) for item in chosen]
    request = chance.choice(_REQUESTS[language]) if chance.random() < 0.15 else None
    return Wish(lines, request)


def _some(items: list[Item], count: int, chance: random.Random) -> list[Item]:
    """So many different ones, those that the hotel recommends more often."""
    left, taken = list(items), []
    for _ in range(min(count, len(left))):
        item = chance.choices(left, [3 if item.is_featured else 1 for item in left])[0]
        left.remove(item)
        taken.append(item)
    return taken


def _line(item: Item, chance: random.Random, language: Language) -> CartLine:
    options = []
    for group in item.options:
        count = group.min
        if count < group.max and chance.random() < 0.3:
            count += 1
        options += [f"{group.key}:{choice.key}" for choice in chance.sample(group.choices, count)]
    quantity = chance.choices((1, 2, 3), (70, 25, 5))[0]
    note = chance.choice(_LINE_NOTES[language]) if chance.random() < 0.12 else None
    return CartLine(item.id, quantity, note, options)
