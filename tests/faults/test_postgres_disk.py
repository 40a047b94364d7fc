"""The disk of PostgreSQL is full: commands are told to try again, nothing is half written, sockets stay, and
when there is room everything goes on by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

import pytest

from tests.faults.checker import checked
from tests.faults.postgres import furnish, hotels_in
from tests.faults.small_disk import small_disk
from tests.faults.watch import soup, until_ready
from tests.realtime.conftest import running
from tests.realtime.peer import Peer, peer
from tests.realtime.screens import token_of

if TYPE_CHECKING:
    from hub.embedded import Servers
    from tests.factories import Hotel

pytestmark = [pytest.mark.faults, pytest.mark.mount]


# Less than the orders of a minute that a device is allowed.
FULL_SECONDS = 40.0


async def refused(guest: Peer, hotel: Hotel) -> None:
    """Order until there is not even room for one more in what the server has already."""
    try:
        async with asyncio.timeout(FULL_SECONDS):
            while (reply := await guest.ask("order.place", {"lines": soup(hotel)}))["ok"]:
                pass
    except TimeoutError:
        raise AssertionError("the server still finds room for orders") from None
    assert (reply["error"]["code"], reply["error"]["temporary"]) == ("unavailable", True)


@pytest.mark.parametrize(("part", "state"), [("data", (200, "degraded")), ("wal", (503, "unavailable"))])
async def test_a_full_disk(servers: Servers, part: Literal["data", "wal"], state: tuple[int, str]) -> None:
    """Where it is the log that finds no room, PostgreSQL stops, and its service manager starts it in vain."""
    async with small_disk(part) as postgres:
        settings = await furnish(postgres.database_url, servers.redis_url, f"disk-{part}")
        *hotels, apart = await hotels_in(settings, 3)
        async with running(settings, twins=False, beat=2.0) as live:
            address = live.host, live.port
            async with checked(hotels, lambda: address, lambda: settings.database_url, patience=30.0) as load:
                await load.done(20)
                postgres.fill()
                if part == "wal":
                    await postgres.run_out()
                await until_ready(address, *state)
                async with peer(live) as guest:
                    await guest.send({"type": "hello", "token": token_of(apart.tablet())})
                    await guest.until("welcome")
                    await refused(guest, apart)
                postgres.empty()
                healing = await load.healed()
                assert healing.answered < 5.0
                await load.done(20)
                await until_ready(address, 200, "ready")
                assert {client.connections for client in load.clients} == {1}, "nobody had to come back"
