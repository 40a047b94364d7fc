"""PostgreSQL restarts, crashes or falls silent in the middle of the traffic: nothing that was acknowledged is
lost, nobody has to come back, and all screens are right soon after it answers."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from hub.db.commit import COMMIT_SECONDS
from tests.faults.checker import checked
from tests.faults.postgres import furnish, gone, hotels_in
from tests.faults.watch import until_ready
from tests.pg_servers import PgServer, pg_cluster
from tests.realtime.conftest import Live, running

if TYPE_CHECKING:
    from hub.embedded import Servers
    from hub.settings import Settings
    from tests.factories import Hotel

pytestmark = pytest.mark.faults
Fault = Callable[[PgServer], Awaitable[None]]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PgServer]:
    with pg_cluster(replicas=0) as cluster:
        yield cluster.primary


@pytest.fixture(scope="module")
async def settings(postgres: PgServer, servers: Servers) -> Settings:
    return await furnish(postgres.url, servers.redis_url, "restart")


@pytest.fixture(scope="module")
async def hub(settings: Settings) -> AsyncIterator[Live]:
    async with running(settings, twins=False) as live:
        yield live


@pytest.fixture
async def hotels(settings: Settings) -> list[Hotel]:
    return await hotels_in(settings)


async def fast(postgres: PgServer) -> None:
    """A restart in order: clients are cut off, what is under way is rolled back."""
    await asyncio.to_thread(postgres.restart)


async def immediate(postgres: PgServer) -> None:
    """All processes end at once; the next start recovers from the log."""
    pid = postgres.pid
    os.kill(pid, signal.SIGQUIT)
    await gone(pid)
    await asyncio.to_thread(postgres.start)


async def crash(postgres: PgServer) -> None:
    """One backend of the hub is killed: the postmaster ends all others and recovers."""
    pid = await postgres.value(
        "SELECT pid FROM pg_stat_activity WHERE usename = 'hub_api' ORDER BY backend_start LIMIT 1"
    )
    os.kill(pid, signal.SIGKILL)
    await gone(pid)


async def silence(postgres: PgServer) -> None:
    """Connections stay and nobody answers, for longer than the hub waits for a statement. Screens are told
    nothing meanwhile, for nobody knows whether they are right: they look for a better place by and by."""
    await asyncio.to_thread(postgres.freeze)
    try:
        await asyncio.sleep(COMMIT_SECONDS + 1)  # the fault itself: the longest of the hub's patiences
    finally:
        await asyncio.to_thread(postgres.thaw)


@pytest.mark.parametrize("fault", [fast, immediate, crash, silence])
async def test_nothing_is_lost(
    postgres: PgServer, settings: Settings, hub: Live, hotels: list[Hotel], fault: Fault
) -> None:
    address = hub.host, hub.port
    async with checked(hotels, lambda: address, lambda: settings.database_url, patience=30.0) as load:
        await load.done(20)
        await fault(postgres)
        healing = await load.healed()
        assert healing.answered < 5.0
        await load.done(10)
        await until_ready(address, 200, "ready")
        if fault is not silence:
            lines = [line for client in load.clients for line in client.journal]
            # A screen that hears no heartbeat for long hangs up by itself, which is 1006.
            closes = {line.body["code"] for line in lines if line.kind == "close"}
            assert closes <= {1006}, "the hub sent nobody away"
