"""A session over server-sent events, for those who cannot hold a socket: the same frames, each with its
position as the id by which the stream goes on after a break.

    retry: 3000

    event: welcome
    data: {"type":"welcome",...}

    id: 0193...:41
    event: snapshot
    data: {"type":"snapshot",...}

    id: 0193...:42
    event: event
    data: {"type":"event",...}

The id of a goodbye for good is no position: a browser repeats it by itself in `Last-Event-ID`, which is how
the hub knows whom it has told not to come back.

The server keeps a task for each stream, and this keeps two beside it; sockets are for the thousands. What
waits for a slow reader is bounded as it is for a socket's, and beyond that by what the server buffers before
it makes `send` wait (64 KiB and one frame).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from hub.realtime.conversation import Conversation
from hub.realtime.protocol import CLOSE_CODES, Bye, EventFrame, PositionFrame, Snapshot
from hub.realtime.wire import SendWire
from hub.web.protocol import EXTENSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from hub.log.event import Position
    from hub.realtime.doors import House
    from hub.realtime.protocol import Frame
    from hub.realtime.wire import AsgiSend
    from hub.security.principal import Principal
    from hub.web.protocol import BoundedProtocol

MEDIA_TYPE: Final = "text/event-stream"
# Before the code of a goodbye for good.
ENDED: Final = "end:"
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Accept"}
_COMMENT: Final = b":\n\n"


class EventWire(SendWire):
    """See `SendWire`. `since` is what the client has; `connection` is the server's, where it is known. A
    stream that has nothing to say for `quiet_seconds` gets a comment, so that no proxy takes it for dead."""

    def __init__(
        self,
        send: AsgiSend,
        since: Position | None,
        connection: BoundedProtocol | None,
        quiet_seconds: float,
    ) -> None:
        super().__init__(send)
        self._epoch = since and since.epoch
        self._connection = connection
        self._quiet_seconds = quiet_seconds

    async def begin(self, headers: list[tuple[bytes, bytes]], retry_ms: int) -> None:
        """The head of the answer, and when to come back."""
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._put(b"retry: %d\n\n" % retry_ms)

    def cut(self) -> None:
        """Close the connection, unless the goodbye has gone out: politely, the server would wait for a peer
        that takes nothing."""
        if self._connection is not None and not self.over:
            self._connection.abort()

    async def _pass(self, frame: Frame) -> None:
        await self._put(self._text(frame))

    async def _end(self, code: int, reason: str) -> None:
        await self._send({"type": "http.response.body", "body": b""})

    async def _rest(self, work: asyncio.Event) -> None:
        while not work.is_set():
            try:
                async with asyncio.timeout(self._quiet_seconds):
                    await work.wait()
            except TimeoutError:
                await self._put(_COMMENT)

    async def _put(self, text: bytes) -> None:
        await self._send({"type": "http.response.body", "body": text, "more_body": True})

    def _text(self, frame: Frame) -> bytes:
        content = frame.content
        # JSON has line ends only between its parts
        data = frame.data.replace(b"\n", b" ").replace(b"\r", b" ")
        kind = str(content.__struct_config__.tag)
        lines = [*self._before(content), f"event: {kind}\ndata: "]
        return "\n".join(lines).encode() + data + b"\n\n"

    def _before(self, content: object) -> list[str]:
        match content:
            case Snapshot() | PositionFrame():
                self._epoch = content.epoch
                return [f"id: {content.epoch}:{content.seq}"]
            case EventFrame():
                return [f"id: {self._epoch}:{content.seq}"]
            case Bye() if CLOSE_CODES[content.code].reconnect:
                return [f"retry: {content.retry_ms}"]
            case Bye():
                return [f"id: {ENDED}{content.code}"]
            case _:
                return []


class EventStream(Response):
    """The answer that is a session. `opened` gets its conversation, and gives what to call at its end."""

    media_type = MEDIA_TYPE

    def __init__(
        self,
        house: House,
        principal: Principal,
        since: Position | None,
        opened: Callable[[Conversation], Callable[[], None]],
    ) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers(_HEADERS)
        self._house = house
        self._principal = principal
        self._since = since
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": b""})
            return
        settings = self._house.settings
        connection: BoundedProtocol | None = scope.get("extensions", {}).get(EXTENSION)
        wire = EventWire(send, self._since, connection, settings.ping_seconds)
        await wire.begin(self.raw_headers, settings.retry_ms)
        conversation = Conversation(self._house, wire, None)
        closed = self._opened(conversation)
        try:
            conversation.enter(self._principal, self._since)
            await wire.serve(left(receive))
        finally:
            closed()
            conversation.gone()
            wire.cut()


async def left(receive: Receive) -> None:
    """Wait until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
