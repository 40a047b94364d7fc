"""`hub doctor` tells how far replicas lag, and which are none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.db.pool import Role, connect
from hub.ops.doctor.replicas import examine
from hub.ops.doctor.server import line
from tests.database.replicated import NAME, prepared
from tests.factories import make_hotel
from tests.ops.findings import said, troubles
from tests.pg_servers import PgCluster, pg_cluster

if TYPE_CHECKING:
    from hub.ops.doctor.finding import Finding
    from hub.settings import Settings


@pytest.fixture(scope="module")
def cluster() -> Iterator[PgCluster]:
    with pg_cluster(replicas=1) as made:
        yield made


@pytest.fixture(scope="module")
async def settings(cluster: PgCluster) -> Settings:
    return await prepared(cluster)


async def found(settings: Settings, **changes: object) -> list[Finding]:
    """What the doctor says."""
    primary = await connect(settings, Role.RELAY)
    try:
        return await examine(primary, msgspec.structs.replace(settings, **changes))
    finally:
        await primary.close()


async def test_a_replica_that_follows_is_well(settings: Settings) -> None:
    (finding,) = await found(settings)
    assert (finding.check, finding.level) == ("replica 1", "ok")
    assert await found(settings, replica_url=()) == []


async def test_one_that_lags_is_found(cluster: PgCluster, settings: Settings) -> None:
    replica = cluster.replicas[0]
    await replica.pause_replay()
    try:
        async with cluster.primary.connect(NAME) as admin:
            await make_hotel(admin)
        findings = await found(settings, replica_lag_seconds=0.2)
    finally:
        await replica.resume_replay()
    assert troubles(findings) == [("replica 1", "warning")]
    assert "behind" in said(findings)
    await cluster.caught_up()


async def test_one_that_is_away_is_found(cluster: PgCluster, settings: Settings) -> None:
    await asyncio.to_thread(cluster.replicas[0].stop)
    try:
        findings = await found(settings)
    finally:
        await asyncio.to_thread(cluster.replicas[0].start)
    assert troubles(findings) == [("replica 1", "warning")]


def test_the_line_to_one_must_not_be_readable() -> None:
    open_line = {"encrypted": False, "near": False}
    finding = line(open_line, "replica 2", "HUB_REPLICA_URL")
    assert troubles([finding]) == [("replica 2", "error")]
    assert "HUB_REPLICA_URL" in finding.do
    assert line({**open_line, "encrypted": True}).level == "ok"


async def test_what_is_no_replica_or_follows_another_is_found(cluster: PgCluster, settings: Settings) -> None:
    findings = await found(settings, replica_url=(cluster.primary.url(NAME), *settings.replica_url))
    assert troubles(findings) == [("replica 1", "error")]
    async with cluster.primary.connect(NAME) as admin:
        await admin.execute("UPDATE app.log_origin SET timeline = timeline + 1")
        await cluster.caught_up()
        findings = await found(settings)
        await admin.execute("UPDATE app.log_origin SET timeline = timeline - 1")
    assert troubles(findings) == [("replica 1", "error")]
    assert "follow" in said(findings)
