"""How a device proves itself: a code or a pairing for a credential, a credential for a token, and in time a
new credential for the old one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar
from uuid import UUID

from msgspec import Meta, Struct

from hub.db.ids import uuid7
from hub.db.scope import Actor, Scope
from hub.devices import store
from hub.devices.model import Device, Match, check_served, match, wrong_credential
from hub.errors import Conflict, Unauthorized
from hub.security import events
from hub.security.credentials import Credential, digest, new_secret
from hub.security.principal import Principal

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.pool import Pool
    from hub.security.tokens import Tokens

T = TypeVar("T")


class Claim(Struct, frozen=True, forbid_unknown_fields=True):
    """`code` is good once, for a few minutes."""

    code: Annotated[str, Meta(min_length=1, max_length=200)]

    def __repr__(self) -> str:
        return "Claim()"


class Renew(Struct, frozen=True, forbid_unknown_fields=True):
    """`credential` as the hub gave it."""

    credential: Annotated[str, Meta(min_length=1, max_length=200)]

    def __repr__(self) -> str:
        return "Renew()"


class ReportWiped(Renew, frozen=True, forbid_unknown_fields=True):
    """`requested_at` is the `wipe` of the token that asked for it: it answers no later request."""

    requested_at: Annotated[datetime, Meta(tz=True)]

    def __repr__(self) -> str:
        return "ReportWiped()"


class Issued(Struct, frozen=True):
    """The token is good until `expires_at`. `rotate` asks for a new credential, `wipe`, the time of this
    wish or null, to forget everything of the last guest, and to say so: until then the token has no stay."""

    token: str
    expires_at: datetime
    rotate: bool
    wipe: datetime | None


class Claimed(Issued, frozen=True):
    """The credential is shown here only; the rest is its first token."""

    device_id: UUID
    credential: str


class Rotated(Struct, frozen=True):
    """The next credential; the present one stays good until this one is used for the first time."""

    credential: str


class Wiped(Struct, frozen=True):
    """A fresh token has the stay of the guest who is in the room now."""

    wiped: bool = True


class Devices:
    """`auth_pool` connects as hub_auth: it may look up a code whose tenant is not known, and nothing else.
    A credential is to be rotated after `credential_days`."""

    def __init__(
        self, auth_pool: Pool, database: Database, tokens: Tokens, *, credential_days: float = 30.0
    ) -> None:
        self._auth_pool = auth_pool
        self._database = database
        self._tokens = tokens
        self._life = timedelta(days=credential_days)

    async def claim(self, code: str) -> Claimed:
        """Exchange a code. Raises Unauthorized when it is unknown, used or old."""
        secret = new_secret()
        found = await store.claim_code(self._auth_pool, digest(code), digest(secret))
        if found is None:
            raise Unauthorized("This code is not valid, or it was used before.", field="code")
        tenant_id, device_id = found
        return await self.first(Credential(tenant_id, device_id, secret))

    async def first(self, credential: Credential) -> Claimed:
        """A credential as its device gets it, with a token. Raises what `token` raises."""
        text = credential.encode()
        issued = await self.token(text)
        return Claimed(
            issued.token, issued.expires_at, issued.rotate, issued.wipe, credential.device_id, text
        )

    async def token(self, text: str) -> Issued:
        """A fresh token. Raises Unauthorized for a wrong credential, Forbidden for an inactive device,
        StayEnded for the phone of a guest who has left."""
        credential = Credential.parse(text)
        device = await self._admit(credential)
        token, expires_at = self._tokens.issue(
            Principal(
                tenant_id=credential.tenant_id,
                id=device.id,
                kind=device.kind,
                room_number=device.room_number,
                stay_id=device.stay_id,
                stations=device.stations,
                floor=device.floor,
                access_version=device.credential_version,
                expires_at=0,
            )
        )
        return Issued(
            token,
            datetime.fromtimestamp(expires_at, UTC),
            rotate=device.rotates(self._database.clock(), self._life),
            wipe=device.wipe_requested_at,
        )

    async def rotate(self, text: str) -> Rotated:
        """The next credential. Asked again, because an answer was lost, it makes another one, and only that
        one counts. Raises what `token` raises."""
        credential = Credential.parse(text)
        await self._admit(credential)
        following = Credential(credential.tenant_id, credential.device_id, new_secret())
        present, new = digest(credential.secret), digest(following.secret)

        async def work(scope: Scope) -> bool:
            return await store.offer_credential(scope, credential.device_id, present, new)

        if not await self._change(credential, work):
            raise wrong_credential()
        return Rotated(following.encode())

    async def wiped(self, text: str, requested_at: datetime) -> Wiped:
        """The tablet holds nothing of the last guest any more. Raises what `token` raises, and Conflict
        unless this is the wipe that is waited for."""
        credential = Credential.parse(text)
        device = await self._admit(credential)

        async def work(scope: Scope) -> bool:
            return await store.wiped(scope, credential.device_id, requested_at)

        # Compared here too: not every time that can be written down fits into the database.
        if device.wipe_requested_at != requested_at or not await self._change(credential, work):
            raise Conflict(
                "The hub does not wait for this wipe; get a fresh token, which tells.", field="requested_at"
            )
        return Wiped()

    async def _admit(self, credential: Credential) -> Device:
        """The device, served, whose present credential this is; the next one becomes it now.

        Raises Unauthorized without saying why; Forbidden, with the state, and StayEnded to those who know the
        secret.
        """
        async with self._database.read(credential.tenant_id, _actor(credential.device_id)) as scope:
            device = await store.device(scope, credential.device_id)
        kind = match(device, credential.secret)
        if kind is Match.PREVIOUS:
            await self._change(credential, lambda scope: _reused(scope, credential.device_id))
        if device is None or kind in (Match.PREVIOUS, Match.NONE):
            raise wrong_credential()
        check_served(device)
        if kind is Match.NEXT:
            await self._change(credential, lambda scope: _promote(scope, credential))
            return await self._admit(credential)
        return device

    async def _change(self, credential: Credential, work: Callable[[Scope], Awaitable[T]]) -> T:
        actor = _actor(credential.device_id)
        return await self._database.transaction(credential.tenant_id, actor, work, idempotent=True)


async def _promote(scope: Scope, credential: Credential) -> None:
    if await store.promote_credential(scope, credential.device_id, digest(credential.secret)):
        await events.record(scope, "credential.rotated", credential.device_id)


async def _reused(scope: Scope, device_id: UUID) -> None:
    await events.record(scope, "credential.reused", device_id)


def _actor(device_id: UUID) -> Actor:
    return Actor(user_id=device_id, role="device", request_id=uuid7())
