"""What the sockets, sessions and feeds of one process have done, counted where it happens. Nothing here
belongs to a tenant, and nothing counts once for each session that an event reaches."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from time import perf_counter, time
from typing import Final, Literal, TypeAlias

from hub.realtime.protocol import CloseCode
from hub.telemetry.histogram import TURNS, Histogram

Way: TypeAlias = Literal["snapshot", "replay", "nothing"]
Outcome: TypeAlias = Literal["accepted", "draining", "protocol", "origin", "crowded"]

OUTCOMES: Final[tuple[Outcome, ...]] = ("accepted", "draining", "protocol", "origin", "crowded")
_moment: Final = datetime.fromisoformat
WAYS: Final[tuple[Way, ...]] = ("snapshot", "replay", "nothing")


class Tally:
    """`closes` are by close code, None for a client that left by itself; `sessions` are open, by the kind of
    their principal; `streams` are those among them that came over HTTP, long polls included."""

    def __init__(self) -> None:
        self.sessions: Counter[str] = Counter()
        self.streams = 0
        self.handshakes: dict[Outcome, int] = dict.fromkeys(OUTCOMES, 0)
        self.closes: dict[CloseCode | None, int] = dict.fromkeys((*CloseCode, None), 0)
        self.deliveries = 0
        self.fan_out = Histogram(TURNS)
        self.commit_to_frame = Histogram()
        self.joins: dict[Way, Histogram] = {way: Histogram() for way in WAYS}
        self.replayed = 0
        self.filled = 0

    def delivered(self, sessions: int, at: str, started: float) -> None:
        """An event of the time `at` has been handed to so many sessions, since `started` (perf_counter)."""
        if sessions:
            self.deliveries += sessions
            self.fan_out.add(perf_counter() - started)
            add_age(self.commit_to_frame, at)


def add_age(ages: Histogram, at: str) -> None:
    """Count the seconds since a time of the log; less than 0 when its clock is ahead of ours."""
    try:  # `suppress` would take longer than the rest
        ages.add(time() - _moment(at).timestamp())
    except ValueError:  # a text from the broker, of which nothing else depends on this
        return
