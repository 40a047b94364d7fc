"""The HTTP side as one ASGI application: the routes it is given, the pages, and the document of both."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import Lifespan

from hub.web import openapi, pages
from hub.web.headers import SecurityHeaders
from hub.web.problems import handlers


def site(routes: Sequence[BaseRoute], lifespan: Lifespan[Starlette] | None = None) -> Starlette:
    """`routes` with the pages and /api/openapi.json beside them; every error is a problem document."""
    app = Starlette(
        routes=[*routes, openapi.route(routes), *pages.routes()],
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers=handlers(),
        lifespan=lifespan,
    )
    # A redirect would repeat the Host header, which anyone can set.
    app.router.redirect_slashes = False
    return app
