"""States are read once for all who ask, kept for as long as little has to be replayed after them, and read
anew otherwise."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import pytest
from msgspec import Raw

from hub.errors import Unavailable
from hub.log.event import Entry, Position, State
from hub.realtime.states import States

HOTEL: Final = uuid4()
EPOCH: Final = uuid4()


def at(seq: int, epoch: UUID = EPOCH) -> Position:
    return Position(epoch, seq)


class Log:
    """A log to read states from. `replica` is how far a replica has come, None when there is none."""

    def __init__(self) -> None:
        self.seq = 100
        self.replica: int | None = None
        self.epoch = EPOCH
        self.text = b"{}"
        self.reads: list[bool] = []
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)
        self.fails = False

    async def read(self, _: UUID, anew: bool) -> State:
        seq = self.seq if anew or self.replica is None else self.replica
        self.reads.append(anew)
        self.asked.set()
        await self.gate.wait()
        if self.fails:
            raise Unavailable("not now")
        return State(self.epoch, seq, (Entry("menu_item", ("menu",), Raw(self.text)),))

    def states(self, *, most_bytes: int = 2**20, max_events: int = 1000) -> States:
        return States(self.read, lambda: self.moment, most_bytes=most_bytes, max_events=max_events)


@pytest.fixture
def log() -> Log:
    return Log()


async def test_all_who_ask_at_once_share_one_reading(log: Log) -> None:
    states = log.states()
    log.gate.clear()
    asked = [asyncio.create_task(states.get(HOTEL, at(100))) for _ in range(300)]
    await asyncio.sleep(0)
    asked[0].cancel()
    log.gate.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert log.reads == [False]
    assert sum(isinstance(answer, State) for answer in answers) == 299, "one has given up, nobody else"


async def test_a_state_serves_until_much_has_to_be_replayed(log: Log) -> None:
    states = log.states()
    first = await states.get(HOTEL, at(100))
    assert await states.get(HOTEL, at(300)) is first
    log.seq = 301
    assert (await states.get(HOTEL, at(301))).seq == 301
    assert len(log.reads) == 2


async def test_what_a_join_would_not_replay_is_not_kept_for_it(log: Log) -> None:
    states = log.states(max_events=10)
    first = await states.get(HOTEL, at(100))
    assert await states.get(HOTEL, at(105)) is first
    log.seq = 106
    assert (await states.get(HOTEL, at(106))).seq == 106


@pytest.mark.parametrize("change", ["epoch", "age", "clock", "beyond", "anew"])
async def test_it_is_read_anew(log: Log, change: str) -> None:
    states = log.states()
    await states.get(HOTEL, at(100))
    match change:
        case "epoch":
            log.epoch = uuid4()
            await states.get(HOTEL, at(100, log.epoch))
        case "age":  # orders that are done leave a state after a while
            log.moment += timedelta(seconds=301)
            await states.get(HOTEL, at(100))
        case "clock":
            log.moment -= timedelta(seconds=1)
            await states.get(HOTEL, at(100))
        case "beyond":  # the log may have gone back
            await states.get(HOTEL, at(99))
        case _:
            await states.get(HOTEL, at(100), anew=True)
    assert len(log.reads) == 2


async def test_a_replica_that_lags_too_much_is_not_enough(log: Log) -> None:
    states = log.states()
    log.replica = 90
    assert (await states.get(HOTEL, at(100))).seq == 90
    log.seq, log.replica = 500, 100
    assert (await states.get(HOTEL, at(500))).seq == 500
    assert log.reads == [False, False, True]


async def test_who_has_come_further_does_not_take_what_others_wait_for(log: Log) -> None:
    states = log.states()
    log.gate.clear()
    early = asyncio.create_task(states.get(HOTEL, at(100)))
    await log.asked.wait()
    log.seq = 400
    late = asyncio.create_task(states.get(HOTEL, at(400)))
    await asyncio.sleep(0)
    log.gate.set()
    assert (await early).seq == 100
    assert (await late).seq == 400


async def test_memory_is_bounded_and_the_oldest_goes(log: Log) -> None:
    states = log.states(most_bytes=5_000)
    log.text = b"x" * 1_500
    hotels = [uuid4() for _ in range(3)]
    for hotel in hotels[:2]:
        await states.get(hotel, at(100))
    await states.get(hotels[0], at(100))
    await states.get(hotels[2], at(100))
    assert len(log.reads) == 3
    await states.get(hotels[0], at(100))
    assert len(log.reads) == 3, "used a moment ago"
    await states.get(hotels[1], at(100))
    assert len(log.reads) == 4, "the oldest has gone"
    nothing = log.states(most_bytes=0)
    await nothing.get(HOTEL, at(100))
    await nothing.get(HOTEL, at(100))
    assert len(log.reads) == 6


async def test_a_failure_is_told_and_not_kept(log: Log) -> None:
    states = log.states()
    log.fails = True
    with pytest.raises(Unavailable):
        await states.get(HOTEL, at(100))
    log.fails = False
    assert (await states.get(HOTEL, at(100))).seq == 100
