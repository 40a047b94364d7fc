"""The events of a batch: those of a peer are made up, those of the hub stand in its log."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from bench.peers.post import publish_command
from bench.peers.speech import KIND, document, event, server_frame
from hub.db.pool import Role, connect
from hub.environment import load
from hub.log.store import RelayLog
from hub.realtime.broker import Channels
from hub.realtime.marks import Marks
from hub.security.sealing import derived

if TYPE_CHECKING:
    from bench.peers.plan import HubAccess
    from bench.peers.post import Post
    from bench.peers.speech import Speech
    from hub.db.pool import Connection

_WRITE: Final = """
WITH wanted AS (
    SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[]) AS w (tenant_id, events, document)
), head AS (
    UPDATE app.tenant_heads AS h SET seq = h.seq + w.events
    FROM wanted AS w WHERE h.tenant_id = w.tenant_id
    RETURNING h.tenant_id, h.seq - w.events AS seq, w.events, w.document
), written AS (
    INSERT INTO app.events (tenant_id, seq, kind, subject, topics, payload)
    SELECT head.tenant_id, head.seq + n, $4, gen_random_uuid(), ARRAY['tenant'], head.document::jsonb
    FROM head, generate_series(1, head.events) AS n
)
SELECT tenant_id, seq FROM head
"""


class Prepared(Struct, frozen=True):
    """An event: its group, the bytes that publish it, the frame that every member gets."""

    group: int
    built: bytes
    frame: bytes


class Source(Protocol):
    async def prepare(self, order: list[int]) -> list[Prepared]:
        """An event for each group in `order`."""

    def close(self) -> None: ...


class MadeUp:
    """Rising numbers, and the same words."""

    def __init__(self, speech: Speech, post: Post) -> None:
        self._speech = speech
        self._post = post
        self._seqs: Counter[int] = Counter()

    async def prepare(self, order: list[int]) -> list[Prepared]:
        made = []
        for number, group in enumerate(order):
            self._seqs[group] += 1
            text = event(self._seqs[group], document(group))
            frame = server_frame(self._speech.dressed(text))
            made.append(Prepared(group, self._post.built(group, text), frame))
            if number % 1000 == 0:
                await asyncio.sleep(0)  # pings want their answers meanwhile
        return made

    def close(self) -> None:
        """Nothing is open."""


class Logged:
    """Writes the batch to the hub's log in one statement, reads it as the relay does and signs it as the
    relay's broker does: so every message is one that the node would also find in the log."""

    def __init__(
        self, access: HubAccess, writer: asyncpg.Connection[asyncpg.Record], log: RelayLog, reader: Connection
    ) -> None:
        settings = load(access.environ)
        self._tenants = [UUID(tenant) for tenant in access.tenants]
        self._writer = writer
        self._log = log
        self._reader = reader
        self._channels = Channels(settings.namespace)
        self._marks = Marks([derived(key, "messages") for key in settings.master_keys])

    @classmethod
    async def open(cls, access: HubAccess) -> Logged:
        """Raises Unavailable."""
        reader = await connect(load(access.environ), Role.RELAY)
        writer = await asyncpg.connect(access.superuser_url)
        return cls(access, writer, RelayLog(reader), reader)

    async def prepare(self, order: list[int]) -> list[Prepared]:
        counts = Counter(order)
        rows = await self._writer.fetch(
            _WRITE,
            [self._tenants[group] for group in counts],
            list(counts.values()),
            [document(group) for group in counts],
            KIND,
        )
        known = {row["tenant_id"]: row["seq"] for row in rows}
        written = await self._log.events_after(known, max(counts.values()))
        by_tenant: dict[UUID, list[Prepared]] = {}
        groups = {self._tenants[group]: group for group in counts}
        for number, one in enumerate(written):
            channel = self._channels.events(one.tenant_id)
            marked = self._marks.put(channel, msgspec.json.encode(one))
            frame = server_frame(event(one.seq, bytes(one.data).decode(), one.at))
            made = Prepared(groups[one.tenant_id], publish_command(channel, marked), frame)
            by_tenant.setdefault(one.tenant_id, []).append(made)
            if number % 1000 == 0:
                await asyncio.sleep(0)
        turns = {group: iter(by_tenant[self._tenants[group]]) for group in counts}
        return [next(turns[group]) for group in order]

    def close(self) -> None:
        self._writer.terminate()
        self._reader.terminate()
