"""A hub that serves on a real socket, in this process, and screens that connect to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hub.db.scope import utc_now
from hub.serve import serving
from hub.web.listener import bind
from tests.realtime.screens import DEADLINE, Screen

if TYPE_CHECKING:
    from hub.app import Hub
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from hub.settings import Settings
    from tests.factories import Hotel


class Live:
    """A running hub and its address."""

    def __init__(self, hub: Hub, host: str, port: int) -> None:
        self.hub = hub
        self.host = host
        self.port = port

    def screen(self, principal: Principal) -> Screen:
        """A screen of this hub; enter it to connect."""
        return Screen(principal, lambda: (self.host, self.port))


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    relay: bool = True,
    twins: bool = True,
    beat: float = 0.2,
) -> AsyncIterator[Live]:
    """A hub with these settings, and no waiting at its end.

    `beat` are the seconds between two position frames, of which a client misses two at most: ten times as
    fast as they are, unless a test says that nobody had to come back, which a busy machine must not decide.
    With `relay` the block begins when this hub is the relay; without, another one is. With `twins` a device
    may have several sessions at once, so that a test can look at one place through two screens.
    """
    quick = msgspec.structs.replace(
        settings,
        kitchen_position_seconds=beat,
        tablet_position_seconds=beat,
        drain_seconds=0.0,
        host="127.0.0.1",
    )
    listener = bind(quick)
    started: asyncio.Future[Live] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()

    async def serve() -> None:
        # One task enters and leaves: a fixture's two halves may run in different ones.
        async with serving(quick, listener, clock=clock) as hub:
            if twins:
                setattr(hub.node, "replaced", lambda _: None)  # noqa: B010 - a method, for a test
            host, port = listener.getsockname()[:2]
            started.set_result(Live(hub, host, port))
            await stop.wait()

    task = asyncio.create_task(serve())
    try:
        either: list[asyncio.Future[Any]] = [task, started]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not started.done():
            await task
        live = await started
        if relay:
            async with asyncio.timeout(DEADLINE):
                await live.hub.relay.standing.wait()
        yield live
    finally:
        stop.set()
        await asyncio.wait([task])
        listener.close()
    await task


@pytest.fixture(scope="module")
async def live(settings: Settings) -> AsyncIterator[Live]:
    """This module's hub."""
    async with running(settings) as hub:
        yield hub


async def head(admin: Connection, hotel: Hotel) -> int:
    """How far the hotel's log reaches."""
    seq: int = await admin.fetchval("SELECT seq FROM app.tenant_heads WHERE tenant_id = $1", hotel.tenant_id)
    return seq


@asynccontextmanager
async def screens(live: Live, *principals: Principal) -> AsyncIterator[list[Screen]]:
    """Several screens at once."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(live.screen(principal)) for principal in principals]
