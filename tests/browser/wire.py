"""A TCP line that can be cut, or fall silent, between a browser and the hub."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Page

_CHUNK = 65_536


class Wire:
    """Forwards a port of its own to the hub's.

    `cut` resets every connection and refuses new ones; `mute` lets nothing through in either direction and
    says nothing, like a network cable that was pulled; `hold` keeps back what the hub sends; `accept` takes
    new connections again, on which nothing gets through yet; `mend` lets everything through again."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._server: asyncio.Server | None = None
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._refuse = False
        self._cuts = 0
        self.mend()

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        self._abort()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        self._refuse = True
        self._cuts += 1
        self._abort()

    def mute(self) -> None:
        self._up.clear()
        self._down.clear()

    def hold(self) -> None:
        self._down.clear()

    def accept(self) -> None:
        self.mute()
        self._refuse = False

    def mend(self) -> None:
        self._refuse = False
        self._up.set()
        self._down.set()

    def _abort(self) -> None:
        for pair in self._pairs:
            for writer in pair:
                writer.transport.abort()
        self._pairs.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuse:
            writer.transport.abort()
            return
        cuts = self._cuts
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        if cuts != self._cuts:
            writer.transport.abort()
            far_writer.transport.abort()
            return
        self._pairs.add((writer, far_writer))
        for source, sink, gate in ((reader, far_writer, self._up), (far_reader, writer, self._down)):
            task = asyncio.create_task(_pump(source, sink, gate))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def opened_anew(page: Page, wire: Wire) -> None:
    """The line is cut, and is back when the page is opened anew. The old page says nothing any more: it may
    be faster than the new one."""
    wire.cut()
    await page.evaluate("() => { WebSocket.prototype.send = () => {}; }")
    wire.mend()
    await page.reload()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, gate: asyncio.Event) -> None:
    # uvloop says of a connection that was cut in between that its handler is closed
    with contextlib.suppress(OSError, RuntimeError):
        while data := await source.read(_CHUNK):
            await gate.wait()
            sink.write(data)
            await sink.drain()
    sink.transport.abort()
