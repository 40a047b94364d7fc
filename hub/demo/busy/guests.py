"""The guests of the busy demo: each orders by the tablet of the room, as people do."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hub.demo.screen import Refused
from hub.drive.appetite import CartLine, Item, Wish, wish

if TYPE_CHECKING:
    from hub.demo.device import Device
    from hub.demo.screen import Screen

# What guests must not eat, as far as the hotel's list has it.
_ALLERGIES: Final = ("egg", "shrimp", "milk", "peanut", "buckwheat", "wheat", "walnut")
_DECLARES: Final = 0.1
_CONFIRMS: Final = 0.4
_SCHEDULES: Final = 0.08
_CANCELS: Final = 0.06
# A dish whose hours are over is not asked for again so soon.
_CLOSED_SECONDS: Final = 600.0
_ATTEMPTS: Final = 4
_log = logging.getLogger(__name__)


class Guests:
    """Those of all rooms; `devices` are their tablets, by room. The same seed throws the same dice."""

    def __init__(self, devices: dict[str, Device], seed: int, speed: float) -> None:
        self._devices = devices
        self._chance = random.Random(f"{seed} guests")
        self._speed = speed
        self._closed: dict[str, float] = {}

    async def order(self) -> str | None:
        """One of those who are there orders; the id of the order, None when nothing came of it."""
        there = {room: device.screen for room, device in self._devices.items() if device.screen is not None}
        if not there:
            return None
        screen = there[self._chance.choice(sorted(there))]
        try:
            return await self._order(screen)
        except (Refused, OSError, TimeoutError) as error:
            _log.debug("a guest got no order", extra={"reason": str(error)})
            return None

    async def _order(self, screen: Screen) -> str | None:
        chance = self._chance
        wanted = wish(self._menu(screen), chance, chance.choice(("ja", "en")))
        declares, schedules, cancels = (chance.random() for _ in range(3))
        if wanted is None:
            return None
        if declares < _DECLARES and not screen.documents.get("stay"):
            await self._declare(screen)
        order = await self._place(screen, wanted, scheduled=schedules < _SCHEDULES)
        if order is None:
            return None
        order_id: str = order["id"]
        if cancels < _CANCELS:
            await asyncio.sleep(chance.uniform(5, 20) / self._speed)
            await screen.command("order.cancel", order_id=order_id)
        return order_id

    async def _declare(self, screen: Screen) -> None:
        (hotel,) = screen.documents["hotel"].values()
        known = {allergen["code"] for allergen in hotel["allergens"]["items"]}
        codes = [code for code in _ALLERGIES if code in known]
        chosen = self._chance.sample(codes, self._chance.choice((1, 1, 2)))
        await screen.command("stay.declare", allergens=chosen)

    async def _place(self, screen: Screen, wanted: Wish, *, scheduled: bool) -> dict[str, Any] | None:
        """Give up what cannot be had, and ask again. Raises Refused, ConnectionError."""
        lines, confirmed = list(wanted.lines), False
        due: dict[str, str] = {}
        for _ in range(_ATTEMPTS):
            if not lines:
                break
            cart = msgspec.to_builtins(lines)
            try:
                if scheduled and not due:
                    due = await self._due_at(screen, cart)
                quote = (await screen.command("order.quote", lines=cart, **due))["quote"]
                placed = await screen.command(
                    "order.place",
                    lines=cart,
                    quoted_total=quote["total_amount"],
                    special_requests=wanted.special_requests,
                    age_attested=True,
                    allergens_confirmed=confirmed,
                    **due,
                )
            except Refused as refusal:
                details: dict[str, Any] = refusal.details["details"]  # type: ignore[assignment]
                match refusal.details["code"]:
                    case "allergen_conflict" if self._chance.random() < _CONFIRMS:
                        confirmed = True
                    case "allergen_conflict":
                        numbers = {conflict["line"] for conflict in details["conflicts"]}
                        lines = [line for at, line in enumerate(lines, 1) if at not in numbers]
                    case "item_unavailable":
                        lines = self._without(lines, details["unavailable"])
                    case "out_of_stock":
                        lines = self._without(lines, details["left"])
                    case "price_changed":
                        pass
                    case _:
                        raise
            else:
                order: dict[str, Any] = placed["order"]
                return order
        return None

    def _without(self, lines: list[CartLine], refused: Iterable[dict[str, Any]]) -> list[CartLine]:
        """The lines that can be had; of the others nobody orders for a while."""
        until = time.monotonic() + _CLOSED_SECONDS
        away = {one["menu_item_id"]: until for one in refused}
        self._closed.update(away)
        return [line for line in lines if line.menu_item_id not in away]

    async def _due_at(self, screen: Screen, cart: list[dict[str, Any]]) -> dict[str, str]:
        """One of the next times that are free; nothing when there is none."""
        slots = (await screen.command("order.slots", lines=cart))["slots"]
        free = [slot["at"] for slot in slots if slot["free"]][:3]
        return {"due_at": self._chance.choice(free)} if free else {}

    def _menu(self, screen: Screen) -> list[Item]:
        now = time.monotonic()
        documents = screen.documents.get("menu_item", {}).values()
        items = (msgspec.convert(document, Item) for document in documents)
        return [item for item in items if self._closed.get(item.id, 0.0) <= now]
