"""Reads from replicas: never before one's own commits, never older than allowed, never by who is shut out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
import pytest

from hub.db.position import UNKNOWN, Trail, Written, trail
from hub.db.queries import Query
from hub.errors import NotFound, Unauthorized
from tests.database.replicated import (
    NAME,
    NEWS,
    WHERE,
    answered_by,
    news,
    opened,
    prepared,
    serving,
    someone,
    where,
    write,
)
from tests.factories import Hotel, make_hotel
from tests.pg_servers import PATIENCE, PgCluster, pg_cluster

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.scope import Scope
    from hub.settings import Settings


@pytest.fixture(scope="module")
def cluster() -> Iterator[PgCluster]:
    with pg_cluster(replicas=2) as made:
        yield made


@pytest.fixture(scope="module")
async def settings(cluster: PgCluster) -> Settings:
    return await prepared(cluster)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    async with opened(settings) as made:
        await serving(made, 2)
        yield made


@pytest.fixture
async def hotels(cluster: PgCluster) -> tuple[Hotel, Hotel]:
    async with cluster.primary.connect(NAME) as admin:
        made = await make_hotel(admin), await make_hotel(admin)
    await cluster.caught_up()
    return made


@pytest.fixture
async def held_back(cluster: PgCluster) -> AsyncIterator[None]:
    """The replicas receive and show nothing new."""
    for replica in cluster.replicas:
        await replica.pause_replay()
    yield
    for replica in cluster.replicas:
        await replica.resume_replay()
    await cluster.caught_up()


async def test_replicas_answer(database: Database, hotels: tuple[Hotel, Hotel]) -> None:
    for hotel in hotels:
        assert await where(database, hotel.tenant_id) == "replica"
    async with database.read(hotels[0].tenant_id, someone()) as scope:
        assert await scope.fetchval(WHERE) is False, "only who asks for it reads there"


async def test_ones_own_commit_is_read_from_the_primary_until_the_replica_has_it(
    cluster: PgCluster, database: Database, hotels: tuple[Hotel, Hotel], held_back: None
) -> None:
    mine, other = (hotel.tenant_id for hotel in hotels)
    await write(database, mine, "first")
    assert await news(database, mine) == ("primary", "first")
    assert await where(database, other) == "replica", "only those who wrote need it"
    await write(database, mine, "second")
    assert await news(database, mine) == ("primary", "first,second")
    for replica in cluster.replicas:
        await replica.resume_replay()
    await cluster.caught_up()
    assert await news(database, mine) == ("replica", "first,second")


async def test_the_position_of_another_process_is_honoured(
    settings: Settings, cluster: PgCluster, database: Database, hotels: tuple[Hotel, Hotel], held_back: None
) -> None:
    mine = hotels[0].tenant_id
    async with opened(settings) as elsewhere:
        made = Trail()
        token = trail.set(made)
        await write(elsewhere, mine, "elsewhere")
        trail.reset(token)
    assert made.reached is not None
    assert await news(database, mine) == ("replica", None), "this process knows nothing of it"
    token = trail.set(Trail(seen=made.reached))
    assert await news(database, mine) == ("primary", "elsewhere")
    for replica in cluster.replicas:
        await replica.resume_replay()
    await cluster.caught_up()
    assert await news(database, mine) == ("replica", "elsewhere")
    trail.reset(token)


async def test_what_a_replica_does_not_find_is_looked_for_on_the_primary(
    cluster: PgCluster, database: Database, hotels: tuple[Hotel, Hotel], held_back: None
) -> None:
    mine = hotels[0].tenant_id
    async with cluster.primary.connect(NAME) as admin:
        await admin.execute(
            "UPDATE app.menu_items SET category = 'news' WHERE tenant_id = $1 AND name_en = 'soup'", mine
        )

    async def work(scope: Scope) -> object:
        found = await scope.fetchval(NEWS, scope.tenant_id)
        if found is None:
            raise NotFound("not yet")
        return found

    assert await database.look(mine, someone(), work) == "soup"


async def test_who_is_shut_out_is_out_at_once(
    cluster: PgCluster, database: Database, hotels: tuple[Hotel, Hotel], held_back: None
) -> None:
    hotel = hotels[0]
    actor = hotel.kitchen().actor()

    async def work(scope: Scope) -> object:
        return await scope.fetchval(WHERE)

    assert await database.look(hotel.tenant_id, actor, work) is True
    async with cluster.primary.connect(NAME) as admin:
        await admin.execute(
            "UPDATE app.device_rooms SET status = 'suspended' WHERE tenant_id = $1 AND id = $2",
            hotel.tenant_id,
            hotel.kitchen_id,
        )
    with pytest.raises(Unauthorized):
        await database.look(hotel.tenant_id, actor, work)


async def test_a_replica_keeps_tenants_apart(database: Database, hotels: tuple[Hotel, Hotel]) -> None:
    mine, other = (hotel.tenant_id for hotel in hotels)
    count = Query("test.count", "SELECT count(*) FROM app.menu_items WHERE $1::uuid IS NOT NULL", False, True)

    async def work(scope: Scope) -> tuple[object, object]:
        return await scope.fetchval(WHERE), await scope.fetchval(count, other)

    assert await database.look(mine, someone(), work) == (True, 4), "its own items, nobody else's"

    async def theirs(scope: Scope) -> object:
        return await scope.fetchval(
            Query("t", "SELECT count(*) FROM app.menu_items WHERE tenant_id = $1", False, True), other
        )

    assert await database.look(mine, someone(), theirs) == 0


async def test_a_query_that_is_not_for_replicas_is_refused_everywhere(
    database: Database, hotels: tuple[Hotel, Hotel]
) -> None:
    fresh = Query("test.fresh", "SELECT 1", False, False)
    for one in (database, type(database)(database.pool)):
        with pytest.raises(RuntimeError, match=r"test\.fresh"):
            await one.look(hotels[0].tenant_id, someone(), lambda scope: scope.fetchval(fresh))


async def test_replicas_that_lag_are_left_out_and_come_back(
    cluster: PgCluster, settings: Settings, hotels: tuple[Hotel, Hotel]
) -> None:
    mine, other = (hotel.tenant_id for hotel in hotels)
    async with opened(msgspec.structs.replace(settings, replica_lag_seconds=1.5)) as database:
        await answered_by(database, other, "replica")
        for replica in cluster.replicas:
            await replica.pause_replay()
        await write(database, mine, "late")
        await answered_by(database, other, "primary")
        assert database.replicas is not None
        for replica in cluster.replicas:
            await replica.resume_replay()
        await answered_by(database, other, "replica")
        assert await news(database, mine) == ("replica", "late")


async def test_a_killed_replica_is_left_out_and_comes_back(
    cluster: PgCluster, database: Database, hotels: tuple[Hotel, Hotel]
) -> None:
    mine = hotels[0].tenant_id
    first, second = cluster.replicas
    await asyncio.to_thread(first.kill)
    try:
        assert [await where(database, mine) for _ in range(20)] != [], "no read fails meanwhile"
        await serving(database, 1)
        assert {await where(database, mine) for _ in range(10)} == {"replica"}
        await asyncio.to_thread(second.stop)
        await answered_by(database, mine, "primary")
        await serving(database, 0)
    finally:
        await asyncio.to_thread(first.start)
        await asyncio.to_thread(second.start)
    await serving(database, 2)
    assert await where(database, mine) == "replica"


async def test_a_frozen_replica_holds_a_read_up_for_a_moment_only(
    cluster: PgCluster, database: Database, hotels: tuple[Hotel, Hotel]
) -> None:
    mine = hotels[0].tenant_id
    for replica in cluster.replicas:
        await asyncio.to_thread(replica.freeze)
    try:
        async with asyncio.timeout(8.0):
            assert await where(database, mine) == "primary"
        await serving(database, 0)
    finally:
        for replica in cluster.replicas:
            await asyncio.to_thread(replica.thaw)
    await serving(database, 2)


async def test_a_replica_whose_role_sees_everything_is_not_asked(
    cluster: PgCluster,
    database: Database,
    hotels: tuple[Hotel, Hotel],
    caplog: pytest.LogCaptureFixture,
) -> None:
    try:
        await cluster.primary.value("ALTER ROLE hub_api BYPASSRLS")
        await cluster.caught_up()
        for replica in cluster.replicas:
            await asyncio.to_thread(replica.restart)
        async with asyncio.timeout(PATIENCE):
            while not {"replica 1", "replica 2"} <= refused(caplog):  # noqa: ASYNC110 - the log tells nobody
                await asyncio.sleep(0.02)
        await serving(database, 0)
        assert await where(database, hotels[0].tenant_id) == "primary"
    finally:
        await cluster.primary.value("ALTER ROLE hub_api NOBYPASSRLS")
    await cluster.caught_up()
    await serving(database, 2)


def refused(caplog: pytest.LogCaptureFixture) -> set[str]:
    """The replicas that were left out for their role, as the log tells."""
    left = [record.__dict__ for record in caplog.records if "left out" in record.message]
    return {one["replica"] for one in left if "BYPASSRLS" in one["reason"]}


async def test_without_the_primary_nobody_is_served_old_rows_for_long(
    cluster: PgCluster, settings: Settings, hotels: tuple[Hotel, Hotel]
) -> None:
    mine = hotels[0].tenant_id
    async with opened(msgspec.structs.replace(settings, replica_lag_seconds=1.0)) as database:
        await answered_by(database, mine, "replica")
        await asyncio.to_thread(cluster.primary.freeze)
        try:
            assert database.replicas is not None
            async with asyncio.timeout(10):
                while database.replicas.choose(mine) is not None:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.02)
        finally:
            await asyncio.to_thread(cluster.primary.thaw)
        await answered_by(database, mine, "replica")


def test_commits_are_remembered_by_tenant_and_the_forgotten_count_as_the_newest() -> None:
    written = Written(2)
    one, two, three = (uuid4() for _ in range(3))
    written.note(one, 10)
    written.note(one, 5)
    assert written.of(one) == 10
    assert written.of(two) == 0
    written.note(two, UNKNOWN)
    assert written.of(two) == UNKNOWN
    written.note(two, 30)
    assert written.of(two) == 30
    written.note(three, 20)
    assert written.of(one) == 30, "forgotten"
    assert written.of(three) == 20
