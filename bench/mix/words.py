"""What the bench and the client processes of a mix say to each other."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct, field

from hub.drive.client import Address
from hub.drive.histogram import Histogram
from hub.drive.seats import Device

Over: TypeAlias = Literal["http", "sockets"]
# Per thousand. An order takes four bumps to the guest's door, so that as many leave as come in.
SHARES: dict[Over, dict[str, int]] = {
    "http": {"menu": 250, "active": 250, "status": 250, "place": 50, "bump": 200},
    "sockets": {"open": 500, "quote": 250, "place": 50, "bump": 200},
}
READS = frozenset({"menu", "active", "status", "open", "quote"})
PLACE_ONLY = {"place": 1000}


class Plan(Struct, frozen=True):
    """The first line: the devices of this process, whole hotels."""

    address: Address
    devices: list[Device]
    over: Over
    run: str


class Go(Struct, tag="go", frozen=True):
    """So many requests a second from `start` (`time.monotonic`), the first `warmup` seconds unmeasured. With
    `again`, what is lost or refused for a time is sent again, with the same operation id."""

    shares: dict[str, int]
    rate: float
    warmup: float
    seconds: float
    start: float
    seed: int
    drain: float
    again: bool = False


class Closed(Struct, tag="closed", frozen=True):
    """Orders as fast as they are answered, `callers` of them at one time."""

    callers: int
    seconds: float


class Check(Struct, tag="check", frozen=True):
    """Look whether every confirmed order is there, once."""


class Joined(Struct, tag="joined", frozen=True):
    """Ready."""


class Tally(Struct, tag="tally"):
    """What came of it. Latencies by operation in seconds from the moment each was due; errors by code; `late`
    is how long after it they were sent. `spans` holds the p99 candidates by second: moment, latency."""

    due: int = 0
    done: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    latencies: dict[str, Histogram] = field(default_factory=dict)
    late: Histogram = field(default_factory=Histogram)
    repeats: int = 0
    cpu_seconds: float = 0.0
    samples: list[tuple[float, float]] = field(default_factory=list)

    def add(self, operation: str, seconds: float) -> None:
        self.done += 1
        self.latencies.setdefault(operation, Histogram()).add(seconds)

    def error(self, code: str) -> None:
        self.errors[code] = self.errors.get(code, 0) + 1

    def merge(self, other: Tally) -> None:
        self.due += other.due
        self.done += other.done
        self.repeats += other.repeats
        for code, count in other.errors.items():
            self.errors[code] = self.errors.get(code, 0) + count
        for name, histogram in other.latencies.items():
            self.latencies.setdefault(name, Histogram()).merge(histogram)
        self.late.merge(other.late)
        self.cpu_seconds = max(self.cpu_seconds, other.cpu_seconds)
        self.samples += other.samples

    def whole(self, names: frozenset[str] | None = None) -> Histogram:
        """Of these operations, or of all."""
        whole = Histogram()
        for name, histogram in self.latencies.items():
            if names is None or name in names:
                whole.merge(histogram)
        return whole

    @property
    def error_percent(self) -> float:
        return 100 * sum(self.errors.values()) / max(1, self.due)


class Checked(Struct, tag="checked"):
    """Confirmed orders, those that are not there, and those that are there twice."""

    confirmed: int = 0
    missing: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    def merge(self, other: Checked) -> None:
        self.confirmed += other.confirmed
        self.missing += other.missing
        self.doubled += other.doubled


Asked: TypeAlias = Go | Closed | Check
