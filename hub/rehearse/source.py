"""Where a rehearsal comes from: the menu of a hotel or of the demo, and what was ordered there."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from hub.db.pool import Role, connect
from hub.db.queries import load
from hub.demo.hotel import SERVICE_CHARGE_BP
from hub.demo.menu import load_menu
from hub.errors import InvalidInput, NotFound
from hub.rehearse.script import MOST_ORDERS, MOST_ROOMS, Dish, Line, Named, Ordered, Rate, Rounding, Script

if TYPE_CHECKING:
    import asyncpg

    from hub.db.pool import Connection
    from hub.settings import Settings

_queries = load("rehearse")
SOURCE: Final = _queries["source"]
DISHES: Final = _queries["dishes"]
RATES: Final = _queries["rates"]
PAST_ORDERS: Final = _queries["past_orders"]
OWN: Final = "demo"


class Hotel(Struct, frozen=True):
    """A hotel that is there."""

    id: UUID
    slug: str
    time_zone: str
    prices_include_tax: bool
    tax_rounding: Rounding
    service_charge_bp: int
    stations: list[Named]
    categories: list[Named]


def demo() -> Script:
    """The demo's menu, without orders."""
    menu = load_menu()
    dishes = [{**msgspec.to_builtins(item), "id": item.key} for item in menu.items]
    return Script(
        hotel=OWN,
        time_zone="Asia/Tokyo",
        prices_include_tax=True,
        tax_rounding="floor",
        service_charge_bp=SERVICE_CHARGE_BP,
        stations=msgspec.convert(menu.stations, list[Named], from_attributes=True),
        categories=msgspec.convert(menu.categories, list[Named], from_attributes=True),
        rates=[
            Rate(tax_class, fulfilment, 800 if (tax_class, fulfilment) == ("food", "fridge") else 1000)
            for tax_class in ("food", "alcohol", "service")
            for fulfilment in ("room_service", "fridge")
        ],
        dishes=msgspec.convert(dishes, list[Dish]),
        orders=[],
    )


async def of_hotel(settings: Settings, slug: str) -> Script:
    """The menu of a hotel, without orders. Raises NotFound, and InvalidInput when it sells
    nothing."""
    connection = await connect(settings, Role.ADMIN)
    try:
        hotel = await _hotel(connection, slug)
        return await _script(connection, hotel, None, [])
    finally:
        await connection.close()


async def record(settings: Settings, slug: str, since: str, until: str | None) -> Script:
    """What a hotel sold between two moments, as RFC 3339; without an offset they are those of its clock.

    Raises NotFound, InvalidInput for moments that are none, for a time without an order or with more than a
    recording can hold, Unavailable.
    """
    connection = await connect(settings, Role.ADMIN)
    try:
        hotel = await _hotel(connection, slug)
        zone = ZoneInfo(hotel.time_zone)
        begin = _moment(since, zone, "since")
        end = datetime.now(zone) if until is None else _moment(until, zone, "until")
        rows = await connection.fetch(PAST_ORDERS.text, hotel.id, begin, end, MOST_ORDERS + 1)
        if not rows:
            raise InvalidInput(f"{slug} has no orders from {begin} until {end}", field="since")
        if len(rows) > MOST_ORDERS:
            raise InvalidInput(
                f"{slug} has more than {MOST_ORDERS} orders: choose a shorter time", field="since"
            )
        orders = _orders(rows)
        if max(order.room for order in orders) > MOST_ROOMS:
            raise InvalidInput(
                f"the orders came from more than {MOST_ROOMS} rooms: choose a shorter time", field="since"
            )
        sold = {line.dish for order in orders for line in order.lines}
        return await _script(connection, hotel, [UUID(dish) for dish in sold], orders)
    finally:
        await connection.close()


def _orders(rows: list[asyncpg.Record]) -> list[Ordered]:
    begin = rows[0]["at"]
    rooms: dict[str, int] = {}
    orders = []
    for row in rows:

        def after(moment: datetime | None, at: datetime = row["at"]) -> float | None:
            return None if moment is None else max(0.0, (moment - at).total_seconds())

        orders.append(
            Ordered(
                at=(row["at"] - begin).total_seconds(),
                room=rooms.setdefault(row["room_number"], len(rooms) + 1),
                lines=msgspec.json.decode(row["lines"], type=list[Line]),
                accepted=after(row["accepted_at"]),
                ready=after(row["ready_at"]),
                delivered=after(row["delivered_at"]),
            )
        )
    return orders


async def _script(
    connection: Connection, hotel: Hotel, wanted: list[UUID] | None, orders: list[Ordered]
) -> Script:
    rows = await connection.fetch(DISHES.text, hotel.id, wanted)
    if not rows:
        raise InvalidInput(f"{hotel.slug} has nothing on its menu", field="hotel")
    rates = await connection.fetch(RATES.text, hotel.id)
    return Script(
        hotel=hotel.slug,
        time_zone=hotel.time_zone,
        prices_include_tax=hotel.prices_include_tax,
        tax_rounding=hotel.tax_rounding,
        service_charge_bp=hotel.service_charge_bp,
        stations=hotel.stations,
        categories=hotel.categories,
        rates=[msgspec.convert(dict(row), Rate) for row in rates],
        dishes=[_dish(row) for row in rows],
        orders=orders,
    )


def _dish(row: asyncpg.Record) -> Dish:
    image = row["image_url"]
    # another hotel's pictures are not shown to this one's screens
    shown = image if image is not None and image.startswith("/static/") else None
    return msgspec.convert(
        {**dict(row), "options": msgspec.json.decode(row["options"]), "image_url": shown}, Dish
    )


async def _hotel(connection: Connection, slug: str) -> Hotel:
    row = await connection.fetchrow(SOURCE.text, slug)
    if row is None:
        raise NotFound(f"there is no hotel {slug[:64]!r}", field="hotel")
    named = {name: msgspec.json.decode(row[name]) for name in ("stations", "categories")}
    return msgspec.convert({**dict(row), **named}, Hotel)


def _moment(text: str, zone: ZoneInfo, field: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is no moment: write it as 2026-05-02T18:00", field=field) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
