"""What a node does when it hears that a topic has ended: its sessions ask whether they may stay."""

from __future__ import annotations

import pytest
from msgspec import Raw

from hub.log.event import ENDED, Event, Head, Position
from hub.realtime.protocol import CloseCode
from tests.unit.fake_log import EPOCH, FakeLog, live_feed, live_session
from tests.unit.quiet import TENANT, session_of


def end(seq: int) -> Event:
    return Event(TENANT, EPOCH, seq, ENDED, ("stay:1",), Raw(b'{"topic":"stay:1"}'), "")


async def test_at_the_end_of_a_topic_its_sessions_ask_whether_they_may_stay() -> None:
    log = FakeLog()
    feed = live_feed(log)
    guest, wire = live_session(feed, "stay:1", "menu")
    other, others = live_session(feed, "stay:2", "menu")
    feed.receive(end(1))
    feed.receive(Event(TENANT, EPOCH, 2, "menu_item", ("menu",), Raw(b"{}"), ""))
    assert (guest.next_join(), other.next_join()) == ((1, Position(EPOCH, 1)), None)
    assert (wire.seqs(), others.seqs()) == ([], [2]), "until it is known, nothing is told"
    guest.turn_away(CloseCode.REVOKED)
    assert wire.seqs() == [1], "that it has ended is told before the goodbye"
    assert wire.closed is not None
    assert wire.closed[0] == CloseCode.REVOKED


async def test_who_may_stay_hears_nothing_of_it() -> None:
    feed = live_feed(FakeLog())
    guest, wire = live_session(feed, "stay:1")
    feed.receive(end(1))
    base = guest.start_buffering()
    guest.admitted()
    assert guest.go_live(1, base)
    guest.turn_away(CloseCode.REVOKED)
    assert wire.seqs() == []


async def test_an_end_in_a_past_that_was_never_is_forgotten() -> None:
    """After a failover the same numbers may tell of other things."""
    log = FakeLog(5)
    feed = live_feed(log)
    guest, _ = live_session(feed, "stay:1")
    feed.receive(end(6))
    assert guest.next_join() == (1, Position(EPOCH, 6))
    feed.observe(Head(TENANT, EPOCH, 3), 6)
    assert guest.next_join() == (2, None)
    feed.receive(end(4))
    assert guest.next_join() == (3, None), "it is asked about, though its number is lower"


@pytest.mark.parametrize("wanted", [None, Position(EPOCH, 0)])
async def test_the_end_of_a_topic_while_somebody_joins(wanted: Position | None) -> None:
    """A join that has not begun keeps where it wanted to begin; one under way starts with a snapshot."""
    feed = live_feed(FakeLog())
    guest, _ = session_of(feed, "stay:1")
    guest.rejoin(wanted)
    feed.receive(end(1))
    assert guest.next_join() == (2, wanted)
    guest.start_buffering()
    feed.receive(end(2))
    assert guest.next_join() == (3, None)
