"""What one process hears from one Redis server: one connection, rebuilt from nothing when anything goes
wrong. What is published meanwhile is lost, so that it says whenever it stands again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Protocol

from hiredis import ReplyError

from hub.redis.line import PING, ROLE, Refused

if TYPE_CHECKING:
    from hub.redis.line import Ear, Line
    from hub.redis.place import Address

# A connection that says nothing for so long, although it was pinged, is dead.
_SILENCE_SECONDS: Final = 6.0
_PING_SECONDS: Final = 2.0
_BACKOFF_SECONDS: Final = (0.05, 1.0)


class Demoted(OSError):
    """The server is no primary any more."""


class Owner(Protocol):
    """Whom a subscription belongs to."""

    def heard(self, channel: str, marked: bytes) -> None:
        """A message."""

    def stood(self, address: Address) -> None:
        """What was wanted stands, all of it."""

    def adrift(self, address: Address, channel: str) -> None:
        """The server does not carry this channel any more, and it is not wanted here any more."""

    def fell(self, address: Address, error: BaseException, *, first: bool) -> None:
        """The connection is lost, or could not be made; it is tried again. `first` since it stood."""


class Subscription:
    """`open` connects. `sharded` channels are those of a cluster; a `strict` one must be at a primary.

    `standing` says that every channel that is wanted is subscribed, but for those that were wanted only now.
    """

    def __init__(
        self,
        address: Address,
        open: Callable[[Address, Ear | None, str], Awaitable[Line]],
        owner: Owner,
        *,
        sharded: bool,
        strict: bool,
    ) -> None:
        self.address = address
        self.standing = False
        self._open = open
        self._owner = owner
        self._verb = b"SSUBSCRIBE" if sharded else b"SUBSCRIBE"
        self._unverb = b"SUNSUBSCRIBE" if sharded else b"UNSUBSCRIBE"
        self._beat = ROLE if strict else PING
        self._strict = strict
        # One string for each channel, so that its hash is computed once and not with every message.
        self._names: dict[bytes, str] = {}
        self._missing: set[bytes] = set()
        self._line: Line | None = None
        self._tried = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Serve until cancelled."""
        attempt = 0
        try:
            while True:
                stood = False
                try:
                    line = await self._open(self.address, self, "hub-listen")
                    try:
                        self._begin(line)
                        await self._keep(line)
                    finally:
                        stood, self.standing = self.standing, False
                        self._line = None
                        self._missing.clear()
                        line.fail(ConnectionAbortedError("closed"))
                except Exception as error:  # noqa: BLE001 - uvloop raises anything on a connection that is cut at
                    # the wrong moment; a courier may lose messages, and must never end the process
                    attempt = 0 if stood else attempt + 1
                    self._first()
                    self._owner.fell(self.address, error, first=attempt <= 1)
                low, high = _BACKOFF_SECONDS
                await asyncio.sleep(random.uniform(low, min(high, low * 2 ** min(attempt, 8))))
        finally:
            self._first()

    def _begin(self, line: Line) -> None:
        self._missing = set(self._names)
        self._line = line
        line.change(self._verb, self._names)
        self._settle()

    def _settle(self) -> None:
        if self._line is not None and not self._missing and not self.standing:
            self.standing = True
            self._first()
            self._owner.stood(self.address)

    def _first(self) -> None:
        """Whoever subscribed before the first connection was tried goes on."""
        if not self._tried.done():
            self._tried.set_result(None)

    async def _keep(self, line: Line) -> None:
        loop = asyncio.get_running_loop()
        while True:
            beat = line.question(self._beat)
            await asyncio.wait([line.closed], timeout=_PING_SECONDS)
            while not beat.done.done() and not line.closed.done():
                if loop.time() - line.heard > _SILENCE_SECONDS:
                    raise TimeoutError("redis does not answer")
                await asyncio.wait(
                    [line.closed, beat.done], timeout=_PING_SECONDS, return_when="FIRST_COMPLETED"
                )
            if line.error is not None:
                raise line.error
            (answer,) = beat.replies
            if isinstance(answer, ReplyError):
                raise Refused(str(answer))
            if self._strict and answer[0] != b"master":
                raise Demoted("the server is not the primary any more")

    # what is wanted

    async def subscribe(self, channel: str) -> None:
        """Returns when it is confirmed, or at once while disconnected."""
        name = channel.encode()
        self._names[name] = channel
        if self._line is None:
            await asyncio.shield(self._tried)
            return
        try:
            (confirmed,) = self._line.change(self._verb, (name,))
        except OSError:
            return  # it is about to be connected again
        await confirmed

    def want(self, *channels: str) -> None:
        """Channels that came from another server: until they are confirmed, nothing stands."""
        names = {channel.encode(): channel for channel in channels}
        self._names |= names
        if self._line is not None:
            self._missing |= names.keys()
            self.standing = False
            self._change(self._verb, *names)

    def drop(self, *channels: str) -> None:
        """Not wanted here any more."""
        names = [channel.encode() for channel in channels]
        for name in names:
            self._names.pop(name, None)
            self._missing.discard(name)
        self._change(self._unverb, *names)
        self._settle()

    def _change(self, verb: bytes, *names: bytes) -> None:
        if self._line is not None:
            try:
                self._line.change(verb, names)
            except OSError:
                return  # it is about to be connected again

    # what the server says

    def message(self, channel: bytes, data: bytes) -> None:
        if (name := self._names.get(channel)) is not None:
            self._owner.heard(name, data)

    def confirmed(self, channel: bytes) -> None:
        self._missing.discard(channel)
        self._settle()

    def ended(self, channel: bytes) -> None:
        if (name := self._names.pop(channel, None)) is not None:
            self._missing.discard(channel)
            self._owner.adrift(self.address, name)
            self._settle()
