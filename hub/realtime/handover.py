"""Sending sessions to other hubs: when this process ends, and when it alone has lost its database.

A hub whose database does not answer can still pass on what Redis brings, but it fills no hole, takes no
command and admits nobody, while the hub beside it does all that. So it asks the others. One that reaches the
database answers; when the same is true a little later, the sessions are told to come back, and a balancer,
which has seen /readyz fail, brings them there. Where nobody answers, because the database is away for all,
everybody stays: coming back would help nobody.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct

from hub.realtime.protocol import CloseCode

if TYPE_CHECKING:
    from hub.realtime.node import Node

RESTARTING: Final = CloseCode.DRAIN.reason
CUT_OFF: Final = "this hub has lost its database, another has it"
_BATCHES: Final = 20
_BATCH_SECONDS: Final = 0.5
_ASK_SECONDS: Final = 0.5
# A failover reaches hubs a moment apart: only who is still alone after so long gives up.
_ALONE_SECONDS: Final = 3.0
# An answer is true for so long.
_TRUE_SECONDS: Final = 2.0
_log = logging.getLogger(__name__)


class _Asked(Struct, frozen=True, tag="asked"):
    """Does anybody reach the database?"""

    hub: UUID


class _Answered(Struct, frozen=True, tag="answered"):
    """One that does, to the hub that asked."""

    hub: UUID


_decoder = msgspec.json.Decoder(_Asked | _Answered)


async def send_away(
    node: Node, reason: str, *, seconds: float, retry_ms: int, still: Callable[[], bool] = lambda: True
) -> None:
    """Close all sessions in batches within `seconds`, with spread moments to come back, as long as `still`
    is true."""
    sessions = list(node.sessions)
    size = max(1, -(-len(sessions) // _BATCHES))
    for start in range(0, len(sessions), size):
        if not still():
            return
        for session in sessions[start : start + size]:
            session.close(CloseCode.DRAIN, reason, random.randint(retry_ms // 2, retry_ms * 2))
        await asyncio.sleep(min(_BATCH_SECONDS, seconds / _BATCHES))


class Handover:
    """Call `run` in a task; it serves until cancelled. `away` says whether the database does not answer,
    `tell` carries a message to the `heard` of every hub, or loses it. Who is alone without the database for
    longer than `alone_seconds` sends all sessions away within `seconds`, to come back after `retry_ms`."""

    def __init__(
        self,
        node: Node,
        away: Callable[[], bool],
        tell: Callable[[bytes], Awaitable[None]],
        *,
        seconds: float,
        retry_ms: int,
        alone_seconds: float = _ALONE_SECONDS,
    ) -> None:
        self._node = node
        self._away = away
        self._tell = tell
        self._seconds = seconds
        self._retry_ms = retry_ms
        self._alone_seconds = alone_seconds
        self._id = uuid4()
        self._answered_at = float("-inf")
        self._alone_since: float | None = None
        self._asked: set[UUID] = set()
        self._question = asyncio.Event()

    def heard(self, message: bytes) -> None:
        """What a hub says, this one included."""
        try:
            said = _decoder.decode(message)
        except msgspec.MsgspecError:
            _log.warning("a message is not about hubs")
            return
        if isinstance(said, _Answered):
            if said.hub == self._id:
                self._hear_answer()
        else:
            self._asked.add(said.hub)
            self._question.set()

    def _hear_answer(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._answered_at > _TRUE_SECONDS:
            self._alone_since = now
        self._answered_at = now

    async def run(self) -> None:
        """Look every half second; answer at once."""
        while True:
            try:
                async with asyncio.timeout(_ASK_SECONDS):
                    await self._question.wait()
            except TimeoutError:
                await self.look()
            await self._answer()

    async def _answer(self) -> None:
        self._question.clear()
        asked, self._asked = self._asked, set()
        if not self._away() and self._node.closed is None:
            for hub in asked:
                await self._tell(msgspec.json.encode(_Answered(hub)))

    async def look(self) -> None:
        """Ask, if there is something to ask, and act on what was answered so far."""
        node = self._node
        if not self._away():
            self._answered_at = float("-inf")
            if node.closed == CUT_OFF:
                node.closed = None
                _log.warning("this hub serves again")
            return
        await self._tell(msgspec.json.encode(_Asked(self._id)))
        if node.closed is None and self._alone():
            node.closed = CUT_OFF
            _log.warning("the database is away for this hub alone", extra={"sessions": len(node.sessions)})
            await send_away(node, CUT_OFF, seconds=self._seconds, retry_ms=self._retry_ms, still=self._away)

    def _alone(self) -> bool:
        """Whether another hub has reached the database all the time."""
        now = asyncio.get_running_loop().time()
        return (
            self._alone_since is not None
            and now - self._answered_at < _TRUE_SECONDS
            and now - self._alone_since >= self._alone_seconds
        )
