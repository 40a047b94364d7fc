"""Access tokens: short-lived JSON Web Tokens, the same on the socket, as Bearer over HTTP, and in a staff
cookie.

The algorithm belongs to the key that `kid` names and never comes from the token, so neither `none` nor
another algorithm gets past. Claims: iss, sub (device or member of staff), tid (tenant), kind, iat, exp; of
a device room, stay, stations, floor, av (version of its credential); of staff role, extra (permissions
besides the role), sid (session), av (access version), lim (limited to setting up the second factor).
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Annotated, Final, Literal
from uuid import UUID

import jwt
import msgspec
from msgspec import Meta, Struct

from hub.errors import TokenExpired, Unauthorized
from hub.security.permissions import Kind, StaffRole
from hub.security.principal import Principal

_LONGEST: Final = 4096
_CACHED: Final = 20_000


class TokenKey(Struct, frozen=True):
    """One signing key. The algorithm belongs to the key and is never taken from a token."""

    kid: str
    algorithm: Literal["HS256"]
    secret: Annotated[bytes, Meta(min_length=32)]

    def __repr__(self) -> str:
        return f"TokenKey(kid={self.kid!r}, algorithm={self.algorithm!r})"


class _Claims(Struct, frozen=True, omit_defaults=True):
    iss: Literal["hub"]
    sub: UUID
    tid: UUID
    kind: Kind
    iat: int
    exp: int
    room: str | None = None
    stay: UUID | None = None
    stations: tuple[str, ...] = ()
    floor: str | None = None
    role: StaffRole | None = None
    extra: tuple[str, ...] = ()
    sid: UUID | None = None
    av: int = 0
    lim: bool = False


class Tokens:
    """Issues and verifies tokens. The first key signs, every key verifies.

    `seconds` is the life of a token. `now` gives Unix seconds; tests pass their own clock.
    """

    def __init__(
        self, keys: tuple[TokenKey, ...], seconds: int, now: Callable[[], float] = time.time
    ) -> None:
        self._seconds = seconds
        self._now = now
        self._jws = jwt.PyJWS()
        self._verified: OrderedDict[bytes, Principal] = OrderedDict()
        self.replace(keys)

    def replace(self, keys: tuple[TokenKey, ...]) -> None:
        """From now on these keys: the first signs, every one verifies, and no other."""
        self._signing = keys[0]
        self._keys = {key.kid: key for key in keys}
        self._verified.clear()

    def issue(self, principal: Principal) -> tuple[str, float]:
        """A signed token that says what `principal` says, and when it expires, in Unix seconds. The
        principal's own `expires_at` does not count."""
        now = int(self._now())
        claims = _Claims(
            iss="hub",
            sub=principal.id,
            tid=principal.tenant_id,
            kind=principal.kind,
            iat=now,
            exp=now + self._seconds,
            room=principal.room_number,
            stay=principal.stay_id,
            stations=principal.stations,
            floor=principal.floor,
            role=principal.role,
            extra=tuple(sorted(principal.extra)),
            sid=principal.session_id,
            av=principal.access_version,
            lim=principal.limited,
        )
        key = self._signing
        token = self._jws.encode(
            msgspec.json.encode(claims), key.secret, algorithm=key.algorithm, headers={"kid": key.kid}
        )
        return token, float(claims.exp)

    def verify(self, token: str) -> Principal:
        """Raises TokenExpired for a token that was good once, Unauthorized for every other bad one."""
        if len(token) > _LONGEST or not token.isascii():
            raise Unauthorized("This token is not valid.")
        fingerprint = hashlib.sha256(token.encode("ascii")).digest()
        principal = self._verified.get(fingerprint)
        if principal is None:
            principal = self._check(token)
        if principal.expires_at <= self._now():
            self._verified.pop(fingerprint, None)
            raise TokenExpired("This token has expired.")
        self._verified[fingerprint] = principal
        self._verified.move_to_end(fingerprint)
        if len(self._verified) > _CACHED:
            self._verified.popitem(last=False)
        return principal

    def _check(self, token: str) -> Principal:
        try:
            key = self._keys[self._jws.get_unverified_header(token)["kid"]]
            payload: bytes = self._jws.decode(token, key.secret, algorithms=[key.algorithm])
            claims = msgspec.json.decode(payload, type=_Claims)
        except (jwt.PyJWTError, msgspec.MsgspecError, KeyError):
            raise Unauthorized("This token is not valid.") from None
        if (claims.kind == "staff") != (claims.sid is not None and claims.role is not None):
            raise Unauthorized("This token is not valid.")
        return Principal(
            tenant_id=claims.tid,
            id=claims.sub,
            kind=claims.kind,
            room_number=claims.room,
            stay_id=claims.stay,
            stations=claims.stations,
            floor=claims.floor,
            role=claims.role,
            extra=frozenset(claims.extra),
            session_id=claims.sid,
            access_version=claims.av,
            limited=claims.lim,
            expires_at=float(claims.exp),
        )
