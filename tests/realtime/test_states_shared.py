"""States in Redis: shared by processes, unreadable and unforgeable there, and no reason to wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import pytest
import redis.asyncio
from msgspec import Raw

import hub.log.store
from hub.log.event import Entry, State
from hub.realtime.shelf import RedisShelf
from hub.realtime.states import Kept
from tests.factories import make_hotel
from tests.realtime.conftest import head, running
from tests.realtime.test_stays import order

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.db.pool import Connection
    from hub.db.scope import Scope
    from hub.settings import Settings

KEY: Final = bytes(32)
SECRET: Final = "no-nuts-please"


def kept(seq: int = 5) -> Kept:
    data = Raw(b'{"special_requests":"' + SECRET.encode() + b'","name":"\xe3\x82\xab"}')
    return Kept(State(uuid4(), seq, (Entry("order", ("kitchen", "stay:1"), data),)), 1000.5)


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[redis.asyncio.Redis]:
    assert settings.redis_url is not None
    made = redis.asyncio.Redis.from_url(settings.redis_url)
    yield made
    await made.aclose()


@pytest.fixture
async def shelf(settings: Settings) -> AsyncIterator[Callable[..., RedisShelf]]:
    """Makes the shelf of another process."""
    async with AsyncExitStack() as stack:

        def make(*keys: bytes, url: str | None = None) -> RedisShelf:
            made = RedisShelf(url or settings.redis_url or "", settings.namespace, keys or (KEY,))
            stack.push_async_callback(made.aclose)
            return made

        yield make


async def test_what_one_process_puts_another_takes(shelf: Callable[..., RedisShelf]) -> None:
    hotel, mine = uuid4(), kept()
    assert await shelf().take(hotel) is None
    await shelf().put(hotel, mine)
    assert await shelf().take(hotel) == mine
    assert await shelf().take(uuid4()) is None


async def test_nobody_reads_it_in_redis(
    shelf: Callable[..., RedisShelf], settings: Settings, client: redis.asyncio.Redis
) -> None:
    hotel = uuid4()
    await shelf().put(hotel, kept())
    name = f"{settings.namespace}:{{{hotel}}}:state"
    value = await client.get(name)
    assert isinstance(value, bytes)
    assert len(value) > 100
    assert SECRET.encode() not in value
    assert b"order" not in value
    assert 0 < await client.ttl(name) <= 300


async def test_what_is_not_the_hubs_own_is_not_taken(
    shelf: Callable[..., RedisShelf], settings: Settings, client: redis.asyncio.Redis
) -> None:
    hotel, other = uuid4(), uuid4()
    await shelf().put(hotel, kept())
    name, elsewhere = (f"{settings.namespace}:{{{one}}}:state" for one in (hotel, other))
    value = await client.get(name)
    assert isinstance(value, bytes)
    await client.set(elsewhere, value)
    assert await shelf().take(other) is None, "another hotel's"
    for forged in (b"", b"x" * 8, b"x" * 100, value[:-1], value[:-1] + bytes([value[-1] ^ 1])):
        await client.set(name, forged)
        assert await shelf().take(hotel) is None


async def test_master_keys_change_beside_running_processes(shelf: Callable[..., RedisShelf]) -> None:
    old, new, hotel = b"o" * 32, b"n" * 32, uuid4()
    await shelf(old, new).put(hotel, kept())
    assert await shelf(new, old).take(hotel) is not None
    assert await shelf(new).take(hotel) is None


async def test_one_reads_and_the_others_wait_for_it(shelf: Callable[..., RedisShelf]) -> None:
    hotel, mine, other = uuid4(), shelf(), shelf()
    assert await mine.claim(hotel)
    assert not await other.claim(hotel)
    assert await other.claim(uuid4())
    await mine.put(hotel, kept())
    assert await other.claim(hotel)


async def test_redis_that_does_not_answer_holds_nobody_up(shelf: Callable[..., RedisShelf]) -> None:
    connected = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        while await reader.read(1000):
            pass
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    hole = shelf(url=f"redis://127.0.0.1:{port}")
    started = time.monotonic()
    assert await hole.take(uuid4()) is None
    assert connected.is_set()
    connected.clear()
    for _ in range(100):
        assert await hole.take(uuid4()) is None
        assert await hole.claim(uuid4()), "then everybody reads"
        await hole.put(uuid4(), kept())
    assert time.monotonic() - started < 5.0
    assert not connected.is_set(), "it is left alone for a while"
    server.close()
    await hole.aclose()


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """Grows with every state that is read from the database."""
    made: list[UUID] = []
    original = hub.log.store._state

    async def counted(scope: Scope) -> State:
        made.append(scope.tenant_id)
        return await original(scope)

    monkeypatch.setattr(hub.log.store, "_state", counted)
    return made


async def test_a_storm_of_one_hotel_costs_one_reading(
    settings: Settings, admin: Connection, readings: list[UUID]
) -> None:
    hotel = await make_hotel(admin)
    async with running(settings) as live, AsyncExitStack() as stack:
        async with live.screen(hotel.tablet(0)) as tablet:
            placed = await order(tablet, hotel)
        readings.clear()
        storm = [live.screen(hotel.tablet(0)) for _ in range(150)]
        storm += [live.screen(hotel.kitchen()) for _ in range(150)]
        await asyncio.gather(*(stack.enter_async_context(screen) for screen in storm))
        seq = await head(admin, hotel)
        for screen in storm:
            await screen.reach(seq)
            assert set(screen.orders()) == {placed["id"]}
        assert len(readings) <= 1


async def test_two_processes_share_it(settings: Settings, admin: Connection, readings: list[UUID]) -> None:
    hotel = await make_hotel(admin)
    async with running(settings) as one, running(settings, relay=False) as two, AsyncExitStack() as stack:
        storm = [live.screen(hotel.tablet(0)) for live in (one, two) * 20]
        await asyncio.gather(*(stack.enter_async_context(screen) for screen in storm))
        assert len(readings) == 1
        async with two.screen(hotel.tablet(0)) as tablet:
            placed = await order(tablet, hotel)
        async with one.screen(hotel.kitchen()) as kitchen:
            await kitchen.reach(await head(admin, hotel))
            assert set(kitchen.orders()) == {placed["id"]}, "what came after is replayed"
        assert len(readings) == 1


async def test_a_kept_state_that_the_log_does_not_lead_on_from_is_read_anew(
    settings: Settings, admin: Connection, readings: list[UUID]
) -> None:
    hotel = await make_hotel(admin)
    async with running(settings) as live, live.screen(hotel.kitchen()) as early:
        async with live.screen(hotel.tablet(0)) as tablet:
            placed = {(await order(tablet, hotel))["id"] for _ in range(3)}
        await early.until(lambda: set(early.orders()) == placed)
        assert len(readings) == 1
        await admin.execute("SELECT app.prune_events($1, now() + interval '1 day', 10000)", hotel.tenant_id)
        async with live.screen(hotel.kitchen(1)) as late:
            await late.until(lambda: set(late.orders()) == placed)
            assert late.applied == []
            assert late.snapshots[-1] == await head(admin, hotel)
        assert len(readings) == 2
