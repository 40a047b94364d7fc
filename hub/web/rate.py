"""Counts the requests to /api/ from one address, before anything else is done for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import RateLimited
from hub.security.limits import Rule
from hub.telemetry.context import current
from hub.web.problems import problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from hub.security.limits import Limiter


class AddressLimit:
    """ASGI middleware, inside RequestContexts."""

    def __init__(self, app: ASGIApp, limiter: Limiter) -> None:
        self._app = app
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            context = current.get()
            try:
                await self._limiter.hit(Rule.IP, context.ip if context else None)
            except RateLimited as error:
                await problem(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)
