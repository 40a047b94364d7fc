"""The phases of a session, and what it keeps for a peer that is not ready."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from uuid import UUID

import pytest
from msgspec import Raw

from hub.log.event import Event, Head, Page, Position
from hub.realtime.feed import Feed
from hub.realtime.protocol import CloseCode, event_frame
from hub.realtime.session import Phase, Session, short
from tests.unit.quiet import TENANT, session_of

EPOCH = UUID("11111111-1111-4111-8111-111111111111")
FRAME_BYTES = len(event_frame(Event(TENANT, EPOCH, 10, "order", (), Raw(b"{}"), "")).wire)


async def unread(tenant_id: UUID, after: int, limit: int) -> Page:
    raise AssertionError("nothing is missing")


class Scene:
    """A feed at seq 10, a session of its kitchen, and events that follow each other."""

    def __init__(self, *, limit_bytes: int = 2**20, limit_frames: int = 10_000) -> None:
        self.feed = Feed(TENANT, unread, 500)
        self.feed.observe(Head(TENANT, EPOCH, 10), -1)
        self.session, self.wire = session_of(
            self.feed, "kitchen", limit_bytes=limit_bytes, limit_frames=limit_frames
        )

    def events(self, count: int, topic: str = "kitchen") -> None:
        for _ in range(count):
            event = Event(TENANT, EPOCH, self.feed.seq + 1, "order", (topic,), Raw(b"{}"), "")
            self.feed.receive(event)

    def live(self) -> None:
        base = self.session.start_buffering()
        assert self.session.go_live(base, base)


async def test_what_comes_while_it_joins_is_written_after_the_past() -> None:
    scene = Scene()
    base = scene.session.start_buffering()
    scene.events(3)
    assert scene.wire.frames == []
    assert scene.session.go_live(base, base)
    assert (scene.session.phase, scene.wire.seqs()) == (Phase.LIVE, [11, 12, 13])
    scene.events(1)
    assert scene.wire.seqs() == [11, 12, 13, 14]


async def test_what_the_past_has_told_is_not_told_again() -> None:
    scene = Scene()
    base = scene.session.start_buffering()
    scene.events(4)
    assert scene.session.go_live(12, base)
    assert scene.wire.seqs() == [13, 14]


async def test_a_past_that_reaches_further_than_the_node() -> None:
    """The state was read after events that the broker has not brought yet."""
    scene = Scene()
    base = scene.session.start_buffering()
    assert scene.session.go_live(12, base)
    scene.events(4)
    assert scene.wire.seqs() == [13, 14]


async def test_it_does_not_go_live_on_a_past_that_does_not_connect() -> None:
    scene = Scene()
    scene.events(5)
    base = scene.session.start_buffering()
    scene.events(1)
    assert not scene.session.go_live(base - 1, base)
    assert (scene.session.phase, scene.wire.frames) == (Phase.BUFFERING, [])


@pytest.mark.parametrize("limits", [{"limit_frames": 8}, {"limit_bytes": 8 * FRAME_BYTES}])
async def test_a_buffer_that_overflows_is_let_go(limits: dict[str, int]) -> None:
    scene = Scene(**limits)
    base = scene.session.start_buffering()
    scene.events(8)
    assert len(scene.session._buffer) == 8
    scene.events(1)
    assert scene.session._buffer == []
    scene.events(100)
    assert len(scene.session._buffer) <= 8
    assert not scene.session.go_live(base, base), "what overflowed is read again"
    base = scene.session.start_buffering()
    assert scene.session.go_live(base, base)
    assert scene.wire.frames == []


@pytest.mark.parametrize("limits", [{"limit_frames": 8}, {"limit_bytes": 8 * FRAME_BYTES}])
async def test_a_peer_that_does_not_read_is_lagging_and_nothing_more_is_queued(
    limits: dict[str, int],
) -> None:
    scene = Scene(**limits)
    scene.live()
    scene.wire.stuck = True
    scene.events(1000)
    assert scene.session.phase is Phase.LAGGING
    assert scene.wire.backlog_frames <= 9
    assert scene.wire.backlog_bytes <= 9 * FRAME_BYTES
    here = Position(EPOCH, scene.wire.seqs()[-1])
    assert scene.session.next_join() == (scene.session.generation, here), (
        "it goes on where the last frame left it"
    )


async def test_one_that_lags_does_not_hold_up_the_others() -> None:
    scene = Scene(limit_frames=8)
    other, wire = session_of(scene.feed, "kitchen")
    scene.live()
    assert other.go_live(10, 10)
    scene.wire.stuck = True
    scene.events(100)
    assert (scene.session.phase, other.phase) == (Phase.LAGGING, Phase.LIVE)
    assert wire.seqs() == list(range(11, 111))


async def test_a_position_tells_of_events_that_do_not_concern_it() -> None:
    scene = Scene()
    scene.live()
    scene.events(2)
    scene.events(5, "menu")
    scene.session.heartbeat("now")
    assert json.loads(scene.wire.frames[-1].text) == {
        "type": "position", "epoch": str(EPOCH), "seq": 17, "server_time": "now",
    }  # fmt: skip


@pytest.mark.parametrize("phase", [Phase.BUFFERING, Phase.LAGGING, Phase.CLOSED])
async def test_no_position_while_it_is_not_live(phase: Phase) -> None:
    scene = Scene()
    if phase is Phase.LAGGING:
        scene.session.rejoin(None)
    elif phase is Phase.CLOSED:
        scene.session.gone()
    scene.session.heartbeat("now")
    assert (scene.session.phase, scene.wire.frames) == (phase, [])


async def test_no_position_for_a_peer_that_does_not_read() -> None:
    scene = Scene(limit_frames=8)
    scene.live()
    scene.wire.stuck = True
    for _ in range(100):
        scene.session.heartbeat("now")
    assert scene.wire.backlog_frames == 8


async def test_replies_wait_for_a_peer_that_does_not_read() -> None:
    scene = Scene(limit_frames=8)
    scene.live()
    scene.wire.stuck = True
    scene.events(8)
    waiting = asyncio.create_task(scene.session.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    scene.wire.take()
    await waiting


def say_goodbye(session: Session) -> None:
    session.close(CloseCode.DRAIN)


def go(session: Session) -> None:
    session.gone()


@pytest.mark.parametrize("end", [say_goodbye, go])
async def test_after_the_end_nothing_is_written(end: Callable[[Session], None]) -> None:
    scene = Scene()
    scene.live()
    generation = scene.session.generation
    end(scene.session)
    written = len(scene.wire.frames)
    scene.events(3)
    scene.session.rejoin(None)
    scene.session.heartbeat("now")
    scene.session.close(CloseCode.REVOKED)
    assert len(scene.wire.frames) == written
    assert scene.session.phase is Phase.CLOSED
    assert scene.session.generation == generation + 1, "a join under way sees that it is over"


async def test_the_goodbye_names_code_reason_and_moment() -> None:
    for code, wanted in ((CloseCode.DRAIN, 1000), (CloseCode.REVOKED, 0)):
        scene = Scene()
        scene.session.close(code)
        bye = json.loads(scene.wire.frames[-1].text)
        assert bye == {"type": "bye", "code": code, "reason": code.reason, "retry_ms": wanted}
        assert scene.wire.closed == (code, code.reason)
    scene = Scene()
    scene.session.close(CloseCode.DRAIN, "長い" * 100, retry_ms=77)
    bye = json.loads(scene.wire.frames[-1].text)
    assert (bye["reason"], bye["retry_ms"]) == ("長い" * 100, 77)
    assert scene.wire.closed == (4001, "長い" * 20)


def test_a_reason_is_cut_between_characters() -> None:
    assert short("x" * 300) == "x" * 120
    assert short("x" + "箸" * 100) == "x" + "箸" * 39


async def test_a_join_asked_for_during_a_join_comes_after_it() -> None:
    scene = Scene()
    session = scene.session
    session.rejoin(Position(EPOCH, 3))
    assert session.next_join() == (1, Position(EPOCH, 3))
    session.rejoin(None)
    session.rejoin(Position(EPOCH, 5))
    assert session.next_join() == (3, Position(EPOCH, 5))
    assert session.next_join() is None
    assert session.phase is Phase.LAGGING
