"""The screens that a client process plays: tablets that place orders when told to, kitchens that watch,
say what they have painted, and bump."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from typing import Any, Literal, Protocol
from uuid import uuid4

import msgspec
from msgspec import Struct

from hub.drive import messages
from hub.drive.client import Address, Socket
from hub.drive.frames import BadFrame
from hub.drive.ledger import Screen, Ticket
from hub.drive.messages import Bye, Dish, Event, Position, Reply, Snapshot, Welcome, dishes, frames, tickets
from hub.errors import Unavailable

STEPS = ("cooking", "ready", "delivering", "delivered")
_SEEN_AT_ONCE = 100


class Device(Struct, frozen=True):
    """A screen that may come in; `hotel` is the number of its hotel."""

    kind: Literal["tablet", "kitchen"]
    token: str
    hotel: int


class Listener(Protocol):
    """What seats tell the run."""

    def answered(self, reply: Reply, now: float) -> None:
        """To a place command."""

    def shown(self, kitchen: Kitchen, ticket: Ticket, at: str, now: float) -> None:
        """An order is new on a kitchen's screen."""

    def changed(self, at: str, now: float) -> None:
        """An order's event has come to a kitchen's screen, its first or a later one."""

    def bumped(self, name: str, reply: Reply, seconds: float, now: float) -> None:
        """To a kitchen's command, `seconds` after it was sent."""

    def lost(self, seat: Seat, code: int, reason: str) -> None:
        """The hub has closed the socket, or it broke."""


class Seat(ABC):
    """A device with its socket. `waiting` counts commands without a reply; the hub names their `limit`."""

    def __init__(self, device: Device, name: str, listener: Listener) -> None:
        self.device = device
        self.name = name
        self.menu: list[Dish] = []
        self.limit = 1
        self.waiting = 0
        self.screen = Screen(name)
        self._listener = listener
        self._socket: Socket | None = None
        self._up_to_date: asyncio.Future[None] | None = None
        self._bye = ""

    @property
    def connected(self) -> bool:
        return self._socket is not None

    async def join(self, address: Address, seconds: float) -> None:
        """Connect, and return when up to date. Raises Unavailable."""
        self.waiting, self._bye = 0, ""
        self.screen = Screen(self.name)
        up_to_date = self._up_to_date = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                self._socket = await Socket.connect(address, self._text, self._closed)
                self._socket.send(messages.hello(self.device.token))
                await up_to_date
        except (OSError, BadFrame, TimeoutError) as error:
            words = str(error) or f"not up to date after {seconds:.0f} s"
            raise Unavailable(f"{self.name} cannot join: {words}") from error
        finally:
            self._up_to_date = None

    def leave(self) -> None:
        if self._socket is not None:
            socket, self._socket = self._socket, None
            socket.close()

    def write(self, frame: bytes) -> bool:
        """Send a masked command; False when the socket is gone."""
        sent = self._socket is not None and self._socket.write(frame)
        self.waiting += sent
        return sent

    @abstractmethod
    def reply(self, reply: Reply, now: float) -> None:
        """The answer to one of the seat's commands."""

    @abstractmethod
    def ticket(self, event: Event, now: float) -> None:
        """An event of an order."""

    def _text(self, text: bytes, now: float) -> None:
        try:
            frame = frames.decode(text)
            match frame:
                case Event():
                    self.screen.event(frame.seq)
                    if frame.kind == "order":
                        self.ticket(frame, now)
                case Reply():
                    self.waiting -= 1
                    self.reply(frame, now)
                case Position():
                    self.screen.position(frame.seq)
                    if self._up_to_date is not None and not self._up_to_date.done():
                        self._up_to_date.set_result(None)
                case Snapshot():
                    self._snapshot(frame)
                case Welcome():
                    self.limit = frame.limits.commands
                case Bye():
                    self._bye = frame.reason
        except msgspec.MsgspecError as error:
            raise BadFrame(f"a frame that is not {messages.SUBPROTOCOL}: {error}") from error

    def _snapshot(self, snapshot: Snapshot) -> None:
        self.screen.position(snapshot.seq)
        for document in snapshot.state:
            if document.kind == "order":
                self.screen.know(tickets.decode(document.data))
            elif document.kind == "menu_item":
                self.menu.append(dishes.decode(document.data))

    def _closed(self, code: int, reason: str) -> None:
        mine = self._socket is None  # left by itself, or never came in
        self._socket = None
        if self._up_to_date is not None and not self._up_to_date.done():
            words = self._bye or reason
            self._up_to_date.set_exception(ConnectionResetError(f"closed with {code} ({words})"))
        elif not mine:
            self._listener.lost(self, code, self._bye or reason)


class Tablet(Seat):
    """Places the orders that it is handed."""

    def reply(self, reply: Reply, now: float) -> None:
        self._listener.answered(reply, now)

    def ticket(self, event: Event, now: float) -> None:
        """What becomes of an order is measured on the kitchen's screen."""


class Kitchen(Seat):
    """Watches; its own commands are a closed loop, at most `limit` of them on the way."""

    def __init__(self, device: Device, name: str, listener: Listener) -> None:
        super().__init__(device, name, listener)
        self._number = 0
        self._sent: dict[int, tuple[str, float]] = {}
        self._queue: deque[tuple[str, dict[str, Any]]] = deque()
        self._unseen: list[str] = []
        self._seeing = False

    @property
    def idle(self) -> bool:
        return not self._sent and not self._queue and not self._unseen

    async def join(self, address: Address, seconds: float) -> None:
        self._sent.clear()
        self._queue.clear()
        self._unseen.clear()
        self._seeing = False
        await super().join(address, seconds)

    def ticket(self, event: Event, now: float) -> None:
        ticket = tickets.decode(event.data)
        self._listener.changed(event.at, now)
        if self.screen.ticket(ticket):
            self._listener.shown(self, ticket, event.at, now)

    def bump(self, order_id: str, steps: int) -> None:
        """Take an order so many steps on its way."""
        for step in STEPS[:steps]:
            self._queue.append(("order.advance", {"order_id": order_id, "to": step}))
        self._work()

    def do(self, name: str, args: dict[str, Any]) -> None:
        """Any other command; its reply goes to the listener."""
        self._queue.append((name, args))
        self._work()

    def see(self, order_id: str) -> None:
        """Say that the ticket is painted, together with others that wait for that."""
        self._unseen.append(order_id)
        self._work()

    def reply(self, reply: Reply, now: float) -> None:
        name, sent = self._sent.pop(reply.id)
        if name == "order.seen":
            self._seeing = False
        self._listener.bumped(name, reply, now - sent, now)
        self._work()

    def _work(self) -> None:
        if self._unseen and not self._seeing:
            batch = self._unseen[:_SEEN_AT_ONCE]
            del self._unseen[:_SEEN_AT_ONCE]
            self._seeing = True
            self._ask("order.seen", {"order_ids": batch}, None)
        while self._queue and self.waiting < self.limit - 1:  # one place is kept for order.seen
            name, args = self._queue.popleft()
            self._ask(name, args, str(uuid4()))

    def _ask(self, name: str, args: dict[str, Any], op_id: str | None) -> None:
        self._number += 1
        if self.write(messages.masked_command(self._number, name, args, op_id)):
            self._sent[self._number] = (name, time.monotonic())
