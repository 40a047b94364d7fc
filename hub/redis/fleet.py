"""The servers behind one URL."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hub.redis.cluster import Cluster
from hub.redis.line import PING, Refused, connect
from hub.redis.lines import Lines
from hub.redis.place import parse
from hub.redis.sentinels import Sentinels
from hub.redis.topology import WITNESS_SECONDS, One

if TYPE_CHECKING:
    from hub.redis.line import Ear, Line
    from hub.redis.place import Address, Place
    from hub.redis.topology import Topology


class Fleet:
    """The servers behind one URL. `lines` are connections for questions and for what is published; `open`
    makes one to listen on."""

    def __init__(self, url: str) -> None:
        """Connects to nothing yet. Raises SettingError."""
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
