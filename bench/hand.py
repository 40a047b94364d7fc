"""A kitchen screen that acts: it sends commands one after the other and waits for each reply."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

from msgspec import Raw

from hub.drive import messages
from hub.drive.client import Address, Socket
from hub.drive.frames import BadFrame
from hub.drive.messages import Bye, Dish, Position, Reply, Snapshot, dishes, frames
from hub.errors import Unavailable

_JOIN_SECONDS = 30.0
_REPLY_SECONDS = 30.0


class Hand:
    """See `joined`. `menu` is that of its hotel."""

    def __init__(self) -> None:
        self.menu: list[Dish] = []
        self._socket: Socket | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reply: asyncio.Future[Reply] | None = None
        self._number = 0
        self._bye = ""

    @classmethod
    async def joined(cls, address: Address, token: str) -> Hand:
        """A live session. Raises Unavailable."""
        hand = cls()
        try:
            async with asyncio.timeout(_JOIN_SECONDS):
                hand._socket = await Socket.connect(address, hand._text, hand._closed)
                hand._socket.send(messages.hello(token))
                await hand._ready
        except (OSError, BadFrame, TimeoutError) as error:
            raise Unavailable(f"a kitchen screen cannot join: {str(error) or 'no answer'}") from error
        return hand

    async def call(self, name: str, args: dict[str, Any]) -> Raw:
        """Run a command; its result. Raises Unavailable when it is refused or lost."""
        assert self._socket is not None
        self._number += 1
        self._reply = asyncio.get_running_loop().create_future()
        self._socket.write(messages.masked_command(self._number, name, args, str(uuid4())))
        try:
            async with asyncio.timeout(_REPLY_SECONDS):
                reply = await self._reply
        except (OSError, TimeoutError) as error:
            raise Unavailable(f"{name} got no reply: {str(error) or 'it took too long'}") from error
        if not reply.ok:
            raise Unavailable(f"{name} was refused: {reply.error.message if reply.error else 'no reason'}")
        return reply.result

    def leave(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _text(self, text: bytes, _: float) -> None:
        frame = frames.decode(text)
        match frame:
            case Snapshot():
                self.menu = [dishes.decode(one.data) for one in frame.state if one.kind == "menu_item"]
            case Position() if not self._ready.done():
                self._ready.set_result(None)
            case Reply() if self._reply is not None and not self._reply.done():
                self._reply.set_result(frame)
            case Bye():
                self._bye = frame.reason

    def _closed(self, code: int, reason: str) -> None:
        error = ConnectionResetError(f"closed with {code} ({self._bye or reason})")
        for waiting in (self._ready, self._reply):
            if waiting is not None and not waiting.done():
                waiting.set_exception(error)
