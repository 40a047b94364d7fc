"""What the bench and the client processes of a crowd say to each other."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct, field

from hub.drive.client import Address
from hub.drive.histogram import Histogram


class Plan(Struct, frozen=True):
    """The first line: the devices of this process by their tokens, the addresses it connects from ("" for the
    usual one), and how many may come in at one time when there is no storm."""

    address: Address
    tokens: list[str]
    sources: list[str]
    window: int


class Open(Struct, tag="open", frozen=True):
    """Bring the first `count` devices in; what is not live after `patience` seconds is given up."""

    count: int
    patience: float


class Look(Struct, tag="look", frozen=True):
    """Tell how the sessions are; the counters begin anew."""


class Listen(Struct, tag="listen", frozen=True):
    """From now on expect an event of this kind, and after each `Gather` the next one; `Listening` is told."""

    kind: str


class Gather(Struct, tag="gather", frozen=True):
    """What caused the event was sent at `sent` (`time.monotonic`): tell when every session has it."""

    sent: float
    patience: float


class Reset(Struct, tag="reset", frozen=True):
    """At `moment` (`time.monotonic`) cut every connection (or, not `cut`, wait until the hub does), and come
    back at a random moment of the next `spread` seconds; a device that is `fresh` has forgotten where it
    was."""

    moment: float
    spread: float
    fresh: bool
    cut: bool
    patience: float


class Joins(Struct, tag="joins"):
    """What became of connecting. `live` came in, in `seconds` all together; `refused` counts answers 503,
    `retries` other failures that were tried again, `failed` by reason those who were given up. `took` is
    from each device's first attempt until it was live; `ended` the moment of the last."""

    live: int = 0
    seconds: float = 0.0
    refused: int = 0
    retries: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    took: Histogram = field(default_factory=Histogram)
    cpu_seconds: float = 0.0
    ended: float = 0.0

    @property
    def a_second(self) -> float | None:
        return round(self.live / self.seconds, 1) if self.seconds else None

    def merge(self, other: Joins) -> None:
        self.live += other.live
        self.seconds = max(self.seconds, other.seconds)
        self.refused += other.refused
        for mine, theirs in ((self.retries, other.retries), (self.failed, other.failed)):
            for reason, count in theirs.items():
                mine[reason] = mine.get(reason, 0) + count
        self.took.merge(other.took)
        self.cpu_seconds = max(self.cpu_seconds, other.cpu_seconds)
        self.ended = max(self.ended, other.ended)


class Progress(Struct, tag="progress", frozen=True):
    """While devices come in."""

    live: int
    refused: int


class Listening(Struct, tag="listening", frozen=True):
    """What happens now is counted."""


class Seen(Struct, tag="seen"):
    """The sessions now; `stale` are those that heard no position for two of the hub's intervals. Frames and
    bytes that came since the last look, `lost` sessions by close code, CPU seconds of the client."""

    live: int = 0
    stale: int = 0
    frames: int = 0
    bytes: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    cpu_seconds: float = 0.0

    def merge(self, other: Seen) -> None:
        self.live += other.live
        self.stale += other.stale
        self.frames += other.frames
        self.bytes += other.bytes
        for code, count in other.lost.items():
            self.lost[code] = self.lost.get(code, 0) + count
        self.cpu_seconds = max(self.cpu_seconds, other.cpu_seconds)


class Heard(Struct, tag="heard"):
    """The event has come to `count` sessions. Latencies from `sent`, and from the event's `at`; `repeated`
    counts sessions that got it again."""

    count: int = 0
    repeated: int = 0
    from_sent: Histogram = field(default_factory=Histogram)
    from_commit: Histogram = field(default_factory=Histogram)

    def merge(self, other: Heard) -> None:
        self.count += other.count
        self.repeated += other.repeated
        self.from_sent.merge(other.from_sent)
        self.from_commit.merge(other.from_commit)


Asked: TypeAlias = Open | Look | Listen | Gather | Reset
Told: TypeAlias = Joins | Progress | Listening | Seen | Heard
