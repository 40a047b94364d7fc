"""The hot queries: how long each takes as hub_api in one hotel of many, and whether it reads whole tables."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct

from hub.db.queries import load_all
from hub.drive.histogram import Histogram

if TYPE_CHECKING:
    from hub.db.pool import Connection

# To read fewer rows whole may be the shorter way.
_MANY_ROWS: Final = 10_000
_LARGE: Final = """
SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'app' AND c.relkind = 'r' AND c.reltuples >= $1
"""


class Place(Struct, frozen=True):
    """What stands in the arguments: things of one hotel."""

    tenant: UUID
    order: UUID
    stay: UUID
    item: UUID
    room: str


# Before the first order.
_FIRST: Final = (datetime(2020, 1, 1, tzinfo=UTC), UUID(int=0))

Arguments = Callable[[Place], tuple[object, ...]]
HOT: Final[dict[str, Arguments]] = {
    "menu.menu": lambda p: (p.tenant,),
    "orders.document": lambda p: (p.tenant, p.order, None),
    "orders.active_orders": lambda p: (p.tenant, *_FIRST, 101),
    "orders.active_orders_of_stay": lambda p: (p.tenant, *_FIRST, 101, p.stay),
    "orders.terms": lambda p: (p.tenant, p.stay, datetime.now(UTC), True),
    "orders.menu_items": lambda p: (p.tenant, [p.item]),
    "orders.basis": lambda p: (p.tenant, p.stay, [p.item], datetime.now(UTC), True),
    "orders.lock_order": lambda p: (p.tenant, p.order, None),
    "log.state": lambda p: (p.tenant, datetime.now(UTC)),
    "log.events_after": lambda p: (p.tenant, 0, 100),
}


class Found(Struct, frozen=True):
    """One query: its times, the indexes of its plan, and big tables that the plan reads whole."""

    name: str
    took: Histogram
    indexes: list[str]
    scanned: list[str]


async def measure(api: Connection, places: list[Place], repeats: int) -> list[Found]:
    """Every hot query `repeats` times, hotels in turn, each in the scope of its hotel."""
    texts = {query.name: query.text for queries in load_all().values() for query in queries.values()}
    large = frozenset(row["relname"] for row in await api.fetch(_LARGE, _MANY_ROWS))
    found = []
    for name, arguments in HOT.items():
        took = Histogram()
        for number in range(-3, repeats):
            place = places[number % len(places)]
            async with api.transaction():
                await api.execute(f"SET LOCAL app.current_tenant_id = '{place.tenant}'")
                started = time.perf_counter()
                await api.fetch(texts[name], *arguments(place))
                if number >= 0:
                    took.add(time.perf_counter() - started)
        indexes, scanned = await _plan(api, texts[name], arguments(places[0]), places[0], large)
        found.append(Found(name, took, indexes, scanned))
    return found


async def _plan(
    api: Connection, text: str, arguments: tuple[object, ...], place: Place, large: frozenset[str]
) -> tuple[list[str], list[str]]:
    async with api.transaction():
        await api.execute(f"SET LOCAL app.current_tenant_id = '{place.tenant}'")
        told = await api.fetchval(f"EXPLAIN (FORMAT JSON) {text}", *arguments)
    indexes: set[str] = set()
    scanned: set[str] = set()

    def walk(node: dict[str, Any]) -> None:
        if "Index Name" in node:
            indexes.add(node["Index Name"])
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in large:
            scanned.add(node["Relation Name"])
        for child in node.get("Plans", ()):
            walk(child)

    walk(msgspec.json.decode(told)[0]["Plan"])
    return sorted(indexes), sorted(scanned)
