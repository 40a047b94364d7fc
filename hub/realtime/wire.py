"""The way out of a session: what it writes goes to its socket in order, without anybody waiting for a slow
peer.

`Wire` is what a session needs. `Socket` does it on a transport. `SendWire` does it over plain ASGI `send`,
with a queue and one task a socket, under a server that does not hand out its transport.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any, Final, Protocol

from hub.realtime.protocol import Frame

AsgiSend = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# How long a peer has to take the goodbye.
GOODBYE_SECONDS: Final = 2.0


class Wire(Protocol):
    """`backlog_bytes` and `backlog_frames` are written but not yet taken by the network; `congested` says
    whether it is worth to look at them."""

    congested: bool

    @property
    def backlog_bytes(self) -> int: ...

    @property
    def backlog_frames(self) -> int: ...

    def write(self, frame: Frame) -> None:
        """Queue a frame. Never blocks, never raises."""

    async def drained(self) -> None:
        """Wait until what waits is little again, or the socket is gone."""

    def finish(self, frame: Frame, code: int, reason: str) -> None:
        """Write a last frame and close; what comes later is dropped. A peer that does not take it is cut
        off."""


class SendWire:
    """See `Wire`. `serve` sends what is written until `finish` has closed the socket."""

    def __init__(self, send: AsgiSend) -> None:
        self._send = send
        self._queue: deque[Frame] = deque()
        self._work = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._close: tuple[int, str] | None = None
        self._given_up = asyncio.Event()
        self.congested = False
        self.over = False  # the goodbye is with the server
        self.backlog_bytes = 0

    @property
    def backlog_frames(self) -> int:
        return len(self._queue)

    def write(self, frame: Frame) -> None:
        if self._close is None:
            self._queue.append(frame)
            self.backlog_bytes += len(frame.wire)
            self.congested = True
            self._work.set()
            self._empty.clear()

    async def drained(self) -> None:
        await self._empty.wait()

    def finish(self, frame: Frame, code: int, reason: str) -> None:
        self.write(frame)
        self._close = (code, reason)
        self._work.set()
        asyncio.get_running_loop().call_later(GOODBYE_SECONDS, self._given_up.set)

    async def serve(self, reading: Coroutine[Any, Any, None]) -> None:
        """Send, beside `reading`, until one of the two ends, or the peer has had its time to take the
        goodbye. Raises what went wrong, unless it is that the peer has gone."""
        tasks = {asyncio.create_task(work) for work in (self.run(), reading, self._given_up.wait())}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for error in results:
            if isinstance(error, Exception) and not isinstance(error, OSError):
                raise error

    async def run(self) -> None:
        """Send what is written. Raises what `send` raises when the socket is gone."""
        try:
            while True:
                while self._queue:
                    await self._pass(self._queue[0])
                    # counted until the network has taken it
                    self.backlog_bytes -= len(self._queue.popleft().wire)
                self.congested = False
                self._empty.set()
                if self._close is not None:
                    await self._end(*self._close)
                    self.over = True
                    return
                self._work.clear()
                await self._rest(self._work)
        finally:
            self._queue.clear()
            self._empty.set()

    async def _pass(self, frame: Frame) -> None:
        await self._send({"type": "websocket.send", "text": frame.text})

    async def _end(self, code: int, reason: str) -> None:
        await self._send({"type": "websocket.close", "code": code, "reason": reason})

    async def _rest(self, work: asyncio.Event) -> None:
        """Until there is something to send."""
        await work.wait()
