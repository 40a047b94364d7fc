"""One connection to a Redis server, on hiredis alone: to read a message costs a tenth of what redis-py takes,
and nothing is ever repeated or connected again behind our back.

It speaks RESP3, so that messages and answers are told apart. A server works on commands in order and answers
in order; each (S)SUBSCRIBE and (S)UNSUBSCRIBE names one channel and is answered by one push, or by an error.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from hiredis import PushNotification, Reader, ReplyError

if TYPE_CHECKING:
    import ssl

    from hub.redis.place import Address, Login

ANSWER_SECONDS: Final = 2.0
_NOTHING: Final = object()
_UNASKED: Final = frozenset((b"unsubscribe", b"sunsubscribe"))


def pack(*words: str | bytes) -> bytes:
    """A command as it is sent."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        octets = word.encode() if isinstance(word, str) else word
        parts.append(b"$%d\r\n%b\r\n" % (len(octets), octets))
    return b"".join(parts)


PING: Final = pack("PING")
ROLE: Final = pack("ROLE")


class Refused(OSError):
    """The server answers, and will not have it."""


class Ear(Protocol):
    """Who hears what the server says by itself."""

    def message(self, channel: bytes, data: bytes) -> None: ...

    def confirmed(self, channel: bytes) -> None:
        """The subscription stands."""

    def ended(self, channel: bytes) -> None:
        """The server has ended the subscription, or refuses it: its slot is elsewhere."""


class _Question:
    __slots__ = ("count", "done", "replies")

    def __init__(self, count: int, done: asyncio.Future[None]) -> None:
        self.count = count
        self.done = done
        self.replies: list[Any] = []


class _Change:
    __slots__ = ("channel", "done", "kind")

    def __init__(self, kind: bytes, channel: bytes, done: asyncio.Future[None]) -> None:
        self.kind = kind
        self.channel = channel
        self.done = done


class Line(asyncio.Protocol):
    """Made by `connect`. `closed` is done when the connection has ended, `error` is then why; `heard` is the
    loop's time of the last sign of life, `role` what the server said of itself: master or replica."""

    def __init__(self, ear: Ear | None) -> None:
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.error: BaseException | None = None
        self.heard = self._loop.time()
        self.role = ""
        self._ear = ear
        self._reader = Reader(notEnoughData=_NOTHING)
        self._asked: deque[_Question | _Change] = deque()
        self._transport: asyncio.WriteTransport | None = None

    # what goes out

    async def ask(self, packed: bytes, count: int = 1, seconds: float | None = None) -> list[Any]:
        """Send `count` commands, and wait for their answers; errors of the server are among them. Raises
        OSError; whether anything has arrived is then unknown, and the connection is over."""
        question = self.question(packed, count)
        try:
            async with asyncio.timeout(ANSWER_SECONDS if seconds is None else seconds):
                await question.done
        except TimeoutError:
            self.fail(TimeoutError("redis does not answer"))
            raise
        if len(question.replies) < count:
            raise ConnectionResetError("redis is gone")
        return question.replies

    def question(self, packed: bytes, count: int = 1) -> _Question:
        """Send `count` commands; `done` when all are answered, or the connection is over."""
        question = _Question(count, self._loop.create_future())
        self._send(packed)
        self._asked.append(question)
        return question

    def change(self, verb: bytes, channels: Iterable[bytes]) -> list[asyncio.Future[None]]:
        """Send `verb` for each channel; each future is done when it is answered, or the connection over."""
        kind = verb.lower()
        changes = [_Change(kind, channel, self._loop.create_future()) for channel in channels]
        self._send(b"".join([pack(verb, change.channel) for change in changes]))
        self._asked.extend(changes)
        return [change.done for change in changes]

    def _send(self, packed: bytes) -> None:
        if self._transport is None or self.error is not None or self.closed.done():
            raise ConnectionResetError("redis is gone")
        self._transport.write(packed)

    def fail(self, error: BaseException) -> None:
        """End the connection now."""
        if self.error is None:
            self.error = error
        if self._transport is not None:
            self._transport.abort()

    # what comes in

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's are not registered as such

    def data_received(self, data: bytes) -> None:
        self.heard = self._loop.time()
        try:
            self._reader.feed(data)
            gets = self._reader.gets
            while (reply := gets()) is not _NOTHING:
                if type(reply) is not PushNotification:
                    self._answered(reply)
                elif reply[0] == b"message" or reply[0] == b"smessage":
                    self._message(reply[1], reply[2])
                else:
                    self._told(reply)
        except Exception as error:  # noqa: BLE001 - a broken stream or a listener's error: what comes after it
            # cannot be trusted, and must not reach the event loop's handler
            self.fail(error)

    def _message(self, channel: bytes, data: bytes) -> None:
        if self._ear is not None:
            self._ear.message(channel, data)

    def _answered(self, reply: Any) -> None:
        head = self._asked[0]
        if isinstance(head, _Question):
            head.replies.append(reply)
            if len(head.replies) == head.count:
                self._asked.popleft()
                _finish(head.done)
            return
        if not isinstance(reply, ReplyError):
            raise Refused(f"an answer that is none to {head.kind.decode()}")
        moved = str(reply).startswith(("MOVED ", "ASK "))
        if not moved:
            raise Refused(str(reply))
        self._asked.popleft()
        if self._ear is not None and head.kind not in _UNASKED:
            self._ear.ended(head.channel)
        _finish(head.done)

    def _told(self, push: Sequence[Any]) -> None:
        kind, channel = push[0], push[1]
        head = self._asked[0] if self._asked else None
        if isinstance(head, _Change) and head.kind == kind and head.channel == channel:
            self._asked.popleft()
            if self._ear is not None and kind not in _UNASKED:
                self._ear.confirmed(channel)
            _finish(head.done)
        elif self._ear is not None and kind in _UNASKED:
            self._ear.ended(channel)
        elif kind in (b"subscribe", b"ssubscribe"):
            raise Refused("a confirmation that nobody asked for")

    def connection_lost(self, error: Exception | None) -> None:
        if self.error is None:
            self.error = error or ConnectionResetError("redis closed the connection")
        for one in self._asked:
            _finish(one.done)
        self._asked.clear()
        _finish(self.closed)


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


async def connect(
    address: Address,
    login: Login,
    context: ssl.SSLContext | None,
    *,
    name: str,
    db: int = 0,
    ear: Ear | None = None,
    seconds: float | None = None,
) -> Line:
    """A connection that has said hello, as `name` in the server's list of clients. Raises OSError."""
    loop = asyncio.get_running_loop()
    host, port = address
    async with asyncio.timeout(ANSWER_SECONDS if seconds is None else seconds):
        if port:
            _, line = await loop.create_connection(lambda: Line(ear), host, port, ssl=context)
        else:
            _, line = await loop.create_unix_connection(lambda: Line(ear), host)
        try:
            hello: list[str] = ["HELLO", "3"]
            if login.password is not None:
                hello += ["AUTH", login.username or "default", login.password]
            commands = [pack(*hello, "SETNAME", name), *([pack("SELECT", str(db))] if db else [])]
            answers = await line.ask(b"".join(commands), len(commands))
            for answer in answers:
                if isinstance(answer, ReplyError):
                    raise Refused(str(answer))
            line.role = answers[0].get(b"role", b"").decode()
        except BaseException as error:
            line.fail(error)
            raise
    return line
