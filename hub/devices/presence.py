"""Which devices are online, written in batches: one transaction a tenant and second, not one a socket.

Each session of a device has a generation, counted by the database, and the newest session wins. The end of a
session marks the device offline only while its generation is the latest, so a late end of an old socket
cannot hide the new one. A hub that is killed leaves its devices online with an old `last_seen_at`, which
readers must look at too.

An older session learns of the newer one in the same process at once, in others by the message that follows
the write, and where that is lost at its next sign of life.
"""

from __future__ import annotations

import logging
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
    device_id: UUID
    opened_at: datetime
    written_at: datetime
    generation: int | None = None
    closed_at: datetime | None = None


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
    ) -> None:
        self._database = database
        self._replaced = replaced
        self._tell = tell
        self._flush_seconds = flush_seconds
        self._seen_every = timedelta(seconds=seen_seconds)
        self._tenants: dict[UUID, dict[UUID, _Session]] = {}

    def opened(self, tenant_id: UUID, device_id: UUID, session_id: UUID) -> None:
        now = self._database.clock()
        sessions = self._tenants.setdefault(tenant_id, {})
        older = [key for key, one in sessions.items() if one.device_id == device_id and not one.closed_at]
        sessions[session_id] = _Session(device_id, opened_at=now, written_at=now)
        for key in older:
            self._replaced(key)

    def closed(self, tenant_id: UUID, session_id: UUID) -> None:
        if session := self._tenants.get(tenant_id, {}).get(session_id):
            session.closed_at = self._database.clock()

    def heard(self, message: bytes) -> None:
        """What another node has told: its sessions are newer than those here of an earlier generation."""
        try:
            told = _decoder.decode(message)
        except msgspec.MsgspecError:
            _log.warning("a message is not about sessions")
            return
        for key, one in list(self._tenants.get(told.tenant, {}).items()):
            newest = told.opened.get(one.device_id)
            if newest is not None and one.generation is not None and one.generation < newest:
                self._replaced(key)

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
                opened = await self._flush_tenant(tenant_id, sessions)
            except (HubError, *DATABASE_ERRORS) as error:
                _log.warning("presence not written", extra={"reason": type(error).__name__})
                continue
            if opened:
                await self._tell(msgspec.json.encode(_Opened(tenant_id, opened)))
            if not sessions:
                self._tenants.pop(tenant_id, None)

    async def _flush_tenant(self, tenant_id: UUID, sessions: dict[UUID, _Session]) -> dict[UUID, int]:
        """Write one tenant; the generations of its new sessions, by device."""
        brief = [key for key, one in sessions.items() if one.closed_at and one.generation is None]
        for session_id in brief:
            del sessions[session_id]
        present = list(sessions.items())
        # Of several sessions of one device only the latest counts; the dict keeps the order of arrival.
        latest = {one.device_id: one for _, one in present if one.closed_at is None}
        now = self._database.clock()
        opening = {device: one.opened_at for device, one in latest.items() if one.generation is None}
        living = {
            (device, one.generation): now
            for device, one in latest.items()
            if one.generation is not None and now - one.written_at >= self._seen_every
        }
        ended = [key for key, one in present if one.closed_at]
        closing = {
            (one.device_id, one.generation): one.closed_at
            for _, one in present
            if one.generation is not None and one.closed_at is not None
        }
        if not (opening or closing or living):
            return {}

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
        for _, one in present:
            if latest.get(one.device_id) is one:
                one.generation = generations.get(one.device_id, one.generation or _SUPERSEDED)
            elif one.generation is None:
                one.generation = _SUPERSEDED
        lost = {device for device, _ in living if device not in generations}
        for device, _ in living:
            latest[device].written_at = now
        for key, one in present:
            if one.device_id in lost and latest.get(one.device_id) is one:
                self._replaced(key)
        return {device: generations[device] for device in opening if device in generations}
