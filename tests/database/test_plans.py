"""The hot queries stay on their indexes in a database of many hotels, whatever the plan cache does."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import pytest

from hub.db.pool import Role
from hub.db.queries import load
from tests.database.logbook import writer
from tests.database.plans import Node, explain, fill
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# A few rows for each hotel: to read them all may be the shorter way.
SMALL: Final = {"tenants", "tenant_heads", "allergen_lists"}
PLANS: Final = ["force_generic_plan", "force_custom_plan"]


@pytest.fixture(scope="module")
async def crowd(admin: Connection) -> Hotel:
    """One of two hundred hotels."""
    return (await fill(admin))[100]


@pytest.fixture(scope="module")
async def names(admin: Connection, crowd: Hotel) -> dict[str, object]:
    """What stands in the arguments."""
    order = "SELECT id FROM app.orders WHERE tenant_id = $1 LIMIT 1"
    return {
        "tenant": crowd.tenant_id,
        "order": await admin.fetchval(order, crowd.tenant_id),
        "stay": crowd.rooms[0].stay_id,
        "item": crowd.menu["soup"],
        "device": crowd.rooms[0].tablet_id,
        "xid": await admin.fetchval("SELECT max(xid)::text FROM app.events"),
    }


@pytest.fixture
async def api(settings: Settings, crowd: Hotel) -> AsyncIterator[Connection]:
    """A transaction of hub_api in the scope of a tenant."""
    async with writer(settings, Role.API.value) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f"SET LOCAL app.current_tenant_id = '{crowd.tenant_id}'")
        yield connection
        await transaction.rollback()


def check(nodes: list[Node], must: str, may: set[str] | None = None) -> None:
    indexes = {name for node in nodes for name in (node.index, *node.arbiters) if name is not None}
    scanned = [node.relation for node in nodes if node.kind == "Seq Scan" and node.relation not in SMALL]
    assert not scanned, f"reads whole tables: {scanned}"
    assert any(index.startswith(must) for index in indexes), indexes
    assert may is None or indexes <= may


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
        "orders_",  # the active ones, or those of the stay: both are few
        {"orders_active", "orders_stay", "order_items_pkey"},
    ),
    ("orders.document", "'{tenant}', '{order}', NULL", "orders_pkey", {"orders_pkey", "order_items_pkey"}),
    ("orders.lock_order", "'{tenant}', '{order}', '{stay}'", "orders_pkey", {"orders_pkey", "tenants_pkey"}),
    (
        "orders.menu_items_of_order",
        "'{tenant}', '{order}', NULL",
        "orders_pkey",
        {"orders_pkey", "order_items_pkey"},
    ),
    (
        "orders.mark_shown",
        "'{tenant}', ARRAY['{order}'::uuid], now()",
        "orders_pkey",
        # a plan for any number of ids may look them up in the orders of the hotel, while those are few
        {"orders_pkey", "orders_keyset"},
    ),
    (
        "orders.update_order",
        "'{tenant}', '{order}', 'cooking', NULL, NULL, NULL, NULL, NULL, NULL, '{{}}', false, NULL, '{{}}',"
        " NULL, 0, NULL, '{{1}}', '{{ready}}'",
        "order",
        {"orders_pkey", "order_items_pkey"},
    ),
    (
        "orders.basis",
        "'{tenant}', '{stay}', ARRAY['{item}'::uuid], now(), true",
        "orders_active",
        {
            "stays_pkey",
            "tenants_pkey",
            "orders_active",
            "order_items_pkey",
            "menu_items_pkey",
            "menu_items_visible",
            "tax_rates_one_per_day",
            "tax_rates_pkey",
        },
    ),
    (
        "orders.terms",
        "'{tenant}', '{stay}', now(), true",
        "orders_active",
        {
            "stays_pkey",
            "tenants_pkey",
            "orders_active",
            "order_items_pkey",
            "tax_rates_one_per_day",
            "tax_rates_pkey",
        },
    ),
    (
        "orders.slots_taken",
        "'{tenant}', now()",
        "orders_active",
        {"orders_active", "orders_finished", "order_items_pkey"},
    ),
    (
        "orders.stay_in_room",
        "'{tenant}', '101'",
        "stays_one_open_per_room",
        {"stays_one_open_per_room"},
    ),
    (
        "devices.admitted",
        "'{tenant}', ARRAY['{item}'::uuid], '{{tablet}}', '{{101}}', '{{1}}', ARRAY['{stay}'::uuid],"
        " '{{NULL}}', '{{}}'",
        "device_rooms",
        {"tenants_pkey", "device_rooms_pkey", "stays_one_open_per_room", "stays_pkey"},
    ),
    (
        "orders.menu_items",
        "'{tenant}', ARRAY['{item}'::uuid]",
        "menu_items",
        {"menu_items_pkey", "menu_items_visible"},
    ),
    ("orders.lock_stock", "'{tenant}', ARRAY['{item}'::uuid]", "menu_items", {"menu_items_pkey"}),
    (
        "menu.menu",
        "'{tenant}'",
        "menu_items",
        {"menu_items_pkey", "menu_items_visible", "tenants_pkey"},
    ),
    ("hotel.used", "'{tenant}'", "menu_items", {"menu_items_pkey", "menu_items_visible"}),
    ("rates.rates", "'{tenant}'", "tax_rates", {"tax_rates_one_per_day", "tax_rates_pkey"}),
    ("orders.share_stay", "'{tenant}', '{stay}'", "stays_pkey", {"stays_pkey"}),
    (
        "stays.open_stays",
        "'{tenant}', '', NULL, 200",
        "stays_one_open_per_room",
        {"stays_one_open_per_room", "device_rooms_one_tablet_per_room", "orders_active", "orders_stay"},
    ),
    (
        "stays.stays_of_phone",
        "'{tenant}', ARRAY[sha256('x')], 200",
        "stays_guest_phone",
        {"stays_guest_phone", "device_rooms_one_tablet_per_room", "orders_active", "orders_stay"},
    ),
    (
        "stays.tablet",
        "'{tenant}', '101'",
        "device_rooms_one_tablet_per_room",
        {"device_rooms_one_tablet_per_room"},
    ),
    (
        "stays.open_orders",
        "'{tenant}', '{stay}'",
        "orders_",
        {"orders_active", "orders_stay"},
    ),
    ("orders.stay_is_open", "'{tenant}', '{stay}'", "stays_pkey", {"stays_pkey"}),
    (
        "log.state",
        "'{tenant}', now()",
        "orders_active",
        {
            "orders_active",
            "orders_unacknowledged",
            "orders_finished",
            "order_items_pkey",
            "menu_items_visible",
            "menu_items_pkey",
            "pages_shown",
            "device_rooms_phones",
            "device_rooms_screens",
            "device_presence_silent",
            "stays_declared",
            "tenant_heads_pkey",
            "tenants_pkey",
        },
    ),
    (
        "log.events_after",
        "'{tenant}', 1900, 500",
        "events_pkey",
        {"events_pkey", "tenant_heads_pkey"},
    ),
    ("operations.stored", "'{tenant}', '{stay}', '{order}'", "idempotency_pkey", {"idempotency_pkey"}),
    (
        "devices.device",
        "'{tenant}', '{device}'",
        "device_rooms_pkey",
        {"device_rooms_pkey", "stays_one_open_per_room", "stays_pkey", "tenants_pkey"},
    ),
    (
        "devices.open_sessions",
        "'{tenant}', ARRAY['{device}'::uuid], ARRAY[now()], ARRAY[0.5::float8]",
        "device_rooms_pkey",
        {"device_rooms_pkey", "device_presence_pkey"},
    ),
    (
        "devices.see_sessions",
        "'{tenant}', ARRAY['{device}'::uuid], ARRAY[1::bigint], ARRAY[now()]",
        "device_presence_pkey",
        {"device_presence_pkey"},
    ),
    (
        "devices.close_sessions",
        "'{tenant}', ARRAY['{device}'::uuid], ARRAY[1::bigint], ARRAY[now()]",
        "device_presence_pkey",
        {"device_presence_pkey"},
    ),
]

# What no named query asks yet, but the indexes are there for.
TO_COME: dict[str, tuple[str, str, str]] = {
    "keyset paging, newest first": (
        "SELECT id FROM app.orders WHERE tenant_id = $1 AND (created_at, id) < ($2, $3)"
        " ORDER BY created_at DESC, id DESC LIMIT 20",
        "'{tenant}', now(), '{order}'",
        "orders_keyset",
    ),
    "the history of a room": (
        "SELECT id FROM app.orders WHERE tenant_id = $1 AND room_number = $2"
        " ORDER BY created_at DESC LIMIT 20",
        "'{tenant}', '107'",
        "orders_room",
    ),
    "the history of a stay": (
        "SELECT id FROM app.orders WHERE tenant_id = $1 AND stay_id = $2"
        " ORDER BY created_at DESC, id DESC LIMIT 20",
        "'{tenant}', '{stay}'",
        "orders_stay",
    ),
}

# As hub_relay, over all tenants.
OF_THE_RELAY: list[tuple[str, str, str]] = [
    ("log.new_events", "'{xid}', 5001", "events_xid"),
    ("log.events_of_many", "ARRAY['{tenant}'::uuid], ARRAY[1900::bigint], 500", "events_pkey"),
]


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize(("name", "values", "must", "may"), EXPECTED, ids=[row[0] for row in EXPECTED])
async def test_a_hot_query_stays_on_its_index(
    api: Connection, names: dict[str, object], name: str, values: str, must: str, may: set[str], plan: str
) -> None:
    domain, _, query = name.partition(".")
    await api.execute(f"SET LOCAL plan_cache_mode = {plan}")
    nodes = await explain(api, load(domain)[query].text, values.format(**names))
    check(nodes, must, may)
    assert not [node for node in nodes if "Sort" in node.kind and query.startswith("active")]


# With one id each in these tests, and a plan that is made for ten: they are short, and quickly planned. What
# a new order of one dish reads is on the border, and falls to either side by the sample of the statistics.
OF_MANY: Final = {
    "devices.admitted",
    "devices.close_sessions",
    "devices.see_sessions",
    "orders.basis",
    "orders.lock_stock",
    "orders.mark_shown",
    "orders.menu_items",
}
ONCE: Final = [row[:2] for row in EXPECTED if row[0] not in OF_MANY]


@pytest.mark.parametrize(("name", "values"), ONCE, ids=[row[0] for row in ONCE])
async def test_a_hot_query_is_planned_once(
    api: Connection, names: dict[str, object], name: str, values: str
) -> None:
    """To plan one anew each time can cost more than to run it."""
    domain, _, query = name.partition(".")
    await api.execute(f"PREPARE hot AS {load(domain)[query].text}")
    for _ in range(7):
        await api.execute(f"EXECUTE hot ({values.format(**names)})")
    once = await api.fetchval("SELECT generic_plans FROM pg_prepared_statements WHERE name = 'hot'")
    await api.execute("DEALLOCATE hot")
    assert once > 0


@pytest.mark.parametrize("plan", PLANS)
async def test_what_was_done_lately_is_found_among_all_orders(
    api: Connection, names: dict[str, object], plan: str
) -> None:
    """The audit, in which it looks further, is not of this crowd."""
    await api.execute(f"SET LOCAL plan_cache_mode = {plan}")
    query = load("orders")["recent_orders"].text
    nodes = await explain(api, query, "'{tenant}', now(), 201".format(**names))
    ours = [node for node in nodes if not (node.relation or "").startswith("audit_logs")]
    check([node for node in ours if node.relation != "staff"], "orders_finished")


# What the functions of hot statements read, which their callers' plans do not show: function, where its query
# stands, its arguments, values, indexes.
INSIDE: Final = [
    (
        "order_now",
        r"RETURN \((.*)\);",
        ("tenant", "wanted"),
        "'{tenant}', '{order}'",
        "orders_pkey",
        {"orders_pkey", "order_items_pkey"},
    ),
    (
        "order_items_now",
        r"RETURN \((.*)\);",
        ("tenant", "wanted"),
        "'{tenant}', '{order}'",
        "order_items_pkey",
        {"order_items_pkey"},
    ),
    (
        "claim_operation",
        r"RETURN QUERY (.*?);",
        ("principal", "op"),
        "'{stay}', '{order}'",
        "idempotency_pkey",
        {"idempotency_pkey"},
    ),
]


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize(
    ("name", "where", "arguments", "values", "must", "may"), INSIDE, ids=[row[0] for row in INSIDE]
)
async def test_so_does_what_functions_read(
    api: Connection,
    names: dict[str, object],
    name: str,
    where: str,
    arguments: tuple[str, ...],
    values: str,
    must: str,
    may: set[str],
    plan: str,
) -> None:
    body = await api.fetchval("SELECT prosrc FROM pg_proc WHERE oid = $1::text::regproc", f"app.{name}")
    found = re.search(where, body, re.DOTALL)
    assert found is not None
    query = found[1]
    for number, argument in enumerate(arguments, 1):
        query = re.sub(rf"\b{argument}\b", f"${number}", query)
    await api.execute(f"SET LOCAL plan_cache_mode = {plan}")
    check(await explain(api, query, values.format(**names)), must, may)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize(("query", "values", "must"), TO_COME.values(), ids=TO_COME)
async def test_pages_come_from_their_index_in_order(
    api: Connection, names: dict[str, object], query: str, values: str, must: str, plan: str
) -> None:
    await api.execute(f"SET LOCAL plan_cache_mode = {plan}")
    nodes = await explain(api, query, values.format(**names))
    check(nodes, must, {must})
    assert not [node for node in nodes if "Sort" in node.kind]


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize(("name", "values", "must"), OF_THE_RELAY, ids=[row[0] for row in OF_THE_RELAY])
async def test_the_relay_reads_what_is_new_and_no_more(
    settings: Settings, names: dict[str, object], name: str, values: str, must: str, plan: str
) -> None:
    async with writer(settings, Role.RELAY.value) as relay:
        await relay.execute(f"SET plan_cache_mode = {plan}")
        domain, _, query = name.partition(".")
        check(await explain(relay, load(domain)[query].text, values.format(**names)), must)


async def read_whole(connection: Connection) -> list[str]:
    """The large tables that this transaction has read from end to end, in functions too."""
    rows = await connection.fetch("SELECT relname FROM pg_stat_xact_user_tables WHERE seq_scan > 0")
    return [row["relname"] for row in rows if row["relname"] not in SMALL | {"relay_bell", "log_origin"}]


@pytest.mark.parametrize("plan", PLANS)
async def test_triggers_stay_on_indexes_too(api: Connection, names: dict[str, object], plan: str) -> None:
    await api.execute(f"SET LOCAL plan_cache_mode = {plan}")
    key = names["tenant"], names["order"]
    await api.execute("UPDATE app.order_items SET note = 'hot' WHERE tenant_id = $1 AND order_id = $2", *key)
    await api.execute("UPDATE app.orders SET special_requests = 'x' WHERE tenant_id = $1 AND id = $2", *key)
    await api.execute(
        "UPDATE app.menu_items SET price = 7 WHERE tenant_id = $1 AND id = $2", names["tenant"], names["item"]
    )
    await api.execute(
        "UPDATE app.stays SET ended_at = now() WHERE tenant_id = $1 AND id = $2",
        names["tenant"],
        names["stay"],
    )
    await api.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert await read_whole(api) == []
    logged = "SELECT count(*) FROM app.events WHERE tenant_id = $1 AND xid = pg_current_xact_id()"
    # the order, the dish, the stay with its phone, and that this one is gone
    assert await api.fetchval(logged, names["tenant"]) == 5


async def test_a_code_is_found_by_its_hash(settings: Settings, names: dict[str, object]) -> None:
    async with writer(settings, Role.AUTH.value) as auth, auth.transaction():
        found = await auth.fetchrow(
            load("devices")["claim_code"].text, sha256(str(names["device"]).encode()).digest(), b"\0" * 32
        )
        assert found is not None
        assert found["device_id"] == names["device"]
        assert await read_whole(auth) == []


@pytest.mark.parametrize("query", ["prune_events", "prune_operations"])
async def test_pruning_reads_what_it_deletes(
    settings: Settings, names: dict[str, object], query: str
) -> None:
    async with writer(settings, Role.RELAY.value) as relay:
        transaction = relay.transaction()
        await transaction.start()
        text = load("retention")[query].text
        assert await relay.fetchval(text, names["tenant"], datetime.now(UTC), 100) == 100
        assert await read_whole(relay) == []
        await transaction.rollback()


async def test_what_comes_back_is_found_among_all_menus(
    settings: Settings, admin: Connection, names: dict[str, object]
) -> None:
    """The leader looks for it every second, over all hotels."""
    await admin.execute(
        "UPDATE app.menu_items SET is_available = false, sold_out_until = now()"
        " WHERE tenant_id = $1 AND id = $2",
        names["tenant"],
        names["item"],
    )
    async with writer(settings, Role.RELAY.value) as relay, relay.transaction():
        due = await relay.fetch(load("menu")["comebacks_due"].text, timedelta(seconds=1))
        assert [row["tenant_id"] for row in due] == [names["tenant"]]
        assert await relay.fetchval(load("menu")["bring_back"].text, names["tenant"], 20) == 1
        assert await read_whole(relay) == []
