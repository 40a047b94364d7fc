"""What a client process knows of its hotels: devices, what may be ordered, and the orders on their way."""

from __future__ import annotations

import random
from collections import deque
from typing import Final

import msgspec
from msgspec import Raw, Struct

from hub.drive.messages import Dish, confirmations, dishes
from hub.drive.seats import Device

STEPS: Final = ("cooking", "ready", "delivering", "delivered")
_REMEMBERED: Final = 8


class Underway(Struct):
    """An order, and the next step that the kitchen takes; nobody else works on it meanwhile."""

    id: str
    step: int = 0


class Hotel:
    """One of them."""

    def __init__(self, tablets: list[Device], kitchens: list[Device]) -> None:
        self.tablets = tablets
        self.kitchens = kitchens
        self.dishes: list[str] = []
        self.underway: deque[Underway] = deque()
        self._placed: dict[str, deque[str]] = {tablet.token: deque(maxlen=_REMEMBERED) for tablet in tablets}
        self._known: list[str] = []

    def learn(self, items: list[Dish]) -> None:
        """The menu."""
        self.dishes = [item.id for item in items if item.orderable]

    def cart(self, chance: random.Random, note: str) -> bytes:
        """Arguments of an order of one to three dishes."""
        chosen = chance.sample(self.dishes, min(len(self.dishes), chance.randint(1, 3)))
        lines = [{"menu_item_id": dish, "quantity": chance.randint(1, 2)} for dish in chosen]
        return msgspec.json.encode({"lines": lines, "special_requests": note})

    def placed(self, tablet: Device, result: bytes | Raw) -> str:
        """A confirmed order; its id."""
        order_id = confirmations.decode(result).order.id
        own = self._placed[tablet.token]
        if not own:
            self._known.append(tablet.token)
        own.append(order_id)
        self.underway.append(Underway(order_id))
        return order_id

    def guest(self, chance: random.Random) -> tuple[str, str] | None:
        """A tablet that has ordered (its token), and one of its orders."""
        if not self._known:
            return None
        token = chance.choice(self._known)
        return token, chance.choice(self._placed[token])


class _Menu(Struct, frozen=True):
    items: list[Raw]


_menus: Final = msgspec.json.Decoder(_Menu)


def menu(body: bytes) -> list[Dish]:
    """Of the answer of GET /api/v1/menu."""
    return [dishes.decode(item) for item in _menus.decode(body).items]


def hotels(devices: list[Device]) -> list[Hotel]:
    """The devices, by hotel."""
    found: dict[int, tuple[list[Device], list[Device]]] = {}
    for device in devices:
        tablets, kitchens = found.setdefault(device.hotel, ([], []))
        (tablets if device.kind == "tablet" else kitchens).append(device)
    return [Hotel(tablets, kitchens) for tablets, kitchens in found.values()]
