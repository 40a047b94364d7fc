"""The primary goes, a replica is promoted: the hub finds it. With a synchronous standby nothing that was
acknowledged is lost; with an asynchronous one just what had not reached it, and no screen goes on showing it.
Nobody writes to the old primary when it comes back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from hub.ops.doctor.server import primaries
from tests.faults.checker import Load, checked
from tests.faults.fleet import Fleet
from tests.faults.postgres import DATABASE, epochs, operations
from tests.faults.scene import scene
from tests.faults.watch import until_ready
from tests.pg_servers import PgServer
from tests.realtime.screens import token_of

if TYPE_CHECKING:
    from hub.embedded import Servers

pytestmark = pytest.mark.faults


async def killed(old: PgServer) -> None:
    await asyncio.to_thread(old.kill)


async def silent(old: PgServer) -> None:
    await asyncio.to_thread(old.freeze)


@pytest.mark.parametrize("end", [killed, silent])
async def test_a_synchronous_standby_loses_nothing(
    servers: Servers, end: Callable[[PgServer], Awaitable[None]]
) -> None:
    async with scene(servers, f"synchronous-{end.__name__}") as play:
        await play.cluster.synchronous()
        assert [finding.level for finding in await primaries(play.settings)] == ["ok"]
        before = await epochs(play.database_url)
        async with checked(play.hotels[:1], lambda: play.address, lambda: play.database_url) as load:
            await load.done(20)
            await end(play.old)
            await play.promote()
            healing = await load.healed()
            assert healing.answered < 10.0
            await load.done(10)
            # The old primary comes back as it was, and takes writes: nobody sends it any.
            await asyncio.to_thread(play.old.start if end is killed else play.old.thaw)
            await play.old.configure(synchronous_standby_names="")
            assert [finding.level for finding in await primaries(play.settings)] == ["error"]
            there = await operations(play.old.url(DATABASE))
            await load.done(30)
            assert await operations(play.old.url(DATABASE)) == there
        after = await epochs(play.database_url)
        assert before.keys() == after.keys()
        assert not set(before.values()) & set(after.values())
        # Nor does a process that starts only now, though the old one is named first.
        with Fleet(play.settings, 1) as late:
            async with checked(play.hotels[1:], late.address, lambda: play.database_url) as load:
                await load.done(10)
        assert await operations(play.old.url(DATABASE)) == there


LOST = re.compile(r" ([0-9a-f-]{36}) was acknowledged, and is lost$")


async def test_what_had_not_reached_the_standby_is_lost_and_nothing_else(servers: Servers) -> None:
    async with scene(servers, "asynchronous") as play:
        before = await epochs(play.database_url)
        load = Load(
            play.hotels,
            lambda: play.address,
            lambda: play.database_url,
            guests=2,
            cooks=2,
            pace=0.3,
            token=token_of,
            patience=3.0,
            within=5.0,
        )
        try:
            await load.start()
            await load.done(20)
            await play.cluster.caught_up()
            await play.new.configure(primary_conninfo="host=/nowhere")
            await play.old.value("SELECT pg_terminate_backend(pid) FROM pg_stat_replication")
            await load.done(30)
            await asyncio.to_thread(play.old.kill)
            await play.promote()
            await load.healed()
            await load.done(20)
            await until_ready(play.address, 200, "ready")
            problems = await load.finish()
        finally:
            await load.leave()
        acknowledged = {
            operation.op_id
            for client in load.clients
            for operation in client.operations
            if operation.acknowledged is not None and operation.op_id is not None
        }
        lost = acknowledged - await operations(play.database_url)
        assert lost
        assert sorted(problems) == sorted(problem for problem in problems if LOST.search(problem))
        assert {match[1] for problem in problems if (match := LOST.search(problem))} == lost
        assert not set(before.values()) & set((await epochs(play.database_url)).values())
