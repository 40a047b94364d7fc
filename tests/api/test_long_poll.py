"""The events of a hotel by long poll, for those who can hold neither a socket nor a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from hub.realtime.session import Phase, Session
from tests.api.conftest import Api, bearer, opened, problem
from tests.factories import make_hotel, make_staff
from tests.realtime.conftest import head, running
from tests.realtime.peer import peer
from tests.realtime.screens import DEADLINE
from tests.realtime.test_revocation import check_out, devices, suspend_hotel
from tests.realtime.test_session_life import token_for
from tests.realtime.test_stays import epoch

if TYPE_CHECKING:
    from hub.app import Hub
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from hub.settings import Settings
    from tests.factories import Hotel
    from tests.realtime.test_revocation import Revoke

PATH = "/api/v1/events"
Json = dict[str, Any]


async def poll(api: Api, principal: Principal, **params: str | int) -> Json:
    """An answer, checked for its form."""
    async with asyncio.timeout(DEADLINE + 30):
        answer = await api.get(PATH, principal, **params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    document: Json = answer.json()
    assert document.keys() == {"next", "frames"}
    seqs = [frame["seq"] for frame in document["frames"]]
    assert seqs == sorted(seqs)
    assert document["next"].endswith(f":{seqs[-1]}")
    return document


def kinds(answer: Json) -> list[str]:
    return [frame["type"] for frame in answer["frames"]]


def orders(answer: Json) -> list[str]:
    """The ids of the orders that the events of an answer tell of."""
    frames = [frame for frame in answer["frames"] if frame["type"] == "event"]
    return [frame["data"]["id"] for frame in frames if frame["kind"] == "order"]


class Follower:
    """Holds what polling shows, as a screen would."""

    def __init__(self, api: Api, principal: Principal) -> None:
        self.documents: dict[tuple[str, str], Json] = {}
        self.snapshots = 0
        self._api = api
        self._principal = principal
        self._next: str | None = None

    async def catch_up(self, seq: int) -> None:
        """Poll until everything up to `seq` is known."""
        while self._next is None or int(self._next.partition(":")[2]) < seq:
            params: dict[str, str | int] = {} if self._next is None else {"after": self._next, "wait": 5}
            answer = await poll(self._api, self._principal, **params)
            for frame in answer["frames"]:
                self._apply(frame)
            self._next = answer["next"]

    def _apply(self, frame: Json) -> None:
        if frame["type"] == "snapshot":
            self.snapshots += 1
            self.documents = {(one["kind"], one["data"]["id"]): one["data"] for one in frame["state"]}
        elif frame["type"] == "event":
            self.documents[(frame["kind"], frame["data"]["id"])] = frame["data"]


@asynccontextmanager
async def waiting(hub: Hub, api: Api, principal: Principal, after: str) -> AsyncIterator[Waiting]:
    """A poll that has caught up, and waits."""
    before = set(hub.node.sessions)
    task = asyncio.create_task(api.get(PATH, principal, after=after, wait=30))
    try:
        async with asyncio.timeout(DEADLINE):
            while not (new := [one for one in hub.node.sessions - before if one.phase is Phase.LIVE]):
                assert not task.done(), task.result().text
                await asyncio.sleep(0.01)
        yield Waiting(task, new[0])
    finally:
        task.cancel()
        await asyncio.wait([task])


class Waiting:
    """The answer that is to come, and the session behind it."""

    def __init__(self, task: asyncio.Task[httpx.Response], session: Session) -> None:
        self.session = session
        self._task = task

    async def answer(self) -> httpx.Response:
        """Well before it would come by itself."""
        async with asyncio.timeout(DEADLINE):
            return await self._task


# what it answers


async def test_without_a_position_there_is_a_snapshot(
    hub: Hub, api: Api, admin: Connection, hotel: Hotel
) -> None:
    order = await api.place(hotel)
    answer = await poll(api, hotel.kitchen(), wait=30)
    assert kinds(answer) == ["snapshot"]
    assert answer["next"] == f"{await epoch(admin, hotel)}:{await head(admin, hotel)}"
    state = answer["frames"][0]["state"]
    assert [one["data"] for one in state if one["kind"] == "order"] == [order]
    assert not hub.node.sessions


async def test_what_is_there_comes_at_once(api: Api, hotel: Hotel) -> None:
    start = (await poll(api, hotel.kitchen()))["next"]
    placed = [await api.place(hotel) for _ in range(3)]
    found: list[str] = []
    while len(found) < 3:
        answer = await poll(api, hotel.kitchen(), after=start, wait=30)
        found += orders(answer)
        start = answer["next"]
    assert found == [order["id"] for order in placed]
    assert kinds(await poll(api, hotel.kitchen(), after=start)) == ["position"]


async def test_it_waits_for_the_first_event(hub: Hub, api: Api, hotel: Hotel) -> None:
    start = (await poll(api, hotel.kitchen()))["next"]
    async with waiting(hub, api, hotel.kitchen(), start) as late:
        order = await api.place(hotel)
        answer = (await late.answer()).json()
    assert orders(answer) == [order["id"]]
    assert answer["next"].endswith(f":{answer['frames'][0]['seq']}")
    assert not hub.node.sessions


async def test_after_its_time_it_says_how_far_it_is(api: Api, admin: Connection, hotel: Hotel) -> None:
    """Also past events that do not concern the caller."""
    start = (await poll(api, hotel.tablet(1)))["next"]
    await api.place(hotel, room=0)
    seq = await head(admin, hotel)
    answer = await poll(api, hotel.tablet(1), after=start, wait=1)
    while not answer["next"].endswith(f":{seq}"):
        answer = await poll(api, hotel.tablet(1), after=answer["next"], wait=1)
        assert kinds(answer) == ["position"]


async def test_a_snapshot_and_the_answers_after_it_add_up(api: Api, admin: Connection, hotel: Hotel) -> None:
    screens = [Follower(api, who) for who in (hotel.kitchen(), hotel.tablet(0), hotel.tablet(1))]
    for screen in screens:
        await screen.catch_up(0)
    for to in ("cooking", "ready"):
        order = await api.place(hotel)
        await api.post(f"/api/v1/orders/{order['id']}/advance", {"to": to}, hotel.kitchen())
        await api.post(f"/api/v1/orders/{order['id']}/advance", {"to": "cooking"}, hotel.kitchen())
        for screen in screens:
            await screen.catch_up(await head(admin, hotel))
    for screen in screens:
        fresh = Follower(api, screen._principal)
        await fresh.catch_up(await head(admin, hotel))
        assert screen.documents == fresh.documents
        assert screen.snapshots == 1
    assert not [key for key in screens[2].documents if key[0] == "order"]


async def test_the_header_is_newer_than_the_address(api: Api, admin: Connection, hotel: Hotel) -> None:
    for _ in range(2):
        await api.place(hotel)
    now, last = await epoch(admin, hotel), await head(admin, hotel)
    headers = bearer(hotel.kitchen()) | {"Last-Event-ID": f"{now}:{last}"}
    answer = await api.client.get(PATH, headers=headers, params={"after": f"{now}:{last - 2}"})
    assert kinds(answer.json()) == ["position"]


@pytest.mark.parametrize("since", ["another epoch", "beyond the head"])
async def test_a_position_that_proves_nothing_gets_a_snapshot(
    api: Api, admin: Connection, hotel: Hotel, since: str
) -> None:
    now, last = await epoch(admin, hotel), await head(admin, hotel)
    after = f"{uuid4()}:{last}" if since == "another epoch" else f"{now}:{last + 5}"
    answer = await poll(api, hotel.kitchen(), after=after, wait=30)
    assert (kinds(answer), answer["next"]) == (["snapshot"], f"{now}:{last}")


async def test_a_page_is_bounded(settings: Settings, admin: Connection) -> None:
    hotel = await make_hotel(admin)
    async with small(msgspec.structs.replace(settings, outbound_frames=8)) as (_, api):
        start = (await poll(api, hotel.kitchen()))["next"]
        placed = [(await api.place(hotel))["id"] for _ in range(20)]
        found: list[str] = []
        sizes: list[int] = []
        while len(found) < 20:
            answer = await poll(api, hotel.kitchen(), after=start, wait=30)
            found += orders(answer)
            sizes.append(len(answer["frames"]))
            start = answer["next"]
    assert found == placed
    assert max(sizes) <= 9, "eight, and the position"


@asynccontextmanager
async def small(settings: Settings) -> AsyncIterator[tuple[Hub, Api]]:
    """A hub with settings of its own."""
    async with (
        opened(settings) as hub,
        httpx.AsyncClient(transport=httpx.ASGITransport(hub.app), base_url="http://hub") as client,
    ):
        yield hub, Api(client)


# what it never tells


async def test_nothing_of_another_hotel(
    hub: Hub, api: Api, admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    theirs = f"{await epoch(admin, other_hotel)}:{await head(admin, other_hotel)}"
    first = await poll(api, hotel.kitchen(), after=theirs)
    assert kinds(first) == ["snapshot"]
    async with waiting(hub, api, hotel.kitchen(), first["next"]) as late:
        foreign = [await api.place(other_hotel) for _ in range(3)]
        own = await api.place(hotel)
        answer = await late.answer()
    assert orders(answer.json()) == [own["id"]]
    assert not [one["id"] for one in foreign if one["id"] in answer.text]
    assert str(other_hotel.tenant_id) not in answer.text


@pytest.mark.parametrize(
    ("params", "header", "field"),
    [
        ({"after": "yesterday"}, None, "after"),
        ({"after": ""}, None, "after"),
        ({"after": str(uuid4())}, None, "after"),
        ({"after": f"{uuid4()}:-1"}, None, "after"),
        ({"after": f"{uuid4()}:{10**15}"}, None, "after"),
        ({"after": f"{uuid4()}:1\n"}, None, "after"),
        ({"after": "\0"}, None, "after"),
        ({"wait": "31"}, None, "wait"),
        ({"wait": "-1"}, None, "wait"),
        ({"wait": "0.5"}, None, "wait"),
        ({"wait": "long"}, None, "wait"),
        ({"wait": "9" * 400}, None, "wait"),
        ({"limit": "5"}, None, None),
        ({}, "yesterday", "Last-Event-ID"),
        ({"after": f"{uuid4()}:1"}, "end:", "Last-Event-ID"),
    ],
)
async def test_bad_input(
    hub: Hub, api: Api, hotel: Hotel, params: dict[str, str], header: str | None, field: str | None
) -> None:
    headers = bearer(hotel.tablet()) | ({} if header is None else {"Last-Event-ID": header})
    answer = await api.client.get(PATH, headers=headers, params=params)
    problem(answer, 400, "invalid_input", field)
    assert not hub.node.sessions


async def test_who_was_told_to_stay_away(api: Api, hotel: Hotel) -> None:
    headers = bearer(hotel.tablet()) | {"Last-Event-ID": "end:4504"}
    found = problem(await api.client.get(PATH, headers=headers), 409, "conflict")
    assert found["details"] == {"close_code": 4504}


# how it ends


@pytest.mark.parametrize(
    ("what", "revoke", "status", "code"),
    [
        ("suspended", devices("status = 'suspended'"), 401, "unauthorized"),
        ("checked out", check_out, 401, "unauthorized"),
        ("hotel suspended", suspend_hotel, 403, "tenant_closed"),
    ],
)
async def test_what_is_revoked_while_it_waits(
    hub: Hub, api: Api, admin: Connection, hotel: Hotel, what: str, revoke: Revoke, status: int, code: str
) -> None:
    start = (await poll(api, hotel.tablet()))["next"]
    async with waiting(hub, api, hotel.tablet(), start) as late:
        await revoke(admin, hotel)
        found = problem(await late.answer(), status, code)
        assert not found["temporary"], what
    problem(await api.get(PATH, hotel.tablet(), after=start), status, code)


async def test_it_waits_no_longer_than_the_token_is_good(hub: Hub, api: Api, hotel: Hotel) -> None:
    start = (await poll(api, hotel.tablet()))["next"]
    headers = {"Authorization": f"Bearer {token_for(hotel.tablet(), 0.5)}"}
    async with asyncio.timeout(DEADLINE):
        answer = await api.client.get(PATH, headers=headers, params={"after": start, "wait": 30})
    assert (answer.status_code, kinds(answer.json())) == (200, ["position"])


async def test_a_guest_who_moves_in_needs_a_fresh_token(
    hub: Hub, api: Api, admin: Connection, hotel: Hotel
) -> None:
    await admin.execute("UPDATE app.stays SET ended_at = now() WHERE tenant_id = $1", hotel.tenant_id)
    empty = msgspec.structs.replace(hotel.tablet(), stay_id=None)
    start = (await poll(api, empty))["next"]
    async with waiting(hub, api, empty, start) as late:
        await admin.execute(
            "INSERT INTO app.stays (tenant_id, room_number) VALUES ($1, '101')", hotel.tenant_id
        )
        problem(await late.answer(), 401, "token_expired")


async def test_a_hub_that_leaves_answers_at_once(settings: Settings, admin: Connection) -> None:
    hotel = await make_hotel(admin)
    async with small(msgspec.structs.replace(settings, drain_seconds=1.0)) as (hub, api):
        start = (await poll(api, hotel.tablet()))["next"]
        async with waiting(hub, api, hotel.tablet(), start) as late:
            await hub.drain()
            assert not hub.node.sessions
            answer = await late.answer()
        problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "3"
        problem(await api.get(PATH, hotel.tablet()), 503, "unavailable")


async def test_who_is_too_many_at_once_comes_later(settings: Settings, admin: Connection) -> None:
    hotel = await make_hotel(admin)
    few = msgspec.structs.replace(settings, accepts_per_second=1.0, accepts_burst=1)
    async with small(few) as (_, api):
        await poll(api, hotel.tablet())
        answer = await api.get(PATH, hotel.tablet())
        problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "1"


async def test_of_many_that_wait_the_newest_win(hub: Hub, api: Api, hotel: Hotel) -> None:
    start = (await poll(api, hotel.tablet()))["next"]
    async with waiting(hub, api, hotel.tablet(), start) as first:
        tasks = [asyncio.create_task(api.get(PATH, hotel.tablet(), after=start, wait=30)) for _ in range(6)]
        problem(await first.answer(), 429, "rate_limited")
        order = await api.place(hotel)
        async with asyncio.timeout(DEADLINE):
            answers = await asyncio.gather(*tasks)
    assert [orders(answer.json()) for answer in answers] == [[order["id"]]] * 6
    assert not hub.node.sessions


async def test_a_database_that_is_away_is_told(
    hub: Hub, api: Api, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("hub.realtime.stream_poll._PATIENCE_SECONDS", 0.05)
    original = hub.past.state
    msgspec.structs.force_setattr(hub.past, "state", away)
    try:
        problem(await api.get(PATH, hotel.tablet()), 503, "unavailable")
    finally:
        msgspec.structs.force_setattr(hub.past, "state", original)
    assert not hub.node.sessions


# over a real connection


async def test_it_is_no_session_of_its_device(settings: Settings, hotel: Hotel) -> None:
    """It neither shows the device online nor replaces its socket."""
    async with running(settings, relay=False, twins=False) as live, peer(live) as socket:
        await socket.hello(hotel.kitchen())
        async with httpx.AsyncClient(base_url=f"http://{live.host}:{live.port}") as client:
            api = Api(client)
            await poll(api, hotel.kitchen())
            for _ in range(3):
                await socket.until("position")
        assert not [frame for frame in socket.frames if frame["type"] == "bye"]


async def test_a_client_that_leaves_is_forgotten(settings: Settings, hotel: Hotel) -> None:
    async with running(settings, relay=False) as live:
        async with httpx.AsyncClient(base_url=f"http://{live.host}:{live.port}") as client:
            api = Api(client)
            start = (await poll(api, hotel.kitchen()))["next"]
            async with waiting(live.hub, api, hotel.kitchen(), start):
                assert len(live.hub.node.sessions) == 1
        async with asyncio.timeout(DEADLINE):
            await live.hub.node.emptied()


async def test_staff_see_what_their_role_may(api: Api, admin: Connection, hotel: Hotel) -> None:
    await api.place(hotel)
    cook, editor = await make_staff(admin, hotel, "kitchen"), await make_staff(admin, hotel, "menu_editor")
    for who, seen in ((cook, 1), (editor, 0)):
        answer = await poll(api, who)
        state = answer["frames"][0]["state"]
        assert [one["kind"] for one in state].count("order") == seen
    limited = msgspec.structs.replace(await make_staff(admin, hotel, "manager"), limited=True)
    problem(await api.get(PATH, limited), 403, "forbidden")
