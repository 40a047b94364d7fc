"""How many of the hub's transactions PostgreSQL does when nothing but a driver asks for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from bench.ceiling.words import Done, Go, Plan, Ready
from bench.pipes import Worker
from bench.place import Meter
from hub.errors import Unavailable

if TYPE_CHECKING:
    from hub.drive.seats import Device
    from hub.settings import Settings

CONNECTIONS: Final = 16  # as many as a process of the hub has at most


class Alone(Struct, frozen=True):
    """Transactions a second, and the cores that PostgreSQL and the driver kept busy with them."""

    rate: float
    postgres: float | None
    client: float


class Ceiling:
    """See `prepared`."""

    def __init__(self, workers: list[Worker]) -> None:
        self._workers = workers

    async def measured(self, shares: dict[str, int], seconds: float, roots: Mapping[str, int]) -> Alone:
        """Saturate it, and look at what it takes. Raises Unavailable."""
        meter = Meter(roots)
        done = await self.run(shares, seconds)
        used = meter.read()
        return Alone(
            rate=done.done / done.seconds,
            postgres=used.cores("PostgreSQL"),
            client=round(done.cpu_seconds / done.seconds, 2),
        )

    async def run(self, shares: dict[str, int], seconds: float) -> Done:
        """Saturate it. Raises Unavailable."""
        for worker in self._workers:
            await worker.send(Go(shares, max(1, CONNECTIONS // len(self._workers)), seconds))
        whole = Done()
        for worker in self._workers:
            done: Done = await worker.receive(Done)
            whole.done += done.done
            whole.seconds = max(whole.seconds, done.seconds)
            whole.cpu_seconds = max(whole.cpu_seconds, done.cpu_seconds)
            for kind, count in done.errors.items():
                whole.errors[kind] = whole.errors.get(kind, 0) + count
        if whole.errors:
            raise Unavailable(f"the hub's SQL failed without the hub: {whole.errors}")
        return whole


@asynccontextmanager
async def prepared(
    settings: Settings, devices: list[Device], *, clients: int, cores: tuple[int, ...] | None
) -> AsyncIterator[Ceiling]:
    """Processes that know the SQL of every operation in every hotel. Raises Unavailable."""
    tablets: dict[int, str] = {}
    kitchens: dict[int, str] = {}
    for device in devices:
        (tablets if device.kind == "tablet" else kitchens).setdefault(device.hotel, device.token)
    pairs = [(tablets[hotel], kitchens[hotel]) for hotel in tablets]
    workers: list[Worker] = []
    try:
        for number in range(min(clients, len(pairs))):
            worker = await Worker.start("bench.ceiling.worker", cores)
            workers.append(worker)
            await worker.send(Plan(settings, pairs[number::clients]))
        for worker in workers:
            await worker.receive(Ready)
        yield Ceiling(workers)
    finally:
        for worker in workers:
            await worker.dismiss()
