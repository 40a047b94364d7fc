"""A process of the bench and the one that started it: JSON lines over its standard input and output."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import uvloop
from msgspec import Struct

from bench.machine import pinned
from hub.errors import HubError, Unavailable

if TYPE_CHECKING:
    from asyncio.subprocess import Process

LINE_BYTES: Final = 2**27  # the first line holds the tokens of thousands of devices
_ROOT: Final = Path(__file__).resolve().parent.parent
_LEAVE_SECONDS: Final = 3.0


class Stopped(Struct, tag="stopped", frozen=True):
    """The process cannot go on."""

    reason: str


class Worker:
    """A process that runs a module of the bench."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.pid = process.pid

    @classmethod
    async def start(cls, module: str, cores: tuple[int, ...] | None) -> Worker:
        """On these cores."""
        with pinned(cores):
            return cls(
                await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", module),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    limit=LINE_BYTES,
                    cwd=_ROOT,
                )
            )

    async def send(self, message: Struct) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):  # its output says why
            self._process.stdin.write(msgspec.json.encode(message) + b"\n")
            await self._process.stdin.drain()

    async def receive(self, wanted: Any) -> Any:
        """The next message, of type `wanted`. Raises Unavailable when the process has stopped."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise Unavailable(f"a client process ended with code {await self._process.wait()}")
        told = msgspec.json.decode(line, type=wanted | Stopped)
        if isinstance(told, Stopped):
            raise Unavailable(told.reason)
        return told

    async def dismiss(self) -> None:
        """End its input, and it ends itself; in the middle of its work it is ended."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.terminate()
            await self._process.wait()


def tell(message: Struct) -> None:
    """To the process that started this one."""
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


def serve(work: Callable[[asyncio.StreamReader], Awaitable[None]]) -> None:
    """Run `work` with the lines of the standard input, as the main function of a worker's module."""

    async def run() -> None:
        lines = asyncio.StreamReader(limit=LINE_BYTES)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        try:
            await work(lines)
        except HubError as error:
            tell(Stopped(error.message))

    # Ctrl+C reaches every process of the terminal; the bench itself ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    uvloop.run(run())
