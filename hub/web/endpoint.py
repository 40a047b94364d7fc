"""An endpoint: a route that can also describe itself, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec
from msgspec import Raw, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.errors import HubError, Internal
from hub.security.permissions import Permission
from hub.security.principal import Principal
from hub.web.problems import problem, unexpected

if TYPE_CHECKING:
    from hub.web.gate import Gate

Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Result: TypeAlias = Struct | Raw | Response
Run: TypeAlias = Callable[[Request], Awaitable[Result]]
GuardedRun: TypeAlias = Callable[[Request, Principal], Awaitable[Result]]


class Spec(Struct, frozen=True, kw_only=True):
    """What a client may know of an endpoint: `body` and `result` are the types of its JSON, `query` and
    `headers` those of its parameters, `path` that of those in its address that are neither ids nor texts.

    `accepts` are the media types of a body, `gives` those of an answer, that is not JSON. `once` asks for an
    operation id in the header Idempotency-Key. `errors` are those that only this endpoint gives; the ones
    that follow from the rest are not repeated here.
    """

    name: str
    summary: str
    tag: str
    result: type[Struct] | None = None
    status: HTTPStatus = HTTPStatus.OK
    body: type[Struct] | None = None
    path: type[Struct] | None = None
    query: type[Struct] | None = None
    headers: type[Struct] | None = None
    accepts: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    errors: tuple[type[HubError], ...] = ()
    once: bool = False


class Endpoint(Route):
    """Public: answers with the encoded result of `run`; whatever `run` raises becomes a problem document."""

    permission: Permission | None = None

    def __init__(self, method: Method, path: str, run: Run, spec: Spec) -> None:
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


class Guarded(Endpoint):
    """For those who have `permission`: `run` is called with the request and who asks, after the gate let
    it pass."""

    def __init__(
        self, gate: Gate, permission: Permission, method: Method, path: str, run: GuardedRun, spec: Spec
    ) -> None:
        async def guarded(request: Request) -> Result:
            return await run(request, await gate.admit(request, permission))

        super().__init__(method, path, guarded, spec)
        self.permission = permission


def reply(result: Result, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """A JSON answer that nobody may keep: it is one caller's, and it changes. A whole response passes as
    it is."""
    if isinstance(result, Response):
        return result
    content = bytes(result) if isinstance(result, Raw) else msgspec.json.encode(result)
    return Response(content, status, {"Cache-Control": "no-store"}, "application/json")
