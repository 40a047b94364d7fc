"""Reading the log: as hub_api inside one tenant for screens, as hub_relay over all tenants for heads and the
relay. Nobody appends from here: the triggers do, in the transaction of the change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final
from uuid import UUID

from msgspec import Raw

from hub.db.ids import uuid7
from hub.db.origin import CHECK_ORIGIN
from hub.db.pool import DATABASE_ERRORS
from hub.db.queries import load
from hub.db.scope import Actor
from hub.errors import NotFound, Unavailable
from hub.log.event import Entry, Event, Head, Page, State

if TYPE_CHECKING:
    import asyncpg

    from hub.db.database import Database
    from hub.db.pool import Connection, Pool
    from hub.db.scope import Scope

_queries = load("log")
EVENTS_AFTER: Final = _queries["events_after"]
STATE: Final = _queries["state"]
HEADS: Final = _queries["heads"]
ALL_HEADS: Final = _queries["all_heads"]
NEW_EVENTS: Final = _queries["new_events"]
EVENTS_OF_MANY: Final = _queries["events_of_many"]
ARM_BELL: Final = _queries["arm_bell"]
LIMIT_SILENCE: Final = _queries["limit_silence"]
BECOME_RELAY: Final = _queries["become_relay"]
END_SILENT_RELAY: Final = _queries["end_silent_relay"]
# A screen that is not told for longer that it is up to date says so itself.
_HEADS_SECONDS: Final = 2.0


def _event(row: asyncpg.Record, tenant_id: UUID) -> Event:
    return Event(
        tenant_id=tenant_id,
        epoch=row["epoch"],
        seq=row["seq"],
        kind=row["kind"],
        topics=tuple(row["topics"]),
        data=Raw(row["data"].encode()),
        at=row["at"],
    )


class Log:
    """The log as a node reads it for its screens."""

    def __init__(self, database: Database, heads: Pool) -> None:
        self._database = database
        self._heads = heads

    async def page(self, tenant_id: UUID, after: int, limit: int) -> Page:
        """At most `limit` events after seq `after`. Raises NotFound for an unknown tenant, Unavailable."""
        async with self._database.read(tenant_id, _reader()) as scope:
            rows = await scope.fetch(EVENTS_AFTER, tenant_id, after, limit)
        if not rows:
            raise NotFound("no such tenant")
        first = rows[0]
        events = tuple(_event(row, tenant_id) for row in rows if row["seq"] is not None)
        return Page(first["epoch"], first["head"], first["floor"], events)

    async def state(self, tenant_id: UUID, *, aged: bool = False) -> State:
        """The state of a tenant and the position it was read at; an `aged` one may come from a replica.
        Raises NotFound, Unavailable."""
        if aged:
            return await self._database.look(tenant_id, _reader(), _state, own_commits=False)
        async with self._database.read(tenant_id, _reader()) as scope:
            return await _state(scope)

    async def heads(self, tenant_ids: Iterable[UUID]) -> list[Head]:
        """The heads of these tenants, in one query. Raises Unavailable."""
        try:
            rows = await self._heads.fetch(HEADS.text, list(tenant_ids), timeout=_HEADS_SECONDS)
        except DATABASE_ERRORS as error:
            raise Unavailable("the heads cannot be read now") from error
        return [Head(row["tenant_id"], row["epoch"], row["seq"]) for row in rows]


async def _state(scope: Scope) -> State:
    rows = await scope.fetch(STATE, scope.tenant_id, scope.now)
    if not rows:
        raise NotFound("no such tenant")
    entries = tuple(
        Entry(row["kind"], tuple(row["topics"]), Raw(row["data"].encode()))
        for row in rows
        if row["kind"] is not None
    )
    return State(rows[0]["epoch"], rows[0]["seq"], entries)


def _reader() -> Actor:
    return Actor(user_id=None, role="screen", request_id=uuid7())


class RelayLog:
    """The log as the relay reads it: all tenants, on the one connection that holds the lock and listens."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def limit_silence(self) -> None:
        """Let the server end this connection, and with it the lock, when it hears nothing for long."""
        await self._connection.execute(LIMIT_SILENCE.text)

    async def acquire(self) -> bool:
        """Try to become the one relay; true when this connection is it."""
        return bool(await self._connection.fetchval(BECOME_RELAY.text))

    async def end_silent(self) -> None:
        """End the connection of a relay that has said nothing for long."""
        await self._connection.execute(END_SILENT_RELAY.text)

    async def check_origin(self) -> bool:
        """True when the log came from another server or timeline and all epochs have been renewed."""
        return bool(await self._connection.fetchval(CHECK_ORIGIN.text))

    async def all_heads(self) -> tuple[str, list[Head]]:
        """The cursor to read on from, and every head, of one moment."""
        rows = await self._connection.fetch(ALL_HEADS.text)
        heads = [Head(row["tenant_id"], row["epoch"], row["seq"]) for row in rows if row["tenant_id"]]
        return rows[0]["xmin"], heads

    async def new_events(self, cursor: str, limit: int) -> tuple[str, list[Event]]:
        """The next cursor, and at most `limit` events that may be new since `cursor`; some are not."""
        rows = await self._connection.fetch(NEW_EVENTS.text, cursor, limit)
        return rows[0]["xmin"], [_event(row, row["tenant_id"]) for row in rows if row["tenant_id"]]

    async def events_after(self, known: dict[UUID, int], limit: int) -> list[Event]:
        """The events of these tenants after a seq each, at most `limit` of each."""
        rows = await self._connection.fetch(EVENTS_OF_MANY.text, list(known), list(known.values()), limit)
        return [_event(row, row["tenant_id"]) for row in rows]

    async def arm(self, armed: bool) -> None:
        """Say whether writers shall ring the bell."""
        await self._connection.execute(ARM_BELL.text, armed)
