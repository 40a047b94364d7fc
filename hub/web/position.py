"""Reading one's own writes over HTTP: an answer to a change carries `Hub-Position`; who sends it along with
later requests, to whichever process, is not answered by a replica that has not come as far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.db.position import Trail, trail

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from hub.security.positions import Positions

_HEADER: Final = b"hub-position"


class CarryPosition:
    """ASGI middleware for HTTP."""

    def __init__(self, app: ASGIApp, positions: Positions) -> None:
        self._app = app
        self._positions = positions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        brought = next((value for name, value in scope["headers"] if name == _HEADER), None)
        mine = Trail(0 if brought is None else self._positions.open(brought.decode("latin-1")))

        async def send_with_position(message: Message) -> None:
            if message["type"] == "http.response.start" and mine.reached is not None:
                header = (_HEADER, self._positions.seal(mine.reached).encode())
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        token = trail.set(mine)
        try:
            await self._app(scope, receive, send_with_position)
        finally:
            trail.reset(token)
