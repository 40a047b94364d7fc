"""A device of the demo that stays with the hub: it claims its place once, renews its token, comes back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from websockets.exceptions import WebSocketException

from hub.demo.screen import Refused, Screen, post
from hub.realtime.protocol import CloseCode

_AGAIN_SECONDS: Final = 1.0
# Somebody else has taken this place, or shown that this device does not understand the hub: it stays away.
_FOR_GOOD: Final = (CloseCode.REPLACED, CloseCode.BAD_FRAME)


class Device:
    """A tablet or a kitchen screen, by the code that stands for it. `screen` is None while it is away."""

    def __init__(self, host: str, port: int, code: str) -> None:
        self.screen: Screen | None = None
        self._host = host
        self._port = port
        self._code = code
        self._credential: str | None = None

    async def stay(self, work: Callable[[Screen], Awaitable[None]] | None = None) -> None:
        """Keep a screen up to date and work at it, again after each time that it was lost. Returns when
        another one has taken its place, or the hub does not let it in any more."""
        while True:
            try:
                async with Screen(self._host, self._port, await self._token()) as screen:
                    if await self._attend(screen, work) in _FOR_GOOD:
                        return
            except Refused as refusal:
                if not refusal.details["temporary"]:
                    return
            except (OSError, TimeoutError, WebSocketException):
                pass  # the hub is not there yet, or not any more
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _attend(self, screen: Screen, work: Callable[[Screen], Awaitable[None]] | None) -> int:
        """The close code of the screen. Raises what `work` raises while it is open."""
        closed = asyncio.ensure_future(screen.closed())
        tasks = [closed] if work is None else [closed, asyncio.ensure_future(work(screen))]
        self.screen = screen
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks[1:]:
                if task.done():
                    with contextlib.suppress(ConnectionError):  # the close code says more
                        task.result()
            return await closed
        finally:
            self.screen = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _token(self) -> str:
        """A fresh one. What the last guest has left behind is gone as soon as the hub asks for it."""
        if self._credential is None:
            answer = await post(self._host, self._port, "/api/v1/devices/claim", {"code": self._code})
            self._credential = answer["credential"]
        else:
            answer = await self._renewed()
        if answer["wipe"] is not None:
            report = {"credential": self._credential, "requested_at": answer["wipe"]}
            await post(self._host, self._port, "/api/v1/devices/wiped", report)
            answer = await self._renewed()
        token: str = answer["token"]
        return token

    async def _renewed(self) -> dict[str, object]:
        return await post(self._host, self._port, "/api/v1/devices/token", {"credential": self._credential})
