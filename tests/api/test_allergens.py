"""What the party of a stay must not eat, as guests and front desk say it over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from tests.api.conftest import Api, bearer, problem
from tests.factories import Hotel, make_staff

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal


async def declare(api: Api, who: Principal, stay_id: UUID, *allergens: str) -> httpx.Response:
    path = f"/api/v1/stays/{stay_id}/allergens"
    return await api.client.put(path, json={"allergens": allergens}, headers=bearer(who))


@pytest.fixture
async def front(admin: Connection, hotel: Hotel) -> Principal:
    return await make_staff(admin, hotel, "front")


async def test_guest_and_front_desk_say_what_is_to_be_kept_away(
    api: Api, admin: Connection, hotel: Hotel, front: Principal
) -> None:
    stay = hotel.rooms[0].stay_id
    said = await declare(api, hotel.tablet(), stay, "milk", "egg", "milk")
    assert said.status_code == 200
    document: dict[str, Any] = said.json()["stay"]
    assert (document["id"], document["room_number"]) == (str(stay), "101")
    assert document["allergens"] == ["egg", "milk"], "each once, in the order of the list"
    assert document["allergens_version"].startswith("jp-")
    read = (await api.get(f"/api/v1/stays/{stay}", front)).json()["stay"]
    assert (read["allergens"], read["allergens_version"]) == (["egg", "milk"], document["allergens_version"])
    assert (await declare(api, front, stay)).json()["stay"]["allergens"] == []
    rows = await admin.fetch(
        "SELECT new ->> 'allergens' AS said, user_id FROM app.audit_logs"
        " WHERE record = $1 AND 'allergens' = ANY (changed) ORDER BY created_at",
        str(stay),
    )
    assert [(row["said"], row["user_id"]) for row in rows] == [
        ("[redacted]", hotel.rooms[0].tablet_id),
        ("[redacted]", front.id),
    ]
    assert await admin.fetchval(
        "SELECT NOT EXISTS (SELECT FROM app.idempotency WHERE tenant_id = $1)", hotel.tenant_id
    ), "an answer that tells of a guest is not stored"


async def test_on_the_day_of_a_new_list_the_one_before_is_understood(
    api: Api, admin: Connection, hotel: Hotel
) -> None:
    """Screens learn of it with the next change of their hotel; until then they show the old one."""
    await admin.execute(
        "INSERT INTO app.allergen_lists (version, valid_from, items)"
        " SELECT 'test-of-today', (now() AT TIME ZONE 'Asia/Tokyo')::date,"
        ' items - 0 || \'[{"code": "lupin", "name_ja": "L", "name_en": "L", "mandatory": false}]\''
        " FROM app.allergen_lists WHERE version = 'jp-2026-04'"
    )
    try:
        said = await declare(api, hotel.tablet(), hotel.rooms[0].stay_id, "shrimp", "lupin", "egg")
        document = said.json()["stay"]
        assert document["allergens"] == ["egg", "lupin", "shrimp"]
        assert document["allergens_version"] == "test-of-today"
    finally:
        await admin.execute("DELETE FROM app.allergen_lists WHERE version = 'test-of-today'")


async def test_what_is_refused(api: Api, admin: Connection, hotel: Hotel, front: Principal) -> None:
    stay = hotel.rooms[0].stay_id
    unknown = await declare(api, hotel.tablet(), stay, "egg", "granite")
    problem(unknown, 400, "invalid_input", "allergens[1]")
    runner = await make_staff(admin, hotel, "runner")
    for who in (runner, hotel.kitchen()):
        assert (await declare(api, who, stay, "egg")).status_code == 403
    problem(await declare(api, front, uuid4(), "egg"), 404, "not_found", "stay_id")
    moved_out = msgspec.structs.replace(hotel.tablet(), stay_id=None)
    problem(await declare(api, moved_out, stay, "egg"), 409, "stay_ended")
    await admin.execute("UPDATE app.stays SET ended_at = now() WHERE id = $1", stay)
    problem(await declare(api, front, stay, "egg"), 409, "stay_ended")
    problem(await declare(api, hotel.tablet(), stay, "egg"), 409, "stay_ended")
    assert not await admin.fetchval("SELECT allergens <> '{}' FROM app.stays WHERE id = $1", stay)


async def test_a_guest_speaks_for_no_other_stay(
    api: Api, admin: Connection, hotel: Hotel, other_hotel: Hotel, front: Principal
) -> None:
    """Defence: hub/stays/allergens.py _whose; row-level security for another hotel's."""
    foreign = other_hotel.rooms[0].stay_id
    for who, stay in ((hotel.tablet(1), hotel.rooms[0].stay_id), (hotel.tablet(), foreign), (front, foreign)):
        problem(await declare(api, who, stay, "egg"), 404, "not_found", "stay_id")
    declared = "SELECT count(*) FROM app.stays WHERE allergens_version IS NOT NULL AND tenant_id = ANY ($1)"
    assert await admin.fetchval(declared, [hotel.tenant_id, other_hotel.tenant_id]) == 0


async def test_orders_that_were_placed_stay_as_they_are(api: Api, admin: Connection, hotel: Hotel) -> None:
    await admin.execute("UPDATE app.menu_items SET allergens = '{egg}' WHERE id = $1", hotel.menu["soup"])
    before = await api.place(hotel)
    await declare(api, hotel.tablet(), hotel.rooms[0].stay_id, "egg")
    order = (await api.get(f"/api/v1/orders/{before['id']}", hotel.kitchen())).json()["order"]
    assert (order["declared_allergens"], order["items"][0]["conflicts"]) == ([], [])
    body = {"lines": [{"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}], "allergens_confirmed": True}
    after = (await api.post("/api/v1/orders", body, hotel.tablet())).json()["order"]
    assert (after["declared_allergens"], after["items"][0]["conflicts"]) == (["egg"], ["egg"])
    path = f"/api/v1/orders/{after['id']}"
    problem(
        await api.post(f"{path}/advance", {"to": "cooking"}, hotel.kitchen()),
        409,
        "allergy_not_acknowledged",
    )
    elsewhere = await api.post(f"{path}/acknowledge-allergy", {"stations": ["bar"]}, hotel.kitchen())
    assert elsewhere.json()["order"]["allergy_acked_at"] is None, "another station speaks for itself"
    assert (await api.post(f"{path}/acknowledge-allergy", {}, hotel.kitchen())).is_success
    cooked = await api.post(f"{path}/advance", {"to": "cooking"}, hotel.kitchen())
    assert cooked.json()["order"]["status"] == "cooking"


async def quoted(api: Api, hotel: Hotel, who: Principal, room: str | None = None) -> httpx.Response:
    body: dict[str, Any] = {"lines": [{"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}]}
    return await api.post("/api/v1/orders/quote", body if room is None else body | {"room_number": room}, who)


async def test_a_quote_for_a_room_knows_its_allergens(
    api: Api, admin: Connection, hotel: Hotel, other_hotel: Hotel, front: Principal
) -> None:
    await admin.execute("UPDATE app.menu_items SET allergens = '{egg}' WHERE id = $1", hotel.menu["soup"])
    await declare(api, front, hotel.rooms[0].stay_id, "egg")
    # of a room with the same number, in another house
    theirs = await make_staff(admin, other_hotel, "front")
    assert (await declare(api, theirs, other_hotel.rooms[1].stay_id, "egg")).is_success
    for room, conflicts in ((hotel.rooms[0].number, ["egg"]), (hotel.rooms[1].number, []), (None, [])):
        answer = await quoted(api, hotel, front, room)
        assert answer.status_code == 200, answer.text
        assert answer.json()["quote"]["lines"][0]["conflicts"] == conflicts, room
    problem(await quoted(api, hotel, front, "999"), 404, "not_found", "room_number")


async def test_only_who_orders_for_a_room_may_name_it_in_a_quote(
    api: Api, admin: Connection, hotel: Hotel
) -> None:
    """Defence: hub/orders/commands.py _looked_at; what a room has declared, and whether somebody lives there,
    is nobody else's."""
    cook, runner = [await make_staff(admin, hotel, role) for role in ("kitchen", "runner")]
    phone = await hotel.phone(admin)
    for who in (hotel.tablet(), phone, hotel.kitchen(), cook, runner):
        for room in ("101", "102", "999"):
            problem(await quoted(api, hotel, who, room), 403, "forbidden", "room_number")
        assert (await quoted(api, hotel, who)).status_code == 200
