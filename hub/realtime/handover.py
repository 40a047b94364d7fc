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
# An answer is true for so many questions: messages may be lost.
_TRUE: Final = 4
_log = logging.getLogger(__name__)


class _Asked(Struct, frozen=True, tag="asked"):
    """Does anybody reach the database?"""

    hub: UUID


class _Answered(Struct, frozen=True, tag="answered"):
    """One that does, to all who asked. `site` is where its clients connect."""

    hub: UUID
    site: str
    asked: frozenset[UUID]


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
    `tell` carries a message to the `heard` of every hub, or loses it.

    A hub counts as one that has the database, or has it back, after `sure_seconds` without a break; so long
    one and the same hub must have answered before the sessions go, within `seconds`, to come back after
    `retry_ms`. Answers of this hub's own `site` do not count: who comes back there may find this process.
    """

    def __init__(
        self,
        node: Node,
        away: Callable[[], bool],
        tell: Callable[[bytes], Awaitable[None]],
        *,
        site: str,
        sure_seconds: float,
        seconds: float,
        retry_ms: int,
        ask_seconds: float = _ASK_SECONDS,
    ) -> None:
        self._node = node
        self._away = away
        self._tell = tell
        self._site = site
        self._sure_seconds = sure_seconds
        self._seconds = seconds
        self._retry_ms = retry_ms
        self._ask_seconds = ask_seconds
        self._true_seconds = _TRUE * ask_seconds
        self._id = uuid4()
        self._well_since: float | None = None
        self._answers: dict[
            UUID, tuple[float, float]
        ] = {}  # of each hub, the first and the last without a gap
        self._asked: set[UUID] = set()
        self._question = asyncio.Event()

    def heard(self, message: bytes) -> None:
        """What a hub says, this one included."""
        try:
            said = _decoder.decode(message)
        except msgspec.MsgspecError:
            _log.warning("a message is not about hubs")
            return
        if isinstance(said, _Asked):
            self._asked.add(said.hub)
            self._question.set()
        elif self._id in said.asked and said.site != self._site:
            now = asyncio.get_running_loop().time()
            first, last = self._answers.get(said.hub, (now, now))
            self._answers[said.hub] = (first if now - last < self._true_seconds else now, now)

    async def run(self) -> None:
        """Look every `ask_seconds`, answer at once, and let sessions go meanwhile."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._answer_all())
            going: asyncio.Task[None] | None = None
            while True:
                await asyncio.sleep(self._ask_seconds)
                if await self.look() and (going is None or going.done()):
                    going = group.create_task(self._let_go())

    async def _answer_all(self) -> None:
        while True:
            await self._question.wait()
            self._question.clear()
            asked, self._asked = self._asked, set()
            if self.well and self._node.closed is None:
                await self._tell(msgspec.json.encode(_Answered(self._id, self._site, frozenset(asked))))

    async def look(self) -> bool:
        """Ask, if there is something to ask; whether the sessions shall go now."""
        node, now = self._node, asyncio.get_running_loop().time()
        if not self._away():
            if self._well_since is None:
                self._well_since = now
            self._answers.clear()
            if node.closed == CUT_OFF and self.well:
                node.closed = None
                _log.warning("this hub serves again")
            return False
        self._well_since = None
        await self._tell(msgspec.json.encode(_Asked(self._id)))
        if node.closed is None and self._alone(self._sure_seconds):
            node.closed = CUT_OFF
            _log.warning("the database is away for this hub alone", extra={"sessions": len(node.sessions)})
            return True
        if node.closed == CUT_OFF and not self._alone(0.0):
            node.closed = None
            _log.warning("the database is away for every hub")
        return False

    async def _let_go(self) -> None:
        await send_away(
            self._node,
            CUT_OFF,
            seconds=self._seconds,
            retry_ms=self._retry_ms,
            still=lambda: self._node.closed == CUT_OFF and self._away(),
        )

    @property
    def well(self) -> bool:
        """Whether this hub has had the database for `sure_seconds`."""
        now = asyncio.get_running_loop().time()
        return self._well_since is not None and now - self._well_since >= self._sure_seconds

    def _alone(self, seconds: float) -> bool:
        """Whether one and the same other hub has reached the database for so long, and does now."""
        now = asyncio.get_running_loop().time()
        return any(
            now - last < self._true_seconds and last - first >= seconds
            for first, last in self._answers.values()
        )
