"""The node rule: whatever the broker loses, repeats and delays, each session gets each of its events once and
in order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from unittest.mock import patch
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from hub.log.event import Event, Head
from hub.realtime import feed as module
from hub.realtime.feed import Feed
from hub.realtime.session import Phase
from tests.unit.fake_log import EPOCH, OTHER, FakeLog, live_feed, live_session, settled
from tests.unit.quiet import TENANT, session_of

TOPICS = ("kitchen", "menu", "stay:1", "stay:2")


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    with patch.object(module, "_RETRY_SECONDS", 0.0):
        yield


Step = tuple[str, int]
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 2 ** len(TOPICS) - 1)),
        st.tuples(st.just("bring"), st.integers(0, 12)),  # so many back from the last one written
        st.tuples(st.just("heads"), st.just(0)),
        st.tuples(st.just("ask heads"), st.just(0)),
        st.tuples(st.just("old heads"), st.just(0)),
        st.tuples(st.just("fail"), st.integers(1, 3)),
        st.tuples(st.just("turn"), st.integers(1, 4)),
    ),
    max_size=60,
)


@given(steps=STEPS, page=st.integers(1, 4), parked=st.integers(1, 5), start=st.integers(0, 3))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_repetition_and_loss(steps: list[Step], page: int, parked: int, start: int) -> None:
    with patch.object(module, "_PARKED", parked):
        asyncio.run(play(steps, page, start))


async def play(steps: list[Step], page: int, start: int) -> None:
    log = FakeLog(start)
    feed = live_feed(log, page)
    watchers = [(topics, *live_session(feed, *topics)) for topics in ((*TOPICS,), TOPICS[:2], TOPICS[2:3])]
    asked: list[tuple[Head, int]] = []
    for what, number in steps:
        match what:
            case "write":
                log.write(*(topic for bit, topic in enumerate(TOPICS) if number >> bit & 1))
            case "bring" if number < len(log.events):
                feed.receive(log.events[-1 - number])
            case "heads":
                feed.observe(log.head, feed.seq)
            case "ask heads":
                asked.append((log.head, feed.seq))
            case "old heads" if asked:
                feed.observe(*asked.pop(0))
            case "fail":
                log.failures = number
            case "turn":
                for _ in range(number):
                    await asyncio.sleep(0)
        assert len(feed._parked) <= module._PARKED
    log.failures = 0
    await settled(feed)
    feed.observe(log.head, feed.seq)  # the next look at the heads finds the tail
    await settled(feed)
    assert feed.seq == len(log.events)
    assert log.most <= 1
    for topics, session, wire in watchers:
        mine = [event.seq for event in log.events[start:] if not set(topics).isdisjoint(event.topics)]
        assert wire.seqs() == mine
        assert session.phase is Phase.LIVE


async def test_a_hole_is_filled_once() -> None:
    log = FakeLog()
    feed = live_feed(log)
    _, wire = live_session(feed, "kitchen")
    for _ in range(10):
        log.write("kitchen")
    for event in log.events[3:]:
        feed.receive(event)
    assert wire.seqs() == []
    await settled(feed)
    assert wire.seqs() == list(range(1, 11))
    assert log.reads == 1
    assert feed.tally.filled == 3, "what was parked did not come from the log"


async def test_an_event_is_counted_once_and_not_for_each_session() -> None:
    log = FakeLog()
    feed = live_feed(log)
    for _ in range(50):
        live_session(feed, "kitchen")
    with patch.object(feed.tally, "delivered", wraps=feed.tally.delivered) as counted:
        for topic in ("kitchen", "menu", "kitchen"):
            feed.receive(log.write(topic))
    assert [call.args[0] for call in counted.call_args_list] == [50, 0, 50]
    assert (feed.tally.deliveries, feed.tally.fan_out.count) == (100, 2)


async def test_a_hole_that_opens_while_another_is_filled_is_filled_too() -> None:
    log = FakeLog()
    feed = live_feed(log)
    _, wire = live_session(feed, "kitchen")
    for _ in range(3):
        log.write("kitchen")
    feed.receive(log.events[2])
    await log.begun()
    await asyncio.sleep(0)  # the page is read; it ends at 3
    log.write("kitchen")
    feed.receive(log.write("kitchen"))
    await settled(feed)
    assert wire.seqs() == [1, 2, 3, 4, 5], "nothing else reveals the second hole before the next heads"


async def test_a_message_beyond_the_log_does_not_keep_it_reading() -> None:
    log = FakeLog(3)
    feed = live_feed(log)
    suspicions: list[int] = []
    feed.on_suspicion(lambda: suspicions.append(feed.seq))
    feed.receive(Event(TENANT, EPOCH, 9, "order", ("kitchen",), Raw(b"{}"), ""))
    await settled(feed)
    assert log.reads <= 2
    assert suspicions == [3], "the heads decide"
    assert feed._parked == {}


async def test_the_tail_is_found_by_the_heads() -> None:
    log = FakeLog()
    feed = live_feed(log)
    _, wire = live_session(feed, "kitchen")
    log.write("kitchen")
    feed.observe(log.head, feed.seq)
    await settled(feed)
    assert wire.seqs() == [1]


async def test_before_the_first_head_events_are_parked() -> None:
    log = FakeLog(5)
    feed = Feed(TENANT, log.read, 500)
    _, wire = session_of(feed, "kitchen")
    waiting = asyncio.create_task(feed.positioned())
    feed.receive(log.events[4])
    feed.receive(log.write("kitchen"))
    await asyncio.sleep(0)
    assert (feed.seq, log.reads, waiting.done()) == (-1, 0, False)
    feed.observe(Head(TENANT, EPOCH, 4), -1)
    await waiting
    assert feed.seq == 6
    assert log.reads == 0, "what was parked connects"
    assert wire.frames == []


async def test_an_older_answer_about_heads_is_no_reset() -> None:
    log = FakeLog(5)
    feed = live_feed(log)
    session, wire = live_session(feed, "kitchen")
    answer, before = log.head, feed.seq
    feed.receive(log.write("kitchen"))
    feed.observe(answer, before)
    assert (feed.seq, session.phase, wire.seqs()) == (6, Phase.LIVE, [6])


@pytest.mark.parametrize("head", [Head(TENANT, EPOCH, 4), Head(TENANT, OTHER, 9), Head(TENANT, OTHER, 5)])
async def test_another_past_lets_everybody_join_again(head: Head) -> None:
    feed = live_feed(FakeLog(5))
    sessions = [live_session(feed, topic)[0] for topic in ("kitchen", "menu", "kitchen")]
    joining, _ = session_of(feed, "menu")
    generation = joining.generation
    feed.observe(head, feed.seq)
    assert (feed.epoch, feed.seq) == (head.epoch, head.seq)
    for session in (*sessions, joining):
        assert session.phase is Phase.LAGGING
        assert session.next_join() == (session.generation, None), "from a snapshot"
    assert joining.generation == generation + 1, "a join under way is over"


async def test_a_message_of_another_epoch_lets_the_heads_decide() -> None:
    log = FakeLog(5)
    feed = live_feed(log)
    suspicions: list[int] = []
    feed.on_suspicion(lambda: suspicions.append(feed.seq))
    session, wire = live_session(feed, "kitchen")
    feed.receive(Event(TENANT, OTHER, 6, "order", ("kitchen",), Raw(b"{}"), ""))
    assert (suspicions, wire.seqs(), session.phase) == ([5], [], Phase.LIVE)
    log.renew()
    feed.observe(log.head, feed.seq)
    assert session.phase is Phase.LAGGING


@pytest.mark.parametrize("floor", [8, 0], ids=["below the floor", "missing"])
async def test_what_is_gone_from_the_log_lets_everybody_join_again(floor: int) -> None:
    log = FakeLog(5)
    feed = live_feed(log)
    session, wire = live_session(feed, "kitchen")
    for _ in range(10):
        log.write("kitchen")
    log.floor = floor
    log.gone = True
    feed.receive(log.events[-1])
    await settled(feed)
    assert (feed.seq, session.phase, wire.seqs()) == (15, Phase.LAGGING, [])


async def test_an_epoch_that_changes_while_a_hole_is_read() -> None:
    log = FakeLog(2)
    feed = live_feed(log)
    session, wire = live_session(feed, "kitchen")
    log.write("kitchen")
    feed.receive(log.write("kitchen"))
    await log.begun()
    await asyncio.sleep(0)
    log.renew()
    feed.observe(Head(TENANT, OTHER, 3), feed.seq)
    await settled(feed)
    assert (feed.epoch, feed.seq) == (OTHER, 4)
    assert (wire.seqs(), session.phase) == ([], Phase.LAGGING), "the page belongs to the past"


async def test_what_is_parked_is_bounded() -> None:
    log = FakeLog()
    feed = Feed(TENANT, log.read, 500)
    for _ in range(3000):
        feed.receive(log.write("kitchen"))
    assert len(feed._parked) == 1024
    _, wire = session_of(feed, "kitchen")
    feed.observe(Head(TENANT, EPOCH, 0), -1)
    assert feed.seq == 1024
    feed.receive(log.events[-1])
    await settled(feed)
    assert feed.seq == 3000
    assert wire.frames == []


async def test_reading_is_tried_again_while_the_database_is_away() -> None:
    log = FakeLog()
    feed = live_feed(log)
    _, wire = live_session(feed, "kitchen")
    log.failures = 5
    log.write("kitchen")
    feed.receive(log.write("kitchen"))
    await settled(feed)
    assert (wire.seqs(), log.reads) == ([1, 2], 6)


async def test_who_left_gets_nothing() -> None:
    log = FakeLog()
    feed = live_feed(log)
    _, stays = live_session(feed, "kitchen", "menu")
    session, wire = live_session(feed, "kitchen", "menu")
    assert not feed.idle
    feed.remove(session)
    feed.receive(log.write("kitchen", "menu"))
    assert (stays.seqs(), wire.seqs()) == ([1], [])


async def test_an_event_of_two_topics_comes_once() -> None:
    log = FakeLog()
    feed = live_feed(log)
    _, wire = live_session(feed, "kitchen", "stay:1")
    feed.receive(log.write("kitchen", "stay:1"))
    assert wire.seqs() == [1]


async def test_closing_stops_the_reading() -> None:
    log = FakeLog(1)
    log.failures = 10**9
    feed = live_feed(log)
    feed.receive(Event(TENANT, EPOCH, 5, "order", (), Raw(b"{}"), str(uuid4())))
    await asyncio.sleep(0)
    await feed.aclose()
    assert feed._filling is None
