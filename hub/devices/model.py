"""What a device is, and whether it gets a token. Pure."""

from __future__ import annotations

from typing import Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from hub.errors import Forbidden, Unauthorized
from hub.security.credentials import matches

DeviceType: TypeAlias = Literal["tablet", "kitchen_screen"]
Status: TypeAlias = Literal["pending", "active", "suspended", "lost", "retired"]
TenantStatus: TypeAlias = Literal["active", "suspended", "ended"]


class Device(Struct, frozen=True):
    """A device with what surrounds it; `stay_id` is the open stay of a tablet's room."""

    id: UUID
    device_type: DeviceType
    room_number: str | None
    stations: tuple[str, ...]
    status: Status
    credential_hash: bytes | None
    tenant_status: TenantStatus
    stay_id: UUID | None

    @property
    def kind(self) -> Literal["tablet", "kitchen"]:
        return "tablet" if self.device_type == "tablet" else "kitchen"


def admit(device: Device | None, secret: str) -> Device:
    """The device, when `secret` is its own and both it and its hotel are active.

    Raises Unauthorized without saying why; Forbidden, with the state, to those who know the secret.
    """
    if not matches(secret, device.credential_hash if device else None) or device is None:
        raise Unauthorized("This credential is not valid.", field="credential")
    if device.status != "active":
        raise Forbidden(f"This device is {device.status}.", device_status=device.status)
    if device.tenant_status != "active":
        raise Forbidden(f"This hotel is {device.tenant_status}.", tenant_status=device.tenant_status)
    return device
