"""Device tokens: short-lived JSON Web Tokens, the same on the socket and as Bearer over HTTP.

The algorithm belongs to the key that `kid` names and never comes from the token, so neither `none` nor
another algorithm gets past. Claims: iss, sub (device), tid (tenant), kind, room, stay, stations, iat, exp.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Literal
from uuid import UUID

import jwt
import msgspec
from msgspec import Struct

from hub.errors import TokenExpired, Unauthorized
from hub.security.principal import Kind, Principal
from hub.settings import TokenKey

_LONGEST: Final = 4096
_CACHED: Final = 20_000


class _Claims(Struct, frozen=True):
    iss: Literal["hub"]
    sub: UUID
    tid: UUID
    kind: Kind
    room: str | None
    stay: UUID | None
    stations: tuple[str, ...]
    iat: int
    exp: int


class Tokens:
    """Issues and verifies tokens. The first key signs, every key verifies.

    `seconds` is the life of a token. `now` gives Unix seconds; tests pass their own clock.
    """

    def __init__(
        self, keys: tuple[TokenKey, ...], seconds: int, now: Callable[[], float] = time.time
    ) -> None:
        self._signing = keys[0]
        self._keys = {key.kid: key for key in keys}
        self._seconds = seconds
        self._now = now
        self._jws = jwt.PyJWS()
        self._verified: OrderedDict[bytes, Principal] = OrderedDict()

    def issue(
        self,
        *,
        tenant_id: UUID,
        device_id: UUID,
        kind: Kind,
        room_number: str | None,
        stay_id: UUID | None,
        stations: tuple[str, ...],
    ) -> tuple[str, float]:
        """A signed token and when it expires, in Unix seconds."""
        now = int(self._now())
        claims = _Claims(
            iss="hub",
            sub=device_id,
            tid=tenant_id,
            kind=kind,
            room=room_number,
            stay=stay_id,
            stations=stations,
            iat=now,
            exp=now + self._seconds,
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
        return Principal(
            tenant_id=claims.tid,
            id=claims.sub,
            kind=claims.kind,
            room_number=claims.room,
            stay_id=claims.stay,
            stations=claims.stations,
            expires_at=float(claims.exp),
        )
