"""PostgreSQL stands still: connections stay open and nobody answers. Once that is known nobody waits for it,
and all goes on when it moves again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from uuid import uuid4

import httpx
import pytest

from tests.database.replicated import NAME, prepared
from tests.factories import make_hotel
from tests.faults.watch import screen, shows, soup, until_ready
from tests.pg_servers import PgCluster, pg_cluster
from tests.realtime.conftest import running
from tests.realtime.peer import peer
from tests.realtime.screens import token_of


@pytest.fixture
def cluster() -> Iterator[PgCluster]:
    with pg_cluster(replicas=0) as made:
        yield made


@pytest.mark.faults
async def test_nobody_waits_for_a_database_that_stands_still(cluster: PgCluster) -> None:
    settings = await prepared(cluster)
    async with cluster.primary.connect(NAME) as admin:
        hotel = await make_hotel(admin)
    async with running(settings) as live:
        address = live.host, live.port
        async with screen(hotel.tablet(), address) as guest, screen(hotel.kitchen(), address) as kitchen:
            first = (await guest.command("order.place", lines=soup(hotel)))["order"]
            await kitchen.until(shows(kitchen, {first["id"]}))
            await asyncio.to_thread(cluster.primary.freeze)
            try:
                await until_ready(address, 503, "unavailable")
                headers = {"Authorization": f"Bearer {token_of(hotel.kitchen())}"}
                base = f"http://{live.host}:{live.port}/api/v1"
                async with httpx.AsyncClient(base_url=base, headers=headers) as client:
                    await refused(client)
                    started = time.monotonic()
                    for _ in range(30):
                        answer = await client.get("/orders")
                        assert answer.status_code == 503
                        assert answer.json()["temporary"] is True
                        answer = await client.get("/hotel", params={"hotel": f"hotel-{uuid4().hex}"})
                        assert answer.status_code == 503
                async with peer(live) as mine:
                    await mine.send({"type": "hello", "token": token_of(hotel.tablet(1))})
                    assert (await mine.receive())["type"] == "welcome"
                    op_id = str(uuid4())
                    reply = await mine.ask("order.place", {"lines": soup(hotel)}, op_id=op_id)
                    assert reply["error"]["temporary"]
                    # each would have waited for ten seconds
                    assert time.monotonic() - started < 10
                    await asyncio.to_thread(cluster.primary.thaw)
                    # the join that had no database is done now
                    await mine.until("snapshot")
                    await mine.until("position")
                    second = (await guest.command("order.place", op_id, lines=soup(hotel)))["order"]
            finally:
                await asyncio.to_thread(cluster.primary.thaw)
            await until_ready(address, 200, "ready")
            for one in (guest, kitchen):
                await one.until(shows(one, {first["id"], second["id"]}))
            assert (guest.connections, kitchen.connections) == (1, 1), "nobody had to come back"


async def refused(client: httpx.AsyncClient) -> None:
    """Returns when the hub knows that there is nothing to wait for."""
    async with asyncio.timeout(40):
        while True:
            with suppress(httpx.TimeoutException):
                await client.get("/orders", timeout=1.0)
                return
