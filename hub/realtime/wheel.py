"""What is due at about a moment: putting an item in and taking it out costs the same with ten items and with
ten thousand, and all items share one timer."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Wheel(Generic[T]):
    """Items in slots of `tick` seconds. `now` is any clock in seconds that only rises."""

    __slots__ = ("_slots", "_tick", "_turned")

    def __init__(self, tick: float, now: float) -> None:
        self._tick = tick
        self._turned = int(now / tick)
        self._slots: dict[int, list[T]] = {}

    def put(self, item: T, moment: float) -> None:
        """`item` is due at `moment`, a tick later at most; at the next turn when that has passed."""
        number = max(int(moment / self._tick) + 1, self._turned + 1)
        slot = self._slots.get(number)
        if slot is None:
            self._slots[number] = [item]
        else:
            slot.append(item)

    def turn(self, now: float) -> list[T]:
        """Take out all that is due."""
        due: list[T] = []
        current = int(now / self._tick)
        for number in range(self._turned + 1, current + 1):
            due += self._slots.pop(number, ())
        self._turned = max(self._turned, current)
        return due
