"""When to try again, and whom to leave alone for a while. Pure."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

# Past it an alert is no news.
LIFE: Final = timedelta(hours=24)
_FIRST_SECONDS: Final = 5.0
_FACTOR: Final = 3.0
_LONGEST_SECONDS: Final = 3600.0
# So many failures in a row, and an address is left alone; one message is tried in its turn.
_FAILURES: Final = 3
_REST_SECONDS: Final = 15.0
_LONGEST_REST_SECONDS: Final = 300.0
# More of either would only make numbers that no float holds.
_DOUBLINGS: Final = 10


def next_try(attempts: int, created_at: datetime, now: datetime) -> timedelta | None:
    """How long to wait after so many attempts at a message; None when it is too old for another one.

    5 s, 15 s, 45 s, ... an hour, each up to a quarter more or less, so that what failed together does not
    come again together.
    """
    seconds = min(_FIRST_SECONDS * _FACTOR ** min(attempts - 1, _DOUBLINGS), _LONGEST_SECONDS)
    pause = timedelta(seconds=seconds * random.uniform(0.75, 1.25))
    return pause if now + pause < created_at + LIFE else None


class _Line(Struct):
    failures: int = 0
    closed_until: float = float("-inf")


class Circuits:
    """Addressees who fail again and again are left alone, longer each time: nobody else waits for them, and a
    server that comes back is not run over. Times are seconds of any clock that only goes forward."""

    def __init__(self) -> None:
        self._lines: dict[UUID, _Line] = {}

    def closed(self, now: float) -> list[UUID]:
        """Who is left alone now."""
        return [name for name, line in self._lines.items() if line.closed_until > now]

    def failed(self, name: UUID, now: float) -> None:
        line = self._lines.setdefault(name, _Line())
        line.failures += 1
        if line.failures >= _FAILURES:
            times = min(line.failures - _FAILURES, _DOUBLINGS)
            rest = min(_REST_SECONDS * 2.0**times, _LONGEST_REST_SECONDS)
            line.closed_until = now + rest * random.uniform(0.75, 1.25)

    def succeeded(self, name: UUID) -> bool:
        """Whether it had failed before."""
        return self._lines.pop(name, None) is not None
