"""The HTTP side as one ASGI application: the routes it is given, the pages, and the document of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Lifespan

from hub.web import openapi, pages
from hub.web.context import RequestContexts
from hub.web.headers import SecurityHeaders
from hub.web.position import CarryPosition
from hub.web.problems import handlers
from hub.web.rate import AddressLimit
from hub.web.requests import CountRequests, Requests

if TYPE_CHECKING:
    from hub.security.limits import Limiter
    from hub.security.positions import Positions


class Site(Starlette):
    """The middleware stands outside Starlette's own, so that the answer to a bug has its headers too."""

    limiter: Limiter | None = None
    requests: Requests | None = None
    positions: Positions | None = None

    def build_middleware_stack(self) -> ASGIApp:
        app = super().build_middleware_stack()
        if self.positions is not None:
            app = CarryPosition(app, self.positions)
        if self.limiter is not None:
            app = AddressLimit(app, self.limiter)
        if self.requests is not None:
            app = CountRequests(app, self.requests, self.routes)
        return RequestContexts(SecurityHeaders(app))


def site(
    routes: Sequence[BaseRoute],
    lifespan: Lifespan[Starlette] | None = None,
    *,
    limiter: Limiter | None = None,
    requests: Requests | None = None,
    positions: Positions | None = None,
) -> Starlette:
    """`routes` with the pages and /api/openapi.json beside them; every error is a problem document.

    With a `limiter`, requests to /api/ from one address are counted; with `requests`, all for the metrics.
    With `positions`, answers tell how far a replica must be to show what they did.
    """
    app = Site(
        routes=[*routes, openapi.route(routes), *pages.routes()],
        exception_handlers=handlers(),
        lifespan=lifespan,
    )
    app.limiter = limiter
    app.requests = requests
    app.positions = positions
    # A redirect would repeat the Host header, which anyone can set.
    app.router.redirect_slashes = False
    return app
