"""One pool per role. A pool proves its role before it serves: a superuser, or a role with BYPASSRLS, would
read across tenants without any error, so the hub refuses to start with one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import asyncpg

from hub.db.dial import NotPrimary, Pooler, dial
from hub.db.origin import check_origin
from hub.db.watched import Watched
from hub.errors import SettingError, Unavailable

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    from hub.settings import Settings

    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
    Pooled: TypeAlias = PoolConnectionProxy[asyncpg.Record]

# More than the hub has queries; the default of 100 would evict, and evicting costs a round trip.
_STATEMENT_CACHE: Final = 512
# asyncpg reconnects after 50,000 queries by default: at 1,000 a second that is a cold cache every minute.
_NEVER: Final = 10**9
_IDLE_SECONDS: Final = 300.0
_CONNECT_SECONDS: Final = 4.0

# Longer than any statement of these roles may take: past it the network swallows what is sent, and without an
# end here a task would wait until TCP gives up. Migrations have no such limit.
_PATIENCE: Final = {"hub_api": 6.0, "hub_relay": 10.0, "hub_auth": 6.0, "hub_admin": 40.0}

# Whatever a statement may raise because of the server or the way to it.
# InternalClientError: asyncpg's state machine, when the server ends a connection at the wrong moment.
DATABASE_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)

_PROOF: Final = """
SELECT current_user::text AS name, rolsuper AS superuser, rolbypassrls AS bypasses,
       current_setting('max_connections')::int
           - current_setting('superuser_reserved_connections')::int AS room
FROM pg_roles WHERE rolname = current_user
"""


class Role(StrEnum):
    """The roles that the hub connects as; what each may do stands in sql/prepare.sql and the migrations."""

    API = "hub_api"
    RELAY = "hub_relay"
    AUTH = "hub_auth"
    ADMIN = "hub_admin"
    MIGRATOR = "hub_migrator"


_READERS_OF_THE_LOG: Final = frozenset({Role.API, Role.RELAY})


def password(settings: Settings, role: Role) -> str | None:
    """The role's own credential, or None where the server trusts the connection."""
    match role:
        case Role.API:
            return settings.api_password
        case Role.RELAY:
            return settings.relay_password
        case Role.AUTH:
            return settings.auth_password
        case Role.ADMIN:
            return settings.admin_password
        case Role.MIGRATOR:
            return settings.migrator_password


async def connect(settings: Settings, role: Role, *, replica: str | None = None) -> Connection:
    """A connection of its own, outside any pool, proven to be `role`. For LISTEN, locks and migrations.

    To the primary, or to the `replica` with this URL. Raises SettingError when it is another role, and
    Unavailable when the server does not answer.
    """
    with _explained(role):
        connection: Connection = await (asyncpg.connect if replica else dial)(
            replica or direct_url(settings),
            user=role.value,
            password=password(settings, role),
            timeout=_CONNECT_SECONDS,
            command_timeout=_PATIENCE.get(role),
            server_settings=_label(role),
        )
    try:
        await _prove(connection, role, 1)
    except BaseException:  # a cancellation too must not leave it open
        connection.terminate()
        raise
    return connection


async def create_pool(
    settings: Settings, role: Role, size: int, *, total: int | None = None, replica: str | None = None
) -> Watched:
    """A pool of at most `size` connections, proven to be `role`: to the primary, or to the `replica` with
    this URL.

    `total` is what all pools of all processes want of the server together; it must have room for them.
    Nothing is reset between two uses: the hub keeps no session state, and a reset costs a round trip.
    Raises SettingError for a wrong role or too small a server, Unavailable when the server does not answer.
    """
    pooled = settings.direct_database_url is not None
    cache = settings.statement_cache

    async def primary(url: str, **options: Any) -> Connection:
        connection = await dial(url, pooled=pooled, **options)
        if role in _READERS_OF_THE_LOG:
            try:
                await check_origin(url, connection, lambda: connect(settings, Role.RELAY))
            except BaseException:  # a cancellation too must not leave it open
                connection.terminate()
                raise
        return connection

    with _explained(role):
        pool = await Watched(
            replica or settings.database_url,
            connect=None if replica else primary,
            user=role.value,
            password=password(settings, role),
            min_size=1,
            max_size=size,
            max_queries=_NEVER,
            max_inactive_connection_lifetime=_IDLE_SECONDS,
            statement_cache_size=(0 if pooled else _STATEMENT_CACHE) if cache is None else cache,
            max_cached_statement_lifetime=0,
            timeout=_CONNECT_SECONDS,
            command_timeout=_PATIENCE.get(role),
            server_settings=_label(role),
            reset=_keep,
        )
    try:
        async with pool.acquire() as connection:
            # behind a pooler the server sees the pooler's connections, not the hub's
            await _prove(connection, role, 1 if pooled else total or size)
    except BaseException:  # a cancellation too must not leave it open
        pool.terminate()
        raise
    return pool


def direct_url(settings: Settings) -> str:
    """Where PostgreSQL itself is, with no pooler in between."""
    return settings.direct_database_url or settings.database_url


def unconnected() -> Pool:
    """A pool that is never connected: enough to describe what would use it. Needs a running event loop."""
    return asyncpg.create_pool("postgresql://", min_size=0, max_size=1)


async def _keep(_: Connection) -> None:
    """In place of asyncpg's reset query."""


def _label(role: Role) -> dict[str, str]:
    """What pg_stat_activity shows: which process this is."""
    return {"application_name": f"{role.value} {os.getpid()}"}


async def _prove(connection: Connection | Pooled, role: Role, size: int) -> None:
    row = await connection.fetchrow(_PROOF)
    if row is None or row["name"] != role.value or row["superuser"] or row["bypasses"]:
        found = "nobody" if row is None else row["name"]
        raise SettingError(
            f"the connection for {role.value} is {found}"
            f"{', a superuser' if row and row['superuser'] else ''}"
            f"{', with BYPASSRLS' if row and row['bypasses'] else ''}; "
            f"expected {role.value}, no superuser, without BYPASSRLS.",
            field="HUB_DATABASE_URL",
        )
    if row["room"] < size:
        raise SettingError(
            f"the server allows {row['room']} connections, the hub wants {size}; "
            "lower HUB_DB_CONNECTIONS or raise max_connections.",
            field="HUB_DB_CONNECTIONS",
        )


@contextmanager
def _explained(role: Role) -> Iterator[None]:
    """Why no connection was made, as what to do about it."""
    try:
        yield
    except Pooler:
        raise SettingError(
            "a pooler stands before PostgreSQL, and the hub needs PostgreSQL itself too; "
            "set HUB_DIRECT_DATABASE_URL to its own address.",
            field="HUB_DIRECT_DATABASE_URL",
        ) from None
    except NotPrimary as error:
        raise Unavailable(f"the database takes no orders: {error}") from error
    except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError) as error:
        raise Unavailable("the database does not answer") from error
    except asyncpg.TooManyConnectionsError as error:
        raise Unavailable("the database has no connection left; lower HUB_DB_CONNECTIONS") from error
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        name = f"HUB_{role.name}_PASSWORD"
        raise SettingError(
            f"the server refuses {role.value}; run `hub migrate` once to make the roles, and set {name}.",
            field=name,
        ) from error
    except asyncpg.InvalidCatalogNameError as error:
        raise SettingError(
            "HUB_DATABASE_URL names a database that does not exist; create it and run `hub migrate`.",
            field="HUB_DATABASE_URL",
        ) from error
