"""The keys that sign tokens: rows of the database, wrapped by a master key and the same for every process.

A process reads them again and again. A rotation adds a key that signs only later, so that every process
verifies with it before the first one signs.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from hub.db.pool import DATABASE_ERRORS
from hub.db.queries import load
from hub.errors import SealBroken, SettingError, Unavailable
from hub.security.tokens import TokenKey

if TYPE_CHECKING:
    from hub.db.pool import Pool
    from hub.security.sealing import MasterKeys

_queries = load("security")
SIGNING_KEYS: Final = _queries["signing_keys"]
LOCK_SIGNING_KEYS: Final = _queries["lock_signing_keys"]
ADD_FIRST_SIGNING_KEY: Final = _queries["add_first_signing_key"]

_SECRET_BYTES: Final = 32
_log = logging.getLogger(__name__)


class Keyring:
    """The keys of one process. `pool` connects as hub_auth."""

    def __init__(self, pool: Pool, master_keys: MasterKeys, every_seconds: float) -> None:
        self._pool = pool
        self._master_keys = master_keys
        self._seconds = every_seconds

    async def first(self) -> tuple[TokenKey, ...]:
        """The keys as `Tokens` takes them. Makes one when none signs.

        Raises SettingError when the master keys do not open them, and Unavailable.
        """
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(LOCK_SIGNING_KEYS.text)
                kid, wrapped = new_signing_key(self._master_keys)
                await connection.execute(ADD_FIRST_SIGNING_KEY.text, kid, wrapped)
            return await self._read()
        except DATABASE_ERRORS as error:
            raise Unavailable("the database does not give the signing keys") from error
        except SealBroken as error:
            raise SettingError(
                f"HUB_MASTER_KEYS does not open the signing keys: {error.message}", field="HUB_MASTER_KEYS"
            ) from error

    async def run(self, known: tuple[TokenKey, ...], replace: Callable[[tuple[TokenKey, ...]], None]) -> None:
        """Tell `replace` whenever the keys are no longer those that are known. Serves until cancelled."""
        while True:
            await asyncio.sleep(self._seconds)
            try:
                keys = await self._read()
            except (*DATABASE_ERRORS, SealBroken) as error:
                _log.warning("signing keys not read", extra={"reason": type(error).__name__})
                continue
            if keys and keys != known:
                known = keys
                replace(keys)
                _log.info("signing keys", extra={"kids": [key.kid for key in keys]})

    async def _read(self) -> tuple[TokenKey, ...]:
        return tuple(
            TokenKey(
                row["kid"], row["algorithm"], self._master_keys.unwrap(row["wrapped"], place(row["kid"]))
            )
            for row in await self._pool.fetch(SIGNING_KEYS.text)
        )


def new_signing_key(master_keys: MasterKeys) -> tuple[str, str]:
    """The kid of a new key, which begins with today's date, and the key as it is stored."""
    kid = f"{datetime.now(UTC):%Y%m%d}-{os.urandom(6).hex()}"
    return kid, master_keys.wrap(os.urandom(_SECRET_BYTES), place(kid))


def place(kid: str) -> str:
    """What a wrapped signing key is about."""
    return f"signing_keys|{kid}"
