"""Who sent this request or opened this session: a device or a member of staff, inside one tenant."""

from __future__ import annotations

from typing import Final, Literal, assert_never
from uuid import UUID

from msgspec import Struct

from hub.db.ids import uuid7
from hub.db.scope import Actor, DeviceProof, StaffProof
from hub.errors import Forbidden
from hub.security.permissions import Kind, Permission, StaffRole, permissions_of

# The tenant of the super-admins: they belong to no hotel.
PLATFORM: Final = UUID(int=0)


class Principal(Struct, frozen=True, kw_only=True):
    """What a verified token says. `expires_at` is in Unix seconds; `stations` empty means every station;
    `floor` is that of a guest's room, None where nobody has said.

    `id` is the device, or the member of staff. Staff have a `role`, permissions given besides it
    (`extra`) and the session that they signed in to. `access_version` is that of role and permissions, or of
    the device's credential, when the token was made: with another one the token is over. `limited` staff
    still have to set up their second factor: until then they may do nothing but that, whatever their role.
    """

    tenant_id: UUID
    id: UUID
    kind: Kind
    expires_at: float
    room_number: str | None = None
    stay_id: UUID | None = None
    stations: tuple[str, ...] = ()
    floor: str | None = None
    role: StaffRole | None = None
    extra: frozenset[str] = frozenset()
    session_id: UUID | None = None
    access_version: int = 0
    limited: bool = False

    @property
    def called(self) -> str:
        """What the audit calls it: a kind of device, or a role."""
        return self.role or self.kind

    @property
    def device_type(self) -> Literal["tablet", "phone", "kitchen_screen"]:
        """What the database calls this kind of device. Raises ValueError for staff, who are none."""
        match self.kind:
            case "tablet" | "phone":
                return self.kind
            case "kitchen":
                return "kitchen_screen"
            case "staff":
                raise ValueError("a member of staff is no device")
            case _:
                assert_never(self.kind)

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    @property
    def permissions(self) -> frozenset[Permission]:
        """All that it may do."""
        has = permissions_of(self.kind, self.role, self.extra)
        return has & {Permission.SELF} if self.limited else has

    def need(self, permission: Permission) -> None:
        """Raises Forbidden without the permission."""
        if not self.may(permission):
            if self.limited:
                raise Forbidden("Set up your second factor first.", permission=permission)
            raise Forbidden(f"A {self.called.replace('_', ' ')} may not do this.", permission=permission)

    def actor(self, request_id: UUID | None = None) -> Actor:
        """Who the database admits, and its triggers see, in a transaction of this principal."""
        proof: DeviceProof | StaffProof
        if self.session_id is not None:
            proof = StaffProof(self.session_id, self.access_version)
        else:
            proof = DeviceProof(self.id, self.device_type, self.room_number, self.access_version)
        return Actor(user_id=self.id, role=self.called, request_id=request_id or uuid7(), proof=proof)
