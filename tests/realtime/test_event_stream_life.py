"""How streams end: by revocation, by a newer session, with the token, with the process, and for peers that
do not read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
import pytest

from hub.realtime.protocol import CloseCode
from hub.realtime.session import Phase, Session
from hub.realtime.stream import EventWire
from tests.factories import make_hotel, make_staff
from tests.realtime.conftest import Live, head, running
from tests.realtime.peer import peer
from tests.realtime.screens import DEADLINE, token_of
from tests.realtime.streams import Stream, stream
from tests.realtime.test_revocation import (
    LIMIT_SECONDS,
    Revoke,
    check_out,
    counted,
    devices,
    sign_out,
    suspend_hotel,
)
from tests.realtime.test_session_life import SMALL, Crowd, check_bounds, token_for

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel

# What a stream's transport may hold beside what is counted: the server's high water mark and one frame.
BUFFERED = 65_536 + 32_768


@pytest.fixture(scope="module")
async def live(settings: Settings) -> AsyncIterator[Live]:
    """This module's hub, where the newest session of a device wins."""
    async with running(settings, twins=False) as hub:
        yield hub


@asynccontextmanager
async def refused(live: Live, mine: Stream, token: str) -> AsyncIterator[None]:
    """Who was told not to come back gets no stream when it does, as a browser would."""
    code = mine.sent[-1].data and mine.sent[-1].data["code"]
    assert mine.last_id == f"end:{code}"
    async with stream(live, None, token=token, last=mine.last_id) as again:
        assert again.status in (401, 403, 409), await again.problem()
        yield


@pytest.mark.parametrize(
    ("what", "revoke", "code"),
    [
        ("suspended", devices("status = 'suspended'"), CloseCode.REVOKED),
        ("lost", devices("status = 'lost'"), CloseCode.REVOKED),
        ("another credential", devices("credential_hash = sha256('x')"), CloseCode.REVOKED),
        ("checked out", check_out, CloseCode.REVOKED),
        ("hotel suspended", suspend_hotel, CloseCode.FORBIDDEN),
    ],
)
async def test_what_is_revoked_ends(
    live: Live, admin: Connection, what: str, revoke: Revoke, code: CloseCode
) -> None:
    hotel = await make_hotel(admin)
    async with stream(live, hotel.tablet()) as mine:
        await mine.until("position")
        began = time.monotonic()
        await revoke(admin, hotel)
        bye = await mine.end()
        assert time.monotonic() - began < LIMIT_SECONDS, what
    assert bye is not None
    assert bye["code"] == code
    async with refused(live, mine, token_of(hotel.tablet())):
        pass


async def test_staff_who_are_signed_out(live: Live, admin: Connection, hotel: Hotel) -> None:
    manager = await make_staff(admin, hotel, "manager")
    async with stream(live, None, cookie=token_of(manager)) as mine:
        await mine.until("position")
        await sign_out(admin, hotel)
        bye = await mine.end()
    assert bye is not None
    assert bye["code"] == CloseCode.REVOKED
    async with stream(live, None, cookie=token_of(manager)) as again:
        assert (again.status, (await again.problem())["code"]) == (401, "unauthorized")


async def test_a_newer_session_of_the_device_replaces_a_stream(
    live: Live, admin: Connection, hotel: Hotel
) -> None:
    async with stream(live, hotel.kitchen()) as older:
        await older.until("position")
        await counted(admin, hotel, 1)
        async with stream(live, hotel.kitchen()) as newer:
            bye = await older.end()
            assert bye is not None
            assert bye["code"] == CloseCode.REPLACED
            async with stream(live, hotel.kitchen(), last=older.last_id) as again:
                problem = await again.problem()
            assert (again.status, problem["code"]) == (409, "conflict")
            assert problem["details"] == {"close_code": 4504}
            for _ in range(2):
                await newer.until("position")
            async with peer(live) as socket:
                await socket.hello(hotel.kitchen())
                bye = await newer.end()
                assert bye is not None
                assert bye["code"] == CloseCode.REPLACED
                async with stream(live, hotel.kitchen()) as newest:
                    assert (await socket.end()).code == CloseCode.REPLACED
                    await newest.until("position")


async def test_staff_may_look_through_a_few_windows(live: Live, admin: Connection, hotel: Hotel) -> None:
    manager = await make_staff(admin, hotel, "manager")
    async with AsyncExitStack() as stack:
        windows = [
            await stack.enter_async_context(stream(live, None, cookie=token_of(manager))) for _ in range(7)
        ]
        bye = await windows[0].end()
        assert bye is not None
        assert (bye["code"], windows[0].last_id) == (CloseCode.LIMIT, "end:4505")
        for window in windows[1:]:
            for _ in range(2):
                await window.until("position")
            assert not window.frames("bye")
    async with stream(live, None, cookie=token_of(manager)) as later:
        await later.until("position")


async def test_what_is_answered_takes_no_place(live: Live, admin: Connection, hotel: Hotel) -> None:
    manager = token_of(await make_staff(admin, hotel, "manager"))
    async with stream(live, None, token=manager) as kept:
        for _ in range(7):
            async with stream(live, None, token=manager, accept="application/json") as poll:
                assert poll.status == 200
        for _ in range(3):
            await kept.until("position")
        assert not kept.frames("bye")


async def test_a_token_that_runs_out(live: Live, hotel: Hotel) -> None:
    async with stream(live, None, token=token_for(hotel.tablet(), 0.2)) as mine:
        await mine.until("position")
        bye = await mine.end()
    assert bye is not None
    assert (bye["code"], mine.sent[-1].id) == (CloseCode.TOKEN_EXPIRED, None)
    assert mine.sent[-1].retry == bye["retry_ms"] > 0
    async with stream(live, hotel.tablet(), last=mine.last_id) as again:
        await again.until("position")
    assert not again.frames("snapshot")


async def test_a_hub_that_leaves_says_goodbye(settings: Settings, admin: Connection) -> None:
    hotel = await make_hotel(admin, rooms=12)
    async with running(settings, relay=False) as live, AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(stream(live, hotel.tablet(room))) for room in range(12)]
        for mine in streams:
            await mine.until("position")
        await live.hub.drain()
        byes = [await mine.end() for mine in streams]
        async with asyncio.timeout(DEADLINE):
            await live.hub.node.emptied()
        assert {bye and bye["code"] for bye in byes} == {CloseCode.DRAIN}
        retries = {mine.sent[-1].retry for mine in streams}
        assert len(retries) > 6, "they come back at different moments"
        assert retries == {bye and bye["retry_ms"] for bye in byes}
        async with stream(live, hotel.tablet()) as late:
            assert (late.status, (await late.problem())["code"]) == (503, "unavailable")
            assert late.headers["retry-after"] == "3"


# peers that do not read


@pytest.fixture
async def slow(settings: Settings, request: pytest.FixtureRequest) -> AsyncIterator[Live]:
    """A hub with small limits; the parameter is how long a peer may lag, in seconds."""
    changed = msgspec.structs.replace(settings, lagging_seconds=float(request.param), **SMALL)
    async with running(changed, relay=False) as hub:
        yield hub


@pytest.fixture
async def crowd(slow: Live, hotel: Hotel, admin: Connection) -> AsyncIterator[Crowd]:
    async with peer(slow) as reader:
        await reader.hello(hotel.kitchen())
        yield Crowd(slow, admin, hotel, reader, reader)


@pytest.fixture
async def lazy(crowd: Crowd, hotel: Hotel) -> AsyncIterator[Stream]:
    """A stream that has read up to its first position."""
    async with stream(crowd.live, hotel.tablet(), receive_buffer=4096) as mine:
        await mine.until("position")
        yield mine


def session_of(crowd: Crowd, lazy: Stream) -> tuple[Session, EventWire]:
    session = crowd.session(UUID(lazy.frames("welcome")[0]["session"]))
    assert session is not None
    assert isinstance(session.wire, EventWire)
    return session, session.wire


@pytest.mark.parametrize("slow", [20], indirect=True)
async def test_a_reader_that_goes_on_has_missed_nothing(
    crowd: Crowd, lazy: Stream, hotel: Hotel, admin: Connection
) -> None:
    start = lazy.frames("position")[-1]["seq"]
    session, wire = session_of(crowd, lazy)
    await crowd.until_stuck(session)
    for _ in range(20):
        await crowd.event()
    assert session.phase is not Phase.LIVE
    check_bounds(session)
    assert wire._connection is not None
    assert wire._connection.transport.get_write_buffer_size() <= BUFFERED
    seq = await head(admin, hotel)
    while lazy.sent[-1].data is None or lazy.sent[-1].data.get("seq", 0) < seq:
        await lazy.receive()
    assert [frame["seq"] for frame in lazy.frames("event")] == list(range(start + 1, seq + 1))
    assert len(lazy.frames("snapshot")) == 1
    assert crowd.slowest < 5.0, "nobody else waited"


@pytest.mark.parametrize("slow", [0.3], indirect=True)
async def test_a_reader_that_never_goes_on_is_cut_off(crowd: Crowd, lazy: Stream) -> None:
    session, wire = session_of(crowd, lazy)
    connection = wire._connection
    assert connection is not None
    await crowd.until_stuck(session)
    async with asyncio.timeout(DEADLINE):
        while session in crowd.live.hub.node.sessions or connection in connection.connections:
            await crowd.event()
            check_bounds(session)
    assert session.phase is Phase.CLOSED
    assert await lazy.end() is None, "it gets what was under way, then the end"
