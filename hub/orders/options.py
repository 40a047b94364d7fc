"""What a guest has chosen of a dish's options, and what that makes of its price. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from hub.errors import InvalidInput
from hub.menu.documents import Choice, OptionGroup
from hub.orders.documents import OrderOption

Chosen: TypeAlias = tuple[tuple[OptionGroup, Choice], ...]


def choose(groups: Sequence[OptionGroup], keys: Iterable[str], *, field: str) -> Chosen:
    """The choices named by `keys` ("group:choice"), in the menu's order whatever that of the keys.

    Raises `InvalidInput` with `field` for what the dish does not offer, a choice named twice, or a group of
    which too few or too many are taken.
    """
    offered = {_key(group, choice) for group in groups for choice in group.choices}
    wanted: set[str] = set()
    for key in keys:
        if key not in offered:
            raise InvalidInput(f"this dish has no option {key!r}: read the menu again", field=field)
        if key in wanted:
            raise InvalidInput(f"{key!r} is chosen twice: choose it once", field=field)
        wanted.add(key)
    chosen: list[tuple[OptionGroup, Choice]] = []
    for group in groups:
        taken = [(group, choice) for choice in group.choices if _key(group, choice) in wanted]
        if not group.min <= len(taken) <= group.max:
            raise InvalidInput(f"{_bounds(group)} of {group.key!r}: {len(taken)} are chosen", field=field)
        chosen += taken
    return tuple(chosen)


def unit_price(price: int, chosen: Chosen) -> int:
    """The price of one with its options, which can take off all of it and no more."""
    return max(0, price + sum(choice.price for _, choice in chosen))


def snapshot(chosen: Chosen) -> tuple[OrderOption, ...]:
    """The choices as an order keeps them."""
    return tuple(
        OrderOption(
            key=_key(group, choice),
            group_ja=group.name_ja,
            group_en=group.name_en,
            name_ja=choice.name_ja,
            name_en=choice.name_en,
            price=choice.price,
        )
        for group, choice in chosen
    )


def _key(group: OptionGroup, choice: Choice) -> str:
    return f"{group.key}:{choice.key}"


def _bounds(group: OptionGroup) -> str:
    if group.min == group.max:
        return f"choose {group.min}"
    return f"choose {group.min} to {group.max}"
