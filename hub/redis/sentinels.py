"""Who the Sentinels say is the primary.

Sentinels learn of a failover from each other, one a second or two after the other, and one that is cut off
never does: all are asked, and the answer with the highest epoch counts. A primary that was frozen or cut off
and comes back believes for many seconds that it still is one, so that its own word is not enough.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hiredis import ReplyError

from hub.redis.line import Refused, pack
from hub.redis.topology import LOOK_SECONDS, WITNESS_SECONDS

if TYPE_CHECKING:
    from hub.redis.lines import Lines
    from hub.redis.place import Address


class Sentinels:
    """See `Topology`: one server carries everything."""

    sharded = False
    strict = True
    seconds: float | None = LOOK_SECONDS

    def __init__(self, seeds: tuple[Address, ...], service: str, lines: Lines) -> None:
        self._seeds = seeds
        self._lines = lines
        self._question = pack("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service) + pack(
            "SENTINEL", "MASTER", service
        )
        self._primary: Address | None = None

    @property
    def known(self) -> bool:
        return self._primary is not None

    async def look(self) -> bool:
        answers = await asyncio.gather(*map(self._ask, self._seeds), return_exceptions=True)
        found = [answer for answer in answers if isinstance(answer, tuple)]
        if not found:
            error = next(answer for answer in answers if isinstance(answer, BaseException))
            raise error if isinstance(error, OSError) else Refused(repr(error))
        before, (_, self._primary) = self._primary, max(found)
        return self._primary != before

    async def _ask(self, seed: Address) -> tuple[int, Address]:
        """Epoch and primary, as one Sentinel knows them."""
        address, state = await self._lines.ask(seed, self._question, 2, WITNESS_SECONDS)
        if not isinstance(address, list) or isinstance(state, ReplyError):
            raise Refused("the Sentinels do not know the service")
        known: dict[bytes, Any] = state
        return int(known[b"config-epoch"]), (address[0].decode(), int(address[1]))

    def owner(self, channel: str) -> Address | None:
        return self._primary

    def primaries(self) -> set[Address]:
        return set() if self._primary is None else {self._primary}

    async def aclose(self) -> None:
        await self._lines.aclose()
