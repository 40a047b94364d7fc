"""How re-encryption reads and writes each table that has something sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from hub.db.queries import load
from hub.security.sealed import SEALED, Sealed
from hub.security.sealing import about, blind_index, key_id

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from hub.db.queries import Query
    from hub.db.scope import Scope
    from hub.security.vault import Ring, Vault

_queries = load("keys")


class Walk(Struct, frozen=True):
    """`batch` gives the next rows; `replace` takes tenant, row, the new values of its columns in the order
    of `names`, and the old ones."""

    table: str
    batch: Query
    replace: Query

    @property
    def columns(self) -> list[Sealed]:
        return [one for one in SEALED if one.table == self.table]

    @property
    def names(self) -> list[str]:
        """The columns, each text with its index behind it."""
        return [name for one in self.columns for name in one.names]

    async def renewed(self, scope: Scope, vault: Vault, ring: Ring, row: asyncpg.Record) -> list[object]:
        """The row's values with the newest key; those that have it stay as they are. Raises SealBroken for
        a text that cannot be opened, InvalidInput for one that has no index."""
        values: list[object] = []
        for one in self.columns:
            sealed: str | None = row[one.column]
            text = None
            if sealed is not None:
                text = await vault.open(scope, self.table, one.column, row["id"], sealed)
                if key_id(sealed) != ring.sealing.id:
                    sealed = ring.sealing.seal(text, self._place(scope.tenant_id, one, row["id"]))
            values.append(sealed)
            if one.index is not None:
                secret, label = ring.indexing.secret, one.index.label
                values.append(None if text is None else blind_index(secret, label, one.index.form(text)))
        return values

    def _place(self, tenant_id: UUID, one: Sealed, row_id: UUID) -> str:
        return about(tenant_id, self.table, one.column, row_id)


WALKS: Final = (
    Walk("tenants", _queries["tenants_batch"], _queries["tenants_replace"]),
    Walk("staff", _queries["staff_batch"], _queries["staff_replace"]),
    Walk("stays", _queries["stays_batch"], _queries["stays_replace"]),
    Walk("webhooks", _queries["webhooks_batch"], _queries["webhooks_replace"]),
)
