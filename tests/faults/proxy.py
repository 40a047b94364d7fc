"""A TCP proxy that can be a bad network: silent, slow, narrow, or rude."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Literal
from weakref import WeakSet

Upstream = str | tuple[str, int]
Way = Literal["up", "down"]
_CHUNK = 16_384
_CUT_SHARE = 0.2
_ARRIVED_SECONDS = 0.05  # by then what was sent has been done
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


class _Gate:
    """What the connections of one time pass through; those of later times have another."""

    def __init__(self) -> None:
        self.ways: dict[Way, asyncio.Event] = {"up": asyncio.Event(), "down": asyncio.Event()}
        for way in self.ways.values():
            way.set()


class Proxy:
    """Enter it to listen on a free port of 127.0.0.1 in front of `upstream`, a host and port or the path of a
    socket. "up" is towards it."""

    def __init__(self, upstream: Upstream) -> None:
        self.address: tuple[str, int] = ("127.0.0.1", 0)
        self.delay = 0.0  # seconds that each piece takes longer
        self.bytes_per_second: float | None = None
        # Of what holds this, a fifth arrives and is the last: the answer is lost with the connection.
        self.cut_after: bytes | None = None
        self.cuts = 0
        self._upstream = upstream
        self._gate = _Gate()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._made: WeakSet[asyncio.StreamWriter] = WeakSet()  # some may still have something to send
        self._serving: dict[asyncio.Task[None], _Gate] = {}

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1024)
        self.address = self._server.sockets[0].getsockname()[:2]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        for writer in self._made:
            writer.transport.abort()

    # faults

    def blackhole(self, *ways: Way) -> None:
        """Nothing passes any more, both ways unless one is named, and nobody is told. Who connects is
        accepted and hears nothing."""
        for way in ways or ("up", "down"):
            self._gate.ways[way].clear()

    def resume(self) -> None:
        """All goes on, and what was sent meanwhile arrives now, as TCP does after a short break."""
        for way in self._gate.ways.values():
            way.set()

    def forget(self) -> None:
        """New connections pass; those of before stay silent for ever, as behind a firewall that was
        restarted."""
        self._gate = _Gate()

    def cut(self) -> None:
        """RST to both ends of every connection."""
        for writer in list(self._open):
            _reset(writer)

    async def left(self, seconds: float) -> None:
        """Wait until no connection is open any more but those that were forgotten."""
        here: list[asyncio.Task[None]] = []
        try:
            async with asyncio.timeout(seconds):
                while here := [task for task, gate in self._serving.items() if gate is self._gate]:
                    await asyncio.wait(here, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise AssertionError(f"{len(here)} connections are still open after {seconds:.0f} s") from None

    # how it works

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer, self._gate))
        self._serving[task] = self._gate
        task.add_done_callback(self._serving.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: _Gate) -> None:
        writers = [writer]
        self._open.add(writer)
        self._made.add(writer)
        pumps: list[asyncio.Task[None]] = []
        try:
            await gate.ways["up"].wait()
            there_reader, there = await self._connect()
            writers.append(there)
            self._open.add(there)
            self._made.add(there)
            heard = asyncio.Event()
            heard.set()
            pumps = [
                asyncio.create_task(self._pump(reader, there, gate.ways["up"], heard, last=self._last)),
                asyncio.create_task(self._pump(there_reader, writer, gate.ways["down"], heard)),
            ]
            # one end is gone: so is the other
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            pass  # nobody is there
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for one in writers:
                one.close()
            self._open.difference_update(writers)

    def _connect(self) -> Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        if isinstance(self._upstream, str):
            return asyncio.open_unix_connection(self._upstream)
        return asyncio.open_connection(*self._upstream)

    def _last(self, data: bytes) -> bool:
        """Whether this is the last that a connection carries."""
        if self.cut_after is None or self.cut_after not in data or random.random() > _CUT_SHARE:
            return False
        self.cuts += 1
        return True

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        open_way: asyncio.Event,
        heard: asyncio.Event,
        last: Callable[[bytes], bool] = lambda _: False,
    ) -> None:
        """Until one end has ended. Nothing that comes after the `last` is `heard`."""
        while data := await _read(reader):
            await open_way.wait()
            if (pause := self.delay + len(data) / (self.bytes_per_second or float("inf"))) > 0:
                await asyncio.sleep(pause)
                await open_way.wait()
            ends = last(data)
            if ends:
                heard.clear()
            else:
                await heard.wait()
            if writer.transport.is_closing():
                return
            writer.write(data)
            await writer.drain()
            if ends:
                await asyncio.sleep(_ARRIVED_SECONDS)
                return
        await open_way.wait()


async def _read(reader: asyncio.StreamReader) -> bytes:
    """What comes; nothing at the end, however it ends."""
    try:
        return await reader.read(_CHUNK)
    except OSError:
        return b""


def _reset(writer: asyncio.StreamWriter) -> None:
    if not writer.transport.is_closing():
        # transports do not let their sockets be changed; a copy is the same socket to the kernel
        with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as same:
            if same.family != socket.AF_UNIX:
                same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
