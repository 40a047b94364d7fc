"""Reading the audit over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from hub.db.ids import uuid7
from tests.api.conftest import Api, problem
from tests.factories import Hotel, make_staff

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal

AUDIT = "/api/v1/audit"


@pytest.fixture
async def manager(admin: Connection, hotel: Hotel) -> Principal:
    return await make_staff(admin, hotel, "manager")


async def read(api: Api, as_: Principal, path: str = AUDIT, **filters: str | int) -> list[dict[str, Any]]:
    answer = await api.get(path, as_, **filters)
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return entries


async def test_who_what_when_where(api: Api, hotel: Hotel, admin: Connection, manager: Principal) -> None:
    front = await make_staff(admin, hotel, "front")
    order = await api.place(hotel)
    await api.post(f"/api/v1/stays/{hotel.rooms[0].stay_id}/check-out", {}, front)
    (entry,) = await read(api, manager, table="stays", operation="update")
    assert entry["who"] == {"id": str(front.id), "role": "front", "name": "front"}
    assert entry["record"] == str(hotel.rooms[0].stay_id)
    assert (entry["changed"], entry["old"], list(entry["new"])) == (
        ["ended_at"],
        {"ended_at": None},
        ["ended_at"],
    )
    assert entry["ip"] == "127.0.0.1"
    assert entry["user_agent"].startswith("python-httpx/")
    assert entry["request_id"] is not None
    assert datetime.now(UTC) - datetime.fromisoformat(entry["at"]) < timedelta(minutes=1)
    # a device has a name too
    placed = await read(api, manager, table="orders", record=order["id"], operation="insert")
    assert [one["who"]["name"] for one in placed] == ["Tablet 101"]
    assert placed[0]["who"]["role"] == "tablet"


async def test_pages_hold_everything_once_newest_first(
    api: Api, hotel: Hotel, admin: Connection, manager: Principal
) -> None:
    whole = await read(api, manager, limit=200)
    total = await admin.fetchval("SELECT count(*) FROM app.audit_logs WHERE tenant_id = $1", hotel.tenant_id)
    assert len(whole) == total > 10
    assert [one["at"] for one in whole] == sorted((one["at"] for one in whole), reverse=True)
    seen: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = (await api.get(AUDIT, manager, limit=3, **after)).json()
        assert len(page["entries"]) <= 3
        seen += page["entries"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == whole


async def test_each_filter_narrows(api: Api, hotel: Hotel, admin: Connection, manager: Principal) -> None:
    whole = await read(api, manager, limit=200)
    middle = whole[len(whole) // 2]
    assert await read(api, manager, limit=200, **{"from": middle["at"]}) == [
        one for one in whole if one["at"] >= middle["at"]
    ]
    assert await read(api, manager, limit=200, to=middle["at"]) == [
        one for one in whole if one["at"] < middle["at"]
    ]
    for name, value in (
        ("table", "device_rooms"),
        ("operation", "insert"),
        ("record", str(hotel.kitchen_id)),
    ):
        wanted = [one for one in whole if one[name] == value]
        assert wanted
        assert await read(api, manager, limit=200, **{name: value}) == wanted
    both = await read(api, manager, table="device_rooms", record=str(hotel.kitchen_id), operation="insert")
    assert len(both) == 1
    order = await api.place(hotel)
    mine = await read(api, manager, user=str(hotel.rooms[0].tablet_id), limit=200)
    assert {one["record"].partition("/")[0] for one in mine} >= {order["id"]}
    assert {one["who"]["id"] for one in mine} == {str(hotel.rooms[0].tablet_id)}
    assert await read(api, manager, user=str(uuid4())) == []
    assert await read(api, manager, operation="sign_in.failed") == []


async def test_another_hotels_audit_is_not_there(
    api: Api, hotel: Hotel, other_hotel: Hotel, admin: Connection, manager: Principal
) -> None:
    order = await api.place(other_hotel)
    for record in (order["id"], str(other_hotel.kitchen_id)):
        assert await read(api, manager, record=record) == []
    assert await read(api, manager, user=str(other_hotel.rooms[0].tablet_id)) == []
    stranger = await make_staff(admin, other_hotel, "manager")
    theirs = {one["id"] for one in await read(api, stranger, limit=200)}
    assert theirs.isdisjoint(one["id"] for one in await read(api, manager, limit=200))
    # a position of their list is a moment like any other
    page = (await api.get(AUDIT, stranger, limit=1)).json()
    assert theirs.isdisjoint(one["id"] for one in await read(api, manager, after=page["next"]))


async def test_the_audit_is_none_of_a_cooks_business(api: Api, hotel: Hotel, admin: Connection) -> None:
    for principal in (hotel.tablet(), hotel.kitchen(), await make_staff(admin, hotel, "front")):
        assert (await api.get(AUDIT, principal)).status_code == 403
    assert (await api.get(AUDIT)).status_code == 401


async def test_the_platforms_own(api: Api, hotel: Hotel, admin: Connection, manager: Principal) -> None:
    boss = await make_staff(admin, hotel, "super_admin")
    path = f"/api/v1/tenants/{hotel.tenant_id}/suspend"
    assert (await api.post(path, {"reason": "for a test"}, boss)).status_code == 200
    filters = {"table": "tenants", "record": str(hotel.tenant_id), "user": str(boss.id)}
    (entry,) = await read(api, boss, "/api/v1/platform/audit", **filters)
    assert entry["who"] == {"id": str(boss.id), "role": "super_admin", "name": "super_admin"}
    assert entry["changed"] == ["status", "status_reason"]
    assert entry["new"] == {"status": "suspended", "status_reason": "for a test"}
    # the super-admins' own sign-ins stand in the platform's audit as a hotel's do
    own = await read(api, boss, table="staff_sessions", record=str(boss.session_id))
    assert [one["operation"] for one in own] == ["insert"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "201"),
        ("limit", "9" * 40),
        ("limit", "x"),
        ("from", "yesterday"),
        ("from", "2026-02-30T00:00:00Z"),
        ("from", "2026-02-03T00:00:00"),
        ("to", "2026-13-01T00:00:00Z"),
        ("user", "me"),
        ("table", "Stays"),
        ("table", "a'; DROP TABLE x"),
        ("table", "stays\0"),
        ("record", ""),
        ("record", "x" * 201),
        ("record", "a\0"),
        ("operation", "sign_in.failed.twice"),
        ("after", "x"),
        ("after", "A" * 32 + "=" * 4),
    ],
)
async def test_bad_filters_are_refused(api: Api, manager: Principal, name: str, value: str) -> None:
    problem(await api.get(AUDIT, manager, **{name: value}), 400, "invalid_input", name)


async def test_more_bad_filters(api: Api, manager: Principal) -> None:
    problem(await api.get(AUDIT, manager, tenant=str(uuid7())), 400, "invalid_input")
    filters = {"from": "2026-02-02T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
    problem(await api.get(AUDIT, manager, **filters), 400, "invalid_input", "to")
    # the ends of time are moments too
    for moment in ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        for name in ("from", "to"):
            answer = await api.get(AUDIT, manager, **{name: moment})
            assert answer.status_code in (200, 400), (name, moment)
