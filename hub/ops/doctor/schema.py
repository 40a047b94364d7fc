"""The database of the hub: its version, the locks of tenancy, the audit's partitions, time zones."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from hub.db.migrate import read_migrations
from hub.db.queries import load
from hub.ops.doctor.finding import Finding, error, ok, warning

if TYPE_CHECKING:
    from hub.db.pool import Connection

_queries = load("doctor")
OPEN_TABLES: Final = _queries["open_tables"]
MIGRATIONS: Final = _queries["migrations"]
ZONES: Final = _queries["zones"]
PARTITIONS: Final = _queries["partitions"]


async def version(connection: Connection) -> Finding:
    """Whether the migrations of this hub are those of the database."""
    applied = [(row["version"], row["sha256"]) for row in await connection.fetch(MIGRATIONS.text)]
    known = [(migration.version, migration.sha256) for migration in read_migrations()]
    if applied == known:
        return ok("migrations", f"the schema is at version {len(known)}")
    if applied == known[: len(applied)]:
        return error(
            "migrations",
            f"the schema is at version {len(applied)}, this hub needs {len(known)}",
            "run `hub migrate`",
        )
    return error(
        "migrations",
        "the schema was made by other migrations than those of this hub",
        "run the version of the hub that made it, or restore a backup",
    )


async def examine(connection: Connection) -> list[Finding]:
    """What is in a database that is up to date."""
    return [
        *await _tenancy(connection),
        await _partitions(connection),
        *await _zones(connection),
    ]


async def _tenancy(connection: Connection) -> list[Finding]:
    tables = await connection.fetch(OPEN_TABLES.text)
    findings = []
    for table in tables:
        name = f"app.{table['name']}"
        if not table["policy"]:
            do = f"SELECT app.protect_tenant_table('{name}')"
            findings.append(error("row security", f"{name} lacks the policy of tenants", do))
        elif not (table["enabled"] and table["forced"]):
            do = f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
            findings.append(error("row security", f"{name} is open: hotels may see each other", do))
    return findings or [ok("row security", f"{len(tables)} tables keep hotels apart")]


async def _partitions(connection: Connection) -> Finding:
    row = await connection.fetchrow(PARTITIONS.text)
    assert row is not None
    do = "SELECT app.make_audit_partitions(2) as hub_relay, and see why the hub does not do it"
    if not row["this_month"]:
        return error("audit", "there is no partition for this month", do)
    if row["astray"]:
        return error("audit", "rows lie in the default partition, where they are never removed", do)
    if not row["next_month"]:
        return warning("audit", "there is no partition for next month", do)
    return ok("audit", "partitions are there in time")


async def _zones(connection: Connection) -> list[Finding]:
    findings = []
    rows = await connection.fetch(ZONES.text)
    for row in rows:
        with suppress(KeyError, OSError, ValueError):
            ZoneInfo(row["zone"])
            continue
        findings.append(
            error(
                "time zones",
                f"{row['zone']} of {row['hotel']} is unknown to Python: its hours cannot be told",
                "install tzdata, or give the hotel a zone that exists",
            )
        )
    return findings or [ok("time zones", f"{len(rows)} zones are known")]
