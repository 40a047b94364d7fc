"""One socket of a client: it joins, and holds every frame against the one that is due, byte by byte."""

from __future__ import annotations

import asyncio
import os
import time
from array import array
from typing import TYPE_CHECKING, Final, Protocol, cast

from hub.drive.frames import BadFrame, Message, Opcode, check_upgraded, masked, one_frame, upgrade

if TYPE_CHECKING:
    from bench.peers.speech import Answer, Speech

_HOST: Final = "127.0.0.1"
# A node of the hub has looked at its log: right, but not what is measured.
EARLY: Final = "early"


class Audience(Protocol):
    """What members tell, and what they all go by. `others` counts frames that are no events; with `timed`
    the time of each delivery goes to `latencies`, in seconds; while `preparing`, nothing is published."""

    port: int
    speech: Speech
    others: int
    timed: bool
    preparing: bool
    latencies: array[float]

    def group_of(self, number: int) -> int:
        """The group of a member."""

    def complete(self) -> None:
        """All members of a group have an event."""

    def fault(self, kind: str, words: str) -> None:
        """The server did something wrong."""


class Group:
    """The sockets that get the same events. `frames` are those of the batch, None behind the last; `starts`
    the moment each was due; `left` how many members have not got it; `sent` how many have been published."""

    __slots__ = ("crowd", "frames", "left", "members", "sent", "starts")

    def __init__(self, crowd: Audience) -> None:
        self.crowd = crowd
        self.members: list[Member] = []
        self.frames: list[bytes | None] = [None]
        self.starts: list[float] = []
        self.left: array[int] = array("i")
        self.sent = 0

    def begin(self, frames: list[bytes]) -> None:
        """A new batch."""
        self.frames = [*frames, None]
        self.starts = [0.0] * len(frames)
        self.left = array("i", [len(self.members)] * len(frames))
        self.sent = 0
        for member in self.members:
            member.place = 0

    def heard(self, place: int) -> None:
        """One member has got the frame at `place`."""
        left = self.left[place] - 1
        self.left[place] = left
        crowd = self.crowd
        if place >= self.sent:
            crowd.fault(EARLY, f"event {place} came before it was published")
        if crowd.timed:
            crowd.latencies.append(time.monotonic() - self.starts[place])
        if not left:
            crowd.complete()


class Member(asyncio.Protocol):
    """Number `number` of all sockets. `place` is the index of the frame that comes next."""

    __slots__ = ("_group", "_head", "_nonce", "_number", "_rest", "_transport", "joined", "place")

    def __init__(self, group: Group, number: int, joined: asyncio.Future[None]) -> None:
        self.place = 0
        self.joined: asyncio.Future[None] | None = joined
        self._group = group
        self._number = number
        self._nonce = os.urandom(16)
        self._head: bytes | None = b""
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        crowd = self._group.crowd
        path = crowd.speech.path(crowd.group_of(self._number))
        head = upgrade(_HOST, crowd.port, path, crowd.speech.subprotocol, self._nonce)
        self._transport.write(head)

    def data_received(self, data: bytes) -> None:
        # Nearly always it is exactly the frame that is due: one comparison says so, and checks all of it.
        group, place = self._group, self.place
        if data == group.frames[place]:
            self.place = place + 1
            group.heard(place)
        else:
            self._look(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._transport = None
            self._broken("the server closed the socket")

    def close(self) -> None:
        """Hang up without a goodbye."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def _look(self, data: bytes) -> None:
        try:
            if self._head is not None:
                head, found, data = (self._head + data).partition(b"\r\n\r\n")
                if not found:
                    self._head = head
                    return
                check_upgraded(head, self._group.crowd.speech.subprotocol, self._nonce)
                self._head = None
                self._answer(self._group.crowd.speech.opened(self._number))
            self._cut(self._rest + data)
        except BadFrame as error:
            self._broken(str(error))

    def _cut(self, buffer: bytes) -> None:
        """Several frames at once, parts of one, or one that is no event."""
        group, start = self._group, 0
        while start < len(buffer):
            due = group.frames[self.place]
            if due is not None and buffer.startswith(due, start):
                start += len(due)
                self.place += 1
                group.heard(self.place - 1)
                continue
            if (found := one_frame(buffer, start)) is None:
                break
            message, end = found
            self._take(message, buffer[start:end])
            start = end
        self._rest = buffer[start:]

    def _take(self, message: Message, whole: bytes) -> None:
        crowd = self._group.crowd
        if message.opcode is Opcode.PING:
            self._write(masked(message.payload, os.urandom(4), Opcode.PONG))
        elif message.opcode is Opcode.CLOSE:
            self._broken(f"the server closed the socket: {message.payload[2:100]!r}")
        elif message.opcode is Opcode.TEXT:
            answer = crowd.speech.other(message.payload)
            if answer is not None:
                crowd.others += 1
                self._answer(answer)
            else:
                self._stray(whole)

    def _stray(self, whole: bytes) -> None:
        """An event that is not the one that is due."""
        frames = self._group.frames
        if self.joined is not None:
            # the hub: what a kept snapshot lacks comes from the log, before the position
            self._group.crowd.others += 1
            return
        if self._group.crowd.preparing:
            self._group.crowd.fault(EARLY, f"socket {self._number} got an event before it was published")
            return
        if whole not in frames:
            self._group.crowd.fault("strange", f"socket {self._number}: {whole[:120]!r}")
            return
        place = frames.index(whole)
        if place < self.place:
            self._group.crowd.fault("repeated", f"socket {self._number}: event {place} after {self.place}")
        else:
            words = f"socket {self._number}: event {place} where {self.place} was due"
            self._group.crowd.fault("missing", words)
            self.place = place + 1
            self._group.heard(place)

    def _answer(self, answer: Answer) -> None:
        if answer.send is not None:
            self._write(masked(answer.send, os.urandom(4)))
        if answer.joined and self.joined is not None:
            joined, self.joined = self.joined, None
            joined.set_result(None)

    def _write(self, frame: bytes) -> None:
        if self._transport is not None:
            self._transport.write(frame)

    def _broken(self, words: str) -> None:
        joined, self.joined = self.joined, None
        if joined is not None:
            if not joined.done():
                joined.set_exception(ConnectionResetError(words))
        else:
            self._group.crowd.fault("closed", f"socket {self._number}: {words}")
        self.close()
