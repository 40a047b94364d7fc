"""PostgreSQL as it is set up: who gets in, what a commit is worth, room for everybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from hub.db.dial import servers
from hub.db.pool import Role, connect, direct_url, password
from hub.db.queries import load
from hub.errors import HubError, Unavailable
from hub.ops.doctor.finding import Finding, error, ok, warning

if TYPE_CHECKING:
    import asyncpg

    from hub.db.pool import Connection
    from hub.settings import Settings

_queries = load("doctor")
SERVER: Final = _queries["server"]
ROLES: Final = _queries["roles"]
FOLLOWS: Final = _queries["follows"]

_SERVING: Final = (Role.API, Role.RELAY, Role.AUTH, Role.ADMIN)
_ALL_ROLES: Final = (*(role.value for role in Role), "hub_owner", "hub_log", "hub_backup")
_MAY_BYPASS: Final = "hub_backup"
_OLDEST, _NEWEST = 15, 18


async def connections(settings: Settings) -> tuple[dict[Role, Connection], list[Finding]]:
    """A connection as each role that serves; what stands in the way of the others."""
    made: dict[Role, Connection] = {}
    findings = []
    for role in _SERVING:
        try:
            made[role] = await connect(settings, role)
        except Unavailable as problem:
            return made, [error("database", problem.message, "start it, and see HUB_DATABASE_URL")]
        except HubError as problem:
            findings.append(error("database", f"{role.value}: {problem.message}", "see `hub migrate`"))
    if not findings:
        findings.append(ok("database", f"{len(made)} roles get in"))
    return made, findings


async def primaries(settings: Settings) -> list[Finding]:
    """Of several servers one must take writes, and no other."""
    urls = servers(direct_url(settings))
    if len(urls) == 1:
        return []
    primaries, silent = 0, 0
    for url in urls:
        try:
            connection = await connect(settings, Role.RELAY, replica=url)
        except HubError:
            silent += 1
            continue
        try:
            primaries += not await connection.fetchval(FOLLOWS.text)
        finally:
            await connection.close()
    if primaries > 1:
        do = "stop the one that was not promoted last, and make it a replica anew"
        return [error("primaries", f"{primaries} servers take writes: what the older is told is lost", do)]
    if silent:
        return [warning("primaries", f"{silent} of {len(urls)} servers do not answer", "start them")]
    return [ok("primaries", f"one of {len(urls)} servers takes writes")]


async def examine(connection: Connection, settings: Settings) -> list[Finding]:
    """Everything about the server that any role may see."""
    server = await connection.fetchrow(SERVER.text)
    assert server is not None
    roles = await connection.fetch(ROLES.text, list(_ALL_ROLES))
    return [*judge(dict(server), settings), *_roles(roles)]


def judge(server: Mapping[str, Any], settings: Settings) -> list[Finding]:
    """What to think of the row that the query `server` gives."""
    findings = [_version(server), _room(server, settings), line(server), *_durability(server)]
    if server["standby"]:
        findings.append(error("database", "this is a standby: it takes no orders", "name the primary"))
    if not server["near"]:
        findings += [_password(role, settings) for role in _SERVING]
    return findings


def _version(server: Mapping[str, Any]) -> Finding:
    if _OLDEST <= server["major"] <= _NEWEST:
        return ok("version", f"PostgreSQL {server['version']}")
    return error(
        "version",
        f"PostgreSQL {server['version']} was never tried with this hub",
        f"use one of {_OLDEST} to {_NEWEST}",
    )


def _room(server: Mapping[str, Any], settings: Settings) -> Finding:
    room, wanted = server["room"], settings.db_connections
    if wanted > room:
        return error(
            "connections",
            f"the server has room for {room}, the hub may take {wanted}",
            "raise max_connections or lower HUB_DB_CONNECTIONS",
        )
    return ok("connections", f"{wanted} of {room} for the hub")


def line(server: Mapping[str, Any], name: str = "encryption", setting: str = "HUB_DATABASE_URL") -> Finding:
    """What to think of the line to the server that gave the row, which `setting` names."""
    if server["encrypted"]:
        return ok(name, "the line to PostgreSQL is encrypted")
    if server["near"]:
        return ok(name, "PostgreSQL is on this machine")
    return error(
        name,
        "the line to PostgreSQL can be read on the way",
        f"set ssl = on there and add ?sslmode=verify-full to {setting}",
    )


def _durability(server: Mapping[str, Any]) -> list[Finding]:
    off = [name for name in ("fsync", "full_page_writes") if server[name] != "on"]
    if server["synchronous_commit"] == "off":
        off.append("synchronous_commit")
    findings = [
        error("durability", f"{name} is off: an order that was answered may be lost", f"set {name} = on")
        for name in off
    ] or [ok("durability", "what was answered is on disk")]
    if server["data_checksums"] == "on":
        findings.append(ok("checksums", "pages have checksums"))
    else:
        findings.append(
            warning(
                "checksums",
                "a page that the disk has damaged would be served",
                "stop PostgreSQL and run pg_checksums --enable",
            )
        )
    return findings


def _password(role: Role, settings: Settings) -> Finding:
    if password(settings, role):
        return ok("passwords", f"{role.value} has one")
    name = f"HUB_{role.name}_PASSWORD"
    return error(
        "passwords",
        f"{role.value} has none, and the server is on another machine",
        f"set {name}, run `hub migrate`, and ask for scram-sha-256 in pg_hba.conf",
    )


def _roles(rows: list[asyncpg.Record]) -> list[Finding]:
    findings = []
    for row in rows:
        name: Any = row["name"]
        if not row["exists"]:
            findings.append(error("roles", f"{name} is missing", "run `hub migrate`"))
        for what, has in (("SUPERUSER", row["superuser"]), ("BYPASSRLS", row["bypasses"])):
            if has and not (what == "BYPASSRLS" and name == _MAY_BYPASS):
                do = f"ALTER ROLE {name} NO{what}"
                findings.append(error("roles", f"{name} is {what}: it sees every hotel", do))
    return findings or [ok("roles", f"{len(rows)} roles, none with more than it needs")]
