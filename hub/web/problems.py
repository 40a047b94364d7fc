"""Errors over HTTP: each is a problem document (RFC 9457) that carries the error as data."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.responses import Response

from hub.db.ids import uuid7
from hub.errors import HubError, Internal, InvalidInput, MethodNotAllowed, NotFound, TooLarge, Unauthorized
from hub.telemetry.context import current

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

MEDIA_TYPE: Final = "application/problem+json"
_RETRY_SECONDS: Final = 1
_log = logging.getLogger(__name__)


class Problem(Struct, frozen=True):
    """What went wrong. `code` is stable; `temporary` says that the same request may succeed later; `details`
    name the field at fault or carry the present state."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    temporary: bool
    details: dict[str, Any]


def problem(error: HubError) -> Response:
    """The answer for an error, with the headers that its status asks for."""
    data = error.to_data()
    document = Problem(
        type=f"urn:hub:error:{error.code}",
        title=error.title,
        status=error.status,
        detail=data["message"],
        code=data["code"],
        temporary=data["temporary"],
        details=data["details"],
    )
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    if error.temporary:
        headers["Retry-After"] = str(error.details.get("retry_after_seconds", _RETRY_SECONDS))
    return Response(msgspec.json.encode(document), error.status, headers, MEDIA_TYPE)


def unexpected(error: Exception, request: Request) -> Response:
    """The answer for a bug: a reference that finds it in the log, and nothing of the inside."""
    context = current.get()
    reference = str(context.request_id if context is not None else uuid7())
    _log.error(
        "request failed",
        exc_info=error,
        extra={"reference": reference, "method": request.method, "path": request.url.path},
    )
    return problem(Internal("Something went wrong on our side.", reference=reference))


async def on_error(request: Request, error: Exception) -> Response:
    """For what is raised outside an endpoint: an unknown address, a method that it does not know."""
    match error:
        case HubError():
            return problem(error)
        case HTTPException(status_code=405):
            answer = problem(MethodNotAllowed("This address does not know that method."))
            answer.headers.update(error.headers or {})
            return answer
        case HTTPException(status_code=413):
            return problem(TooLarge("The request is too large."))
        case HTTPException(status_code=status) if status in (HTTPStatus.NOT_FOUND, HTTPStatus.UNAUTHORIZED):
            return problem(NotFound("There is nothing at this address."))
        case HTTPException(status_code=status) if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return problem(InvalidInput("The request is not valid."))
        case _:
            return unexpected(error, request)


def handlers() -> Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]]:
    """For `Starlette(exception_handlers=...)`."""
    return {HubError: on_error, HTTPException: on_error, Exception: on_error}
