"""A screen for tests, as strict as a real one is trusting: it comes back by itself, resumes where it was,
repeats an unanswered command under the same operation id, and fails when an event comes twice or too late."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from hub.realtime.protocol import SUBPROTOCOL
from hub.security.principal import Principal
from hub.security.tokens import Tokens
from tests.conftest import TOKEN_KEY

Document = dict[str, Any]
TOKENS = Tokens((TOKEN_KEY,), 900)
DEADLINE = 20.0


def token_of(principal: Principal) -> str:
    """A token for a principal."""
    token, _ = TOKENS.issue(principal)
    return token


def visible(principal: Principal, kind: str, data: Document, now: datetime) -> bool:
    """The rule by which a screen drops what has become old, by server time."""
    if kind != "order" or data["finished_at"] is None:
        return True
    age = now - datetime.fromisoformat(data["finished_at"])
    if principal.kind == "tablet":
        return age < timedelta(hours=24)
    if data["status"] == "cancelled":
        return data["cancel_acked_at"] is None
    return age < timedelta(minutes=30)


class Answer(Exception):
    """A command was refused for good."""

    def __init__(self, error: Document) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: str = error["code"]
        self.details: Document = error["details"]


class Screen:
    """Enter it to connect, leave it to go. `address` gives host and port anew for each connection."""

    def __init__(self, principal: Principal, address: Callable[[], tuple[str, int]]) -> None:
        self.principal = principal
        self.documents: dict[tuple[str, str], Document] = {}
        self.position: tuple[str, int] | None = None
        self.applied: list[int] = []
        self.snapshots: list[int] = []
        self.connections = 0
        self.byes: list[int] = []
        self.closes: list[int] = []
        self.frames: list[Document] = []
        self.paused = asyncio.Event()
        self.paused.set()
        self._address = address
        self._socket: ClientConnection | None = None
        self._ids = itertools.count(1)
        self._waiting: dict[int, tuple[Document, asyncio.Future[Document]]] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Screen:
        self._task = asyncio.create_task(self._live())
        await self.until(lambda: self.position is not None or bool(self.closes))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()

    async def leave(self) -> None:
        """Go, and report what went wrong in between."""
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            result = (await asyncio.gather(task, return_exceptions=True))[0]
            if self._socket is not None:
                await self._socket.close()
            if isinstance(result, Exception):
                raise result

    async def cut(self) -> None:
        """Lose the connection; the screen comes back by itself."""
        if self._socket is not None:
            self._socket.transport.abort()

    def state(self, now: datetime | None = None) -> dict[tuple[str, str], Document]:
        """What it shows, without what is too old at `now`."""
        return {
            key: data
            for key, data in self.documents.items()
            if now is None or visible(self.principal, key[0], data, now)
        }

    def orders(self) -> dict[str, Document]:
        """Orders by id."""
        return {key[1]: data for key, data in self.documents.items() if key[0] == "order"}

    async def until(self, condition: Callable[[], bool], seconds: float = DEADLINE) -> None:
        """Wait until the condition holds; it is looked at after every frame."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    if self._task is not None and self._task.done():
                        await self._task
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(
                f"{self.principal.kind} waited in vain: position {self.position}, "
                f"connections {self.connections}, closes {self.closes}, orders {len(self.orders())}"
            ) from None

    async def reach(self, seq: int) -> None:
        """Wait until everything up to `seq` that concerns this screen has been applied."""
        await self.until(lambda: self.position is not None and self.position[1] >= seq)

    async def command(self, name: str, op_id: str | None = None, /, **args: object) -> Document:
        """Ask, and ask again under the same operation id until there is an answer. Raises Answer."""
        frame = {"type": "command", "op_id": op_id or str(uuid4()), "name": name, "args": args}
        async with asyncio.timeout(90):
            while True:
                number = next(self._ids)
                reply: asyncio.Future[Document] = asyncio.get_running_loop().create_future()
                self._waiting[number] = ({**frame, "id": number}, reply)
                await self._send(self._waiting[number][0])
                answer = await reply
                if answer["ok"]:
                    result: Document = answer["result"]
                    return result
                if not answer["error"]["temporary"]:
                    raise Answer(answer["error"])
                await asyncio.sleep(random.uniform(0.02, 0.1))

    async def send_text(self, text: str | bytes) -> None:
        """Send anything."""
        assert self._socket is not None
        await self._socket.send(text)

    async def _send(self, frame: Document) -> None:
        if self._socket is not None:
            try:
                await self._socket.send(json.dumps(frame))
            except ConnectionClosed:
                return  # sent again after the next hello

    async def _live(self) -> None:
        while True:
            with contextlib.suppress(OSError, InvalidHandshake, TimeoutError, ConnectionClosed):
                await self._connect()
            self._changed.set()
            if self.closes and self.closes[-1] >= 4500:
                return
            await asyncio.sleep(random.uniform(0.01, 0.1))

    async def _connect(self) -> None:
        host, port = self._address()
        async with connect(
            f"ws://{host}:{port}/ws",
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            compression=None,
            open_timeout=DEADLINE,
            close_timeout=0.5,
            ping_interval=None,
            max_queue=None,
        ) as socket:
            hello: Document = {"type": "hello", "token": token_of(self.principal), "client": "test"}
            if self.position is not None:
                hello["since"] = {"epoch": self.position[0], "seq": self.position[1]}
            await socket.send(json.dumps(hello))
            self._socket = socket
            self.connections += 1
            try:
                for frame, _ in list(self._waiting.values()):
                    await self._send(frame)
                async for text in socket:
                    await self.paused.wait()
                    self._apply(json.loads(text))
                    self._changed.set()
            finally:
                self._socket = None
                if socket.close_code is not None:
                    self.closes.append(socket.close_code)

    def _apply(self, frame: Document) -> None:
        self.frames.append(frame)
        match frame["type"]:
            case "snapshot":
                self.documents = {}
                for entry in frame["state"]:
                    self._put(entry["kind"], entry["data"])
                self.position = (frame["epoch"], frame["seq"])
                self.snapshots.append(frame["seq"])
                self.applied.clear()
            case "event":
                assert self.position is not None, "an event before any position"
                assert frame["seq"] > self.position[1], f"event {frame['seq']} after {self.position}"
                self._put(frame["kind"], frame["data"])
                self.position = (self.position[0], frame["seq"])
                self.applied.append(frame["seq"])
            case "position":
                if self.position is not None and self.position[0] == frame["epoch"]:
                    assert frame["seq"] >= self.position[1], "a position that goes back"
                self.position = (frame["epoch"], frame["seq"])
            case "reply":
                if (waiting := self._waiting.pop(frame["id"], None)) and not waiting[1].done():
                    waiting[1].set_result(frame)
            case "bye":
                self.byes.append(frame["code"])

    def _put(self, kind: str, data: Document) -> None:
        if kind == "low_stock":
            return  # told once, and in no snapshot
        name, _, removed = kind.partition(".")
        if not removed:
            old = self.documents.get((name, data["id"]))
            if old is not None and "version" in data:
                assert data["version"] >= old["version"], "an older state after a newer one"
            self.documents[(name, data["id"])] = data
        elif "id" in data:
            self.documents.pop((name, data["id"]), None)
