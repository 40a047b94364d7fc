"""Reading whole states: all who ask for the same tenant's state at once share one reading."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from hub.log.event import State


class States:
    """A storm of tablets of one hotel costs one query at a time. What is shared may be as old as its reading:
    whoever uses it replays the log after it."""

    def __init__(self, read: Callable[[UUID], Awaitable[State]]) -> None:
        self._read = read
        self._flights: dict[UUID, asyncio.Task[State]] = {}

    async def get(self, tenant_id: UUID) -> State:
        """The tenant's state; joins a reading that is under way. Raises what the reading raises."""
        flight = self._flights.get(tenant_id)
        if flight is None:
            flight = asyncio.create_task(self._fly(tenant_id), name=f"state {tenant_id}")
            self._flights[tenant_id] = flight
        # One who gives up must not take the others' reading along.
        return await asyncio.shield(flight)

    async def _fly(self, tenant_id: UUID) -> State:
        try:
            return await self._read(tenant_id)
        finally:
            del self._flights[tenant_id]
