"""The master test through streams: what they show adds up to a fresh snapshot, after every command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from tests.realtime import test_master as master
from tests.realtime.conftest import Live, head, screens
from tests.realtime.streams import StreamScreen
from tests.realtime.test_master import frozen

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.factories import Hotel


__all__ = ["frozen"]  # a fixture


@pytest.mark.parametrize(
    "act",
    [
        master.advance,
        master.advance_item,
        master.recall,
        master.cancel_by_guest,
        master.cancel_and_acknowledge,
        master.seen,
        master.sold_out,
        master.last_portion,
        master.accept_and_rush,
        master.declare,
        master.allergy,
        master.fire_and_carry,
        master.configure,
        master.unanswered,
        master.silent_tablet,
        master.refused,
    ],
)
async def test_snapshot_and_events_add_up(
    frozen: Live, admin: Connection, hotel: Hotel, act: Callable[[master.Scene], Awaitable[None]]
) -> None:
    everybody = (hotel.tablet(0), hotel.kitchen(), hotel.tablet(1))
    async with AsyncExitStack() as stack:
        sockets = await stack.enter_async_context(screens(frozen, *everybody))
        streams = [
            await stack.enter_async_context(StreamScreen(one, lambda: (frozen.host, frozen.port)))
            for one in everybody
        ]
        await act(master.Scene(frozen, admin, hotel, *sockets))
        seq = await head(admin, hotel)
        for mine in streams:
            await mine.reach(seq)
            async with frozen.screen(mine.principal) as fresh:
                await fresh.reach(seq)
                assert mine.state(master.NOW) == fresh.state(master.NOW)
            assert len(mine.snapshots) == 1
        assert streams[2].orders() == {}
