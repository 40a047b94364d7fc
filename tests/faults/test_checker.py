"""The checker finds nothing wrong with a hub in order, and each fault of one that was broken on purpose."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import msgspec
import pytest
from msgspec import Raw

from hub import operations
from hub.log.event import Event
from hub.operations import Operations
from hub.realtime.conversation import Conversation
from hub.realtime.feed import Feed
from hub.realtime.protocol import Frame, PositionFrame
from hub.realtime.session import Phase, Session
from tests.factories import make_hotel
from tests.faults.checker import Load, checked
from tests.realtime.conftest import running
from tests.realtime.screens import DEADLINE

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from hub.settings import Settings
    from tests.factories import Hotel

pytestmark = pytest.mark.faults


async def judged(settings: Settings, hotels: list[Hotel]) -> None:
    """A short load on a hub in this process, its verdict raised."""
    async with running(settings, twins=False) as live:
        address = live.host, live.port
        async with checked(
            hotels, lambda: address, lambda: settings.database_url, pace=0.2, within=1.5
        ) as load:
            await load.done(40)
            await load.healed()


async def test_a_hub_in_order(settings: Settings, admin: Connection) -> None:
    hotels = [await make_hotel(admin) for _ in range(2)]
    async with running(settings, twins=False) as live:
        address = live.host, live.port
        async with checked(hotels, lambda: address, lambda: settings.database_url) as load:
            await load.done(40)
            for client in load.clients[::2]:
                client.drop()
            healing = await load.healed()
            await load.done(10)
        assert 0 < healing.answered < 5
        assert sum(client.connections for client in load.clients) >= len(load.clients) * 3 // 2
        assert len({entry.kind for client in load.clients for entry in client.journal}) >= 4


Break = Callable[[pytest.MonkeyPatch], None]
REAL_DELIVER = Session.deliver
REAL_CALL = Operations.call
REAL_ONCE = operations._once
REAL_FEED = Feed._deliver
REAL_COMMANDS = Conversation._run_commands
REAL_LOOK = Load._look


def drop_an_event(patch: pytest.MonkeyPatch) -> None:
    """One event to one kitchen is swallowed."""
    left = [3]

    def deliver(session: Session, seq: int, frame: Frame) -> None:
        if session.principal.kind == "kitchen" and session.phase is Phase.LIVE and seq > session.sent:
            left[0] -= 1
            if left[0] == 0:
                session.sent = seq
                return
        REAL_DELIVER(session, seq, frame)

    patch.setattr(Session, "deliver", deliver)


def double_an_event(patch: pytest.MonkeyPatch) -> None:
    def deliver(session: Session, seq: int, frame: Frame) -> None:
        REAL_DELIVER(session, seq, frame)
        session.wire.write(frame)

    patch.setattr(Session, "deliver", deliver)


def swap_two_events(patch: pytest.MonkeyPatch) -> None:
    held: dict[Session, tuple[int, Frame]] = {}

    def deliver(session: Session, seq: int, frame: Frame) -> None:
        if (before := held.pop(session, None)) is None:
            held[session] = (seq, frame)
            return
        REAL_DELIVER(session, seq, frame)
        session.wire.write(before[1])

    patch.setattr(Session, "deliver", deliver)


def change_an_event(patch: pytest.MonkeyPatch) -> None:
    """What comes is the state before the last change."""
    seen: dict[str, Raw] = {}

    def deliver(feed: Feed, event: Event) -> None:
        if event.kind == "order":
            document = msgspec.json.decode(event.data)
            older = seen.get(document["id"])
            seen[document["id"]] = event.data
            event = msgspec.structs.replace(event, data=older or event.data)
        REAL_FEED(feed, event)

    patch.setattr(Feed, "_deliver", deliver)


def lose_an_acknowledged_order(patch: pytest.MonkeyPatch) -> None:
    """A reply that looks right, and nothing behind it."""

    async def call(self: Operations, name: str, principal: Principal, op_id: UUID | None, raw: Any) -> Raw:
        if name == "order.place" and random.random() < 0.3:
            return Raw(msgspec.json.encode({"order": {"id": str(uuid4()), "version": 1}}))
        return await REAL_CALL(self, name, principal, op_id, raw)

    patch.setattr(Operations, "call", call)


def do_an_order_twice(patch: pytest.MonkeyPatch) -> None:
    async def call(self: Operations, name: str, principal: Principal, op_id: UUID | None, raw: Any) -> Raw:
        if name == "order.place":
            await REAL_CALL(self, name, principal, uuid4(), raw)
        return await REAL_CALL(self, name, principal, op_id, raw)

    patch.setattr(Operations, "call", call)


def answer_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    """The answer leaves as soon as it is known, and its transaction commits when the checker has looked."""
    looked: defaultdict[UUID, asyncio.Event] = defaultdict(asyncio.Event)
    early: dict[UUID, asyncio.Future[Raw]] = {}
    at_work: set[asyncio.Task[Raw]] = set()

    async def once(*call: Any) -> Raw:
        answer = await REAL_ONCE(*call)
        op_id = call[4].op_id
        known = early[op_id]
        if not known.done():
            known.set_result(answer)
        async with asyncio.timeout(DEADLINE):
            await looked[op_id].wait()
        return answer

    async def look(*call: Any) -> None:
        await REAL_LOOK(*call)
        if (op_id := call[-1].op_id) is not None:
            looked[UUID(op_id)].set()

    async def call(self: Operations, name: str, principal: Principal, op_id: UUID | None, raw: Any) -> Raw:
        if op_id is None:
            return await REAL_CALL(self, name, principal, op_id, raw)
        known = early[op_id] = asyncio.get_running_loop().create_future()
        work = asyncio.create_task(REAL_CALL(self, name, principal, op_id, raw))
        at_work.add(work)
        await asyncio.wait([known, work], return_when=asyncio.FIRST_COMPLETED)
        return known.result() if known.done() else work.result()

    patch.setattr(Load, "_look", look)
    patch.setattr(operations, "_once", once)
    patch.setattr(Operations, "call", call)


def answer_out_of_turn(patch: pytest.MonkeyPatch) -> None:
    """Of two commands that came together, the second is done and answered first."""

    async def run_commands(conversation: Conversation, session: Session) -> None:
        # the second of two that come together is not here yet; most come alone
        until = time.monotonic() + 0.05
        while len(conversation._commands) < 2 and time.monotonic() < until:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
        conversation._commands.reverse()
        await REAL_COMMANDS(conversation, session)

    patch.setattr(Conversation, "_run_commands", run_commands)


def stop_a_screen(patch: pytest.MonkeyPatch) -> None:
    """Its heart beats on, and it says where it stood."""
    left = [10]
    stuck: dict[Session, int] = {}

    def deliver(session: Session, seq: int, frame: Frame) -> None:
        left[0] -= 1
        if left[0] == 0:
            stuck[session] = session.sent
        if session not in stuck:
            REAL_DELIVER(session, seq, frame)

    def heartbeat(session: Session, server_time: str) -> None:
        if session.feed.epoch is not None:
            seq = stuck.get(session, max(session.sent, session.feed.seq))
            session.wire.write(Frame(PositionFrame(session.feed.epoch, seq, server_time)))

    patch.setattr(Session, "deliver", deliver)
    patch.setattr(Session, "heartbeat", heartbeat)


BREAKS: dict[Break, str] = {
    drop_an_event: "never came",
    double_an_event: "came twice",
    swap_two_events: "came after everything up to",
    change_an_event: "say something else than the log",
    lose_an_acknowledged_order: "was acknowledged, and is lost",
    do_an_order_twice: "is of an operation that nobody began",
    answer_before_the_commit: "was acknowledged before its commit",
    answer_out_of_turn: "came out of its turn",
    stop_a_screen: "was not up to date",
}


@pytest.mark.slow
@pytest.mark.parametrize("break_it", BREAKS, ids=lambda one: one.__name__)
async def test_a_broken_hub(
    settings: Settings, admin: Connection, monkeypatch: pytest.MonkeyPatch, break_it: Break
) -> None:
    hotels = [await make_hotel(admin) for _ in range(2)]
    break_it(monkeypatch)
    with pytest.raises(AssertionError, match=BREAKS[break_it]):
        await judged(settings, hotels)
