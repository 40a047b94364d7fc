"""The process of the busy demo: reads its plan, plays until its standard input ends."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias

import msgspec
import uvloop

from hub.demo.busy.crew import Crew
from hub.demo.busy.guests import Guests
from hub.demo.busy.process import Plan
from hub.demo.device import Device
from hub.demo.hotel import ROOMS
from hub.drive.brigade import Brigade

MOST_OPEN: Final = 14
# Between two orders at the speed of people; and at the begin, so that there is something to see.
_GAP_SECONDS: Final = 130.0
_FIRST: Final = 5
_FIRST_GAP_SECONDS: Final = 1.5

Order: TypeAlias = Callable[[], Coroutine[Any, Any, object]]


async def play(plan: Plan) -> None:
    """Guests order and a crew works, until this is cancelled."""
    crew = Crew(Brigade(seed=plan.seed, speed=plan.speed), but=ROOMS[0])
    tablets = {room: Device(plan.host, plan.port, code) for room, code in plan.tablets.items()}
    guests = Guests(tablets, plan.seed, plan.speed)
    async with asyncio.TaskGroup() as group:
        group.create_task(Device(plan.host, plan.port, plan.kitchen).stay(crew.work))
        for tablet in tablets.values():
            group.create_task(tablet.stay())
        gaps = random.Random(f"{plan.seed} gaps")
        group.create_task(dine(guests.order, lambda: crew.open, gaps, plan.speed))


async def dine(order: Order, tickets: Callable[[], int], chance: random.Random, speed: float) -> None:
    """Orders come one after the other, by chance, and stay away while the kitchen has enough `tickets`."""
    placed = 0
    on_the_way: set[asyncio.Task[object]] = set()
    async with asyncio.TaskGroup() as group:
        while True:
            gap = chance.expovariate(1 / _GAP_SECONDS) / speed
            await asyncio.sleep(gap if placed >= _FIRST else min(gap, _FIRST_GAP_SECONDS))
            if tickets() + len(on_the_way) < MOST_OPEN:
                task = group.create_task(order())
                on_the_way.add(task)
                task.add_done_callback(on_the_way.discard)
                placed += 1


async def _until_the_end(plan: Plan) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)  # after the plan nothing is written: it is the end
    playing = asyncio.create_task(play(plan))
    waiting = asyncio.create_task(ended.wait())
    await asyncio.wait([playing, waiting], return_when=asyncio.FIRST_COMPLETED)
    playing.cancel()
    waiting.cancel()
    await asyncio.wait([playing, waiting])
    if not playing.cancelled() and (error := playing.exception()):
        raise error


if __name__ == "__main__":
    # Ctrl+C reaches every process of the terminal; the demo ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    uvloop.run(_until_the_end(msgspec.json.decode(sys.stdin.buffer.readline(), type=Plan)))
