"""One hotel tries every named query with what it knows of another one: their ids are like ids that do not
exist, and nothing of theirs is read or changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from hub.db.queries import Query
from hub.menu.commands import OPERATIONS as MENU
from hub.orders.commands import operations as orders
from tests.database.intruder import attempt, says_nothing
from tests.database.strangers import Two
from tests.database.test_queries import ALL, OF_NO_TENANT, role_of

if TYPE_CHECKING:
    from hub.db.pool import Connection

QUERIES: Final = [
    query for query in ALL.values() if role_of(query) == "hub_api" and query.name not in OF_NO_TENANT
]
OPERATIONS: Final = (*orders(), *MENU)


NOW: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)


def value_of(two: Two, kind: str, source: st.DataObject | UUID) -> object:
    """An argument of that type: drawn from all their ids and what else it could be, or the one id given."""
    draw = None if isinstance(source, UUID) else source
    ids = [source] if isinstance(source, UUID) else sorted(two.all_ids())

    def pick(values: list[object]) -> object:
        return values[0] if draw is None else draw.draw(st.sampled_from(values))

    match kind:
        case "uuid":
            return pick([*ids, None])
        case "uuid[]":
            return ids if draw is None else draw.draw(st.lists(st.sampled_from(ids), max_size=5))
        case "int4" | "int8":
            return pick([1, 0, 2, 1000])
        case "float4" | "float8":
            return pick([0.0, 60.0])
        case "float8[]":
            return [0.0] * len(ids)
        case "jsonb":
            return pick(["{}", None])
        case "int4[]" | "int8[]":
            return (
                [1] * len(ids) if draw is None else draw.draw(st.lists(st.sampled_from([1, 2]), max_size=5))
            )
        case "text":
            items = [{"line": 1, "menu_item_id": str(item)} | ITEM for item in two.ids["menu_items"]]
            return pick(["received", msgspec.json.encode(items[:1]).decode(), "[]", "{}", "101", None])
        case "text[]":
            return pick([["ready"], [], ["cancelled", "ready"]])
        case "timestamptz":
            return pick([NOW, NOW - timedelta(days=9), None])
        case "timestamptz[]":
            return [NOW] * len(ids)
        case "date":
            return date(2026, 11, 21)
        case "bool":
            return pick([True, False])
        case "bytea":
            # the first is the index of an e-mail address of theirs
            return pick([sha256(b"a").digest(), b"\0" * 32])
        case "bytea[]":
            return pick([[sha256(b"a").digest()], []])
        case "inet":
            return pick([IPv4Address("203.0.113.7"), None])
        case "interval":
            return pick([timedelta(hours=1), timedelta()])
        case _:
            raise AssertionError(f"the fuzz does not know values of type {kind}")


ITEM: Final = {
    "name_ja": "x", "name_en": "x", "tax_class": "food", "tax_rate_bp": 0, "unit_price": 1, "quantity": 1,
    "station": "kitchen", "preparation_minutes": 1, "age_restricted": False,
}  # fmt: skip


async def compare(
    intruder: Connection, two: Two, query: Query, tenant: UUID, source: st.DataObject | UUID
) -> None:
    kinds = [kind.name for kind in (await intruder.prepare(query.text)).get_parameters()]
    assert kinds[0] == "uuid"
    values: list[object] = [tenant, *(value_of(two, kind, source) for kind in kinds[1:])]
    nobodys = [two.to_nobody(value) for value in values]
    outcome = await attempt(intruder, two, query.text, values)
    says_nothing(two, outcome, await attempt(intruder, two, query.text, nobodys))
    if tenant == two.theirs.tenant_id and not query.name.endswith("_is_open"):
        counted = outcome.rows == "[<Record count=0>]"
        assert outcome.error or counted or outcome.status.endswith(" 0")


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
async def test_a_query_finds_nothing_of_theirs(intruder: Connection, two: Two, query: Query) -> None:
    room = two.theirs.rooms[0]
    for known in (two.orders[0], room.stay_id, room.tablet_id, two.theirs.menu["cake"]):
        for tenant in (two.theirs.tenant_id, two.ours.tenant_id):
            await compare(intruder, two, query, tenant, known)


@given(query=st.sampled_from(QUERIES), as_them=st.booleans(), data=st.data())
@limits(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_query_finds_anything_of_theirs(
    intruder: Connection, two: Two, query: Query, as_them: bool, data: st.DataObject
) -> None:
    tenant = (two.theirs if as_them else two.ours).tenant_id
    await compare(intruder, two, query, tenant, data)


async def test_the_fuzz_would_see_a_hole(intruder: Connection, two: Two) -> None:
    """Without row-level security a query that forgot its tenant reads, and writes, what is theirs."""
    careless = Query(
        "test.careless", "UPDATE app.stays SET ended_at = now() WHERE $1::uuid = $1 AND id = $2", True, False
    )
    arguments: list[object] = [two.ours.tenant_id, two.theirs.rooms[0].stay_id]
    assert (await attempt(intruder, two, careless.text, arguments)).status == "UPDATE 0"
    hole = intruder.transaction()
    await hole.start()
    await intruder.execute("ALTER POLICY tenant ON app.stays USING (true) WITH CHECK (true)")
    with pytest.raises(AssertionError):
        await attempt(intruder, two, careless.text, arguments)
    await hole.rollback()
