"""Counting in this process alone: a sliding window of two counters per key, never more keys than fit."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_KEYS: Final = 20_000


class Windows:
    """The counters of one rule: at most `amount` hits in any `seconds`, judged as Redis judges them.

    Of more than `keys` keys the one that was hit longest ago is forgotten: a flood of new ones costs memory
    of a known size, and only their own counts.
    """

    def __init__(
        self, amount: int, seconds: int, *, keys: int = _KEYS, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._amount = amount
        self._seconds = seconds
        self._keys = keys
        self._now = now
        self._counts: OrderedDict[str, tuple[int, int, int]] = OrderedDict()

    def hit(self, key: str) -> float:
        """Count one hit. 0 when it is allowed, else the seconds after which the next one may be."""
        window, passed = divmod(self._now(), self._seconds)
        number = int(window)
        last, before, count = self._counts.get(key, (number, 0, 0))
        if last != number:
            before, count = (count if last == number - 1 else 0), 0
        weight = before * (1 - passed / self._seconds)
        if int(weight) + count + 1 > self._amount:
            # the window before fades evenly; when nothing is left of it, this one must end first
            rest = (weight % 1) * self._seconds / before if weight >= 1 else self._seconds - passed
            return rest + 0.001
        self._counts[key] = (number, before, count + 1)
        self._counts.move_to_end(key)
        if len(self._counts) > self._keys:
            self._counts.popitem(last=False)
        return 0.0
