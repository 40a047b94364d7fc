"""The tokens of a browser: in cookies that no script reads, and that no other page can use."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec
from starlette.responses import Response

from hub.staff.documents import Done, SignedIn
from hub.web.endpoint import reply
from hub.web.gate import ACCESS_COOKIE, csrf_token

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.staff.sessions import Opened

CLIENT_HEADER: Final = "X-Hub-Client"
REFRESH_COOKIE: Final = "hub_refresh"
_REFRESH_PATH: Final = "/api/v1/staff/session"
_DAY: Final = 86_400


def is_browser(request: Request) -> bool:
    """Whether the client wants cookies. A page of another origin cannot send this header unasked."""
    return request.headers.get(CLIENT_HEADER, "").lower() == "browser"


def answer(request: Request, opened: Opened, status: HTTPStatus, idle_days: float) -> Response:
    """The tokens as the client wants them."""
    document = SignedIn(csrf=csrf_token(opened.access_token), expires_at=opened.expires_at, me=opened.me)
    if not is_browser(request):
        whole = msgspec.structs.replace(
            document, access_token=opened.access_token, refresh_token=opened.refresh_token
        )
        return reply(whole, status)
    response = reply(document, status)
    seconds = (opened.expires_at - datetime.now(UTC)).total_seconds()
    _set(request, response, ACCESS_COOKIE, opened.access_token, "/", round(seconds))
    _set(request, response, REFRESH_COOKIE, opened.refresh_token, _REFRESH_PATH, round(idle_days * _DAY))
    return response


def cleared(request: Request) -> Response:
    """Done, and the browser forgets its tokens."""
    response = reply(Done())
    _set(request, response, ACCESS_COOKIE, "", "/", 0)
    _set(request, response, REFRESH_COOKIE, "", _REFRESH_PATH, 0)
    return response


def _set(request: Request, response: Response, name: str, value: str, path: str, seconds: int) -> None:
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=path,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
