"""Plans of PostgreSQL as data, and a database of many hotels to make them for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from tests.factories import Hotel, make_hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection

HOTELS: Final = 200
ORDERS: Final = 200_000
EVENTS: Final = 400_000
# A few rows for each hotel: to read them all may be the shorter way.
SMALL: Final = {"tenants", "tenant_heads", "allergen_lists"}
PLANS: Final = ["force_generic_plan", "force_custom_plan"]

_FIELDS: Final = {
    "kind": "Node Type",
    "index": "Index Name",
    "relation": "Relation Name",
    "arbiters": "Conflict Arbiter Indexes",
    "plans": "Plans",
}


class Node(Struct, frozen=True, rename=_FIELDS):
    """A step of a plan, as EXPLAIN tells it."""

    kind: str
    index: str | None = None
    relation: str | None = None
    arbiters: list[str] = []
    plans: list[Node] = []

    def walk(self) -> Iterator[Node]:
        yield self
        for plan in self.plans:
            yield from plan.walk()


class _Explained(Struct, frozen=True, rename={"plan": "Plan"}):
    plan: Node


async def explain(connection: Connection, query: str, arguments: str) -> list[Node]:
    """The steps of the plan of a prepared statement; `arguments` is SQL."""
    await connection.execute(f"PREPARE hot AS {query}")
    try:
        text = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE hot ({arguments})")
    finally:
        await connection.execute("DEALLOCATE hot")
    return list(msgspec.json.decode(text, type=list[_Explained])[0].plan.walk())


async def fill(admin: Connection) -> list[Hotel]:
    """Two hundred hotels, which share 200,000 orders and their events; one order in two hundred is active."""
    hotels = [await make_hotel(admin) for _ in range(HOTELS)]
    # without the triggers: the log and the versions are not what is measured here
    await admin.execute("SET session_replication_role = replica")
    for number, hotel in enumerate(hotels):
        await admin.execute(
            "INSERT INTO app.orders (tenant_id, business_date, order_number, stay_id, room_number, status,"
            " version, subtotal_amount, tax_amount, total_amount, prices_include_tax, finished_at,"
            " created_at) SELECT $1, date '2026-01-01' + n / 50, n, $2, (101 + n % 20)::text,"
            " CASE WHEN n % 200 = 0 THEN 'received' ELSE 'delivered' END, 1, 900, 81, 900, true,"
            " CASE WHEN n % 200 = 0 THEN NULL ELSE now() - n * interval '10 minutes' END,"
            " now() - n * interval '10 minutes' FROM generate_series(1, $3::integer) AS n",
            hotel.tenant_id,
            hotel.rooms[number % 2].stay_id,
            ORDERS // HOTELS,
        )
    for statement in (
        "INSERT INTO app.menu_items (tenant_id, name_ja, price, category, stock_quantity)"
        " SELECT t.id, n::text, n, 'meals', n FROM app.tenants AS t, generate_series(1, 50) AS n",
        "INSERT INTO app.order_items (tenant_id, order_id, line, menu_item_id, name_ja, name_en, tax_class,"
        " tax_rate_bp, unit_price, quantity, total_price, station, preparation_minutes)"
        " SELECT o.tenant_id, o.id, 1, m.id, 'soup', 'soup', 'food', 1000, 900, 1, 900, 'kitchen', 10"
        " FROM app.orders AS o JOIN app.menu_items AS m ON m.tenant_id = o.tenant_id AND m.name_en = 'soup'",
        # one transaction wrote each, and hotels take turns
        "INSERT INTO app.events (tenant_id, seq, kind, subject, version, topics, payload, xid)"
        " SELECT t.id, n, 'order', gen_random_uuid(), 1, '{kitchen}', jsonb_build_object('n', n),"
        f" (row_number() OVER (ORDER BY n, t.id))::text::xid8"
        f" FROM app.tenants AS t, generate_series(5, {EVENTS // HOTELS}) AS n ORDER BY n, t.id"
        " ON CONFLICT DO NOTHING",
        f"UPDATE app.tenant_heads SET seq = {EVENTS // HOTELS}",
        "INSERT INTO app.idempotency (tenant_id, principal_id, op_id, operation, request_hash, answer)"
        " SELECT o.tenant_id, o.stay_id, o.id, 'order.place', sha256(''), '{}' FROM app.orders AS o",
        "INSERT INTO app.stays (tenant_id, room_number, started_at, ended_at)"
        " SELECT t.id, (101 + n % 20)::text, now() - n * interval '1 day', now() - n * interval '1 day'"
        " FROM app.tenants AS t, generate_series(1, 100) AS n",
        "INSERT INTO app.device_rooms (tenant_id, device_name, device_type, room_number, status)"
        " SELECT id, n::text, 'tablet', n::text, 'active' FROM app.tenants, generate_series(1, 50) AS n",
        "INSERT INTO app.device_rooms (tenant_id, device_name, device_type, room_number, stay_id, status)"
        " SELECT tenant_id, 'Phone', 'phone', room_number, id,"
        " CASE WHEN ended_at IS NULL THEN 'active' ELSE 'retired' END FROM app.stays",
        "INSERT INTO app.pages (tenant_id, slug, title_ja, content_ja, is_shown)"
        " SELECT id, 'p' || n, n::text, repeat('x', 500), n % 5 = 0"
        " FROM app.tenants, generate_series(1, 50) AS n",
        "INSERT INTO app.device_presence (tenant_id, device_id, online, session_generation, last_seen_at)"
        " SELECT tenant_id, id, true, 1, now() FROM app.device_rooms",
        "INSERT INTO app.pairing_codes (tenant_id, device_id, code_hash, expires_at)"
        " SELECT tenant_id, id, sha256(id::text::bytea), now() + interval '1 hour' FROM app.device_rooms",
        "SET session_replication_role = origin",
    ):
        await admin.execute(statement)
    await admin.execute("VACUUM ANALYZE")
    return hotels


def check(nodes: list[Node], must: str, may: set[str] | None = None) -> None:
    indexes = {name for node in nodes for name in (node.index, *node.arbiters) if name is not None}
    scanned = [node.relation for node in nodes if node.kind == "Seq Scan" and node.relation not in SMALL]
    assert not scanned, f"reads whole tables: {scanned}"
    assert any(index.startswith(must) for index in indexes), indexes
    assert may is None or indexes <= may


async def read_whole(connection: Connection) -> list[str]:
    """The large tables that this transaction has read from end to end, in functions too."""
    rows = await connection.fetch("SELECT relname FROM pg_stat_xact_user_tables WHERE seq_scan > 0")
    return [row["relname"] for row in rows if row["relname"] not in SMALL | {"relay_bell", "log_origin"}]
