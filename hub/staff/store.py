"""People, their sign-ins and codes in the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from hub.db.queries import load
from hub.errors import Conflict, NotFound
from hub.security.permissions import StaffRole
from hub.staff.model import Account, EndReason, Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.db.scope import Scope

_queries = load("staff")
ACCOUNT_BY_EMAIL = _queries["account_by_email"]
ACCOUNT = _queries["account"]
LOCK_ACCOUNT = _queries["lock_account"]
COUNT_FAILURE = _queries["count_failure"]
UNLOCK = _queries["unlock"]
SIGNED_IN = _queries["signed_in"]
REHASH = _queries["rehash"]
SET_PASSWORD = _queries["set_password"]
VERIFY_EMAIL = _queries["verify_email"]
SET_PIN = _queries["set_pin"]
BEGIN_TOTP = _queries["begin_totp"]
CONFIRM_TOTP = _queries["confirm_totp"]
END_TOTP = _queries["end_totp"]
HOTEL_BY_SLUG = _queries["hotel_by_slug"]
HOTEL = _queries["hotel"]
ADD_SESSION = _queries["add_session"]
SESSION = _queries["session"]
LOCK_REFRESH = _queries["lock_refresh"]
REFRESH_TOKEN = _queries["refresh_token"]
USE_REFRESH_TOKENS = _queries["use_refresh_tokens"]
ADD_REFRESH_TOKEN = _queries["add_refresh_token"]
END_SESSION = _queries["end_session"]
END_SESSIONS = _queries["end_sessions"]
PROVE_SESSION = _queries["prove_session"]
SESSIONS_OF = _queries["sessions_of"]
OWNER_OF_SESSION = _queries["owner_of_session"]
ADD_CODE = _queries["add_code"]
CODE = _queries["code"]
USE_CODE = _queries["use_code"]
VOID_CODES = _queries["void_codes"]
PEOPLE = _queries["people"]
PERSON = _queries["person"]
ADD_PERSON = _queries["add_person"]
CHANGE_PERSON = _queries["change_person"]
CHANGE_EMAIL = _queries["change_email"]
REMOVE_PERSON = _queries["remove_person"]
LOCK_MANAGERS = _queries["lock_managers"]

# Blind index and sealed text.
Email: TypeAlias = tuple[bytes, str]
Purpose: TypeAlias = Literal["verify_email", "reset_password"]


class Row(Struct, frozen=True):
    """A person as managers see it; `email` is sealed."""

    id: UUID
    name: str
    email: str
    role: StaffRole
    permissions: list[str]
    is_active: bool
    email_verified: bool
    totp_enabled: bool
    has_pin: bool
    locked_until: datetime | None
    last_login_at: datetime | None
    created_at: datetime


class Hotel(Struct, frozen=True):
    """The hotel as letters call it."""

    name: str
    slug: str
    locale: Literal["ja", "en"]


class OpenSession(Struct, frozen=True):
    """A sign-in that is good."""

    id: UUID
    created_at: datetime
    expires_at: datetime
    ip: str | None
    user_agent: str | None
    second_factor: bool


class RefreshToken(Struct, frozen=True):
    """A refresh token, found by its hash."""

    session_id: UUID
    staff_id: UUID
    made_at: datetime
    used_at: datetime | None


def _account(row: asyncpg.Record | None) -> Account | None:
    return None if row is None else msgspec.convert(dict(row), Account)


async def account_by_email(scope: Scope, indexes: list[bytes]) -> Account | None:
    return _account(await scope.fetchrow(ACCOUNT_BY_EMAIL, scope.tenant_id, indexes))


async def account(scope: Scope, staff_id: UUID) -> Account | None:
    return _account(await scope.fetchrow(ACCOUNT, scope.tenant_id, staff_id))


async def lock_account(scope: Scope, staff_id: UUID) -> Account | None:
    return _account(await scope.fetchrow(LOCK_ACCOUNT, scope.tenant_id, staff_id))


async def hotel(scope: Scope) -> Hotel:
    row = await scope.fetchrow(HOTEL, scope.tenant_id)
    if row is None:
        raise NotFound("there is no such hotel")
    return msgspec.convert(dict(row), Hotel)


async def session(scope: Scope, session_id: UUID) -> Session | None:
    row = await scope.fetchrow(SESSION, scope.tenant_id, session_id)
    return None if row is None else msgspec.convert(dict(row), Session)


async def lock_refresh_token(scope: Scope, token_hash: bytes) -> RefreshToken | None:
    """The token; whoever uses another one of its session waits for the end of this transaction."""
    owner = await scope.fetchrow(LOCK_REFRESH, scope.tenant_id, token_hash)
    if owner is None:
        return None
    # Read once the session is locked: before, another one may have used it at this very moment.
    times = await scope.fetchrow(REFRESH_TOKEN, scope.tenant_id, token_hash)
    return None if times is None else msgspec.convert({**dict(owner), **dict(times)}, RefreshToken)


async def sessions_of(scope: Scope, staff_id: UUID) -> list[OpenSession]:
    rows = await scope.fetch(SESSIONS_OF, scope.tenant_id, staff_id, scope.now)
    return [msgspec.convert(dict(row), OpenSession) for row in rows]


async def owner_of_session(scope: Scope, session_id: UUID) -> UUID | None:
    return _id(await scope.fetchval(OWNER_OF_SESSION, scope.tenant_id, session_id, scope.now))


async def end_session(scope: Scope, session_id: UUID, reason: EndReason) -> bool:
    """False when it had ended before."""
    return await scope.execute(END_SESSION, scope.tenant_id, session_id, scope.now, reason) > 0


async def end_sessions(scope: Scope, staff_id: UUID, reason: EndReason, *, but: UUID | None = None) -> None:
    await scope.execute(END_SESSIONS, scope.tenant_id, staff_id, scope.now, reason, but)


async def code_owner(scope: Scope, code_hash: bytes, purpose: Purpose) -> UUID | None:
    return _id(await scope.fetchval(CODE, scope.tenant_id, code_hash, purpose, scope.now))


async def people(scope: Scope) -> list[Row]:
    rows = await scope.fetch(PEOPLE, scope.tenant_id)
    return [msgspec.convert(dict(row), Row) for row in rows]


async def person(scope: Scope, staff_id: UUID) -> Row | None:
    row = await scope.fetchrow(PERSON, scope.tenant_id, staff_id)
    return None if row is None else msgspec.convert(dict(row), Row)


async def managers(scope: Scope, role: StaffRole) -> set[UUID]:
    """Those of the role who can sign in; locked."""
    return {row["id"] for row in await scope.fetch(LOCK_MANAGERS, scope.tenant_id, role)}


async def add_person(
    scope: Scope,
    staff_id: UUID,
    email: Email,
    password_hash: str,
    *,
    name: str,
    role: StaffRole,
    permissions: Sequence[str] = (),
    proven: bool = False,
) -> None:
    """`proven`: the address is known to be the person's own. Raises Conflict when somebody else has it."""
    values = (staff_id, *email, password_hash, name, role, list(permissions), proven)
    with _taken():
        await scope.execute(ADD_PERSON, scope.tenant_id, *values)


async def change_email(scope: Scope, staff_id: UUID, email: Email) -> None:
    """Raises Conflict when somebody else has the address."""
    with _taken():
        await scope.execute(CHANGE_EMAIL, scope.tenant_id, staff_id, *email)


@contextmanager
def _taken() -> Iterator[None]:
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise email_taken() from error


def email_taken() -> Conflict:
    return Conflict("Somebody of this hotel has this e-mail address already.", field="email")


def _id(value: object) -> UUID | None:
    return value if isinstance(value, UUID) else None
