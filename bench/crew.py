"""The client processes: started, told what to do, listened to."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from bench.hotels import shares
from bench.machine import pinned
from bench.plan import Finished, Go, Joined, Plan, Progress, Stopped, Tally, Told
from bench.processes import Span, busy_seconds, cpu_times, usage
from bench.worker import LINE_BYTES
from hub.errors import Unavailable

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from bench.target import Target
    from hub.drive.seats import Device

_ROOT: Final = Path(__file__).resolve().parent.parent
_LEAVE_SECONDS: Final = 2.0
# Before the schedule begins every frame of it is built, in some 50 us each.
_PREPARE_SECONDS: Final = 0.5
_BUILD_SECONDS: Final = 100e-6

_BENCH: Final = "bench"  # this process and all below it: clients, and the hub when it is the bench's own

Heard = Callable[[Tally], None]


class Crew:
    """Client processes that have joined. See `assembled`."""

    def __init__(self, processes: list[Process], roots: Mapping[str, int]) -> None:
        self._processes = processes
        self._roots = roots
        self._seed = 0

    async def run(self, rate: float, warmup: float, seconds: float, heard: Heard) -> tuple[Tally, Span]:
        """Offer `rate` orders a second; what came of it, and what the measured part has used.

        `heard` gets the state of all processes together, several times a second. Raises Unavailable.
        """
        self._seed += 1
        start = time.monotonic() + _PREPARE_SECONDS + rate * (warmup + seconds) * _BUILD_SECONDS
        go = Go(rate, warmup, seconds, start, self._seed)
        for process in self._processes:
            await _send(process, msgspec.json.encode(go))
        tallies = [Tally() for _ in self._processes]

        async def follow(number: int, process: Process) -> None:
            while True:
                told = await _receive(process)
                if isinstance(told, Progress | Finished):
                    tallies[number] = told.tally
                    heard(_sum(tallies))
                if isinstance(told, Finished):
                    return

        async with asyncio.TaskGroup() as group:
            for number, process in enumerate(self._processes):
                group.create_task(follow(number, process))
            used = group.create_task(self._use(start + warmup, seconds))
        return _sum(tallies), used.result()

    async def _use(self, begin: float, seconds: float) -> Span:
        roots = {_BENCH: os.getpid(), **self._roots}
        await asyncio.sleep(begin - time.monotonic())
        before, busy_before = cpu_times(roots), busy_seconds()
        await asyncio.sleep(begin + seconds - time.monotonic())
        busy, used = busy_seconds(), usage(roots, before)
        others = None
        if self._roots and busy is not None and busy_before is not None:
            known = sum(used[name].cpu_seconds for name in used if name != "hub")  # it is below the bench
            others = max(0.0, busy - busy_before - known)
        return Span({name: used[name] for name in self._roots if name in used}, others)


@asynccontextmanager
async def assembled(
    target: Target, plan: Callable[[list[Device], int], Plan], clients: int, cores: tuple[int, ...] | None
) -> AsyncIterator[Crew]:
    """Client processes for all devices of the target, connected; `plan` makes the plan of one of them from
    its devices and the number of its first tablet. Raises Unavailable."""
    processes: list[Process] = []
    try:
        first = 0
        for share in shares(target.devices, clients):
            with pinned(cores):
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "bench.worker"),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    limit=LINE_BYTES,
                    cwd=_ROOT,
                )
            processes.append(process)
            await _send(process, msgspec.json.encode(plan(share, first)))
            first += sum(device.kind == "tablet" for device in share)
        for process in processes:
            if not isinstance(await _receive(process), Joined):
                raise Unavailable("a client process is out of step")
        yield Crew(processes, target.roots)
    finally:
        for process in processes:
            await _dismiss(process)


async def _send(process: Process, line: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError):  # its output says why
        process.stdin.write(line + b"\n")
        await process.stdin.drain()


async def _receive(process: Process) -> Told:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise Unavailable(f"a client process ended with code {await process.wait()}")
    told: Told = msgspec.json.decode(line, type=Told)
    if isinstance(told, Stopped):
        raise Unavailable(told.reason)
    return told


async def _dismiss(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(_LEAVE_SECONDS):
            await process.wait()
    except TimeoutError:  # in the middle of a run
        process.terminate()
        await process.wait()


def _sum(tallies: list[Tally]) -> Tally:
    whole = Tally()
    for tally in tallies:
        whole.merge(tally)
    return whole
