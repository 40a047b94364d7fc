"""Between two servers: one that is told to take no writes, and commits of which nobody knows whether the
standby has them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.faults.checker import checked
from tests.faults.postgres import DATABASE, operations
from tests.faults.scene import scene
from tests.faults.watch import until_ready

if TYPE_CHECKING:
    from hub.embedded import Servers
    from tests.faults.scene import Scene

pytestmark = pytest.mark.faults


async def test_a_server_that_takes_no_writes_any_more_is_left(servers: Servers) -> None:
    async with scene(servers, "fenced") as play:
        await play.cluster.synchronous()
        async with checked(play.hotels, lambda: play.address, lambda: play.database_url) as load:
            await load.done(20)
            # No connection is cut: whoever stays on one would read an old state and be refused for ever.
            await play.old.configure(default_transaction_read_only="on")
            await play.promote()
            healing = await load.healed()
            assert healing.answered < 10.0
            # What still waited for the standby shows itself when it need not wait any more.
            await play.old.configure(synchronous_standby_names="")
            await nobody_waits(play)
            there = await operations(play.old.url(DATABASE))
            await play.old.configure(default_transaction_read_only="off")
            await load.done(20)
            assert await operations(play.old.url(DATABASE)) == there


async def nobody_waits(play: Scene) -> None:
    """Until no commit of the old server waits for a standby."""
    async with asyncio.timeout(20):
        while await play.old.value(  # noqa: ASYNC110 - a server tells it only when asked
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        ):
            await asyncio.sleep(0.05)


async def test_a_server_that_takes_no_writes_for_a_while(servers: Servers) -> None:
    async with (
        scene(servers, "readonly") as play,
        checked(play.hotels, lambda: play.address, lambda: play.database_url) as load,
    ):
        await load.done(10)
        await play.old.configure(default_transaction_read_only="on")
        await until_ready(play.address, 503, "unavailable")
        await play.old.configure(default_transaction_read_only="off")
        healing = await load.healed()
        assert healing.answered < 5.0
        await until_ready(play.address, 200, "ready")


async def are_held(play: Scene, number: int) -> None:
    """Until so many transactions wait, for the standby or for one that does."""
    await play.old.until(
        "SELECT count(*) >= $1 FROM pg_stat_activity"
        " WHERE usename = 'hub_api' AND (wait_event = 'SyncRep' OR wait_event_type = 'Lock')",
        number,
    )


async def waits_for_the_standby(play: Scene) -> None:
    """Until a commit of every hotel does; the next one of the same hotel waits for that."""
    async with asyncio.timeout(20):
        while await play.old.value(  # noqa: ASYNC110 - a server tells it only when asked
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'hub_api' AND wait_event = 'SyncRep'"
        ) < len(play.hotels):
            await asyncio.sleep(0.05)


async def test_what_the_standby_may_lack_is_not_acknowledged(servers: Servers) -> None:
    """The standby goes, commits wait for it, and the primary restarts: now it shows what it has committed
    alone, and clients ask again. When it goes too, the standby has none of this."""
    async with scene(servers, "doubt") as play:
        await play.cluster.synchronous()
        # Guests alone: everything that they ask for has an operation id.
        async with checked(
            play.hotels, lambda: play.address, lambda: play.database_url, guests=2, cooks=0, pace=0.1
        ) as load:
            await load.done(10)
            await asyncio.to_thread(play.new.kill)
            await waits_for_the_standby(play)
            await asyncio.to_thread(play.old.restart)
            alone = await operations(play.old.url(DATABASE))
            acknowledged = {
                operation.op_id
                for client in load.clients
                for operation in client.operations
                if operation.acknowledged is not None
            }
            assert alone - acknowledged
            await are_held(play, len(load.clients))
            answered = load.answered
            for client in load.clients:
                client.drop()  # whatever was asked is asked again
            await are_held(play, 2 * len(load.clients))
            assert load.answered == answered
            await asyncio.to_thread(play.old.kill)
            await asyncio.to_thread(play.new.start)
            await play.promote()
            healing = await load.healed()
            assert healing.answered < 10.0
            await load.done(10)
