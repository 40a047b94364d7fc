"""One hotel tries every command with the ids of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from hub.errors import HubError, NotFound, StayEnded
from hub.menu.commands import OPERATIONS as MENU
from hub.operations import Operation
from hub.orders.commands import operations as orders
from hub.orders.documents import OneOrder
from hub.security.principal import Principal
from hub.stays.allergens import DECLARE
from tests.database.strangers import Two, fingerprint
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.pool import Connection

# They take no id, and speak of the caller's own hotel.
OWN: Final = {"order.recent", "kitchen.pause", "kitchen.resume", "screen.configure"}
OPERATIONS: Final = [one for one in (*orders(), *MENU, DECLARE) if one.name not in OWN]


def arguments_of(two: Two, operation: Operation, draw: st.DataObject) -> dict[str, object]:
    orders = [str(value) for value in two.orders]
    items = [str(value) for value in two.theirs.menu.values()]
    lines = st.lists(
        st.fixed_dictionaries({"menu_item_id": st.sampled_from(items), "quantity": st.integers(1, 3)}),
        min_size=1,
        max_size=3,
    )
    fields: dict[str, st.SearchStrategy[object]] = {
        "order_id": st.sampled_from(orders),
        "order_ids": st.lists(st.sampled_from(orders), min_size=1, max_size=4),
        "menu_item_id": st.sampled_from(items),
        "lines": lines,
        "to": st.sampled_from(["cooking", "ready", "delivering", "delivered"]),
        "line": st.integers(1, 3),
        "items": st.none() | st.lists(st.integers(1, 3), min_size=1, max_size=2),
        "undo": st.booleans(),
        "reason": st.just("by mistake"),
        "quoted_total": st.none() | st.just(900),
        "quoted_until": st.none() | st.just("2020-01-01T00:00:00Z"),
        "expected_version": st.none() | st.integers(1, 4),
        "special_requests": st.none(),
        "age_attested": st.booleans(),
        "id_checked": st.booleans(),
        "allergens": st.lists(st.sampled_from(["egg", "milk", "stone"]), max_size=2),
        "allergens_confirmed": st.booleans(),
        "due_at": st.none(),
        "now": st.booleans(),
        "room_number": st.none(),
        "stay_id": st.sampled_from([str(room.stay_id) for room in two.theirs.rooms]),
        "trip_id": st.none(),
        "stations": st.none() | st.just(["kitchen"]),
        "rush": st.booleans(),
        "sold_out": st.booleans(),
        "until": st.none() | st.just("service"),
    }
    names = [field.name for field in msgspec.structs.fields(operation.args)]
    return draw.draw(st.fixed_dictionaries({name: fields[name] for name in names}))


async def outcome_of(client: Client, principal: Principal, name: str, args: object) -> object:
    """A command's answer, or its error as data."""
    try:
        raw = await client.operations.call(name, principal, uuid4(), msgspec.json.encode(args))
    except HubError as error:
        return [type(error).__name__, error.message, msgspec.to_builtins(error.details, str_keys=True)]
    return msgspec.json.decode(raw)


@given(operation=st.sampled_from(OPERATIONS), data=st.data())
@limits(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_command_finds_anything_of_theirs(
    client: Client, admin: Connection, two: Two, operation: Operation, data: st.DataObject
) -> None:
    devices = (two.ours.tablet(), two.ours.kitchen())
    principal = data.draw(st.sampled_from([one for one in devices if one.may(operation.permission)]))
    args = arguments_of(two, operation, data)
    before = await fingerprint(admin, two)
    outcome = await outcome_of(client, principal, operation.name, args)
    nothing = await outcome_of(client, principal, operation.name, two.to_nobody(args))
    assert two.to_nobody(outcome) == nothing
    assert outcome == {"shown": 0} or isinstance(outcome, list)
    assert await fingerprint(admin, two) == before


async def test_what_takes_no_id_speaks_of_our_own_hotel(client: Client, admin: Connection, two: Two) -> None:
    before = await fingerprint(admin, two)
    arguments: dict[str, object] = {"screen.configure": {"settings": {"view": "expo"}}}
    for name in sorted(OWN):
        outcome = await outcome_of(client, two.ours.kitchen(), name, arguments.get(name, {}))
        assert not isinstance(outcome, list), "nothing is refused"
        assert two.to_nobody(outcome) == outcome, "and no id in it is theirs"
    assert await fingerprint(admin, two) == before


async def test_a_cart_with_one_item_of_theirs(client: Client, admin: Connection, two: Two) -> None:
    before = await fingerprint(admin, two)
    lines = [{"menu_item_id": hotel.menu["soup"], "quantity": 1} for hotel in (two.ours, two.theirs)]
    with pytest.raises(NotFound) as caught:
        await client.call(two.ours.tablet(), "order.place", OneOrder, lines=lines)
    assert caught.value.details["field"] == "lines[1].menu_item_id"
    assert await fingerprint(admin, two) == before


async def test_a_principal_with_a_stay_of_theirs(client: Client, admin: Connection, two: Two) -> None:
    """No token says so; if one did, the database would still not know that stay."""
    before = await fingerprint(admin, two)
    mixed = msgspec.structs.replace(two.ours.tablet(), stay_id=two.theirs.rooms[0].stay_id)
    lines = [{"menu_item_id": two.ours.menu["soup"], "quantity": 1}]
    with pytest.raises(StayEnded):
        await client.call(mixed, "order.place", OneOrder, lines=lines)
    assert await fingerprint(admin, two) == before


async def test_the_same_operation_id_in_two_hotels(client: Client, admin: Connection, two: Two) -> None:
    op_id = uuid4()
    theirs = await client.place(two.theirs, {"soup": 1}, op_id)
    ours = await client.place(two.ours, {"soup": 1}, op_id)
    assert ours.id != theirs.id
    # not even when the devices had the same id
    twin = msgspec.structs.replace(two.ours.tablet(), id=two.theirs.tablet().id, room_number="109")
    await admin.execute(
        "INSERT INTO app.device_rooms (tenant_id, id, device_name, device_type, room_number, status)"
        " VALUES ($1, $2, 'Twin', 'tablet', '109', 'active')",
        two.ours.tenant_id,
        twin.id,
    )
    lines = [{"menu_item_id": two.ours.menu["soup"], "quantity": 1}]
    answer = await client.call(twin, "order.place", OneOrder, op_id, lines=lines)
    assert answer.order.id not in (ours.id, theirs.id)
