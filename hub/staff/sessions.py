"""Sign-ins that last: opened, renewed by refresh tokens that are each good once, listed, ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from msgspec import Struct

from hub.db.ids import uuid7
from hub.errors import NotFound, TenantClosed
from hub.security import events
from hub.security.permissions import Permission
from hub.security.principal import Principal
from hub.staff import store
from hub.staff.documents import Me, MyHotel, SessionInfo, SessionList
from hub.staff.model import judge_refresh
from hub.staff.office import before_sign_in, client_ip, gone, user_agent
from hub.staff.tickets import Ticket, no_good

if TYPE_CHECKING:
    from hub.db.scope import Scope
    from hub.security.hosts import Place
    from hub.staff.model import Account, Session
    from hub.staff.office import Office


class Opened(Struct, frozen=True):
    """A session with its tokens."""

    session_id: UUID
    access_token: str
    refresh_token: str
    expires_at: datetime
    me: Me


async def open_session(office: Office, scope: Scope, account: Account, *, second_factor: bool) -> Opened:
    """A new session of `account`, in this transaction."""
    session_id = uuid7()
    until = scope.now + timedelta(days=office.settings.staff_session_days)
    await scope.execute(
        store.ADD_SESSION,
        scope.tenant_id,
        session_id,
        account.id,
        second_factor,
        client_ip(),
        user_agent(),
        until,
    )
    session = await store.session(scope, session_id)
    if session is None:
        raise gone()
    return await _with_tokens(office, scope, session)


async def _with_tokens(office: Office, scope: Scope, session: Session) -> Opened:
    ticket = Ticket.new(scope.tenant_id)
    await scope.execute(store.ADD_REFRESH_TOKEN, scope.tenant_id, ticket.hash, session.id, scope.now)
    principal = principal_of(scope.tenant_id, session)
    token, expires_at = office.tokens.issue(principal)
    me = describe(principal, session)
    return Opened(session.id, token, ticket.encode(), datetime.fromtimestamp(expires_at, UTC), me)


def principal_of(tenant_id: UUID, session: Session) -> Principal:
    return Principal(
        tenant_id=tenant_id,
        id=session.staff_id,
        kind="staff",
        expires_at=0,
        role=session.role,
        extra=session.permissions,
        session_id=session.id,
        access_version=session.access_version,
        limited=session.limited,
    )


def describe(principal: Principal, session: Session) -> Me:
    return Me(
        id=session.staff_id,
        name=session.name,
        role=session.role,
        permissions=sorted(permission.value for permission in principal.permissions),
        hotel=MyHotel(principal.tenant_id, session.hotel_name, session.hotel_slug),
        second_factor=session.factor,
    )


class Sessions:
    """Of those who have signed in."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def refresh(self, place: Place | None, text: str) -> Opened:
        """The next tokens of a session. Raises Unauthorized when the refresh token is not good, and ends its
        session when it was used before; TenantClosed."""
        office = self._office
        ticket = Ticket.parse(text, field="refresh_token")
        if place is not None and place.own_host and place.tenant_id != ticket.tenant_id:
            office.after.do(self._refused_here(place))
            raise no_good("refresh_token")
        grace = timedelta(seconds=office.settings.refresh_grace_seconds)
        idle = timedelta(days=office.settings.staff_idle_days)

        async def work(scope: Scope) -> Opened | None:
            token = await store.lock_refresh_token(scope, ticket.hash)
            session = None if token is None else await store.session(scope, token.session_id)
            if token is None or session is None or not session.good(scope.now):
                return None
            if session.hotel_state != "active":
                state = session.hotel_state
                raise TenantClosed(f"This hotel is {state.replace('_', ' ')}.", tenant_status=state)
            match judge_refresh(
                used_at=token.used_at, made_at=token.made_at, now=scope.now, grace=grace, idle=idle
            ):
                case "over":
                    return None
                case "reused":
                    await store.end_session(scope, session.id, "reused")
                    await events.record(scope, "refresh.reused", session.staff_id, {"session": session.id})
                    return None
                case "fresh":
                    await scope.execute(store.USE_REFRESH_TOKENS, scope.tenant_id, session.id, scope.now)
                case "sibling":
                    pass
            return await _with_tokens(office, scope, session)

        # Not repeated: with a lost commit the client asks again, and gets a sibling.
        opened = await office.database.transaction(
            ticket.tenant_id, before_sign_in(None), work, idempotent=False
        )
        if opened is None:
            raise no_good("refresh_token")
        return opened

    async def _refused_here(self, place: Place) -> None:
        async def work(scope: Scope) -> None:
            await events.record(scope, "tenant.refused", None, {"what": "refresh token"})

        await self._office.database.transaction(place.tenant_id, before_sign_in(None), work, idempotent=True)

    async def current(self, principal: Principal) -> Me:
        """Raises Unauthorized when it has ended."""
        async with self._office.database.read(principal.tenant_id, principal.actor()) as scope:
            session = await store.session(scope, _session_id(principal))
        if session is None:
            raise gone()
        return describe(principal_of(principal.tenant_id, session), session)

    async def sign_out(self, principal: Principal) -> None:
        async def work(scope: Scope) -> None:
            await store.end_session(scope, _session_id(principal), "signed_out")

        await self._office.database.transaction(principal.tenant_id, principal.actor(), work, idempotent=True)

    async def list(self, principal: Principal, staff_id: UUID) -> SessionList:
        """Raises NotFound for a person who is not there."""
        async with self._office.database.read(principal.tenant_id, principal.actor()) as scope:
            if staff_id != principal.id and await store.account(scope, staff_id) is None:
                raise NotFound("There is no such person.", field="staff_id")
            found = await store.sessions_of(scope, staff_id)
        return SessionList(
            [
                SessionInfo(
                    id=one.id,
                    created_at=one.created_at,
                    expires_at=one.expires_at,
                    ip=one.ip,
                    user_agent=one.user_agent,
                    second_factor=one.second_factor,
                    current=one.id == principal.session_id,
                )
                for one in found
            ]
        )

    async def revoke(self, principal: Principal, session_id: UUID) -> None:
        """End a session, one's own or as a manager another's. Raises NotFound, also for one that another
        person's is to those who may not end it."""

        async def work(scope: Scope) -> None:
            owner = await store.owner_of_session(scope, session_id)
            own = owner == principal.id
            if owner is None or not (own or principal.may(Permission.STAFF_MANAGE)):
                raise NotFound("There is no such session.", field="session_id")
            await store.end_session(scope, session_id, "revoked")
            await events.record(scope, "session.revoked", owner, {"session": session_id})

        await self._office.database.transaction(
            principal.tenant_id, principal.actor(), work, idempotent=False
        )


def _session_id(principal: Principal) -> UUID:
    if principal.session_id is None:
        raise gone()
    return principal.session_id
