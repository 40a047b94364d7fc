"""Between a page and the hub, frame by frame: the hub's time can be another one, its documents can say
something else, and a command can be answered here instead of there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, WebSocketRoute

Document = dict[str, Any]
Answer = Callable[[Document], Document]

_SECONDS = 15.0


class Refusal(Exception):
    """Raised by an answer: the command is refused with this code and these details."""

    def __init__(self, code: str, **details: Any) -> None:
        super().__init__(code)
        self.error = {"code": code, "message": code, "temporary": False, "details": details}


class Frames:
    """What a page hears from the hub, and says to it.

    `commands` are the command frames that the page has sent. `change(kind, f)` lets every document of a kind
    pass through `f`, those that have come already too, and as "principal" whom the hub takes the page for.
    `answer(name, f)` answers a command with `f(args)`, which may raise `Refusal`. `set_clock` moves the hub's
    time forward. `mute` lets a new line open and never say a word; `hold(type)` keeps frames of a type back.
    """

    def __init__(self) -> None:
        self.commands: list[Document] = []
        self.mute = False
        self._held: dict[str, int] = {}
        self._ahead = timedelta()
        self._changes: dict[str, list[Callable[[Document], None]]] = {}
        self._answers: dict[str, Answer] = {}
        self._documents: dict[tuple[str, str], Document] = {}
        self._position: Document = {}
        self._page: WebSocketRoute | None = None
        self._passed = asyncio.Event()

    async def attach(self, context: BrowserContext) -> None:
        await context.route_web_socket("**/ws", self._opened)

    def set_clock(self, wanted: datetime) -> None:
        """The hub's time is this from now on, and goes on from there; never backwards on an open line."""
        self._ahead = wanted - datetime.now(wanted.tzinfo)
        if self._page is not None and self._position:
            position = {"type": "position", **self._position, "server_time": _iso(wanted)}
            self._page.send(msgspec.json.encode(position).decode())
            self.tell()

    def change(self, kind: str, change: Callable[[Document], None]) -> None:
        """Change the documents of a kind in place on their way; the page hears of it at once."""
        self._changes.setdefault(kind, []).append(change)
        self.tell()

    def leave(self, kind: str) -> None:
        """Documents of this kind come as they are again."""
        self._changes.pop(kind, None)
        self.tell()

    def answer(self, command: str, answer: Answer) -> None:
        self._answers[command] = answer

    def let_through(self, command: str) -> None:
        """The hub answers itself again."""
        del self._answers[command]

    def sent(self, command: str) -> list[Document]:
        """The arguments of a command, each time it was sent."""
        return [frame["args"] for frame in self.commands if frame["name"] == command]

    async def until_sent(self, command: str, times: int) -> None:
        """Wait until the page has sent a command so often."""
        await self._until(lambda: len(self.sent(command)) >= times)

    def hold(self, frame_type: str) -> None:
        """No frame of this type arrives from now on."""
        self._held[frame_type] = 0

    async def until_held(self, frame_type: str) -> None:
        """Wait until the hub has sent a frame that was held: all before it have been passed on."""
        await self._until(lambda: self._held[frame_type] > 0)

    async def until_known(self, kind: str) -> None:
        """Wait until the hub has sent a document of this kind: the answer to a command overtakes the event,
        and what has not come yet cannot be told once more."""
        await self._until(lambda: any(name == kind for name, _ in self._documents))

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(_SECONDS):
            while not condition():
                self._passed.clear()
                await self._passed.wait()

    def tell(self) -> None:
        """All documents once more, as after a break."""
        if self._page is None or not self._documents:
            return
        state = []
        for (kind, _), document in self._documents.items():
            data = msgspec.json.decode(msgspec.json.encode(document))
            self._alter(kind, data)
            state.append({"kind": kind, "data": data})
        self._page.send(msgspec.json.encode({"type": "snapshot", **self._position, "state": state}).decode())

    def _opened(self, page: WebSocketRoute) -> None:
        if self.mute:
            return
        self._page = page
        hub = page.connect_to_server()
        hub.on_message(lambda text: self._heard(page, text))
        page.on_message(lambda text: self._said(page, hub, text))

    def _heard(self, page: WebSocketRoute, text: str | bytes) -> None:
        frame = msgspec.json.decode(text)
        if "server_time" in frame:
            frame["server_time"] = _iso(datetime.fromisoformat(frame["server_time"]) + self._ahead)
        if frame["type"] == "welcome":
            self._alter("principal", frame["principal"])
        if frame["type"] == "snapshot":
            self._documents.clear()
            for each in frame["state"]:
                self._keep(each["kind"], each["data"])
                self._alter(each["kind"], each["data"])
        elif frame["type"] == "event":
            self._keep(frame["kind"], frame["data"])
            self._alter(frame["kind"], frame["data"])
        if frame["type"] in ("snapshot", "position"):
            self._position = {"epoch": frame["epoch"], "seq": frame["seq"]}
        elif frame["type"] == "event":
            self._position["seq"] = frame["seq"]
        if frame["type"] in self._held:
            self._held[frame["type"]] += 1
            self._passed.set()
        else:
            page.send(msgspec.json.encode(frame).decode())

    def _said(self, page: WebSocketRoute, hub: WebSocketRoute, text: str | bytes) -> None:
        frame = msgspec.json.decode(text)
        if frame["type"] == "command":
            self.commands.append(frame)
            self._passed.set()
            answer = self._answers.get(frame["name"])
            if answer is not None:
                page.send(msgspec.json.encode(_reply(frame["id"], answer, frame["args"])).decode())
                return
        hub.send(text)

    def _keep(self, kind: str, data: Document) -> None:
        name, _, removed = kind.partition(".")
        if removed:
            self._documents.pop((name, data.get("id", "")), None)
        elif "id" in data:
            self._documents[name, data["id"]] = msgspec.json.decode(msgspec.json.encode(data))
            self._passed.set()

    def _alter(self, kind: str, data: Document) -> None:
        for change in self._changes.get(kind, ()):
            change(data)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _reply(number: int, answer: Answer, args: Document) -> Document:
    try:
        return {"type": "reply", "id": number, "ok": True, "result": answer(args)}
    except Refusal as refusal:
        return {"type": "reply", "id": number, "ok": False, "error": refusal.error}
