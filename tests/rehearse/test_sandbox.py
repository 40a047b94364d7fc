"""The sandbox: made, made anew, and never a hotel that has guests."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import msgspec
import pytest
from msgspec.structs import replace

from hub import rehearse
from hub.db.pool import Role, connect
from hub.db.queries import Query
from hub.demo.hotel import CODE_LIFE, SLUG, open_hotel
from hub.errors import Conflict, InvalidInput, NotFound
from hub.menu.hours import business_date
from hub.rehearse import source
from hub.rehearse.sandbox import prepare
from hub.rehearse.script import Line, Ordered
from hub.security.credentials import digest

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel

DEMO = source.demo()
SOUP = next(dish for dish in DEMO.dishes if dish.id == "soup-onion")
SCRIPT = replace(
    DEMO, hotel="seaside", orders=[Ordered(0.0, 1, [Line(SOUP.id, 1)]), Ordered(60.0, 23, [Line(SOUP.id, 2)])]
)
TABLES = (
    "tenants", "menu_items", "tax_rates", "device_rooms", "device_presence", "orders", "order_items", "stays",
    "pairing_codes",
)  # fmt: skip


async def contents(admin: Connection, tenant_id: UUID) -> dict[str, Any]:
    """Everything that a hotel has, as text."""
    found = {}
    for table in TABLES:
        key = "id" if table == "tenants" else "tenant_id"
        found[table] = await admin.fetchval(
            f"SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY to_jsonb(t)::text), '[]')::text"
            f" FROM app.{table} AS t WHERE {key} = $1",
            tenant_id,
        )
    return found


async def place(admin: Connection, hotel: Hotel, at: datetime, **order: Any) -> UUID:
    """An order of a soup with a note, as the database holds it."""
    values = {"status": "received", "room_number": hotel.rooms[0].number, **order}
    names = ", ".join(values)
    marks = ", ".join(f"${n}" for n in range(5, 5 + len(values)))
    order_id: UUID = await admin.fetchval(
        "INSERT INTO app.orders (tenant_id, id, stay_id, placed_at, business_date, order_number,"
        f" subtotal_amount, tax_amount, total_amount, prices_include_tax, special_requests, version, {names})"
        " VALUES ($1, $2, $3, $4, '2026-05-02',"
        " (SELECT coalesce(max(order_number), 0) + 1 FROM app.orders WHERE tenant_id = $1),"
        f" 900, 81, 900, true, 'for Ms Sato', 1, {marks}) RETURNING id",
        hotel.tenant_id,
        uuid4(),
        hotel.rooms[0].stay_id,
        at,
        *values.values(),
    )
    await admin.execute(
        "INSERT INTO app.order_items (tenant_id, order_id, line, menu_item_id, name_ja, name_en, tax_class,"
        " tax_rate_bp, unit_price, quantity, total_price, note, station, preparation_minutes, options)"
        " VALUES ($1, $2, 1, $3, 'soup', 'soup', 'food', 1000, 900, 1, 900, 'call 090', 'kitchen', 10, $4)",
        hotel.tenant_id,
        order_id,
        hotel.menu["soup"],
        '[{"key": "size:large", "price": 0}]',
    )
    return order_id


async def test_it_has_the_menu_rooms_and_screens_of_the_script(settings: Settings, admin: Connection) -> None:
    sandbox = await prepare(settings, SCRIPT, 2, 600)
    assert sandbox.slug == "rehearsal-seaside"
    assert (len(sandbox.tablets), len(sandbox.screens), len(sandbox.codes)) == (23, 2, 2)
    rooms = await admin.fetch(
        "SELECT s.room_number FROM app.stays AS s WHERE s.tenant_id = $1 ORDER BY 1", sandbox.tenant_id
    )
    assert [row[0] for row in rooms] == [*(f"1{n:02}" for n in range(1, 21)), "201", "202", "203"]
    shown = await admin.fetch(
        "SELECT document FROM app.menu_documents WHERE tenant_id = $1 AND visible ORDER BY display_order",
        sandbox.tenant_id,
    )
    menu = [msgspec.json.decode(row["document"]) for row in shown]
    assert [item["name_ja"] for item in menu] == [dish.name_ja for dish in DEMO.dishes]
    assert {item["id"] for item in menu} == set(sandbox.dishes.values())
    # whatever the hotel's hours and stock are, everything can be rehearsed at any hour
    assert not any(item["start_time"] or item["sold_out"] for item in menu)
    hotel = await admin.fetchval("SELECT settings FROM app.tenants WHERE id = $1", sandbox.tenant_id)
    assert msgspec.json.decode(hotel)["sandbox"] is True


async def test_it_is_made_anew_each_time(settings: Settings, admin: Connection) -> None:
    first = await prepare(settings, SCRIPT, 1, 600)
    order_id = uuid4()
    stay_id = await admin.fetchval(
        "SELECT id FROM app.stays WHERE tenant_id = $1 AND room_number = '101'", first.tenant_id
    )
    await admin.execute(
        "INSERT INTO app.orders (tenant_id, id, stay_id, business_date, order_number, room_number,"
        " subtotal_amount, tax_amount, total_amount, prices_include_tax)"
        " VALUES ($1, $2, $3, '2026-05-02', 1, '101', 0, 0, 0, true)",
        first.tenant_id,
        order_id,
        stay_id,
    )
    await admin.execute(
        "UPDATE app.menu_items SET is_available = false, stock_quantity = 0 WHERE tenant_id = $1",
        first.tenant_id,
    )
    fewer = replace(SCRIPT, dishes=DEMO.dishes[:40])
    second = await prepare(settings, fewer, 3, 600)
    assert (second.tenant_id, len(second.codes)) == (first.tenant_id, 3)
    order = await admin.fetchrow("SELECT status, cancel_acked_at FROM app.orders WHERE id = $1", order_id)
    assert order is not None
    assert order["status"] == "cancelled"
    assert order["cancel_acked_at"] is not None
    left = await admin.fetchval(
        "SELECT count(*) FROM app.menu_items WHERE tenant_id = $1 AND deleted_at IS NULL AND is_available",
        first.tenant_id,
    )
    assert left == 40
    again = await prepare(settings, SCRIPT, 1, 600)
    assert set(again.dishes) == {dish.id for dish in DEMO.dishes}


async def test_a_hotel_of_that_name_is_never_touched(
    settings: Settings, admin: Connection, hotel: Hotel
) -> None:
    taken = replace(SCRIPT, hotel="taken")
    await admin.execute("UPDATE app.tenants SET slug = 'rehearsal-taken' WHERE id = $1", hotel.tenant_id)
    before = await contents(admin, hotel.tenant_id)
    with pytest.raises(Conflict, match=r"'rehearsal-taken' and is no sandbox: nothing was written"):
        await prepare(settings, taken, 1, 600)
    assert await contents(admin, hotel.tenant_id) == before


def statements() -> list[Query]:
    """All that the modules of a rehearsal can ask of a database, wherever they have it from."""
    modules = [import_module(f"{rehearse.__name__}.{one.name}") for one in iter_modules(rehearse.__path__)]
    return [value for module in modules for value in vars(module).values() if isinstance(value, Query)]


async def test_no_statement_writes_into_a_hotel_without_the_mark(
    settings: Settings, admin: Connection, hotel: Hotel
) -> None:
    await place(admin, hotel, datetime.now(UTC))
    await admin.execute(
        "INSERT INTO app.device_presence (tenant_id, device_id, online, session_generation, last_seen_at)"
        " VALUES ($1, $2, true, 1, now())",
        hotel.tenant_id,
        hotel.kitchen_id,
    )
    await admin.execute("UPDATE app.stays SET ended_at = now() WHERE tenant_id = $1", hotel.tenant_id)
    before = await contents(admin, hotel.tenant_id)
    dish = {**msgspec.to_builtins(SOUP), "id": str(uuid4()), "display_order": 1}
    values: dict[str, tuple[object, ...]] = {
        "put_dishes": (msgspec.json.encode([dish]).decode(),),
        "take_other_dishes": ([],),
        "put_rates": ('[{"tax_class": "food", "fulfilment": "fridge", "rate_bp": 1}]',),
        "put_devices": ([uuid4()], ["A screen"], [None]),
        "end_orders": (),
        "end_items": (),
        "forget_presence": (),
        "open_stays": (),
        "put_code": (hotel.kitchen_id, digest("a code"), CODE_LIFE),
    }
    queries = {query.name.removeprefix("rehearse."): query for query in statements() if query.writes}
    assert set(queries) == {*values, "make_sandbox"}
    connection = await connect(settings, Role.ADMIN)
    try:
        for name, arguments in values.items():
            await connection.execute(queries[name].text, hotel.tenant_id, *arguments)
            assert await contents(admin, hotel.tenant_id) == before, name
        # the same statements do change a sandbox
        await admin.execute(
            "UPDATE app.tenants SET settings = settings || '{\"sandbox\": true}' WHERE id = $1",
            hotel.tenant_id,
        )
        for name, arguments in values.items():
            marked = await contents(admin, hotel.tenant_id)
            await connection.execute(queries[name].text, hotel.tenant_id, *arguments)
            assert await contents(admin, hotel.tenant_id) != marked, name
    finally:
        await connection.close()


async def test_a_manager_cannot_make_a_hotel_a_sandbox(admin: Connection) -> None:
    from hub.tenants.hotel import ChangeSettings

    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"sandbox": True}, ChangeSettings)


async def test_the_menu_of_a_hotel_is_taken_as_it_is(settings: Settings) -> None:
    await open_hotel(settings)
    found = await source.of_hotel(settings, SLUG)
    assert [dish.name_en for dish in found.dishes] == [dish.name_en for dish in DEMO.dishes]
    assert [dish.options for dish in found.dishes] == [dish.options for dish in DEMO.dishes]
    assert (found.stations, found.categories, found.rates) == (DEMO.stations, DEMO.categories, found.rates)
    assert found.service_charge_bp == 1000
    with pytest.raises(NotFound, match="no hotel 'nowhere'"):
        await source.of_hotel(settings, "nowhere")


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
async def test_it_prices_as_its_hotel_does_today(
    settings: Settings, admin: Connection, hotel: Hotel, zone: str
) -> None:
    """In one of these zones it is never the day that it is in UTC."""
    today = business_date(datetime.now(UTC), ZoneInfo(zone), time(5))
    await admin.execute(
        "UPDATE app.tenants SET time_zone = $2, tax_rounding = 'ceil', business_day_cutover = '05:00'"
        " WHERE id = $1",
        hotel.tenant_id,
        zone,
    )
    await admin.executemany(
        "INSERT INTO app.tax_rates (tenant_id, tax_class, fulfilment, rate_bp, valid_from)"
        " VALUES ($1, 'wine', 'room_service', $2, $3)",
        [(hotel.tenant_id, 1234, today), (hotel.tenant_id, 4321, today + timedelta(days=1))],
    )
    found = await source.of_hotel(settings, hotel.slug)
    assert [rate.rate_bp for rate in found.rates if rate.tax_class == "wine"] == [1234]
    sandbox = await prepare(settings, found, 1, 600)
    rounding = await admin.fetchval("SELECT tax_rounding FROM app.tenants WHERE id = $1", sandbox.tenant_id)
    assert rounding == "ceil"


async def test_more_than_a_recording_can_hold_is_told_at_once(
    settings: Settings, admin: Connection, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = datetime(2026, 5, 2, 9, tzinfo=UTC)
    for number in range(3):
        await place(admin, hotel, begin, room_number=f"{number}")
    monkeypatch.setattr(source, "MOST_ROOMS", 2)
    with pytest.raises(InvalidInput, match="came from more than 2 rooms: choose a shorter time"):
        await source.record(settings, hotel.slug, "2026-05-01", None)
    monkeypatch.setattr(source, "MOST_ORDERS", 2)
    with pytest.raises(InvalidInput, match="more than 2 orders: choose a shorter time"):
        await source.record(settings, hotel.slug, "2026-05-01", None)


async def test_a_recording_holds_moments_and_dishes_and_nothing_of_the_guests(
    settings: Settings, admin: Connection, hotel: Hotel
) -> None:
    begin = datetime(2026, 5, 2, 9, tzinfo=UTC)  # 18:00 in Tokyo
    await place(admin, hotel, begin - timedelta(seconds=1))
    await place(
        admin, hotel, begin, status="delivered", accepted_at=begin + timedelta(seconds=20),
        ready_at=begin + timedelta(seconds=600), finished_at=begin + timedelta(seconds=900),
    )  # fmt: skip
    await place(admin, hotel, begin + timedelta(seconds=90), room_number="102")
    await place(admin, hotel, begin + timedelta(hours=1))
    found = await source.record(settings, hotel.slug, "2026-05-02T18:00", "2026-05-02T19:00:00+09:00")
    soup = str(hotel.menu["soup"])
    line = Line(soup, 1, ["size:large"])
    assert found.orders == [
        Ordered(0.0, 1, [line], accepted=20.0, ready=600.0, delivered=900.0),
        Ordered(90.0, 2, [line]),
    ]
    assert [dish.id for dish in found.dishes] == [soup]
    text = msgspec.json.encode(found)
    for secret in (
        b"Sato",
        b"090",
        hotel.rooms[0].number.encode() + b'"',
        str(hotel.rooms[0].stay_id).encode(),
    ):
        assert secret not in text


@pytest.mark.parametrize(
    ("since", "until", "reason"),
    [
        ("yesterday", None, "'yesterday' is no moment"),
        ("2026-05-02", "noon", "'noon' is no moment"),
        ("2020-01-01", "2020-01-02", "has no orders from"),
    ],
)
async def test_a_time_without_orders_is_no_recording(
    settings: Settings, hotel: Hotel, since: str, until: str | None, reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        await source.record(settings, hotel.slug, since, until)
    with pytest.raises(NotFound):
        await source.record(settings, "nowhere", since, until)


async def test_recording_needs_no_more_than_reading(
    settings: Settings, admin: Connection, hotel: Hotel
) -> None:
    await place(admin, hotel, datetime(2026, 5, 2, 9, tzinfo=UTC))
    before = await contents(admin, hotel.tenant_id)
    await source.record(settings, hotel.slug, "2026-05-01", None)
    assert await contents(admin, hotel.tenant_id) == before
