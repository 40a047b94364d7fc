"""Which server carries which channel, and how that is found out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from hub.redis.place import Address

# How often those who know are asked who the primary is. A failover takes seconds before they know it.
LOOK_SECONDS: Final = 1.0
# To those who know; one that is away holds up the look for so long, once.
WITNESS_SECONDS: Final = 1.0


class Topology(Protocol):
    """`sharded` when channels have slots. `strict` when a server that is no primary is the wrong one.
    `seconds` is how often to look without a reason, None when there is nothing to see."""

    sharded: bool
    strict: bool
    seconds: float | None

    @property
    def known(self) -> bool:
        """Whether a look has succeeded."""

    async def look(self) -> bool:
        """Find out; whether anything has changed. Raises OSError when nobody answers; what was known then
        stays."""

    def owner(self, channel: str) -> Address | None:
        """Who carries it, None when nobody does."""

    def primaries(self) -> set[Address]:
        """All who carry something."""

    async def aclose(self) -> None: ...


class One:
    """One server, always the same."""

    sharded = False
    strict = False
    seconds: float | None = None
    known = True

    def __init__(self, address: Address) -> None:
        self._address = address

    async def look(self) -> bool:
        return False

    def owner(self, channel: str) -> Address | None:
        return self._address

    def primaries(self) -> set[Address]:
        return {self._address}

    async def aclose(self) -> None:
        """It has no connections."""
