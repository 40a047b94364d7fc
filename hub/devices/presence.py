"""Which devices are online, written in batches: one transaction a tenant and second, not one a socket.

Each session of a device has a generation, counted by the database, and the newest session wins. The end of a
session marks the device offline only while its generation is the latest, so a late end of an old socket
cannot hide the new one. A hub that is killed leaves its devices online with an old `last_seen_at`, which
readers must look at too.

An older session learns of the newer one in the same process at once, in others by the message that follows
the write, and where that is lost at its next sign of life. One that is written long after it began - its hub
stood still, or had no database - learns it from the write.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import anyio
import msgspec
from msgspec import Struct

from hub.db.ids import uuid7
from hub.db.pool import DATABASE_ERRORS
from hub.db.scope import Actor
from hub.devices import store
from hub.errors import HubError

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.scope import Scope

# Nodes write every 30 s that a session lives; one that was killed leaves its devices marked online.
SILENT: Final = timedelta(seconds=90)
_LAST_FLUSH_SECONDS: Final = 2.0
_log = logging.getLogger(__name__)
# The generation of a session that was never the latest: the database counts from 1.
_SUPERSEDED: Final = 0


class _Opened(Struct, frozen=True):
    """What nodes tell each other: the generations of a tenant's new sessions, by device."""

    tenant: UUID
    opened: dict[UUID, int]


_decoder = msgspec.json.Decoder(_Opened)


class _Session(Struct, eq=False):
    id: UUID
    device_id: UUID
    opened_at: datetime
    began: float
    written_at: datetime
    generation: int | None = None
    closed_at: datetime | None = None


class _Tenant:
    """The sessions of a tenant, so that each moment costs only what has changed in it."""

    def __init__(self) -> None:
        self.sessions: dict[UUID, _Session] = {}
        # by device, in the order of arrival: only the last one counts
        self.open: dict[UUID, list[_Session]] = {}
        self.changed: dict[UUID, _Session] = {}  # opened or closed since they were written
        self.written: deque[_Session] = deque()  # the longest ago first

    def latest(self, device_id: UUID) -> _Session | None:
        """The session of a device that counts."""
        sessions = self.open.get(device_id)
        return sessions[-1] if sessions else None

    def add(self, session: _Session) -> list[_Session]:
        """It has begun; those that its device had before."""
        older = list(self.open.get(session.device_id, ()))
        self.open.setdefault(session.device_id, []).append(session)
        self.sessions[session.id] = self.changed[session.id] = session
        return older

    def end(self, session: _Session, now: datetime) -> None:
        """It has ended, which is not written yet."""
        if session.closed_at is None:
            session.closed_at = now
            self.changed[session.id] = session
            self.open[session.device_id].remove(session)
            if not self.open[session.device_id]:
                del self.open[session.device_id]

    def forget(self, session: _Session) -> None:
        """Nothing more is to be written of it."""
        del self.sessions[session.id], self.changed[session.id]

    def write(self, session: _Session, now: datetime) -> None:
        """It was written."""
        session.written_at = now
        self.written.append(session)

    def silent_since(self, moment: datetime) -> list[_Session]:
        """Take those that were not written since then, and count for their devices."""
        silent = []
        while self.written and self.written[0].written_at <= moment:
            session = self.written.popleft()
            if self.latest(session.device_id) is session:
                silent.append(session)
        return silent


async def _nobody(_: bytes) -> None:
    """There is no other node to tell."""


class Presence:
    """Collects what sessions report, without waiting, and writes it every `flush_seconds`.

    That a session lives - its device answers pings, or it would be closed - is written every `seen_seconds`.
    `replaced` is called with the id of each session here whose device has a newer one. `tell` carries a
    message to the `heard` of every other node, or loses it.
    """

    def __init__(
        self,
        database: Database,
        *,
        replaced: Callable[[UUID], None] = lambda _: None,
        tell: Callable[[bytes], Awaitable[None]] = _nobody,
        flush_seconds: float = 1.0,
        seen_seconds: float = 30.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._replaced = replaced
        self._tell = tell
        self._flush_seconds = flush_seconds
        self._seen_every = timedelta(seconds=seen_seconds)
        self._monotonic = monotonic
        self._tenants: dict[UUID, _Tenant] = {}

    def opened(self, tenant_id: UUID, device_id: UUID, session_id: UUID) -> None:
        now = self._database.clock()
        tenant = self._tenants.setdefault(tenant_id, _Tenant())
        session = _Session(session_id, device_id, now, self._monotonic(), written_at=now)
        for older in tenant.add(session):
            self._replaced(older.id)

    def closed(self, tenant_id: UUID, session_id: UUID) -> None:
        tenant = self._tenants.get(tenant_id)
        if tenant is not None and (session := tenant.sessions.get(session_id)) is not None:
            tenant.end(session, self._database.clock())

    def heard(self, message: bytes) -> None:
        """What another node has told: its sessions are newer than those here of an earlier generation."""
        try:
            told = _decoder.decode(message)
        except msgspec.MsgspecError:
            _log.warning("a message is not about sessions")
            return
        if (tenant := self._tenants.get(told.tenant)) is None:
            return
        for device_id, newest in told.opened.items():
            for one in list(tenant.open.get(device_id, ())):
                if one.generation is not None and one.generation < newest:
                    self._replaced(one.id)

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
        for tenant_id, tenant in list(self._tenants.items()):
            silent = tenant.silent_since(self._database.clock() - self._seen_every)
            try:
                opened = await self._flush_tenant(tenant_id, tenant, silent)
            except (HubError, *DATABASE_ERRORS) as error:
                tenant.written.extendleft(reversed(silent))
                _log.warning("presence not written", extra={"reason": type(error).__name__})
                continue
            if opened:
                await self._tell(msgspec.json.encode(_Opened(tenant_id, opened)))
            if not tenant.sessions:
                self._tenants.pop(tenant_id, None)

    async def _flush_tenant(
        self, tenant_id: UUID, tenant: _Tenant, silent: list[_Session]
    ) -> dict[UUID, int]:
        """Write one tenant; the generations of its new sessions, by device."""
        ended = [one for one in tenant.changed.values() if one.closed_at is not None]
        begun = [one for one in tenant.changed.values() if one.closed_at is None]
        now = self._database.clock()
        counting = {one.device_id: one for one in begun if tenant.latest(one.device_id) is one}
        living = {(one.device_id, one.generation): now for one in silent if one.generation is not None}
        closing = {
            (one.device_id, one.generation): one.closed_at
            for one in ended
            if one.generation and one.closed_at is not None
        }

        async def work(scope: Scope) -> dict[UUID, int]:
            # Ends first, so that a device that came back in the meantime ends up online.
            if closing:
                await store.close_sessions(scope, closing)
            alive = await store.see_sessions(scope, living) if living else {}
            now = self._monotonic()
            opening = {device_id: (one.opened_at, now - one.began) for device_id, one in counting.items()}
            return alive | (await store.open_sessions(scope, opening) if opening else {})

        generations: dict[UUID, int] = {}
        if counting or closing or living:
            actor = Actor(user_id=None, role="presence", request_id=uuid7())
            generations = await self._database.transaction(tenant_id, actor, work, idempotent=True)
        for one in ended:
            tenant.forget(one)
        for one in begun:
            if counting.get(one.device_id) is one and one.device_id in generations:
                one.generation = generations[one.device_id]
                tenant.write(one, now)
            else:
                one.generation = _SUPERSEDED
                if counting.get(one.device_id) is one:  # by one on another node
                    self._replaced(one.id)
            if one.closed_at is None:  # else its end is written the next time
                del tenant.changed[one.id]
        for one in silent:
            tenant.write(one, now)
            if one.device_id in generations:
                one.generation = generations[one.device_id]  # a new one, if it has taken its device back
            else:
                self._replaced(one.id)
        return {device_id: generations[device_id] for device_id in counting if device_id in generations}
