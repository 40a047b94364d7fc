"""Whoever was revoked meanwhile gets nowhere: what a transaction asks before it serves anybody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import asyncpg
import pytest

from hub.db.pool import Role
from tests.database.acting import hire, scope, sign_in
from tests.database.logbook import writer
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings


@pytest.fixture(scope="module")
async def api(settings: Settings) -> AsyncIterator[Connection]:
    async with writer(settings, Role.API.value) as connection:
        yield connection


async def told(api: Connection, tenant_id: UUID, call: str, *values: object) -> str:
    """The SQLSTATE with its detail, or nothing for whoever is let in."""
    try:
        async with scope(api, tenant_id, keep=False):
            await api.execute(f"SELECT app.{call}", *values)
    except asyncpg.PostgresError as refused:
        return " ".join(filter(None, (refused.sqlstate, getattr(refused, "detail", None))))
    return ""


async def tablet_is_told(api: Connection, hotel: Hotel, room: str | None = "101") -> str:
    tablet = hotel.rooms[0].tablet_id
    return await told(api, hotel.tenant_id, "admit_device($1, 'tablet', $2, 0)", tablet, room)


# Devices


async def test_devices_that_are_what_their_tokens_say(api: Connection, hotel: Hotel) -> None:
    assert await tablet_is_told(api, hotel) == ""
    kitchen = "admit_device($1, 'kitchen_screen', NULL, 0)"
    assert await told(api, hotel.tenant_id, kitchen, hotel.kitchen_id) == ""


@pytest.mark.parametrize("status", ["pending", "suspended", "lost", "retired"])
async def test_a_device_in_another_state(
    api: Connection, admin: Connection, hotel: Hotel, status: str
) -> None:
    await admin.execute(
        "UPDATE app.device_rooms SET status = $2 WHERE id = $1", hotel.rooms[0].tablet_id, status
    )
    assert await tablet_is_told(api, hotel) == "HUB01"


async def test_a_deleted_device(api: Connection, admin: Connection, hotel: Hotel) -> None:
    await admin.execute(
        "UPDATE app.device_rooms SET deleted_at = now() WHERE id = $1", hotel.rooms[0].tablet_id
    )
    assert await tablet_is_told(api, hotel) == "HUB01"


async def test_a_device_that_was_moved(api: Connection, admin: Connection, hotel: Hotel) -> None:
    await admin.execute(
        "UPDATE app.device_rooms SET room_number = '901' WHERE id = $1", hotel.rooms[0].tablet_id
    )
    assert await tablet_is_told(api, hotel) == "HUB01"
    assert await tablet_is_told(api, hotel, None) == "HUB01"
    assert await tablet_is_told(api, hotel, "901") == ""


async def test_a_device_of_another_kind_another_hotel_or_nowhere(
    api: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    tablet, call = hotel.rooms[0].tablet_id, "admit_device($1, $2, $3, 0)"
    for tenant, device, kind in (
        (hotel, tablet, "kitchen_screen"),
        (hotel, tablet, None),
        (hotel, None, "tablet"),
        (hotel, uuid4(), "tablet"),
        (hotel, other_hotel.rooms[0].tablet_id, "tablet"),
        (other_hotel, tablet, "tablet"),
    ):
        assert await told(api, tenant.tenant_id, call, device, kind, "101") == "HUB01"


async def test_nobody_without_a_tenant(api: Connection, hotel: Hotel) -> None:
    for call in (
        f"admit_device('{hotel.kitchen_id}', 'kitchen_screen', NULL, 0)",
        f"admit_staff('{uuid4()}', 1)",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no tenant is set"):
            await api.execute(f"SELECT app.{call}")


# The hotel

TODAY: Final = "(now() AT TIME ZONE time_zone)::date"
# What is set, and the state that is told of it; nothing when the hotel is served.
STANDINGS: Final = {
    "status = 'suspended'": "suspended",
    "status = 'ended'": "ended",
    f"contract_start = {TODAY} + 1": "not_started",
    f"contract_start = {TODAY}": "",
    f"contract_end = {TODAY} - 1": "expired",
    f"contract_end = {TODAY}": "",
    f"contract_start = {TODAY}, contract_end = {TODAY}": "",
    f"status = 'suspended', contract_end = {TODAY} - 1": "suspended",
}


@pytest.mark.parametrize(("standing", "state"), STANDINGS.items(), ids=STANDINGS)
# fourteen hours ahead and eleven behind: at any moment one of them has another date than UTC
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_a_hotel_that_is_not_served(
    api: Connection, admin: Connection, hotel: Hotel, standing: str, state: str, zone: str
) -> None:
    session = await sign_in(admin, hotel, await hire(admin, hotel))
    await admin.execute("UPDATE app.tenants SET time_zone = $2 WHERE id = $1", hotel.tenant_id, zone)
    await admin.execute(f"UPDATE app.tenants SET {standing} WHERE id = $1", hotel.tenant_id)
    expected = f"HUB02 {state}" if state else ""
    assert await tablet_is_told(api, hotel) == expected
    assert await told(api, hotel.tenant_id, "admit_staff($1, 1)", session) == expected
    # whoever may not come in is not told how the hotel stands
    assert await tablet_is_told(api, hotel, "999") == "HUB01"


async def test_a_hotel_is_found_by_its_address(
    settings: Settings, admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    domain = f"{hotel.slug}.example"
    await admin.execute(
        "UPDATE app.tenants SET domain = $2, status = 'suspended' WHERE id = $1", hotel.tenant_id, domain
    )
    async with writer(settings, Role.AUTH.value) as auth:
        find = "SELECT tenant_id, state FROM app.find_tenant($1, $2)"
        for host, slug in ((domain, None), (None, hotel.slug), (domain, other_hotel.slug)):
            assert [tuple(row) for row in await auth.fetch(find, host, slug)] == [
                (hotel.tenant_id, "suspended")
            ]
        for host, slug in ((None, None), ("", ""), ("elsewhere.example", "nobody")):
            assert await auth.fetch(find, host, slug) == []


# People


async def test_a_session_that_lasts(api: Connection, admin: Connection, hotel: Hotel) -> None:
    session = await sign_in(admin, hotel, await hire(admin, hotel))
    assert await told(api, hotel.tenant_id, "admit_staff($1, 1)", session) == ""


ENDS: Final = {
    "ended": "UPDATE app.staff_sessions SET ended_at = now(), end_reason = 'revoked' WHERE tenant_id = $1",
    "expired": "UPDATE app.staff_sessions SET expires_at = now() WHERE tenant_id = $1",
    "dismissed": "UPDATE app.staff SET is_active = false WHERE tenant_id = $1",
    "deleted": "UPDATE app.staff SET deleted_at = now() WHERE tenant_id = $1",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_a_session_that_has_ended(api: Connection, admin: Connection, hotel: Hotel, end: str) -> None:
    session = await sign_in(admin, hotel, await hire(admin, hotel))
    await admin.execute(end, hotel.tenant_id)
    assert await told(api, hotel.tenant_id, "admit_staff($1, 1)", session) == "HUB01"


async def test_a_session_of_another_hotel_or_of_nobody(
    api: Connection, admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    session = await sign_in(admin, hotel, await hire(admin, hotel))
    for tenant, wanted in ((other_hotel, session), (hotel, uuid4()), (hotel, None)):
        assert await told(api, tenant.tenant_id, "admit_staff($1, 1)", wanted) == "HUB01"


@pytest.mark.parametrize("change", ["role = 'manager'", "permissions = '{menu.edit}'"])
async def test_permissions_that_have_changed(
    api: Connection, admin: Connection, hotel: Hotel, change: str
) -> None:
    member = await hire(admin, hotel)
    session = await sign_in(admin, hotel, member)
    for _ in range(2):
        # the second time nothing changes
        await admin.execute(f"UPDATE app.staff SET {change} WHERE id = $1", member)
    assert await told(api, hotel.tenant_id, "admit_staff($1, 1)", session) == "HUB04"
    assert await told(api, hotel.tenant_id, "admit_staff($1, NULL)", session) == "HUB04"
    assert await told(api, hotel.tenant_id, "admit_staff($1, 2)", session) == ""
    await admin.execute("UPDATE app.staff SET name = 'Emi', last_login_at = now() WHERE id = $1", member)
    assert await told(api, hotel.tenant_id, "admit_staff($1, 2)", session) == ""


# The cook at a shared screen

COOK: Final = "UPDATE app.device_rooms SET cook_id = $2 WHERE id = $1"


async def cook_of_a_change(api: Connection, admin: Connection, hotel: Hotel) -> object:
    async with scope(api, hotel.tenant_id):
        await api.execute("SELECT app.admit_device($1, 'kitchen_screen', NULL, 0)", hotel.kitchen_id)
        await api.execute("UPDATE app.menu_items SET price = price + 1 WHERE id = $1", hotel.menu["soup"])
    return await admin.fetchval(
        "SELECT cook_id FROM app.audit_logs WHERE tenant_id = $1 AND table_name = 'menu_items'"
        " ORDER BY created_at DESC LIMIT 1",
        hotel.tenant_id,
    )


async def test_the_cook_stands_in_the_audit(api: Connection, admin: Connection, hotel: Hotel) -> None:
    cook = await hire(admin, hotel)
    assert await cook_of_a_change(api, admin, hotel) is None
    await admin.execute(COOK, hotel.kitchen_id, cook)
    assert await cook_of_a_change(api, admin, hotel) == cook
    # nobody else's transaction has him
    async with scope(api, hotel.tenant_id, keep=False):
        assert not await api.fetchval("SELECT current_setting('app.cook_id', true)")
    await admin.execute("UPDATE app.staff SET is_active = false WHERE id = $1", cook)
    assert await cook_of_a_change(api, admin, hotel) is None


async def test_no_cook_of_another_hotel(admin: Connection, hotel: Hotel, other_hotel: Hotel) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await admin.execute(COOK, hotel.kitchen_id, await hire(admin, other_hotel))
