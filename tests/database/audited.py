"""One row of each audited table, to be inserted, changed and deleted, and what the audit says of that."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct

from tests.database.catalogue import column
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection


class Row(Struct, frozen=True):
    """How a row of a table is made, one column of it that changes, and its key as the audit writes it."""

    insert: str
    change: str
    key: str = "id"


# {t} is the hotel, {stay}, {device}, {item} stand in it; {n} is new each time.
ROWS: Final = {
    "tenants": Row("(id, name, slug) VALUES ('{n}', 'New', 'n-{n}')", "name = 'Newer'"),
    "staff": Row(
        "(tenant_id, email_index, email_encrypted, password_hash, name, role)"
        " VALUES ('{t}', sha256('{n}'), 'v1:', 'x', 'Aiko', 'kitchen')",
        "name = 'Emi'",
    ),
    "staff_sessions": Row(
        "(tenant_id, staff_id, expires_at) VALUES ('{t}', '{staff}', now())", "second_factor = true"
    ),
    "staff_codes": Row(
        "(tenant_id, code_hash, staff_id, purpose, expires_at)"
        " VALUES ('{t}', sha256('{n}'), '{staff}', 'verify_email', now())",
        "used_at = now()",
        "staff_id",
    ),
    "stays": Row(
        "(tenant_id, room_number, allergens_version, allergens_declared_at)"
        " VALUES ('{t}', '777', 'jp-2026-04', now())",
        "room_number = '778'",
    ),
    "device_rooms": Row(
        "(tenant_id, device_name, device_type) VALUES ('{t}', 'New', 'kitchen_screen')", "floor = '9'"
    ),
    "pairing_codes": Row(
        "(tenant_id, device_id, code_hash, expires_at) VALUES ('{t}', '{device}', sha256('{n}'), now())",
        "used_at = now()",
    ),
    "menu_items": Row("(tenant_id, name_ja, price, category) VALUES ('{t}', 'N', 1, 'meals')", "price = 2"),
    "tax_rates": Row(
        "(tenant_id, tax_class, fulfilment, rate_bp, valid_from)"
        " VALUES ('{t}', 'x', 'fridge', 1, '2026-01-01')",
        "rate_bp = 2",
        "tax_class || '/' || fulfilment || '/' || valid_from",
    ),
    "orders": Row(
        "(tenant_id, business_date, order_number, stay_id, room_number, subtotal_amount, tax_amount,"
        " total_amount, prices_include_tax)"
        " VALUES ('{t}', '2026-11-21', 9, '{stay}', '101', 1, 0, 1, true)",
        "special_requests = 'no salt'",
    ),
    "order_items": Row(
        "(tenant_id, order_id, line, menu_item_id, name_ja, name_en, tax_class, tax_rate_bp, unit_price,"
        " quantity, total_price, station, preparation_minutes)"
        " VALUES ('{t}', '{order}', 9, '{item}', 'N', 'N', 'food', 0, 1, 1, 1, 'kitchen', 1)",
        "note = 'hot'",
        "order_id || '/' || line",
    ),
    "files": Row(
        "(tenant_id, name, media_type, content) VALUES ('{t}', 'soup', 'image/png', 'x')", "name = 'cake'"
    ),
    "pages": Row("(tenant_id, slug, title_ja) VALUES ('{t}', 'p-{n}', 'P')", "title_ja = 'Q'"),
    "webhooks": Row(
        "(tenant_id, url, secret_encrypted, events)"
        " VALUES ('{t}', 'https://hooks.example', 'v1:', '{{order.paged}}')",
        "is_active = false",
    ),
    "data_keys": Row("(tenant_id, purpose, wrapped) VALUES ('{t}', 'index', 'm1:')", "retired_at = now()"),
    "signing_keys": Row("(kid, wrapped) VALUES ('{n}', 'm1:')", "verifies_until = now()", "kid"),
}
# What a row of these brings with it must go before it.
BEFORE_DELETE: Final = {
    "tenants": "SET CONSTRAINTS ALL IMMEDIATE; DELETE FROM app.events WHERE tenant_id = '{id}';"
    " DELETE FROM app.tenant_heads WHERE tenant_id = '{id}'"
}


class Made(Struct, frozen=True):
    """A row that was made: where to find it, and what the audit calls it."""

    table: str
    where: str
    record: str
    own_id: str | None


async def make(admin: Connection, hotel: Hotel, table: str) -> Made:
    """One more row."""
    places = {"t": hotel.tenant_id, "n": uuid4(), "stay": hotel.rooms[0].stay_id, "item": hotel.menu["soup"]}
    places["device"] = hotel.kitchen_id
    for name, source in (("staff", "staff"), ("order", "orders")):
        if f"{{{name}}}" in ROWS[table].insert:
            known = await admin.fetchval(
                f"SELECT id FROM app.{source} WHERE tenant_id = $1 LIMIT 1", hotel.tenant_id
            )
            places[name] = known or UUID((await make(admin, hotel, source)).record)
    row = await admin.fetchrow(
        f"INSERT INTO app.{table} {ROWS[table].insert.format(**places)}"
        f" RETURNING {ROWS[table].key} AS record, to_jsonb({table})::text AS document"
    )
    assert row is not None
    document = msgspec.json.decode(row["document"], type=dict[str, object])
    keys = await column(
        admin,
        "SELECT attname FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)"
        " WHERE contype = 'p' AND conrelid = $1::text::regclass",
        f"app.{table}",
    )
    where = " AND ".join(f"{key} = '{document[key]}'" for key in keys)
    return Made(table, where, str(row["record"]), str(document["id"]) if "id" in document else None)


async def change(admin: Connection, made: Made, what: str) -> None:
    assert await admin.execute(f"UPDATE app.{made.table} SET {what} WHERE {made.where}") == "UPDATE 1"


async def delete(admin: Connection, made: Made) -> None:
    if made.table in BEFORE_DELETE:
        await admin.execute(BEFORE_DELETE[made.table].format(id=made.own_id))
    assert await admin.execute(f"DELETE FROM app.{made.table} WHERE {made.where}") == "DELETE 1"


class Entry(Struct, frozen=True):
    """One row of the audit; documents are decoded."""

    operation: str
    user_id: UUID | None
    user_role: str
    request_id: UUID | None
    ip: str | None
    user_agent: str | None
    old: dict[str, object] | None
    new: dict[str, object] | None
    changed: list[str] | None


async def entries(admin: Connection, made: Made) -> list[Entry]:
    """What the audit says of that row, oldest first."""
    book = "platform_audit" if made.table == "signing_keys" else "audit_logs"
    rows = await admin.fetch(
        "SELECT operation, user_id, user_role, request_id, host(ip) AS ip, user_agent, old::text, new::text,"
        f" changed FROM app.{book} WHERE table_name = $1 AND record = $2 ORDER BY created_at",
        made.table,
        made.record,
    )
    return [
        Entry(
            **{name: value for name, value in row.items() if name not in ("old", "new")},
            old=row["old"] and msgspec.json.decode(row["old"]),
            new=row["new"] and msgspec.json.decode(row["new"]),
        )
        for row in rows
    ]


async def secrets(admin: Connection, table: str) -> list[str]:
    """The columns whose values stay out of the audit of that table."""
    definition = await admin.fetchval(
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger"
        " WHERE tgrelid = $1::text::regclass AND tgname = 'audit'",
        f"app.{table}",
    )
    named: str = re.findall("'([^']*)'", definition)[1]
    return [name for name in named.split(",") if name]
