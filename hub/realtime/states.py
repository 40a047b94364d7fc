"""Whole states for screens that join: read once, kept for a while, and shared by all processes.

Any state of the epoch will do that the log leads on from: whoever uses it replays what came after. So one
that is kept serves as long as that is little.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

from msgspec import Struct

from hub.log.event import State

if TYPE_CHECKING:
    from hub.log.event import Position

# Further behind, replaying costs about as much as reading anew.
_REUSE_EVENTS: Final = 200
# What a state shows also depends on the time: orders that are done leave it after a while.
REUSE_SECONDS: Final = 300.0
# Of memory, beside the text of the documents.
_ENTRY_BYTES: Final = 300
# How long to wait for the process that reads the same state, and how often to look.
_OTHERS_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 0.02


class Kept(Struct, frozen=True):
    """A state and when it was read, in seconds of the hub's clock."""

    state: State
    at: float


class Shelf(Protocol):
    """Where the processes of a hub keep states for each other. It raises nothing, and it is quick: while it
    is away, it is empty."""

    async def take(self, tenant_id: UUID) -> Kept | None:
        """The newest that anybody has put there."""

    async def claim(self, tenant_id: UUID) -> bool:
        """Whether to read it now: false while somebody else does, who will put it here."""

    async def put(self, tenant_id: UUID, kept: Kept) -> None: ...

    async def aclose(self) -> None: ...


class States:
    """`read` reads the state of a tenant; true asks for one of now, and false is content with one that a
    replica has. At most `most_bytes` are kept. A join replays at most `max_events`; half of them may come
    before it gets there."""

    def __init__(
        self,
        read: Callable[[UUID, bool], Awaitable[State]],
        clock: Callable[[], datetime],
        *,
        most_bytes: int,
        max_events: int,
        shelf: Shelf | None = None,
    ) -> None:
        self._read = read
        self._clock = clock
        self._most_bytes = most_bytes
        self._reuse_events = min(_REUSE_EVENTS, max_events // 2)
        self._shelf = shelf
        self._kept: OrderedDict[UUID, Kept] = OrderedDict()
        self._bytes = 0
        self._flights: dict[tuple[UUID, bool], asyncio.Task[State]] = {}
        self._putting: set[asyncio.Task[None]] = set()

    async def get(self, tenant_id: UUID, wanted: Position, anew: bool = False) -> State:
        """The tenant's state of about the position `wanted`: kept, or read together with all who ask at the
        same time. With `anew` it is read in any case. Raises what the reading raises."""
        if not anew and (kept := self._fit(self._kept.get(tenant_id), wanted)) is not None:
            self._kept.move_to_end(tenant_id)
            return kept
        state = await self._flight(tenant_id, wanted, anew)
        if anew or self._leads(state, wanted):
            return state
        # It was asked for by one who had not come as far.
        return await self._flight(tenant_id, wanted, True)

    async def _flight(self, tenant_id: UUID, wanted: Position, anew: bool) -> State:
        flight = self._flights.get((tenant_id, anew))
        if flight is None:
            flight = asyncio.create_task(self._fly(tenant_id, wanted, anew), name=f"state {tenant_id}")
            self._flights[tenant_id, anew] = flight
        # One who gives up must not take the others' reading along.
        return await asyncio.shield(flight)

    async def _fly(self, tenant_id: UUID, wanted: Position, anew: bool) -> State:
        try:
            if not anew and (found := await self._found(tenant_id, wanted)) is not None:
                return found
            at = self._now()
            state = await self._read(tenant_id, anew)
            if not anew and not self._leads(state, wanted):
                state = await self._read(tenant_id, True)
            kept = Kept(state, at)
            self._keep(tenant_id, kept)
            if self._shelf is not None:
                putting = asyncio.create_task(self._shelf.put(tenant_id, kept), name=f"put {tenant_id}")
                self._putting.add(putting)
                putting.add_done_callback(self._putting.discard)
            return state
        finally:
            del self._flights[tenant_id, anew]

    async def _found(self, tenant_id: UUID, wanted: Position) -> State | None:
        """What another process has read, or reads at this moment."""
        if self._shelf is None:
            return None
        kept = await self._shelf.take(tenant_id)
        state = self._fit(kept, wanted)
        if state is None and not await self._shelf.claim(tenant_id):
            end = asyncio.get_running_loop().time() + _OTHERS_SECONDS
            while state is None and asyncio.get_running_loop().time() < end:
                await asyncio.sleep(_LOOK_SECONDS)
                kept = await self._shelf.take(tenant_id)
                state = self._fit(kept, wanted)
        if state is not None and kept is not None:
            self._keep(tenant_id, kept)
        return state

    def _fit(self, kept: Kept | None, wanted: Position) -> State | None:
        """The state, if it may be used. One from beyond `wanted` may be of a past that was undone."""
        if kept is None or not 0 <= self._now() - kept.at <= REUSE_SECONDS:
            return None
        return kept.state if kept.state.seq <= wanted.seq and self._leads(kept.state, wanted) else None

    def _leads(self, state: State, wanted: Position) -> bool:
        """Whether little has to be replayed after it."""
        return state.epoch == wanted.epoch and wanted.seq - state.seq <= self._reuse_events

    def _keep(self, tenant_id: UUID, kept: Kept) -> None:
        self._forget(self._kept.pop(tenant_id, None))
        self._kept[tenant_id] = kept
        self._bytes += _weight(kept)
        while self._bytes > self._most_bytes:
            self._forget(self._kept.popitem(last=False)[1])

    def _forget(self, kept: Kept | None) -> None:
        if kept is not None:
            self._bytes -= _weight(kept)

    def _now(self) -> float:
        return self._clock().timestamp()

    async def aclose(self) -> None:
        """End what is under way."""
        tasks = [*self._flights.values(), *self._putting]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._shelf is not None:
            await self._shelf.aclose()


def _weight(kept: Kept) -> int:
    return sum(_ENTRY_BYTES + len(entry.data) for entry in kept.state.entries) + _ENTRY_BYTES
