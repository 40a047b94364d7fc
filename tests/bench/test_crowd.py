"""What a client process of a crowd counts, whatever comes first: an event, or the line that asks for it."""

from __future__ import annotations

import time

import msgspec
import pytest

from bench.crowd.guest import Guest
from bench.crowd.words import Gather, Heard, Listen, Plan
from bench.crowd.worker import Crowd
from hub.drive.client import Address

PATIENCE = 10.0


def event(seq: int, kind: str = "menu_item") -> bytes:
    return msgspec.json.encode({"type": "event", "seq": seq, "kind": kind, "at": "2026-11-21T12:00:00.000Z"})


class Sessions:
    """Three of them, live, and nobody on the other side."""

    def __init__(self) -> None:
        self.crowd = Crowd(Plan(Address("127.0.0.1", 1), ["token"] * 3, [], 1))
        self.guests: list[Guest] = self.crowd._guests
        for guest in self.guests:
            guest.live = True

    def get(self, payload: bytes) -> None:
        for guest in self.guests:
            self.crowd.event(guest, payload)

    async def gather(self, patience: float = PATIENCE) -> Heard:
        return await self.crowd.gather(Gather(time.monotonic(), patience))


@pytest.fixture
async def sessions() -> Sessions:
    sessions = Sessions()
    sessions.crowd.listen(Listen("menu_item"))
    return sessions


async def test_an_event_that_comes_before_it_is_asked_for_counts(sessions: Sessions) -> None:
    for seq in range(3):
        sent = time.monotonic()
        sessions.get(event(seq))
        heard = await sessions.crowd.gather(Gather(sent, PATIENCE))
        assert (heard.count, heard.repeated) == (3, 0)
        assert heard.from_sent.count == heard.from_commit.count == 3


async def test_who_missed_one_counts_with_the_next(sessions: Sessions) -> None:
    first = sessions.guests[0]
    sessions.crowd.event(first, event(1))
    assert (await sessions.gather(0.0)).count == 1
    sessions.get(event(2))
    assert (await sessions.gather()).count == 3


async def test_what_comes_again_is_told_whenever_it_comes(sessions: Sessions) -> None:
    sessions.get(event(1))
    sessions.crowd.event(sessions.guests[0], event(1))
    assert (await sessions.gather()).repeated == 1
    sessions.get(event(1))
    heard = await sessions.gather(0.0)
    assert (heard.count, heard.repeated) == (0, 3), "it is not the next one"


async def test_what_nobody_asked_for_does_not_count(sessions: Sessions) -> None:
    sessions.get(event(1, "device"))
    sessions.get(event(2))
    sessions.get(event(3, "device"))
    heard = await sessions.gather()
    assert (heard.count, heard.repeated) == (3, 0)


async def test_what_came_before_it_listened_does_not_count() -> None:
    sessions = Sessions()
    sessions.get(event(1))
    sessions.crowd.listen(Listen("menu_item"))
    sessions.get(event(2))
    heard = await sessions.gather()
    assert (heard.count, heard.repeated) == (3, 0)
