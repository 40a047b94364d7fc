"""/metrics, on an address of its own: it tells how busy a service is, and that is nobody's business but its
operator's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from hub.errors import Unauthorized
from hub.web.headers import SecurityHeaders
from hub.web.problems import handlers, problem

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

PATH: Final = "/metrics"


def scrape(text: Callable[[str], Awaitable[tuple[bytes, str]]], token: str | None) -> ASGIApp:
    """An application that answers with `text` of the Accept header; with a `token`, only to those who bring
    it as a bearer."""

    async def answer(request: Request) -> Response:
        brought = request.headers.get("authorization", "")
        if token is not None and not compare_digest(brought.encode(), f"Bearer {token}".encode()):
            return problem(Unauthorized("Bring the token of HUB_METRICS_TOKEN as a bearer."))
        content, media_type = await text(request.headers.get("accept", ""))
        headers = {"Cache-Control": "no-store", "Content-Type": media_type}
        return Response(content, headers=headers)

    app = Starlette(routes=[Route(PATH, answer, methods=["GET"])], exception_handlers=handlers())
    app.router.redirect_slashes = False
    return SecurityHeaders(app)
