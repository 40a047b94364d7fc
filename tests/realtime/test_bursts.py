"""Many events at once cost few system calls: what a socket is told in one turn of the loop leaves at once."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tests.realtime.peer import Peer, peer
from tests.realtime.screens import DEADLINE

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.factories import Hotel
    from tests.realtime.conftest import Live

EVENTS = 50
KITCHENS = 10


def writes() -> int:
    """The calls of write and writev that the loop's thread has made; libuv sends on sockets with these."""
    lines = Path(f"/proc/self/task/{threading.get_native_id()}/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("syscw:"))


async def told(kitchen: Peer) -> None:
    """Until it has every event of the burst, each by itself and in order."""
    seqs = [(await kitchen.until("event"))["seq"] for _ in range(EVENTS)]
    assert seqs == list(range(seqs[0], seqs[0] + EVENTS))


async def test_a_burst_leaves_each_socket_in_few_system_calls(
    live: Live, hotel: Hotel, admin: Connection
) -> None:
    async with AsyncExitStack() as stack:
        kitchens = [await stack.enter_async_context(peer(live)) for _ in range(KITCHENS)]
        for kitchen in kitchens:
            await kitchen.hello(hotel.kitchen())
        before = writes()
        # one transaction: all events are there in one moment
        await admin.execute(
            "INSERT INTO app.menu_items (tenant_id, name_ja, price, category)"
            " SELECT $1, number::text, 100, 'meals' FROM generate_series(1, $2::integer) AS number",
            hotel.tenant_id,
            EVENTS,
        )
        async with asyncio.timeout(DEADLINE):
            for kitchen in kitchens:
                await told(kitchen)
        # With a call for each delivery there were 500 of these alone. Beside them the relay looks for events,
        # screens are told their position, and Redis may pass a burst on in several pieces.
        assert writes() - before < EVENTS * KITCHENS / 4
