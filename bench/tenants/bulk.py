"""Years of orders in a database, written without the triggers: neither the log nor the versions of old orders
are what is measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from uuid import UUID

if TYPE_CHECKING:
    from hub.db.pool import Connection

_PER_HOTEL: Final = """
INSERT INTO app.orders (
    tenant_id, business_date, order_number, stay_id, room_number, status, version, subtotal_amount,
    tax_amount, total_amount, prices_include_tax, finished_at, created_at
)
SELECT
    $1, (moment.at)::date, n, s.id, s.room_number,
    CASE WHEN n % 500 = 0 THEN 'received' ELSE 'delivered' END, 1, 900, 81, 900, true,
    CASE WHEN n % 500 = 0 THEN NULL ELSE moment.at + interval '20 minutes' END,
    moment.at
FROM generate_series(1, $2::integer) AS n
-- the numbers of the last days are those of orders that are placed while it is measured
CROSS JOIN LATERAL (SELECT now() - interval '2 days' - n * $3::interval AS at) AS moment
JOIN (
    SELECT id, room_number, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS stays
    FROM app.stays WHERE tenant_id = $1 AND ended_at IS NULL
) AS s ON s.place = n % s.stays
"""
# An order a year long ago has two items, as a fresh one has.
_ITEMS: Final = """
INSERT INTO app.order_items (
    tenant_id, order_id, line, menu_item_id, name_ja, name_en, tax_class, tax_rate_bp, unit_price, quantity,
    total_price, station, preparation_minutes
)
SELECT o.tenant_id, o.id, line, m.id, m.name_ja, coalesce(m.name_en, m.name_ja), m.tax_class, 1000, 450, 1,
    450, m.station, m.preparation_minutes
FROM app.orders AS o
JOIN LATERAL (
    SELECT * FROM app.menu_items AS i WHERE i.tenant_id = o.tenant_id ORDER BY i.display_order LIMIT 1
) AS m ON true
CROSS JOIN generate_series(1, 2) AS line
WHERE o.tenant_id = $1 AND o.created_at < now() - interval '1 day'
"""
_EVENTS: Final = """
INSERT INTO app.events (tenant_id, seq, kind, subject, version, topics, payload, xid)
SELECT o.tenant_id, h.seq + row_number() OVER (ORDER BY o.created_at, o.id), 'order', o.id, 1,
    ARRAY['kitchen', 'stay:' || o.stay_id], o.document, pg_current_xact_id()
FROM app.order_documents AS o JOIN app.tenant_heads AS h ON h.tenant_id = o.tenant_id
WHERE o.tenant_id = $1 AND o.created_at BETWEEN now() - interval '7 days' AND now() - interval '1 day'
"""
_HEAD: Final = """
UPDATE app.tenant_heads AS h
SET seq = (SELECT max(e.seq) FROM app.events AS e WHERE e.tenant_id = h.tenant_id)
WHERE tenant_id = $1 AND EXISTS (SELECT FROM app.events AS e WHERE e.tenant_id = h.tenant_id)
"""
_ANSWERS: Final = """
INSERT INTO app.idempotency (tenant_id, principal_id, op_id, operation, request_hash, answer)
SELECT o.tenant_id, o.stay_id, o.id, 'order.place', sha256(''), '{}'
FROM app.orders AS o
WHERE o.tenant_id = $1 AND o.created_at BETWEEN now() - interval '4 days' AND now() - interval '1 day'
"""


async def fill(admin: Connection, tenants: list[UUID], orders: int, say: Callable[[int], None]) -> int:
    """Give the hotels `orders` orders together, with items and a week of events; how many there are now.
    `admin` is a superuser."""
    each = max(1, orders // len(tenants))
    gap = f"{max(1, round(365 * 86_400 / each))} seconds"
    await admin.execute("SET session_replication_role = replica")
    try:
        for number, tenant in enumerate(tenants, 1):
            async with admin.transaction():
                await admin.execute(_PER_HOTEL.replace("$3::interval", f"interval '{gap}'"), tenant, each)
                for statement in (_ITEMS, _EVENTS, _HEAD, _ANSWERS):
                    await admin.execute(statement, tenant)
            say(number * each)
    finally:
        await admin.execute("SET session_replication_role = origin")
    await admin.execute("VACUUM ANALYZE")
    count: int = await admin.fetchval("SELECT count(*) FROM app.orders")
    return count
