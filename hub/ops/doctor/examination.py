"""All checks, one after the other: what the first ones find decides whether the next ones make sense."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

from hub.db.pool import DATABASE_ERRORS, Role
from hub.db.scope import utc_now
from hub.environment import load
from hub.errors import SettingError
from hub.ops.doctor import cache, clock, keys, local, replicas, schema, server
from hub.ops.doctor.finding import Finding, error, ok
from hub.settings import Settings


async def examine(environ: Mapping[str, str], *, now: Callable[[], datetime] = utc_now) -> list[Finding]:
    """Every finding about a hub with this environment. `now` is the hub's clock."""
    files = local.files(environ)
    try:
        settings = load(environ)
    except SettingError as problem:
        return [*files, error("settings", problem.message, "see hub/settings.py")]
    return [
        *files,
        ok("settings", "every one is known and fits"),
        local.certificate(settings, now()),
        *await _database(settings, now),
        *await cache.examine(settings, now),
    ]


async def _database(settings: Settings, now: Callable[[], datetime]) -> list[Finding]:
    made, findings = await server.connections(settings)
    try:
        if not made:
            return findings
        any_role = next(iter(made.values()))
        findings += await server.primaries(settings)
        findings += await server.examine(any_role, settings)
        findings.append(await clock.database(any_role, now))
        if (admin := made.get(Role.ADMIN)) is not None:
            version = await schema.version(admin)
            findings.append(version)
            if version.level == "ok":
                findings += await schema.examine(admin)
                findings += await keys.examine(admin, settings)
                if (relay := made.get(Role.RELAY)) is not None:
                    findings += await replicas.examine(relay, settings)
    except DATABASE_ERRORS as problem:
        # The name of the error alone: its text may hold values.
        findings.append(
            error(
                "database", f"a check failed ({type(problem).__name__})", "run `hub migrate`, then this again"
            )
        )
    finally:
        await asyncio.gather(*(connection.close() for connection in made.values()), return_exceptions=True)
    return findings
