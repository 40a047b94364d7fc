"""The fleet as staff see and change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest

from hub.devices.model import TRANSITIONS, Action, Status, after
from hub.errors import InvalidTransition
from tests.api.conftest import Api, bearer, problem
from tests.api.test_pairing import events
from tests.factories import Hotel, make_staff

if TYPE_CHECKING:
    from uuid import UUID

    from hub.db.pool import Connection
    from hub.security.principal import Principal

DEVICES = "/api/v1/devices"


@pytest.fixture
async def manager(admin: Connection, hotel: Hotel) -> Principal:
    return await make_staff(admin, hotel, "manager")


async def patch(api: Api, who: Principal, device_id: UUID, **body: Any) -> httpx.Response:
    return await api.client.patch(f"{DEVICES}/{device_id}", json=body, headers=bearer(who))


async def test_the_list_comes_in_pages(api: Api, hotel: Hotel, manager: Principal) -> None:
    everything = (await api.get(DEVICES, manager)).json()
    assert everything["next"] is None
    assert len(everything["devices"]) == 6
    ids: list[str] = []
    after_: dict[str, str] = {}
    while True:
        page = (await api.get(DEVICES, manager, limit=4, **after_)).json()
        ids += [device["id"] for device in page["devices"]]
        if page["next"] is None:
            break
        after_ = {"after": page["next"]}
    assert ids == [device["id"] for device in everything["devices"]]
    problem(await api.get(DEVICES, manager, after="x"), 400, "invalid_input", "after")


async def test_filters_and_presence(api: Api, hotel: Hotel, manager: Principal, admin: Connection) -> None:
    kitchen, tablet = hotel.kitchen_id, hotel.rooms[0].tablet_id
    await admin.execute("UPDATE app.device_rooms SET floor = '3' WHERE id = $1", tablet)
    await admin.execute("UPDATE app.device_rooms SET status = 'lost' WHERE id = $1", hotel.kitchen_ids[3])
    await admin.execute(
        "INSERT INTO app.device_presence (tenant_id, device_id, online, session_generation, last_seen_at)"
        " VALUES ($1, $2, true, 1, now()), ($1, $3, true, 1, now() - interval '5 minutes')",
        hotel.tenant_id,
        kitchen,
        tablet,
    )

    async def found(**only: str) -> list[str]:
        page = (await api.get(DEVICES, manager, **only)).json()
        return [device["id"] for device in page["devices"]]

    assert await found(online="true") == [str(kitchen)]
    assert str(tablet) in await found(online="false"), "nobody has seen it for long"
    assert await found(floor="3") == [str(tablet)]
    assert await found(status="lost") == [str(hotel.kitchen_ids[3])]
    assert len(await found(type="tablet")) == 2
    assert await found(type="tablet", online="true") == []


def test_transitions_end_somewhere() -> None:
    states: tuple[Status, ...] = ("pending", "active", "suspended", "lost", "retired")
    actions: tuple[Action, ...] = ("suspend", "resume", "lost", "retire")
    assert set(actions) == set(TRANSITIONS)
    allowed = {
        (status, action): then
        for status in states
        for action in actions
        if (then := _after(status, action)) is not None and then != status
    }
    assert allowed == {
        ("active", "suspend"): "suspended",
        ("suspended", "resume"): "active",
        ("active", "lost"): "lost",
        ("suspended", "lost"): "lost",
        ("pending", "retire"): "retired",
        ("active", "retire"): "retired",
        ("suspended", "retire"): "retired",
        ("lost", "retire"): "retired",
    }


def _after(status: Status, action: Action) -> Status | None:
    try:
        return after(status, action)
    except InvalidTransition:
        return None


async def test_actions(api: Api, hotel: Hotel, manager: Principal, admin: Connection) -> None:
    path = f"{DEVICES}/{hotel.kitchen_id}"

    async def act(action: str) -> httpx.Response:
        return await api.client.post(f"{path}/{action}", headers=bearer(manager))

    for action, status in (("suspend", "suspended"), ("suspend", "suspended"), ("resume", "active")):
        answer = await act(action)
        assert (answer.status_code, answer.json()["device"]["status"]) == (200, status)
    assert await events(admin, hotel, "device.revoked") == 1
    assert (await act("lost")).json()["device"]["status"] == "lost"
    document = problem(await act("resume"), 409, "invalid_transition")
    assert document["details"] == {"action": "resume", "device_status": "lost"}
    assert (await act("retire")).json()["device"]["status"] == "retired"
    problem(await patch(api, manager, hotel.kitchen_id, device_name="x"), 409, "conflict")


async def test_a_resumed_tablet_finds_its_room_taken(
    api: Api, hotel: Hotel, manager: Principal, admin: Connection
) -> None:
    tablet = hotel.rooms[0].tablet_id
    await admin.execute("UPDATE app.device_rooms SET status = 'suspended' WHERE id = $1", tablet)
    await admin.execute(
        "UPDATE app.device_rooms SET room_number = '101' WHERE id = $1", hotel.rooms[1].tablet_id
    )
    answer = await api.client.post(f"{DEVICES}/{tablet}/resume", headers=bearer(manager))
    problem(answer, 409, "conflict", "room_number")


async def test_changes(api: Api, hotel: Hotel, manager: Principal, admin: Connection) -> None:
    tablet = hotel.rooms[0].tablet_id
    answer = await patch(api, manager, tablet, room_number="301", floor="3", settings={"volume": 0.5})
    device = answer.json()["device"]
    assert (device["room_number"], device["floor"], device["settings"]) == ("301", "3", {"volume": 0.5})
    assert device["wipe_requested_at"] is not None, "the guest of the old room is forgotten first"
    answer = await patch(api, manager, tablet, floor=None, device_name="T")
    assert (answer.json()["device"]["floor"], answer.json()["device"]["device_name"]) == (None, "T")
    problem(await patch(api, manager, tablet, room_number="102"), 409, "conflict", "room_number")
    problem(await patch(api, manager, tablet, room_number=None), 400, "invalid_input", "room_number")
    problem(await patch(api, manager, tablet, stations=["x"]), 400, "invalid_input", "stations")
    problem(await patch(api, manager, hotel.kitchen_id, room_number="1"), 400, "invalid_input", "room_number")
    problem(await patch(api, manager, tablet, status="lost"), 400, "invalid_input")
    problem(await patch(api, manager, uuid4(), device_name="x"), 404, "not_found", "device_id")


async def test_a_screen_is_set_up_from_the_office(api: Api, hotel: Hotel, manager: Principal) -> None:
    settings = {"view": "expo", "columns": 4, "thresholds": {"soon": 60, "late": 90}}
    answer = await patch(api, manager, hotel.kitchen_id, settings=settings)
    assert answer.json()["device"]["settings"] == settings
    for wrong, field in (
        ({"view": "bar"}, "settings.view"),
        ({"volume": 0.5}, "settings"),
        ({"thresholds": {"soon": 90, "late": 60}}, "settings.thresholds.late"),
    ):
        document = await patch(api, manager, hotel.kitchen_id, settings=wrong)
        problem(document, 400, "invalid_input", field)
    read = (await api.get(f"{DEVICES}/{hotel.kitchen_id}", manager)).json()
    assert read["device"]["settings"] == settings


async def test_a_tablet_stays_while_its_guest_waits_for_an_order(
    api: Api, hotel: Hotel, manager: Principal
) -> None:
    order = await api.place(hotel)
    tablet = hotel.rooms[0].tablet_id
    document = problem(await patch(api, manager, tablet, room_number="301"), 409, "conflict", "room_number")
    assert document["details"]["open_orders"] == 1
    assert (await patch(api, manager, tablet, device_name="same room")).is_success
    await api.post(f"/api/v1/orders/{order['id']}/cancel", {}, hotel.tablet())
    assert (await patch(api, manager, tablet, room_number="301")).is_success
