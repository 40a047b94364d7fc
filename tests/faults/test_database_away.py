"""PostgreSQL stops, or is killed, and comes back: sockets stay, commands say "try again", all converges."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.conftest import superuser
from tests.factories import make_hotel
from tests.faults.watch import order_and_see, screen, shows, soup, until_ready
from tests.realtime.conftest import running
from tests.realtime.peer import peer
from tests.realtime.screens import token_of

if TYPE_CHECKING:
    from hub.embedded import Servers
    from hub.settings import Settings


@pytest.mark.faults
@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_while_postgresql_is_away_sockets_stay_open(
    servers: Servers, settings: Settings, how: str
) -> None:
    async with superuser(servers, settings.database_url.rpartition("/")[2].partition("?")[0]) as admin:
        hotel = await make_hotel(admin)
    async with running(settings) as live:
        address = live.host, live.port
        async with screen(hotel.tablet(), address) as guest, screen(hotel.kitchen(), address) as kitchen:
            first = (await guest.command("order.place", lines=soup(hotel)))["order"]
            await kitchen.until(lambda: first["id"] in kitchen.orders())
            await asyncio.to_thread(getattr(servers.postgres, how))
            try:
                async with peer(live) as mine:
                    # a hello needs no database, the state does
                    await mine.send({"type": "hello", "token": token_of(hotel.tablet(1))})
                    assert (await mine.receive())["type"] == "welcome"
                    op_id = str(uuid4())
                    reply = await mine.ask("order.place", {"lines": soup(hotel)}, op_id=op_id)
                    assert reply["error"]["temporary"]
                    assert reply["error"]["code"] == "unavailable"
                    retried = asyncio.create_task(guest.command("order.place", op_id, lines=soup(hotel)))
                    await until_ready(address, 503, "unavailable")
                    await asyncio.to_thread(servers.postgres.start)
                    second = (await retried)["order"]
                    # the join that had no database is done now
                    await mine.until("snapshot")
                    await mine.until("position")
            finally:
                await asyncio.to_thread(servers.postgres.start)
            await until_ready(address, 200, "ready")
            wanted = {first["id"], second["id"]}
            for one in (guest, kitchen):
                await one.until(shows(one, wanted))
            assert (guest.connections, kitchen.connections) == (1, 1), "nobody had to come back"
            assert await order_and_see(guest, hotel, kitchen, guest) < 3.0
