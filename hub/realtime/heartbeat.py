"""The heartbeat of all sessions of a node, from one task: position frames by which a client knows that it is
up to date, and the end of sessions whose token has expired."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final

from hub.realtime.protocol import CloseCode
from hub.realtime.session import Phase, Session
from hub.realtime.wheel import Wheel

# No moment needs to be hit better than this; sessions that are due share one wake-up.
_TICK_SECONDS: Final = 0.1
# Spreads sessions that began together.
_JITTER: Final = 0.1


class Heartbeat:
    """`server_time` gives the text of the hub's clock for position frames. They are sent only while
    `sighted`: a node that cannot see the heads does not know that its screens are up to date, and must not
    say so."""

    def __init__(self, server_time: Callable[[], str], sighted: Callable[[], bool]) -> None:
        self._server_time = server_time
        self._sighted = sighted
        self._due: Wheel[tuple[float, Session]] = Wheel(_TICK_SECONDS, time.monotonic())

    def add(self, session: Session, seconds: float) -> None:
        """From now on, every `seconds`, until the session is closed."""
        self._put(session, seconds, time.monotonic())

    def _put(self, session: Session, seconds: float, now: float) -> None:
        self._due.put((seconds, session), now + seconds * random.uniform(1 - _JITTER, 1.0) - _TICK_SECONDS)

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            self._turn(time.monotonic())

    def _turn(self, now: float) -> None:
        text = self._server_time() if self._sighted() else None
        for seconds, session in self._due.turn(now):
            if session.phase is Phase.CLOSED:
                continue
            if session.principal.expires_at <= time.time():
                session.close(CloseCode.TOKEN_EXPIRED)
                continue
            if text is not None:
                session.heartbeat(text)
            self._put(session, seconds, now)
