"""What the bench and its client processes say to each other: JSON lines over pipes."""

from __future__ import annotations

from msgspec import Struct, field

from hub.drive.client import Address
from hub.drive.histogram import Histogram
from hub.drive.ledger import Faults
from hub.drive.schedule import Arrivals
from hub.drive.seats import Device

MEASURES = ("place", "frame", "change", "screen", "bump")
# They compare the database's clock with the client's.
TWO_CLOCKS = ("frame", "change")


class Plan(Struct, frozen=True):
    """The first line to a process: its share of the devices. `tablets` are numbered over all processes, and
    `first` is the number of its own first one; `run` names the bench in the notes of its orders."""

    address: Address
    devices: list[Device]
    first: int
    tablets: int
    arrivals: Arrivals
    bumps: float
    seen: bool
    run: str
    drain_seconds: float


class Go(Struct, frozen=True):
    """One run: the schedule begins at `start` (`time.monotonic`), the first `warmup` seconds do not count."""

    rate: float
    warmup: float
    seconds: float
    start: float
    seed: int


class Tally(Struct):
    """What has come of a run so far: orders due in the measured part, errors by code, latencies by measure.

    `answered` and `commands` count what was confirmed inside the measured window, whenever it was due.
    `late` is how long after its moment a frame was sent.
    """

    due: int = 0
    answered: int = 0
    commands: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    latencies: dict[str, Histogram] = field(default_factory=lambda: {name: Histogram() for name in MEASURES})
    late: Histogram = field(default_factory=Histogram)
    faults: Faults = field(default_factory=Faults)
    cpu_seconds: float = 0.0

    def merge(self, other: Tally) -> None:
        self.due += other.due
        self.answered += other.answered
        self.commands += other.commands
        for code, count in other.errors.items():
            self.errors[code] = self.errors.get(code, 0) + count
        for name, histogram in other.latencies.items():
            self.latencies[name].merge(histogram)
        self.late.merge(other.late)
        self.faults.merge(other.faults)
        self.cpu_seconds = max(self.cpu_seconds, other.cpu_seconds)

    def error(self, code: str) -> None:
        self.errors[code] = self.errors.get(code, 0) + 1


class Joined(Struct, tag="joined", frozen=True):
    """All sockets are up to date."""


class Progress(Struct, tag="progress", frozen=True):
    tally: Tally


class Finished(Struct, tag="finished", frozen=True):
    tally: Tally


class Stopped(Struct, tag="stopped", frozen=True):
    """The process cannot go on."""

    reason: str


Told = Joined | Progress | Finished | Stopped
