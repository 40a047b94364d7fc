"""The hub under an ASGI server that does not hand out its transports: the same conversation, by receive and
send."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Struct

from hub.asgi import Application
from hub.realtime.handover import RESTARTING
from hub.realtime.protocol import SUBPROTOCOL, CloseCode
from tests.keys import MASTER_KEY
from tests.realtime.conftest import Live
from tests.realtime.peer import peer
from tests.realtime.screens import DEADLINE

if TYPE_CHECKING:
    from hub.settings import Settings
    from tests.factories import Hotel

_START_SECONDS = 30


class Served(Struct, frozen=True):
    """Where it answers, and its process."""

    host: str
    port: int
    process: asyncio.subprocess.Process


def environment(settings: Settings) -> dict[str, str]:
    return {
        "HUB_DATABASE_URL": settings.database_url,
        "HUB_REDIS_URL": settings.redis_url or "",
        "HUB_NAMESPACE": settings.namespace,
        "HUB_MASTER_KEYS": f"{MASTER_KEY.kid}:{base64.b64encode(MASTER_KEY.secret).decode()}",
        "HUB_DRAIN_SECONDS": "0.2",
        "HUB_TABLET_POSITION_SECONDS": "0.2",
    }


@asynccontextmanager
async def hypercorn(settings: Settings) -> AsyncIterator[Served]:
    """The hub in a process of its own, under hypercorn."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hypercorn", "--bind", f"fd://{listener.fileno()}", "hub.asgi:app"),
            env=inherited | environment(settings),
            pass_fds=[listener.fileno()],
            stderr=asyncio.subprocess.PIPE,
        )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(_START_SECONDS):
            while b"Running on" not in (line := await process.stderr.readline()):
                assert line, "it has ended"
        yield Served(host, port, process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.stderr.read()
        await process.wait()


async def test_orders_go_through_and_goodbyes_are_said(settings: Settings, hotel: Hotel) -> None:
    async with hypercorn(settings) as served, peer(served) as guest, peer(served) as cook:
        await guest.hello(hotel.tablet())
        await cook.hello(hotel.kitchen())
        lines = [{"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}]
        placed = await guest.ask("order.place", {"lines": lines})
        order_id = placed["result"]["order"]["id"]
        while (await cook.until("event"))["data"].get("id") != order_id:
            pass
        bumped = await cook.ask("order.advance", {"order_id": order_id, "to": "cooking"})
        assert bumped["ok"], bumped
        while (await guest.until("event"))["data"].get("status") != "cooking":
            pass

        async with peer(served) as stranger:
            await stranger.send({"type": "hello", "token": "nobody's"})
            assert (await stranger.end()).code == CloseCode.BAD_TOKEN
        await guest.send("not a frame")
        assert (await guest.end()).code == CloseCode.BAD_FRAME

        served.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE):
            await cook.socket.wait_closed()
            assert await served.process.wait() == 0


class Elsewhere:
    """A server that can refuse a handshake in one way only."""

    def __init__(self) -> None:
        self.sent: list[dict[str, object]] = []

    async def receive(self) -> dict[str, object]:
        return {"type": "websocket.connect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.sent.append(dict(message))


async def test_a_server_without_answers_before_the_upgrade_refuses_as_it_can(live: Live) -> None:
    server = Elsewhere()
    scope = {
        "type": "websocket",
        "path": "/ws",
        "headers": [(b"host", b"hub")],
        "query_string": b"",
        "subprotocols": [SUBPROTOCOL],
    }
    live.hub.node.closed = RESTARTING
    try:
        await live.hub.app(scope, server.receive, server.send)
    finally:
        live.hub.node.closed = None
    assert server.sent == [{"type": "websocket.close"}]


async def test_when_a_part_fails_the_server_is_told_to_end(
    settings: Settings, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    messages: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    sent: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
    application = Application()
    messages.put_nowait({"type": "lifespan.startup"})
    serving = asyncio.create_task(application({"type": "lifespan"}, messages.get, sent.put))
    try:
        async with asyncio.timeout(_START_SECONDS):
            assert (await sent.get())["type"] == "lifespan.startup.complete"
            assert application.hub is not None
            application.hub.failed.set_exception(RuntimeError("a bug"))
            await told.wait()
            messages.put_nowait({"type": "lifespan.shutdown"})
            assert (await sent.get())["type"] == "lifespan.shutdown.failed"
            await serving
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        serving.cancel()
