"""The ways in: an operation over HTTP, or over the sockets of screens."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
from msgspec import Raw

from bench.mix.hotel import Hotel, Underway, menu
from bench.mix.http import Connections
from hub.drive import messages
from hub.drive.client import Address, Socket
from hub.drive.frames import BadFrame
from hub.drive.messages import Bye, Position, Reply, Snapshot, Welcome, dishes, frames
from hub.errors import Unavailable

if TYPE_CHECKING:
    from hub.drive.seats import Device

SECONDS: Final = 30.0  # for an answer
_JOINS_AT_ONCE: Final = 32


class Failed(Exception):
    """The code of a refusal. `temporary` ones may be repeated."""

    def __init__(self, code: str, *, temporary: bool) -> None:
        super().__init__(code)
        self.code = code
        self.temporary = temporary


class Way(Protocol):
    """How requests come in. All raise Failed, and what a broken connection raises (OSError, TimeoutError)."""

    async def join(self, hotels: list[Hotel]) -> None:
        """Be ready, and learn the menus. Raises Unavailable."""

    async def read(self, name: str, hotel: Hotel, chance: random.Random) -> None: ...

    async def place(self, hotel: Hotel, tablet: Device, cart: bytes, key: str) -> bytes | Raw:
        """The result of order.place."""

    async def bump(self, hotel: Hotel, order: Underway, to: str, key: str) -> None: ...

    def leave(self) -> None: ...


class Http:
    """See `Way`."""

    def __init__(self, address: Address) -> None:
        self._lines = Connections(address)

    async def join(self, hotels: list[Hotel]) -> None:
        for hotel in hotels:
            try:
                hotel.learn(menu(await self._get("/api/v1/menu", hotel.tablets[0].token)))
            except (OSError, Failed, msgspec.MsgspecError) as error:
                raise Unavailable(f"the menu cannot be read: {str(error) or 'no answer'}") from error
            if not hotel.dishes:
                raise Unavailable("a hotel has nothing on its menu to be ordered now")

    async def read(self, name: str, hotel: Hotel, chance: random.Random) -> None:
        match name:
            case "active":
                await self._get("/api/v1/orders", chance.choice(hotel.kitchens).token)
            case "status" if (known := hotel.guest(chance)) is not None:
                await self._get(f"/api/v1/orders/{known[1]}", known[0])
            case _:
                await self._get("/api/v1/menu", chance.choice(hotel.tablets).token)

    async def place(self, hotel: Hotel, tablet: Device, cart: bytes, key: str) -> bytes | Raw:
        return await self._ask(self._lines.request("POST", "/api/v1/orders", tablet.token, cart, key))

    async def bump(self, hotel: Hotel, order: Underway, to: str, key: str) -> None:
        path = f"/api/v1/orders/{order.id}/advance"
        body = msgspec.json.encode({"to": to})
        await self._ask(self._lines.request("POST", path, hotel.kitchens[0].token, body, key))

    async def get(self, path: str, token: str) -> bytes:
        """The body."""
        return await self._get(path, token)

    async def _get(self, path: str, token: str) -> bytes:
        return await self._ask(self._lines.request("GET", path, token))

    async def _ask(self, request: bytes) -> bytes:
        status, body = await self._lines.ask(request, SECONDS)
        if status >= 400:
            raise Failed(str(status), temporary=status in (429, 503))
        return body

    def leave(self) -> None:
        self._lines.close()


class Screen:
    """A session that sends commands; several may wait for their replies."""

    def __init__(self, address: Address, token: str) -> None:
        self.snapshot: list[messages.Document] = []
        self._address = address
        self._token = token
        self._socket: Socket | None = None
        self._ready: asyncio.Future[None] | None = None
        self._replies: dict[int, asyncio.Future[Reply]] = {}
        self._number = 0
        self._limit = 1
        self._bye = ""

    async def open(self) -> None:
        """Live. Raises OSError, TimeoutError, Failed."""
        self._ready = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(SECONDS):
                self._socket = await Socket.connect(self._address, self._text, self._closed)
                self._socket.send(messages.hello(self._token))
                await self._ready
        except BadFrame as error:
            raise Failed(f"no session: {error}", temporary=True) from error

    async def call(self, name: str, args: Raw | dict[str, Any], key: str | None) -> Raw:
        """The result."""
        if self._socket is None:
            raise ConnectionResetError("the session is closed")
        if len(self._replies) >= self._limit:  # one more, and the hub closes the session
            raise Failed("not sent: too many unanswered", temporary=True)
        self._number += 1
        number = self._number
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        frame = messages.masked_command(number, name, args, key)
        self._socket.write(frame)
        try:
            async with asyncio.timeout(SECONDS):
                told: Reply = await reply
        finally:
            self._replies.pop(number, None)
        if not told.ok:
            code = told.error.code if told.error else "refused"
            raise Failed(code, temporary=code in ("unavailable", "rate_limited"))
        result: Raw = told.result
        return result

    def close(self) -> None:
        if self._socket is not None:
            socket, self._socket = self._socket, None
            socket.close()

    def _text(self, text: bytes, _: float) -> None:
        if text.startswith(b'{"type":"event"'):
            return  # what it says is measured by `bench orders`
        frame = frames.decode(text)
        match frame:
            case Reply():
                if (waiting := self._replies.get(frame.id)) is not None and not waiting.done():
                    waiting.set_result(frame)
            case Position():
                if self._ready is not None and not self._ready.done():
                    self._ready.set_result(None)
            case Snapshot():
                self.snapshot = frame.state
            case Welcome():
                self._limit = frame.limits.commands
            case Bye():
                self._bye = frame.reason

    def _closed(self, code: int, reason: str) -> None:
        self._socket = None
        error = ConnectionResetError(f"closed with {code} ({self._bye or reason})")
        for waiting in (self._ready, *self._replies.values()):
            if waiting is not None and not waiting.done():
                waiting.set_exception(error)


class Sockets:
    """See `Way`. The first half of a hotel's tablets stay; the others come for a look, and go."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._screens: dict[str, Screen] = {}
        self._away: dict[int, list[Device]] = {}

    async def join(self, hotels: list[Hotel]) -> None:
        door = asyncio.Semaphore(_JOINS_AT_ONCE)

        async def enter(device: Device) -> None:
            screen = self._screens[device.token] = Screen(self._address, device.token)
            async with door:
                try:
                    await screen.open()
                except (OSError, Failed) as error:
                    raise Unavailable(f"a screen cannot join: {str(error) or 'no answer'}") from error

        try:
            async with asyncio.TaskGroup() as group:
                for hotel in hotels:
                    half = max(1, len(hotel.tablets) // 2)
                    self._away[id(hotel)] = hotel.tablets[half:]
                    hotel.tablets = hotel.tablets[:half]
                    for device in (*hotel.tablets, hotel.kitchens[0]):
                        group.create_task(enter(device))
        except* Unavailable as errors:
            raise Unavailable(str(errors.exceptions[0])) from None
        for hotel in hotels:
            state = self._screens[hotel.tablets[0].token].snapshot
            hotel.learn([dishes.decode(one.data) for one in state if one.kind == "menu_item"])
            if not hotel.dishes:
                raise Unavailable("a hotel has nothing on its menu to be ordered now")
        for screen in self._screens.values():
            screen.snapshot = []

    async def read(self, name: str, hotel: Hotel, chance: random.Random) -> None:
        if name == "quote":
            cart = msgspec.json.decode(hotel.cart(chance, ""))
            tablet = chance.choice(hotel.tablets)
            await self._screens[tablet.token].call("order.quote", {"lines": cart["lines"]}, None)
            return
        away = self._away[id(hotel)]
        if not away:
            raise Failed("not sent: every visitor is inside", temporary=True)
        device = away.pop(0)
        screen = Screen(self._address, device.token)
        try:
            await screen.open()
        finally:
            screen.close()
            away.append(device)

    async def place(self, hotel: Hotel, tablet: Device, cart: bytes, key: str) -> bytes | Raw:
        return await self._screens[tablet.token].call("order.place", Raw(cart), key)

    async def bump(self, hotel: Hotel, order: Underway, to: str, key: str) -> None:
        args = {"order_id": order.id, "to": to}
        await self._screens[hotel.kitchens[0].token].call("order.advance", args, key)

    def leave(self) -> None:
        for screen in self._screens.values():
            screen.close()
