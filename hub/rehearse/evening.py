"""An evening that was never recorded: orders come slowly, then all at once, then slowly again."""

from __future__ import annotations

import math
from random import Random
from typing import Final

import msgspec

from hub.drive.appetite import Item, wish
from hub.drive.schedule import schedule
from hub.rehearse.script import Dish, Line, Ordered, fitting

# At the height of the rush orders come 1 / (1 - _PEAK) times as often as on average.
_PEAK: Final = 0.6


def evening(dishes: list[Dish], *, count: int, seconds: float, rooms: int, seed: int) -> list[Ordered]:
    """At most `count` orders in so many seconds, from that many rooms; the same seed, the same evening."""
    chance = Random(f"{seed} evening")
    by_id = {dish.id: dish for dish in dishes}
    menu = [
        msgspec.convert({**msgspec.to_builtins(dish), "sold_out": False}, Item)
        for dish in dishes
        if dish.fulfilment == "room_service"
    ]
    orders = []
    # The first arrivals before the one that is too many are spread as those of any evening with so many are.
    arrivals = schedule(1.0, 3.0 * count + 60, rooms, "poisson", seed)[: count + 1]
    for arrival in arrivals[:-1]:
        wanted = wish(menu, chance, "ja")
        if wanted is not None:
            lines = [Line(line.menu_item_id, line.quantity, line.options) for line in wanted.lines]
            fitted = [fitting(line, by_id[line.dish]) for line in lines]
            at = _swell(arrival.moment / arrivals[-1].moment) * seconds
            orders.append(Ordered(at, arrival.tablet + 1, fitted))
    return orders


def _swell(share: float) -> float:
    """Moments that are evenly spread from 0 to 1 come together in the middle."""
    return share + _PEAK * math.sin(2 * math.pi * share) / (2 * math.pi)
