"""States in Redis. Nobody can read them there, nor put one there, without a master key: each is sealed for
its key alone."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hiredis import ReplyError

from hub.realtime.states import REUSE_SECONDS, Kept
from hub.redis.fleet import Fleet
from hub.redis.line import Refused, pack
from hub.security.sealing import derived

if TYPE_CHECKING:
    from uuid import UUID

    from hub.settings import Settings

# A join must not wait for Redis: PostgreSQL has the state as well.
_PATIENCE_SECONDS: Final = 0.15
# Nobody waits for what is put there.
_PUT_SECONDS: Final = 2.0
# Who has not answered is not asked again for so long.
_REST_SECONDS: Final = 2.0
# A reading of a state takes milliseconds; one that was given up blocks nobody for longer.
_CLAIM_MS: Final = 1000
# The states of a few hotels that are far larger than all others would fill Redis.
_MOST_BYTES: Final = 4 * 2**20
_NONCE_BYTES: Final = 12
_decoder: Final = msgspec.json.Decoder(Kept)
_log = logging.getLogger(__name__)


def open_shelf(settings: Settings) -> RedisShelf | None:
    """The shelf in the Redis of the settings, None without one. Raises SettingError."""
    if settings.redis_url is None:
        return None
    keys = [derived(key, "states") for key in settings.master_keys]
    return RedisShelf(settings.redis_url, settings.namespace, keys)


class RedisShelf:
    """See `Shelf`. `keys` are secrets of 32 bytes: the first one seals, every one opens."""

    def __init__(self, url: str, namespace: str, keys: Sequence[bytes]) -> None:
        """Connects to nothing yet. Raises SettingError."""
        self._fleet = Fleet(url)
        self._namespace = namespace
        self._ciphers = [AESGCM(key) for key in keys]
        self._rests_until = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def take(self, tenant_id: UUID) -> Kept | None:
        key = self._key(tenant_id, "state")
        sealed = await self._ask(key, "GET", key)
        return self._open(key, sealed) if isinstance(sealed, bytes) else None

    async def claim(self, tenant_id: UUID) -> bool:
        key = self._key(tenant_id, "reading")
        claimed = await self._ask(key, "SET", key, "1", "NX", "PX", str(_CLAIM_MS))
        # None also when Redis is away: then everybody reads
        return claimed is not None or self._resting

    async def put(self, tenant_id: UUID, kept: Kept) -> None:
        key, reading = self._key(tenant_id, "state"), self._key(tenant_id, "reading")
        sealed = self._seal(key, kept)
        if len(sealed) <= _MOST_BYTES:
            seconds = str(int(REUSE_SECONDS))
            await self._ask(key, "SET", key, sealed, "EX", seconds, patience=_PUT_SECONDS)
        await self._ask(reading, "DEL", reading, patience=_PUT_SECONDS)

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

    async def _ask(self, key: str, *words: str | bytes, patience: float = _PATIENCE_SECONDS) -> Any:
        """The answer of whoever has `key`, None when there is none soon."""
        if self._resting:
            return None
        try:
            owner = self._fleet.topology.owner(key)
            if owner is None:
                raise Refused("nobody is known to have the key")
            async with asyncio.timeout(patience):
                (answer,) = await self._fleet.lines.ask(owner, pack(*words))
            if isinstance(answer, ReplyError):
                raise answer
        except (OSError, ReplyError) as error:
            self._rests_until = asyncio.get_running_loop().time() + _REST_SECONDS
            _log.info("states are not shared", extra={"reason": type(error).__name__})
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look(), name="states look")
            return None
        return answer

    async def _look(self) -> None:
        """Find out who has what now."""
        try:
            if await self._fleet.topology.look():
                self._rests_until = 0.0
        except OSError:
            return  # it stays as it was, until somebody asks again

    async def aclose(self) -> None:
        """Close the connections."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await self._fleet.aclose()
