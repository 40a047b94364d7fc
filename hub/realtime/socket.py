"""A WebSocket after its handshake, without a task of its own: what comes in is handed to a listener, what
goes out is written to the transport at once, but what follows in the same turn of the loop together at its
end: each `transport.write` is a system call, which costs more than all else about a delivery.

The library parses and answers the peer's frames; the hub's own frames never pass through it, because they are
whole, unmasked and uncompressed: a head and the payload.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol
from weakref import WeakKeyDictionary

from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode
from websockets.protocol import State

from hub.realtime.wire import GOODBYE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from websockets.server import ServerProtocol

    from hub.realtime.protocol import Frame

_PING: Final = b"\x89\x00"
_DATA: Final = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})
_GOING_AWAY: Final = 1012
_NOT_UTF8: Final = 1007
# Whoever sends more frames than that between two pings of the hub is no client of ours: each costs time, also
# one that says nothing.
_FRAMES: Final = 20_000
# What is put together for one write; more is written at once, so that a peer that is too slow is noticed.
_TOGETHER_BYTES: Final = 16_384


class Listener(Protocol):
    """Who gets what comes from a socket."""

    def received(self, text: str | None) -> None:
        """A message; None for a binary one."""

    def unanswered(self) -> None:
        """The peer has not answered a ping: close."""

    def flooded(self) -> None:
        """The peer sends frames without an end: close."""

    def gone(self) -> None:
        """The socket is closed, by whomever. Called once."""


class Turn:
    """A turn of an event loop: its number, and the sockets that have something left to write at its end."""

    def __init__(self) -> None:
        self.number = 0
        self.waiting: list[Socket] = []
        self._begun = 0

    def begin(self) -> int:
        """Its number, which changes when the loop comes round; one callback for all sockets."""
        if self._begun == self.number:
            self._begun += 1
            asyncio.get_running_loop().call_soon(self._end)
        return self.number

    def _end(self) -> None:
        self.number = self._begun
        waiting, self.waiting = self.waiting, []
        for socket in waiting:
            socket.flush()


_turns: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Turn]] = WeakKeyDictionary()


class Socket(asyncio.Protocol):
    """See `Wire` for what goes out. `connections` is the server's set, which holds it while it is open."""

    __slots__ = (
        "_binary",
        "_conn",
        "_connections",
        "_drained",
        "_fragments",
        "_frames",
        "_listener",
        "_over",
        "_pending",
        "_pending_bytes",
        "_transport",
        "_turn",
        "_waiting_frames",
        "_written_in",
        "congested",
        "gone",
        "silent",
    )

    def __init__(self, transport: asyncio.Transport, conn: ServerProtocol, connections: set[Any]) -> None:
        self._turn = _turns.setdefault(asyncio.get_running_loop(), Turn())
        self._transport = transport
        self._conn = conn
        self._connections = connections
        self._listener: Listener | None = None
        self._binary = False
        self._fragments: bytearray | None = None
        self._frames = 0  # since the last ping
        self._drained: asyncio.Event | None = None
        self._over = False  # the close frame is written; nothing may follow it
        self._written_in = -1
        self._pending: list[bytes] = []  # for the end of this turn
        self._pending_bytes = 0
        self._waiting_frames = 0
        self.congested = False
        self.silent = False
        self.gone = False

    def bound(self, size: int) -> None:
        """Be `congested` while more bytes than that wait. Over TLS, 64 KiB and a frame wait uncounted, in the
        transport below."""
        self._transport.set_write_buffer_limits(high=size)

    def listen(self, listener: Listener, early: Iterable[str | None]) -> None:
        """Take over the transport; `early` came together with the handshake."""
        self._listener = listener
        self._connections.add(self)
        self._transport.set_protocol(self)
        self._transport.resume_reading()
        for text in early:
            listener.received(text)

    # the way out: a Wire

    @property
    def backlog_bytes(self) -> int:
        return 0 if self.gone else self._pending_bytes + self._transport.get_write_buffer_size()

    @property
    def backlog_frames(self) -> int:
        return self._waiting_frames

    def write(self, frame: Frame) -> None:
        if self._over:
            return
        if self.congested:
            self._waiting_frames += 1
        self._put(frame.wire)

    async def drained(self) -> None:
        while self.congested and not self.gone:
            if self._drained is None:
                self._drained = asyncio.Event()
            await self._drained.wait()

    def finish(self, frame: Frame, code: int, reason: str) -> None:
        self._end(code, reason, frame.wire)

    def _put(self, data: bytes) -> None:
        turn = self._turn
        if self._written_in != turn.number:
            self._written_in = turn.begin()
            self._send(data)
            return
        if not self._pending:
            turn.waiting.append(self)
        self._pending.append(data)
        self._pending_bytes += len(data)
        if self.congested or self._pending_bytes > _TOGETHER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Give the transport what was put together."""
        pending = self._pending
        if not pending or self.gone:
            return
        data = pending[0] if len(pending) == 1 else b"".join(pending)
        pending.clear()
        self._pending_bytes = 0
        self._send(data)

    def _send(self, data: bytes) -> None:
        try:
            self._transport.write(data)
        except RuntimeError:
            self._lost()

    def _lost(self) -> None:
        """uvloop's write raises when the transport was aborted in this turn of the loop; `connection_lost`
        follows. Without a guard one dead peer would end the deliveries to all others."""
        self._over = True

    def _end(self, code: int, reason: str, last: bytes = b"") -> None:
        if self._over:
            return
        self._over = True
        if self._conn.state is State.OPEN:
            self._conn.send_close(code, reason)
        self._put(last + b"".join(self._conn.data_to_send()))
        self.flush()
        self._cut_later()

    def _cut_later(self) -> None:
        asyncio.get_running_loop().call_later(GOODBYE_SECONDS, self._cut)

    def _cut(self) -> None:
        """What the kernel has taken still goes out. A polite end would wait for a peer that takes nothing,
        and over TLS also for one that does not answer."""
        if not self.gone:
            self._transport.abort()

    def shutdown(self) -> None:
        """uvicorn's call when its server ends; the hub has said its goodbyes before."""
        if not self.gone:
            self._end(_GOING_AWAY, "")
            self._transport.close()

    # whether the peer is there

    def ask(self) -> None:
        if not self._over:
            self.silent = True
            self._frames = 0
            self._put(_PING)

    def give_up(self) -> None:
        if self._over or self._listener is None:
            self._transport.abort()
        else:
            self._listener.unanswered()

    # the transport's calls

    def data_received(self, data: bytes) -> None:
        self.silent = False
        conn = self._conn
        conn.receive_data(data)
        events = conn.events_received()
        self._frames += len(events)
        for event in events:
            if isinstance(event, WireFrame):
                self._take(event)
        answers = conn.data_to_send()
        ended = conn.close_rcvd is not None or conn.parser_exc is not None
        # Who does not take what waits for it is owed no more pongs: they would pile up.
        if answers and not self._over and (ended or not self.congested):
            self._put(b"".join(answers))
        if ended:
            # the peer's goodbye is answered, or it broke the protocol and was told
            self._leave()
            self._transport.close()
        elif self._frames > _FRAMES and self._listener is not None and not self._over:
            self._listener.flooded()
            self._transport.pause_reading()

    def _take(self, frame: WireFrame) -> None:
        if self._over or self._listener is None or frame.opcode not in _DATA:
            return
        data = bytes(frame.data)
        if frame.opcode is not Opcode.CONT:
            self._binary = frame.opcode is Opcode.BINARY
        if not frame.fin or frame.opcode is Opcode.CONT:
            if self._fragments is None:
                self._fragments = bytearray()
            self._fragments += data
            if not frame.fin:
                return
            data = bytes(self._fragments)
            self._fragments = None
        try:
            text = None if self._binary else data.decode()
        except UnicodeDecodeError:
            self._end(_NOT_UTF8, "")
            return
        self._listener.received(text)

    def _leave(self) -> None:
        """Nothing more is written; what waits has its time."""
        self.flush()
        if not self._over:
            self._over = True
            self._cut_later()

    def eof_received(self) -> None:
        """A peer that has ended its side is gone; the transport closes."""
        self._leave()

    def pause_writing(self) -> None:
        self.congested = True

    def resume_writing(self) -> None:
        self.congested = False
        self._waiting_frames = 0
        self._wake()

    def _wake(self) -> None:
        if self._drained is not None:
            self._drained.set()
            self._drained = None

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = self._over = True
        self._pending.clear()
        self._pending_bytes = 0
        self._connections.discard(self)
        self._conn.parser.close()  # it holds on to what holds it
        self._wake()
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.gone()
