"""The relay: whoever writes, whatever runs beside it, and whoever held it before."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from hub.app import open_hub
from hub.db.pool import Role, connect
from hub.log.store import RelayLog
from hub.realtime.relay import Watch
from tests.conftest import superuser
from tests.factories import make_hotel
from tests.realtime.conftest import Live, head, screens
from tests.realtime.screens import Document, Screen
from tests.realtime.test_stays import order

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.db.pool import Connection
    from hub.embedded import Servers
    from hub.log.event import Event
    from hub.settings import Settings
    from tests.factories import Hotel


@pytest.mark.parametrize("writer", ["superuser", "hub_admin"])
async def test_whoever_writes_the_kitchen_sees_it(
    live: Live, admin: Connection, settings: Settings, hotel: Hotel, writer: str
) -> None:
    """Another system, or an operator's psql, with no tenant set."""
    foreign = admin if writer == "superuser" else await connect(settings, Role.ADMIN)
    async with screens(live, hotel.tablet(0), hotel.kitchen()) as (tablet, kitchen):
        placed = await order(tablet, hotel)
        await foreign.execute("UPDATE app.orders SET status = 'cooking' WHERE id = $1", UUID(placed["id"]))
        for screen in (tablet, kitchen):
            await screen.until(partial(shows, screen, placed, "cooking", "pending"))
        await foreign.execute(
            "UPDATE app.order_items SET status = 'ready' WHERE order_id = $1", UUID(placed["id"])
        )
        for screen in (tablet, kitchen):
            await screen.until(partial(shows, screen, placed, "cooking", "ready"))
    if foreign is not admin:
        await foreign.close()


def shows(screen: Screen, document: Document, status: str, item_status: str) -> bool:
    found = screen.orders().get(document["id"])
    return found is not None and (found["status"], found["items"][0]["status"]) == (status, item_status)


def has(screen: Screen, ids: set[str]) -> bool:
    return ids <= set(screen.orders())


async def test_an_order_of_five_items_is_one_event(live: Live, admin: Connection, hotel: Hotel) -> None:
    async with screens(live, hotel.tablet(0), hotel.kitchen()) as (tablet, kitchen):
        before = await head(admin, hotel)
        lines = [{"menu_item_id": str(hotel.menu["soup"]), "quantity": 1, "note": f"{n}"} for n in range(5)]
        await tablet.command("order.place", lines=lines)
        await kitchen.reach(before + 1)
        assert await head(admin, hotel) == before + 1
        assert kitchen.applied == [before + 1]


@asynccontextmanager
async def open_transaction(connection: Connection) -> AsyncIterator[None]:
    """A transaction that has an id, so that it holds the oldest one of the whole server back."""
    transaction = connection.transaction()
    await transaction.start()
    await connection.fetchval("SELECT pg_current_xact_id()")
    try:
        yield
    finally:
        await transaction.rollback()


async def write(admin: Connection, hotel: Hotel, times: int) -> None:
    """Events, as fast as one connection makes them."""
    for _ in range(times):
        await admin.execute(
            "UPDATE app.menu_items SET price = price % 5000 + 1 WHERE tenant_id = $1 AND id = $2",
            hotel.tenant_id,
            hotel.menu["soup"],
        )


class Reader:
    """A relay without its loop: what it finds new, and how many rows it read for that."""

    def __init__(self, connection: Connection) -> None:
        self.log = Counting(connection)
        self.watch = Watch(self.log)
        self.clock = 0.0

    def by_heads(self) -> bool:
        return self.watch.by_heads

    async def look(self, seconds: float = 0.01) -> list[Event]:
        self.clock += seconds
        return await self.watch.look(self.clock)


class Counting(RelayLog):
    """Counts the rows of each kind of reading."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.rows = 0

    async def new_events(self, cursor: str, limit: int) -> tuple[str, list[Event]]:
        answer = await super().new_events(cursor, limit)
        self.rows += len(answer[1])
        return answer

    async def events_after(self, known: dict[UUID, int], limit: int) -> list[Event]:
        answer = await super().events_after(known, limit)
        self.rows += len(answer)
        return answer


@pytest.fixture
async def reader(settings: Settings) -> AsyncIterator[Reader]:
    connection = await connect(settings, Role.RELAY)
    reader = Reader(connection)
    await reader.watch.start()
    yield reader
    await connection.close()


async def test_a_long_transaction_in_another_database_does_not_slow_the_relay(
    servers: Servers, admin: Connection, hotel: Hotel, reader: Reader
) -> None:
    """It holds the cursor back, so that the same events would be read at every look; after two seconds the
    relay reads by heads, where each event is read once."""
    async with superuser(servers, "postgres") as elsewhere:
        async with open_transaction(elsewhere):
            await reader.look()
            await write(admin, hotel, 100)
            found = await reader.look()
            assert len(found) == 100
            assert await reader.look() == []
            assert reader.log.rows == 200, "the cursor stands still: all is read again"
            assert await reader.look(2.1) == []
            assert reader.by_heads()
            reader.log.rows = 0
            for _ in range(20):
                await write(admin, hotel, 5)
                assert len(await reader.look()) == 5
            assert reader.log.rows == 100, "each event is read once"
        await write(admin, hotel, 1)
        assert len(await reader.look()) == 1
        assert not reader.by_heads(), "the transaction is over: back to the cursor"
        await write(admin, hotel, 3)
        assert len(await reader.look()) == 3


async def test_a_long_transaction_in_this_database_loses_nothing(
    settings: Settings, admin: Connection, hotel: Hotel, other_hotel: Hotel, reader: Reader
) -> None:
    """It writes first and commits last; meanwhile others write and the relay reads on, in both ways."""
    slow: Connection = await asyncpg.connect(settings.database_url)
    try:
        for wait in (0.01, 2.5):
            seqs: list[tuple[UUID, int]] = []
            transaction = slow.transaction()
            await transaction.start()
            await slow.execute(
                "UPDATE app.tenants SET name = name || '!' WHERE id = $1", other_hotel.tenant_id
            )
            for _ in range(5):
                await write(admin, hotel, 4)
                seqs += [(event.tenant_id, event.seq) for event in await reader.look(wait)]
            await transaction.commit()
            for _ in range(3):
                seqs += [(event.tenant_id, event.seq) for event in await reader.look(wait)]
            mine = [seq for tenant, seq in seqs if tenant == hotel.tenant_id]
            late = [seq for tenant, seq in seqs if tenant == other_hotel.tenant_id]
            assert mine == list(range(mine[0], mine[0] + 20))
            assert len(late) == 1
    finally:
        await slow.close()


async def test_more_events_than_a_page_are_read_by_heads(
    monkeypatch: pytest.MonkeyPatch, admin: Connection, hotel: Hotel, reader: Reader
) -> None:
    monkeypatch.setattr("hub.realtime.relay._ROWS", 50)
    monkeypatch.setattr("hub.realtime.relay._PER_TENANT", 30)
    await write(admin, hotel, 200)
    seqs: list[int] = []
    for _ in range(10):
        seqs += [event.seq for event in await reader.look()]
    assert seqs == list(range(seqs[0], seqs[0] + 200))
    assert not reader.by_heads()


async def test_concurrent_writers_are_all_read_in_order(
    settings: Settings, admin: Connection, reader: Reader
) -> None:
    """Sixteen writers over four hotels, some slow, some rolling back; the relay reads without a pause."""
    hotels = [await make_hotel(admin, rooms=1) for _ in range(4)]
    await reader.look()
    done = asyncio.Event()

    async def writer(number: int) -> None:
        connection: Connection = await asyncpg.connect(settings.database_url)
        try:
            for turn in range(15):
                hotel = hotels[(number + turn) % 4]
                transaction = connection.transaction()
                await transaction.start()
                await connection.execute(
                    "UPDATE app.stays SET room_number = room_number WHERE tenant_id = $1", hotel.tenant_id
                )
                await connection.execute(
                    "INSERT INTO app.menu_items (tenant_id, name_ja, price, category)"
                    " VALUES ($1, $2, 100, 'meals')",
                    hotel.tenant_id,
                    f"{number}-{turn}",
                )
                if turn % 5 == number % 5:
                    await connection.execute("SELECT pg_sleep(0.02)")
                if turn % 7 == 3:
                    await transaction.rollback()
                else:
                    await transaction.commit()
        finally:
            await connection.close()

    seen: dict[UUID, list[int]] = {hotel.tenant_id: [] for hotel in hotels}

    async def read() -> None:
        while True:
            last = done.is_set()
            for event in await reader.look():
                seen.setdefault(event.tenant_id, []).append(event.seq)
            if last:
                return

    reading = asyncio.create_task(read())
    await asyncio.gather(*(writer(number) for number in range(16)))
    done.set()
    await reading
    for hotel in hotels:
        seqs = seen[hotel.tenant_id]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
        assert seqs[-1] == await head(admin, hotel)


async def test_another_process_takes_over(
    live: Live, admin: Connection, settings: Settings, hotel: Hotel
) -> None:
    """The relay's connection is ended by force; a second process becomes the relay, and no event is lost."""
    async with AsyncExitStack() as stack:
        second = await stack.enter_async_context(open_hub(settings))
        principals = (hotel.tablet(0), hotel.kitchen())
        async with screens(live, *principals) as (tablet, kitchen):
            for turn in range(4):
                placed = await order(tablet, hotel)
                await admin.execute(
                    "SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l"
                    " JOIN pg_database AS d ON d.oid = l.database AND d.datname = current_database()"
                    " WHERE l.locktype = 'advisory' AND l.granted"
                )
                again = await order(tablet, hotel)
                standing = [asyncio.create_task(hub.relay.standing.wait()) for hub in (live.hub, second)]
                async with asyncio.timeout(20):
                    await asyncio.wait(standing, return_when=asyncio.FIRST_COMPLETED)
                for task in standing:
                    task.cancel()
                await kitchen.until(partial(has, kitchen, {placed["id"], again["id"]}))
                assert len(kitchen.orders()) == 2 * (turn + 1)
            assert kitchen.snapshots == kitchen.snapshots[:1]
    async with asyncio.timeout(20):
        await live.hub.relay.standing.wait()


async def test_another_server_gives_every_tenant_a_new_epoch(
    servers: Servers, live: Live, admin: Connection, settings: Settings, hotel: Hotel
) -> None:
    """As after a restore: the log says that it was written elsewhere."""
    async with screens(live, hotel.tablet(0), hotel.kitchen()) as (tablet, kitchen):
        placed = await order(tablet, hotel)
        await kitchen.until(lambda: placed["id"] in kitchen.orders())
        await admin.execute("UPDATE app.log_origin SET timeline = timeline + 1")
        await admin.execute(
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l"
            " JOIN pg_database AS d ON d.oid = l.database AND d.datname = current_database()"
            " WHERE l.locktype = 'advisory' AND l.granted"
        )
        await kitchen.until(lambda: len(kitchen.snapshots) == 2)
        assert set(kitchen.orders()) == {placed["id"]}


async def test_the_bell_is_armed_when_it_is_calm_and_disarmed_when_it_is_not(
    live: Live, admin: Connection, hotel: Hotel
) -> None:
    other: Connection = await asyncpg.connect(live.hub.settings.database_url)

    async def armed(wanted: bool) -> None:
        async with asyncio.timeout(20):
            while True:
                if await other.fetchval("SELECT armed FROM app.relay_bell") is wanted:
                    return
                await asyncio.sleep(0.02)

    try:
        async with live.screen(hotel.kitchen()) as kitchen:
            await armed(True)
            busy = asyncio.create_task(write(admin, hotel, 1000))
            await armed(False)
            await busy
            await kitchen.reach(await head(admin, hotel))
            await armed(True)
            assert len(kitchen.snapshots) == 1
    finally:
        await other.close()
