"""What the bench and its client process say to each other."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from hub.drive.histogram import Histogram

ShapeName: TypeAlias = Literal["fanout", "kitchen"]


class Shape(Struct, frozen=True):
    """`groups` of `sockets` each: every event goes to all sockets of one group."""

    name: ShapeName
    groups: int
    sockets: int

    @property
    def all_sockets(self) -> int:
        return self.groups * self.sockets

    @property
    def label(self) -> str:
        return f"{self.name}-{self.groups * self.sockets}"

    @property
    def title(self) -> str:
        if self.name == "fanout":
            return f"fan-out: 1 publisher, {self.sockets:,} sockets"
        return f"kitchens: {self.groups:,} hotels x {self.sockets} sockets"


class HubAccess(Struct, frozen=True):
    """What a client of the hub needs: a token for each socket, group by group, the tenants of the groups, the
    hub's settings to sign its messages with, and the database as its superuser to write events."""

    tokens: list[str]
    tenants: list[str]
    environ: dict[str, str]
    superuser_url: str


class Plan(Struct, frozen=True):
    """The first line to a client. `redis` is the path of Redis' socket."""

    server: str
    port: int
    shape: Shape
    redis: str
    hub: HubAccess | None = None


class Batch(Struct, frozen=True):
    """Publish so many events, spread over the groups. A closed loop with at most `outstanding` on the way,
    or (`rate`) so many events a second whatever becomes of them. What has not come after `patience` seconds
    is lost."""

    events: int
    patience: float
    outstanding: int = 0
    rate: float = 0.0


class Joined(Struct, tag="joined", frozen=True):
    """All sockets have joined, in so many seconds."""

    seconds: float
    cpu_seconds: float


class Ready(Struct, tag="ready", frozen=True):
    """The events of the batch are built."""


class Start(Struct, frozen=True):
    """Publish them."""


class Finished(Struct, tag="finished", frozen=True):
    """`seconds` from the first event to the last delivery; `faults` by kind; `others` counts frames that were
    no events (heartbeats). `latency` is of each delivery, in an open loop only, from the moment the event was
    due; `late` is how long after it the event was sent."""

    seconds: float
    deliveries: int
    faults: dict[str, int]
    examples: list[str]
    others: int
    cpu_seconds: float
    latency: Histogram
    late: Histogram
