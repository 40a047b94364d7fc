"""A client process of a mix, started by `crew`: plays guests and cooks of its hotels."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import time
from typing import Final
from uuid import uuid4

import msgspec
from msgspec import Struct

from bench.mix.hotel import STEPS, Hotel, hotels
from bench.mix.ways import Failed, Http, Sockets, Way
from bench.mix.words import Asked, Check, Checked, Closed, Go, Joined, Plan, Tally
from bench.pipes import serve, tell
from hub.drive.metronome import Metronome
from hub.drive.schedule import schedule

_PAUSE_SECONDS: Final = (0.1, 0.6)
_PAGE: Final = 100


class _Order(Struct, frozen=True):
    id: str
    special_requests: str | None = None


class _Page(Struct, frozen=True):
    orders: list[_Order]
    next: str | None = None


class _Request(Struct, frozen=True):
    due: float
    name: str
    hotel: Hotel
    measured: bool


class Mix:
    """One process' part of the work."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._hotels = hotels(plan.devices)
        self._way: Way = Http(plan.address) if plan.over == "http" else Sockets(plan.address)
        self._chance = random.Random(plan.devices[0].token)
        self._tally = Tally()
        self._tasks: set[asyncio.Task[None]] = set()
        self._confirmed: dict[str, tuple[str, Hotel]] = {}
        self._notes = 0

    async def join(self) -> None:
        """Raises Unavailable."""
        await self._way.join(self._hotels)

    def leave(self) -> None:
        self._way.leave()

    async def run(self, go: Go) -> Tally:
        """An open loop."""
        self._tally = Tally()
        requests = self._requests(go)
        self._tally.due = sum(request.measured for request in requests)
        sent = 0

        def tick() -> None:
            nonlocal sent
            while sent < len(requests) and requests[sent].due <= time.monotonic():
                self._start(requests[sent], go)
                sent += 1

        cpu = time.process_time()
        with Metronome([request.due for request in requests], tick):
            end = go.start + go.warmup + go.seconds
            await asyncio.sleep(max(end, requests[-1].due if requests else end) - time.monotonic())
            tick()
        self._tally.cpu_seconds = time.process_time() - cpu
        if self._tasks:
            _, open_ = await asyncio.wait(self._tasks, timeout=go.drain)
            for task in open_:
                task.cancel()
            for _ in open_:
                self._tally.error("no answer")
        return self._tally

    def _requests(self, go: Go) -> list[_Request]:
        chance = random.Random(f"{go.seed} {self._plan.devices[0].token}")
        names, weights = list(go.shares), list(go.shares.values())
        arrivals = schedule(
            go.rate, go.warmup + go.seconds, len(self._hotels), "poisson", chance.getrandbits(32)
        )
        return [
            _Request(
                go.start + arrival.moment,
                chance.choices(names, weights)[0],
                self._hotels[arrival.tablet],
                arrival.moment >= go.warmup,
            )
            for arrival in arrivals
        ]

    def _start(self, request: _Request, go: Go) -> None:
        if request.measured:
            self._tally.late.add(time.monotonic() - request.due)
        task = asyncio.create_task(self._do(request, again=go.again))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _do(self, request: _Request, *, again: bool) -> None:
        try:
            name = await self._operation(request, again=again)
        except Failed as error:
            if request.measured:
                self._tally.error(f"{request.name}: {error.code}")
        except (OSError, TimeoutError) as error:
            if request.measured:
                self._tally.error(f"{request.name}: {str(error) or 'no answer'}")
        else:
            now = time.monotonic()
            if request.measured:
                self._tally.add(name, now - request.due)
                if again:
                    self._tally.samples.append((request.due, now - request.due))

    async def _operation(self, request: _Request, *, again: bool) -> str:
        hotel = request.hotel
        match request.name:
            case "place":
                await self._place(hotel, again=again)
            case "bump":
                if not hotel.underway:
                    await self._place(hotel, again=again)
                    return "place"
                order = hotel.underway.popleft()
                await self._way.bump(hotel, order, STEPS[order.step], str(uuid4()))
                order.step += 1
                if order.step < len(STEPS):
                    hotel.underway.append(order)
            case name:
                await self._way.read(name, hotel, self._chance)
        return request.name

    async def _place(self, hotel: Hotel, *, again: bool) -> None:
        tablet = self._chance.choice(hotel.tablets)
        self._notes += 1
        note, key = f"{self._plan.run} {self._notes}", str(uuid4())
        cart = hotel.cart(self._chance, note)
        result: bytes | msgspec.Raw | None = None
        while result is None:
            try:
                result = await self._way.place(hotel, tablet, cart, key)
            except (OSError, TimeoutError, Failed) as error:
                if not again or (isinstance(error, Failed) and not error.temporary):
                    raise
                self._tally.repeats += 1
                await asyncio.sleep(random.uniform(*_PAUSE_SECONDS))
        self._confirmed[note] = hotel.placed(tablet, result), hotel

    async def closed(self, asked: Closed) -> Tally:
        """Orders in saturation."""
        self._tally = tally = Tally()
        end = time.monotonic() + asked.seconds
        cpu = time.process_time()

        async def caller(number: int) -> None:
            hotel = self._hotels[number % len(self._hotels)]
            while (started := time.monotonic()) < end:
                tally.due += 1
                try:
                    await self._place(hotel, again=False)
                except (OSError, TimeoutError, Failed) as error:
                    tally.error(str(error) or "no answer")
                    await asyncio.sleep(0.01)
                else:
                    if time.monotonic() < end:
                        tally.add("place", time.monotonic() - started)

        await asyncio.gather(*(caller(number) for number in range(asked.callers)))
        tally.cpu_seconds = time.process_time() - cpu
        return tally

    async def check(self) -> Checked:
        """By what the kitchens' lists say over HTTP. Nobody has bumped these orders, so all are active."""
        there: dict[str, list[str]] = {}
        way = Http(self._plan.address)
        try:
            for hotel in self._hotels:
                after = ""
                while True:
                    path = f"/api/v1/orders?limit={_PAGE}{after}"
                    page = msgspec.json.decode(await way.get(path, hotel.kitchens[0].token), type=_Page)
                    for order in page.orders:
                        there.setdefault(order.special_requests or "", []).append(order.id)
                    if page.next is None:
                        break
                    after = f"&after={page.next}"
        finally:
            way.leave()
        checked = Checked(confirmed=len(self._confirmed))
        for note, (order_id, _) in self._confirmed.items():
            if order_id not in there.get(note, ()):
                checked.missing.append(f"{note} ({order_id})")
        mine = f"{self._plan.run} "
        checked.doubled += [note for note, ids in there.items() if note.startswith(mine) and len(ids) > 1]
        return checked


async def work(lines: asyncio.StreamReader) -> None:
    """Until the input ends."""
    mix = Mix(msgspec.json.decode(await lines.readline(), type=Plan))
    try:
        await mix.join()
        tell(Joined())
        gc.freeze()
        gc.disable()  # a collection would stop the clock of everybody here
        while line := await lines.readline():
            asked = msgspec.json.decode(line, type=Asked)
            match asked:
                case Go():
                    tell(await mix.run(asked))
                case Closed():
                    tell(await mix.closed(asked))
                case Check():
                    tell(await mix.check())
            gc.collect()
    finally:
        with contextlib.suppress(OSError):
            mix.leave()


if __name__ == "__main__":
    serve(work)
