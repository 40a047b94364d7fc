"""HTTP of sign-ins."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from hub.errors import Forbidden, NotFound, SecondFactorRequired, TenantClosed, Unauthorized
from hub.security.permissions import Permission
from hub.staff import cookies
from hub.staff.documents import CurrentSession, Done, RefreshRequest, SessionList, SignedIn, SignInRequest
from hub.staff.sessions import Sessions
from hub.staff.sign_in import SignIn
from hub.staff.tickets import no_good
from hub.web.endpoint import Endpoint, Guarded, Spec
from hub.web.gate import ACCESS_COOKIE, csrf_token, path_id

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from hub.security.principal import Principal
    from hub.staff.links import Links
    from hub.staff.office import Office
    from hub.web.gate import Gate

_SESSION: Final = "/api/v1/staff/session"
_SESSIONS: Final = "/api/v1/staff/sessions"


def routes(gate: Gate, links: Links, office: Office) -> list[Endpoint]:
    sign_in, sessions = SignIn(office), Sessions(office)
    idle = office.settings.staff_idle_days

    async def create(request: Request) -> Response:
        asked = await gate.read(request, SignInRequest)
        if cookies.is_browser(request):
            gate.check_origin(request)
        opened = await sign_in(await links.place(request, asked.hotel), asked)
        return cookies.answer(request, opened, HTTPStatus.CREATED, idle)

    async def refresh(request: Request) -> Response:
        text = (await gate.read(request, RefreshRequest)).refresh_token
        if text is None and cookies.is_browser(request):
            gate.check_origin(request)
            text = request.cookies.get(cookies.REFRESH_COOKIE)
        if text is None:
            raise no_good("refresh_token")
        opened = await sessions.refresh(await links.place(request), text)
        return cookies.answer(request, opened, HTTPStatus.OK, idle)

    async def end(request: Request, principal: Principal) -> Response:
        await sessions.sign_out(principal)
        return cookies.cleared(request)

    async def current(request: Request, principal: Principal) -> CurrentSession:
        me = await sessions.current(principal)
        _, _, bearer = request.headers.get("authorization", "").partition(" ")
        token = bearer.strip() or request.cookies[ACCESS_COOKIE]
        return CurrentSession(csrf_token(token), datetime.fromtimestamp(principal.expires_at, UTC), me)

    async def own(_: Request, principal: Principal) -> SessionList:
        return await sessions.list(principal, principal.id)

    async def of_person(request: Request, principal: Principal) -> SessionList:
        return await sessions.list(principal, path_id(request, "staff_id"))

    async def revoke(request: Request, principal: Principal) -> Done:
        await sessions.revoke(principal, path_id(request, "session_id"))
        return Done()

    return [
        Endpoint(
            "POST",
            _SESSION,
            create,
            Spec(
                name="signIn",
                summary="Sign in by e-mail and password; tokens come as cookies with X-Hub-Client: browser",
                tag="staff",
                body=SignInRequest,
                result=SignedIn,
                status=HTTPStatus.CREATED,
                errors=(Unauthorized, SecondFactorRequired, TenantClosed, Forbidden),
            ),
        ),
        Endpoint(
            "POST",
            f"{_SESSION}/refresh",
            refresh,
            Spec(
                name="refreshSession",
                summary="The next tokens; a refresh token is good once",
                tag="staff",
                body=RefreshRequest,
                result=SignedIn,
                errors=(Unauthorized, TenantClosed, Forbidden),
            ),
        ),
        Guarded(
            gate,
            Permission.SELF,
            "POST",
            f"{_SESSION}/end",
            end,
            Spec(name="signOut", summary="Sign out", tag="staff", result=Done),
        ),
        Guarded(
            gate,
            Permission.SELF,
            "GET",
            _SESSION,
            current,
            Spec(name="readSession", summary="Who has signed in", tag="staff", result=CurrentSession),
        ),
        Guarded(
            gate,
            Permission.SELF,
            "GET",
            _SESSIONS,
            own,
            Spec(name="listOwnSessions", summary="One's own sign-ins", tag="staff", result=SessionList),
        ),
        Guarded(
            gate,
            Permission.STAFF_MANAGE,
            "GET",
            "/api/v1/staff/people/{staff_id}/sessions",
            of_person,
            Spec(
                name="listSessions",
                summary="The sign-ins of a person",
                tag="staff",
                result=SessionList,
                errors=(NotFound,),
            ),
        ),
        Guarded(
            gate,
            Permission.SELF,
            "POST",
            f"{_SESSIONS}/{{session_id}}/revoke",
            revoke,
            Spec(
                name="revokeSession",
                summary="End a sign-in: one's own, or as a manager anybody's",
                tag="staff",
                result=Done,
                errors=(NotFound,),
            ),
        ),
    ]
