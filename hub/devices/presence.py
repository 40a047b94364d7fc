"""Which devices are online, written in batches: one transaction a tenant and second, not one a socket.

Each session of a device has a generation, counted by the database. The end of a session marks the device
offline only while its generation is the latest, so a late end of an old socket cannot hide the new one. A hub
that is killed leaves its devices online with an old `last_seen_at`, which readers must look at too.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import anyio
from msgspec import Struct

from hub.db.ids import uuid7
from hub.db.pool import DATABASE_ERRORS
from hub.db.scope import Actor
from hub.devices import store
from hub.errors import HubError

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.scope import Scope

_LAST_FLUSH_SECONDS: Final = 2.0
_log = logging.getLogger(__name__)
# The generation of a session that was never the latest: the database counts from 1.
_SUPERSEDED: Final = 0


class _Session(Struct, eq=False):
    device_id: UUID
    opened_at: datetime
    written_at: datetime
    generation: int | None = None
    closed_at: datetime | None = None


class Presence:
    """Collects what sessions report, without waiting, and writes it every `flush_seconds`.

    That a session lives - its device answers pings, or it would be closed - is written every `seen_seconds`.
    """

    def __init__(self, database: Database, *, flush_seconds: float = 1.0, seen_seconds: float = 30.0) -> None:
        self._database = database
        self._flush_seconds = flush_seconds
        self._seen_every = timedelta(seconds=seen_seconds)
        self._tenants: dict[UUID, dict[UUID, _Session]] = {}

    def opened(self, tenant_id: UUID, device_id: UUID, session_id: UUID) -> None:
        now = self._database.clock()
        sessions = self._tenants.setdefault(tenant_id, {})
        sessions[session_id] = _Session(device_id, opened_at=now, written_at=now)

    def closed(self, tenant_id: UUID, session_id: UUID) -> None:
        if session := self._tenants.get(tenant_id, {}).get(session_id):
            session.closed_at = self._database.clock()

    async def run(self) -> None:
        """Write until cancelled, and once more then."""
        try:
            while True:
                await anyio.sleep(self._flush_seconds)
                await self.flush()
        finally:
            with anyio.move_on_after(_LAST_FLUSH_SECONDS, shield=True):
                await self.flush()

    async def flush(self) -> None:
        """Write what has changed. What cannot be written now stays for the next time."""
        for tenant_id, sessions in list(self._tenants.items()):
            try:
                await self._flush_tenant(tenant_id, sessions)
            except (HubError, *DATABASE_ERRORS) as error:
                _log.warning("presence not written", extra={"reason": type(error).__name__})
                continue
            if not sessions:
                self._tenants.pop(tenant_id, None)

    async def _flush_tenant(self, tenant_id: UUID, sessions: dict[UUID, _Session]) -> None:
        brief = [key for key, one in sessions.items() if one.closed_at and one.generation is None]
        for session_id in brief:
            del sessions[session_id]
        present = list(sessions.values())
        # Of several sessions of one device only the latest counts; the dict keeps the order of arrival.
        latest = {one.device_id: one for one in present if one.closed_at is None}
        now = self._database.clock()
        opening = {device: one.opened_at for device, one in latest.items() if one.generation is None}
        living = {
            (device, one.generation): now
            for device, one in latest.items()
            if one.generation is not None and now - one.written_at >= self._seen_every
        }
        ended = [key for key, one in sessions.items() if one.closed_at]
        closing = {
            (one.device_id, one.generation): one.closed_at
            for one in present
            if one.generation is not None and one.closed_at is not None
        }
        if not (opening or closing or living):
            return

        async def work(scope: Scope) -> dict[UUID, int]:
            # Ends first, so that a device that came back in the meantime ends up online.
            if closing:
                await store.close_sessions(scope, closing)
            alive = await store.see_sessions(scope, living) if living else {}
            return alive | (await store.open_sessions(scope, opening) if opening else {})

        actor = Actor(user_id=None, role="presence", request_id=uuid7())
        generations = await self._database.transaction(tenant_id, actor, work, idempotent=True)
        for session_id in ended:
            del sessions[session_id]
        for one in present:
            if latest.get(one.device_id) is one:
                one.generation = generations.get(one.device_id, one.generation or _SUPERSEDED)
            elif one.generation is None:
                one.generation = _SUPERSEDED
        for device, _ in living:
            latest[device].written_at = now
