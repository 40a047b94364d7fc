"""The hot queries stay on their indexes in a database of many hotels, whatever the plan cache does."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from hub.db.pool import Role
from hub.db.queries import load
from tests.database.hot_queries import EXPECTED, INSIDE, OF_THE_RELAY, ONCE, TO_COME
from tests.database.logbook import writer
from tests.database.plans import PLANS, check, explain, fill, read_whole
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


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
