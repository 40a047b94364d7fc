"""Which server carries which channel, and how that is found out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from hub.redis.line import PING, Refused, connect
from hub.redis.lines import Lines
from hub.redis.place import parse

if TYPE_CHECKING:
    from hub.redis.line import Ear, Line
    from hub.redis.place import Address, Place

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


Open: TypeAlias = "Callable[[Address, Ear | None, str], Awaitable[Line]]"


class Fleet:
    """The servers behind one URL. `lines` are connections for questions and for what is published; `open`
    makes one to listen on."""

    def __init__(self, url: str) -> None:
        """Connects to nothing yet. Raises SettingError."""
        # here, so that each of the two forms stands in a file of its own
        from hub.redis.cluster import Cluster
        from hub.redis.sentinels import Sentinels

        self.place: Place = parse(url)
        self._context = self.place.context()
        self.lines = self._witnesses = Lines(lambda address: self.open(address, None, "hub-ask"))
        match self.place.form:
            case "one":
                self.topology: Topology = One(self.place.seeds[0])
            case "sentinel":
                self._witnesses = Lines(self._witness)
                self.topology = Sentinels(self.place.seeds, self.place.service, self._witnesses)
            case "cluster":
                self.topology = Cluster(self.place.seeds, self.lines)

    async def open(self, address: Address, ear: Ear | None, name: str) -> Line:
        """Raises OSError, also when the server is not what it should be."""
        line = await connect(address, self.place.login, self._context, name=name, db=self.place.db, ear=ear)
        if self.topology.strict and self.place.form == "sentinel" and line.role != "master":
            error = Refused("the server is not the primary")
            line.fail(error)
            raise error
        return line

    async def _witness(self, address: Address) -> Line:
        return await connect(
            address, self.place.sentinel_login, self._context, name="hub-watch", seconds=WITNESS_SECONDS
        )

    async def silent(self) -> list[Address]:
        """Those whom the URL names and who do not answer."""
        seeds = self.place.seeds
        asked = (self._witnesses.ask(seed, PING, seconds=WITNESS_SECONDS) for seed in seeds)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        return [seed for seed, answer in zip(seeds, answers, strict=True) if answer != [b"PONG"]]

    async def aclose(self) -> None:
        """End the connections for questions."""
        await asyncio.gather(self.lines.aclose(), self.topology.aclose())
