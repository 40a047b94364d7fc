"""What an order is to the rules: its states, and what a change of it is. Pure: no clock, no database.

    received ──> cooking ──> ready ──> delivering ──> delivered         items: pending ──> cooking ──> ready
        │                      ^                                               (and cancelled)
        └──────────────────────┘  when nothing in it needs cooking

An order follows its items: the first one begun makes it cooking, all live ones ready make it ready, all
cancelled make it cancelled. Delivering and delivered are told by people. The steps themselves are in
`transitions` and `recall`; what people say of an order without moving it is in `attention`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from hub.errors import Forbidden, InvalidTransition, NotFound

OrderStatus: TypeAlias = Literal["received", "cooking", "ready", "delivering", "delivered", "cancelled"]
ItemStatus: TypeAlias = Literal["pending", "cooking", "ready", "cancelled"]
ActorKind: TypeAlias = Literal["guest", "kitchen", "runner", "manager", "front"]


class Actor(Struct, frozen=True):
    """Who acts: `id` is the device or the member of staff."""

    kind: ActorKind
    id: UUID


class Item(Struct, frozen=True):
    line: int
    menu_item_id: UUID
    quantity: int
    status: ItemStatus
    needs_cooking: bool
    age_restricted: bool
    station: str
    # what the guest had declared and this holds
    conflicts: tuple[str, ...] = ()


class Image(Struct, frozen=True):
    """What a bump may change, as it was at one moment."""

    status: OrderStatus
    items: dict[int, ItemStatus]
    accepted_at: datetime | None
    ready_at: datetime | None
    finished_at: datetime | None
    trip_id: UUID | None = None


class Bump(Struct, frozen=True):
    """The last change, when it was a bump: what undo needs to take it back, and nothing else with it."""

    by: UUID
    at: datetime
    before: Image
    after: Image


class OrderState(Struct, frozen=True):
    """An order as the rules see it; moments are aware datetimes.

    `accepted_at` is the first touch by a human. `finished_at` is set when the order is delivered or
    cancelled. `cancel_acked_at` is None until the cooks of all stations that it concerns have seen the latest
    cancellation, of the order or of some of its items; `cancel_acked_stations` have. The kitchen begins a
    scheduled order at `fire_at`. `allergy_acked_at` is None until all stations that it concerns have taken
    note of what conflicts with the guest's declaration, as `allergy_acked_stations` have; it then stays, also
    when the order is recalled: lines and declaration are those of the moment of ordering, and never change.
    `trip_id` is shared by the orders that a runner carries together.
    """

    id: UUID
    status: OrderStatus
    version: int
    items: tuple[Item, ...]
    accepted_at: datetime | None = None
    ready_at: datetime | None = None
    finished_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    cancel_acked_at: datetime | None = None
    cancel_acked_stations: tuple[str, ...] = ()
    fire_at: datetime | None = None
    rush: bool = False
    allergy_acked_at: datetime | None = None
    allergy_acked_stations: tuple[str, ...] = ()
    trip_id: UUID | None = None
    recall_count: int = 0
    last_bump: Bump | None = None

    @property
    def live(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.status != "cancelled")

    @property
    def awaits_acknowledgement(self) -> bool:
        return self.cancel_acked_at is None and self.has_cancellation

    @property
    def has_cancellation(self) -> bool:
        """Whoever cancelled: another system may change the order alone and leave its items."""
        return self.status == "cancelled" or len(self.live) < len(self.items)

    @property
    def cancelled_items(self) -> tuple[Item, ...]:
        """What is made no more: all of a cancelled order, also where its items were left as they were."""
        if self.status == "cancelled":
            return self.items
        return tuple(item for item in self.items if item.status == "cancelled")

    @property
    def conflicting(self) -> tuple[Item, ...]:
        """The live items that hold what the guest has declared."""
        return tuple(item for item in self.live if item.conflicts)

    @property
    def unnoted(self) -> tuple[Item, ...]:
        """The conflicting items whose stations have not taken note of that."""
        if self.allergy_acked_at is not None:
            return ()
        return tuple(item for item in self.conflicting if item.station not in self.allergy_acked_stations)

    @property
    def image(self) -> Image:
        return Image(
            status=self.status,
            items={item.line: item.status for item in self.items},
            accepted_at=self.accepted_at,
            ready_at=self.ready_at,
            finished_at=self.finished_at,
            trip_id=self.trip_id,
        )

    def item(self, line: int, field: str) -> Item:
        """The item of that line; `NotFound` names `field` as the input at fault."""
        for item in self.items:
            if item.line == line:
                return item
        raise NotFound(f"the order has no line {line}", field=field)

    def with_items(self, statuses: Mapping[int, ItemStatus], now: datetime) -> OrderState:
        """The order with new statuses of some lines, and the status that its items now give it."""
        items = tuple(replace(item, status=statuses.get(item.line, item.status)) for item in self.items)
        after = replace(self, items=items)
        live = after.live
        if not live:
            return replace(after, status="cancelled", cancelled_at=now, finished_at=now)
        if self.status in ("delivering", "delivered"):
            return after
        if all(item.status == "ready" for item in live):
            return replace(after, status="ready", ready_at=self.ready_at or now)
        if any(item.status != "pending" for item in live):
            return replace(after, status="cooking", ready_at=None)
        return after


class Change(Struct, frozen=True):
    """The order before and after; `restock` is what goes back on the shelf, menu item -> quantity."""

    before: OrderState
    after: OrderState
    restock: dict[UUID, int] = {}

    @property
    def noop(self) -> bool:
        """What was asked for is already so; nothing is written."""
        return self.after == self.before

    @property
    def items(self) -> dict[int, ItemStatus]:
        """The new status of each line that changes."""
        pairs = zip(self.before.items, self.after.items, strict=True)
        return {new.line: new.status for old, new in pairs if old.status != new.status}


def permit(actor: Actor, kinds: frozenset[ActorKind], action: str) -> None:
    if actor.kind not in kinds:
        raise Forbidden(f"{actor.kind} may not {action}")


def illegal(why: str, expected: Iterable[str], got: str, **details: object) -> InvalidTransition:
    """The error of a step that the state does not allow: what would be possible, and what was asked for."""
    steps = list(expected)
    message = f"{why}: expected {' or '.join(steps) or 'nothing'}, got {got}"
    refusal = InvalidTransition(message, expected=steps, got=got)
    refusal.details.update(details)
    return refusal
