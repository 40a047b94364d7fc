from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from hub.db.database import Database
from hub.devices import store
from hub.devices.presence import Presence
from hub.errors import Unavailable
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def nodes(database: Database, clock: Clock) -> tuple[Presence, Presence]:
    """The presence of two hubs on one database."""
    return Presence(Database(database.pool, clock=clock)), Presence(Database(database.pool, clock=clock))


async def state(admin: Connection, device_id: UUID) -> tuple[bool, int] | None:
    row = await admin.fetchrow(
        "SELECT online, session_generation FROM app.device_presence WHERE device_id = $1", device_id
    )
    return None if row is None else (row["online"], row["session_generation"])


async def test_a_session_comes_and_goes(
    nodes: tuple[Presence, Presence], hotel: Hotel, admin: Connection
) -> None:
    node, device, session = nodes[0], hotel.kitchen_id, uuid4()
    node.opened(hotel.tenant_id, device, session)
    await node.flush()
    assert await state(admin, device) == (True, 1)
    node.closed(hotel.tenant_id, session)
    await node.flush()
    assert await state(admin, device) == (False, 1)


async def test_a_late_end_of_the_old_session_does_not_hide_the_new_one(
    nodes: tuple[Presence, Presence], hotel: Hotel, admin: Connection
) -> None:
    (old, new), device, first, second = nodes, hotel.kitchen_id, uuid4(), uuid4()
    old.opened(hotel.tenant_id, device, first)
    await old.flush()
    new.opened(hotel.tenant_id, device, second)
    await new.flush()
    old.closed(hotel.tenant_id, first)
    await old.flush()
    assert await state(admin, device) == (True, 2)
    new.closed(hotel.tenant_id, second)
    await new.flush()
    assert await state(admin, device) == (False, 2)


async def test_a_reconnect_between_two_writes_ends_online(
    nodes: tuple[Presence, Presence], hotel: Hotel, admin: Connection
) -> None:
    node, device, sessions = nodes[0], hotel.kitchen_id, [uuid4() for _ in range(3)]
    for session in sessions:
        node.opened(hotel.tenant_id, device, session)
    node.closed(hotel.tenant_id, sessions[0])
    await node.flush()
    node.closed(hotel.tenant_id, sessions[1])
    await node.flush()
    assert await state(admin, device) == (True, 1)
    node.closed(hotel.tenant_id, sessions[2])
    await node.flush()
    assert await state(admin, device) == (False, 1)


async def test_a_session_whose_successor_has_gone_takes_the_device_back(
    nodes: tuple[Presence, Presence], hotel: Hotel, admin: Connection, clock: Clock
) -> None:
    (living, other), device, first, second = nodes, hotel.kitchen_id, uuid4(), uuid4()
    living.opened(hotel.tenant_id, device, first)
    await living.flush()
    other.opened(hotel.tenant_id, device, second)
    await other.flush()
    other.closed(hotel.tenant_id, second)
    await other.flush()
    assert await state(admin, device) == (False, 2)
    clock.now += timedelta(seconds=31)
    await living.flush()
    assert await state(admin, device) == (True, 2)
    living.closed(hotel.tenant_id, first)
    await living.flush()
    assert await state(admin, device) == (False, 2)


async def test_life_is_written_now_and_then_only(
    nodes: tuple[Presence, Presence], hotel: Hotel, admin: Connection, clock: Clock
) -> None:
    node, device, session = nodes[0], hotel.kitchen_id, uuid4()
    last_seen = "SELECT last_seen_at FROM app.device_presence WHERE device_id = $1"
    node.opened(hotel.tenant_id, device, session)
    await node.flush()
    start = clock.now
    clock.now = start + timedelta(seconds=29)
    await node.flush()
    assert await admin.fetchval(last_seen, device) == start
    clock.now = start + timedelta(seconds=31)
    await node.flush()
    assert await admin.fetchval(last_seen, device) == clock.now
    clock.now = start + timedelta(seconds=33)
    node.closed(hotel.tenant_id, session)
    await node.flush()
    assert await admin.fetchval(last_seen, device) == clock.now


async def test_one_transaction_writes_a_whole_hotel(
    nodes: tuple[Presence, Presence], hotel: Hotel, other_hotel: Hotel, admin: Connection
) -> None:
    node = nodes[0]
    for one in (hotel, other_hotel):
        for device in (one.kitchen_id, *(room.tablet_id for room in one.rooms)):
            node.opened(one.tenant_id, device, uuid4())
    node.opened(hotel.tenant_id, other_hotel.kitchen_id, uuid4())
    node.opened(hotel.tenant_id, uuid4(), uuid4())
    await node.flush()
    counts = "SELECT count(*), count(DISTINCT xmin::text) FROM app.device_presence WHERE tenant_id = $1"
    assert tuple(await admin.fetchrow(counts, hotel.tenant_id) or ()) == (3, 1)
    assert tuple(await admin.fetchrow(counts, other_hotel.tenant_id) or ()) == (3, 1)


async def test_the_last_word_is_written_when_the_hub_stops(
    database: Database, hotel: Hotel, admin: Connection
) -> None:
    presence = Presence(database, flush_seconds=3600)
    running = asyncio.create_task(presence.run())
    await asyncio.sleep(0)
    presence.opened(hotel.tenant_id, hotel.kitchen_id, uuid4())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await state(admin, hotel.kitchen_id) == (True, 1)


class Wires:
    """Two nodes that hear each other, while `lost` is false."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.replaced: list[tuple[int, UUID]] = []
        self.lost = False
        self.seconds = 0.0
        self.nodes = tuple(self._node(Database(database.pool, clock=clock), number) for number in range(2))

    def _node(self, database: Database, number: int) -> Presence:
        async def tell(message: bytes) -> None:
            if not self.lost:
                for node in self.nodes:
                    node.heard(message)

        def replaced(session: UUID) -> None:
            self.replaced.append((number, session))

        return Presence(database, replaced=replaced, tell=tell, monotonic=lambda: self.seconds)


@pytest.fixture
def wires(database: Database, clock: Clock) -> Wires:
    return Wires(database, clock)


async def test_the_newest_session_wins_at_once_on_its_own_node(wires: Wires, hotel: Hotel) -> None:
    node, first, second = wires.nodes[0], uuid4(), uuid4()
    node.opened(hotel.tenant_id, hotel.kitchen_id, first)
    node.opened(hotel.tenant_id, hotel.kitchen_ids[1], uuid4())
    assert wires.replaced == []
    node.opened(hotel.tenant_id, hotel.kitchen_id, second)
    assert wires.replaced == [(0, first)]


async def test_the_newest_session_wins_over_the_nodes(wires: Wires, hotel: Hotel, other_hotel: Hotel) -> None:
    (old, new), first, second = wires.nodes, uuid4(), uuid4()
    old.opened(hotel.tenant_id, hotel.kitchen_id, first)
    old.opened(other_hotel.tenant_id, other_hotel.kitchen_id, uuid4())
    await old.flush()
    new.opened(hotel.tenant_id, hotel.kitchen_id, second)
    await new.flush()
    assert wires.replaced == [(0, first)]
    old.closed(hotel.tenant_id, first)
    await old.flush()
    await new.flush()
    assert wires.replaced == [(0, first)]


async def test_what_a_hub_that_stood_still_writes_late_takes_no_device(
    wires: Wires, hotel: Hotel, admin: Connection
) -> None:
    """Its session had begun before, and the screen has gone on elsewhere."""
    (old, new), first, second = wires.nodes, uuid4(), uuid4()
    old.opened(hotel.tenant_id, hotel.kitchen_id, first)
    wires.seconds += 20
    new.opened(hotel.tenant_id, hotel.kitchen_id, second)
    wires.seconds += 1
    await new.flush()
    wires.seconds += 20
    await old.flush()
    assert wires.replaced == [(0, first)]
    assert await state(admin, hotel.kitchen_id) == (True, 1)
    # its end changes nothing either; and who comes after both wins
    old.closed(hotel.tenant_id, first)
    await old.flush()
    assert await state(admin, hotel.kitchen_id) == (True, 1)
    old.opened(hotel.tenant_id, hotel.kitchen_id, uuid4())
    await old.flush()
    assert wires.replaced == [(0, first), (1, second)]


async def test_a_server_whose_clock_went_back_locks_nobody_out(
    wires: Wires, hotel: Hotel, admin: Connection
) -> None:
    (old, new), first, second = wires.nodes, uuid4(), uuid4()
    old.opened(hotel.tenant_id, hotel.kitchen_id, first)
    await old.flush()
    await admin.execute(
        "UPDATE app.device_presence SET opened_at = now() + interval '1 hour' WHERE device_id = $1",
        hotel.kitchen_id,
    )
    new.opened(hotel.tenant_id, hotel.kitchen_id, second)
    await new.flush()
    assert wires.replaced == [(0, first)]
    assert await state(admin, hotel.kitchen_id) == (True, 2)
    stands = "SELECT opened_at <= clock_timestamp() FROM app.device_presence WHERE device_id = $1"
    assert await admin.fetchval(stands, hotel.kitchen_id)


async def test_of_two_at_the_same_moment_the_later_written_wins(wires: Wires, hotel: Hotel) -> None:
    """Nobody can tell which was first, and one of them must serve the screen."""
    (old, new), first, second = wires.nodes, uuid4(), uuid4()
    new.opened(hotel.tenant_id, hotel.kitchen_id, second)
    wires.seconds += 1
    old.opened(hotel.tenant_id, hotel.kitchen_id, first)
    await old.flush()
    await new.flush()
    assert wires.replaced == [(0, first)]


async def test_a_lost_message_is_made_up_for(wires: Wires, hotel: Hotel, clock: Clock) -> None:
    (old, new), first, second = wires.nodes, uuid4(), uuid4()
    old.opened(hotel.tenant_id, hotel.kitchen_id, first)
    await old.flush()
    wires.lost = True
    new.opened(hotel.tenant_id, hotel.kitchen_id, second)
    await new.flush()
    assert wires.replaced == []
    clock.now += timedelta(seconds=31)
    await old.flush()
    await new.flush()
    assert wires.replaced == [(0, first)]


async def test_nonsense_on_the_wire_closes_nothing(wires: Wires, hotel: Hotel) -> None:
    node = wires.nodes[0]
    node.opened(hotel.tenant_id, hotel.kitchen_id, uuid4())
    await node.flush()
    for message in (b"", b"{", b"[]", b'{"tenant": "x", "opened": {}}'):
        node.heard(message)
    assert wires.replaced == []


async def test_what_cannot_be_written_now_is_written_later(
    nodes: tuple[Presence, Presence],
    hotel: Hotel,
    admin: Connection,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node, device, session = nodes[0], hotel.kitchen_id, uuid4()
    last_seen = "SELECT last_seen_at FROM app.device_presence WHERE device_id = $1"

    async def fail(*_: object) -> None:
        raise Unavailable("the database is away")

    async def tried(name: str) -> None:
        with monkeypatch.context() as broken:
            broken.setattr(store, name, fail)
            await node.flush()
        await node.flush()

    node.opened(hotel.tenant_id, device, session)
    await tried("open_sessions")
    assert await state(admin, device) == (True, 1)
    clock.now += timedelta(seconds=31)
    await tried("see_sessions")
    assert await admin.fetchval(last_seen, device) == clock.now
    node.closed(hotel.tenant_id, session)
    await tried("close_sessions")
    assert await state(admin, device) == (False, 1)
