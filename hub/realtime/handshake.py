"""uvicorn's WebSocket protocol, up to the end of the handshake: then an application may take the transport
over and serve the socket itself. uvicorn would go on with a task, a queue and a call chain for each
socket, would close a dead peer politely and wait for its answer, and would cut all sockets at its own end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from hub.errors import SettingError
from hub.realtime.socket import Socket

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

    from hub.realtime.socket import Listener

# In the ASGI scope's extensions: a `Handshake`.
EXTENSION: Final = "hub.handshake"

# What this module overrides or reads, and where; a uvicorn that has renamed one is refused at the start.
_METHODS: Final = ("run_asgi", "handle_connect", "send", "receive", "connection_lost")
_ATTRIBUTES: Final = frozenset(
    {
        "transport",
        "conn",
        "queue",
        "connections",
        "handshake_complete",
        "close_sent",
        "disconnected",
        "frames",
    }
)


def checked() -> type[Handshake]:
    """For `uvicorn.Config(ws=...)`. Raises SettingError when the installed uvicorn is of another make."""
    methods = all(callable(getattr(WebSocketsSansIOProtocol, name, None)) for name in _METHODS)
    known = {*WebSocketsSansIOProtocol.__init__.__code__.co_names}
    if (
        not methods
        or _ATTRIBUTES - known
        or "scope" not in WebSocketsSansIOProtocol.run_asgi.__code__.co_names
    ):
        raise SettingError(
            "the installed uvicorn is not the one that this hub was built for; install the version of "
            "deploy/constraints.txt.",
            field="uvicorn",
        )
    return Handshake


class Handshake(WebSocketsSansIOProtocol):
    """One socket before it is accepted, and after that if nobody takes it over."""

    async def run_asgi(self) -> None:
        extensions: dict[str, Any] = self.scope["extensions"]
        extensions[EXTENSION] = self
        try:
            await super().run_asgi()
        finally:
            del extensions[EXTENSION]  # a cycle

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            # Refused with an answer of our own; uvicorn would log an error for each.
            self.handshake_complete = True

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.conn.parser.close()  # it holds on to what holds it

    def take_over(self, listener: Callable[[Socket], Listener]) -> None:
        """Make the accepted socket a `Socket` whose messages go to what `listener` makes for it.

        Raises ConnectionResetError when the peer has gone meanwhile, or spoke before it was answered and has
        not come to an end.
        """
        if not self.handshake_complete or self.disconnected or self.frames or self.transport.is_closing():
            raise ConnectionResetError
        early: list[str | None] = []
        while not self.queue.empty():
            message = self.queue.get_nowait()
            if message["type"] == "websocket.receive":
                early.append(message.get("text"))
        socket = Socket(self.transport, self.conn, self.connections)
        self.connections.discard(self)
        # At the end of the ASGI call uvicorn closes what it has for a transport.
        self.transport = _Given()
        socket.listen(listener(socket), early)


class _Given(asyncio.Transport):
    """In place of a transport that belongs to somebody else now."""

    def is_closing(self) -> bool:
        return True

    def close(self) -> None:
        pass
