"""The bench's hand on its client process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.peers.plan import Batch, Finished, Joined, Plan, Ready, Start
from bench.pipes import Worker


class Client:
    """A client process whose sockets have joined. See `connected`."""

    def __init__(self, worker: Worker, joined: Joined) -> None:
        self.joined = joined
        self._worker = worker

    async def prepare(self, batch: Batch) -> None:
        """Build the events of the batch. Raises Unavailable, as do the others."""
        await self._worker.send(batch)
        await self._worker.receive(Ready)

    async def run(self) -> Finished:
        """Publish the batch that is prepared."""
        await self._worker.send(Start())
        told: Finished = await self._worker.receive(Finished)
        return told


@asynccontextmanager
async def connected(plan: Plan, cores: tuple[int, ...] | None) -> AsyncIterator[Client]:
    """A client with all its sockets; it leaves with the block. Raises Unavailable."""
    worker = await Worker.start("bench.peers.crowd", cores)
    try:
        await worker.send(plan)
        yield Client(worker, await worker.receive(Joined))
    finally:
        await worker.dismiss()
