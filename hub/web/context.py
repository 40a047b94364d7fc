"""Gives every request its id and says who sends it. An inbound X-Request-Id is never believed: two requests
under one id would be one in the log."""

from __future__ import annotations

import functools
import re
import sys
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

from hub.db.ids import uuid7
from hub.errors import InvalidInput
from hub.telemetry.context import RequestContext, current

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONGEST: Final = 200
_HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,255}")
_SCHEMES: Final = {"http": "http", "ws": "http", "https": "https", "wss": "https"}


class RequestContexts:
    """ASGI middleware for HTTP and WebSocket; answers over HTTP carry the id as `X-Request-Id`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        request_id = uuid7()
        header = (b"x-request-id", str(request_id).encode())

        async def send_with_id(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        context = RequestContext(
            request_id, _ip(client[0]) if client else None, _user_agent(scope), _origin(scope)
        )
        token = current.set(context)
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            current.reset(token)


@functools.lru_cache(4096)
def _ip(text: str) -> str | None:
    """The address in its one spelling; None for what is none, which a proxy may pass on."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        address = IPv6Address(int(address))  # without a zone, which only this machine understands
    return str(address)


def _user_agent(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"user-agent":
            text = _CONTROL.sub("", value[: 4 * _LONGEST].decode("latin-1"))[:_LONGEST]
            # every socket keeps it as long as it is open, and most of them say the same
            return sys.intern(text) or None
    return None


def _origin(scope: Scope) -> str | None:
    scheme = _SCHEMES.get(scope.get("scheme", "http"))
    for name, value in scope["headers"]:
        if name == b"host" and scheme is not None and _HOST.fullmatch(host := value.decode("latin-1")):
            return sys.intern(f"{scheme}://{host}")
    return None


def own_origin() -> str:
    """Where the client of this request has found the hub. Anyone can set Host, and only who did reads the
    answer. Raises InvalidInput."""
    context = current.get()
    if context is None or context.origin is None:
        raise InvalidInput("The header Host is missing, or names no host.", field="Host")
    return context.origin
