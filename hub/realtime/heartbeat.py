"""The heartbeat of all sessions of a node, from one task: position frames by which a client knows that it is
up to date, and the end of sessions whose token has expired."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import time
from collections.abc import Callable
from typing import Final

from hub.realtime.protocol import CloseCode
from hub.realtime.session import Phase, Session

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
        self._due: list[tuple[float, int, float, Session]] = []
        self._order = itertools.count()

    def add(self, session: Session, seconds: float) -> None:
        """From now on, every `seconds`, until the session is closed."""
        self._push(time.monotonic() + seconds * random.uniform(1 - _JITTER, 1.0), seconds, session)

    def _push(self, moment: float, seconds: float, session: Session) -> None:
        heapq.heappush(self._due, (moment, next(self._order), seconds, session))

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = time.monotonic()
            text = self._server_time() if self._sighted() else None
            while self._due and self._due[0][0] <= now:
                _, _, seconds, session = heapq.heappop(self._due)
                if session.phase is Phase.CLOSED:
                    continue
                if session.principal.expires_at <= time.time():
                    session.close(CloseCode.TOKEN_EXPIRED)
                    continue
                if text is not None:
                    session.heartbeat(text)
                self._push(now + seconds * random.uniform(1 - _JITTER, 1.0), seconds, session)
