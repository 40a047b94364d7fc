"""What a stay is to the front desk, and what it may ask for. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct

from hub.errors import StayEnded
from hub.security.words import ROOM_LENGTH, phone_number, plain_text

NAME_LENGTH: Final = 200
PHONE_LENGTH: Final = 30
MOST_STAYS: Final = 200

Room: TypeAlias = Annotated[str, Meta(min_length=1, max_length=ROOM_LENGTH)]
OpenStatus: TypeAlias = Literal["received", "cooking", "ready", "delivering"]


class CheckInArgs(Struct, frozen=True, forbid_unknown_fields=True):
    """`override_wipe` lets a guest in though the room's tablet has not said that it forgot the last one."""

    room_number: Room
    guest_name: Annotated[str, Meta(max_length=NAME_LENGTH)] | None = None
    guest_phone: Annotated[str, Meta(max_length=PHONE_LENGTH)] | None = None
    override_wipe: bool = False

    def __repr__(self) -> str:
        return f"CheckInArgs(room_number={self.room_number!r})"


class CheckOutArgs(Struct, frozen=True, forbid_unknown_fields=True):
    stay_id: UUID


class MoveArgs(Struct, frozen=True, forbid_unknown_fields=True):
    """`orders` "move" sends the orders under way to the new room too; without it there must be none."""

    stay_id: UUID
    room_number: Room
    orders: Literal["move"] | None = None
    override_wipe: bool = False


class OpenOrder(Struct, frozen=True):
    """An order that is under way."""

    id: UUID
    order_number: int
    status: OpenStatus


class CheckedIn(Struct, frozen=True):
    """`tablet_id` is null when no tablet works in the room; `wipe_pending`: it still holds the last guest's
    things, and was overridden."""

    stay_id: UUID
    tablet_id: UUID | None
    wipe_pending: bool


class CheckedOut(Struct, frozen=True):
    """`open_orders` are still under way, and go on. `wiping` are the tablets that were asked to forget the
    guest."""

    stay_id: UUID
    open_orders: list[OpenOrder]
    wiping: list[UUID]


class Moved(Struct, frozen=True):
    """`tablet_id` is that of the new room, `wiping` are those of the old one, `moved_orders` went along."""

    stay_id: UUID
    tablet_id: UUID | None
    wipe_pending: bool
    moved_orders: list[OpenOrder]
    wiping: list[UUID]


class Tablet(Struct, frozen=True):
    """The tablet that works in a room."""

    id: UUID
    wipe_pending: bool


class Stay(Struct, frozen=True):
    """A stay as the front desk sees it. Name and phone are null where nobody gave them, some time after the
    stay has ended, and when they cannot be opened. `allergens` are what its party must not eat, by codes of
    that version of the list; without a version nobody has said. `open_orders` is their number."""

    id: UUID
    room_number: str
    guest_name: str | None
    guest_phone: str | None
    started_at: datetime
    ended_at: datetime | None
    allergens: list[str]
    allergens_version: str | None
    allergens_declared_at: datetime | None
    tablet_id: UUID | None
    wipe_pending: bool
    open_orders: int


class StayDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """What the screens of a stay know of it, from the first time that its party has said what it must not
    eat: codes of that version of the list of allergens."""

    id: UUID
    room_number: str
    allergens: list[str]
    allergens_version: str
    allergens_declared_at: datetime


class OneDeclaration(Struct, frozen=True):
    stay: StayDocument


class OneStay(Struct, frozen=True):
    stay: Stay


class Stays(Struct, frozen=True):
    """A page. `next` is the `after` of the next one, null on the last."""

    stays: list[Stay]
    next: str | None


def guest(args: CheckInArgs) -> tuple[str | None, str | None]:
    """Name and phone in their one form; an empty one is none. Raises InvalidInput."""
    name = plain_text(args.guest_name or "", "guest_name", NAME_LENGTH, empty=True)
    phone = phone_number(args.guest_phone, "guest_phone") if args.guest_phone else None
    return name or None, phone


def over() -> StayEnded:
    return StayEnded("This stay has ended already.")
