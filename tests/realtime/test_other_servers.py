"""The hub under an ASGI server that does not hand out its transports: the same conversation, by receive and
send."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from msgspec import Struct

from hub.realtime.protocol import CloseCode
from tests.keys import MASTER_KEY
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


@asynccontextmanager
async def hypercorn(settings: Settings) -> AsyncIterator[Served]:
    """The hub in a process of its own, under hypercorn."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HUB_")},
            "HUB_DATABASE_URL": settings.database_url,
            "HUB_REDIS_URL": settings.redis_url or "",
            "HUB_NAMESPACE": settings.namespace,
            "HUB_MASTER_KEYS": f"{MASTER_KEY.kid}:{base64.b64encode(MASTER_KEY.secret).decode()}",
            "HUB_DRAIN_SECONDS": "0.2",
            "HUB_TABLET_POSITION_SECONDS": "0.2",
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hypercorn", "--bind", f"fd://{listener.fileno()}", "hub.asgi:app"),
            env=environ,
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
