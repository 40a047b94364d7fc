"""The demo hotel in the database, and the single-use codes by which its screens get in."""

from __future__ import annotations

from datetime import timedelta
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

import msgspec

from hub.db.ids import uuid7
from hub.db.pool import Role, connect
from hub.db.queries import load
from hub.demo.menu import load_menu, load_pages
from hub.errors import NotFound
from hub.security.credentials import digest, new_secret
from hub.staff import command as staff
from hub.tenants.store import USUAL_RATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.db.pool import Connection
    from hub.security.permissions import StaffRole
    from hub.settings import Settings

SLUG: Final = "demo"
NAME: Final = "ホテル灯 Hotel Akari"
ROOMS: Final = tuple(f"{floor}{number:02}" for floor in range(5, 9) for number in range(1, 6))
KITCHEN: Final = "Kitchen"
CREW: Final = "Kitchen crew"
PEOPLE: Final[dict[str, tuple[str, StaffRole]]] = {
    "manager@demo.example": ("灯 Akari", "manager"),
    "front@demo.example": ("渚 Nagisa", "front"),
}
CODE_LIFE: Final = timedelta(hours=12)
SERVICE_CHARGE_BP: Final = 1000
# Rooms that order by themselves fill a kitchen as fast as four crews cook; it must not promise hours for it.
PORTIONS_AT_ONCE: Final = 12

_queries = load("demo")
TENANT: Final = _queries["tenant"]
INSERT_TENANT: Final = _queries["insert_tenant"]
INSERT_TABLETS: Final = _queries["insert_tablets"]
INSERT_KITCHEN: Final = _queries["insert_kitchen"]
INSERT_MENU: Final = _queries["insert_menu"]
INSERT_PAGES: Final = _queries["insert_pages"]
OPEN_STAYS: Final = _queries["open_stays"]
INSERT_CODE: Final = _queries["insert_code"]


async def open_hotel(settings: Settings) -> UUID:
    """Make the demo hotel if it is not there, put a guest into every empty room; its tenant id."""
    connection = await connect(settings, Role.ADMIN)
    try:
        async with connection.transaction():
            tenant_id: UUID = uuid7()
            made = await connection.execute(INSERT_TENANT.text, tenant_id, NAME, SLUG, _settings())
            if made == "INSERT 0 1":
                await _furnish(connection, tenant_id)
            else:
                tenant_id = await connection.fetchval(TENANT.text, SLUG)
            await connection.execute(OPEN_STAYS.text, tenant_id)
        return tenant_id
    finally:
        await connection.close()


async def hire(settings: Settings, tenant_id: UUID) -> str:
    """The people of the demo; the new password of all of them."""
    password = token_urlsafe(9)
    async with staff.opened(settings) as access:
        for email, (name, role) in PEOPLE.items():
            try:
                await staff.set_new(access, tenant_id, email, password)
            except NotFound:
                await staff.add(access, tenant_id, email, name, role, password)
    return password


async def new_codes(settings: Settings, tenant_id: UUID, places: Sequence[str]) -> list[str]:
    """A fresh single-use code for each place: the tablet of a room, or a kitchen screen by its name, which is
    made when it is not there."""
    connection = await connect(settings, Role.ADMIN)
    try:
        codes = []
        for place in places:
            device_id = _device(tenant_id, place)
            if place not in ROOMS:
                await connection.execute(INSERT_KITCHEN.text, tenant_id, device_id, place)
            code = new_secret()
            await connection.execute(INSERT_CODE.text, tenant_id, device_id, digest(code), CODE_LIFE)
            codes.append(code)
        return codes
    finally:
        await connection.close()


def _device(tenant_id: UUID, place: str) -> UUID:
    return uuid5(tenant_id, f"device {place}")


def _settings() -> str:
    menu = load_menu()
    settings = {
        "phone": menu.phone,
        "stations": menu.stations,
        "categories": menu.categories,
        "service_charge_bp": SERVICE_CHARGE_BP,
        "station_capacity": {station.key: PORTIONS_AT_ONCE for station in menu.stations},
    }
    return msgspec.json.encode(settings).decode()


async def _furnish(connection: Connection, tenant_id: UUID) -> None:
    tablets = [_device(tenant_id, room) for room in ROOMS]
    await connection.execute(INSERT_TABLETS.text, tenant_id, tablets, list(ROOMS))
    await connection.execute(INSERT_KITCHEN.text, tenant_id, _device(tenant_id, KITCHEN), KITCHEN)
    items = [
        {**msgspec.to_builtins(item), "id": str(uuid5(tenant_id, item.key)), "display_order": order}
        for order, item in enumerate(load_menu().items)
    ]
    await connection.execute(INSERT_MENU.text, tenant_id, msgspec.json.encode(items).decode())
    await connection.execute(USUAL_RATES.text, tenant_id)
    pages = [
        {**page, "id": str(uuid5(tenant_id, page["slug"])), "display_order": order}
        for order, page in enumerate(load_pages())
    ]
    await connection.execute(INSERT_PAGES.text, tenant_id, msgspec.json.encode(pages).decode())
