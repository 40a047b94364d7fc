"""How a device gets in: a single-use code for a credential, a credential for a token."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from msgspec import Meta, Struct

from hub.db.ids import uuid7
from hub.db.scope import Actor
from hub.devices import store
from hub.devices.model import Device, admit
from hub.errors import Unauthorized
from hub.security.credentials import Credential, digest, new_secret
from hub.security.principal import Principal

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.pool import Pool
    from hub.security.tokens import Tokens


class Claim(Struct, frozen=True, forbid_unknown_fields=True):
    """`code` is good once, for a few minutes."""

    code: Annotated[str, Meta(min_length=1, max_length=200)]


class Renew(Struct, frozen=True, forbid_unknown_fields=True):
    """`credential` as `claim` gave it."""

    credential: Annotated[str, Meta(min_length=1, max_length=200)]


class Claimed(Struct, frozen=True):
    """The credential is shown here only; the token is good until `expires_at`."""

    device_id: UUID
    credential: str
    token: str
    expires_at: datetime


class Issued(Struct, frozen=True):
    """The token is good until `expires_at`."""

    token: str
    expires_at: datetime


class Devices:
    """`auth_pool` connects as hub_auth: it may look up a code whose tenant is not known, and nothing else."""

    def __init__(self, auth_pool: Pool, database: Database, tokens: Tokens) -> None:
        self._auth_pool = auth_pool
        self._database = database
        self._tokens = tokens

    async def claim(self, code: str) -> Claimed:
        """Exchange a code. Raises Unauthorized when it is unknown, used or old."""
        secret = new_secret()
        found = await store.claim_code(self._auth_pool, digest(code), digest(secret))
        if found is None:
            raise Unauthorized("This code is not valid, or it was used before.", field="code")
        tenant_id, device_id = found
        credential = Credential(tenant_id, device_id, secret)
        issued = await self.token(credential.encode())
        return Claimed(device_id, credential.encode(), issued.token, issued.expires_at)

    async def token(self, text: str) -> Issued:
        """A fresh token. Raises Unauthorized for a wrong credential, Forbidden for an inactive device."""
        credential = Credential.parse(text)
        async with self._database.read(credential.tenant_id, _actor(credential.device_id)) as scope:
            device = await store.device(scope, credential.device_id)
        return self._issue(credential.tenant_id, admit(device, credential.secret))

    async def admit_session(self, principal: Principal) -> None:
        """Raises Unauthorized or TenantClosed when what the token says is no longer so: the beginning of the
        transaction asks for the device and the sign-in, the rest for the stay."""
        async with self._database.read(principal.tenant_id, principal.actor()) as scope:
            if principal.stay_id is None:
                return
            device = await store.device(scope, principal.id)
        if device is None or principal.stay_id != device.stay_id:
            raise Unauthorized("This session has ended.")

    def _issue(self, tenant_id: UUID, device: Device) -> Issued:
        token, expires_at = self._tokens.issue(
            Principal(
                tenant_id=tenant_id,
                id=device.id,
                kind=device.kind,
                room_number=device.room_number,
                stay_id=device.stay_id,
                stations=device.stations,
                expires_at=0,
            )
        )
        return Issued(token, datetime.fromtimestamp(expires_at, UTC))


def _actor(device_id: UUID) -> Actor:
    return Actor(user_id=device_id, role="device", request_id=uuid7())
