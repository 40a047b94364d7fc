"""The WebSocket endpoint. Its phases are types: a socket without a verified hello has no `Session`, and
nothing that acts for a tenant can be called without one.

One reader a socket that never blocks, one worker that runs its commands in order, one joiner, one writer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

from msgspec import Raw, Struct

from hub.errors import HubError, Internal, InvalidInput, TokenExpired, Unauthorized
from hub.realtime.join import Past, keep_joined
from hub.realtime.origin import Origins
from hub.realtime.protocol import (
    SUBPROTOCOL,
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
from hub.realtime.wire import SendWire

if TYPE_CHECKING:
    from hub.realtime.heartbeat import Heartbeat
    from hub.realtime.node import Node
    from hub.realtime.wire import AsgiSend
    from hub.security.principal import Principal
    from hub.settings import Settings

AsgiMessage = MutableMapping[str, Any]
AsgiReceive = Callable[[], Awaitable[AsgiMessage]]

# Commands that wait for their turn in one session; a person cannot get there.
_COMMANDS: Final = 64
# How long a socket has to take the goodbye.
_GOODBYE_SECONDS: Final = 1.0
_CANCEL_SECONDS: Final = 0.5
_log = logging.getLogger(__name__)


class Doors(Struct, frozen=True):
    """What the endpoint asks the rest of the hub; app.py hands it in.

    `verify` turns a token into a principal, or raises Unauthorized; so does `at_home` for one whose hotel is
    not that of the Host header. `topics` says what a principal may see.
    `call` runs a command: name, principal, operation id, JSON arguments. `opened` and `closed` are told of
    every session. `stranger` writes down that a token of another tenant came to a session: the token's
    principal, and the session's.
    """

    verify: Callable[[str], Principal]
    at_home: Callable[[str | None, Principal], Awaitable[None]]
    topics: Callable[[Principal], frozenset[str]]
    call: Callable[[str, Principal, UUID | None, Raw], Awaitable[Raw]]
    opened: Callable[[Principal, UUID], None]
    closed: Callable[[Principal, UUID], None]
    stranger: Callable[[Principal, Principal], Awaitable[None]]


class Endpoint:
    """An ASGI application for the websocket scope."""

    def __init__(
        self, node: Node, past: Past, heartbeat: Heartbeat, doors: Doors, settings: Settings
    ) -> None:
        self._node = node
        self._past = past
        self._heartbeat = heartbeat
        self._doors = doors
        self._settings = settings
        public = () if settings.public_url is None else (settings.public_url,)
        self._origins = Origins((*settings.allowed_origins, *public))

    async def __call__(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        await receive()  # websocket.connect
        if self._node.leaving:
            await _unavailable(send, self._settings.retry_ms)
            return
        if SUBPROTOCOL not in scope["subprotocols"] or not self._origins.admit(scope["headers"]):
            await send({"type": "websocket.close"})  # answers 403 before the upgrade
            return
        try:
            await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
            wire = SendWire(send)
            session = await self._greet(receive, wire, _host(scope["headers"]))
            if session is None:
                await wire.run()
                return
            self._doors.opened(session.principal, session.id)
            try:
                await self._serve(session, wire, receive)
            finally:
                session.gone()
                self._node.remove(session)
                self._doors.closed(session.principal, session.id)
        except OSError:
            return  # the peer is gone

    # hello

    async def _greet(self, receive: AsgiReceive, wire: SendWire, host: str | None) -> Session | None:
        """The first frame decides: a session, or a goodbye written to the wire."""
        try:
            async with asyncio.timeout(self._settings.hello_seconds):
                message = await receive()
        except TimeoutError:
            return _refuse(wire, CloseCode.NO_HELLO)
        if message["type"] != "websocket.receive":
            raise ConnectionResetError
        try:
            hello = parse(message.get("text"))
        except InvalidInput as error:
            return _refuse(wire, CloseCode.BAD_FRAME, _told(error))
        if not isinstance(hello, Hello):
            return _refuse(wire, CloseCode.NO_HELLO)
        try:
            principal = self._doors.verify(hello.token)
            await self._doors.at_home(host, principal)
        except TokenExpired:
            return _refuse(wire, CloseCode.TOKEN_EXPIRED, retry_ms=0)
        except Unauthorized:
            return _refuse(wire, CloseCode.BAD_TOKEN)
        settings = self._settings
        feed = await self._node.feed(principal.tenant_id)
        if self._node.leaving:
            return _refuse(wire, CloseCode.DRAIN, retry_ms=settings.retry_ms)
        session = Session(
            principal,
            self._doors.topics(principal),
            feed,
            wire,
            limit_bytes=settings.outbound_bytes,
            limit_frames=settings.outbound_frames,
            retry_ms=settings.retry_ms,
        )
        self._node.add(session)
        kitchen = principal.kind == "kitchen"
        seconds = settings.kitchen_position_seconds if kitchen else settings.tablet_position_seconds
        session.write(
            Frame(
                Welcome(
                    session=session.id,
                    principal=WhoAmI(
                        principal.id,
                        principal.kind,
                        principal.room_number,
                        principal.stay_id,
                        principal.stations,
                    ),
                    ping_ms=round(seconds * 1000),
                    retry_ms=settings.retry_ms,
                    limits=Limits(settings.frame_bytes, _COMMANDS),
                    server_time=self._past.server_time(),
                )
            )
        )
        session.rejoin(hello.since)
        self._heartbeat.add(session, seconds)
        return session

    # the session

    async def _serve(self, session: Session, wire: SendWire, receive: AsgiReceive) -> None:
        """Until the peer is gone or the hub has said goodbye."""
        commands: asyncio.Queue[Command | Failed] = asyncio.Queue(_COMMANDS)
        writer = asyncio.create_task(wire.run())
        tasks = [
            writer,
            asyncio.create_task(self._read(session, receive, commands)),
            asyncio.create_task(self._work(session, commands)),
            asyncio.create_task(keep_joined(session, self._past)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if session.phase is Phase.CLOSED and writer not in done:
                # the goodbye is written; a peer that does not take it has had its time
                await asyncio.wait([writer], timeout=_GOODBYE_SECONDS)
        finally:
            pending = set(tasks)
            while pending:
                # More than once: libraries swallow a cancellation that comes while they connect.
                for task in pending:
                    task.cancel()
                _, pending = await asyncio.wait(pending, timeout=_CANCEL_SECONDS)
            for task in tasks:
                error = None if task.cancelled() else task.exception()
                if isinstance(error, Exception) and not isinstance(error, OSError):
                    _log.error("a session failed", exc_info=error)

    async def _read(
        self, session: Session, receive: AsgiReceive, commands: asyncio.Queue[Command | Failed]
    ) -> None:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                frame = parse(message.get("text"))
            except InvalidInput as error:
                session.close(CloseCode.BAD_FRAME, _told(error))
                return
            match frame:
                case Command() | Failed():
                    try:
                        commands.put_nowait(frame)
                    except asyncio.QueueFull:
                        session.close(CloseCode.RATE)
                        return
                case Refresh():
                    if not await self._refresh(session, frame):
                        return
                case Hello():
                    session.close(CloseCode.BAD_FRAME, "hello was said already")
                    return

    async def _refresh(self, session: Session, frame: Refresh) -> bool:
        try:
            fresh = self._doors.verify(frame.token)
        except TokenExpired:
            session.close(CloseCode.TOKEN_EXPIRED)
            return False
        except Unauthorized:
            session.close(CloseCode.BAD_TOKEN)
            return False
        old = session.principal
        same = (fresh.tenant_id, fresh.id, fresh.kind, fresh.session_id)
        if same != (old.tenant_id, old.id, old.kind, old.session_id):
            if fresh.tenant_id != old.tenant_id:
                # before the close, which ends this task
                await self._doors.stranger(fresh, old)
            session.close(CloseCode.BAD_TOKEN, "the token belongs to another device or sign-in")
            return False
        if self._doors.topics(fresh) != session.topics:
            # it may see something else now: that is another session
            session.close(CloseCode.TOKEN_EXPIRED, retry_ms=0)
            return False
        session.principal = fresh
        return True

    async def _work(self, session: Session, commands: asyncio.Queue[Command | Failed]) -> None:
        while True:
            await session.room()
            command = await commands.get()
            if isinstance(command, Failed):
                session.write(Frame(command))
                continue
            if session.phase is Phase.CLOSED or session.principal.expires_at <= time.time():
                session.close(CloseCode.TOKEN_EXPIRED)
                return
            try:
                result = await self._doors.call(command.name, session.principal, command.op_id, command.args)
                reply = Frame(Done(command.id, result))
            except Exception as error:  # noqa: BLE001 - a bug in a command must not end the session
                reply = Frame(Failed(command.id, _failure(error, command.name).to_data()))
            session.write(reply)


def _host(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    return next((value.decode("latin-1") for name, value in headers if name == b"host"), None)


async def _unavailable(send: AsgiSend, retry_ms: int) -> None:
    """Refuse before the upgrade: 503."""
    headers = [(b"retry-after", str(-(-retry_ms // 1000)).encode())]
    await send({"type": "websocket.http.response.start", "status": 503, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b"the hub is restarting\n"})


def _refuse(wire: SendWire, code: CloseCode, reason: str | None = None, retry_ms: int = 0) -> Session | None:
    text = reason or code.reason
    wire.finish(Frame(Bye(code.value, text, retry_ms)), code.value, short(text))
    return None


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
