"""Migrations go up, down and up again with the rows that they find, one run at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import msgspec
import pytest

import hub.db.migrate
from hub.db.migrate import migrate, read_migrations
from hub.errors import SettingError, Unavailable
from tests.database.catalogue import describe, differences
from tests.database.logbook import until_waiting, writer
from tests.database.migrating import add

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

NEWEST: Final = len(read_migrations())

# Rows of one more hotel in the tables that a migration makes; $1 is its id.
ROWS: Final = {
    1: """
        INSERT INTO app.tenants (id, name, slug, settings) VALUES ('{t}', 'H', 'h-{t}', '{{"phone": "9"}}');
        INSERT INTO app.staff (tenant_id, email_index, email_encrypted, password_hash, name, role)
            VALUES ('{t}', sha256('{t}'), 'v1:', 'x', 'Aiko', 'kitchen');
        INSERT INTO app.stays (tenant_id, id, room_number) VALUES ('{t}', '{t}', '101');
        INSERT INTO app.device_rooms (tenant_id, id, device_name, device_type, room_number, status)
            VALUES ('{t}', '{t}', 'Tablet', 'tablet', '101', 'active');
        INSERT INTO app.device_presence (tenant_id, device_id, online, session_generation, last_seen_at)
            VALUES ('{t}', '{t}', true, 3, now());
        INSERT INTO app.pairing_codes (tenant_id, device_id, code_hash, expires_at)
            VALUES ('{t}', '{t}', sha256('{t}'), now());
    """,
    2: """
        INSERT INTO app.menu_items (tenant_id, id, name_ja, price, category, allergens)
            VALUES ('{t}', '{t}', 'うどん', 900, 'meals', '{{wheat}}');
        INSERT INTO app.tax_rates (tenant_id, tax_class, fulfilment, rate_bp, valid_from)
            VALUES ('{t}', 'food', 'room_service', 1000, '2019-10-01');
    """,
    3: """
        INSERT INTO app.order_counters (tenant_id, business_date, last_number)
            VALUES ('{t}', '2026-11-21', 1);
        INSERT INTO app.orders (tenant_id, id, business_date, order_number, stay_id, room_number,
            subtotal_amount, tax_amount, total_amount, prices_include_tax)
            VALUES ('{t}', '{t}', '2026-11-21', 1, '{t}', '101', 900, 81, 900, true);
        INSERT INTO app.order_items (tenant_id, order_id, line, menu_item_id, name_ja, name_en, tax_class,
            tax_rate_bp, unit_price, quantity, total_price, station, preparation_minutes)
            VALUES ('{t}', '{t}', 1, '{t}', 'うどん', 'udon', 'food', 1000, 900, 1, 900, 'kitchen', 10);
        INSERT INTO app.idempotency (tenant_id, principal_id, op_id, operation, request_hash, answer)
            VALUES ('{t}', '{t}', '{t}', 'order.place', sha256(''), '{{}}');
    """,
    4: "UPDATE app.orders SET status = 'cooking' WHERE tenant_id = '{t}';",
    5: """
        INSERT INTO app.staff (tenant_id, id, email_index, email_encrypted, password_hash, name, role)
            VALUES ('{t}', '{t}', sha256('5'), 'v1:', 'x', 'Emi', 'manager');
        INSERT INTO app.staff_sessions (tenant_id, id, staff_id, expires_at)
            VALUES ('{t}', '{t}', '{t}', now() + interval '1 day');
        INSERT INTO app.refresh_tokens (tenant_id, token_hash, session_id)
            VALUES ('{t}', sha256('{t}'), '{t}');
        INSERT INTO app.staff_codes (tenant_id, code_hash, staff_id, purpose, expires_at)
            VALUES ('{t}', sha256('{t}'), '{t}', 'verify_email', now());
        INSERT INTO app.pairing_requests (secret_hash, user_code_hash, device_type, expires_at)
            VALUES (sha256('{t}'), sha256('{t}'), 'tablet', now());
    """,
    6: """
        INSERT INTO app.data_keys (tenant_id, purpose, wrapped) VALUES ('{t}', 'field', 'm1:');
        INSERT INTO app.signing_keys (kid, wrapped) VALUES ('{t}', 'm1:');
    """,
    7: """
        INSERT INTO app.files (tenant_id, id, name, media_type, content)
            VALUES ('{t}', '{t}', 'soup.png', 'image/png', 'x');
    """,
    # the audit writes its own rows
    8: "UPDATE app.files SET content = 'y' WHERE tenant_id = '{t}';",
    9: """
        INSERT INTO app.webhooks (tenant_id, id, url, secret_encrypted, events)
            VALUES ('{t}', '{t}', 'https://hooks.example', 'v1:', '{{order.paged}}');
        INSERT INTO app.deliveries (tenant_id, webhook_id, order_id, kind, payload)
            VALUES ('{t}', '{t}', '{t}', 'order.paged', '{{}}');
    """,
    10: """
        INSERT INTO app.pages (tenant_id, id, slug, title_ja, title_en, content_ja, content_en, is_published)
            VALUES ('{t}', '{t}', 'bath', '大浴場', 'Bath', '<p>湯</p>', '<p>Bath</p>', true);
        INSERT INTO app.page_histories (tenant_id, page_id, version, action, changed, snapshot)
            VALUES ('{t}', '{t}', 1, 'created', '{{}}', '{{}}');
    """,
}

PLATFORM: Final = str(UUID(int=0))

Rows = dict[str, list[dict[str, object]]]


async def write_rows(connection: Connection, version: int) -> None:
    """One more hotel, with a row in every table of that version."""
    tenant_id = uuid4()
    async with connection.transaction():
        for stage in range(1, version + 1):
            await connection.execute(ROWS[stage].format(t=tenant_id))


async def read_rows(connection: Connection) -> Rows:
    """Every row of every table, but the book of migrations and the platform, which a migration makes."""
    tables = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p')"
        " AND relname <> 'schema_migrations' AND relname !~ '^audit_logs_'"
    )
    found: Rows = {}
    for (table,) in tables:
        rows = await connection.fetch(f"SELECT to_jsonb(t)::text FROM app.{table} AS t ORDER BY 1")
        decoded: list[dict[str, object]] = [msgspec.json.decode(row[0]) for row in rows]
        found[table] = [row for row in decoded if PLATFORM not in (row.get("id"), row.get("tenant_id"))]
    return found


def seen_by(old: Rows, new: Rows) -> Rows:
    """What of the new rows stands in tables and columns that were there before."""
    return {
        table: [{name: row.get(name) for name in (rows[0] if rows else row)} for row in new[table]]
        for table, rows in old.items()
    }


@pytest.mark.parametrize("version", range(1, NEWEST + 1))
async def test_up_down_and_up_again_keep_the_rows(fresh: Settings, version: int) -> None:
    assert version in ROWS, "a new migration needs rows that go through it"
    await migrate(fresh, to=version - 1)
    async with writer(fresh) as connection:
        await write_rows(connection, version - 1)
        before, plan_before = await read_rows(connection), await describe(connection)
        assert await migrate(fresh, to=version) == [version]
        up, plan_up = await read_rows(connection), await describe(connection)
        assert seen_by(before, up) == before
        await write_rows(connection, version)
        between = await read_rows(connection)
        assert {table for table, rows in between.items() if not rows} <= {"log_origin"}, (
            "no table goes untried"
        )

        assert await migrate(fresh, to=version - 1) == [version]
        down = await read_rows(connection)
        assert down == seen_by(before, between)
        assert differences(plan_before, await describe(connection)) == []
        await write_rows(connection, version - 1)
        down = await read_rows(connection)

        assert await migrate(fresh, to=version) == [version]
        again = await read_rows(connection)
        assert seen_by(down, again) == down
        assert differences(plan_up, await describe(connection)) == []
        await write_rows(connection, version)
        if version >= 4:
            heads = await connection.fetchval("SELECT count(*) FROM app.tenant_heads")
            assert heads == await connection.fetchval("SELECT count(*) FROM app.tenants")
            # one at each stage, and the platform
            assert heads == 4 + (version >= 5)


async def test_all_the_way_down_and_up(fresh: Settings) -> None:
    said: list[str] = []
    versions = list(range(1, NEWEST + 1))
    assert await migrate(fresh, say=said.append) == versions
    async with writer(fresh) as connection:
        await write_rows(connection, NEWEST)
        assert await migrate(fresh) == [], "nothing is left to do"
        assert await migrate(fresh, to=0, say=said.append) == versions[::-1]
        assert await read_rows(connection) == {}
        functions = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'app'::regnamespace"
        assert await connection.fetchval(functions) == 0
        roles = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'hub\\_%'"
        assert await connection.fetchval(roles) == 8, "roles belong to the cluster"
        assert await migrate(fresh) == versions
        booked = await connection.fetch(
            "SELECT version, sha256, applied_by FROM app.schema_migrations ORDER BY 1"
        )
        assert [tuple(row) for row in booked] == [
            (migration.version, migration.sha256, "hub_migrator") for migration in read_migrations()
        ]
    assert [line.split()[0] for line in said] == ["up"] * NEWEST + ["down"] * NEWEST


# What is refused


async def test_a_file_that_changed_or_is_gone(settings: Settings) -> None:
    files = read_migrations()
    changed = [*files]
    changed[1] = msgspec.structs.replace(files[1], up=files[1].up + "\n-- one more line")
    with pytest.raises(SettingError, match=r"^0002 menu was changed after it was applied"):
        await migrate(settings, migrations=changed)
    with pytest.raises(SettingError, match=rf"^{NEWEST:04} .* is applied, but its file is missing"):
        await migrate(settings, migrations=files[:-1])
    assert await migrate(settings) == []


async def test_the_way_down_is_asked_for(settings: Settings) -> None:
    with pytest.raises(SettingError, match="drops data: add --down"):
        await migrate(settings, to=1, down=False)
    for version in (-1, NEWEST + 1):
        with pytest.raises(SettingError, match=f"there is no version {version}"):
            await migrate(settings, to=version)


@pytest.mark.parametrize(
    ("make", "drop"),
    [
        (f"{NEWEST + 2:04}_gap.up.sql", None),
        (f"{NEWEST + 1:04}-dash.up.sql", None),
        ("x.up.sql", None),
        (None, "0002_menu.down.sql"),
    ],
)
def test_files_out_of_order(files: Path, make: str | None, drop: str | None) -> None:
    if make:
        (files / make).write_text("SELECT 1;")
        (files / make.replace(".up.", ".down.")).write_text("SELECT 1;")
    if drop:
        (files / drop).unlink()
    with pytest.raises(SettingError, match="is out of order, misnamed, or has no down file"):
        read_migrations(files)


async def test_a_migration_that_fails_leaves_nothing(own: Settings, files: Path) -> None:
    add(files, "CREATE TABLE app.good (id integer);", "DROP TABLE app.good;")
    bad = add(files, "CREATE TABLE app.half (id integer);\nSELECT 1 / 0;")
    with pytest.raises(SettingError, match=rf"^{NEWEST + 2:04} next failed: division by zero$"):
        await migrate(own, migrations=bad)
    async with writer(own) as connection:
        assert await connection.fetchval("SELECT to_regclass('app.half')") is None
        assert await connection.fetchval("SELECT to_regclass('app.good')") is not None
        assert await connection.fetchval("SELECT max(version) FROM app.schema_migrations") == NEWEST + 1
    # the lock is free, and what went well need not be done again
    assert await migrate(own, to=NEWEST, migrations=bad) == [NEWEST + 1]


# One at a time


async def test_two_runs_at_once(fresh: Settings) -> None:
    ran = await asyncio.gather(*(migrate(fresh) for _ in range(3)))
    assert sorted(map(len, ran)) == [0, 0, NEWEST]


async def test_a_run_that_waits_does_not_hold_up_create_index_concurrently(
    own: Settings, files: Path
) -> None:
    """A waiter that blocked on the lock would hold a snapshot, for which CREATE INDEX CONCURRENTLY waits."""
    todo = add(
        files,
        "-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY orders_extra ON app.orders (shown_at);",
        "-- migrate: no-transaction\nDROP INDEX CONCURRENTLY app.orders_extra;",
    )
    async with writer(own) as connection, writer(own) as admin:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("LOCK TABLE app.orders IN ROW EXCLUSIVE MODE")
        first = asyncio.create_task(migrate(own, migrations=todo))
        await until_waiting(admin, await backend(admin, "usename = 'hub_migrator' AND state = 'active'"))
        second = asyncio.create_task(migrate(own, migrations=todo))
        await backend(
            admin, "query LIKE '%pg_try_advisory_lock%' AND usename <> 'hub_migrator' AND state = 'idle'"
        )
        await transaction.commit()
        async with asyncio.timeout(10):
            assert await first == [NEWEST + 1]
            assert await second == []
        index = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('app.orders_extra')"
        assert await admin.fetchval(index) is True
        owner = "SELECT relowner::regrole::text FROM pg_class WHERE relname = 'orders_extra'"
        assert await admin.fetchval(owner) == "hub_owner"
        assert await migrate(own, to=NEWEST, migrations=todo) == [NEWEST + 1]
        assert await admin.fetchval(index) is None


async def backend(admin: Connection, condition: str) -> int:
    """The one backend of this database, but for the asking one, for which that comes true."""
    async with asyncio.timeout(10):
        while True:
            pid = await admin.fetchval(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                f" AND pid <> pg_backend_pid() AND {condition}"
            )
            if isinstance(pid, int):
                return pid
            await asyncio.sleep(0.002)


async def test_another_run_that_does_not_end(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.db.migrate, "_LOCK_SECONDS", 0.1)
    async with writer(settings) as other:
        await other.execute("SELECT pg_advisory_lock($1)", hub.db.migrate._LOCK)
        with pytest.raises(SettingError, match="another `hub migrate` holds the lock"):
            await migrate(settings)
    assert await migrate(settings) == []


async def test_a_table_in_use_is_asked_for_again_and_never_waited_for(
    own: Settings, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub.db.migrate, "_TABLE_LOCK", "30ms")
    todo = add(files, "ALTER TABLE app.orders ADD COLUMN extra integer;", "SELECT 1;")
    async with writer(own) as guest, writer(own) as admin:
        transaction = guest.transaction()
        await transaction.start()
        await guest.execute("SELECT FROM app.orders")
        running = asyncio.create_task(migrate(own, migrations=todo))
        await until_waiting(admin, await backend(admin, "usename = 'hub_migrator' AND state = 'active'"))
        await backend(admin, "usename = 'hub_migrator' AND state = 'idle'")
        await transaction.commit()
        assert await running == [NEWEST + 1]
        todo = add(files, "ALTER TABLE app.orders ADD COLUMN more integer;")
        monkeypatch.setattr(hub.db.migrate, "_ATTEMPTS", 2)
        async with guest.transaction():
            await guest.execute("SELECT FROM app.orders")
            with pytest.raises(Unavailable, match="found its tables in use"):
                await migrate(own, migrations=todo)
