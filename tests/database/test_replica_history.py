"""After a promotion only those replicas answer that follow the new primary."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.database.replicated import (
    NAME,
    answered_by,
    news,
    note_origin,
    opened,
    prepared,
    serving,
    write,
)
from tests.factories import make_hotel
from tests.pg_servers import PATIENCE, PgCluster, pg_cluster


@pytest.fixture
def cluster() -> Iterator[PgCluster]:
    with pg_cluster(replicas=2) as made:
        yield made


async def test_only_followers_of_the_new_primary_answer(cluster: PgCluster) -> None:
    settings = await prepared(cluster, database_url=cluster.url(NAME))
    old, (new, other) = cluster.primary, cluster.replicas
    async with cluster.primary.connect(NAME) as admin:
        hotel = (await make_hotel(admin)).tenant_id
    async with opened(settings) as database:
        await serving(database, 2)
        # The one that will be promoted never hears of the last commit; the other one shows it.
        await new.configure(primary_conninfo="")
        await new.until("SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)")
        await write(database, hotel, "lost")
        await other.reached(await old.position())
        await asyncio.to_thread(old.kill)
        await new.promote()
        cluster.primary, cluster.replicas = new, [other]
        await note_origin(settings)
        async with asyncio.timeout(PATIENCE):
            assert database.replicas is not None
            while database.replicas.choose(hotel) is not None:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)
        await serving(database, 0)
        assert await news(database, hotel) == ("primary", None)
        await cluster.rebuild(other)
        await write(database, hotel, "after")
        await answered_by(database, hotel, "replica")
        assert await news(database, hotel) == ("replica", "after")
