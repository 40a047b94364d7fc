"""Joins without a hole: whatever is read stale, resumed from, or written meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import msgspec
import pytest

from hub.errors import Unavailable
from hub.log.event import Head, Page, Position, State
from tests.factories import make_hotel
from tests.realtime.conftest import Live, head, running, screens
from tests.realtime.screens import Document, Screen
from tests.realtime.test_stays import epoch, order

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel


async def resumed(live: Live, admin: Connection, hotel: Hotel, position: tuple[str, int]) -> Screen:
    """A kitchen screen that says it stands at `position`, after it has caught up."""
    screen = live.screen(hotel.kitchen())
    screen.position = position
    async with screen:
        await screen.until(lambda: any(frame["type"] == "position" for frame in screen.frames))
        await screen.reach(await head(admin, hotel))
    return screen


@pytest.fixture
async def placed(live: Live, hotel: Hotel) -> list[Document]:
    """Three orders of the first room."""
    async with live.screen(hotel.tablet(0)) as tablet:
        return [await order(tablet, hotel) for _ in range(3)]


async def test_resume_replays_what_came_after(
    live: Live, admin: Connection, hotel: Hotel, placed: list[Document]
) -> None:
    now = str(await epoch(admin, hotel))
    last = await head(admin, hotel)
    screen = await resumed(live, admin, hotel, (now, last - 2))
    assert screen.snapshots == []
    assert screen.applied == [last - 1, last]
    assert set(screen.orders()) == {one["id"] for one in placed[1:]}


@pytest.mark.parametrize("since", ["another epoch", "beyond the head", "before the floor", "too far behind"])
async def test_a_position_that_proves_nothing_gets_a_snapshot(
    settings: Settings, admin: Connection, since: str
) -> None:
    hotel = await make_hotel(admin)
    async with running(msgspec.structs.replace(settings, replay_max_events=2), relay=False) as live:
        async with live.screen(hotel.tablet(0)) as tablet:
            placed = [await order(tablet, hotel) for _ in range(3)]
            now, last = str(await epoch(admin, hotel)), await head(admin, hotel)
            # Else the next one may join at where this hub was before it heard of the orders.
            await tablet.reach(last)
        match since:
            case "another epoch":
                position = (str(uuid4()), last)
            case "beyond the head":
                position = (now, last + 5)
            case "before the floor":
                await admin.execute(
                    "SELECT app.prune_events($1, now() + interval '1 day', 10000)", hotel.tenant_id
                )
                position = (now, last - 1)
            case _:
                position = (now, last - 3)
        screen = await resumed(live, admin, hotel, position)
    assert len(screen.snapshots) == 1
    assert screen.position == (now, last)
    assert set(screen.orders()) == {one["id"] for one in placed}


async def test_a_stale_snapshot_loses_nothing(settings: Settings, admin: Connection) -> None:
    """The state is read, and held back while three orders commit and arrive live."""
    hotel = await make_hotel(admin)
    async with AsyncExitStack() as stack:
        live = await stack.enter_async_context(running(settings, relay=False))
        principals = (hotel.tablet(0), hotel.kitchen())
        async with screens(live, *principals) as (tablet, other):
            gate, read = asyncio.Event(), asyncio.Event()
            stale = hold_states(live, gate, read)
            late = live.screen(hotel.kitchen())
            joining = asyncio.create_task(late.__aenter__())
            async with asyncio.timeout(20):
                await read.wait()
            placed = [await order(tablet, hotel) for _ in range(3)]
            seq = await head(admin, hotel)
            await other.reach(seq)
            gate.set()
            await joining
            try:
                await late.reach(seq)
                assert late.snapshots == [stale[0].seq]
                assert stale[0].seq == seq - 3
                assert late.applied == [seq - 2, seq - 1, seq]
                assert set(late.orders()) == {one["id"] for one in placed}
                assert late.state() == other.state()
            finally:
                await late.leave()


def snapshots(screen: Screen, number: int) -> bool:
    return len(screen.snapshots) == number


def hold_states(live: Live, gate: asyncio.Event, read: asyncio.Event) -> list[State]:
    """Make the hub keep each state that it reads until the gate opens; the states, as they were read."""
    past = live.hub.past
    original: Callable[[UUID, Position, bool], Awaitable[State]] = past.state
    states: list[State] = []

    async def held(tenant_id: UUID, wanted: Position, anew: bool) -> State:
        state = await original(tenant_id, wanted, anew)
        states.append(state)
        read.set()
        await gate.wait()
        return state

    msgspec.structs.force_setattr(past, "state", held)
    return states


async def test_a_snapshot_older_than_the_node_is_completed_from_the_log(
    settings: Settings, admin: Connection
) -> None:
    """A shared state that was read long before the session began to listen."""
    hotel = await make_hotel(admin)
    async with running(settings, relay=False) as live, live.screen(hotel.tablet(0)) as tablet:
        await order(tablet, hotel)
        gate, read = asyncio.Event(), asyncio.Event()
        gate.set()
        stale = hold_states(live, gate, read)
        async with live.screen(hotel.kitchen()):
            pass
        old = stale[0]
        for _ in range(4):
            await order(tablet, hotel)

        async def always_old(_: UUID, __: Position, ___: bool) -> State:
            return old

        msgspec.structs.force_setattr(live.hub.past, "state", always_old)
        async with live.screen(hotel.kitchen()) as kitchen:
            seq = await head(admin, hotel)
            await kitchen.reach(seq)
            assert kitchen.snapshots == [old.seq]
            assert len(kitchen.orders()) == 5


async def test_joins_in_the_middle_of_traffic(live: Live, admin: Connection, hotel: Hotel) -> None:
    """Forty screens join, leave and resume while orders come without a pause."""
    stop = asyncio.Event()

    async def traffic(tablet: Screen) -> None:
        while not stop.is_set():
            await order(tablet, hotel)

    async def join(number: int) -> Screen:
        screen = live.screen(hotel.kitchen() if number % 2 else hotel.tablet(number // 2 % 2))
        async with screen:
            await screen.until(lambda: len(screen.applied) >= 3)
        async with screen:
            await screen.until(lambda: screen.connections == 2 and len(screen.applied) >= 6)
        return screen

    async with screens(live, hotel.tablet(0), hotel.tablet(1)) as tablets:
        writers = [asyncio.create_task(traffic(tablet)) for tablet in tablets]
        joined = await asyncio.gather(*(join(number) for number in range(40)))
        stop.set()
        await asyncio.gather(*writers)
    seq = await head(admin, hotel)
    async with screens(live, hotel.kitchen(), hotel.tablet(0), hotel.tablet(1)) as fresh:
        for screen in joined:
            assert len(screen.snapshots) == 1
            async with screen:
                await screen.reach(seq)
            same = next(one for one in fresh if one.principal.id == screen.principal.id)
            assert screen.state() == same.state()


async def test_a_new_epoch_gives_every_screen_a_snapshot(live: Live, admin: Connection, hotel: Hotel) -> None:
    async with screens(live, hotel.tablet(0), hotel.kitchen()) as (tablet, kitchen):
        placed = await order(tablet, hotel)
        await kitchen.until(lambda: placed["id"] in kitchen.orders())
        # What a failover that lost commits leaves behind: a head that went back, and another epoch.
        async with admin.transaction():
            await admin.execute("DELETE FROM app.events WHERE tenant_id = $1", hotel.tenant_id)
            await admin.execute("SET LOCAL session_replication_role = replica")
            await admin.execute("DELETE FROM app.orders WHERE tenant_id = $1", hotel.tenant_id)
            await admin.execute(
                "UPDATE app.tenant_heads SET epoch = gen_random_uuid(), seq = 0 WHERE tenant_id = $1",
                hotel.tenant_id,
            )
        for screen in (tablet, kitchen):
            await screen.until(partial(snapshots, screen, 2))
            assert screen.orders() == {}
        again = await order(tablet, hotel)
        await kitchen.until(lambda: again["id"] in kitchen.orders())


async def test_a_head_that_went_back_in_the_same_epoch_is_noticed(
    live: Live, admin: Connection, hotel: Hotel
) -> None:
    async with screens(live, hotel.tablet(0), hotel.kitchen()) as (tablet, kitchen):
        for _ in range(3):
            await order(tablet, hotel)
        await kitchen.until(lambda: len(kitchen.orders()) == 3)
        async with admin.transaction():
            await admin.execute("DELETE FROM app.events WHERE tenant_id = $1", hotel.tenant_id)
            await admin.execute("SET LOCAL session_replication_role = replica")
            await admin.execute("DELETE FROM app.order_items WHERE tenant_id = $1", hotel.tenant_id)
            await admin.execute("DELETE FROM app.orders WHERE tenant_id = $1", hotel.tenant_id)
            await admin.execute("UPDATE app.tenant_heads SET seq = 0 WHERE tenant_id = $1", hotel.tenant_id)
        await kitchen.until(lambda: len(kitchen.snapshots) == 2)
        assert kitchen.orders() == {}


async def test_a_database_that_fails_in_the_middle_of_a_replay_repeats_nothing(
    settings: Settings, admin: Connection
) -> None:
    """The second page cannot be read at first; the join goes on from what it has sent."""
    hotel = await make_hotel(admin)
    async with running(msgspec.structs.replace(settings, replay_page=2), relay=False) as live:
        async with live.screen(hotel.tablet(0)) as tablet:
            for _ in range(5):
                await order(tablet, hotel)
        original: Callable[[UUID, int, int], Awaitable[Page]] = live.hub.past.page
        calls = 0

        async def flaky(tenant_id: UUID, after: int, limit: int) -> Page:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise Unavailable("not now")
            return await original(tenant_id, after, limit)

        msgspec.structs.force_setattr(live.hub.past, "page", flaky)
        last = await head(admin, hotel)
        screen = await resumed(live, admin, hotel, (str(await epoch(admin, hotel)), last - 5))
    assert calls >= 4
    assert screen.snapshots == []
    assert screen.applied == list(range(last - 4, last + 1))


async def test_a_node_that_cannot_see_the_heads_does_not_say_live(
    settings: Settings, admin: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way to the database swallows everything: no position frames, so that screens turn stale."""
    hotel = await make_hotel(admin)
    quick = msgspec.structs.replace(settings, heads_seconds=0.1, heads_alone_seconds=0.1)
    async with running(quick, relay=False) as live, live.screen(hotel.kitchen()) as kitchen:
        original = live.hub.node._heads
        away, back = asyncio.Event(), asyncio.Event()

        async def swallowed(tenants: Iterable[UUID]) -> list[Head]:
            away.set()
            await back.wait()
            return await original(tenants)

        monkeypatch.setattr(live.hub.node, "_heads", swallowed)
        await away.wait()
        loop = asyncio.get_running_loop()

        async def blind_for(seconds: float) -> int:
            """Wait so long since the last look at the heads; the position frames until then."""
            async with asyncio.timeout(20):
                while True:
                    if loop.time() - live.hub.node.heads_checked_at > seconds:
                        return sum(frame["type"] == "position" for frame in kitchen.frames)
                    await asyncio.sleep(0.02)

        before = await blind_for(0.6)
        assert await blind_for(1.6) == before, "five intervals without a frame"
        back.set()
        await kitchen.until(lambda: sum(frame["type"] == "position" for frame in kitchen.frames) > before)


async def test_a_tenant_that_does_not_exist_has_nothing_to_show(live: Live, hotel: Hotel) -> None:
    """A token that was signed for a hotel that is no longer there."""
    screen = live.screen(msgspec.structs.replace(hotel.kitchen(), tenant_id=uuid4()))
    async with screen:
        await screen.until(lambda: bool(screen.closes))
    assert screen.closes == [4503]
