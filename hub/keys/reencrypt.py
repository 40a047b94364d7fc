"""Re-encryption: everything that is sealed gets the newest key, while the hotels work; then old keys go.

It can be stopped at any moment and begun again: what has the newest key is passed over. A row that somebody
changes meanwhile is looked at once more. PINs are the exception: nobody knows them, so the key that they were
hashed with, the first index key of the hotel, stays until they are to be forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from hub.db.queries import load
from hub.errors import InvalidInput, SealBroken
from hub.keys.rotation import actor
from hub.keys.walks import WALKS, Walk
from hub.security import events
from hub.security.sealing import MasterKeys, kid_of

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.scope import Scope
    from hub.security.vault import Ring, Vault

_queries = load("keys")
ALL_DATA_KEYS: Final = _queries["all_data_keys"]
REWRAP_DATA_KEY: Final = _queries["rewrap_data_key"]
REMOVE_FIELD_KEYS: Final = _queries["remove_field_keys"]
REMOVE_INDEX_KEYS: Final = _queries["remove_index_keys"]
FORGET_PINS: Final = _queries["forget_pins"]
SEALED_ROWS: Final = _queries["sealed_rows"]

# A new key is used after two looks of every process; two more let the transactions of before come to an end.
_LOOKS: Final = 4
_BATCH: Final = 100
# A row that is changed again and again is left to the next run.
_ATTEMPTS: Final = 5


class Outcome(Struct):
    """What was done in a hotel: rows written, keys wrapped by another master key, keys removed; and the rows
    that still need an old key, with the reason."""

    rows: int = 0
    wrapped: int = 0
    removed: int = 0
    left: list[str] = []


class _Step(Struct):
    """One batch: the last row that was looked at, and those that were changed by somebody meanwhile."""

    last: UUID | None
    seen: int
    written: int
    left: list[str]


class Reencryption:
    """`database` and `vault` work as hub_admin. `advance` is told how many rows were looked at, `waiting` for
    how many seconds nothing happens because processes have yet to learn of a key."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        master_keys: MasterKeys,
        look_seconds: float,
        *,
        advance: Callable[[int], None] = lambda _: None,
        waiting: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._master_keys = master_keys
        self._settled = look_seconds * _LOOKS
        self._advance = advance
        self._waiting = waiting

    async def size(self, tenant_id: UUID) -> int:
        """How many rows there are to look at."""
        async with self._database.read(tenant_id, actor()) as scope:
            count = await scope.fetchval(SEALED_ROWS, tenant_id)
        assert isinstance(count, int)
        return count

    async def hotel(self, tenant_id: UUID, *, forget_pins: bool = False) -> Outcome:
        """Bring one hotel to its newest keys. Raises SealBroken when the master keys do not open them, and
        Unavailable."""
        done = Outcome()
        keys = await self._keys(tenant_id)
        if not keys:
            return done
        done.wrapped = await self._rewrap(tenant_id, keys)
        # Keys that were never rotated are used from the first moment.
        if (seconds := keys[0]["wait_seconds"]) > 0 and any(key["retired_at"] for key in keys):
            self._waiting(seconds)
            await asyncio.sleep(seconds)
        for walk in WALKS:
            await self._walk(tenant_id, walk, done)
        done.removed = await self._remove(tenant_id, complete=not done.left, forget_pins=forget_pins)
        return done

    async def _keys(self, tenant_id: UUID) -> list[asyncpg.Record]:
        async with self._database.read(tenant_id, actor()) as scope:
            return await scope.fetch(ALL_DATA_KEYS, tenant_id, self._settled)

    async def _rewrap(self, tenant_id: UUID, keys: list[asyncpg.Record]) -> int:
        due = [key for key in keys if kid_of(key["wrapped"]) != self._master_keys.current]

        async def work(scope: Scope) -> int:
            count = 0
            for key in due:
                wrapped = self._vault.rewrap(tenant_id, key["id"], key["wrapped"])
                count += await scope.execute(REWRAP_DATA_KEY, tenant_id, key["id"], key["wrapped"], wrapped)
            return count

        return await self._database.transaction(tenant_id, actor(), work, idempotent=True) if due else 0

    async def _walk(self, tenant_id: UUID, walk: Walk, done: Outcome) -> None:
        after: UUID | None = None
        size = _BATCH
        while True:

            async def work(scope: Scope, after: UUID | None = after, size: int = size) -> _Step:
                return await self._batch(scope, walk, after, size)

            try:
                step = await self._database.transaction(tenant_id, actor(), work, idempotent=True)
            except asyncpg.UniqueViolationError:
                # Two rows have the same text, one under the old index and one under the new.
                if size > 1:
                    size = 1
                    continue
                step = await self._skip(tenant_id, walk, after)
            done.rows += step.written
            done.left += step.left
            if step.last is None:
                return
            after = step.last
            self._advance(step.seen)

    async def _batch(self, scope: Scope, walk: Walk, after: UUID | None, size: int) -> _Step:
        ring = await self._vault.ring(scope)
        rows = await scope.fetch(walk.batch, scope.tenant_id, after, size)
        step = _Step(rows[-1]["id"] if rows else None, len(rows), 0, [])
        for row in rows:
            try:
                step.written += await self._renew(scope, walk, ring, row, after)
            except (SealBroken, InvalidInput) as error:
                step.left.append(f"{walk.table} {row['id']}: {error.message}")
            after = row["id"]
        return step

    async def _renew(
        self, scope: Scope, walk: Walk, ring: Ring, row: asyncpg.Record, after: UUID | None
    ) -> int:
        """Write one row, the next one after `after`; 1 when it was due."""
        for _ in range(_ATTEMPTS):
            old = [row[name] for name in walk.names]
            new = await walk.renewed(scope, self._vault, ring, row)
            if new == old:
                return 0
            if await scope.execute(walk.replace, scope.tenant_id, row["id"], *new, *old):
                return 1
            again = await scope.fetchrow(walk.batch, scope.tenant_id, after, 1)
            if again is None or again["id"] != row["id"]:
                return 0  # it was deleted
            row = again
        raise InvalidInput("it is changed all the time.")

    async def _skip(self, tenant_id: UUID, walk: Walk, after: UUID | None) -> _Step:
        async with self._database.read(tenant_id, actor()) as scope:
            row = await scope.fetchrow(walk.batch, tenant_id, after, 1)
        if row is None:
            return _Step(None, 0, 0, [])
        return _Step(row["id"], 1, 0, [f"{walk.table} {row['id']}: another row has the same text."])

    async def _remove(self, tenant_id: UUID, *, complete: bool, forget_pins: bool) -> int:
        """Remove the keys that nothing needs any more; an index key only after a `complete` walk."""

        async def work(scope: Scope) -> int:
            removed = await scope.execute(REMOVE_FIELD_KEYS, tenant_id)
            keys = await scope.fetch(ALL_DATA_KEYS, tenant_id, self._settled)
            indexes = [key for key in keys if key["purpose"] == "index"]
            gone = [key["id"] for key in indexes if key["retired_at"] is not None]
            if gone and forget_pins:
                await scope.execute(FORGET_PINS, tenant_id)
            else:
                gone = gone[1:]  # the first one tells whether a PIN is right
            if complete:
                removed += await scope.execute(REMOVE_INDEX_KEYS, tenant_id, gone)
            await events.record(scope, "key.reencrypted", None, {"removed": removed})
            return removed

        return await self._database.transaction(tenant_id, actor(), work, idempotent=True)
