"""Networks that break between a hub and what it needs, with guests and cooks at work. Nothing is closed and
nobody is told: what was sent may arrive later, or never."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import pytest

from hub.db.pool import Role, connect, create_pool
from tests.factories import make_hotel
from tests.faults.checker import CONVERGED_SECONDS, checked
from tests.faults.fleet import Fleet
from tests.faults.proxy import Proxy
from tests.faults.watch import until_ready

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel

pytestmark = [pytest.mark.faults, pytest.mark.slow]

# Two silences of the database, three seconds in which only the other reaches it, and all screens away.
HANDED_OVER_SECONDS = 12.0
# The longest transaction, and a moment.
LET_GO_SECONDS = 25.0
HALF_ASKED = "SELECT state = 'active' AND wait_event = 'ClientRead' FROM pg_stat_activity WHERE pid = $1"


class Site:
    """Two hubs. The first reaches PostgreSQL and Redis, and its clients reach it, through proxies."""

    def __init__(self, hubs: Fleet, postgres: Proxy, redis: Proxy, clients: Proxy) -> None:
        self.hubs = hubs
        self.postgres = postgres
        self.redis = redis
        self.clients = clients

    def address(self) -> tuple[str, int]:
        """Of either hub."""
        host = self.hubs.address()
        return self.clients.address if host == self.hubs.members[0].address else host


def through(settings: Settings, postgres: Proxy, redis: Proxy) -> Settings:
    """The same servers, by the proxies."""
    url = urlsplit(settings.database_url)
    host, port = postgres.address
    database = f"postgresql://{url.username}@{host}:{port}{url.path}"
    host, port = redis.address
    return msgspec.structs.replace(settings, database_url=database, redis_url=f"redis://{host}:{port}")


@pytest.fixture(scope="module")
async def site(settings: Settings) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        sockets = parse_qs(urlsplit(settings.database_url).query)["host"][0]
        postgres = await stack.enter_async_context(Proxy(f"{sockets}/.s.PGSQL.5432"))
        assert settings.redis_url is not None
        redis = await stack.enter_async_context(Proxy(unquote(urlsplit(settings.redis_url).path)))
        first = Fleet(through(settings, postgres, redis), 1)
        first.members += Fleet(settings, 1).members
        stack.callback(first.__exit__)
        for member in first.members:
            member.start()
        for member in first.members:
            await asyncio.to_thread(member.wait_ready)
        clients = await stack.enter_async_context(Proxy(first.members[0].address))
        yield Site(first, postgres, redis, clients)


@pytest.fixture
async def hotels(admin: Connection) -> list[Hotel]:
    return [await make_hotel(admin) for _ in range(3)]


async def until_half_asked(admin: Connection, pid: int) -> None:
    """Until that backend has a part of a statement and waits for the rest."""
    async with asyncio.timeout(LET_GO_SECONDS):
        while True:
            if await admin.fetchval(HALF_ASKED, pid):
                return
            await asyncio.sleep(0.02)


def end(proxy: Proxy, ending: str) -> None:
    """The network is whole again: what was under way arrives late, or never."""
    if ending == "resume":
        proxy.resume()
    else:
        proxy.forget()


@pytest.mark.parametrize("ending", ["resume", "forget"])
async def test_silence_before_postgresql(
    settings: Settings, site: Site, hotels: list[Hotel], ending: str
) -> None:
    """A firewall that forgets its connections leaves a pool full of dead ones: they cost one wait."""
    async with checked(hotels, lambda: site.clients.address, lambda: settings.database_url) as load:
        await load.done(60)
        site.postgres.blackhole()
        try:
            answered = load.answered
            await until_ready(site.hubs.members[0].address, 503, "unavailable")
            assert load.answered - answered < 20, "the network is not silent"
        finally:
            end(site.postgres, ending)
        healing = await load.healed()
        assert healing.answered < CONVERGED_SECONDS
        await load.done(60)


async def test_dead_connections_cost_one_wait(settings: Settings) -> None:
    """A pool that nobody used while the network forgot it: the first who asks finds out for all."""
    sockets = parse_qs(urlsplit(settings.database_url).query)["host"][0]
    async with Proxy(f"{sockets}/.s.PGSQL.5432") as line:
        pool = await create_pool(through(settings, line, line), Role.API, 6)
        try:
            async with AsyncExitStack() as stack:
                for _ in range(6):
                    await stack.enter_async_context(pool.acquire())
            line.blackhole()
            line.forget()
            with pytest.raises(TimeoutError):
                await pool.fetchval("SELECT 1", timeout=0.5)
            async with AsyncExitStack() as stack:
                for _ in range(6):
                    connection = await stack.enter_async_context(pool.acquire())
                    assert await connection.fetchval("SELECT 1", timeout=5) == 1
        finally:
            pool.terminate()


async def test_who_vanishes_in_the_middle_of_a_statement_is_let_go(
    settings: Settings, admin: Connection
) -> None:
    """Between the parts of a statement the server counts neither its time nor that of an idle transaction:
    what it has locked would stay locked for as long as the line seems to be there."""
    sockets = parse_qs(urlsplit(settings.database_url).query)["host"][0]
    async with Proxy(f"{sockets}/.s.PGSQL.5432") as line:
        connection = await connect(through(settings, line, line), Role.API)
        try:
            await connection.execute("BEGIN")
            await connection.execute("SELECT pg_advisory_xact_lock(17)")
            line.blackhole("down")
            asked = asyncio.create_task(connection.fetchval("SELECT 'prepared, and not heard of'"))
            await until_half_asked(admin, connection.get_server_pid())
            line.blackhole()
            line.forget()
            with pytest.raises(TimeoutError):
                await asked
            async with asyncio.timeout(LET_GO_SECONDS):
                await admin.execute("SELECT pg_advisory_lock(17)")
            await admin.execute("SELECT pg_advisory_unlock(17)")
        finally:
            connection.terminate()


async def test_answers_of_postgresql_are_lost(settings: Settings, site: Site, hotels: list[Hotel]) -> None:
    """Commits arrive, and nobody hears of them: asked again, they are recognised."""
    async with checked(hotels, lambda: site.clients.address, lambda: settings.database_url) as load:
        cuts = site.postgres.cuts
        site.postgres.cut_after = b"COMMIT"
        try:
            await load.done(100)
        finally:
            site.postgres.cut_after = None
        assert site.postgres.cuts - cuts > 10
        await load.healed()
        await load.done(30)


async def test_one_of_two_hubs_has_no_database(settings: Settings, site: Site, hotels: list[Hotel]) -> None:
    """It says that it is not ready, gives its screens to the other, and takes some again when it is back."""
    lonely = site.hubs.members[0]
    async with checked(hotels, site.address, lambda: settings.database_url) as load:
        await load.done(60)
        site.postgres.blackhole()
        try:
            await until_ready(lonely.address, 503, "unavailable")
            lonely.leaving = True  # the balancer has seen it too
            await site.clients.left(HANDED_OVER_SECONDS)
            await load.healed()
            await load.done(60)
        finally:
            end(site.postgres, "forget")
            lonely.leaving = False
        await until_ready(lonely.address, 200, "ready")
        await load.healed()
        site.hubs.members[1].leaving = True
        try:
            for client in load.clients:
                client.drop()
            await load.healed()
            await load.done(60)
        finally:
            site.hubs.members[1].leaving = False


@pytest.mark.parametrize("ending", ["resume", "forget"])
async def test_silence_before_redis(settings: Settings, site: Site, hotels: list[Hotel], ending: str) -> None:
    """It is noticed within seconds; until then, and after, the log brings what Redis does not."""
    async with checked(hotels, site.address, lambda: settings.database_url) as load:
        await load.done(60)
        site.redis.blackhole()
        try:
            await load.healed()
            await until_ready(site.hubs.members[0].address, 200, "degraded")
            await load.done(100)
            await load.healed()
        finally:
            end(site.redis, ending)
        await until_ready(site.hubs.members[0].address, 200, "ready")
        await load.healed()
        await load.done(60)


@pytest.mark.parametrize("ending", ["resume", "forget"])
async def test_silence_before_the_clients(
    settings: Settings, site: Site, hotels: list[Hotel], ending: str
) -> None:
    """They find out by themselves, and come back where they were."""
    async with checked(hotels, lambda: site.clients.address, lambda: settings.database_url) as load:
        await load.done(60)
        silent_since = time.monotonic()
        site.clients.blackhole()
        try:
            await load.until(lambda client: client.hung_up_since(silent_since))
        finally:
            end(site.clients, ending)
        healing = await load.healed()
        assert healing.answered < CONVERGED_SECONDS
        await load.done(60)
        # nobody needs a snapshot after so short a time
        assert {len(client.shown.pasts) for client in load.clients} == {1}


async def test_a_line_that_flaps(settings: Settings, site: Site, hotels: list[Hotel]) -> None:
    """Cut again and again, with answers under way."""
    async with checked(hotels, lambda: site.clients.address, lambda: settings.database_url) as load:
        for _ in range(8):
            await load.done(10)
            site.clients.cut()
        await load.healed()
    assert sum(client.connections for client in load.clients) > 5 * len(load.clients)


async def test_a_slow_and_narrow_line(settings: Settings, site: Site, hotels: list[Hotel]) -> None:
    """A quarter of a second each way, then half of what the traffic needs, then half of that."""
    async with checked(hotels, lambda: site.clients.address, lambda: settings.database_url) as load:
        await load.done(30)
        try:
            site.clients.delay = 0.25
            await load.done(15)
            for rate in (20_000, 10_000):
                site.clients.bytes_per_second = rate
                await load.done(15)
        finally:
            site.clients.delay, site.clients.bytes_per_second = 0.0, None
        await load.healed()
        await load.done(30)
