"""What is said about pairing and the fleet over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from hub.devices.model import DeviceType, PairedType, Status
from hub.security.words import ROOM_LENGTH

NAME_LENGTH = 200
SECRET_LENGTH = 200
MOST_DEVICES = 200

Room: TypeAlias = Annotated[str, Meta(min_length=1, max_length=ROOM_LENGTH)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH)]
Station: TypeAlias = Annotated[str, Meta(min_length=1, max_length=50)]
Stations: TypeAlias = Annotated[tuple[Station, ...], Meta(max_length=20)]
Label: TypeAlias = Annotated[str, Meta(max_length=50)]


class StartPairing(Struct, frozen=True, forbid_unknown_fields=True):
    """`client` is what the device calls itself, for the person who approves it."""

    device_type: PairedType
    client: Annotated[str, Meta(max_length=200)] | None = None


class Started(Struct, frozen=True):
    """The device keeps `device_code` and shows `user_code`; `qr` is the address as rows of 0 and 1. Both
    codes are good for `expires_in` seconds; poll every `interval` seconds."""

    device_code: str
    user_code: str
    verification_uri: str
    qr: list[str]
    expires_in: int
    interval: int


class Poll(Struct, frozen=True, forbid_unknown_fields=True):
    """`device_code` as the start gave it."""

    device_code: Annotated[str, Meta(min_length=1, max_length=SECRET_LENGTH)]

    def __repr__(self) -> str:
        return "Poll()"


class Polled(Struct, frozen=True, omit_defaults=True):
    """`pending`, or `approved` with the credential to keep and a first token, as often as it is asked."""

    status: Literal["pending", "approved"]
    device_id: UUID | None = None
    credential: str | None = None
    token: str | None = None
    expires_at: datetime | None = None
    rotate: bool = False
    wipe: datetime | None = None


class WaitingDevice(Struct, frozen=True):
    """What waits behind a code. `client` is the device's own word: show it, do not believe it."""

    device_type: PairedType
    client: str | None
    requested_at: datetime
    expires_at: datetime


class ApprovePairing(Struct, frozen=True, forbid_unknown_fields=True):
    """`room_number` for a tablet, `stations` for a kitchen screen (none: every station). `replace` retires
    the tablet that stands for the room."""

    device_name: Name | None = None
    room_number: Room | None = None
    stations: Stations | None = None
    replace: bool = False


class ApproveArgs(ApprovePairing, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The same, for the code it is about."""

    user_code: str


class FleetDevice(Struct, frozen=True):
    """A device as staff see it. `online` needs a sign of life in the last minute and a half."""

    id: UUID
    device_name: str
    device_type: DeviceType
    room_number: str | None
    room_type: str | None
    floor: str | None
    building: str | None
    stations: tuple[str, ...]
    status: Status
    settings: dict[str, Any]
    online: bool
    last_seen_at: datetime | None
    credential_changed_at: datetime | None
    wipe_requested_at: datetime | None
    cook_id: UUID | None
    created_at: datetime


class OneDevice(Struct, frozen=True):
    device: FleetDevice


class DevicePage(Struct, frozen=True):
    """The next page begins after `next`; null on the last one."""

    devices: list[FleetDevice]
    next: str | None


class ChangeDevice(Struct, frozen=True, forbid_unknown_fields=True):
    """Only what is named changes; null empties it. `settings` are replaced as a whole; those of a kitchen
    screen are what it may choose itself."""

    device_name: Name | UnsetType = UNSET
    room_number: Room | UnsetType | None = UNSET
    stations: Stations | UnsetType = UNSET
    room_type: Label | UnsetType | None = UNSET
    floor: Label | UnsetType | None = UNSET
    building: Label | UnsetType | None = UNSET
    settings: dict[str, Any] | UnsetType = UNSET
