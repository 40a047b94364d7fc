"""Migrations: plain SQL files NNNN_name.up.sql and .down.sql, each applied once, in order, under a lock.

An applied file whose text has changed, or that is missing, stops the run: what the database went through must
stay readable. A file is one transaction with its bookkeeping, unless its first line is
`-- migrate: no-transaction` (for CREATE INDEX CONCURRENTLY; it then holds exactly one statement).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import random
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import asyncpg
from msgspec import Struct

from hub.db.dial import Pooler, dial
from hub.db.pool import DATABASE_ERRORS, Role, connect, direct_url, password
from hub.errors import SettingError, Unavailable
from hub.resources import sql_directory

if TYPE_CHECKING:
    from pathlib import Path

    from hub.db.pool import Connection, Pool
    from hub.settings import Settings

_FILE: Final = re.compile(r"^(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.up\.sql$")
_LOCK: Final = 0x6875_625F_6D69_6772  # "hub_migr"; advisory locks belong to one database
_SCRAM_ROUNDS: Final = 4096  # PostgreSQL's own default
_LOCK_SECONDS: Final = 60.0
_NO_TRANSACTION: Final = "-- migrate: no-transaction"
# While a migration waits for a table, everybody else waits behind it: better to give up soon and try again.
_TABLE_LOCK: Final = "2s"
_ATTEMPTS: Final = 5


class AnotherVersion(SettingError):
    """The database was made by migrations that this hub does not have."""


class Migration(Struct, frozen=True):
    """One pair of files."""

    version: int
    name: str
    up: str
    down: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.up.encode()).hexdigest()


def read_migrations(directory: Path | None = None) -> list[Migration]:
    """The files of sql/migrations in order. Raises SettingError for a gap or a missing down file."""
    directory = directory or sql_directory() / "migrations"
    migrations: list[Migration] = []
    for path in sorted(directory.glob("*.up.sql")):
        match = _FILE.match(path.name)
        down = path.with_name(path.name.replace(".up.sql", ".down.sql"))
        if match is None or int(match["version"]) != len(migrations) + 1 or not down.is_file():
            raise SettingError(f"{path.name} is out of order, misnamed, or has no down file beside it.")
        migrations.append(
            Migration(int(match["version"]), match["name"], path.read_text("utf-8"), down.read_text("utf-8"))
        )
    return migrations


async def check_schema(pool: Pool) -> None:
    """Raises SettingError when the database lacks a migration of this hub, and Unavailable. One that the hub
    does not know is no matter: in an update, processes of before serve beside new ones."""
    needed = len(read_migrations())
    try:
        version = await pool.fetchval("SELECT coalesce(max(version), 0) FROM app.schema_migrations")
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        version = 0
    except DATABASE_ERRORS as error:
        raise Unavailable("the database does not tell the version of its schema") from error
    if version < needed:
        raise SettingError(
            f"the database's schema is at version {version}, this hub needs {needed}; run `hub migrate`.",
            field="HUB_DATABASE_URL",
        )


async def migrate(
    settings: Settings,
    *,
    to: int | None = None,
    down: bool = True,
    migrations: list[Migration] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[int]:
    """Bring the database to version `to` (the newest by default), up or down; returns the versions it ran.

    Makes the roles first. Raises SettingError when an applied file has changed or is missing, when `down` is
    needed and not allowed, when a file fails, when the user of HUB_DATABASE_URL may not do what is needed, or
    when another run holds the lock for a minute; Unavailable when a table is in use for too long.
    """
    migrations = read_migrations() if migrations is None else migrations
    target = len(migrations) if to is None else to
    if not 0 <= target <= len(migrations):
        raise SettingError(f"there is no version {target}; the newest is {len(migrations)}.")
    await prepare(settings)
    ran: list[int] = []
    connection = await connect(settings, Role.MIGRATOR)
    try:
        async with _locked(connection):
            applied = await _applied(connection, migrations)
            if target < len(applied) and not down:
                raise SettingError(
                    f"the database is at {len(applied)}; the way down to {target} drops data: add --down."
                )
            for migration in migrations[len(applied) : target]:
                say(f"up   {migration.version:04} {migration.name}")
                await _run(connection, migration, up=True)
                ran.append(migration.version)
            for migration in reversed(migrations[target : len(applied)]):
                say(f"down {migration.version:04} {migration.name}")
                await _run(connection, migration, up=False)
                ran.append(migration.version)
    finally:
        await connection.close()
    return ran


async def prepare(settings: Settings) -> None:
    """Make roles, schema and bookkeeping as the user of HUB_DATABASE_URL; changes only what differs."""
    try:
        connection = await dial(direct_url(settings), timeout=10)
    except Pooler:
        raise SettingError(
            "a pooler stands before PostgreSQL; set HUB_DIRECT_DATABASE_URL to PostgreSQL itself.",
            field="HUB_DIRECT_DATABASE_URL",
        ) from None
    except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError) as error:
        raise Unavailable("the database does not answer") from error
    except (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        raise SettingError(f"HUB_DATABASE_URL: {error}", field="HUB_DATABASE_URL") from error
    text = (sql_directory() / "prepare.sql").read_text("utf-8")
    try:
        async with _locked(connection):
            # Roles are the cluster's, the lock only the database's: others may be making them at this moment.
            for attempt in range(10):
                try:
                    await connection.execute(text)
                    for role in Role:
                        if secret := password(settings, role):
                            await _give_password(connection, settings, role, secret)
                    return
                except (
                    asyncpg.UniqueViolationError,
                    asyncpg.DuplicateObjectError,
                    asyncpg.InternalServerError,  # "tuple concurrently updated"
                ):
                    if attempt == 9:
                        raise
                    await asyncio.sleep(random.uniform(0.02, 0.2))
    except asyncpg.InsufficientPrivilegeError as error:
        raise SettingError(
            f"the user of HUB_DATABASE_URL may not make the hub's roles or schema ({error}); "
            "run `hub migrate` once as a superuser, or make them by sql/prepare.sql.",
            field="HUB_DATABASE_URL",
        ) from error
    finally:
        await connection.close()


async def _give_password(connection: Connection, settings: Settings, role: Role, secret: str) -> None:
    """Set the role's password. Who may not do that must find it set already."""
    statement = await connection.fetchval(
        "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)", role.value, scram_verifier(secret)
    )
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        await (await connect(settings, role)).close()


def scram_verifier(secret: str) -> str:
    """What PostgreSQL stores of a password (RFC 5802); sent in its place, so that no server log shows it."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", secret.encode(), salt, _SCRAM_ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${_SCRAM_ROUNDS}:{salt64}${stored64}:{server64}"


async def create_database(maintenance_url: str, name: str) -> None:
    """Create database `name` unless it is there."""
    connection: Connection = await asyncpg.connect(maintenance_url, timeout=10)
    try:
        quoted = await connection.fetchval("SELECT quote_ident($1)", name)
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
            # somebody else may be creating it at this moment
            with contextlib.suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                await connection.execute(f"CREATE DATABASE {quoted}")
    finally:
        await connection.close()


async def drop_database(maintenance_url: str, name: str) -> None:
    """Drop database `name` with everything in it, whoever is connected."""
    connection: Connection = await asyncpg.connect(maintenance_url, timeout=10)
    try:
        quoted = await connection.fetchval("SELECT quote_ident($1)", name)
        await connection.execute(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")
    finally:
        await connection.close()


@asynccontextmanager
async def _locked(connection: Connection) -> AsyncIterator[None]:
    """Hold the migration lock. Tries again and again: a blocking wait would hold a snapshot open, and CREATE
    INDEX CONCURRENTLY, run by the holder, waits for all snapshots - a deadlock."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
        if time.monotonic() > deadline:
            raise SettingError("another `hub migrate` holds the lock of this database; wait for it to end.")
        await asyncio.sleep(random.uniform(0.05, 0.15))
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def _applied(connection: Connection, migrations: list[Migration]) -> list[int]:
    rows = await connection.fetch("SELECT version, name, sha256 FROM app.schema_migrations ORDER BY version")
    known = {migration.version: migration for migration in migrations}
    for expected, row in enumerate(rows, 1):
        migration = known.get(row["version"])
        if migration is None or row["version"] != expected:
            raise AnotherVersion(f"{row['version']:04} {row['name']} is applied, but its file is missing.")
        if migration.sha256 != row["sha256"]:
            raise AnotherVersion(f"{row['version']:04} {row['name']} was changed after it was applied.")
    return [row["version"] for row in rows]


async def _run(connection: Connection, migration: Migration, *, up: bool) -> None:
    """Run one file; tries again when it finds its tables locked."""
    name = f"{migration.version:04} {migration.name}"
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            await _apply(connection, migration, up=up)
            return
        except asyncpg.LockNotAvailableError as error:
            if attempt == _ATTEMPTS:
                raise Unavailable(f"{name} found its tables in use each time; run it again later") from error
        except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError) as error:
            raise Unavailable(f"the database went away during {name}; run it again") from error
        except asyncpg.PostgresError as error:
            raise SettingError(f"{name} failed: {error.args[0]}") from error
        await asyncio.sleep(random.uniform(0.1, 0.3) * 2**attempt)


async def _apply(connection: Connection, migration: Migration, *, up: bool) -> None:
    text = migration.up if up else migration.down
    started = time.monotonic()
    if text.startswith(_NO_TRANSACTION):
        await connection.execute("SET ROLE hub_owner")
        try:
            await connection.execute(text)
            await _book(connection, migration, started, up=up)
        finally:
            if not connection.is_closed():
                await connection.execute("RESET ROLE")
        return
    async with connection.transaction():
        await connection.execute(
            f"SET LOCAL ROLE hub_owner; SET LOCAL lock_timeout = '{_TABLE_LOCK}'; "
            "SET LOCAL statement_timeout = '60s'"
        )
        await connection.execute(text)
        await _book(connection, migration, started, up=up)


async def _book(connection: Connection, migration: Migration, started: float, *, up: bool) -> None:
    if up:
        await connection.execute(
            "INSERT INTO app.schema_migrations (version, name, sha256, duration_ms) VALUES ($1, $2, $3, $4)",
            migration.version,
            migration.name,
            migration.sha256,
            round((time.monotonic() - started) * 1000),
        )
    else:
        await connection.execute("DELETE FROM app.schema_migrations WHERE version = $1", migration.version)
