"""The client processes of a crowd, as one."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from bench.crowd.words import (
    Asked,
    Gather,
    Heard,
    Joins,
    Listen,
    Listening,
    Look,
    Open,
    Plan,
    Progress,
    Reset,
    Seen,
)
from bench.pipes import Worker
from bench.target import is_loopback
from hub.errors import InvalidInput, SettingError

if TYPE_CHECKING:
    from hub.drive.client import Address

# Beside its sockets a process has files, pipes and an event loop.
_SPARE: Final = 100
_LOOPBACK: Final = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5")
_PORTS: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_NO_PROGRESS: Final = Progress(0, 0)
T = TypeVar("T", Joins, Seen, Heard)

Heed = Callable[[int, int], None]


class Crowd:
    """See `assembled`."""

    def __init__(self, workers: list[Worker], shares: list[int]) -> None:
        self._workers = workers
        self._shares = shares

    async def open(self, count: int, patience: float, heed: Heed) -> Joins:
        """Have `count` devices live, of all processes together; `heed` is told how many are, and how often
        one was refused."""
        whole = sum(self._shares)
        until = [share * count // whole for share in self._shares]
        until[0] += count - sum(until)
        return await self._joining([Open(one, patience) for one in until], heed)

    async def reset(self, spread: float, heed: Heed, *, fresh: bool, cut: bool, patience: float) -> Joins:
        """Cut all sessions in 0.2 s, or have them cut, and wait until they are back."""
        asked = Reset(time.monotonic() + 0.2, spread, fresh, cut, patience)
        return await self._joining([asked for _ in self._workers], heed)

    async def listen(self, kind: str) -> None:
        """Expect events of this kind, one at a time: what is made after this is counted."""
        for worker in self._workers:
            await worker.send(Listen(kind))
        for worker in self._workers:
            await worker.receive(Listening)

    async def gather(self, sent: float, patience: float) -> Heard:
        """The event that was caused at `sent` (`time.monotonic`), when everybody has it or after so many
        seconds; the next one may be made then."""
        heard = Heard()
        for worker in self._workers:
            await worker.send(Gather(sent, patience))
        for worker in self._workers:
            heard.merge(await worker.receive(Heard))
        return heard

    async def look(self) -> Seen:
        seen = Seen()
        for worker in self._workers:
            await worker.send(Look())
        for worker in self._workers:
            seen.merge(await worker.receive(Seen))
        return seen

    async def _joining(self, asked: Sequence[Asked], heed: Heed) -> Joins:
        latest = [_NO_PROGRESS for _ in self._workers]
        joins = Joins()

        async def follow(number: int, worker: Worker) -> None:
            await worker.send(asked[number])
            while True:
                told = await worker.receive(Joins | Progress)
                if isinstance(told, Joins):
                    joins.merge(told)
                    latest[number] = Progress(told.live, told.refused)
                else:
                    latest[number] = told
                heed(sum(one.live for one in latest), sum(one.refused for one in latest))
                if isinstance(told, Joins):
                    return

        async with asyncio.TaskGroup() as group:
            for number, worker in enumerate(self._workers):
                group.create_task(follow(number, worker))
        return joins


@asynccontextmanager
async def assembled(
    address: Address,
    tokens: list[str],
    *,
    clients: int,
    window: int,
    cores: tuple[int, ...] | None,
    sources: Sequence[str] = (),
) -> AsyncIterator[Crowd]:
    """Client processes for the devices with these tokens; nobody is connected yet. Raises SettingError when
    this machine does not allow so many sockets."""
    clients = min(clients, len(tokens))
    check_descriptors(len(tokens), clients)
    sources = sources or sources_for(address.host, len(tokens))
    workers: list[Worker] = []
    shares = []
    try:
        for number in range(clients):
            worker = await Worker.start("bench.crowd.worker", cores)
            workers.append(worker)
            own = tokens[number::clients]
            shares.append(len(own))
            await worker.send(Plan(address, own, list(sources), max(1, window // clients)))
        yield Crowd(workers, shares)
    finally:
        for worker in workers:
            await worker.dismiss()


def check_descriptors(sockets: int, processes: int) -> None:
    """Raise this process's limit, which its children inherit, as far as it goes. Raises SettingError when
    that is not enough for each of `processes`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = -(-sockets // processes) + _SPARE
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise SettingError(
            f"a process may open {hard} files here, and {sockets} sockets in {processes} of them need "
            f"{needed} each: raise it (`ulimit -Hn {needed}` as root, or LimitNOFILE= of a unit), or share "
            f"the sockets out: --clients {-(-sockets // max(1, hard - _SPARE))} and as many --workers.",
            field="clients",
        )
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def ports() -> int:
    """How many connections one address of this machine can have to one address of a server."""
    try:
        low, high = map(int, _PORTS.read_text(encoding="utf-8").split())
    except (OSError, ValueError):
        return 28_000
    return high - low + 1


def sources_for(host: str, sockets: int) -> tuple[str, ...]:
    """Addresses to connect from; none when the usual one has ports enough. Raises InvalidInput."""
    room = ports()
    if sockets <= 0.9 * room:
        return ()
    if not is_loopback(host):
        raise InvalidInput(
            f"one address of this machine has ports for {room} connections, not for {sockets}: name several "
            "of its addresses with --source, or run the bench on several machines.",
            field="source",
        )
    needed = int(sockets / (0.9 * room)) + 1
    if needed > len(_LOOPBACK):
        raise InvalidInput(
            f"{sockets} sockets are more than the bench can open from one machine", field="sessions"
        )
    return _LOOPBACK[:needed]
