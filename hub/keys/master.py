"""Master keys: everything that an older one has wrapped is wrapped by the first one."""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from hub.db.queries import load
from hub.keys.rotation import actor
from hub.security.keyring import place
from hub.security.principal import PLATFORM
from hub.security.sealing import MasterKeys, kid_of

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.scope import Scope

_queries = load("keys")
ALL_SIGNING_KEYS: Final = _queries["all_signing_keys"]
REWRAP_SIGNING_KEY: Final = _queries["rewrap_signing_key"]

_SECRET_BYTES: Final = 32


def new_master_key() -> str:
    """A fresh key, as HUB_MASTER_KEYS takes it: `kid:base64`."""
    kid = f"{datetime.now(UTC):%Y%m%d}-{os.urandom(3).hex()}"
    return f"{kid}:{base64.b64encode(os.urandom(_SECRET_BYTES)).decode()}"


async def rewrap_signing(database: Database, master_keys: MasterKeys) -> int:
    """Wrap the signing keys by the first master key; how many were due. Raises SealBroken."""

    async def work(scope: Scope) -> int:
        count = 0
        for row in await scope.fetch(ALL_SIGNING_KEYS):
            if kid_of(row["wrapped"]) == master_keys.current or row["state"] == "over":
                continue
            secret = master_keys.unwrap(row["wrapped"], place(row["kid"]))
            wrapped = master_keys.wrap(secret, place(row["kid"]))
            count += await scope.execute(REWRAP_SIGNING_KEY, row["kid"], row["wrapped"], wrapped)
        return count

    return await database.transaction(PLATFORM, actor(), work, idempotent=True)
