"""The crew of the busy demo: cooks and runners, at a kitchen screen of their own."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

import msgspec

from hub.demo.screen import Refused
from hub.drive.brigade import Brigade, Order, Step

if TYPE_CHECKING:
    from hub.demo.screen import Screen

_LOOK_SECONDS: Final = 0.25
_OPEN: Final = ("received", "cooking", "ready", "delivering")


class Crew:
    """Works on all orders but those of one room, `but`, which is the visitor's."""

    def __init__(self, brigade: Brigade, but: str) -> None:
        self._brigade = brigade
        self._but = but
        self._seen: set[str] = set()
        self.open = 0

    async def work(self, screen: Screen) -> None:
        """Until it is cancelled, or the screen is lost. Others may bump at the same time."""
        while True:
            orders = [msgspec.convert(order, Order) for order in screen.documents.get("order", {}).values()]
            now = time.time()
            self.open = sum(order.status in _OPEN and not order.waits(now) for order in orders)
            theirs = [order for order in orders if order.room_number != self._but]
            self._brigade.show(theirs)
            await self._see(screen, theirs)
            for step in self._brigade.steps(now):
                await self._take(screen, step)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _see(self, screen: Screen, orders: list[Order]) -> None:
        """Once for each order: somebody looks at the screen, whatever other screens show."""
        fresh = [order.id for order in orders if order.status == "received" and order.id not in self._seen]
        self._seen = self._seen.intersection(order.id for order in orders).union(fresh)
        if fresh:
            await screen.command("order.seen", order_ids=fresh[:100])

    async def _take(self, screen: Screen, step: Step) -> None:
        # What the visitor has bumped in the same moment is refused, and looked at again.
        with contextlib.suppress(Refused, TimeoutError):
            await screen.command(step.name, **step.args)
