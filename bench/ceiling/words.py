"""What the bench and the processes of a ceiling say to each other."""

from __future__ import annotations

from msgspec import Struct, field

from hub.settings import Settings


class Plan(Struct, frozen=True):
    """The first line: the database, and a tablet's and a kitchen's token of each hotel."""

    settings: Settings
    tokens: list[tuple[str, str]]


class Go(Struct, tag="go", frozen=True):
    """A closed loop of `connections`, operations by their share."""

    shares: dict[str, int]
    connections: int
    seconds: float


class Ready(Struct, tag="ready", frozen=True):
    """Everything is recorded."""


class Done(Struct, tag="done"):
    """How many operations were done in the seconds; errors by kind."""

    done: int = 0
    seconds: float = 0.0
    errors: dict[str, int] = field(default_factory=dict)
    cpu_seconds: float = 0.0
