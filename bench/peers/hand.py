"""The bench's hand on its client process."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from bench.machine import pinned
from bench.peers.crowd import LINE_BYTES
from bench.peers.plan import Batch, Finished, Joined, Plan, Ready, Stopped, Told
from hub.errors import Unavailable

if TYPE_CHECKING:
    from asyncio.subprocess import Process

_ROOT: Final = Path(__file__).resolve().parents[2]
_LEAVE_SECONDS: Final = 10.0
T = TypeVar("T", bound=Told)


class Client:
    """A client process whose sockets have joined. See `connected`."""

    def __init__(self, process: Process, joined: Joined) -> None:
        self.joined = joined
        self._process = process

    async def prepare(self, batch: Batch) -> None:
        """Build the events of the batch. Raises Unavailable, as do the others."""
        await _send(self._process, msgspec.json.encode(batch))
        await _receive(self._process, Ready)

    async def run(self) -> Finished:
        """Publish the batch that is prepared."""
        await _send(self._process, b"")
        return await _receive(self._process, Finished)


@asynccontextmanager
async def connected(plan: Plan, cores: tuple[int, ...] | None) -> AsyncIterator[Client]:
    """A client with all its sockets; it leaves with the block. Raises Unavailable."""
    with pinned(cores):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.peers.crowd"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
            cwd=_ROOT,
        )
    try:
        await _send(process, msgspec.json.encode(plan))
        yield Client(process, await _receive(process, Joined))
    except BaseException:  # also a cancellation: in the middle of a batch it would not listen
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _send(process: Process, line: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError):  # its output says why
        process.stdin.write(line + b"\n")
        await process.stdin.drain()


async def _receive(process: Process, wanted: type[T]) -> T:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise Unavailable(f"a client process ended with code {await process.wait()}")
    told: Told = msgspec.json.decode(line, type=Told)
    if isinstance(told, Stopped):
        raise Unavailable(told.reason)
    if not isinstance(told, wanted):
        raise Unavailable("a client process is out of step")
    return told
