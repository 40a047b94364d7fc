"""The hub as a plain ASGI application, `hub.asgi:app`, for a server that is not the hub's own: settings
come from the environment, the process starts and ends with the server's lifespan; when a part of the hub
fails, the server is told to end, by SIGTERM. `hub serve` does more: it takes the sockets over, drains before
it closes, and bounds what a client may send before it is known."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from hub.app import open_hub
from hub.environment import load
from hub.errors import HubError

if TYPE_CHECKING:
    from hub.app import Hub

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Application:
    """One process of the hub under somebody else's server."""

    def __init__(self) -> None:
        self.hub: Hub | None = None  # while it serves

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self.hub is None:
            raise RuntimeError("the hub needs a server that speaks the lifespan protocol")
        else:
            await self.hub.app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()  # lifespan.startup
        async with AsyncExitStack() as stack:
            try:
                self.hub = await stack.enter_async_context(open_hub(load(os.environ)))
            except HubError as error:
                await send({"type": "lifespan.startup.failed", "message": error.message})
                return
            await send({"type": "lifespan.startup.complete"})
            shutdown = asyncio.ensure_future(receive())
            stack.callback(shutdown.cancel)
            ends: list[asyncio.Future[Any]] = [shutdown, self.hub.failed]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            failed = self.hub.failed.done() and self.hub.failed.exception() is not None
            if failed:
                # without that part it would go on serving what is not true
                signal.raise_signal(signal.SIGTERM)
            await shutdown
            await self.hub.drain()
        if failed:
            await send({"type": "lifespan.shutdown.failed", "message": "a part of the hub failed"})
        else:
            await send({"type": "lifespan.shutdown.complete"})


app = Application()
