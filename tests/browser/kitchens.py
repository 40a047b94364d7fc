"""Orders as any system would write them, and more kitchen screens than the demo hotel has."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID, uuid4

from hub.security.credentials import digest, new_secret
from tests.browser.kitchen_probes import DRAWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.async_api import Page

    from hub.db.pool import Connection
    from tests.browser.hub_process import HubProcess

# A dish by its place in the menu, alone or with columns of its item that differ.
Dish: TypeAlias = "int | tuple[int, dict[str, Any]]"

_SECONDS = 15.0
_JSON = frozenset({"options", "alerts", "taxes"})
_ORDER = """
    WITH stay AS (
        SELECT tenant_id, id FROM app.stays WHERE room_number = $1 AND ended_at IS NULL
    ), number AS (
        INSERT INTO app.order_counters (tenant_id, business_date, last_number)
        SELECT tenant_id, current_date, 1 FROM stay
        ON CONFLICT (tenant_id, business_date)
        DO UPDATE SET last_number = order_counters.last_number + 1 RETURNING last_number
    )
    INSERT INTO app.orders (tenant_id, id, business_date, order_number, stay_id, room_number, placed_at,
        subtotal_amount, tax_amount, service_amount, total_amount, prices_include_tax)
    SELECT tenant_id, $2, current_date, last_number, id, $1, now() - $3::interval, 1000, 90, 0, 1000, true
    FROM stay, number
"""
_ITEM = """
    INSERT INTO app.order_items (tenant_id, order_id, line, menu_item_id, name_ja, name_en, tax_class,
        tax_rate_bp, unit_price, quantity, total_price, station, preparation_minutes, age_restricted,
        allergens)
    SELECT m.tenant_id, $1, $2, m.id, m.name_ja, m.name_en, m.tax_class, 1000, m.price, $4, m.price * $4,
        m.station, m.preparation_minutes, m.age_restricted, m.allergens
    FROM app.menu_items AS m ORDER BY m.display_order OFFSET $3 LIMIT 1
"""
_SCREEN = """
    INSERT INTO app.device_rooms (tenant_id, id, device_name, device_type, stations, status)
    VALUES ($1, $2, $3, 'kitchen_screen', $4, 'pending')
"""
_CODE = """
    INSERT INTO app.pairing_codes (tenant_id, device_id, code_hash, expires_at)
    VALUES ($1, $2, $3, now() + interval '1 hour')
"""

_AT_WORK = """
    SELECT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
            AND state <> 'idle'
    )
"""


async def place(
    admin: Connection, room: str, dishes: Sequence[Dish], *, minutes: float = 0, **columns: object
) -> str:
    """An order placed so many minutes ago, and accepted when that is some time; `columns` are those of the
    order that differ. Its id."""
    if minutes >= 1:
        columns = {"accepted_at": datetime.now(UTC), **columns}
    order = uuid4()
    async with admin.transaction():
        await admin.execute(_ORDER, room, order, timedelta(minutes=minutes))
        for line, dish in enumerate(dishes, 1):
            place, changes = dish if isinstance(dish, tuple) else (dish, {})
            changes = dict(changes)
            await admin.execute(_ITEM, order, line, place, changes.pop("quantity", 1))
            await _change(admin, "order_items", f"order_id = $1 AND line = {line}", order, changes)
        await _change(admin, "orders", "id = $1", order, columns)
    return str(order)


async def change(admin: Connection, order: str, **columns: object) -> None:
    """What another system does to an order."""
    await _change(admin, "orders", "id = $1", UUID(order), columns)


async def change_item(admin: Connection, order: str, line: int, **columns: object) -> None:
    await _change(admin, "order_items", f"order_id = $1 AND line = {line}", UUID(order), columns)


async def _change(
    admin: Connection, table: str, which: str, order: UUID, columns: dict[str, Any] | dict[str, object]
) -> None:
    if not columns:
        return
    names = ", ".join(
        f"{name} = ${n}::text::jsonb" if name in _JSON else f"{name} = ${n}"
        for n, name in enumerate(columns, 2)
    )
    values = [json.dumps(value) if name in _JSON else value for name, value in columns.items()]
    await admin.execute(f"UPDATE app.{table} SET {names} WHERE {which}", order, *values)


async def screen_code(admin: Connection, hub: HubProcess, name: str, stations: Sequence[str] = ()) -> str:
    """A claim code for a kitchen screen of its own."""
    device, code = uuid4(), new_secret()
    await admin.execute(_SCREEN, hub.tenant_id, device, name, list(stations))
    await admin.execute(_CODE, hub.tenant_id, device, digest(code))
    return code


async def calm(admin: Connection) -> None:
    """A hotel without orders, on one kitchen screen that nobody has set up, which sells everything. What the
    pages of the test before have asked for is done by then."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SECONDS):
            while True:
                if not await admin.fetchval(_AT_WORK):
                    break
                await asyncio.sleep(0.02)
    await admin.execute("DELETE FROM app.order_items")
    await admin.execute("DELETE FROM app.orders")
    await admin.execute(
        "UPDATE app.device_rooms SET status = 'retired', deleted_at = now()"
        " WHERE device_type = 'kitchen_screen' AND device_name <> 'Kitchen' AND deleted_at IS NULL"
    )
    # a screen that joins with what was before keeps its language when nothing is said of one
    for settings in ('{"language": "ja"}', "{}"):
        await admin.execute(
            "UPDATE app.device_rooms SET settings = $1::text::jsonb WHERE settings <> '{}'", settings
        )
    await admin.execute(
        "UPDATE app.tenants SET settings = settings - $1::text[] WHERE settings ?| $1::text[]",
        ["pause", "undo_seconds", "alert_every_seconds"],
    )
    await admin.execute(
        "UPDATE app.menu_items SET is_available = true, sold_out_until = NULL WHERE NOT is_available"
    )


async def at_rest(page: Page) -> None:
    """Wait until nothing on the page moves or changes its colour any more."""
    async with asyncio.timeout(_SECONDS):
        await page.evaluate(DRAWN)


async def set_up(admin: Connection, **settings: object) -> None:
    """What the hotel's kitchen screen is set to, as the hub keeps it."""
    await admin.execute(
        "UPDATE app.device_rooms SET settings = $1::text::jsonb WHERE device_name = 'Kitchen'",
        json.dumps(settings),
    )
