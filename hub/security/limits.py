"""Rate limits, one count for all processes of the hub.

The counts are in Redis, under hashed names. When it is missing or does not answer in time, each process
counts for itself until it is back: a limit is then up to as many times higher as there are processes, never
off, and nobody waits.

A hit in Redis costs a tenth of a millisecond, so a process takes a hundredth of a limit at a time and spends
it by itself. What it has not spent is missing elsewhere: a limit may end that much early, never late.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context
from enum import StrEnum
from hashlib import blake2b
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Final, TypeVar, cast
from uuid import UUID

from limits import parse
from limits.aio.storage import RedisClusterStorage, RedisStorage
from limits.aio.storage.redis.redispy import RedispyBridge
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from hub.errors import RateLimited
from hub.redis import clients, place
from hub.security.sealing import derived
from hub.security.windows import Windows

if TYPE_CHECKING:
    from hub.settings import Settings

_DEADLINE_SECONDS: Final = 1.0
_RETURN_SECONDS: Final = 1.0
# Hits that wait for Redis at one time; the others of a burst stand in line for the same deadline.
_CONNECTIONS: Final = 16
_LUMPS: Final = 100
_KEPT: Final = 20_000
T = TypeVar("T")
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


# Of every request. Their names are remembered, as those of accounts shall not be.
_OFTEN: Final = frozenset((Rule.IP, Rule.DEVICE, Rule.TENANT))
_BY_ADDRESS: Final = frozenset((Rule.IP, Rule.SIGN_IN_IP, Rule.CLAIM_IP, Rule.PAIRING_IP))


class Limiter:
    """Counts hits. Make it on the running loop, and close it there.

    `away` is the task that waits for Redis to come back; None while it answers, or when there is none.
    `refusals` counts the hits of each rule that were one too many.
    """

    def __init__(self, settings: Settings) -> None:
        rates = {rule: parse(getattr(settings, f"limit_{rule}")) for rule in Rule}
        for rule, rate in rates.items():
            rate.namespace = rule
        self._rates = rates
        self._lumps = {rule: max(1, rate.amount // _LUMPS) for rule, rate in rates.items()}
        self._alone = {rule: Windows(rate.amount, rate.get_expiry()) for rule, rate in rates.items()}
        # Names must not be guessable from their hashes: there are few IPv4 addresses and few colleagues.
        self._key = derived(settings.master_keys[0], "rate limits")
        self._known_names = functools.lru_cache(_KEPT)(self._name)
        # By name: until when it is refused; hits that are paid for, and until when.
        self._refused: OrderedDict[str, float] = OrderedDict()
        self._paid: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._buying: dict[str, asyncio.Event] = {}
        self.away: asyncio.Task[None] | None = None
        self.refusals = dict.fromkeys(Rule, 0)
        self._closed = False
        self._turn = asyncio.Semaphore(_CONNECTIONS)
        self._shared: SlidingWindowCounterRateLimiter | None = None
        self._primary: clients.Primary | None = None
        if settings.redis_url is not None:
            storage = self._storage(place.parse(settings.redis_url), f"{settings.namespace}:limits")
            self._client = cast(clients.Client, cast(RedispyBridge, storage.bridge).get_connection())
            self._shared = SlidingWindowCounterRateLimiter(storage)

    def _storage(self, where: place.Place, prefix: str) -> RedisStorage:
        if where.form == "cluster":
            # the two counts of a name carry its hash tag, so that they are in one slot
            return RedisClusterStorage(
                "redis+cluster://" + ",".join(f"{host}:{port}" for host, port in where.seeds),
                implementation="redispy",
                key_prefix=prefix,
                **clients.cluster_options(where, _DEADLINE_SECONDS),
            )
        self._primary = clients.Primary(where, _DEADLINE_SECONDS)
        return RedisStorage(
            "redis://",
            implementation="redispy",
            key_prefix=prefix,
            connection_pool=self._primary.client.connection_pool,  # type: ignore[arg-type]  # documented so, typed as a plain option
        )

    async def hit(self, rule: Rule, *identifiers: str | UUID | None) -> None:
        """Count one hit of `rule` by whom `identifiers` name together. Raises RateLimited when it is one too
        many; it is then not counted.

        An IPv6 address counts as its /64, which is what one customer is given. An unknown one (None) counts
        with all unknown ones.
        """
        name = (self._known_names if rule in _OFTEN else self._name)(rule, identifiers)
        seconds = await self._wait(rule, name)
        if seconds > 0:
            self.refusals[rule] += 1
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
        known = f"{rule}/{name}"
        while self._shared is not None and self.away is None:
            now = time.monotonic()
            if (until := self._refused.get(known, 0.0)) > now:
                # whoever goes on in spite of a refusal costs no more than this
                return until - now
            paid, until = self._paid.get(known, (0, 0.0))
            if paid and until > now:
                self._paid[known] = paid - 1, until
                return 0.0
            if (buying := self._buying.get(known)) is not None:
                await buying.wait()
                continue
            try:
                async with asyncio.timeout(_DEADLINE_SECONDS), self._buy(known, rule):
                    return await self._ask(self._shared, rule, name, known)
            except Exception as error:  # noqa: BLE001 - redis-py raises anything on a cut connection; a limiter
                # in trouble must not fail what it guards
                self._lost(error)
        return self._alone[rule].hit(name)

    @asynccontextmanager
    async def _buy(self, known: str, rule: Rule) -> AsyncIterator[None]:
        """A turn at Redis; of those who want the same lump at the same time, one takes it for all."""
        done = asyncio.Event()
        if self._lumps[rule] > 1:
            self._buying[known] = done
        try:
            async with self._turn:
                yield
        finally:
            self._buying.pop(known, None)
            done.set()

    async def _ask(self, shared: SlidingWindowCounterRateLimiter, rule: Rule, name: str, known: str) -> float:
        rate, lump = self._rates[rule], self._lumps[rule]
        if await shared.hit(rate, name, cost=lump):
            if lump > 1:
                _keep(self._paid, known, (lump - 1, time.monotonic() + rate.get_expiry()))
            return 0.0
        if lump > 1 and await shared.hit(rate, name):
            return 0.0
        stats = await shared.get_window_stats(rate, name)
        seconds = max(stats.reset_time - time.time(), 0.001)
        _keep(self._refused, known, time.monotonic() + seconds)
        return seconds

    def _lost(self, error: Exception) -> None:
        if self.away is None:
            _log.warning("rate limits count without redis", extra={"reason": type(error).__name__})
            # in a context of its own: it is no part of the request that found out
            self.away = asyncio.create_task(self._return(), name="limits return", context=Context())

    async def _return(self) -> None:
        while not self._closed:
            await asyncio.sleep(_RETURN_SECONDS)
            try:
                async with asyncio.timeout(_DEADLINE_SECONDS):
                    await clients.well(self._client)
            except Exception:  # noqa: BLE001 - as in `_wait`
                continue
            self.away = None
            _log.info("rate limits count in redis again")
            return

    async def aclose(self) -> None:
        """Close the connections."""
        # redis-py swallows a cancellation that comes while it connects
        self._closed = True
        if self.away is not None:
            self.away.cancel()
            await asyncio.gather(self.away, return_exceptions=True)
        if self._primary is not None:
            await self._primary.aclose()
        elif self._shared is not None:
            await self._client.aclose()


def _keep(kept: OrderedDict[str, T], name: str, value: T) -> None:
    """Of too many, the oldest goes."""
    kept[name] = value
    kept.move_to_end(name)
    if len(kept) > _KEPT:
        kept.popitem(last=False)


@functools.lru_cache(4096)
def _network(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        return text
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), 64), strict=False))
    return text
