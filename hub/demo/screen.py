"""A screen without a picture: enough of the protocol to play a tablet or a kitchen display."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from hub.errors import HubError
from hub.realtime.protocol import SUBPROTOCOL

_SECONDS: Final = 10.0
Document = dict[str, Any]


class Refused(HubError):
    """The hub said no; `details` hold its error."""


async def post(host: str, port: int, path: str, body: Document) -> Document:
    """POST JSON; the answer. Raises Refused for any status but 200 and 201, OSError when no hub answers."""

    def ask() -> Document:
        connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer: Document = json.loads(response.read())
            if response.status not in (200, 201):
                raise Refused(f"{path}: {response.status} {answer.get('detail')}", **answer)
            return answer
        except (http.client.HTTPException, json.JSONDecodeError) as error:
            raise ConnectionResetError("that was no answer of a hub") from error
        finally:
            connection.close()

    return await asyncio.to_thread(ask)


class Screen:
    """Holds what a screen holds: documents by kind and id. `arrived` remembers when each order version
    came."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self.documents: dict[str, dict[str, Document]] = {}
        self.arrived: dict[tuple[str, int], float] = {}
        self._url = f"ws://{host}:{port}/ws"
        self._token = token
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Document]] = {}
        self._changed = asyncio.Condition()
        self._up_to_date = False
        self._over = False
        self._socket: ClientConnection | None = None
        self._reading: asyncio.Task[int] | None = None

    async def __aenter__(self) -> Screen:
        self._socket = await connect(self._url, subprotocols=[Subprotocol(SUBPROTOCOL)], compression=None)
        await self._socket.send(json.dumps({"type": "hello", "token": self._token, "client": "hub demo"}))
        self._reading = asyncio.create_task(self._read(self._socket))
        try:
            await self.wait(lambda: self._up_to_date)
        except BaseException:  # a cancellation too must not leave the socket open
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            await self._socket.close()
        if self._reading is not None:
            await asyncio.wait([self._reading], timeout=_SECONDS)

    async def command(self, name: str, **args: object) -> Document:
        """Ask for something; the result. Raises Refused, and ConnectionError when the socket is closed."""
        if self._socket is None or self._over:
            raise ConnectionResetError("this screen is not connected")
        number = next(self._ids)
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        frame = {"type": "command", "id": number, "op_id": str(uuid4()), "name": name, "args": args}
        try:
            await self._socket.send(json.dumps(frame))
            async with asyncio.timeout(_SECONDS):
                answer = await reply
        except WebSocketException as error:
            raise ConnectionResetError("the socket was closed") from error
        finally:
            self._replies.pop(number, None)
        if not answer["ok"]:
            raise Refused(f"{name}: {answer['error']['message']}", **answer["error"])
        result: Document = answer["result"]
        return result

    async def wait(self, until: Callable[[], bool]) -> None:
        """Wait until the documents are as wanted. Raises TimeoutError, ConnectionError."""
        async with asyncio.timeout(_SECONDS), self._changed:
            await self._changed.wait_for(lambda: until() or self._over)
        if not until():
            raise ConnectionResetError(f"the socket was closed with {await self.closed()}")

    async def closed(self) -> int:
        """Wait until the socket is closed; the close code, 1006 when it broke."""
        if self._reading is None:
            return 1006
        return await asyncio.shield(self._reading)

    def order(self, order_id: str) -> Document | None:
        """An order as this screen shows it."""
        return self.documents.get("order", {}).get(order_id)

    async def _read(self, socket: ClientConnection) -> int:
        try:
            async for text in socket:
                now = time.perf_counter()
                async with self._changed:
                    self._receive(json.loads(text), now)
                    self._changed.notify_all()
        except WebSocketException:
            pass  # the code says what there is to say
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(ConnectionResetError("the hub has closed the socket"))
        async with self._changed:
            self._over = True
            self._changed.notify_all()
        return socket.close_code or 1006

    def _receive(self, frame: Document, now: float) -> None:
        match frame["type"]:
            case "snapshot":
                self.documents.clear()
                for entry in frame["state"]:
                    self._apply(entry["kind"], entry["data"], now)
            case "event":
                self._apply(frame["kind"], frame["data"], now)
            case "position":
                self._up_to_date = True
            case "reply":
                reply = self._replies.get(frame["id"])
                if reply is not None and not reply.done():
                    reply.set_result(frame)

    def _apply(self, kind: str, data: Document, now: float) -> None:
        name, _, removed = kind.partition(".")
        if removed:
            self.documents.get(name, {}).pop(data.get("id", ""), None)
        else:
            self.documents.setdefault(name, {})[data["id"]] = data
            if name == "order":
                self.arrived.setdefault((data["id"], data["version"]), now)
