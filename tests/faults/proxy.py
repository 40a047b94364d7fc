"""A TCP proxy that can be a bad network: silent, slow, narrow, or rude."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable
from types import TracebackType
from typing import Literal

Upstream = str | tuple[str, int]
Way = Literal["up", "down"]
_CHUNK = 16_384
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
        self.refusing = False
        self.connections = 0
        self._upstream = upstream
        self._gate = _Gate()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

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

    # how it works

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.refusing:
            _reset(writer)
            return
        task = asyncio.create_task(self._serve(reader, writer, self._gate))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: _Gate) -> None:
        writers = [writer]
        self._open.add(writer)
        try:
            await gate.ways["up"].wait()
            there_reader, there = await self._connect()
            writers.append(there)
            self._open.add(there)
            await asyncio.gather(
                self._pump(reader, there, gate.ways["up"]),
                self._pump(there_reader, writer, gate.ways["down"]),
            )
        except OSError:
            pass  # one end is gone: so is the other
        finally:
            for one in writers:
                self._open.discard(one)
                one.close()

    def _connect(self) -> Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        if isinstance(self._upstream, str):
            return asyncio.open_unix_connection(self._upstream)
        return asyncio.open_connection(*self._upstream)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, open_way: asyncio.Event
    ) -> None:
        while data := await _read(reader):
            await open_way.wait()
            if (pause := self.delay + len(data) / (self.bytes_per_second or float("inf"))) > 0:
                await asyncio.sleep(pause)
                await open_way.wait()
            if writer.transport.is_closing():
                raise ConnectionResetError
            writer.write(data)
            await writer.drain()
        await open_way.wait()
        # Whoever ends one side of these protocols has ended.
        raise ConnectionResetError


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
