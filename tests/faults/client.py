"""A client that behaves like the pages - it comes back by itself, resumes where it was, asks again under the
same operation id, gives up a silent socket - and writes down everything it sends and hears."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.typing import Subprotocol

from hub.realtime.protocol import SUBPROTOCOL
from tests.faults.shown import Shown
from tests.realtime.screens import Answer, Document, token_of

if TYPE_CHECKING:
    from hub.security.principal import Principal

Address = tuple[str, int]
_BACKOFF_SECONDS = (0.2, 1.0)
_GONE = (OSError, InvalidHandshake, InvalidMessage, TimeoutError, ConnectionClosed, EOFError)


class Entry(Struct, frozen=True):
    """A line of the journal: `kind` is open, sent, frame, silent (the client gave the socket up) or close."""

    at: float
    connection: int
    kind: str
    body: Document


class Operation(Struct):
    """A command: sent any number of times under one id, and every reply to it with its moment."""

    number: int
    name: str
    op_id: str | None
    args: Document
    began: float
    replies: list[tuple[float, Document]]

    @property
    def acknowledged(self) -> Document | None:
        """The first result."""
        return next((reply["result"] for _, reply in self.replies if reply["ok"]), None)

    @property
    def refused(self) -> bool:
        """For good."""
        return any(not reply["ok"] and not reply["error"]["temporary"] for _, reply in self.replies)


class Client:
    """`address` gives host and port anew for each connection, `token` a token for each hello. A socket on
    which nothing comes for `welcome_seconds`, later for two heartbeats, is given up; a command is sent again
    after `answer_seconds`. `answered` is told of every successful reply in the moment that it comes."""

    def __init__(
        self,
        name: str,
        principal: Principal,
        address: Callable[[], Address],
        *,
        token: Callable[[Principal], str] = token_of,
        welcome_seconds: float = 3.0,
        answer_seconds: float = 3.0,
        answered: Callable[[Client, Operation], None] = lambda *_: None,
    ) -> None:
        self.name = name
        self.principal = principal
        self.shown = Shown()
        self.journal: list[Entry] = []
        self.operations: list[Operation] = []
        self.connections = 0
        self.ended: int | None = None  # the close code after which a page does not come back
        self._address = address
        self._token = token
        self._welcome_seconds = welcome_seconds
        self._answer_seconds = answer_seconds
        self._answered = answered
        self._socket: ClientConnection | None = None
        self._open = False
        self._heard = 0
        self._retry_seconds = _BACKOFF_SECONDS[0]
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[Operation, asyncio.Future[Document]]] = {}

    def hung_up_since(self, moment: float) -> bool:
        """Whether it has lost or given up a socket after that."""
        return any(entry.kind == "close" and entry.at > moment for entry in self.journal)

    # the socket

    async def run(self) -> None:
        """Be there until cancelled, or until the hub closes for good."""
        attempt = 0
        while self.ended is None:
            before = self._heard
            with contextlib.suppress(*_GONE):
                await self._connect()
            attempt = 0 if self._heard > before else attempt + 1
            base, cap = _BACKOFF_SECONDS
            window = self._retry_seconds if attempt == 0 else min(cap, base * 2**attempt)
            await asyncio.sleep(random.random() * min(window, cap))

    async def _connect(self) -> None:
        host, port = self._address()
        async with asyncio.timeout(self._welcome_seconds):
            socket = await connect(
                f"ws://{host}:{port}/ws",
                subprotocols=[Subprotocol(SUBPROTOCOL)],
                compression=None,
                open_timeout=None,
                close_timeout=0.2,
                ping_interval=None,
                max_queue=None,
                max_size=None,
            )
        self.connections += 1
        self._socket = socket
        try:
            await self._serve(socket)
        finally:
            self._socket, self._open = None, False
            socket.transport.abort()
            code = socket.close_code or 1006
            self._note("close", {"code": code})
            if code >= 4500:
                self.ended = code

    async def _serve(self, socket: ClientConnection) -> None:
        hello: Document = {"type": "hello", "token": self._token(self.principal), "client": "checker"}
        if (position := self.shown.position) is not None:
            hello["since"] = {"epoch": position[0], "seq": position[1]}
        self._note("open", {"since": position})
        await socket.send(json.dumps(hello))
        silence = self._welcome_seconds
        while True:
            try:
                async with asyncio.timeout(silence):
                    text = await socket.recv()
            except TimeoutError:
                self._note("silent", {})
                return
            frame: Document = json.loads(text)
            self._heard += 1
            self._note("frame", frame)
            self.shown.apply(frame)
            match frame["type"]:
                case "welcome":
                    silence = 2 * frame["ping_ms"] / 1000
                    self._retry_seconds = frame["retry_ms"] / 1000
                    self._open = True
                    for operation, _ in list(self._waiting.values()):
                        await self._transmit(operation)
                case "reply":
                    self._reply(frame)
                case "bye":
                    self._retry_seconds = frame["retry_ms"] / 1000

    def drop(self) -> None:
        """Lose the connection, without a word."""
        if self._socket is not None:
            self._socket.transport.abort()

    def _note(self, kind: str, body: Document) -> None:
        self.journal.append(Entry(time.monotonic(), self.connections, kind, body))

    # commands

    async def ask(self, name: str, args: Document, *, once: bool = True) -> Document:
        """The result of a command, however long it takes. Raises Answer when it is refused for good."""
        operation = Operation(
            next(self._numbers), name, str(uuid4()) if once else None, args, time.monotonic(), []
        )
        self.operations.append(operation)
        wait = 0.1
        while True:
            reply = await self._answer(operation)
            if reply["ok"]:
                result: Document = reply["result"]
                return result
            if not reply["error"]["temporary"]:
                raise Answer(reply["error"])
            await asyncio.sleep(random.uniform(0.2, 1.0) * wait)
            wait = min(1.0, wait * 2)

    async def _answer(self, operation: Operation) -> Document:
        reply: asyncio.Future[Document] = asyncio.get_running_loop().create_future()
        self._waiting[operation.number] = (operation, reply)
        while True:
            heard = self._heard
            await self._transmit(operation)
            done, _ = await asyncio.wait([reply], timeout=self._answer_seconds)
            if done:
                return reply.result()
            if heard == self._heard:
                self.drop()

    async def _transmit(self, operation: Operation) -> None:
        if self._socket is None or not self._open:
            return  # it is sent after the welcome
        frame: Document = {
            "type": "command",
            "id": operation.number,
            "name": operation.name,
            "args": operation.args,
        }
        if operation.op_id is not None:
            frame["op_id"] = operation.op_id
        self._note("sent", {"id": operation.number})
        try:
            await self._socket.send(json.dumps(frame))
        except ConnectionClosed:
            return

    def _reply(self, frame: Document) -> None:
        operation = self.operations[frame["id"] - 1]
        operation.replies.append((time.monotonic(), frame))
        if frame["ok"]:
            self._answered(self, operation)
        waiting = self._waiting.pop(operation.number, None)
        if waiting is not None and not waiting[1].done():
            waiting[1].set_result(frame)
