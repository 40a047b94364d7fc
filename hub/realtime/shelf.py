"""States in Redis. Nobody can read them there, nor put one there, without a master key: each is sealed for
its key alone."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
import redis.asyncio
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from hub.realtime.states import REUSE_SECONDS, Kept

if TYPE_CHECKING:
    from uuid import UUID

T = TypeVar("T")
# A join must not wait for Redis: PostgreSQL has the state as well.
_PATIENCE_SECONDS: Final = 0.1
# A storm of joins of many hotels at once waits in line for so many connections.
_CONNECTIONS: Final = 8
# Who has not answered is not asked again for so long.
_REST_SECONDS: Final = 2.0
# A reading of a state takes milliseconds; one that was given up blocks nobody for longer.
_CLAIM_MS: Final = 1000
# The states of a few hotels that are far larger than all others would fill Redis.
_MOST_BYTES: Final = 8 * 2**20
_NONCE_BYTES: Final = 12
_decoder: Final = msgspec.json.Decoder(Kept)
_log = logging.getLogger(__name__)


def client(url: str) -> redis.asyncio.Redis:
    """A client that gives up soon, and meets no error by connecting again silently."""
    return redis.asyncio.Redis.from_url(
        url,
        protocol=2,
        socket_timeout=_PATIENCE_SECONDS,
        socket_connect_timeout=_PATIENCE_SECONDS,
        retry=Retry(NoBackoff(), 0, supported_errors=()),
    )


class RedisShelf:
    """See `Shelf`. `keys` are secrets of 32 bytes: the first one seals, every one opens."""

    def __init__(self, url: str, namespace: str, keys: Sequence[bytes]) -> None:
        self._client = client(url)
        self._turn = asyncio.Semaphore(_CONNECTIONS)
        self._namespace = namespace
        self._ciphers = [AESGCM(key) for key in keys]
        self._rests_until = 0.0

    async def take(self, tenant_id: UUID) -> Kept | None:
        key = self._key(tenant_id, "state")
        sealed = await self._ask(lambda: self._client.get(key))
        return self._open(key, sealed) if isinstance(sealed, bytes) else None

    async def claim(self, tenant_id: UUID) -> bool:
        key = self._key(tenant_id, "reading")
        claimed = await self._ask(lambda: self._client.set(key, b"1", nx=True, px=_CLAIM_MS))
        # None also when Redis is away: then everybody reads
        return claimed is not None or self._resting

    async def put(self, tenant_id: UUID, kept: Kept) -> None:
        key = self._key(tenant_id, "state")
        sealed = self._seal(key, kept)
        if len(sealed) <= _MOST_BYTES:
            await self._ask(lambda: self._client.set(key, sealed, ex=int(REUSE_SECONDS)))
        await self._ask(lambda: self._client.delete(self._key(tenant_id, "reading")))

    def _key(self, tenant_id: UUID, what: str) -> str:
        # the braces keep a tenant's keys together on a cluster
        return f"{self._namespace}:{{{tenant_id}}}:{what}"

    def _seal(self, key: str, kept: Kept) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._ciphers[0].encrypt(nonce, msgspec.json.encode(kept), key.encode())

    def _open(self, key: str, sealed: bytes) -> Kept | None:
        for cipher in self._ciphers:
            try:
                plain = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], key.encode())
                return _decoder.decode(plain)
            except (InvalidTag, ValueError):  # ValueError: too short, or of another version of the hub
                continue
        _log.warning("a state in redis is not the hub's own")
        return None

    @property
    def _resting(self) -> bool:
        return asyncio.get_running_loop().time() < self._rests_until

    async def _ask(self, question: Callable[[], Awaitable[T]]) -> T | None:
        """The answer, None when Redis does not give one soon."""
        try:
            async with self._turn, asyncio.timeout(_PATIENCE_SECONDS):
                return None if self._resting else await question()
        except Exception as error:  # noqa: BLE001 - redis-py raises anything on a connection that is cut at the
            # wrong moment, and nothing of it may end a join
            self._rests_until = asyncio.get_running_loop().time() + _REST_SECONDS
            _log.info("states are not shared", extra={"reason": type(error).__name__})
            return None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
