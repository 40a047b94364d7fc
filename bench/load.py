"""One client process: its seats, and a run of the schedule through them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import uuid4

from bench.plan import Go, Plan, Tally
from hub.drive import messages
from hub.drive.ledger import Placed, Ticket, judge
from hub.drive.metronome import Metronome
from hub.drive.schedule import Arrival, schedule, steps
from hub.drive.seats import Kitchen, Seat, Tablet
from hub.errors import Unavailable

_JOIN_SECONDS: Final = 30.0
_JOINS_AT_ONCE: Final = 32
_REPORT_SECONDS: Final = 0.25


class Load:
    """Plays the devices of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._tablets: list[Tablet] = []
        self._kitchens: dict[int, list[Kitchen]] = {}
        for number, device in enumerate(plan.devices):
            name = f"{device.kind} {number} of hotel {device.hotel}"
            if device.kind == "tablet":
                self._tablets.append(Tablet(device, name, self))
            else:
                self._kitchens.setdefault(device.hotel, []).append(Kitchen(device, name, self))
        kitchens = [kitchen for those in self._kitchens.values() for kitchen in those]
        self._seats: list[Seat] = [*self._tablets, *kitchens]
        self._dishes: dict[int, list[str]] = {}
        self._tally = Tally()
        self._orders: dict[int, Placed] = {}
        self._due: list[tuple[float, Placed, Tablet, bytes]] = []
        self._sent = 0
        self._mark = ""
        self._window = (0.0, 0.0)
        self._heard = asyncio.Event()

    async def join(self) -> None:
        """Connect every seat that is not. Raises Unavailable."""
        door = asyncio.Semaphore(_JOINS_AT_ONCE)

        async def enter(seat: Seat) -> None:
            async with door:
                await seat.join(self._plan.address, _JOIN_SECONDS)

        async with contextlib.AsyncExitStack() as stack:
            stack.callback(lambda: [task.cancel() for task in tasks])
            tasks = [asyncio.create_task(enter(seat)) for seat in self._seats if not seat.connected]
            await asyncio.gather(*tasks)
        for tablet in self._tablets:
            if tablet.device.hotel not in self._dishes:
                self._dishes[tablet.device.hotel] = [dish.id for dish in tablet.menu if dish.orderable]
            if not self._dishes[tablet.device.hotel]:
                raise Unavailable(f"hotel {tablet.device.hotel} has nothing on its menu to be ordered now")
            tablet.menu.clear()

    def leave(self) -> None:
        for seat in self._seats:
            seat.leave()

    async def run(self, go: Go, report: Callable[[Tally], None]) -> Tally:
        """Place the orders of the schedule that fall to this process, and wait for what comes of them."""
        await self.join()
        self._begin(go)
        end = go.start + go.warmup + go.seconds
        with Metronome([due for due, *_ in self._due], self._tick):
            busy = asyncio.create_task(self._measure_cpu())
            while time.monotonic() < end or self._sent < len(self._due):
                await asyncio.sleep(_REPORT_SECONDS)
                report(self._tally)
        await busy
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._plan.drain_seconds):
                while not self._settled():
                    self._heard.clear()
                    await self._heard.wait()
        for order in self._orders.values():
            if not order.ended and order.measured:
                self._tally.error("no_reply")
        judge(list(self._orders.values()), self._tally.faults)
        return self._tally

    def _begin(self, go: Go) -> None:
        plan = self._plan
        chance = random.Random(f"{go.seed} {plan.first}")
        self._tally, self._sent = Tally(), 0
        self._mark = f"{plan.run} {go.seed} "
        self._window = (go.start + go.warmup, go.start + go.warmup + go.seconds)
        for seat in self._seats:
            seat.screen.faults = self._tally.faults
        self._orders, self._due = {}, []
        for arrival in schedule(go.rate, go.warmup + go.seconds, plan.tablets, plan.arrivals, go.seed):
            if plan.first <= arrival.tablet < plan.first + len(self._tablets):
                tablet = self._tablets[arrival.tablet - plan.first]
                order = self._placed(arrival, tablet, go)
                self._orders[order.number] = order
                self._due.append((order.due, order, tablet, self._frame(order, chance)))
        self._tally.due = sum(order.measured for order in self._orders.values())

    def _placed(self, arrival: Arrival, tablet: Tablet, go: Go) -> Placed:
        hotel = tablet.device.hotel
        return Placed(
            number=arrival.number,
            hotel=hotel,
            due=go.start + arrival.moment,
            measured=arrival.moment >= go.warmup,
            wanted=len(self._kitchens[hotel]),
        )

    def _frame(self, order: Placed, chance: random.Random) -> bytes:
        menu = self._dishes[order.hotel]
        chosen = chance.sample(menu, min(len(menu), chance.randint(1, 3)))
        lines = [{"menu_item_id": dish, "quantity": chance.randint(1, 2)} for dish in chosen]
        args = {"lines": lines, "special_requests": f"{self._mark}{order.number}"}
        return messages.masked_command(order.number, "order.place", args, str(uuid4()))

    def _tick(self) -> None:
        """Send what is due."""
        while self._sent < len(self._due) and self._due[self._sent][0] <= time.monotonic():
            due, order, tablet, frame = self._due[self._sent]
            self._sent += 1
            if not tablet.connected:
                self._end(order, "not_sent_no_session")
            elif tablet.waiting >= tablet.limit:
                self._end(order, "not_sent_too_many_unanswered")  # one more, and the hub closes the session
            else:
                tablet.write(frame)
                if order.measured:
                    self._tally.late.add(time.monotonic() - due)

    def _end(self, order: Placed, code: str) -> None:
        order.ended = code
        if order.measured:
            self._tally.error(code)

    def _settled(self) -> bool:
        kitchens = (kitchen for those in self._kitchens.values() for kitchen in those)
        return all(order.settled for order in self._orders.values()) and all(
            kitchen.idle for kitchen in kitchens if kitchen.connected
        )

    async def _measure_cpu(self) -> None:
        begin, end = self._window
        await asyncio.sleep(begin - time.monotonic())
        before = time.process_time()
        await asyncio.sleep(end - time.monotonic())
        self._tally.cpu_seconds = time.process_time() - before

    def _inside(self, now: float) -> bool:
        return self._window[0] <= now < self._window[1]

    # what the seats tell (seats.Listener)

    def answered(self, reply: messages.Reply, now: float) -> None:
        self._heard.set()
        order = self._orders.get(reply.id)
        if order is None or order.ended:
            self._tally.faults.add("unasked", f"a reply to order {reply.id}, which waits for none")
            return
        if not reply.ok:
            self._end(order, f"refused: {reply.error.code if reply.error else 'without a reason'}")
            return
        order.ended, order.order_id = "confirmed", messages.confirmations.decode(reply.result).order.id
        if self._inside(now):
            self._tally.answered += 1
            self._tally.commands += 1
        if order.measured:
            self._tally.latencies["place"].add(now - order.due)

    def shown(self, kitchen: Kitchen, ticket: Ticket, at: str, now: float) -> None:
        self._heard.set()
        note = ticket.special_requests or ""
        if not self._mark or not note.startswith(self._mark):
            return  # somebody else's, or of an earlier run
        order = self._orders[int(note.removeprefix(self._mark))]
        order.shown += 1
        if order.measured:
            self._tally.latencies["frame"].add(_since(at, now))
            self._tally.latencies["screen"].add(now - order.due)
        if self._plan.seen:
            kitchen.see(ticket.id)
        if order.shown == 1:  # of several screens, one cook bumps
            kitchen.bump(ticket.id, steps(order.number, self._plan.bumps))

    def changed(self, at: str, now: float) -> None:
        if self._inside(now):
            self._tally.latencies["change"].add(_since(at, now))

    def bumped(self, name: str, reply: messages.Reply, seconds: float, now: float) -> None:
        self._heard.set()
        if not reply.ok:
            self._tally.error(f"{name}: {reply.error.code if reply.error else 'without a reason'}")
        elif self._inside(now):
            self._tally.commands += 1
            if name == "order.advance":
                self._tally.latencies["bump"].add(seconds)

    def lost(self, seat: Seat, code: int, reason: str) -> None:
        self._heard.set()
        self._tally.error(f"session closed with {code} ({reason})")
        kitchen = seat.device.kind == "kitchen"
        for _, order, tablet, _ in self._due[: self._sent]:
            if tablet is seat and not order.ended:
                self._end(order, "no_reply_session_lost")
            elif kitchen and order.hotel == seat.device.hotel and not order.settled:
                order.wanted = 0  # it would have resumed; the bench cannot know
        if kitchen:
            for _, order, _, _ in self._due[self._sent :]:
                order.wanted -= order.hotel == seat.device.hotel


def _since(at: str, now: float) -> float:
    """Seconds from an event's commit until `now`, which is on the monotonic clock."""
    wall = time.time() - (time.monotonic() - now)
    return wall - datetime.fromisoformat(at).timestamp()
