"""The replicas of the tests are replicas: they follow, lag, take over and come back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from hub.errors import Unavailable
from tests.pg_servers import PgCluster, pg_cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[PgCluster]:
    with pg_cluster(replicas=2) as made:
        yield made


async def write(cluster: PgCluster, value: int) -> None:
    async with cluster.primary.connect() as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS written (value int)")
        await connection.execute("INSERT INTO written VALUES ($1)", value)


async def test_a_replica_follows_lags_and_follows_again(cluster: PgCluster) -> None:
    first, second = cluster.replicas
    await cluster.primary.followed_by("r1", "r2")
    await write(cluster, 1)
    await cluster.caught_up()
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await first.value("INSERT INTO written VALUES (2)")
    await first.pause_replay()
    await write(cluster, 2)
    await second.reached(await cluster.primary.position())
    assert await first.value("SELECT max(value) FROM written") == 1
    assert await second.value("SELECT max(value) FROM written") == 2
    await first.resume_replay()
    await cluster.caught_up()
    assert await first.value("SELECT max(value) FROM written") == 2


async def test_commits_wait_for_a_synchronous_replica(cluster: PgCluster) -> None:
    await cluster.synchronous("FIRST 1 (r1)")
    await write(cluster, 3)
    cluster.replicas[0].freeze()
    try:
        waiting = asyncio.create_task(write(cluster, 4))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
    finally:
        cluster.replicas[0].thaw()
    await waiting
    await cluster.synchronous("")


async def test_a_replica_takes_over_and_the_old_primary_comes_back(cluster: PgCluster) -> None:
    old, (new, other) = cluster.primary, cluster.replicas
    await cluster.caught_up()
    await asyncio.to_thread(old.kill)
    with pytest.raises(Unavailable):
        _ = old.pid
    await new.promote()
    cluster.primary, cluster.replicas = new, [other, old]
    await cluster.follow(other)
    await cluster.rebuild(old)
    await new.followed_by("p0", "r2")
    await write(cluster, 5)
    await cluster.caught_up()
    assert await old.value("SELECT max(value) FROM written") == 5
    connection = await asyncpg.connect(cluster.url())
    assert await connection.fetchval("SELECT NOT pg_is_in_recovery()")
    await connection.close()
