"""What guests and cooks do all evening, and the moments at which a test may act."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.realtime.screens import Answer

if TYPE_CHECKING:
    from tests.factories import Hotel
    from tests.faults.client import Client

STEPS = {"received": "cooking", "cooking": "ready", "ready": "delivering", "delivering": "delivered"}


class Actor:
    """One person at one client, who does something sensible again and again. `pace` is the longest pause in
    seconds."""

    def __init__(self, client: Client, hotel: Hotel, pace: float, seed: int) -> None:
        self.client = client
        self._hotel = hotel
        self._pace = pace
        self._dice = random.Random(seed)
        self.refused: Counter[str] = Counter()

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop; then the last answer is still waited for."""
        while not stop.is_set() and self.client.ended is None:
            # now and then two at once, as from a cook with both hands
            hands = 2 if self._dice.random() < 0.2 else 1
            await asyncio.gather(*(self._act() for _ in range(hands)))
            await asyncio.sleep(self._dice.uniform(0, self._pace))

    async def _act(self) -> None:
        try:
            await (self._order() if self.client.principal.kind == "tablet" else self._cook())
        except Answer as answer:
            self.refused[answer.code] += 1  # two had the same thought

    async def _order(self) -> None:
        mine = [order for order in self.client.shown.orders().values() if order["status"] == "received"]
        if mine and self._dice.random() < 0.15:
            await self.client.ask("order.cancel", {"order_id": self._dice.choice(mine)["id"]})
            return
        names = self._dice.sample(["soup", "curry", "beer"], self._dice.randint(1, 3))
        lines = [
            {"menu_item_id": str(self._hotel.menu[name]), "quantity": self._dice.randint(1, 3)}
            for name in names
        ]
        await self.client.ask("order.place", {"lines": lines, "age_attested": True})

    async def _cook(self) -> None:
        orders = [order for order in self.client.shown.orders().values() if order["status"] != "delivered"]
        if not orders:
            return
        order = self._dice.choice(orders)
        key = {"order_id": order["id"]}
        if order["status"] == "cancelled":
            if order["cancel_acked_at"] is None:
                await self.client.ask("order.acknowledge", key)
        elif order["shown_at"] is None:
            await self.client.ask("order.seen", {"order_ids": [order["id"]]}, once=False)
        elif order["status"] == "ready" and self._dice.random() < 0.1:
            await self.client.ask("order.recall", {**key, "expected_version": order["version"]})
        elif order["status"] in ("received", "cooking") and self._dice.random() < 0.5:
            item = self._dice.choice([item for item in order["items"] if item["status"] != "cancelled"])
            to = "cooking" if item["status"] == "pending" else "ready"
            await self.client.ask("item.advance", {**key, "line": item["line"], "to": to})
        else:
            await self.client.ask("order.advance", {**key, "to": STEPS[order["status"]], "id_checked": True})


class Lateness:
    """How many seconds this process itself was held up, by a busy machine: nobody else's fault."""

    _TICK = 0.05

    def __init__(self) -> None:
        self._counted = 0.0
        self._due = float("inf")

    @property
    def seconds(self) -> float:
        """So far, and what the tick of now is late already."""
        return self._counted + self._late()

    def _late(self) -> float:
        late = time.monotonic() - self._due
        return late if late > self._TICK else 0.0

    async def run(self) -> None:
        while True:
            self._due = time.monotonic() + self._TICK
            await asyncio.sleep(self._TICK)
            self._counted += self._late()


@asynccontextmanager
async def lateness() -> AsyncIterator[Lateness]:
    """Counted inside the block."""
    late = Lateness()
    counting = asyncio.create_task(late.run())
    try:
        yield late
    finally:
        counting.cancel()
