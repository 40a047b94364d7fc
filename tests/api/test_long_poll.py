"""The events of a hotel by long poll, for those who can hold neither a socket nor a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import msgspec
import pytest

from hub.log.event import Position
from tests.api.conftest import Api, bearer, problem
from tests.api.polling import PATH, Follower, kinds, orders, poll, small, waiting
from tests.factories import make_hotel, make_staff
from tests.realtime.conftest import head
from tests.realtime.test_stays import epoch

if TYPE_CHECKING:
    from hub.app import Hub
    from hub.db.pool import Connection
    from hub.log.event import State
    from hub.settings import Settings
    from tests.factories import Hotel


# what it answers


async def test_without_a_position_there_is_a_snapshot(
    hub: Hub, api: Api, admin: Connection, hotel: Hotel
) -> None:
    order = await api.place(hotel)
    answer = await poll(api, hotel.kitchen(), wait=30)
    assert kinds(answer) == ["snapshot", "position"]
    assert answer["next"] == f"{await epoch(admin, hotel)}:{await head(admin, hotel)}"
    state = answer["frames"][0]["state"]
    assert [one["data"] for one in state if one["kind"] == "order"] == [order]
    assert not hub.node.sessions


async def test_a_snapshot_that_was_read_before_is_brought_up_to_date(
    hub: Hub, api: Api, admin: Connection, hotel: Hotel
) -> None:
    original = hub.past.state
    here = Position(UUID(str(await epoch(admin, hotel))), await head(admin, hotel))
    old = await original(hotel.tenant_id, here, True)

    async def always_old(*_: object) -> State:
        return old

    order = await api.place(hotel)
    msgspec.structs.force_setattr(hub.past, "state", always_old)
    try:
        answer = await poll(api, hotel.kitchen())
    finally:
        msgspec.structs.force_setattr(hub.past, "state", original)
    assert answer["frames"][0]["seq"] == old.seq
    assert (kinds(answer)[0], kinds(answer)[-1]) == ("snapshot", "position")
    assert orders(answer) == [order["id"]]
    assert answer["next"] == f"{old.epoch}:{await head(admin, hotel)}"


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
    assert (kinds(answer), answer["next"]) == (["snapshot", "position"], f"{now}:{last}")


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


# what it never tells


async def test_nothing_of_another_hotel(
    hub: Hub, api: Api, admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    theirs = f"{await epoch(admin, other_hotel)}:{await head(admin, other_hotel)}"
    first = await poll(api, hotel.kitchen(), after=theirs)
    assert kinds(first) == ["snapshot", "position"]
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


async def test_staff_see_what_their_role_may(api: Api, admin: Connection, hotel: Hotel) -> None:
    await api.place(hotel)
    cook, editor = await make_staff(admin, hotel, "kitchen"), await make_staff(admin, hotel, "menu_editor")
    for who, seen in ((cook, 1), (editor, 0)):
        answer = await poll(api, who)
        state = answer["frames"][0]["state"]
        assert [one["kind"] for one in state].count("order") == seen
    limited = msgspec.structs.replace(await make_staff(admin, hotel, "manager"), limited=True)
    problem(await api.get(PATH, limited), 403, "forbidden")
