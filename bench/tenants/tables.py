"""What stands in the bench's own database, as its superuser sees it: hotels, orders, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from uuid import UUID

from bench.tenants.hot import Place

if TYPE_CHECKING:
    from bench.report import Row
    from hub.db.pool import Connection

_TENANTS: Final = "SELECT id FROM app.tenants WHERE slug LIKE 'bench-%' ORDER BY id"
_PLACE: Final = """
SELECT $1::uuid AS tenant, o.id AS order, o.stay_id AS stay, o.room_number AS room,
    (SELECT m.id FROM app.menu_items AS m WHERE m.tenant_id = $1 LIMIT 1) AS item
FROM app.orders AS o WHERE o.tenant_id = $1 AND o.status = 'received' LIMIT 1
"""
_INDEXES: Final = """
SELECT c.relname AS name, t.relname AS table, pg_relation_size(c.oid) / 1048576.0 AS mib
FROM pg_class AS c
JOIN pg_index AS i ON i.indexrelid = c.oid
JOIN pg_class AS t ON t.oid = i.indrelid
JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE n.nspname = 'app'
ORDER BY 3 DESC LIMIT 12
"""
_TABLES: Final = """
SELECT c.relname AS name, pg_table_size(c.oid) / 1048576.0 AS mib,
    pg_indexes_size(c.oid) / 1048576.0 AS indexes, c.reltuples::bigint AS rows
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'app' AND c.relkind = 'r'
ORDER BY 2 DESC LIMIT 6
"""


async def tenants(admin: Connection) -> list[UUID]:
    """The hotels of the bench."""
    return [row["id"] for row in await admin.fetch(_TENANTS)]


async def places_in(admin: Connection, hotels: Sequence[UUID]) -> list[Place]:
    """An active order of each hotel that has one."""
    return [
        Place(row["tenant"], row["order"], row["stay"], row["item"], row["room"])
        for hotel in hotels
        if (row := await admin.fetchrow(_PLACE, hotel)) is not None
    ]


async def largest_indexes(admin: Connection) -> list[Row]:
    """In MiB: `name`, `table`, `mib`."""
    return await _rows(admin, _INDEXES)


async def largest_tables(admin: Connection) -> list[Row]:
    """In MiB: `name`, `mib`, its `indexes`; and its `rows`."""
    return await _rows(admin, _TABLES)


async def _rows(admin: Connection, query: str) -> list[Row]:
    return [
        {key: value if isinstance(value, str | int) else round(float(value), 2) for key, value in row.items()}
        for row in await admin.fetch(query)
    ]
