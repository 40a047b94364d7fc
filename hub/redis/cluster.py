"""Which primary of a Redis Cluster owns which slot.

A node that was frozen or cut off goes on to claim the slots it has lost. So several are asked, and of two who
claim a slot the one with the higher epoch owns it, as the nodes themselves decide.
"""

from __future__ import annotations

import asyncio
import random
from binascii import crc_hqx
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from hiredis import ReplyError

from hub.redis.line import Refused, pack
from hub.redis.topology import LOOK_SECONDS, WITNESS_SECONDS

if TYPE_CHECKING:
    from hub.redis.lines import Lines
    from hub.redis.place import Address

SLOTS: Final = 16_384
_ASKED: Final = 5
_QUESTION: Final = pack("CLUSTER", "SLOTS") + pack("CLUSTER", "NODES")
# First and last slot, the epoch of the claim, and who claims it.
Claim: TypeAlias = "tuple[int, int, int, Address]"


class Cluster:
    """See `Topology`. `lines` reach any node."""

    sharded = True
    strict = True
    seconds: float | None = LOOK_SECONDS

    def __init__(self, seeds: tuple[Address, ...], lines: Lines) -> None:
        self._seeds = seeds
        self._lines = lines
        self._owners: list[Address | None] = []
        self._claims: frozenset[Claim] = frozenset()

    @property
    def known(self) -> bool:
        return bool(self._owners)

    async def look(self) -> bool:
        primaries = sorted(self.primaries())
        answers = await self._ask(random.sample(primaries, min(_ASKED, len(primaries))))
        if not answers:
            answers = await self._ask(self._seeds)
        if not answers:
            raise ConnectionRefusedError("no node of the cluster answers")
        claims = frozenset[Claim]().union(*answers)
        if claims == self._claims:
            return False
        self._claims = claims
        before, self._owners = self._owners, owners(claims)
        return self._owners != before

    async def _ask(self, nodes: tuple[Address, ...] | list[Address]) -> list[set[Claim]]:
        answers = await asyncio.gather(
            *(self._lines.ask(node, _QUESTION, 2, WITNESS_SECONDS) for node in nodes), return_exceptions=True
        )
        found = []
        for node, answer in zip(nodes, answers, strict=True):
            if isinstance(answer, list):
                found.append(_claims(node, *answer))
            elif not isinstance(answer, OSError):
                raise answer
        return found

    def owner(self, channel: str) -> Address | None:
        return self._owners[slot_of(channel)] if self._owners else None

    def primaries(self) -> set[Address]:
        return {owner for owner in self._owners if owner is not None}

    @property
    def uncovered(self) -> int:
        """Slots that nobody owns."""
        return sum(owner is None for owner in self._owners)

    async def aclose(self) -> None:
        """The lines are the fleet's."""


def slot_of(channel: str) -> int:
    """The slot of a name, by its hash tag if it has one."""
    name = channel.encode()
    start = name.find(b"{")
    end = name.find(b"}", start + 1)
    if start >= 0 and end > start + 1:
        name = name[start + 1 : end]
    return crc_hqx(name, 0) % SLOTS


def owners(claims: frozenset[Claim]) -> list[Address | None]:
    """By slot, who claims it with the highest epoch."""
    found: list[Address | None] = [None] * SLOTS
    for first, last, _, address in sorted(claims, key=lambda claim: claim[2]):
        found[first : last + 1] = [address] * (last + 1 - first)
    return found


def _claims(asked: Address, slots: Any, nodes: Any) -> set[Claim]:
    """What one node says of all."""
    for answer in (slots, nodes):
        if isinstance(answer, ReplyError):
            raise Refused(str(answer))
    # id, address, flags, primary, ping sent, pong received, epoch, ...
    lines = [line.split() for line in nodes.decode().splitlines()]
    epochs = {line[0]: int(line[6]) for line in lines}
    claims = set()
    for first, last, primary, *_ in slots:
        host, port, node = primary[:3]
        # A node that does not know its own address is where it was asked.
        address = (host.decode() if host else asked[0], int(port))
        claims.add((int(first), int(last), epochs.get(node.decode(), 0), address))
    return claims
