"""The event stream: the same session as a socket's, for those who cannot hold one."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
import pytest

from tests.factories import make_hotel
from tests.realtime.conftest import Live, head, running, screens
from tests.realtime.screens import DEADLINE, Screen
from tests.realtime.streams import Sent, StreamScreen, stream
from tests.realtime.test_stays import epoch, order

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from hub.settings import Settings
    from tests.factories import Hotel

SOME = "6f1c2d9e-0b7a-4c55-8a3d-2f4e5b6c7d8e"


def through_stream(live: Live, principal: Principal) -> StreamScreen:
    return StreamScreen(principal, lambda: (live.host, live.port))


# what it shows


async def test_each_frame_has_its_position_as_its_id(live: Live, admin: Connection, hotel: Hotel) -> None:
    async with stream(live, hotel.kitchen()) as mine, live.screen(hotel.tablet()) as tablet:
        assert (mine.status, mine.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert mine.headers["cache-control"] == "no-store"
        assert mine.headers["x-accel-buffering"] == "no"
        await mine.until("position")
        seq = await head(admin, hotel)
        await order(tablet, hotel)
        await mine.until("event", seq=seq + 1)
    now = await epoch(admin, hotel)
    first, *rest = mine.sent
    assert (first.data, first.retry) == (None, live.hub.settings.retry_ms)
    ids = [(one.event, one.id) for one in rest if one.event != "position"]
    assert ids == [("welcome", None), ("snapshot", f"{now}:{seq}"), ("event", f"{now}:{seq + 1}")]
    assert all(one.id in (f"{now}:{seq}", f"{now}:{seq + 1}") for one in rest if one.event == "position")


async def test_positions_come_as_on_a_socket(live: Live, hotel: Hotel) -> None:
    async with stream(live, hotel.tablet()) as mine:
        assert (await mine.until("welcome"))["ping_ms"] == 200
        for _ in range(4):
            await mine.until("position")


async def test_a_quiet_stream_gets_comments(settings: Settings, hotel: Hotel) -> None:
    often = msgspec.structs.replace(settings, ping_seconds=0.02)
    async with running(often, relay=False) as live, stream(live, hotel.tablet()) as mine:
        await mine.until("position")
        async with asyncio.timeout(DEADLINE):
            while (await mine.receive()).data is not None:
                pass
        assert mine.sent[-1] == Sent(None)


async def test_who_only_asks_for_the_head_gets_no_stream(live: Live, hotel: Hotel) -> None:
    async with stream(live, hotel.tablet()) as mine:
        await mine.until("position")
        sessions = len(live.hub.node.sessions)
        async with stream(live, hotel.tablet(1), method="HEAD") as other:
            assert (other.status, other.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert len(live.hub.node.sessions) == sessions


# going on after a break


async def test_it_goes_on_where_the_client_says(live: Live, admin: Connection, hotel: Hotel) -> None:
    async with live.screen(hotel.tablet()) as tablet:
        placed = [await order(tablet, hotel) for _ in range(3)]
    now, last = await epoch(admin, hotel), await head(admin, hotel)
    here = f"{now}:{last - 2}"
    for after, header in ((here, None), (None, here)):
        async with stream(live, hotel.kitchen(), after=after, last=header) as mine:
            await mine.until("position", seq=last)
        assert mine.frames("snapshot") == []
        assert [frame["seq"] for frame in mine.frames("event")] == [last - 1, last]
        assert [frame["data"]["id"] for frame in mine.frames("event")] == [one["id"] for one in placed[1:]]


async def test_the_header_is_newer_than_the_address(live: Live, admin: Connection, hotel: Hotel) -> None:
    """A browser repeats the address of the first time, and says in the header how far it has come."""
    async with live.screen(hotel.tablet()) as tablet:
        for _ in range(3):
            await order(tablet, hotel)
    now, last = await epoch(admin, hotel), await head(admin, hotel)
    async with stream(live, hotel.kitchen(), after=f"{now}:{last - 3}", last=f"{now}:{last - 1}") as mine:
        await mine.until("position", seq=last)
    assert [frame["seq"] for frame in mine.frames("event")] == [last]


@pytest.mark.parametrize("since", ["another epoch", "beyond the head", "before the floor", "too far behind"])
async def test_a_position_that_proves_nothing_gets_a_snapshot(
    settings: Settings, admin: Connection, since: str
) -> None:
    hotel = await make_hotel(admin)
    async with running(msgspec.structs.replace(settings, replay_max_events=2), relay=False) as live:
        async with live.screen(hotel.tablet(0)) as tablet:
            placed = [await order(tablet, hotel) for _ in range(3)]
            now, last = await epoch(admin, hotel), await head(admin, hotel)
            # Else the next one may join at where this hub was before it heard of the orders.
            await tablet.reach(last)
        match since:
            case "another epoch":
                position = f"{uuid4()}:{last}"
            case "beyond the head":
                position = f"{now}:{last + 5}"
            case "before the floor":
                await admin.execute(
                    "SELECT app.prune_events($1, now() + interval '1 day', 10000)", hotel.tenant_id
                )
                position = f"{now}:{last - 1}"
            case _:
                position = f"{now}:{last - 3}"
        async with stream(live, hotel.kitchen(), last=position) as mine:
            await mine.until("position", seq=last)
    (snapshot,) = mine.frames("snapshot")
    assert mine.frames("event") == []
    assert mine.last_id == f"{now}:{last}"
    shown = {entry["data"]["id"] for entry in snapshot["state"] if entry["kind"] == "order"}
    assert shown == {one["id"] for one in placed}


def has_seen(screen: Screen, events: int, connections: int) -> bool:
    return len(screen.applied) >= events and screen.connections >= connections


async def test_breaks_in_the_middle_of_traffic_lose_nothing(
    live: Live, admin: Connection, hotel: Hotel
) -> None:
    stop = asyncio.Event()

    async def traffic(tablet: Screen) -> None:
        while not stop.is_set():
            await order(tablet, hotel)

    async def follow(number: int) -> StreamScreen:
        screen = through_stream(live, hotel.kitchen() if number % 2 else hotel.tablet(number // 2 % 2))
        async with screen:
            for breaks in range(1, 5):
                await screen.until(partial(has_seen, screen, 2 * breaks, breaks))
                await screen.cut()
                await screen.until(partial(has_seen, screen, 2 * breaks, breaks + 1))
        return screen

    async with screens(live, hotel.tablet(0), hotel.tablet(1)) as tablets:
        writers = [asyncio.create_task(traffic(tablet)) for tablet in tablets]
        followed = await asyncio.gather(*(follow(number) for number in range(6)))
        stop.set()
        await asyncio.gather(*writers)
    seq = await head(admin, hotel)
    async with screens(live, hotel.kitchen(), hotel.tablet(0), hotel.tablet(1)) as fresh:
        for screen in followed:
            async with screen:
                await screen.reach(seq)
            assert len(screen.snapshots) == 1
            assert screen.connections >= 6
            same = next(one for one in fresh if one.principal.id == screen.principal.id)
            assert screen.state() == same.state()


# what it never shows


async def test_nothing_of_another_hotel(
    live: Live, admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    """Not even to who asks with the other hotel's position."""
    theirs = f"{await epoch(admin, other_hotel)}:{await head(admin, other_hotel)}"
    async with (
        stream(live, hotel.kitchen(), last=theirs) as mine,
        live.screen(other_hotel.tablet()) as stranger,
        live.screen(hotel.tablet()) as tablet,
    ):
        await mine.until("position")
        foreign = [await order(stranger, other_hotel) for _ in range(3)]
        own = await order(tablet, hotel)
        await mine.until("event", seq=await head(admin, hotel))
    assert len(mine.frames("snapshot")) == 1
    assert [frame["data"]["id"] for frame in mine.frames("event")] == [own["id"]]
    seen = str(mine.sent)
    assert not [one["id"] for one in foreign if one["id"] in seen]
    assert str(other_hotel.tenant_id) not in seen
    assert str(await epoch(admin, other_hotel)) not in seen


# who may ask, and how


async def test_nobody_without_a_token(live: Live) -> None:
    for token in (None, "x.y.z"):
        async with stream(live, None, token=token) as mine:
            assert (mine.status, (await mine.problem())["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("query", "last", "field"),
    [
        ("after=yesterday", None, "after"),
        ("after=", None, "after"),
        (f"after={SOME}", None, "after"),
        (f"after={SOME}:-1", None, "after"),
        (f"after={SOME}:01", None, "after"),
        (f"after={SOME}:{10**15}", None, "after"),
        (f"after={SOME.upper()}:1", None, "after"),
        (f"after={SOME}:1%0A", None, "after"),
        (f"after={SOME}:%D9%A1", None, "after"),
        ("after=%00", None, "after"),
        ("after=x", f"{SOME}:1", "after"),
        ("wait=31", None, "wait"),
        ("since=1", None, None),
        ("", "yesterday", "Last-Event-ID"),
        ("", "end:", "Last-Event-ID"),
        ("", "end:4001", "Last-Event-ID"),
        ("", "end:9999", "Last-Event-ID"),
    ],
)
async def test_what_is_wrong_is_told_before_the_stream(
    live: Live, hotel: Hotel, query: str, last: str | None, field: str | None
) -> None:
    async with stream(live, hotel.tablet(), query=query, last=last) as mine:
        problem = await mine.problem()
    assert (mine.status, problem["code"], problem["details"].get("field")) == (400, "invalid_input", field)
    assert not [word for word in ("Traceback", "msgspec", "hub.", ".py") if word in str(problem)]


@pytest.mark.parametrize(
    ("accept", "streams"),
    [
        ("text/event-stream", True),
        ("application/json, text/event-stream", True),
        ("text/event-stream;q=0.9, application/json;q=0.8", True),
        ("application/json, text/event-stream;q=0.5", False),
        ("text/event-stream;q=0", False),
        ("text/event-stream;q=much", False),
        ("*/*", False),
        ("", False),
    ],
)
async def test_the_accept_header_decides(live: Live, hotel: Hotel, accept: str, streams: bool) -> None:
    async with stream(live, hotel.tablet(), accept=accept) as mine:
        kind = "text/event-stream; charset=utf-8" if streams else "application/json"
        assert (mine.status, mine.headers["content-type"]) == (200, kind)


async def test_who_is_too_many_at_once_comes_later(settings: Settings, admin: Connection) -> None:
    hotel = await make_hotel(admin)
    few = msgspec.structs.replace(settings, accepts_per_second=1.0, accepts_burst=1)
    async with running(few, relay=False) as live, stream(live, hotel.tablet()) as mine:
        await mine.until("position")
        async with stream(live, hotel.tablet(1)) as other:
            assert (other.status, (await other.problem())["code"]) == (503, "unavailable")
            assert other.headers["retry-after"] == "1"


# the peer


async def test_a_client_that_leaves_is_forgotten(live: Live, hotel: Hotel) -> None:
    async with stream(live, hotel.tablet()) as mine:
        welcome = await mine.until("welcome")
        await mine.until("position")
    await gone(live, welcome["session"])


async def test_one_that_hides_behind_a_second_request_is_forgotten_too(live: Live, hotel: Hotel) -> None:
    """The server hears of the end of a connection for its latest request alone."""
    async with stream(live, hotel.tablet()) as mine:
        welcome = await mine.until("welcome")
        mine.writer.write(b"GET /livez HTTP/1.1\r\nHost: hub\r\n\r\n")
        await mine.until("position")
        await mine.until("position")
    await gone(live, welcome["session"])


async def gone(live: Live, session: str) -> None:
    """Wait until the session is."""
    async with asyncio.timeout(DEADLINE):
        while session in {str(one.id) for one in live.hub.node.sessions}:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
