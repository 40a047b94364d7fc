"""What one socket and the hub say to each other, from the hello to the goodbye. Whoever reads the socket
calls `received`, which never waits: what takes time runs in a task that ends with its work, so that a
socket on which nothing happens costs no task.

Before a verified hello there is no `Session`, and nothing that acts for a tenant can be called without one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from hub.errors import HubError, Internal, InvalidInput, TokenExpired, Unauthorized
from hub.realtime.doors import House
from hub.realtime.join import keep_joined
from hub.realtime.protocol import (
    Bye,
    CloseCode,
    Command,
    Done,
    Failed,
    Frame,
    Hello,
    Limits,
    Refresh,
    Welcome,
    WhoAmI,
    parse,
)
from hub.realtime.session import Phase, Session, short

if TYPE_CHECKING:
    from hub.log.event import Position
    from hub.realtime.wire import Wire
    from hub.security.principal import Principal

# Commands that wait for their turn in one session; a person cannot get there.
_COMMANDS: Final = 64
_log = logging.getLogger(__name__)


class Conversation:
    """`host` is the Host header of the handshake."""

    __slots__ = (
        "_commands",
        "_context",
        "_counts",
        "_early",
        "_house",
        "_joiner",
        "_late",
        "_over",
        "_work",
        "host",
        "session",
        "wire",
    )

    def __init__(self, house: House, wire: Wire, host: str | None) -> None:
        self.wire = wire
        self.host = host
        # whose request this was; the records of its commands name the address and the agent
        self._context = copy_context()
        self.session: Session | None = None
        self._house = house
        self._over = False
        self._counts = True
        self._early: list[str | None] | None = None  # what comes while the hello is looked at
        self._commands: list[Command | Failed] = []
        self._work: asyncio.Task[None] | None = None  # greets, and later runs commands
        self._joiner: asyncio.Task[None] | None = None
        self._late: asyncio.TimerHandle | None = asyncio.get_running_loop().call_later(
            house.settings.hello_seconds, self._refuse, CloseCode.NO_HELLO
        )

    # what comes from the socket

    def received(self, text: str | None) -> None:
        """A message; None for a binary one."""
        if self._over:
            return
        if self._early is not None:
            if len(self._early) < _COMMANDS:
                self._early.append(text)
            else:
                self._refuse(CloseCode.RATE)
        elif self.session is None:
            self._hello(text)
        elif self.session.phase is not Phase.CLOSED:
            self._next(self.session, text)

    def unanswered(self) -> None:
        """The peer has not answered a ping."""
        self._refuse(CloseCode.NO_PONG)

    def end(self, code: CloseCode) -> None:
        """Say goodbye and close."""
        self._refuse(code)

    def flooded(self) -> None:
        """The peer sends more frames than any client of ours."""
        self._refuse(CloseCode.RATE, "too many frames")

    def gone(self) -> None:
        """The socket is closed."""
        left = self.session is None or self.session.phase is not Phase.CLOSED
        if left and self._counts and not self._over:
            self._house.node.tally.closes[None] += 1
        self._over = True
        self._wait_no_more()
        tasks = self._house.tasks
        tasks.cancel(self._work)
        tasks.cancel(self._joiner)
        if (session := self.session) is not None:
            session.gone()
            self._house.node.remove(session)
            if self._counts:
                self._house.doors.closed(session.principal, session.id)
            self.session = None  # it holds on to this conversation

    # hello

    def _hello(self, text: str | None) -> None:
        """The first frame decides: a session, or a goodbye."""
        self._wait_no_more()
        try:
            hello = parse(text)
        except InvalidInput as error:
            self._refuse(CloseCode.BAD_FRAME, _told(error))
            return
        if not isinstance(hello, Hello):
            self._refuse(CloseCode.NO_HELLO)
            return
        self._greet(lambda: self._open(hello))

    def enter(self, principal: Principal, since: Position | None, *, counts: bool = True) -> None:
        """In place of a hello: open a session for who is known already. One that does not count is none of
        its device's: it neither shows it online nor replaces another."""
        self._wait_no_more()
        self._counts = counts
        self._greet(lambda: self._begin(principal, since))

    def _greet(self, opening: Callable[[], Awaitable[None]]) -> None:
        self._early = []
        self._work = self._start(self._or_tell(opening))

    async def _or_tell(self, opening: Callable[[], Awaitable[None]]) -> None:
        try:
            await opening()
        except Exception:  # a bug: the client is told, and the log gets it whole
            self._refuse(CloseCode.INTERNAL)
            raise

    async def _open(self, hello: Hello) -> None:
        house = self._house
        try:
            principal = house.doors.verify(hello.token)
            await house.doors.at_home(self.host, principal)
        except TokenExpired:
            self._refuse(CloseCode.TOKEN_EXPIRED, retry_ms=0)
            return
        except Unauthorized:
            self._refuse(CloseCode.BAD_TOKEN)
            return
        except HubError as error:
            self._refuse(CloseCode.INTERNAL if error.temporary else CloseCode.FORBIDDEN)
            return
        await self._begin(principal, hello.since)

    async def _begin(self, principal: Principal, since: Position | None) -> None:
        house = self._house
        feed = await house.node.feed(principal.tenant_id)
        if self._over:
            return
        if (why := house.node.closed) is not None:
            self._refuse(CloseCode.DRAIN, why)
            return
        settings = house.settings
        session = Session(
            principal,
            house.doors.topics(principal),
            feed,
            self.wire,
            join=self._join,
            limit_bytes=settings.outbound_bytes,
            limit_frames=settings.outbound_frames,
            retry_ms=settings.retry_ms,
        )
        self.session = session
        house.node.add(session)
        kitchen = principal.kind == "kitchen"
        seconds = settings.kitchen_position_seconds if kitchen else settings.tablet_position_seconds
        if self._counts:
            house.doors.opened(principal, session.id)
            house.heartbeat.add(session, seconds)
        session.write(Frame(self._welcome(session, seconds)))
        session.rejoin(since)
        self._work = None
        early, self._early = self._early or [], None
        for text in early:
            self.received(text)

    def _welcome(self, session: Session, seconds: float) -> Welcome:
        principal, settings = session.principal, self._house.settings
        return Welcome(
            session=session.id,
            principal=WhoAmI(
                principal.id,
                principal.kind,
                principal.room_number,
                principal.stay_id,
                principal.stations,
                principal.floor,
            ),
            ping_ms=round(seconds * 1000),
            retry_ms=settings.retry_ms,
            limits=Limits(settings.frame_bytes, _COMMANDS),
            server_time=self._house.past.server_time(),
        )

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._house.tasks.start(work, self._context)

    def _join(self, session: Session) -> None:
        if self._joiner is None:
            self._joiner = self._start(self._keep_joined(session))

    async def _keep_joined(self, session: Session) -> None:
        try:
            await keep_joined(session, self._house.past)
        finally:
            self._joiner = None

    def _wait_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _refuse(self, code: CloseCode, reason: str | None = None, retry_ms: int | None = None) -> None:
        """Say goodbye and close, with a session or before there is one."""
        if self._over:
            return
        self._over = True
        self._wait_no_more()
        if self.session is not None:
            self.session.close(code, reason, retry_ms)
            return
        self._house.node.tally.closes[code] += 1
        text = reason or code.reason
        wait = (self._house.settings.retry_ms if retry_ms is None else retry_ms) if code.reconnect else 0
        self.wire.finish(Frame(Bye(code.value, text, wait)), code.value, short(text))

    # the session

    def _next(self, session: Session, text: str | None) -> None:
        try:
            frame = parse(text)
        except InvalidInput as error:
            session.close(CloseCode.BAD_FRAME, _told(error))
            return
        match frame:
            case Command() | Failed():
                if len(self._commands) >= _COMMANDS:
                    session.close(CloseCode.RATE)
                    return
                self._commands.append(frame)
                if self._work is None:
                    self._work = self._start(self._run_commands(session))
            case Refresh():
                self._refresh(session, frame)
            case Hello():
                session.close(CloseCode.BAD_FRAME, "hello was said already")

    def _refresh(self, session: Session, frame: Refresh) -> None:
        doors = self._house.doors
        try:
            fresh = doors.verify(frame.token)
        except TokenExpired:
            session.close(CloseCode.TOKEN_EXPIRED)
            return
        except Unauthorized:
            session.close(CloseCode.BAD_TOKEN)
            return
        old = session.principal
        same = (fresh.tenant_id, fresh.id, fresh.kind, fresh.session_id)
        if same != (old.tenant_id, old.id, old.kind, old.session_id):
            self._start(self._stray(session, fresh))
        elif doors.topics(fresh) != session.topics:
            # it may see something else now: that is another session
            session.close(CloseCode.TOKEN_EXPIRED, retry_ms=0)
        else:
            session.principal = fresh

    async def _stray(self, session: Session, fresh: Principal) -> None:
        """Not for this session. It is written down first, and also when the peer has gone meanwhile."""
        if fresh.tenant_id != session.principal.tenant_id:
            await self._house.doors.stranger(fresh, session.principal)
        session.close(CloseCode.BAD_TOKEN, "the token belongs to another device or sign-in")

    async def _run_commands(self, session: Session) -> None:
        """In order, until none is left. The reply comes after the commit; who does not take its replies
        gets no more done."""
        try:
            while self._commands:
                await session.room()
                await self._run(session, self._commands.pop(0))
        finally:
            self._work = None

    async def _run(self, session: Session, command: Command | Failed) -> None:
        if isinstance(command, Failed):
            session.write(Frame(command))
            return
        if session.phase is Phase.CLOSED or session.principal.expires_at <= time.time():
            session.close(CloseCode.TOKEN_EXPIRED)
            self._commands.clear()
            return
        try:
            result = await self._house.doors.call(
                command.name, session.principal, command.op_id, command.args
            )
            reply = Frame(Done(command.id, result, position=self._house.doors.reached()))
        except Exception as error:  # noqa: BLE001 - a bug in a command must not end the session
            reply = Frame(Failed(command.id, _failure(error, command.name).to_data()))
        session.write(reply)


def _failure(error: Exception, command: str) -> HubError:
    """What the client may know: a refusal as it is, a bug as a reference to the log."""
    if isinstance(error, HubError) and not isinstance(error, Internal):
        return error
    reference = str(uuid4())
    _log.error("a command failed", exc_info=error, extra={"command": command, "reference": reference})
    return Internal("Something went wrong on our side.", reference=reference)


def _told(error: InvalidInput) -> str:
    where = error.field
    return f"{where}: {error.message}" if where and where != "frame" else error.message
