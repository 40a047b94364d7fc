"""`hub doctor`: all is green on sound servers, and what is broken on them, one thing at a time, is found."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis.asyncio
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hub import cli
from hub.db.scope import utc_now
from hub.environment import load
from hub.ops.doctor.examination import examine
from hub.ops.doctor.server import judge
from tests.ops.conftest import PLATFORM
from tests.ops.findings import said, troubles

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.embedded import Servers

OTHER_SECRET = base64.b64encode(b"another master key, of 32 bytes.").decode()
THIS_MONTH = "to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')"
NEXT_MONTH = "to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month', 'YYYY_MM')"


@asynccontextmanager
async def broken(psql: Connection, breaking: str, mending: str) -> AsyncIterator[None]:
    await psql.execute(breaking)
    try:
        yield
    finally:
        await psql.execute(mending)


async def test_all_is_green_on_sound_servers(psql: Connection, sound: Mapping[str, str]) -> None:
    findings = await examine(sound)
    assert troubles(findings) == []
    checks = {finding.check for finding in findings}
    assert {"settings", "database", "roles", "row security", "migrations", "audit", "redis"} <= checks
    assert {"clocks", "signing key", "data keys", "master keys", "durability", "checksums"} <= checks


def rename_partition(month: str, back: bool = False) -> str:
    names = f"'audit_logs_' || {month}", "'lost_' || " + month
    old, new = reversed(names) if back else names
    return f"DO $$ BEGIN EXECUTE format('ALTER TABLE app.%I RENAME TO %I', {old}, {new}); END $$"


@pytest.mark.parametrize(
    ("breaking", "mending", "found", "words"),
    [
        (
            "ALTER ROLE hub_migrator SUPERUSER",
            "ALTER ROLE hub_migrator NOSUPERUSER",
            [("roles", "error")],
            "hub_migrator is SUPERUSER",
        ),
        (
            "ALTER ROLE hub_api BYPASSRLS",
            "ALTER ROLE hub_api NOBYPASSRLS",
            [("database", "error"), ("roles", "error")],
            "ALTER ROLE hub_api NOBYPASSRLS",
        ),
        (
            "ALTER ROLE hub_admin SUPERUSER",
            "ALTER ROLE hub_admin NOSUPERUSER",
            [("database", "error"), ("roles", "error")],
            "hub_admin is SUPERUSER",
        ),
        (
            "ALTER ROLE hub_backup RENAME TO hub_backup_2",
            "ALTER ROLE hub_backup_2 RENAME TO hub_backup",
            [("roles", "error")],
            "hub_backup is missing",
        ),
        (
            "ALTER ROLE hub_api NOLOGIN",
            "ALTER ROLE hub_api LOGIN",
            [("database", "error")],
            "HUB_API_PASSWORD",
        ),
        (
            "ALTER TABLE app.orders DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY",
            [("row security", "error")],
            "app.orders is open",
        ),
        (
            "ALTER TABLE app.tenants NO FORCE ROW LEVEL SECURITY",
            "ALTER TABLE app.tenants FORCE ROW LEVEL SECURITY",
            [("row security", "error")],
            "app.tenants is open",
        ),
        (
            "ALTER POLICY tenant ON app.stays RENAME TO other",
            "ALTER POLICY other ON app.stays RENAME TO tenant",
            [("row security", "error")],
            "app.stays lacks",
        ),
        (
            rename_partition(THIS_MONTH),
            rename_partition(THIS_MONTH, back=True),
            [("audit", "error")],
            "this month",
        ),
        (
            rename_partition(NEXT_MONTH),
            rename_partition(NEXT_MONTH, back=True),
            [("audit", "warning")],
            "next month",
        ),
        (
            f"UPDATE app.tenants SET time_zone = 'JST-9' WHERE id = {PLATFORM}",
            f"UPDATE app.tenants SET time_zone = 'UTC' WHERE id = {PLATFORM}",
            [("time zones", "error")],
            "JST-9 of platform",
        ),
        (
            "ALTER ROLE hub_api SET synchronous_commit = off",
            "ALTER ROLE hub_api RESET synchronous_commit",
            [("durability", "error")],
            "synchronous_commit = on",
        ),
        (
            "UPDATE app.schema_migrations SET version = 100 + version WHERE version = 8",
            "UPDATE app.schema_migrations SET version = version - 100 WHERE version > 100",
            [("migrations", "error")],
            "other migrations",
        ),
        (
            "ALTER TABLE app.schema_migrations RENAME TO lost",
            "ALTER TABLE app.lost RENAME TO schema_migrations",
            [("database", "error")],
            "run `hub migrate`",
        ),
        (
            "UPDATE app.signing_keys SET signs_from = now() - interval '91 days'",
            "UPDATE app.signing_keys SET signs_from = now()",
            [("signing key", "warning")],
            "hub keys rotate",
        ),
        (
            "UPDATE app.data_keys SET created_at = now() - interval '366 days'",
            "UPDATE app.data_keys SET created_at = now()",
            [("data keys", "warning")],
            "hub keys rotate --data",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
async def test_what_is_broken_in_the_database_is_found(
    psql: Connection,
    sound: Mapping[str, str],
    breaking: str,
    mending: str,
    found: list[tuple[str, str]],
    words: str,
) -> None:
    async with broken(psql, breaking, mending):
        findings = await examine(sound)
    assert troubles(findings) == found
    assert words in said(findings)
    assert troubles(await examine(sound)) == []


async def test_an_older_schema_is_told_from_a_strange_one(psql: Connection, sound: Mapping[str, str]) -> None:
    rows = await psql.fetch(
        "DELETE FROM app.schema_migrations WHERE version = (SELECT max(version) FROM app.schema_migrations)"
        " RETURNING version, name, sha256"
    )
    try:
        assert "this hub needs" in said(await examine(sound))
    finally:
        await psql.execute(
            "INSERT INTO app.schema_migrations (version, name, sha256, duration_ms) VALUES ($1, $2, $3, 0)",
            *rows[0],
        )


async def test_rows_of_the_audit_where_no_partition_was(psql: Connection, sound: Mapping[str, str]) -> None:
    await psql.execute(
        "INSERT INTO app.audit_logs (tenant_id, created_at, operation, user_role)"
        f" VALUES ({PLATFORM}, '2020-01-01', 'pin.failed', 'x')"
    )
    await psql.execute("SELECT pg_stat_force_next_flush()")
    findings = await examine(sound)
    assert troubles(findings) == [("audit", "error")]
    assert "default partition" in said(findings)
    await psql.execute("TRUNCATE app.audit_logs_default")


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
async def test_commits_that_are_worth_nothing(
    psql: Connection, sound: Mapping[str, str], setting: str
) -> None:
    async def turn(value: str) -> None:
        await psql.execute(f"ALTER SYSTEM SET {setting} = {value}")
        await psql.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(20):
            while True:
                if await psql.fetchval(f"SHOW {setting}") == value:
                    break
                await asyncio.sleep(0.02)

    await turn("off")
    try:
        findings = await examine(sound)
        assert troubles(findings) == [("durability", "error")]
        assert f"set {setting} = on" in said(findings)
    finally:
        await turn("on")
        await psql.execute(f"ALTER SYSTEM RESET {setting}")


@pytest.mark.parametrize(
    ("names", "found", "words"),
    [
        ({"HUB_PORT": "http"}, [("settings", "error")], "HUB_PORT"),
        ({"HUB_MASTER_KEYS": ""}, [("settings", "error")], "HUB_MASTER_KEYS"),
        ({"HUB_DB_CONNECTIONS": "5000"}, [("connections", "error")], "max_connections"),
        ({"HUB_DATABASE_URL": "postgresql:///x?host=/nowhere"}, [("database", "error")], "start it"),
        ({"HUB_REDIS_URL": "unix:///nowhere/redis.sock"}, [("redis", "error")], "start it"),
        ({"HUB_REDIS_URL": "", "HUB_WORKERS": "2"}, [("redis", "warning")], "HUB_REDIS_URL"),
        ({"HUB_MASTER_KEYS": f"other:{OTHER_SECRET}"}, [("master keys", "error")], "test wraps keys"),
        ({"HUB_MASTER_KEYS": f"test:{OTHER_SECRET}"}, [("master keys", "error")], "not the key that it was"),
    ],
)
async def test_what_is_wrong_with_the_settings_is_found(
    psql: Connection,
    sound: Mapping[str, str],
    names: Mapping[str, str],
    found: list[tuple[str, str]],
    words: str,
) -> None:
    findings = await examine({**sound, **names})
    assert troubles(findings) == found
    assert words in said(findings)
    assert OTHER_SECRET not in said(findings)


@pytest.mark.parametrize(("seconds", "how"), [(-3.0, "ahead of"), (3.0, "behind")])
async def test_a_clock_that_is_wrong(
    psql: Connection, sound: Mapping[str, str], seconds: float, how: str
) -> None:
    findings = await examine(sound, now=lambda: utc_now() + timedelta(seconds=seconds))
    assert troubles(findings) == [("clocks", "error"), ("clocks", "error")]
    assert how in said(findings)
    near = await examine(sound, now=lambda: utc_now() + timedelta(seconds=1))
    assert troubles(near) == []


async def test_a_redis_that_throws_counts_away(
    psql: Connection, sound: Mapping[str, str], durable: Servers
) -> None:
    client = redis.asyncio.Redis.from_url(durable.redis_url)
    try:
        await client.config_set("maxmemory", "50mb")
        assert troubles(await examine(sound)) == []
        await client.config_set("maxmemory-policy", "allkeys-lru")
        assert troubles(await examine(sound)) == [("redis memory", "warning")]
    finally:
        await client.config_set("maxmemory-policy", "noeviction")
        await client.config_set("maxmemory", "0")
        await client.aclose()


async def test_a_secret_that_others_can_read(
    psql: Connection, sound: Mapping[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "master"
    file.write_text(sound["HUB_MASTER_KEYS"])
    environ = {**sound, "HUB_MASTER_KEYS": "", "HUB_MASTER_KEYS_FILE": str(file)}
    for mode, found in ((0o600, []), (0o640, []), (0o644, ["files"]), (0o660, ["files"])):
        file.chmod(mode)
        assert [check for check, _ in troubles(await examine(environ))] == found, oct(mode)


def certificate(directory: Path, days: float, *, other_key: bool = False) -> dict[str, str]:
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(utc_now() - timedelta(days=400))
        .not_valid_after(utc_now() + timedelta(days=days))
        .sign(key, SHA256())
    )
    (directory / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    secret = (other if other_key else key).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / "key.pem").write_bytes(secret)
    (directory / "key.pem").chmod(0o600)
    return {
        "HUB_TLS_CERTIFICATE": str(directory / "cert.pem"),
        "HUB_TLS_KEY": str(directory / "key.pem"),
    }


@pytest.mark.parametrize(
    ("days", "other_key", "found", "words"),
    [
        (90, False, [], ""),
        (20, False, [("certificate", "warning")], "renew"),
        (-2, False, [("certificate", "error")], "ended"),
        (90, True, [("certificate", "error")], "another one"),
    ],
)
async def test_a_certificate(
    psql: Connection,
    sound: Mapping[str, str],
    tmp_path: Path,
    days: float,
    other_key: bool,
    found: list[tuple[str, str]],
    words: str,
) -> None:
    environ = {**sound, **certificate(tmp_path, days, other_key=other_key)}
    findings = await examine(environ)
    assert troubles(findings) == found
    assert words in said(findings)
    (tmp_path / "cert.pem").write_text("nothing")
    assert troubles(await examine(environ)) == [("certificate", "error")]


def test_servers_that_no_laptop_has(sound: Mapping[str, str]) -> None:
    """What the row of the server's facts means, where the servers at hand cannot be made to be so."""
    here = {
        "major": 18,
        "version": "18.4",
        "room": 200,
        "near": True,
        "encrypted": False,
        "standby": False,
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
    }
    away = {"near": False, "encrypted": True}

    def found(changes: Mapping[str, Any], **settings: str) -> list[tuple[str, str]]:
        return troubles(judge({**here, **changes}, load({**sound, **settings})))

    assert found({}) == []
    for major in (14, 19):
        assert found({"major": major}) == [("version", "error")]
    assert found({"standby": True}) == [("database", "error")]
    assert found({"data_checksums": "off"}) == [("checksums", "warning")]
    assert found(away) == [("passwords", "error")] * 4
    passwords = {f"HUB_{role}_PASSWORD": "x" for role in ("API", "RELAY", "AUTH", "ADMIN")}
    assert found(away, **passwords) == []
    assert found({"near": False}, **passwords) == [("encryption", "error")]


async def test_the_command(psql: Connection, sound: Mapping[str, str]) -> None:
    async def hub(*arguments: str, **names: str) -> tuple[int, str]:
        # a command has a loop of its own
        done = await asyncio.to_thread(
            CliRunner().invoke, cli.commands, ["doctor", *arguments], env={**sound, "COLUMNS": "200", **names}
        )
        return done.exit_code, done.output

    code, text = await hub("--json")
    report = json.loads(text)
    assert (code, report["ok"]) == (0, True)
    assert {"check": "version", "level": "ok"}.items() <= report["findings"][4].items()
    code, text = await hub("--json", HUB_DB_CONNECTIONS="5000")
    assert (code, json.loads(text)["ok"]) == (1, False)
    code, text = await hub(HUB_DB_CONNECTIONS="5000")
    assert code == 1
    assert "raise max_connections or lower HUB_DB_CONNECTIONS" in text
    assert (await hub())[0] == 0
    for secret in (sound["HUB_MASTER_KEYS"], OTHER_SECRET):
        assert secret not in text
