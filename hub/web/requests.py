"""Counts HTTP requests by the template of their route, never by what a client wrote into the address."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Mount, Route

from hub.telemetry.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED: Final = "unmatched"


class Requests:
    """`answers` by route, method and class of the status; `seconds` by route and method, until an answer
    began: how fast a client reads it is the client's affair."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str, str]] = Counter()
        self.seconds: dict[tuple[str, str], Histogram] = {}

    def add(self, route: str, method: str, status: str, seconds: float) -> None:
        """One request."""
        self.answers[route, method, status] += 1
        if (times := self.seconds.get((route, method))) is None:
            times = self.seconds[route, method] = Histogram()
        times.add(seconds)


class CountRequests:
    """ASGI middleware, outside of everything that may answer."""

    def __init__(self, app: ASGIApp, requests: Requests, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._requests = requests
        self._templates: dict[Any, str] = {}
        for route in routes:
            match route:
                case Route():
                    self._templates[route.endpoint] = route.path
                case Mount():
                    self._templates[route.app] = route.path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        answered: tuple[str, float] | None = None

        async def watched(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = f"{message['status'] // 100}xx", time.perf_counter() - started
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            status, seconds = answered or ("none", time.perf_counter() - started)
            method = scope["method"]
            self._requests.add(
                # the router leaves there what it has chosen
                self._templates.get(scope.get("endpoint"), UNMATCHED),
                method if method in METHODS else "other",
                status,
                seconds,
            )
