"""Servers of the tests that stand still: nobody waits for them without an end, and nothing of them stays."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.faults.test_workers import alive
from tests.pg_servers import PgServer, connected, pg_cluster

pytestmark = pytest.mark.faults


async def backend(server: PgServer) -> int:
    pid: int = await server.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
    return pid


async def test_a_frozen_server_that_is_killed_leaves_nobody_behind() -> None:
    with pg_cluster(replicas=0) as cluster:
        server = cluster.primary
        child = await backend(server)
        await asyncio.to_thread(server.freeze)
        await asyncio.to_thread(server.kill)
        async with asyncio.timeout(20):
            while alive(child):  # noqa: ASYNC110 - it is not our child
                await asyncio.sleep(0.02)
        await asyncio.to_thread(server.start)
        assert await backend(server) != child


async def test_a_server_that_is_left_frozen_ends_with_its_cluster() -> None:
    with pg_cluster(replicas=0) as cluster:
        child = await backend(cluster.primary)
        await asyncio.to_thread(cluster.primary.freeze)
    assert not alive(child)


async def test_the_goodbye_of_a_frozen_server_is_not_waited_for() -> None:
    with pg_cluster(replicas=0) as cluster:
        async with connected(cluster.primary.url()) as connection:
            await asyncio.to_thread(cluster.primary.freeze)
            with pytest.raises(TimeoutError):
                await connection.fetchval("SELECT 1", timeout=0.2)
            leaving = time.monotonic()
        assert time.monotonic() - leaving < 20
        assert connection.is_closed()


async def test_a_setting_is_there_when_it_was_configured() -> None:
    with pg_cluster(replicas=0) as cluster:
        for number in range(10, 15):
            await cluster.primary.configure(wal_keep_size=f"{number}MB")
            assert await cluster.primary.value("SHOW wal_keep_size") == f"{number}MB"
