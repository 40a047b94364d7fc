"""Sessions without a socket: what they write is kept."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from hub.realtime.protocol import Frame
from hub.realtime.session import Session
from hub.security.principal import Principal

if TYPE_CHECKING:
    from hub.realtime.feed import Feed

TENANT = UUID("22222222-2222-4222-8222-222222222222")


class Kept:
    """A wire that takes everything at once, or, `stuck`, nothing."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.closed: tuple[int, str] | None = None
        self.stuck = False
        self.congested = False
        self.backlog_bytes = 0
        self.backlog_frames = 0
        self._taken = asyncio.Event()
        self._taken.set()

    def write(self, frame: Frame) -> None:
        if self.closed is not None:
            return
        self.frames.append(frame)
        if self.stuck:
            self._taken.clear()
            self.congested = True
            self.backlog_bytes += len(frame.wire)
            self.backlog_frames += 1

    async def drained(self) -> None:
        await self._taken.wait()

    def take(self) -> None:
        """The network takes what is waiting, and from now on everything."""
        self.stuck = self.congested = False
        self.backlog_bytes = self.backlog_frames = 0
        self._taken.set()

    def finish(self, frame: Frame, code: int, reason: str) -> None:
        self.write(frame)
        self.closed = (code, reason)

    def seqs(self) -> list[int]:
        """The seqs of the events written."""
        frames = [json.loads(frame.text) for frame in self.frames]
        return [frame["seq"] for frame in frames if frame["type"] == "event"]


def kitchen() -> Principal:
    return Principal(tenant_id=TENANT, id=uuid4(), kind="kitchen", expires_at=2e9)


def session_of(
    feed: Feed, *topics: str, limit_bytes: int = 2**20, limit_frames: int = 10_000
) -> tuple[Session, Kept]:
    """A session that listens, in phase BUFFERING, and its wire."""
    wire = Kept()
    session = Session(
        kitchen(),
        frozenset(topics),
        feed,
        wire,
        join=lambda _: None,
        limit_bytes=limit_bytes,
        limit_frames=limit_frames,
        retry_ms=1000,
    )
    feed.add(session)
    session.start_buffering()
    return session, wire
