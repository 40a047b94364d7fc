"""Connections to ask on, one to each server, opened when it is first asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from hub.redis.line import Line
    from hub.redis.place import Address

_REST_SECONDS: Final = 0.2


class Lines:
    """`open` makes a connection. To a server that could not be reached it is tried again in the background,
    and who asks meanwhile is told at once: one dead server of a cluster holds up none of the others."""

    def __init__(self, open: Callable[[Address], Awaitable[Line]]) -> None:
        self._open = open
        self._lines: dict[Address, Line] = {}
        self._opening: dict[Address, asyncio.Task[Line]] = {}
        self._failed: set[Address] = set()

    async def ask(
        self, address: Address, packed: bytes, count: int = 1, seconds: float | None = None
    ) -> list[Any]:
        """As `Line.ask`."""
        line = self._lines.get(address)
        if line is None or line.error is not None:
            line = await self._line(address)
        try:
            return await line.ask(packed, count, seconds)
        except OSError:
            if isinstance(line.error, TimeoutError):
                self._failed.add(address)
            raise

    async def _line(self, address: Address) -> Line:
        if (opening := self._opening.get(address)) is None:
            opening = asyncio.create_task(self._connect(address), name=f"redis {address[0]}:{address[1]}")
            opening.add_done_callback(lambda done: self._opened(address, done))
            self._opening[address] = opening
        if address in self._failed:
            raise ConnectionRefusedError("redis could not be reached a moment ago")
        return await asyncio.shield(opening)

    async def _connect(self, address: Address) -> Line:
        if address in self._failed:
            await asyncio.sleep(_REST_SECONDS)
        return await self._open(address)

    def _opened(self, address: Address, done: asyncio.Task[Line]) -> None:
        if self._opening.get(address) is done:
            del self._opening[address]
        if done.cancelled():
            return
        if done.exception() is None:
            self._lines[address] = done.result()
            self._failed.discard(address)
        else:
            self._failed.add(address)

    def forgive(self, address: Address) -> None:
        """The server has been reached by other means: the next who asks waits for a connection."""
        if address in self._failed:
            self._failed.discard(address)
            if (opening := self._opening.pop(address, None)) is not None:
                opening.cancel()

    def drop(self, address: Address) -> None:
        """End the connection: the next who asks gets a new one."""
        if (line := self._lines.pop(address, None)) is not None:
            line.fail(ConnectionAbortedError("another server has taken over"))

    async def aclose(self) -> None:
        """End all of them."""
        opening = list(self._opening.values())
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        for line in self._lines.values():
            line.fail(ConnectionAbortedError("closed"))
        await asyncio.gather(*(line.closed for line in self._lines.values()))
        self._lines.clear()
