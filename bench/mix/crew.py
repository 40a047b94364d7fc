"""The client processes of a mix, as one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from bench.hotels import shares
from bench.mix.words import SHARES, Check, Checked, Closed, Go, Joined, Plan, Tally
from bench.pipes import Worker
from bench.place import Meter, Used

if TYPE_CHECKING:
    from bench.mix.words import Over
    from hub.drive.client import Address
    from hub.drive.seats import Device

_LEAD_SECONDS = 0.5


class Crew:
    """See `assembled`."""

    def __init__(self, workers: list[Worker], over: Over) -> None:
        self._workers = workers
        self._over: Over = over
        self._seed = 0

    async def measured(
        self, rate: float, warmup: float, seconds: float, roots: Mapping[str, int]
    ) -> tuple[Tally, Used]:
        """The mix at a rate, and what the servers have used in its measured part."""
        moment = time.monotonic() + _lead(rate, warmup, seconds) + warmup

        async def use() -> Used:
            await asyncio.sleep(moment - time.monotonic())
            meter = Meter(roots)
            await asyncio.sleep(moment + seconds - time.monotonic())
            return meter.read()

        using = asyncio.create_task(use())
        try:
            return await self.run(rate, warmup, seconds), await using
        finally:
            using.cancel()

    async def run(
        self,
        rate: float,
        warmup: float,
        seconds: float,
        *,
        mix: dict[str, int] | None = None,
        drain: float = 10.0,
        again: bool = False,
    ) -> Tally:
        """Offer `rate` requests a second, of all processes together."""
        self._seed += 1
        start = time.monotonic() + _lead(rate, warmup, seconds)
        share = rate / len(self._workers)
        kinds = mix or SHARES[self._over]
        for number, worker in enumerate(self._workers):
            seed = self._seed * 100 + number
            await worker.send(Go(kinds, share, warmup, seconds, start, seed, drain, again))
        tallies: list[Tally] = await asyncio.gather(*(one.receive(Tally) for one in self._workers))
        whole = Tally()
        for tally in tallies:
            whole.merge(tally)
        return whole

    async def saturate(self, callers: int, seconds: float) -> Tally:
        """Orders in a closed loop, `callers` of all processes together."""
        for worker in self._workers:
            await worker.send(Closed(max(1, callers // len(self._workers)), seconds))
        whole = Tally()
        for worker in self._workers:
            whole.merge(await worker.receive(Tally))
        return whole

    async def check(self) -> Checked:
        """Whether every order that was confirmed so far is there, once."""
        whole = Checked()
        for worker in self._workers:
            await worker.send(Check())
        for worker in self._workers:
            whole.merge(await worker.receive(Checked))
        return whole


def _lead(rate: float, warmup: float, seconds: float) -> float:
    """Seconds until a schedule is made in every process."""
    return _LEAD_SECONDS + rate * (warmup + seconds) * 20e-6


@asynccontextmanager
async def assembled(
    address: Address, devices: list[Device], over: Over, *, clients: int, cores: tuple[int, ...] | None
) -> AsyncIterator[Crew]:
    """Client processes that play these devices, ready. Raises Unavailable."""
    workers: list[Worker] = []
    try:
        first = min(device.hotel for device in devices)
        moved = [type(one)(one.kind, one.token, one.hotel - first) for one in devices]
        for share in shares(moved, clients):
            worker = await Worker.start("bench.mix.worker", cores)
            workers.append(worker)
            await worker.send(Plan(address, share, over, f"bench {uuid4().hex[:10]}"))
        for worker in workers:
            await worker.receive(Joined)
        yield Crew(workers, over)
    finally:
        for worker in workers:
            await worker.dismiss()
