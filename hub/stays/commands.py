"""What a front desk does with stays. Each command runs inside the one transaction of its operation.

Their answers are stored for a while, so that the same operation id gets the same one: they hold ids and
numbers, and nothing of a guest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.db.ids import uuid7
from hub.errors import Conflict, NotFound, OrdersOpen, WipePending
from hub.operations import Operation
from hub.security import events
from hub.security.permissions import Permission
from hub.security.words import room_number
from hub.stays import store
from hub.stays.model import (
    CheckedIn,
    CheckedOut,
    CheckInArgs,
    CheckOutArgs,
    MoveArgs,
    Moved,
    Tablet,
    guest,
    over,
)

if TYPE_CHECKING:
    from uuid import UUID

    from hub.db.scope import Scope
    from hub.security.principal import Principal
    from hub.security.vault import Vault


class FrontDesk:
    """The commands; `vault` seals what they learn of guests."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def check_in(self, scope: Scope, _: Principal, args: CheckInArgs) -> CheckedIn:
        """A guest moves in, into a room with a tablet or without.

        Raises RoomOccupied, and WipePending until the room's tablet has said that it forgot the last guest.
        """
        room, (name, phone) = room_number(args.room_number), guest(args)
        stay_id = uuid7()
        # The room first: a check-out that is under way is waited for, and its wish for a wipe is seen then.
        await store.insert(scope, self._vault, stay_id, room, name, phone)
        tablet = await _ready_tablet(scope, stay_id, room, override=args.override_wipe)
        return CheckedIn(stay_id, tablet.id if tablet else None, tablet is not None and tablet.wipe_pending)

    async def check_out(self, scope: Scope, _: Principal, args: CheckOutArgs) -> CheckedOut:
        """A guest leaves: the tablet's session ends and the tablet is asked to forget everything.

        Orders under way go on, and are told. Raises NotFound, StayEnded.
        """
        room = await _open_room(scope, args.stay_id)
        await store.end(scope, args.stay_id)
        return CheckedOut(
            args.stay_id,
            open_orders=await store.open_orders(scope, args.stay_id),
            wiping=await store.request_wipe(scope, room),
        )

    async def move(self, scope: Scope, _: Principal, args: MoveArgs) -> Moved:
        """A guest takes another room. The kitchen's tickets show the new one.

        Raises NotFound, StayEnded, Conflict for the room where the guest is, OrdersOpen, RoomOccupied,
        WipePending.
        """
        room = room_number(args.room_number)
        old_room = await _open_room(scope, args.stay_id)
        if room == old_room:
            raise Conflict("The guest lives in this room already.", field="room_number")
        orders = await store.open_orders(scope, args.stay_id)
        if orders and args.orders != "move":
            raise OrdersOpen(
                'Orders are under way; send them along with orders: "move".',
                field="orders",
                open_orders=orders,
            )
        await store.move(scope, args.stay_id, room)
        await store.move_orders(scope, args.stay_id, room)
        tablet = await _ready_tablet(scope, args.stay_id, room, override=args.override_wipe)
        return Moved(
            args.stay_id,
            tablet_id=tablet.id if tablet else None,
            wipe_pending=tablet is not None and tablet.wipe_pending,
            moved_orders=orders,
            wiping=await store.request_wipe(scope, old_room),
        )

    def operations(self) -> tuple[Operation, ...]:
        """The entries of the table of operations."""
        desk = Permission.STAY_MANAGE
        return (
            Operation(
                name="stay.check_in", args=CheckInArgs, run=self.check_in, permission=desk, personal=True
            ),
            Operation(name="stay.check_out", args=CheckOutArgs, run=self.check_out, permission=desk),
            Operation(name="stay.move", args=MoveArgs, run=self.move, permission=desk),
        )


async def _open_room(scope: Scope, stay_id: UUID) -> str:
    found = await store.lock(scope, stay_id)
    if found is None:
        raise NotFound("There is no such stay.", field="stay_id")
    room, is_open = found
    if not is_open:
        raise over()
    return room


async def _ready_tablet(scope: Scope, stay_id: UUID, room: str, *, override: bool) -> Tablet | None:
    """The tablet of a room that gets a guest, when it may. That somebody did not wait for it is written
    down."""
    tablet = await store.tablet(scope, room)
    if tablet is not None and tablet.wipe_pending:
        if not override:
            raise WipePending(
                "The tablet of this room has not forgotten the last guest yet; switch it on, or override.",
                tablet_id=tablet.id,
            )
        details = {"room_number": room, "tablet_id": tablet.id}
        await events.record(scope, "stay.wipe_overridden", stay_id, details)
    return tablet
