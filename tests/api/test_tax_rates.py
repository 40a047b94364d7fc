"""Tax rates by managers, over HTTP; those that a new hotel begins with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from hub.app import Hub, open_hub
from tests.api.conftest import Api, bearer, problem
from tests.factories import Hotel, make_staff

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from hub.settings import Settings

PATH = "/api/v1/hotel/tax-rates"
# 21st of November, two hours before the business day of the 22nd in Tokyo
NIGHT = datetime(2026, 11, 21, 18, tzinfo=UTC)
TODAY = date(2026, 11, 21)


class Clock:
    now = NIGHT

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
async def hub(settings: Settings, clock: Clock) -> AsyncIterator[Hub]:
    async with open_hub(settings, clock=clock) as hub:
        yield hub


@pytest.fixture(autouse=True)
def at_night(clock: Clock) -> None:
    clock.now = NIGHT


@pytest.fixture
async def manager(hotel: Hotel, admin: Connection) -> Principal:
    return await make_staff(admin, hotel, "manager")


def rate(tax_class: str, bp: int, day: date | str, fulfilment: str = "room_service") -> dict[str, Any]:
    return {"tax_class": tax_class, "fulfilment": fulfilment, "rate_bp": bp, "valid_from": str(day)}


async def add(api: Api, body: object, as_: Principal) -> httpx.Response:
    headers = {"Content-Type": "application/json"} | bearer(as_)
    return await api.client.post(PATH, content=msgspec.json.encode(body), headers=headers)


async def remove(api: Api, rate_id: object, as_: Principal) -> httpx.Response:
    return await api.client.delete(f"{PATH}/{rate_id}", headers=bearer(as_))


async def listed(api: Api, as_: Principal) -> list[dict[str, Any]]:
    answer = await api.get(PATH, as_)
    assert answer.status_code == 200, answer.text
    assert answer.json()["business_date"] == str(TODAY)
    return [{name: one[name] for name in one if name != "id"} for one in answer.json()["rates"]]


async def quoted(api: Api, hotel: Hotel) -> int:
    """The rate at which soup is taxed now."""
    body = {"lines": [{"menu_item_id": hotel.menu["soup"], "quantity": 1}]}
    answer = await api.post("/api/v1/orders/quote", body, hotel.tablet())
    assert answer.status_code == 200, answer.text
    bp: int = answer.json()["quote"]["taxes"][0]["rate_bp"]
    return bp


async def test_a_rate_that_comes_holds_from_its_business_day_on(
    api: Api, hotel: Hotel, manager: Principal, admin: Connection, clock: Clock
) -> None:
    answer = await add(api, rate("food", 1200, TODAY + timedelta(1)), manager)
    assert answer.status_code == 201, answer.text
    made = answer.json()["rate"]
    assert made == rate("food", 1200, "2026-11-22") | {"id": made["id"]}
    assert await listed(api, manager) == [
        rate("alcohol", 1000, "2019-10-01"),
        rate("food", 1000, "2019-10-01"),
        rate("food", 1200, "2026-11-22"),
        rate("food", 800, "2019-10-01", "takeaway"),
    ]
    assert await quoted(api, hotel) == 1000
    clock.now = NIGHT + timedelta(hours=2)
    assert await quoted(api, hotel) == 1200
    entry = await admin.fetchrow(
        "SELECT user_id, operation FROM app.audit_logs WHERE tenant_id = $1 AND record = $2",
        hotel.tenant_id,
        "food/room_service/2026-11-22",
    )
    assert entry is not None
    assert tuple(entry) == (manager.id, "insert")


@pytest.mark.parametrize("day", ["2026-11-21", "2026-11-20", "2019-10-01", "0001-01-01"])
async def test_the_past_stays(api: Api, hotel: Hotel, manager: Principal, day: str) -> None:
    before = await listed(api, manager)
    found = problem(await add(api, rate("food", 1200, day), manager), 400, "invalid_input", "valid_from")
    assert "2026-11-22" in found["detail"]
    assert await listed(api, manager) == before


async def test_what_has_no_rate_yet_gets_one_from_any_day(api: Api, hotel: Hotel, manager: Principal) -> None:
    """Nothing can have been sold at it."""
    first = rate("service", 1000, "2027-04-01")
    assert (await add(api, first, manager)).status_code == 201
    # still none that holds
    assert (await add(api, rate("service", 800, TODAY), manager)).status_code == 201
    problem(await add(api, rate("service", 900, "2020-01-01"), manager), 400, "invalid_input", "valid_from")
    # of the same class, but for what nobody has sold so
    assert (await add(api, rate("food", 800, "2019-10-01", "fridge"), manager)).status_code == 201
    problem(await add(api, first, manager), 409, "conflict", "valid_from")


async def test_what_lies_in_the_fridge_may_come_with_a_meal(
    api: Api, hotel: Hotel, manager: Principal, admin: Connection
) -> None:
    """It is then served as the meal is: without that rate no guest could order both."""
    soon, later = TODAY + timedelta(1), TODAY + timedelta(9)
    found = problem(await add(api, rate("snack", 800, soon, "fridge"), manager), 409, "conflict", "tax_class")
    assert "snack" in found["detail"], "it says what is missing"
    made = (await add(api, rate("snack", 1000, later), manager)).json()["rate"]
    problem(await add(api, rate("snack", 800, soon, "fridge"), manager), 409, "conflict", "tax_class")
    assert (await add(api, rate("snack", 800, later, "fridge"), manager)).status_code == 201
    problem(await remove(api, made["id"], manager), 409, "conflict")
    # the same from an import: whoever orders is told which line, and the others are sold
    await admin.execute(
        "UPDATE app.menu_items SET tax_class = 'toys', fulfilment = 'fridge' WHERE id = $1",
        hotel.menu["cake"],
    )
    await admin.execute(
        "INSERT INTO app.tax_rates (tenant_id, tax_class, fulfilment, rate_bp, valid_from)"
        " VALUES ($1, 'toys', 'fridge', 800, '2019-10-01')",
        hotel.tenant_id,
    )
    alone, beside = (
        {"lines": [{"menu_item_id": hotel.menu[name], "quantity": 1} for name in names]}
        for names in (("cake",), ("soup", "cake"))
    )
    assert (await api.post("/api/v1/orders/quote", alone, hotel.tablet())).status_code == 200
    for path in ("/api/v1/orders/quote", "/api/v1/orders"):
        answer = await api.post(path, beside, hotel.tablet(), uuid4())
        refused = problem(answer, 409, "item_unavailable", "lines[1].menu_item_id")
        assert [line["reason"] for line in refused["details"]["unavailable"]] == ["no_tax_rate"]


async def test_a_mistake_is_taken_back_while_it_is_to_come(
    api: Api, hotel: Hotel, manager: Principal, admin: Connection, clock: Clock
) -> None:
    before = await listed(api, manager)
    wrong = rate("food", 9900, TODAY + timedelta(1))
    made = (await add(api, wrong, manager)).json()["rate"]
    answer = await remove(api, made["id"], manager)
    assert (answer.status_code, answer.json()) == (200, {"rate": made})
    assert await listed(api, manager) == before
    problem(await remove(api, made["id"], manager), 404, "not_found", "tax_rate_id")
    clock.now = NIGHT + timedelta(hours=2)
    assert await quoted(api, hotel) == 1000, "it never holds"
    clock.now = NIGHT
    right = (await add(api, wrong | {"rate_bp": 990}, manager)).json()["rate"]
    clock.now = NIGHT + timedelta(hours=2)
    problem(await remove(api, right["id"], manager), 409, "conflict")
    assert await quoted(api, hotel) == 990
    entries = await admin.fetch(
        "SELECT operation, changed FROM app.audit_logs WHERE tenant_id = $1 AND record = $2"
        " ORDER BY created_at",
        hotel.tenant_id,
        "food/room_service/2026-11-22",
    )
    assert [tuple(one) for one in entries] == [
        ("insert", None),
        ("update", ["deleted_at"]),
        ("insert", None),
    ]


async def test_one_that_holds_stays(api: Api, hotel: Hotel, manager: Principal) -> None:
    rates = (await api.get(PATH, manager)).json()["rates"]
    for one in rates:
        problem(await remove(api, one["id"], manager), 409, "conflict")
    assert (await api.get(PATH, manager)).json()["rates"] == rates


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"rate_bp": -1}, "rate_bp"),
        ({"rate_bp": 10_001}, "rate_bp"),
        ({"rate_bp": 8.5}, "rate_bp"),
        ({"rate_bp": None}, "rate_bp"),
        ({"tax_class": "Food"}, "tax_class"),
        ({"tax_class": "food\n"}, "tax_class"),
        ({"tax_class": ""}, "tax_class"),
        ({"tax_class": "f" * 41}, "tax_class"),
        ({"fulfilment": "delivery"}, "fulfilment"),
        ({"valid_from": "2026-02-30"}, "valid_from"),
        ({"valid_from": "2027-02-01T00:00:00Z"}, "valid_from"),
        ({"id": str(uuid4())}, None),
    ],
)
async def test_what_is_no_rate(
    api: Api, manager: Principal, wrong: dict[str, Any], field: str | None
) -> None:
    body = rate("food", 800, "2027-01-01") | wrong
    problem(await add(api, body, manager), 400, "invalid_input", field)


async def test_they_are_not_without_end(
    api: Api, hotel: Hotel, manager: Principal, admin: Connection
) -> None:
    await admin.execute(
        "INSERT INTO app.tax_rates (tenant_id, tax_class, fulfilment, rate_bp, valid_from)"
        " SELECT $1, 'toys', 'takeaway', 1, date '2030-01-01' + n FROM generate_series(1, 197) AS n",
        hotel.tenant_id,
    )
    problem(await add(api, rate("food", 1, "2027-01-01"), manager), 409, "conflict")


async def test_a_new_hotel_has_the_rates_of_japan_and_sells_at_them(
    api: Api, hotel: Hotel, admin: Connection
) -> None:
    boss = await make_staff(admin, hotel, "super_admin")
    body = {"slug": f"inn-{uuid4().hex[:12]}", "name": "The Inn"}
    made = (await api.post("/api/v1/tenants", body, boss)).json()["tenant"]
    rows = await admin.fetch(
        "SELECT fulfilment, tax_class, rate_bp, valid_from FROM app.tax_rates"
        " WHERE tenant_id = $1::text::uuid ORDER BY 1, 2",
        made["id"],
    )
    assert [tuple(row)[:3] for row in rows] == [
        ("fridge", "alcohol", 1000),
        ("fridge", "food", 800),
        ("room_service", "alcohol", 1000),
        ("room_service", "food", 1000),
        ("room_service", "service", 1000),
        ("takeaway", "alcohol", 1000),
        ("takeaway", "food", 800),
    ]
    assert {row["valid_from"] for row in rows} == {date(2019, 10, 1)}
    # the dishes and the guest of another one move in
    for table in ("menu_items", "stays", "device_rooms"):
        await admin.execute(
            f"INSERT INTO app.{table} SELECT (jsonb_populate_record(r, jsonb_build_object('tenant_id',"
            f" $2::text))).* FROM app.{table} AS r WHERE tenant_id = $1",
            hotel.tenant_id,
            made["id"],
        )
    await admin.execute(
        "UPDATE app.tenants SET settings = '{\"service_charge_bp\": 1000}' WHERE id = $1::text::uuid",
        made["id"],
    )
    guest = msgspec.structs.replace(hotel.tablet(), tenant_id=UUID(made["id"]))
    lines = [{"menu_item_id": hotel.menu[dish], "quantity": 1} for dish in ("soup", "beer")]
    for fulfilment, taxes in (("room_service", {1000}), ("fridge", {800, 1000})):
        await admin.execute(
            "UPDATE app.menu_items SET fulfilment = $2 WHERE tenant_id = $1::text::uuid",
            made["id"],
            fulfilment,
        )
        answer = await api.post("/api/v1/orders/quote", {"lines": lines}, guest)
        assert answer.status_code == 200, answer.text
        assert {part["rate_bp"] for part in answer.json()["quote"]["taxes"]} == taxes
