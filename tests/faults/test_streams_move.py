"""Event streams over processes: what is written on one reaches those of another, and a stream whose process
leaves, or is killed, goes on elsewhere."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest

from hub.realtime.protocol import CloseCode
from tests.faults.fleet import Fleet
from tests.faults.watch import soup
from tests.realtime.conftest import head
from tests.realtime.screens import Screen
from tests.realtime.streams import StreamScreen

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["leaves", "killed"])
async def test_a_stream_goes_on_elsewhere(
    settings: Settings, admin: Connection, hotel: Hotel, end: signal.Signals
) -> None:
    with Fleet(settings, 2) as fleet:
        first, second = fleet.members
        where = [first]
        guest = Screen(hotel.tablet(), lambda: second.address)
        async with guest, StreamScreen(hotel.kitchen(), lambda: where[0].address) as kitchen:
            await guest.command("order.place", lines=soup(hotel))
            await kitchen.reach(await head(admin, hotel))
            where[0] = second
            assert first.process is not None
            first.process.send_signal(end)
            for _ in range(5):
                await guest.command("order.place", lines=soup(hotel))
            code = await asyncio.to_thread(first.process.wait, 30)
            await kitchen.reach(await head(admin, hotel))
            assert len(kitchen.orders()) == 6
            assert (len(kitchen.snapshots), kitchen.connections) == (1, 2)
            polite = end is signal.SIGTERM
            assert kitchen.closes == ([CloseCode.DRAIN] if polite else [])
            assert code == (0 if polite else -signal.SIGKILL)
