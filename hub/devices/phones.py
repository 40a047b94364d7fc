"""A guest's own phone: the tablet of the room shows a code, or the front desk does, and the phone that opens
it becomes one more screen of the stay, until the stay ends or the guest takes another room.

The database makes the phone when its code is used, and takes it away with the stay. A stay has at most eight.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from msgspec import Struct

from hub.devices import store
from hub.errors import NotFound, StayEnded
from hub.operations import Operation
from hub.security import qr
from hub.security.credentials import digest, new_secret
from hub.security.permissions import Permission
from hub.web.context import own_origin

if TYPE_CHECKING:
    from hub.db.scope import Scope
    from hub.security.principal import Principal

LIFE: Final = timedelta(minutes=5)


class InvitePhone(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to say."""


class Invitation(Struct, frozen=True):
    """The address to open on the phone, good once until `expires_at`; `qr` is it as rows of 0 and 1."""

    url: str
    qr: list[str]
    expires_at: datetime


class Phone(Struct, frozen=True, forbid_unknown_fields=True):
    """A phone of a stay, as the other screens of the stay know it."""

    id: UUID
    connected_at: datetime


class Phones:
    """`public_url` is where guests find the hub; without one it is where the caller has found it."""

    def __init__(self, public_url: str | None) -> None:
        self._public_url = public_url

    async def invite(self, scope: Scope, principal: Principal, _: InvitePhone) -> Invitation:
        """A code for a phone of the guest whose tablet asks. Raises StayEnded."""
        if principal.stay_id is None:
            raise _over()
        return await self.to_stay(scope, principal.stay_id, principal.id)

    async def to_stay(self, scope: Scope, stay_id: UUID, asking: UUID | None) -> Invitation:
        """A code for a stay; `asking` is the tablet that asks, whose guest it must be. Raises NotFound,
        StayEnded."""
        code = new_secret()
        expires_at = await store.invite_phone(scope, stay_id, asking, digest(code), LIFE)
        if expires_at is None:
            if not await store.stay_exists(scope, stay_id):
                raise NotFound("There is no such stay.", field="stay_id")
            raise _over()
        url = f"{self._public_url or own_origin()}/tablet#claim={code}"
        return Invitation(url, qr.rows(url), expires_at)

    def operations(self) -> tuple[Operation, ...]:
        """The entries of the table of operations. The answer is a secret, so that none is stored."""
        return (
            Operation(
                name="phone.invite",
                args=InvitePhone,
                run=self.invite,
                permission=Permission.PHONE_INVITE,
                once=False,
            ),
        )


def _over() -> StayEnded:
    return StayEnded("This stay has ended; nobody can be invited to it.")
