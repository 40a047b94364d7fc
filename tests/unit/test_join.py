"""What a join sends when the past changes under it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING
from uuid import UUID

from hub.log.event import Head, Page, Position, State
from hub.realtime.join import Past, keep_joined
from tests.unit.fake_log import EPOCH, OTHER, FakeLog, live_feed
from tests.unit.quiet import TENANT, Kept, session_of

if TYPE_CHECKING:
    from hub.security.principal import Principal


async def nothing() -> None:
    pass


async def stays(_: Principal) -> None:
    pass


async def test_nobody_is_shown_a_kept_state_of_a_past_that_is_over() -> None:
    """The log has a new epoch, and this node has not heard of it: a state that it keeps of the old one is
    older than what the screen shows."""
    log = FakeLog(14)
    feed = live_feed(log)
    session, wire = session_of(feed, "kitchen")
    new = State(OTHER, 8, ())

    async def page(tenant_id: UUID, after: int, limit: int) -> Page:
        return Page(OTHER, 8, 0, ())

    async def state(tenant_id: UUID, wanted: Position, anew: bool) -> State:
        if not anew and wanted.epoch == EPOCH:
            return State(EPOCH, 8, ())
        feed.observe(Head(TENANT, OTHER, 8), feed.seq)
        return new

    past = Past(
        page=page,
        state=state,
        admit=stays,
        back=nothing,
        server_time=lambda: "",
        page_events=500,
        max_events=1000,
        lagging_seconds=5.0,
    )
    session.rejoin(Position(EPOCH, 12))
    async with asyncio.timeout(5):
        await keep_joined(session, past)
    assert snapshots(wire) == [(str(OTHER), 8)]


def snapshots(wire: Kept) -> list[tuple[str, int]]:
    frames = [json.loads(frame.text) for frame in wire.frames]
    return [(frame["epoch"], frame["seq"]) for frame in frames if frame["type"] == "snapshot"]
