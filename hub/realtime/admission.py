"""Admission of new sockets: a process that restarts is found by thousands at once, and those who are inside
already must not wait for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_ROUNDING: Final = 1e-9


class Admission:
    """A token bucket: `burst` at once, then `per_second`."""

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._at = clock()

    def wait(self) -> float:
        """0 and one is let in, or the seconds until it is worth to ask again."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens > 1 - _ROUNDING:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._per_second
