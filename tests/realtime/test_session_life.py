"""The life of a session: tokens that run out and are renewed, heartbeats, goodbyes, and peers that do not
read."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from hub.realtime.protocol import SUBPROTOCOL, CloseCode
from hub.realtime.session import Phase, Session
from hub.security.tokens import Tokens
from tests.conftest import TOKEN_KEY
from tests.factories import make_hotel
from tests.realtime.conftest import Live, head, running
from tests.realtime.peer import Peer, peer
from tests.realtime.screens import DEADLINE, token_of

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from hub.settings import Settings
    from tests.factories import Hotel


def token_for(principal: Principal, seconds: float) -> str:
    """A token that runs out `seconds` (and up to one more) from now."""
    tokens = Tokens((TOKEN_KEY,), 60, now=lambda: time.time() + seconds - 59)
    return tokens.issue(principal)[0]


def seen(order_id: str) -> dict[str, object]:
    return {"order_ids": [order_id]}


# tokens


async def test_a_token_renewed_in_time_keeps_the_session(live: Live, hotel: Hotel) -> None:
    async with peer(live) as renewed, peer(live) as forgotten:
        for mine in (renewed, forgotten):
            await mine.send({"type": "hello", "token": token_for(hotel.kitchen(), 0.2)})
            await mine.until("position")
        await renewed.send({"type": "refresh", "token": token_of(hotel.kitchen())})
        end = await forgotten.end()
        assert end.bye is not None
        assert (end.code, end.bye["code"]) == (CloseCode.TOKEN_EXPIRED, CloseCode.TOKEN_EXPIRED)
        assert (await renewed.ask("order.seen", seen(str(uuid4())), op_id=None))["ok"]
        assert not [frame for frame in renewed.frames if frame["type"] == "bye"]


def another_device(hotel: Hotel) -> str:
    return token_of(hotel.tablet(1))


def another_kind(hotel: Hotel) -> str:
    return token_of(msgspec.structs.replace(hotel.kitchen(), id=hotel.rooms[0].tablet_id))


def another_stay(hotel: Hotel) -> str:
    return token_of(msgspec.structs.replace(hotel.tablet(), stay_id=hotel.rooms[1].stay_id))


def another_tenant(hotel: Hotel) -> str:
    return token_of(msgspec.structs.replace(hotel.tablet(), tenant_id=uuid4()))


def run_out(hotel: Hotel) -> str:
    return token_for(hotel.tablet(), -5)


def words(_: Hotel) -> str:
    return "open sesame"


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (another_device, CloseCode.BAD_TOKEN),
        (another_kind, CloseCode.BAD_TOKEN),
        (another_tenant, CloseCode.BAD_TOKEN),
        (words, CloseCode.BAD_TOKEN),
        (another_stay, CloseCode.TOKEN_EXPIRED),
        (run_out, CloseCode.TOKEN_EXPIRED),
    ],
)
async def test_a_refresh_that_does_not_fit(
    live: Live, hotel: Hotel, token: Callable[[Hotel], str], code: CloseCode
) -> None:
    async with peer(live) as mine:
        await mine.hello(hotel.tablet())
        await mine.send({"type": "refresh", "token": token(hotel)})
        end = await mine.end()
        assert end.bye is not None
        assert (end.code, end.bye["code"]) == (code, code)


# heartbeats


@pytest.mark.parametrize("kind", ["kitchen", "tablet"])
async def test_positions_come_at_the_interval_that_the_welcome_names(
    live: Live, hotel: Hotel, kind: str
) -> None:
    async with peer(live) as mine:
        welcome = await mine.hello(hotel.kitchen() if kind == "kitchen" else hotel.tablet())
        assert welcome["ping_ms"] == 200
        last = time.monotonic()
        for _ in range(5):
            await mine.until("position")
            now = time.monotonic()
            assert now - last < 2 * welcome["ping_ms"] / 1000, "a screen would have called itself stale"
            last = now


async def test_positions_advance_with_what_does_not_concern_the_session(
    live: Live, hotel: Hotel, admin: Connection
) -> None:
    line = {"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}
    async with peer(live) as mine, peer(live) as other:
        await mine.hello(hotel.tablet(0))
        await other.hello(hotel.tablet(1))
        assert (await other.ask("order.place", {"lines": [line]}))["ok"]
        seq = await head(admin, hotel)
        while (await mine.until("position"))["seq"] < seq:
            pass
        assert not [frame for frame in mine.frames if frame["type"] == "event"]


# with settings of their own


async def test_no_hello_in_time(settings: Settings) -> None:
    async with running(msgspec.structs.replace(settings, hello_seconds=0.05), relay=False) as live:
        async with peer(live) as mine:
            end = await mine.end()
        assert end.bye == {"type": "bye", "code": 4502, "reason": "no hello", "retry_ms": 0}
        assert (end.code, end.reason) == (4502, "no hello")


async def test_a_hub_that_leaves_says_goodbye_to_everybody(settings: Settings, admin: Connection) -> None:
    hotel = await make_hotel(admin)
    async with running(settings, relay=False) as live, AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(peer(live)) for _ in range(30)]
        for mine in peers:
            await mine.hello(hotel.kitchen())
        late = await stack.enter_async_context(peer(live))
        retry_ms = live.hub.settings.retry_ms
        drained = asyncio.create_task(live.hub.drain())
        ends = await asyncio.gather(*(mine.end() for mine in peers))
        waits = set()
        for end in ends:
            assert end.bye is not None
            assert (end.code, end.bye["code"], end.reason) == (4001, 4001, "the hub is restarting")
            waits.add(end.bye["retry_ms"])
        assert len(waits) > 20, "they come back at different moments"
        assert all(retry_ms // 2 <= wait <= retry_ms * 2 for wait in waits)
        await drained
        assert not live.hub.node.sessions

        await late.send({"type": "hello", "token": token_of(hotel.kitchen())})
        assert (await late.end()).code == CloseCode.DRAIN
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"ws://{live.host}:{live.port}/ws", subprotocols=[Subprotocol(SUBPROTOCOL)])
        assert caught.value.response.status_code == 503
        assert caught.value.response.headers["Retry-After"] == "3"
        assert await asyncio.to_thread(ready, live) == (503, "draining")


def ready(live: Live) -> tuple[int, str]:
    connection = http.client.HTTPConnection(live.host, live.port, timeout=DEADLINE)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())["status"]
    finally:
        connection.close()


# peers that do not read

SMALL = {"outbound_bytes": 16_384, "outbound_frames": 16}


@pytest.fixture
async def slow(settings: Settings, request: pytest.FixtureRequest) -> AsyncIterator[Live]:
    """A hub with small limits; the parameter is how long a peer may lag, in seconds."""
    seconds = float(request.param)
    async with running(
        msgspec.structs.replace(settings, lagging_seconds=seconds, **SMALL), relay=False
    ) as live:
        yield live


class Crowd:
    """A peer that does not read, one that does, and as many events as it takes."""

    def __init__(self, live: Live, admin: Connection, hotel: Hotel, lazy: Peer, reader: Peer) -> None:
        self.lazy = lazy
        self.reader = reader
        self.live = live
        self.slowest = 0.0
        self._admin = admin
        self._hotel = hotel

    def session(self, welcome: UUID) -> Session | None:
        return next((one for one in self.live.hub.node.sessions if one.id == welcome), None)

    async def event(self) -> None:
        """Change the menu; the reader sees it."""
        started = time.monotonic()
        await self._admin.execute(
            "UPDATE app.menu_items SET description_en = md5(random()::text) || repeat('x', 20000)"
            " WHERE tenant_id = $1",
            self._hotel.tenant_id,
        )
        seq = await head(self._admin, self._hotel)
        while (await self.reader.until("event"))["seq"] < seq:
            pass
        self.slowest = max(self.slowest, time.monotonic() - started)

    async def until_stuck(self, session: Session) -> None:
        """Until the peer takes no more: a session that was caught up in between is live again."""
        behind = 0
        async with asyncio.timeout(DEADLINE):
            while behind < 5:
                await self.event()
                behind = 0 if session.phase is Phase.LIVE else behind + 1
                check_bounds(session)


def check_bounds(session: Session) -> None:
    assert session.wire.backlog_frames <= SMALL["outbound_frames"] + 1
    assert session.wire.backlog_bytes <= SMALL["outbound_bytes"] + 32_768


@pytest.fixture
async def crowd(slow: Live, hotel: Hotel, admin: Connection) -> AsyncIterator[Crowd]:
    async with peer(slow, receive_buffer=4096) as lazy, peer(slow) as reader:
        await reader.hello(hotel.kitchen())
        yield Crowd(slow, admin, hotel, lazy, reader)


@pytest.mark.parametrize("slow", [20], indirect=True)
async def test_a_peer_that_reads_again_has_missed_nothing(
    crowd: Crowd, hotel: Hotel, admin: Connection
) -> None:
    welcome = await crowd.lazy.hello(hotel.tablet())
    start = crowd.lazy.frames[-1]["seq"]
    session = crowd.session(UUID(welcome["session"]))
    assert session is not None
    await crowd.until_stuck(session)
    for _ in range(20):
        await crowd.event()
    assert session.phase is not Phase.LIVE
    check_bounds(session)
    seq = await head(admin, hotel)
    while (await crowd.lazy.receive()).get("seq", 0) < seq:
        pass
    seqs = [frame["seq"] for frame in crowd.lazy.frames if frame["type"] == "event"]
    assert seqs == list(range(start + 1, seq + 1))
    assert len([frame for frame in crowd.lazy.frames if frame["type"] == "snapshot"]) == 1
    await crowd.event()
    await crowd.lazy.until("event", seq=await head(admin, hotel))
    assert crowd.slowest < 1.0, "nobody else waited"


@pytest.mark.parametrize("slow", [0.3], indirect=True)
async def test_a_peer_that_never_reads_is_cut_off(crowd: Crowd, hotel: Hotel) -> None:
    welcome = await crowd.lazy.hello(hotel.tablet())
    session = crowd.session(UUID(welcome["session"]))
    assert session is not None
    await crowd.until_stuck(session)
    started = time.monotonic()
    async with asyncio.timeout(DEADLINE):
        while session in crowd.live.hub.node.sessions:
            await crowd.event()
    assert session.phase is Phase.CLOSED
    assert time.monotonic() - started < 3.0
    assert (await crowd.lazy.end()).code in (CloseCode.TOO_SLOW, 1006), (
        "it gets what was under way, then the end"
    )
    assert crowd.slowest < 1.0, "nobody else waited"


@pytest.mark.parametrize("slow", [20], indirect=True)
async def test_a_peer_that_asks_and_does_not_read_gets_no_more(crowd: Crowd, hotel: Hotel) -> None:
    """Its replies do not pile up: first its commands wait, then there are too many of them."""
    welcome = await crowd.lazy.hello(hotel.tablet())
    session = crowd.session(UUID(welcome["session"]))
    assert session is not None
    args = {"lines": [{"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}] * 50}
    most = sent = 0
    async with asyncio.timeout(DEADLINE), peer(crowd.live) as neighbour:
        await neighbour.hello(hotel.tablet(1))
        while session.phase is not Phase.CLOSED and sent < 1000:
            sent += 1
            await crowd.lazy.send({"type": "command", "id": sent, "name": "order.quote", "args": args})
            for _ in range(2):  # the pace at which such a command is worked on, and slower
                assert (await neighbour.ask("order.quote", args, op_id=None))["ok"]
            most = max(most, session.wire.backlog_bytes)
    assert most < SMALL["outbound_bytes"] + 32_768
    assert session.wire.backlog_frames <= SMALL["outbound_frames"] + 2
    assert session.phase is Phase.CLOSED
