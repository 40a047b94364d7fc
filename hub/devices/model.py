"""What a device is, whether it gets a token, and which states it may pass through. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from hub.errors import Forbidden, InvalidTransition, StayEnded, TenantClosed, Unauthorized
from hub.security.credentials import matches

DeviceType: TypeAlias = Literal["tablet", "kitchen_screen", "phone"]
# What a member of staff gives a place; a phone comes by the code of a stay.
PairedType: TypeAlias = Literal["tablet", "kitchen_screen"]
Status: TypeAlias = Literal["pending", "active", "suspended", "lost", "retired"]
Action: TypeAlias = Literal["suspend", "resume", "lost", "retire"]

# From which states an action leads where. What waits becomes active by pairing alone, and so does what was
# lost: whoever found it may have copied its credential.
TRANSITIONS: Final[dict[Action, tuple[frozenset[Status], Status]]] = {
    "suspend": (frozenset({"active"}), "suspended"),
    "resume": (frozenset({"suspended"}), "active"),
    "lost": (frozenset({"active", "suspended"}), "lost"),
    "retire": (frozenset({"pending", "active", "suspended", "lost"}), "retired"),
}


def after(status: Status, action: Action) -> Status:
    """The state after an action, which may be the present one. Raises InvalidTransition."""
    before, then = TRANSITIONS[action]
    if status not in before and status != then:
        raise InvalidTransition(
            f"A device that is {status} cannot become {then}.", action=action, device_status=status
        )
    return then


class Match(Enum):
    """Which credential of its device a secret is."""

    PRESENT = auto()
    NEXT = auto()
    PREVIOUS = auto()
    NONE = auto()


class Device(Struct, frozen=True):
    """A device with what surrounds it; `open_stay_id` is the open stay of a tablet's room, or of a phone that
    still belongs to it; `stay_over` says that the stay of a phone has ended."""

    id: UUID
    device_type: DeviceType
    room_number: str | None
    floor: str | None
    stations: tuple[str, ...]
    status: Status
    credential_hash: bytes | None
    next_credential_hash: bytes | None
    previous_credential_hash: bytes | None
    credential_changed_at: datetime | None
    credential_version: int
    wipe_requested_at: datetime | None
    tenant_status: str
    tenant_reason: str | None
    open_stay_id: UUID | None
    stay_over: bool

    @property
    def kind(self) -> Literal["tablet", "phone", "kitchen"]:
        return "kitchen" if self.device_type == "kitchen_screen" else self.device_type

    @property
    def wipes(self) -> bool:
        """It has not yet said that it holds nothing of the last guest any more."""
        return self.wipe_requested_at is not None

    @property
    def stay_id(self) -> UUID | None:
        """The stay that it may act for: none as long as it holds something of another guest."""
        return None if self.wipes else self.open_stay_id

    def rotates(self, now: datetime, life: timedelta) -> bool:
        """Whether its credential is old enough for a new one."""
        return self.credential_changed_at is None or now - self.credential_changed_at > life


def match(device: Device | None, secret: str) -> Match:
    """Compares with all three in any case, so that the time says nothing."""
    present = matches(secret, device.credential_hash if device else None)
    following = matches(secret, device.next_credential_hash if device else None)
    previous = matches(secret, device.previous_credential_hash if device else None)
    if present:
        return Match.PRESENT
    if following:
        return Match.NEXT
    return Match.PREVIOUS if previous else Match.NONE


def wrong_credential() -> Unauthorized:
    """The same for every credential that is not good."""
    return Unauthorized("This credential is not valid.", field="credential")


def check_served(device: Device) -> None:
    """Raises Forbidden, with the state, unless the device and its hotel are active, and StayEnded for a phone
    whose guest has left: for those who know the secret."""
    if device.stay_over:
        raise StayEnded("The stay of this phone has ended.")
    if device.status != "active":
        raise Forbidden(f"This device is {device.status}.", device_status=device.status)
    if device.tenant_status != "active":
        raise tenant_closed(device.tenant_status, device.tenant_reason)


def tenant_closed(state: str, reason: str | None) -> TenantClosed:
    """A hotel is not served, and why."""
    return TenantClosed(
        f"This hotel is {state.replace('_', ' ')}.", tenant_status=state, status_reason=reason
    )


# Mistyped once or twice is usual; after that each try costs twice the time of the one before.
_FREE_PINS: Final = 4
_FIRST_LOCK: Final = timedelta(seconds=30)
_LONGEST_LOCK: Final = timedelta(hours=1)


def pin_lock(failures: int) -> timedelta | None:
    """How long a PIN is locked after so many failures in a row; None while it is not."""
    over = failures - _FREE_PINS
    return None if over <= 0 else min(_FIRST_LOCK * 2 ** min(over - 1, 10), _LONGEST_LOCK)
