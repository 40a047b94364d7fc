"""What a manager sets of the service: stations, charge, hours, and how much the kitchen takes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hub.tenants import service
from tests.api.conftest import Api, problem
from tests.api.test_hotel_settings import SETTINGS, change
from tests.factories import Hotel, make_staff

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal


def named(key: str, ja: str = "名", en: str = "Name") -> dict[str, str]:
    return {"key": key, "name_ja": ja, "name_en": en}


KITCHEN = named("kitchen", "厨房", "Kitchen")
BAR = named("bar", "バー", "Bar")
EVERYTHING: dict[str, Any] = {
    "stations": [KITCHEN, BAR],
    "categories": [named("meals", "お食事", "Meals")],
    "delivery_minutes": 0,
    "night_start": "23:30",
    "night_end": "05:00",
    "idle_seconds": 30,
    "legal_age": 18,
    "station_capacity": {"kitchen": 50, "bar": 1},
    "throttle_interval_minutes": 20,
    "throttle_orders": 1000,
    "throttle_minutes": 10_000,
}
RATE = (
    "INSERT INTO app.tax_rates (tenant_id, tax_class, fulfilment, rate_bp, valid_from)"
    " VALUES ($1, $2, $3, 1000, (now() AT TIME ZONE 'Asia/Tokyo' - interval '5 hours')::date + $4::integer)"
)


@pytest.fixture
async def manager(hotel: Hotel, admin: Connection) -> Principal:
    return await make_staff(admin, hotel, "manager")


async def stored(admin: Connection, hotel: Hotel) -> dict[str, Any]:
    text = await admin.fetchval("SELECT settings FROM app.tenants WHERE id = $1", hotel.tenant_id)
    kept: dict[str, Any] = json.loads(text)
    return kept


async def told(api: Api, hotel: Hotel) -> dict[str, Any]:
    """What screens know of the hotel."""
    document: dict[str, Any] = (await api.get("/api/v1/menu", hotel.tablet())).json()["hotel"]
    return document


async def test_all_of_it_is_set_shown_and_taken_back(
    api: Api, hotel: Hotel, admin: Connection, manager: Principal
) -> None:
    await admin.execute(RATE, hotel.tenant_id, "service", "room_service", 0)
    wanted = EVERYTHING | {"service_charge_bp": 3000}
    assert set(wanted) == set(service.NAMES)
    usual = (await api.get(SETTINGS, manager)).json()
    before = await told(api, hotel)
    answer = await change(api, wanted, manager)
    assert answer.status_code == 200, answer.text
    assert answer.json() == (await api.get(SETTINGS, manager)).json() == usual | wanted
    assert await stored(admin, hotel) == wanted
    shown = {name: wanted[name] for name in wanted if "throttle" not in name and name != "station_capacity"}
    assert await told(api, hotel) == before | shown
    events = await admin.fetchval(
        "SELECT count(*) FROM app.events WHERE tenant_id = $1 AND kind = 'hotel'"
        " AND payload ->> 'night_start' = '23:30'",
        hotel.tenant_id,
    )
    assert events == 1, "screens see it"
    await admin.execute("UPDATE app.menu_items SET is_hidden = true WHERE tenant_id = $1", hotel.tenant_id)
    assert (await change(api, dict.fromkeys(service.NAMES), manager)).json() == usual
    assert await stored(admin, hotel) == {}
    assert await told(api, hotel) == before


async def test_names_have_one_form(api: Api, hotel: Hotel, manager: Principal) -> None:
    # two signs that make one letter, and blanks around it
    answer = await change(api, {"stations": [named("kitchen", " か\u3099 ", "Grill")]}, manager)
    assert answer.json()["stations"] == [named("kitchen", "が", "Grill")]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"stations": [named("Kitchen")]}, "stations[0].key"),
        ({"stations": [named("kitchen\n")]}, "stations[0].key"),
        ({"stations": [named("k" * 41)]}, "stations[0].key"),
        ({"stations": [named("kitchen"), named("bar"), named("kitchen")]}, "stations[2].key"),
        ({"stations": [named("kitchen", ja="")]}, "stations[0].name_ja"),
        ({"stations": [named("kitchen", ja=" ")]}, "stations[0].name_ja"),
        ({"stations": [named("kitchen", en="A\u202eB")]}, "stations[0].name_en"),
        ({"stations": [named("kitchen", en="x" * 101)]}, "stations[0].name_en"),
        ({"stations": [named("kitchen") | {"colour": "red"}]}, "stations[0]"),
        ({"stations": [{"key": "kitchen", "name_ja": "厨房"}]}, "stations[0]"),
        ({"stations": [named(f"s{n}") for n in range(41)]}, "stations"),
        ({"stations": {"kitchen": 1}}, "stations"),
        ({"categories": [named("meals"), named("meals")]}, "categories[1].key"),
        ({"categories": [named("meals", en="")]}, "categories[0].name_en"),
        ({"service_charge_bp": -1}, "service_charge_bp"),
        ({"service_charge_bp": 3001}, "service_charge_bp"),
        ({"service_charge_bp": 10.5}, "service_charge_bp"),
        ({"delivery_minutes": 121}, "delivery_minutes"),
        ({"night_start": "24:00"}, "night_start"),
        ({"night_start": "7:00"}, "night_start"),
        ({"night_end": "07:60"}, "night_end"),
        ({"night_end": "07:00\n"}, "night_end"),
        ({"night_end": "07:00:00"}, "night_end"),
        ({"night_end": "22:00"}, "night_end"),
        ({"night_start": "07:00"}, "night_start"),
        ({"night_start": "10:00", "night_end": "10:00"}, "night_end"),
        ({"idle_seconds": 29}, "idle_seconds"),
        ({"idle_seconds": 3601}, "idle_seconds"),
        ({"legal_age": 31}, "legal_age"),
        ({"station_capacity": {"kitchen": 0}}, "station_capacity[...]"),
        ({"station_capacity": {"kitchen": 51}}, "station_capacity[...]"),
        ({"station_capacity": {"kitchen": "3"}}, "station_capacity[...]"),
        ({"station_capacity": {"kitchen": None}}, "station_capacity[...]"),
        ({"station_capacity": {"kitchen\n": 3}}, "station_capacity"),
        ({"station_capacity": {"grill": 3}}, "station_capacity"),
        ({"stations": [named("grill")], "station_capacity": {"bar": 3}}, "station_capacity"),
        ({"station_capacity": [3]}, "station_capacity"),
        ({"throttle_interval_minutes": 7}, "throttle_interval_minutes"),
        ({"throttle_interval_minutes": "15"}, "throttle_interval_minutes"),
        ({"throttle_orders": 0}, "throttle_orders"),
        ({"throttle_orders": 1001}, "throttle_orders"),
        ({"throttle_minutes": 0}, "throttle_minutes"),
        ({"throttle_minutes": 10_001}, "throttle_minutes"),
        ({"pause": None}, None),
        ({"sandbox": True}, None),
    ],
)
async def test_what_does_not_fit_is_refused_at_its_field(
    api: Api, hotel: Hotel, admin: Connection, manager: Principal, wrong: dict[str, Any], field: str | None
) -> None:
    problem(await change(api, wrong, manager), 400, "invalid_input", field)
    assert await stored(admin, hotel) == {}


@pytest.mark.parametrize(("name", "needed"), [("stations", KITCHEN), ("categories", named("meals"))])
async def test_what_dishes_need_stays(
    api: Api, hotel: Hotel, admin: Connection, manager: Principal, name: str, needed: dict[str, str]
) -> None:
    """All dishes of the tests are made in the kitchen, and are meals."""
    other = named("other")
    assert (await change(api, {name: [needed, other]}, manager)).status_code == 200
    for without in ([other], [], None):
        found = problem(await change(api, {name: without}, manager), 400, "invalid_input", name)
        assert needed["key"] in found["detail"]
    assert (await change(api, {name: [needed]}, manager)).status_code == 200, "nothing needs the other one"
    for gone in ("is_hidden = true", "is_hidden = false, deleted_at = now()"):
        await admin.execute(f"UPDATE app.menu_items SET {gone} WHERE tenant_id = $1", hotel.tenant_id)
        assert (await change(api, {name: [other]}, manager)).status_code == 200, gone
        assert (await change(api, {name: [needed]}, manager)).status_code == 200


async def test_stations_may_be_added_before_those_in_use(api: Api, hotel: Hotel, manager: Principal) -> None:
    """A hotel that has never named its stations need not begin with the right one."""
    assert (await change(api, {"stations": [BAR]}, manager)).status_code == 200


async def test_a_station_takes_its_capacity_along(
    api: Api, hotel: Hotel, admin: Connection, manager: Principal
) -> None:
    wanted = {"stations": [KITCHEN, BAR], "station_capacity": {"bar": 2, "kitchen": 5}}
    assert (await change(api, wanted, manager)).status_code == 200
    answer = await change(api, {"stations": [KITCHEN]}, manager)
    assert answer.json()["station_capacity"] == {"kitchen": 5}
    # dishes are made there, named or not
    assert (await change(api, {"stations": None}, manager)).status_code == 400
    await admin.execute("UPDATE app.tenants SET settings = '{}' WHERE id = $1", hotel.tenant_id)
    assert (await change(api, {"station_capacity": {"kitchen": 5}}, manager)).status_code == 200


@pytest.mark.parametrize(
    ("tax_class", "fulfilment", "days"),
    [("service", "room_service", 1), ("service", "fridge", 0), ("food", "takeaway", 0)],
)
async def test_no_service_is_charged_that_cannot_be_taxed(
    api: Api,
    hotel: Hotel,
    admin: Connection,
    manager: Principal,
    tax_class: str,
    fulfilment: str,
    days: int,
) -> None:
    await admin.execute(RATE, hotel.tenant_id, tax_class, fulfilment, days)
    answer = await change(api, {"service_charge_bp": 1000}, manager)
    found = problem(answer, 400, "invalid_input", "service_charge_bp")
    assert "tax rate" in found["detail"]
    for fine in (0, None):
        assert (await change(api, {"service_charge_bp": fine}, manager)).status_code == 200
    await admin.execute(RATE, hotel.tenant_id, "service", "room_service", -1)
    assert (await change(api, {"service_charge_bp": 1000}, manager)).status_code == 200
    lines = [{"menu_item_id": hotel.menu["soup"], "quantity": 1}]
    answer = await api.post("/api/v1/orders/quote", {"lines": lines}, hotel.tablet())
    assert answer.json()["quote"]["service_amount"] == 90


async def test_the_kitchen_takes_on_no_more_than_it_was_said(
    api: Api, hotel: Hotel, manager: Principal
) -> None:
    wanted = {"throttle_interval_minutes": 60, "throttle_orders": 1}
    assert (await change(api, wanted, manager)).status_code == 200
    lines = {"lines": [{"menu_item_id": hotel.menu["soup"], "quantity": 1}]}

    async def begins() -> object:
        answer = await api.post("/api/v1/orders/quote", lines, hotel.tablet())
        return answer.json()["quote"]["estimate"]["fire_at"]

    assert await begins() is None
    await api.place(hotel)
    assert await begins() is not None, "with the next hour"
    assert (await change(api, {"throttle_orders": None}, manager)).status_code == 200
    assert await begins() is None
