"""Redis: there, all of it, new enough, and none that throws counts away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import RedisError

from hub.errors import SettingError
from hub.ops.doctor.clock import compare
from hub.ops.doctor.finding import Finding, error, ok, warning
from hub.redis.clients import one
from hub.redis.cluster import Cluster
from hub.redis.fleet import Fleet

if TYPE_CHECKING:
    from hub.redis.place import Address
    from hub.settings import Settings

_SECONDS: Final = 5.0
_OLDEST: Final = 7


async def examine(settings: Settings, clock: Callable[[], datetime]) -> list[Finding]:
    """Everything about Redis, its clock too."""
    if settings.redis_url is None:
        if settings.workers > 1:
            return [
                warning(
                    "redis",
                    "several processes without Redis compare positions, which costs queries",
                    "set HUB_REDIS_URL",
                )
            ]
        return [ok("redis", "one process needs none")]
    try:
        fleet = Fleet(settings.redis_url)
    except SettingError as wrong:
        return [error("redis", str(wrong), "see HUB_REDIS_URL")]
    try:
        async with asyncio.timeout(_SECONDS):
            await fleet.topology.look()
            findings = _whole(fleet, await fleet.silent())
            for address in sorted(fleet.topology.primaries()):
                findings += await _server(fleet, address, clock)
            return findings
    except (RedisError, OSError, TimeoutError) as problem:
        return [
            error(
                "redis",
                f"it does not answer ({type(problem).__name__}): screens are late, limits count per process",
                "start it, and see HUB_REDIS_URL",
            )
        ]
    finally:
        await fleet.aclose()


def _whole(fleet: Fleet, silent: list[Address]) -> list[Finding]:
    """What no single server shows."""
    findings = []
    if fleet.place.form == "one":
        return []
    if isinstance(fleet.topology, Cluster) and fleet.topology.uncovered:
        findings.append(
            error(
                "redis",
                f"nobody serves {fleet.topology.uncovered} of the cluster's slots: screens of some are late",
                "see CLUSTER SLOTS, and give them to a primary",
            )
        )
    if silent:
        names = ", ".join(f"{host}:{port}" for host, port in silent)
        findings.append(
            warning(
                "redis", f"{names} of HUB_REDIS_URL does not answer", "start it, or take it out of the URL"
            )
        )
    return findings or [ok("redis", f"all {len(fleet.place.seeds)} of HUB_REDIS_URL answer")]


async def _server(fleet: Fleet, address: Address, clock: Callable[[], datetime]) -> list[Finding]:
    async with one(fleet.place, address, _SECONDS) as client:
        info: dict[str, Any] = await client.info()
        before = clock()
        seconds, micros = await client.time()
        theirs = datetime.fromtimestamp(seconds + micros / 1e6, UTC)
        return [_version(info), _memory(info), compare("Redis", before, theirs, clock())]


def _version(info: dict[str, Any]) -> Finding:
    version = str(info["redis_version"])
    name = "Valkey" if "valkey_version" in info else "Redis"
    shown = f"{name} {info.get('valkey_version', version)}"
    if int(version.partition(".")[0]) < _OLDEST:
        return error("redis", f"{shown} is too old", f"use Redis {_OLDEST} or Valkey")
    return ok("redis", shown)


def _memory(info: dict[str, Any]) -> Finding:
    policy = info.get("maxmemory_policy", "noeviction")
    if policy == "noeviction" or not info.get("maxmemory", 0):
        return ok("redis memory", f"{policy}, no count is thrown away")
    return warning(
        "redis memory",
        f"{policy}: when memory is short, counts of rate limits are thrown away and limits are off",
        "set maxmemory-policy noeviction",
    )
