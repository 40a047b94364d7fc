"""The WebSocket endpoint: who may open a socket, and how it is served. Under the hub's own server the
transport is taken over and no task waits for it; under any other ASGI server the same conversation is held
by `receive` and `send`."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

from hub.realtime.conversation import Conversation
from hub.realtime.doors import Doors, House
from hub.realtime.handshake import EXTENSION
from hub.realtime.keepalive import Keepalive
from hub.realtime.origin import Origins
from hub.realtime.protocol import SUBPROTOCOL
from hub.realtime.tasks import Tasks
from hub.realtime.wire import SendWire

if TYPE_CHECKING:
    from hub.realtime.admission import Admission
    from hub.realtime.handshake import Handshake
    from hub.realtime.heartbeat import Heartbeat
    from hub.realtime.join import Past
    from hub.realtime.node import Node
    from hub.realtime.socket import Socket
    from hub.realtime.wire import AsgiSend
    from hub.settings import Settings

AsgiMessage = MutableMapping[str, Any]
AsgiReceive = Callable[[], Awaitable[AsgiMessage]]


class Endpoint:
    """An ASGI application for the websocket scope. `run` asks its sockets whether their peers are there.
    `house` is for those who come another way."""

    def __init__(
        self,
        node: Node,
        past: Past,
        heartbeat: Heartbeat,
        doors: Doors,
        admission: Admission,
        settings: Settings,
    ) -> None:
        self.house = House(node, past, heartbeat, doors, Tasks(), settings)
        self._admission = admission
        self._keepalive = Keepalive(settings.ping_seconds, settings.pong_seconds)
        public = () if settings.public_url is None else (settings.public_url,)
        self._origins = Origins((*settings.allowed_origins, *public))

    async def run(self) -> None:
        """Serve until cancelled."""
        await self._keepalive.run()

    async def aclose(self) -> None:
        """End what still runs for sessions."""
        await self.house.tasks.aclose()

    async def __call__(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        await receive()  # websocket.connect
        handshakes = self.house.node.tally.handshakes
        if (why := self.house.node.closed) is not None:
            handshakes["draining"] += 1
            await _unavailable(scope, send, self.house.settings.retry_ms / 1000, why)
            return
        spoken = SUBPROTOCOL in scope["subprotocols"]
        if not spoken or not self._origins.admit(scope["headers"]):
            handshakes["origin" if spoken else "protocol"] += 1
            await send({"type": "websocket.close"})  # answers 403 before the upgrade
            return
        if (seconds := self._admission.wait()) > 0:
            handshakes["crowded"] += 1
            await _unavailable(scope, send, seconds, "too many connect at once")
            return
        host = _host(scope["headers"])
        handshake: Handshake | None = scope.get("extensions", {}).get(EXTENSION)
        try:
            await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
            handshakes["accepted"] += 1
            if handshake is None:
                await self._serve_by_send(receive, send, host)
            else:
                handshake.take_over(lambda socket: self._take(socket, host))
        except OSError:
            return  # the peer is gone

    def _take(self, socket: Socket, host: str | None) -> Conversation:
        # well before the session's own limit, so that there is time to notice
        socket.bound(self.house.settings.outbound_bytes // 4)
        self._keepalive.watch(socket)
        return Conversation(self.house, socket, host)

    async def _serve_by_send(self, receive: AsgiReceive, send: AsgiSend, host: str | None) -> None:
        wire = SendWire(send)
        conversation = Conversation(self.house, wire, host)
        try:
            await wire.serve(_read(receive, conversation))
        finally:
            conversation.gone()


async def _read(receive: AsgiReceive, conversation: Conversation) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        conversation.received(message.get("text"))


def _host(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    return next((value.decode("latin-1") for name, value in headers if name == b"host"), None)


async def _unavailable(scope: AsgiMessage, send: AsgiSend, seconds: float, why: str) -> None:
    """Refuse before the upgrade: 503, or 403 by a server that can say nothing else then."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    headers = [(b"retry-after", str(max(1, math.ceil(seconds))).encode())]
    await send({"type": "websocket.http.response.start", "status": 503, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": f"{why}\n".encode()})
