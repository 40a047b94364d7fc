"""A hotel's sealed data: texts that only the hub can read, and hashes by which it finds them.

The keys of a hotel stand in its rows of `data_keys`, wrapped by a master key. A new one is used only when
every process has had the time to learn of it; until then the one before it is.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from hub.db.ids import uuid7
from hub.db.queries import load
from hub.errors import Internal, SealBroken
from hub.security.sealed import INDEXES
from hub.security.sealing import DataKey, MasterKeys, about, blind_index, key_id, new_data_key_secret

if TYPE_CHECKING:
    from hub.db.scope import Scope

_queries = load("security")
DATA_KEYS: Final = _queries["data_keys"]
ADD_DATA_KEY: Final = _queries["add_data_key"]

Purpose: TypeAlias = Literal["field", "index"]
PURPOSES: Final[tuple[Purpose, ...]] = ("field", "index")
# A process may look so many times before a new key is used: once would be a race.
_LOOKS: Final = 2
_CACHED: Final = 10_000
_log = logging.getLogger(__name__)


class Ring(Struct, frozen=True):
    """The keys of one hotel, oldest first. `settled` are those that every process knows."""

    fields: dict[UUID, DataKey]
    indexes: dict[UUID, DataKey]
    settled: frozenset[UUID]
    read_at: float

    @property
    def sealing(self) -> DataKey:
        return self._newest(self.fields)

    @property
    def indexing(self) -> DataKey:
        return self._newest(self.indexes)

    def _newest(self, keys: dict[UUID, DataKey]) -> DataKey:
        settled = [key for key in keys.values() if key.id in self.settled]
        return settled[-1] if settled else next(iter(keys.values()))


class Vault:
    """Seals, opens and indexes texts of the hotel that a scope belongs to.

    The first use in a hotel makes its keys, for which the scope must be one that writes; without them a
    scope that only reads raises Internal. `fresh_seconds` is how long a process trusts what it knows.
    """

    def __init__(self, master_keys: MasterKeys, *, fresh_seconds: float = 5.0) -> None:
        self._master_keys = master_keys
        self._fresh_seconds = fresh_seconds
        self._rings: OrderedDict[UUID, Ring] = OrderedDict()

    async def seal(self, scope: Scope, table: str, column: str, row_id: UUID, text: str) -> str:
        """`text`, sealed with the newest key for this row and no other. Raises Internal."""
        ring = await self._ring(scope, make=True)
        return ring.sealing.seal(text, about(scope.tenant_id, table, column, row_id))

    async def open(self, scope: Scope, table: str, column: str, row_id: UUID, sealed: str) -> str:
        """The text that was sealed for this row, with whichever key. Raises SealBroken."""
        name = key_id(sealed)
        ring = await self._ring(scope)
        if name not in ring.fields:
            ring = await self._ring(scope, again=True)
        if name not in ring.fields:
            raise SealBroken("the key that sealed this text does not exist in its hotel.")
        return ring.fields[name].open(sealed, about(scope.tenant_id, table, column, row_id))

    async def shown(
        self, scope: Scope, table: str, column: str, row_id: UUID, sealed: str | None
    ) -> str | None:
        """The same for people to look at: None also for a text that cannot be opened, which the log tells.
        One damaged row must not hide all others, nor stand in the way of putting it right."""
        if sealed is None:
            return None
        try:
            return await self.open(scope, table, column, row_id, sealed)
        except SealBroken as error:
            where = {"tenant": str(scope.tenant_id), "table": table, "column": column, "row": str(row_id)}
            _log.error("sealed text not opened", extra=where | {"reason": error.message})
            return None

    async def index(self, scope: Scope, label: str, text: str) -> bytes:
        """The 32 bytes to write beside a sealed text; `label` is one of `hub.security.sealed.INDEXES`, whose
        form `text` is brought to. Look rows up with `indexes`. Raises Internal."""
        ring = await self._ring(scope, make=True)
        return blind_index(ring.indexing.secret, label, INDEXES[label].form(text))

    async def indexes(self, scope: Scope, label: str, text: str) -> list[bytes]:
        """What `index` may have written for this text, the newest first: one for each index key. Look up with
        `= ANY`, so that rows are found while their indexes are made anew. Raises Internal."""
        ring = await self._ring(scope, make=True)
        form = INDEXES[label].form(text)
        return [blind_index(key.secret, label, form) for key in reversed(ring.indexes.values())]

    async def digest(self, scope: Scope, label: str, text: str) -> bytes:
        """32 bytes that tell whether a short secret, such as a PIN, is the one that was set. Raises Internal.

        The text is stored nowhere, so no digest can be made anew: they all use the hotel's first index key,
        which stays for as long as there are any.
        """
        ring = await self._ring(scope, make=True)
        return blind_index(next(iter(ring.indexes.values())).secret, f"digest {label}", text)

    async def ring(self, scope: Scope) -> Ring:
        """The keys as they are in the database now."""
        return await self._ring(scope, make=True, again=True)

    async def _ring(self, scope: Scope, *, make: bool = False, again: bool = False) -> Ring:
        ring = self._rings.get(scope.tenant_id)
        if ring is None or again or time.monotonic() - ring.read_at > self._fresh_seconds:
            ring = await self._read(scope)
        if not make or (ring.fields and ring.indexes):
            return ring
        if not scope.writes:
            raise Internal(f"hotel {scope.tenant_id} has no keys yet, and a reading scope cannot make them.")
        for purpose in PURPOSES:
            key_id, wrapped = self.new_key(scope.tenant_id)
            await scope.execute(ADD_DATA_KEY, scope.tenant_id, key_id, purpose, wrapped)
        return await self._read(scope)

    def new_key(self, tenant_id: UUID) -> tuple[UUID, str]:
        """The id of a new data key, and the key as it is stored."""
        name = uuid7()
        return name, self._master_keys.wrap(new_data_key_secret(), place(tenant_id, name))

    def rewrap(self, tenant_id: UUID, name: UUID, wrapped: str) -> str:
        """A stored key, wrapped by the first master key. Raises SealBroken."""
        about_it = place(tenant_id, name)
        return self._master_keys.wrap(self._master_keys.unwrap(wrapped, about_it), about_it)

    async def _read(self, scope: Scope) -> Ring:
        tenant_id = scope.tenant_id
        rows = await scope.fetch(DATA_KEYS, tenant_id, self._fresh_seconds * _LOOKS)
        keys: dict[str, dict[UUID, DataKey]] = {purpose: {} for purpose in PURPOSES}
        for row in rows:
            secret = self._master_keys.unwrap(row["wrapped"], place(tenant_id, row["id"]))
            keys[row["purpose"]][row["id"]] = DataKey(row["id"], secret)
        settled = frozenset(row["id"] for row in rows if row["known"])
        ring = Ring(keys["field"], keys["index"], settled, time.monotonic())
        # What this transaction has made may yet be rolled back: a text sealed with it would never open.
        if rows and all(row["committed"] for row in rows):
            self._rings[tenant_id] = ring
            self._rings.move_to_end(tenant_id)
            if len(self._rings) > _CACHED:
                self._rings.popitem(last=False)
        return ring


def place(tenant_id: UUID, name: UUID) -> str:
    """What a wrapped data key is about."""
    return about(tenant_id, "data_keys", "wrapped", name)
