"""An endpoint: a route that can also describe itself, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Literal, TypeAlias

import msgspec
from msgspec import Raw, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.errors import HubError, Internal
from hub.web.problems import problem, unexpected

Run: TypeAlias = Callable[[Request], Awaitable[Struct | Raw]]


class Spec(Struct, frozen=True, kw_only=True):
    """What a client may know of an endpoint: `body`, `query` and `result` are the types of its JSON.

    `once` asks for an operation id in the header Idempotency-Key, `public` needs no token. `errors` are those
    that only this endpoint gives; the ones that follow from the rest are not repeated here.
    """

    name: str
    summary: str
    tag: str
    result: type[Struct]
    status: HTTPStatus = HTTPStatus.OK
    body: type[Struct] | None = None
    query: type[Struct] | None = None
    errors: tuple[type[HubError], ...] = ()
    once: bool = False
    public: bool = False


class Endpoint(Route):
    """Answers with the encoded result of `run`; whatever `run` raises becomes a problem document."""

    def __init__(self, method: Literal["GET", "POST"], path: str, run: Run, spec: Spec) -> None:
        self.method = method
        self.spec = spec

        async def answer(request: Request) -> Response:
            try:
                return reply(await run(request), spec.status)
            except Exception as error:  # noqa: BLE001 - logged there, with a reference
                if isinstance(error, HubError) and not isinstance(error, Internal):
                    return problem(error)
                return unexpected(error, request)

        super().__init__(path, answer, methods=[method], name=spec.name)


def reply(result: Struct | Raw, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """A JSON answer that nobody may keep: it is one device's, and it changes."""
    content = bytes(result) if isinstance(result, Raw) else msgspec.json.encode(result)
    return Response(content, status, {"Cache-Control": "no-store"}, "application/json")
