"""The rush itself: guests place their orders at their moments, whatever the hub does, and a crew works."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import msgspec
from msgspec import Struct

from hub.drive import messages
from hub.drive.brigade import Brigade
from hub.drive.ledger import Faults, Placed, judge
from hub.drive.metronome import Metronome
from hub.drive.seats import Device, Kitchen, Seat, Tablet
from hub.errors import Unavailable
from hub.rehearse.course import Course, Ticket
from hub.rehearse.script import fitting

if TYPE_CHECKING:
    from hub.drive.client import Address
    from hub.drive.ledger import Ticket as Known
    from hub.drive.messages import Event, Reply
    from hub.rehearse.sandbox import Sandbox
    from hub.rehearse.script import Script

_JOIN_SECONDS: Final = 30.0
_JOINS_AT_ONCE: Final = 16
_LOOK_SECONDS: Final = 0.1
# After the last order a simulated crew needs no longer, in seconds of people; late replies have the least.
_PATIENCE_SECONDS: Final = 3 * 3600.0
_LEAST_PATIENCE_SECONDS: Final = 30.0


class Outcome(Struct):
    """What came of a rehearsal: orders by how they ended, and the courses of those that a screen has seen."""

    orders: int = 0
    ended: dict[str, int] = {}
    courses: dict[str, Course] = {}
    faults: Faults = msgspec.field(default_factory=Faults)

    @property
    def confirmed(self) -> int:
        return self.ended.get("confirmed", 0)

    @property
    def open(self) -> int:
        return sum(not course.over for course in self.courses.values())

    @property
    def failed(self) -> dict[str, int]:
        return {code: count for code, count in self.ended.items() if code != "confirmed"}


class Rush:
    """Plays a script into a sandbox, `speed` times as fast as it was. Without `crew`, people bump."""

    def __init__(
        self, address: Address, sandbox: Sandbox, script: Script, *, speed: float, crew: bool, seed: int
    ) -> None:
        self._address = address
        self._speed = speed
        self._brigade = Brigade(seed=seed, speed=speed) if crew else None
        rooms = {order.room for order in script.orders}
        self._tablets = {
            room: Tablet(sandbox.tablets[room - 1], f"the tablet of room {room}", self) for room in rooms
        }
        self._pass = _Pass(sandbox.crew, "the crew's screen", self)
        self._orders = [_frame(number, script, sandbox) for number in range(len(script.orders))]
        self._due = [order.at / speed for order in script.orders]
        self._rooms = [order.room for order in script.orders]
        self._placed: list[Placed] = []
        self._sent = 0
        self._tickets: dict[str, Ticket] = {}
        self._outcome = Outcome(orders=len(script.orders))
        self._lost = ""

    async def join(self) -> None:
        """Connect all tablets and the crew. Raises Unavailable."""
        door = asyncio.Semaphore(_JOINS_AT_ONCE)

        async def enter(seat: Seat) -> None:
            async with door:
                await seat.join(self._address, _JOIN_SECONDS)

        tasks = [asyncio.create_task(enter(seat)) for seat in (self._pass, *self._tablets.values())]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def play(self, stop: asyncio.Event, heard: Callable[[Outcome], None]) -> Outcome:
        """Until everything is delivered, or `stop`; `heard` gets what has come of it so far. Raises
        Unavailable when the crew's screen is lost."""
        start = time.monotonic() + _LOOK_SECONDS
        self._placed = [
            Placed(number=number, hotel=0, due=start + due, measured=True, wanted=1)
            for number, due in enumerate(self._due)
        ]
        self._pass.screen.faults = self._outcome.faults
        with Metronome([order.due for order in self._placed], self._tick):
            while not stop.is_set() and not self._is_over():
                await asyncio.sleep(_LOOK_SECONDS)
                if self._lost and not stop.is_set():  # Ctrl+C ends the hub of a terminal, too
                    raise Unavailable(self._lost)
                self._work()
                heard(self._outcome)
        self._finish()
        return self._outcome

    def leave(self) -> None:
        for seat in (self._pass, *self._tablets.values()):
            seat.leave()

    def _tick(self) -> None:
        """Send what is due."""
        while self._sent < len(self._placed) and self._placed[self._sent].due <= time.monotonic():
            order = self._placed[self._sent]
            tablet = self._tablets[self._rooms[self._sent]]
            self._sent += 1
            if tablet.waiting >= tablet.limit or not tablet.write(self._orders[order.number]):
                order.ended = "not_sent"

    def _work(self) -> None:
        if self._brigade is not None:
            self._brigade.show(self._tickets.values())
            for step in self._brigade.steps(time.time()):
                self._pass.do(step.name, step.args)
        self._count()

    def _is_over(self) -> bool:
        """Nothing more is to come, or a simulated crew would have come to an end long ago."""
        if self._brigade is not None:
            patience = max(_PATIENCE_SECONDS / self._speed, _LEAST_PATIENCE_SECONDS)
            if time.monotonic() > self._placed[-1].due + patience:
                return True
        courses = self._outcome.courses
        for order in self._placed:
            course = courses.get(order.order_id)
            if not order.ended or (order.ended == "confirmed" and (course is None or not course.over)):
                return False
        return True

    def _count(self) -> None:
        ended: dict[str, int] = {}
        for order in self._placed:
            if order.ended:
                ended[order.ended] = ended.get(order.ended, 0) + 1
        self._outcome.ended = ended

    def _finish(self) -> None:
        for order in self._placed[: self._sent]:
            order.ended = order.ended or "no_reply"
            order.shown = order.order_id in self._outcome.courses
        judge(self._placed[: self._sent], self._outcome.faults)
        self._outcome.orders = self._sent
        self._count()

    # what the seats tell (seats.Listener)

    def told(self, event: Event) -> None:
        """An event of an order has come to the crew's screen."""
        ticket = msgspec.json.decode(event.data, type=Ticket)
        at = datetime.fromisoformat(event.at)
        self._tickets[ticket.id] = ticket
        if ticket.id not in self._outcome.courses:
            self._outcome.courses[ticket.id] = Course(at)
        self._outcome.courses[ticket.id].told(ticket, at)

    def answered(self, reply: Reply, now: float) -> None:
        order = self._placed[reply.id]
        if reply.ok:
            order.ended = "confirmed"
            order.order_id = messages.confirmations.decode(reply.result).order.id
        else:
            order.ended = f"refused: {reply.error.code if reply.error else 'without a reason'}"

    def shown(self, kitchen: Kitchen, ticket: Known, at: str, now: float) -> None:
        """The course knows."""

    def changed(self, at: str, now: float) -> None:
        """The course knows."""

    def bumped(self, name: str, reply: Reply, seconds: float, now: float) -> None:
        """What people have bumped in the same moment is refused, and the brigade looks again."""

    def lost(self, seat: Seat, code: int, reason: str) -> None:
        if seat is self._pass:
            self._lost = f"{seat.name} was closed with {code} ({reason})"
        for order in self._placed[: self._sent]:
            if self._tablets[self._rooms[order.number]] is seat:
                order.ended = order.ended or "connection lost"  # nobody will answer it


class _Pass(Kitchen):
    """The crew's kitchen screen. It tells nobody that it has painted a ticket: only real screens paint."""

    def __init__(self, device: Device, name: str, rush: Rush) -> None:
        super().__init__(device, name, rush)
        self._rush = rush

    def ticket(self, event: Event, now: float) -> None:
        super().ticket(event, now)
        self._rush.told(event)


def _frame(number: int, script: Script, sandbox: Sandbox) -> bytes:
    """The command that places an order, as it goes over the wire."""
    dishes = {dish.id: dish for dish in script.dishes}
    lines = [
        {"menu_item_id": sandbox.dishes[line.dish], "quantity": line.quantity, "options": line.options}
        for line in (fitting(line, dishes[line.dish]) for line in script.orders[number].lines)
    ]
    args = {"lines": lines, "age_attested": True}
    return messages.masked_command(number, "order.place", args, str(uuid4()))
