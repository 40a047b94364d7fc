"""Processes that die or stand still, with guests and cooks at work: a hub, the relay's holder, Redis."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.factories import make_hotel
from tests.faults.checker import checked
from tests.faults.fleet import Fleet, Member, relay_holder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.db.pool import Connection
    from hub.embedded import Servers
    from hub.settings import Settings
    from tests.factories import Hotel

pytestmark = [pytest.mark.faults, pytest.mark.slow]

# The server gives a silent relay ten seconds; the rest is for a busy machine.
TAKEOVER_SECONDS = 30.0


@pytest.fixture(scope="module")
async def fleet(settings: Settings) -> AsyncIterator[Fleet]:
    """Two hubs."""
    with Fleet(settings, 2) as two:
        yield two


@pytest.fixture
async def hotels(admin: Connection) -> list[Hotel]:
    return [await make_hotel(admin) for _ in range(3)]


async def roles(admin: Connection, fleet: Fleet) -> tuple[Member, Member]:
    """Who holds the relay, and who does not."""
    holder = await relay_holder(admin, fleet)
    return holder, next(member for member in fleet.members if member is not holder)


@pytest.mark.parametrize("relay", [True, False], ids=["relay", "other"])
async def test_a_hub_is_killed(
    settings: Settings, admin: Connection, fleet: Fleet, hotels: list[Hotel], relay: bool
) -> None:
    async with checked(hotels, fleet.address, lambda: settings.database_url) as load:
        await load.done(60)
        victim = (await roles(admin, fleet))[0 if relay else 1]
        await asyncio.to_thread(victim.kill)
        try:
            # the other one serves everybody, at once
            healing = await load.healed()
            assert healing.answered < 3
            await load.done(60)
            if relay:
                assert await relay_holder(admin, fleet) is not victim
        finally:
            victim.start()
            await asyncio.to_thread(victim.wait_ready)
        await load.done(60)


@pytest.mark.parametrize("relay", [True, False], ids=["relay", "other"])
async def test_a_hub_stands_still(
    settings: Settings, admin: Connection, fleet: Fleet, hotels: list[Hotel], relay: bool
) -> None:
    """Half dead is worse than dead: its sockets, its transactions and its lock stay."""
    async with checked(hotels, fleet.address, lambda: settings.database_url) as load:
        await load.done(60)
        holder, other = await roles(admin, fleet)
        victim, witness = (holder, other) if relay else (other, holder)
        victim.freeze()
        try:
            # nobody has to wait for the lock of the one that sleeps: the heads bring what the relay does not
            healing = await load.healed()
            assert healing.answered < 15
            if relay:
                async with asyncio.timeout(TAKEOVER_SECONDS):
                    while await relay_holder(admin, fleet) is not witness:
                        await load.done(1)
            await load.done(60)
        finally:
            victim.thaw()
        await load.healed()
        await load.done(60)


@pytest.mark.parametrize("how", ["kill", "stop still"])
async def test_redis_dies_or_stands_still(
    servers: Servers, settings: Settings, fleet: Fleet, hotels: list[Hotel], how: str
) -> None:
    async with checked(hotels, fleet.address, lambda: settings.database_url) as load:
        await load.done(60)
        pid = servers.redis.pid
        if how == "kill":
            await asyncio.to_thread(servers.redis.kill)
        else:
            os.kill(pid, signal.SIGSTOP)
        try:
            healing = await load.healed()
            assert healing.answered < 5
            await load.done(60)
            await load.healed()
        finally:
            if how == "kill":
                await asyncio.to_thread(servers.redis.start)
            else:
                os.kill(pid, signal.SIGCONT)
        await load.healed()
        await load.done(60)
