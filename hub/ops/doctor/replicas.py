"""The replicas of the settings: there, replicas, of this primary, and how far behind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from hub.db.pool import DATABASE_ERRORS, Role, connect
from hub.db.replicas import PRIMARY_POSITION, REPLICA_POSITION
from hub.errors import HubError
from hub.ops.doctor.finding import Finding, error, ok, warning
from hub.ops.doctor.server import SERVER, line

if TYPE_CHECKING:
    import asyncpg

    from hub.db.pool import Connection
    from hub.settings import Settings

# Between the looks at the primary and at a replica that may just be behind.
_LOOK_SECONDS: Final = 0.1


async def examine(primary: Connection, settings: Settings) -> list[Finding]:
    """A finding for each replica; `primary` is a connection of hub_relay."""
    wanted = await primary.fetchrow(PRIMARY_POSITION.text)
    assert wanted is not None
    return [
        await _one(f"replica {number}", url, wanted, settings)
        for number, url in enumerate(settings.replica_url, 1)
    ]


async def _one(name: str, url: str, primary: asyncpg.Record, settings: Settings) -> Finding:
    try:
        # the pool's role first: what it may see is what matters
        await (await connect(settings, Role.API, replica=url)).close()
        connection = await connect(settings, Role.RELAY, replica=url)
    except HubError as problem:
        return warning(
            name, f"{problem.message}: the primary answers in its place", "start it, and see HUB_REPLICA_URL"
        )
    try:
        server = await connection.fetchrow(SERVER.text)
        assert server is not None
        way = line(dict(server), name, "HUB_REPLICA_URL")
        if way.level != "ok":
            return way
        return await _judge(name, connection, primary, settings.replica_lag_seconds)
    except DATABASE_ERRORS as problem:
        return warning(name, f"it gives no answer ({type(problem).__name__})", "see its log")
    finally:
        await connection.close()


async def _judge(name: str, connection: Connection, primary: asyncpg.Record, seconds: float) -> Finding:
    """Wait until it shows what the primary had when it was looked at, but no longer than reads may be old."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    while True:
        row = await connection.fetchrow(REPLICA_POSITION.text)
        waited = loop.time() - started
        if row is None or not row["standby"] or row["position"] is None:
            return error(name, "it is no replica", "name a streaming replica in HUB_REPLICA_URL")
        if row["position"] >= primary["position"]:
            break
        if waited > seconds:
            behind = (primary["position"] - row["position"]) / 2**20
            return warning(
                name,
                f"{behind:.1f} MiB and more than {seconds:.0f} s behind: the primary answers in its place",
                "look at the line between them and at pg_stat_replication; or raise HUB_REPLICA_LAG_SECONDS",
            )
        await asyncio.sleep(_LOOK_SECONDS)
    if (row["server"], row["timeline"]) != (primary["server"], primary["timeline"]):
        return error(
            name,
            "it does not follow the primary, or no hub has served since the last promotion",
            "let it follow the primary of HUB_DATABASE_URL, and start a hub",
        )
    return ok(name, f"it lags less than {max(waited, _LOOK_SECONDS):.1f} s")
