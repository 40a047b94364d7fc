"""The hot queries of orders and menu stay on their indexes in a database of many hotels and orders."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import asyncpg
import msgspec
import pytest
from msgspec import Struct

from hub.db.pool import Role
from hub.db.queries import load
from tests.factories import Hotel, make_hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

pytestmark = pytest.mark.slow

ORDERS = 200_000
HOTELS = 50


class Node(Struct, frozen=True, rename={"kind": "Node Type", "index": "Index Name", "plans": "Plans"}):
    """A step of a plan, as EXPLAIN tells it."""

    kind: str
    index: str | None = None
    relation: str | None = msgspec.field(default=None, name="Relation Name")
    plans: list[Node] = []

    def walk(self) -> Iterator[Node]:
        yield self
        for plan in self.plans:
            yield from plan.walk()


class Explained(Struct, frozen=True, rename={"plan": "Plan"}):
    plan: Node


@pytest.fixture(scope="module")
async def crowd(admin: Connection) -> Hotel:
    """One of fifty hotels, which share 200,000 orders; one in two hundred is active."""
    hotels = [await make_hotel(admin) for _ in range(HOTELS)]
    # without the triggers: the log and the versions are not what is measured here
    await admin.execute("SET session_replication_role = replica")
    for number, hotel in enumerate(hotels):
        await admin.execute(
            "INSERT INTO app.orders (tenant_id, business_date, order_number, stay_id, room_number, status,"
            " version, subtotal_amount, tax_amount, total_amount, prices_include_tax, finished_at,"
            " created_at) SELECT $1, date '2026-01-01' + n / 50, n, $2, '101',"
            " CASE WHEN n % 200 = 0 THEN 'received' ELSE 'delivered' END, 1, 900, 81, 900, true,"
            " CASE WHEN n % 200 = 0 THEN NULL ELSE now() - n * interval '1 minute' END,"
            " now() - n * interval '1 minute' FROM generate_series(1, $3::integer) AS n",
            hotel.tenant_id,
            hotel.rooms[number % 2].stay_id,
            ORDERS // HOTELS,
        )
    await admin.execute(
        "INSERT INTO app.menu_items (tenant_id, name_ja, price, category, stock_quantity)"
        " SELECT t.id, n::text, n, 'meals', n FROM app.tenants AS t, generate_series(1, 100) AS n"
    )
    await admin.execute(
        "INSERT INTO app.order_items (tenant_id, order_id, line, menu_item_id, name_ja, name_en, tax_class,"
        " tax_rate_bp, unit_price, quantity, total_price, station, preparation_minutes)"
        " SELECT o.tenant_id, o.id, 1, m.id, 'soup', 'soup', 'food', 1000, 900, 1, 900, 'kitchen', 10"
        " FROM app.orders AS o JOIN app.menu_items AS m ON m.tenant_id = o.tenant_id AND m.name_en = 'soup'"
    )
    await admin.execute("SET session_replication_role = origin")
    for table in ("orders", "order_items", "menu_items", "stays", "tenants", "tax_rates"):
        await admin.execute(f"ANALYZE app.{table}")
    return hotels[0]


@pytest.fixture
async def api(settings: Settings, crowd: Hotel) -> AsyncIterator[Connection]:
    """A transaction of hub_api in the scope of a tenant, with plans that fit any value."""
    connection: Connection = await asyncpg.connect(settings.database_url, user=Role.API.value)
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL app.current_tenant_id = '{crowd.tenant_id}'")
            await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            yield connection
    finally:
        await connection.close()


EXPECTED: list[tuple[str, str, str, set[str]]] = [
    (
        "orders.active_orders",
        "'{tenant}', '2020-01-01', '{stay}', 100",
        "orders_active",
        {"orders_active", "order_items_pkey"},
    ),
    (
        "orders.active_orders_of_stay",
        "'{tenant}', '2020-01-01', '{stay}', 100, '{stay}'",
        "orders_active",
        {"orders_active", "orders_stay", "order_items_pkey"},
    ),
    ("orders.document", "'{tenant}', '{order}', NULL", "orders_pkey", {"orders_pkey", "order_items_pkey"}),
    ("orders.lock_order", "'{tenant}', '{order}', '{stay}'", "orders_pkey", {"orders_pkey", "tenants_pkey"}),
    ("orders.items_of_order", "'{tenant}', '{order}'", "order_items_pkey", {"order_items_pkey"}),
    (
        "orders.menu_items_of_order",
        "'{tenant}', '{order}', NULL",
        "orders_pkey",
        {"orders_pkey", "order_items_pkey"},
    ),
    ("orders.mark_shown", "'{tenant}', ARRAY['{order}'::uuid], now()", "orders_pkey", {"orders_pkey"}),
    (
        "orders.update_items",
        "'{tenant}', '{order}', '{{1}}', '{{ready}}'",
        "order_items_pkey",
        {"order_items_pkey"},
    ),
    (
        "orders.menu_items",
        "'{tenant}', ARRAY['{item}'::uuid]",
        "menu_items",
        {"menu_items_pkey", "menu_items_visible"},
    ),
    ("orders.lock_stock", "'{tenant}', ARRAY['{item}'::uuid]", "menu_items", {"menu_items_pkey"}),
    ("menu.items", "'{tenant}'", "menu_items", {"menu_items_pkey", "menu_items_visible"}),
]


@pytest.mark.parametrize(("name", "values", "must", "may"), EXPECTED, ids=[row[0] for row in EXPECTED])
async def test_a_hot_query_stays_on_its_index(
    api: Connection, crowd: Hotel, name: str, values: str, must: str, may: set[str]
) -> None:
    domain, _, query = name.partition(".")
    order = await api.fetchval("SELECT id FROM app.orders WHERE tenant_id = $1 LIMIT 1", crowd.tenant_id)
    stay = crowd.rooms[0].stay_id
    literals = values.format(tenant=crowd.tenant_id, order=order, stay=stay, item=crowd.menu["soup"])
    await api.execute(f"PREPARE hot AS {load(domain)[query].text}")
    text = await api.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE hot ({literals})")
    await api.execute("DEALLOCATE hot")
    nodes = list(msgspec.json.decode(text, type=list[Explained])[0].plan.walk())
    indexes = {node.index for node in nodes if node.index is not None}
    # fifty tenants fit on a page or two
    scanned = [node.relation for node in nodes if node.kind == "Seq Scan" and node.relation != "tenants"]
    assert not scanned, f"reads whole tables: {scanned}"
    assert any(index.startswith(must) for index in indexes)
    assert indexes <= may
    assert not [node for node in nodes if node.kind == "Sort" and query.startswith("active")]
