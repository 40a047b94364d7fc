"""Redis: there, new enough, and not one that throws counts away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import redis.asyncio
from redis.exceptions import RedisError

from hub.ops.doctor.clock import compare
from hub.ops.doctor.finding import Finding, error, ok, warning

if TYPE_CHECKING:
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
    client = redis.asyncio.Redis.from_url(settings.redis_url)
    try:
        async with asyncio.timeout(_SECONDS):
            info: dict[str, Any] = await client.info()
            before = clock()
            seconds, micros = await client.time()
            theirs = datetime.fromtimestamp(seconds + micros / 1e6, UTC)
            return [_version(info), _memory(info), compare("Redis", before, theirs, clock())]
    except (RedisError, OSError, TimeoutError) as problem:
        return [
            error(
                "redis",
                f"it does not answer ({type(problem).__name__}): screens are late, limits count per process",
                "start it, and see HUB_REDIS_URL",
            )
        ]
    finally:
        await client.aclose()


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
