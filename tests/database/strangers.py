"""Two hotels in one database, for tests that one gets nowhere with what it knows of the other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from uuid import NAMESPACE_OID, UUID, uuid5

from msgspec import Struct

from hub.orders.documents import ChangedOrder
from tests.factories import Hotel, make_hotel
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.pool import Connection

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Two(Struct, frozen=True):
    """The hotel that tries, and the other one with all ids that stand in its rows, by table."""

    ours: Hotel
    theirs: Hotel
    owners: dict[str, str]
    ids: dict[str, list[UUID]]
    orders: list[UUID]

    def all_ids(self) -> set[UUID]:
        return {value for values in self.ids.values() for value in values}

    def to_nobody(self, value: object) -> object:
        """The same value with ids that exist nowhere in place of theirs."""
        match value:
            case UUID():
                return uuid5(NAMESPACE_OID, str(value)) if value in self.all_ids() else value
            case str():
                return _UUID.sub(lambda found: str(self.to_nobody(UUID(found[0]))), value)
            case list():
                return [self.to_nobody(element) for element in value]
            case dict():
                return {name: self.to_nobody(element) for name, element in value.items()}
            case _:
                return value


async def two_hotels(admin: Connection, client: Client) -> Two:
    """Both with orders in every state, and a row in every table of the other one."""
    ours, theirs = [await make_hotel(admin) for _ in range(2)]
    for hotel in (ours, theirs):
        orders = [await client.place(hotel, {"soup": 2, "cake": 1}, room=n % 2) for n in range(3)]
        await client.cook(hotel, "order.advance", orders[0], to="cooking")
        await client.call(hotel.tablet(1), "order.cancel", ChangedOrder, order_id=orders[1].id)
    for statement in (
        "INSERT INTO app.device_rooms (tenant_id, device_name, device_type, room_number, stay_id, status)"
        " SELECT tenant_id, 'Phone', 'phone', room_number, id, 'active' FROM app.stays WHERE tenant_id = $1",
        "INSERT INTO app.pages (tenant_id, slug, title_ja, title_en, content_ja, content_en, is_published)"
        " VALUES ($1, 'bath', 'B', 'B', 'b', 'b', true)",
        "UPDATE app.stays SET allergens = '{egg}', allergens_version = 'jp-2026-04',"
        " allergens_declared_at = now() WHERE tenant_id = $1",
        "INSERT INTO app.device_presence"
        " (tenant_id, device_id, online, session_generation, last_seen_at, silent_room)"
        # as a hub that runs beside it would leave them: it tells of rooms that wait for an order
        " SELECT tenant_id, id, false, 1, now() - interval '1 hour', ("
        "  SELECT min(o.room_number) FROM app.orders AS o WHERE o.tenant_id = d.tenant_id"
        "  AND o.room_number = d.room_number AND o.status IN ('received', 'cooking', 'ready', 'delivering')"
        " ) FROM app.device_rooms AS d WHERE tenant_id = $1 AND device_type = 'tablet'",
    ):
        for hotel in (ours, theirs):
            await admin.execute(statement, hotel.tenant_id)
    for statement in (
        "INSERT INTO app.staff (tenant_id, email_index, email_encrypted, password_hash, name, role)"
        " VALUES ($1, sha256('a'), 'v1:', 'x', 'Aiko', 'kitchen')",
        "INSERT INTO app.device_presence (tenant_id, device_id, online, session_generation, last_seen_at)"
        " SELECT tenant_id, id, true, 1, now() FROM app.device_rooms WHERE tenant_id = $1"
        " AND device_type <> 'tablet'",
        "INSERT INTO app.pairing_codes (tenant_id, device_id, code_hash, expires_at)"
        " SELECT tenant_id, id, sha256(id::text::bytea), now() FROM app.device_rooms WHERE tenant_id = $1",
        "INSERT INTO app.pairing_codes (tenant_id, stay_id, code_hash, expires_at)"
        " SELECT tenant_id, id, sha256(id::text::bytea), now() FROM app.stays WHERE tenant_id = $1",
        "INSERT INTO app.staff_sessions (tenant_id, staff_id, expires_at)"
        " SELECT tenant_id, id, now() FROM app.staff WHERE tenant_id = $1",
        "INSERT INTO app.refresh_tokens (tenant_id, token_hash, session_id)"
        " SELECT tenant_id, sha256(id::text::bytea), id FROM app.staff_sessions WHERE tenant_id = $1",
        "INSERT INTO app.staff_codes (tenant_id, code_hash, staff_id, purpose, expires_at)"
        " SELECT tenant_id, sha256(id::text::bytea), id, 'verify_email', now()"
        " FROM app.staff WHERE tenant_id = $1",
        "INSERT INTO app.page_histories (tenant_id, page_id, version, action, changed, snapshot)"
        " SELECT tenant_id, id, version, 'created', '{}', '{}' FROM app.pages WHERE tenant_id = $1",
        "INSERT INTO app.webhooks (tenant_id, url, secret_encrypted, events)"
        " VALUES ($1, 'https://hooks.example', 'v1:', '{order.paged}')",
        "INSERT INTO app.deliveries (tenant_id, webhook_id, kind, payload, next_attempt_at)"
        " SELECT tenant_id, id, 'webhook.test', '{}', NULL FROM app.webhooks WHERE tenant_id = $1",
        "INSERT INTO app.deliveries (tenant_id, staff_id, order_id, kind, payload, next_attempt_at)"
        " SELECT p.tenant_id, p.id, o.id, 'order.paged', '{}', NULL FROM app.staff AS p"
        " JOIN app.orders AS o ON o.tenant_id = p.tenant_id WHERE p.tenant_id = $1",
        "INSERT INTO app.data_keys (tenant_id, purpose, wrapped) VALUES ($1, 'field', 'm1:')",
        "INSERT INTO app.files (tenant_id, name, media_type, content) VALUES ($1, 'x', 'image/png', 'x')",
    ):
        await admin.execute(statement, theirs.tenant_id)
    owners = {"tenants": "id"}
    for (table,) in await admin.fetch(
        "SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
        " WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
        " AND attname = 'tenant_id'"
    ):
        owners[table] = "tenant_id"
    ids: dict[str, list[UUID]] = {}
    for table, owner in owners.items():
        rows = await admin.fetch(f"SELECT * FROM app.{table} WHERE {owner} = $1", theirs.tenant_id)
        assert rows, f"the other hotel has nothing in {table}"
        ids[table] = sorted({value for row in rows for value in row.values() if isinstance(value, UUID)})
    made = await admin.fetch("SELECT id FROM app.orders WHERE tenant_id = $1", theirs.tenant_id)
    return Two(ours, theirs, owners, ids, [row["id"] for row in made])


async def fingerprint(connection: Connection, two: Two) -> dict[str, str]:
    """What stands in the other hotel's rows, by table."""
    parts = (
        f"SELECT '{table}', md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM app.{table} AS t"
        f" WHERE {owner} = '{two.theirs.tenant_id}'"
        for table, owner in two.owners.items()
    )
    return {row[0]: row[1] for row in await connection.fetch(" UNION ALL ".join(parts))}
