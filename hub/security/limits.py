"""Rate limits, one count for all processes of the hub.

The counts are in Redis, under hashed names. When it is missing or does not answer in time, each process
counts for itself until it is back: a limit is then up to as many times higher as there are processes, never
off, and nobody waits.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import time
from collections import OrderedDict
from contextvars import Context
from enum import StrEnum
from hashlib import blake2b
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Final
from uuid import UUID

import redis.asyncio
from limits import parse
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from hub.errors import RateLimited
from hub.security.sealing import derived
from hub.security.windows import Windows

if TYPE_CHECKING:
    from hub.settings import Settings

_DEADLINE_SECONDS: Final = 0.25
_RETURN_SECONDS: Final = 1.0
# Hits that wait for Redis at one time; the others of a burst stand in line for the same deadline.
_CONNECTIONS: Final = 16
_REFUSED: Final = 20_000
_log = logging.getLogger(__name__)


class Rule(StrEnum):
    """What is counted. The rate of each is the setting `limit_` and its name, with the reason beside it."""

    IP = "ip"
    DEVICE = "device"
    TENANT = "tenant"
    SIGN_IN_IP = "sign_in_ip"
    SIGN_IN_ACCOUNT = "sign_in_account"
    CLAIM_IP = "claim_ip"
    PAIRING_IP = "pairing_ip"
    PAIRING_TENANT = "pairing_tenant"
    MAIL_ACCOUNT = "mail_account"


_BY_ADDRESS: Final = frozenset((Rule.IP, Rule.SIGN_IN_IP, Rule.CLAIM_IP, Rule.PAIRING_IP))


class Limiter:
    """Counts hits. Make it on the running loop, and close it there.

    `away` is the task that waits for Redis to come back; None while it answers, or when there is none.
    """

    def __init__(self, settings: Settings) -> None:
        rates = {rule: parse(getattr(settings, f"limit_{rule}")) for rule in Rule}
        for rule, rate in rates.items():
            rate.namespace = rule
        self._rates = rates
        self._alone = {rule: Windows(rate.amount, rate.get_expiry()) for rule, rate in rates.items()}
        # Names must not be guessable from their hashes: there are few IPv4 addresses and few colleagues.
        self._key = derived(settings.master_keys[0], "rate limits")
        self._refused: OrderedDict[str, float] = OrderedDict()
        self.away: asyncio.Task[None] | None = None
        self._turn = asyncio.Semaphore(_CONNECTIONS)
        self._shared: SlidingWindowCounterRateLimiter | None = None
        if settings.redis_url is not None:
            self._pool: redis.asyncio.ConnectionPool = redis.asyncio.ConnectionPool.from_url(
                settings.redis_url,
                protocol=2,
                socket_timeout=_DEADLINE_SECONDS,
                socket_connect_timeout=_DEADLINE_SECONDS,
                retry=Retry(NoBackoff(), 0, supported_errors=()),
            )
            storage = RedisStorage(
                "redis://",
                implementation="redispy",
                key_prefix=f"{settings.namespace}:limits",
                connection_pool=self._pool,  # type: ignore[arg-type]  # documented so, typed as a plain option
            )
            self._shared = SlidingWindowCounterRateLimiter(storage)

    async def hit(self, rule: Rule, *identifiers: str | UUID | None) -> None:
        """Count one hit of `rule` by whom `identifiers` name together. Raises RateLimited when it is one too
        many; it is then not counted.

        An IPv6 address counts as its /64, which is what one customer is given. An unknown one (None) counts
        with all unknown ones.
        """
        name = self._name(rule, identifiers)
        seconds = await self._wait(rule, name)
        if seconds > 0:
            rounded = math.ceil(seconds)
            raise RateLimited(f"Too many requests; try again in {rounded} s.", retry_after_seconds=rounded)

    def _name(self, rule: Rule, identifiers: tuple[str | UUID | None, ...]) -> str:
        hashed = blake2b(key=self._key, digest_size=16)
        for one in identifiers:
            text = "" if one is None else _network(str(one)) if rule in _BY_ADDRESS else str(one)
            octets = text.encode("utf-8", "surrogatepass")
            hashed.update(len(octets).to_bytes(4, "big") + octets)
        return hashed.hexdigest()

    async def _wait(self, rule: Rule, name: str) -> float:
        """Count; the seconds until the next hit may be allowed, 0 when this one is."""
        if self._shared is None or self.away is not None:
            return self._alone[rule].hit(name)
        now = time.monotonic()
        known = f"{rule}/{name}"
        if (until := self._refused.get(known, 0.0)) > now:
            # whoever goes on in spite of a refusal costs no more than this
            return until - now
        rate = self._rates[rule]
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS), self._turn:
                if await self._shared.hit(rate, name):
                    return 0.0
                stats = await self._shared.get_window_stats(rate, name)
        except Exception as error:  # noqa: BLE001 - redis-py raises anything on a cut connection; a limiter in
            # trouble must not fail what it guards
            self._lost(error)
            return self._alone[rule].hit(name)
        seconds = max(stats.reset_time - time.time(), 0.001)
        self._refused[known] = now + seconds
        self._refused.move_to_end(known)
        if len(self._refused) > _REFUSED:
            self._refused.popitem(last=False)
        return seconds

    def _lost(self, error: Exception) -> None:
        if self.away is None:
            _log.warning("rate limits count without redis", extra={"reason": type(error).__name__})
            # in a context of its own: it is no part of the request that found out
            self.away = asyncio.create_task(self._return(), name="limits return", context=Context())

    async def _return(self) -> None:
        client = redis.asyncio.Redis(connection_pool=self._pool)
        while True:
            await asyncio.sleep(_RETURN_SECONDS)
            try:
                async with asyncio.timeout(_DEADLINE_SECONDS):
                    await client.ping()
            except Exception:  # noqa: BLE001 - as in `_wait`
                continue
            self.away = None
            _log.info("rate limits count in redis again")
            return

    async def aclose(self) -> None:
        """Close the connections."""
        if self.away is not None:
            self.away.cancel()
            await asyncio.gather(self.away, return_exceptions=True)
        if self._shared is not None:
            await self._pool.aclose()


@functools.lru_cache(4096)
def _network(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        return text
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), 64), strict=False))
    return text
