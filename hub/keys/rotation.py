"""New keys: for tokens, and for the data of hotels. Nobody who is at work notices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from hub.db.ids import uuid7
from hub.db.queries import load
from hub.db.scope import Actor
from hub.errors import NotFound
from hub.security import events
from hub.security.keyring import LOCK_SIGNING_KEYS, new_signing_key
from hub.security.principal import PLATFORM
from hub.security.vault import PURPOSES

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.scope import Scope
    from hub.security.sealing import MasterKeys
    from hub.security.vault import Vault

_queries = load("keys")
HOTELS: Final = _queries["hotels"]
ADD_SIGNING_KEY: Final = _queries["add_signing_key"]
LIMIT_SIGNING_KEYS: Final = _queries["limit_signing_keys"]
REMOVE_SIGNING_KEYS: Final = _queries["remove_signing_keys"]
RETIRE_DATA_KEYS: Final = _queries["retire_data_keys"]
INSERT_DATA_KEY: Final = _queries["insert_data_key"]

# Looks of every process at the keys before a new one signs: one may fail, and so may the next.
_LOOKS: Final = 6


def actor() -> Actor:
    """Who the audit says it was."""
    return Actor(user_id=None, role="keys", request_id=uuid7())


async def hotels(database: Database, slug: str | None) -> dict[UUID, str]:
    """The slugs of all hotels by their ids, or of one. Raises NotFound."""
    async with database.read(PLATFORM, actor()) as scope:
        rows = await scope.fetch(HOTELS, slug)
    if not rows:
        raise NotFound(f"there is no hotel {slug!r}.")
    return {row["id"]: row["slug"] for row in rows}


async def rotate_signing(
    database: Database, master_keys: MasterKeys, *, look_seconds: float, token_seconds: float
) -> tuple[str, float]:
    """A new key for tokens; its kid, and in how many seconds it signs.

    `look_seconds` is how often the processes look for new keys, `token_seconds` the longest life of a token.
    The old keys verify until their last tokens are over; those that have no tokens any more go.
    """
    kid, wrapped = new_signing_key(master_keys)
    delay = look_seconds * _LOOKS

    async def work(scope: Scope) -> None:
        await scope.execute(LOCK_SIGNING_KEYS)
        await scope.execute(REMOVE_SIGNING_KEYS)
        await scope.execute(ADD_SIGNING_KEY, kid, wrapped, delay)
        # A process that was late to look has signed with the old one a little longer.
        await scope.execute(LIMIT_SIGNING_KEYS, kid, 2 * delay + token_seconds)
        await events.record(scope, "key.rotated", kid, {"purpose": "token"})

    await database.transaction(PLATFORM, actor(), work, idempotent=False)
    return kid, delay


async def rotate_data(database: Database, vault: Vault, tenant_id: UUID) -> bool:
    """New keys for the data of a hotel; False when it has none yet."""

    async def work(scope: Scope) -> bool:
        if not await scope.execute(RETIRE_DATA_KEYS, tenant_id):
            return False
        for purpose in PURPOSES:
            name, wrapped = vault.new_key(tenant_id)
            await scope.execute(INSERT_DATA_KEY, tenant_id, name, purpose, wrapped)
            await events.record(scope, "key.rotated", name, {"purpose": purpose})
        return True

    return await database.transaction(tenant_id, actor(), work, idempotent=True)
