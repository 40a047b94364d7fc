"""Clients that read slowly, or never, or say nothing, while guests and cooks of the same hotel are at work:
they cost a bounded amount of memory, for a bounded time, and nobody else waits for them."""

from __future__ import annotations

import asyncio
import json
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import make_hotel
from tests.faults import truth
from tests.faults.checker import Load, checked
from tests.faults.client import Client
from tests.faults.fleet import Fleet, Member, connections
from tests.faults.proxy import Proxy
from tests.faults.raw import TEXT, frame, raw
from tests.ops.metrics import Scrape
from tests.realtime.conftest import head
from tests.realtime.screens import token_of

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel

pytestmark = [pytest.mark.faults, pytest.mark.slow]

HELLO_SECONDS, LAGGING_SECONDS, OUTBOUND = 2.0, 2.0, 65_536
# The kernel's two buffers, what the hub lets wait, and something for the allocator: of each slow peer.
PEER_BYTES = 1 << 20
MEGABYTE = 1 << 20
# To notice, to give time, to say goodbye, and for a busy machine.
CUT_OFF_SECONDS = LAGGING_SECONDS + 13.0


@pytest.fixture(scope="module")
def metrics_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def hub(settings: Settings, metrics_port: int) -> Iterator[Member]:
    environ = {
        "HUB_HELLO_SECONDS": str(HELLO_SECONDS),
        "HUB_LAGGING_SECONDS": str(LAGGING_SECONDS),
        "HUB_OUTBOUND_BYTES": str(OUTBOUND),
        "HUB_ACCEPTS_BURST": "5000",
        "HUB_METRICS_PORT": str(metrics_port),
    }
    with Fleet(settings, 1, **environ) as fleet:
        yield fleet.members[0]


def descriptors(hub: Member) -> int:
    """Of connections that clients have made to it."""
    return connections(hub.pid, hub.address[1])


def too_slow(port: int) -> float:
    """How many the hub has closed with 4008."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return Scrape(answer.read().decode())("hub_closes_total", code="4008")


def resident(hub: Member) -> int:
    """Bytes of memory."""
    lines = Path(f"/proc/{hub.pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024


async def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


async def all_there(hub: Member, load: Load) -> int:
    """How many connections the hub has when it has those of the load and no other."""
    await until(lambda: descriptors(hub) == len(load.clients), 10, "others are there, or not all of them")
    return len(load.clients)


async def pour(admin: Connection, hotel: Hotel, megabytes: float) -> None:
    """Events for everybody in the hotel."""
    text = "あ" * 600
    size = len(text.encode())
    for number in range(int(megabytes * MEGABYTE / size)):
        await admin.execute(
            "UPDATE app.menu_items SET description_ja = $3 WHERE tenant_id = $1 AND id = $2",
            hotel.tenant_id,
            hotel.menu["soup"],
            f"{number} {text}",
        )


async def test_those_who_never_read(
    settings: Settings, admin: Connection, hub: Member, metrics_port: int
) -> None:
    hotel = await make_hotel(admin, rooms=24)
    async with checked([hotel], lambda: hub.address, lambda: settings.database_url) as load:
        await load.done(20)
        open_before = await all_there(hub, load)
        memory_before = resident(hub)
        async with AsyncExitStack() as stack:
            for room in range(4, 24):
                one = await stack.enter_async_context(raw(hub.address, receive_buffer=4096))
                hello = {"type": "hello", "token": token_of(hotel.tablet(room))}
                await one.send(frame(TEXT, json.dumps(hello).encode()))
            await until(lambda: descriptors(hub) >= open_before + 20, 10, "they did not come in")
            await pour(admin, hotel, 3)
            # they are cut off, and those who read have missed nothing meanwhile
            await until(lambda: descriptors(hub) <= open_before, CUT_OFF_SECONDS, "they are still there")
            assert resident(hub) - memory_before < 20 * PEER_BYTES
            assert await asyncio.to_thread(too_slow, metrics_port) == 20
            await load.healed()
            await load.done(20)


async def test_a_slow_reader_gets_everything(settings: Settings, admin: Connection, hub: Member) -> None:
    """More than may wait for it: it catches up from the log, without a hole and without a second snapshot."""
    hotel = await make_hotel(admin)
    async with Proxy(hub.address) as line:
        line.bytes_per_second = 300_000
        slow = Client("slow", hotel.tablet(1), lambda: line.address)
        running = asyncio.create_task(slow.run())
        try:
            await until(lambda: bool(slow.shown.server_time), 10, "no state")
            async with checked([hotel], lambda: hub.address, lambda: settings.database_url, guests=1) as load:
                await pour(admin, hotel, 2)
                await load.done(20)
                await load.healed()
            seq = await head(admin, hotel)
            await until(lambda: slow.shown.pasts[-1].end >= seq, 30, "it never caught up")
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    right = await truth.read(admin, hotel)
    assert not [*slow.shown.problems, *truth.told(right, slow)]
    assert len(slow.shown.pasts) == 1


async def test_a_thousand_who_never_say_hello(settings: Settings, admin: Connection, hub: Member) -> None:
    hotel = await make_hotel(admin)
    async with checked([hotel], lambda: hub.address, lambda: settings.database_url) as load:
        await load.done(20)
        open_before = await all_there(hub, load)
        memory_before = resident(hub)
        async with AsyncExitStack() as stack:
            silent = [await stack.enter_async_context(raw(hub.address)) for _ in range(1000)]
            await load.done(20)
            assert {await one.end() for one in silent} == {4502}
        await until(lambda: descriptors(hub) <= open_before, CUT_OFF_SECONDS, "they are still there")
        assert resident(hub) - memory_before < 50 * MEGABYTE
        await load.healed()
        # the next thousand take what the first have left
        after = resident(hub)
        async with AsyncExitStack() as stack:
            silent = [await stack.enter_async_context(raw(hub.address)) for _ in range(1000)]
            assert {await one.end() for one in silent} == {4502}
        await until(lambda: descriptors(hub) <= open_before, CUT_OFF_SECONDS, "they are still there")
        assert resident(hub) - after < 10 * MEGABYTE


async def test_a_thousand_who_never_say_anything(settings: Settings, admin: Connection, hub: Member) -> None:
    """Not even a request."""
    hotel = await make_hotel(admin)
    async with checked([hotel], lambda: hub.address, lambda: settings.database_url) as load:
        await load.done(20)
        open_before = await all_there(hub, load)
        writers = [(await asyncio.open_connection(*hub.address))[1] for _ in range(1000)]
        try:
            await load.done(20)
            await load.healed()
        finally:
            for writer in writers:
                writer.transport.abort()
        await until(lambda: descriptors(hub) <= open_before, CUT_OFF_SECONDS, "they are still there")
