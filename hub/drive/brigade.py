"""The cooks and runners of a kitchen: shown what its screen shows, they say what they do next. Pure: whoever
asks brings the time.

    received    somebody accepts it; each station takes note of an allergy, and begins when it has a place
    cooking     each station is ready when its slowest item is
    ready       a runner takes it, with others that wait
    delivering  the runner hands it over, and is free again

Others may bump at the same kitchen: what to do next follows from the orders alone, as they are now.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

# A step that was refused, or is not seen to have happened, is tried again.
_AGAIN_SECONDS: Final = 10.0
_MOST_ON_A_TRIP: Final = 3


class Line(Struct, frozen=True):
    """An item of an order, as far as it says what is to be done."""

    line: int
    status: str
    station: str
    preparation_minutes: int
    conflicts: list[str]


class Order(Struct, frozen=True):
    """An order's document, as far as it says what is to be done."""

    id: str
    order_number: int
    room_number: str
    status: str
    placed_at: datetime
    items: list[Line]
    rush: bool
    fire_at: datetime | None
    trip_id: str | None
    accepted_at: datetime | None
    allergy_acked_at: datetime | None
    allergy_acked_stations: list[str]
    cancel_acked_at: datetime | None
    cancel_acked_stations: list[str]

    @property
    def live(self) -> list[Line]:
        return [item for item in self.items if item.status != "cancelled"]

    @property
    def awaits_acknowledgement(self) -> bool:
        """Of a cancellation."""
        return self.cancel_acked_at is None and len(self.live) < len(self.items)

    @property
    def unnoted_cancellation(self) -> list[str]:
        """The stations that have not seen what was cancelled."""
        if self.cancel_acked_at is not None:
            return []
        gone = [item for item in self.items if "cancelled" in (self.status, item.status)]
        return _without(gone, self.cancel_acked_stations)

    @property
    def unnoted_allergy(self) -> list[str]:
        """The stations that have not taken note of what they make of it."""
        if self.allergy_acked_at is not None:
            return []
        return _without([item for item in self.live if item.conflicts], self.allergy_acked_stations)

    def waits(self, now: float) -> bool:
        """It is scheduled, and its time has not come, in seconds since 1970."""
        return self.fire_at is not None and self.fire_at.timestamp() > now

    @property
    def is_over(self) -> bool:
        return self.status in ("delivered", "cancelled") and not self.awaits_acknowledgement


class Step(Struct, frozen=True):
    """A command of a kitchen screen."""

    name: str
    args: dict[str, Any]


class Brigade:
    """`at_once` are the orders that each station works on, `speed` is how many times faster than people they
    are. The same seed and the same orders take the same time."""

    def __init__(self, *, seed: int, speed: float = 1.0, at_once: int = 4, runners: int = 2) -> None:
        self._seed = seed
        self._speed = speed
        self._at_once = at_once
        self._runners = runners
        self._orders: list[Order] = []
        self._moments: dict[tuple[str, str], float] = {}
        self._asked: set[tuple[str, str]] = set()

    def show(self, orders: Iterable[Order]) -> None:
        """All orders as they are now."""
        going_on = (order for order in orders if not order.is_over)
        self._orders = sorted(going_on, key=lambda order: (not order.rush, order.placed_at))

    def steps(self, now: float) -> list[Step]:
        """What is done at this moment, in seconds since 1970."""
        self._asked.clear()
        fired = [order for order in self._orders if not order.waits(now)]
        steps = [
            *self._attend(now),
            *self._cook([order for order in fired if order.status in ("received", "cooking")], now),
            *self._carry([order for order in fired if order.status in ("ready", "delivering")], now),
        ]
        for key in self._moments.keys() - self._asked:
            del self._moments[key]
        return steps

    def _attend(self, now: float) -> Iterator[Step]:
        for order in self._orders:
            for station in order.unnoted_cancellation:
                if self._due(order, f"acknowledge {station}", 5, 15, now):
                    yield Step("order.acknowledge", {"order_id": order.id, "stations": [station]})

    def _cook(self, orders: list[Order], now: float) -> Iterator[Step]:
        places: dict[str, int] = {}
        for order in orders:
            for station in {item.station for item in order.live if item.status == "cooking"}:
                places[station] = places.get(station, self._at_once) - 1
        for order in orders:
            if order.accepted_at is None:
                if self._due(order, "accept", 6, 25, now):
                    yield Step("order.accept", {"order_id": order.id})
            else:
                yield from self._at_the_stations(order, places, now)

    def _at_the_stations(self, order: Order, places: dict[str, int], now: float) -> Iterator[Step]:
        unnoted = order.unnoted_allergy
        for station in dict.fromkeys(item.station for item in order.live):
            if station in unnoted:
                if self._due(order, f"allergy {station}", 8, 25, now):
                    args = {"order_id": order.id, "stations": [station]}
                    yield Step("order.acknowledge_allergy", args)
                continue
            items = [item for item in order.live if item.station == station and item.status != "ready"]
            begun = [item for item in items if item.status == "cooking"]
            waiting = [item for item in items if item.status == "pending"]
            slowest = max((item.preparation_minutes for item in items), default=0)
            if begun or (items and slowest == 0):
                seconds = max(slowest * 60, 20)
                if self._due(order, f"ready {station}", seconds * 0.7, seconds * 1.15, now):
                    yield self._bump(order, "ready", items)
            elif waiting and places.get(station, self._at_once) > 0:
                places[station] = places.get(station, self._at_once) - 1
                if self._due(order, f"begin {station}", 5, 30, now):
                    yield self._bump(order, "cooking", waiting)

    def _carry(self, orders: list[Order], now: float) -> Iterator[Step]:
        under_way = [order for order in orders if order.status == "delivering"]
        free = self._runners - len({order.trip_id or order.id for order in under_way})
        ready = [order for order in orders if order.status == "ready" and not order.awaits_acknowledgement]
        due = [order for order in ready if self._due(order, "leave", 20, 70, now)]
        while due and free > 0:
            trip = [due[0], *(order for order in ready if order is not due[0])][:_MOST_ON_A_TRIP]
            together = {} if len(trip) == 1 else {"trip_id": str(self._trip(trip[0]))}
            for order in trip:
                yield Step("order.advance", {"order_id": order.id, "to": "delivering", **together})
            ready = [order for order in ready if order not in trip]
            due = [order for order in due if order not in trip]
            free -= 1
        for order in under_way:
            if self._due(order, "hand over", 60, 240, now):
                args = {"order_id": order.id, "to": "delivered", "id_checked": True}
                yield Step("order.advance", args)

    def _bump(self, order: Order, to: str, items: list[Line]) -> Step:
        lines = [item.line for item in items]
        return Step("order.advance", {"order_id": order.id, "to": to, "items": lines})

    def _trip(self, order: Order) -> UUID:
        return UUID(int=random.Random(f"{self._seed} {order.id} trip").getrandbits(128), version=4)

    def _due(self, order: Order, what: str, least: float, most: float, now: float) -> bool:
        """Whether somebody has got to it, between `least` and `most` seconds after it could be done."""
        key = (order.id, what)
        self._asked.add(key)
        if key not in self._moments:
            chance = random.Random(f"{self._seed} {order.order_number} {what}")
            self._moments[key] = now + chance.uniform(least, most) / self._speed
        if self._moments[key] > now:
            return False
        self._moments[key] = now + _AGAIN_SECONDS
        return True


def _without(items: list[Line], noted: list[str]) -> list[str]:
    """The stations of these items that are not in `noted`."""
    return [station for station in dict.fromkeys(item.station for item in items) if station not in noted]
