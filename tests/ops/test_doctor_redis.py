"""`hub doctor` on a Sentinel set and on a cluster, whole and with parts missing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from hub.ops.doctor.examination import examine
from hub.ops.doctor.finding import Finding
from tests.ops.findings import said, troubles
from tests.redis_servers import PASSWORD, redis_cluster, sentinel_set

# `sound` is everybody's: these keys are in it, whoever was there before
pytestmark = pytest.mark.usefixtures("psql")


def about_redis(findings: list[Finding]) -> list[str]:
    return [finding.check for finding in findings if finding.check.startswith("redis")]


async def test_a_sentinel_set(sound: Mapping[str, str]) -> None:
    with sentinel_set(password=PASSWORD) as place:
        environ = {**sound, "HUB_REDIS_URL": place.url}
        findings = await examine(environ)
        assert troubles(findings) == []
        assert about_redis(findings) == ["redis", "redis", "redis memory"]
        dead = place.sentinels[1]
        await asyncio.to_thread(dead.kill)
        findings = await examine(environ)
        assert troubles(findings) == [("redis", "warning")]
        assert f"127.0.0.1:{dead.port}" in said(findings)
        for sentinel in place.sentinels:
            await asyncio.to_thread(sentinel.kill)
        assert troubles(await examine(environ)) == [("redis", "error")]


async def test_a_cluster(sound: Mapping[str, str]) -> None:
    with redis_cluster(password=PASSWORD) as place:
        environ = {**sound, "HUB_REDIS_URL": place.url}
        findings = await examine(environ)
        assert troubles(findings) == []
        assert about_redis(findings) == ["redis", *["redis", "redis memory"] * 3]
        for node in place.nodes:
            await asyncio.to_thread(node.ask, "CLUSTER", "DELSLOTSRANGE", 100, 110)
        findings = await examine(environ)
        assert troubles(findings) == [("redis", "error")]
        assert "11 of the cluster's slots" in said(findings)
        for node in (place.nodes[1], place.nodes[4]):
            await asyncio.to_thread(node.kill)
        assert ("redis", "error") in troubles(await examine(environ))
