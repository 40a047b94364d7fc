"""The hub as a plain ASGI application, `hub.asgi:app`, for a server that is not the hub's own: settings
come from the environment, the process starts and ends with the server's lifespan. `hub serve` does more:
it takes the sockets over, drains before it closes, and bounds what a client may send before it is known."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from hub.app import open_hub
from hub.errors import HubError
from hub.settings import load

if TYPE_CHECKING:
    from hub.app import Hub

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Application:
    """One process of the hub under somebody else's server."""

    def __init__(self) -> None:
        self._hub: Hub | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._hub is None:
            raise RuntimeError("the hub needs a server that speaks the lifespan protocol")
        else:
            await self._hub.app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()  # lifespan.startup
        async with AsyncExitStack() as stack:
            try:
                self._hub = await stack.enter_async_context(open_hub(load(os.environ)))
            except HubError as error:
                await send({"type": "lifespan.startup.failed", "message": error.message})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()  # lifespan.shutdown
            await self._hub.drain()
        await send({"type": "lifespan.shutdown.complete"})


app = Application()
