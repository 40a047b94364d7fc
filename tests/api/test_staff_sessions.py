"""Sign-ins that last: a refresh token is good once, a stolen one ends its session, everybody ends what is
one's own."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from hub.staff.tickets import Ticket
from tests.api.conftest import problem
from tests.api.desk import SESSION, STAFF, Desk, Hired, entered
from tests.factories import Hotel

if TYPE_CHECKING:
    from uuid import UUID

SESSIONS = f"{STAFF}/sessions"


async def age(desk: Desk, hotel: Hotel, by: timedelta) -> None:
    """Every refresh token of the hotel was made and used this much earlier."""
    await desk.admin.execute(
        "UPDATE app.refresh_tokens"
        " SET created_at = created_at - $2::interval, used_at = used_at - $2::interval WHERE tenant_id = $1",
        hotel.tenant_id,
        by,
    )


async def ended(desk: Desk, who: Hired) -> list[str | None]:
    """Why each session of a person ended, oldest first."""
    rows = await desk.admin.fetch(
        "SELECT end_reason FROM app.staff_sessions WHERE staff_id = $1 ORDER BY created_at", who.id
    )
    return [row["end_reason"] for row in rows]


async def works(desk: Desk, token: str) -> bool:
    answer = await desk.call("GET", SESSION, token=token)
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


async def test_each_refresh_token_leads_to_the_next(desk: Desk, hotel: Hotel) -> None:
    inside = await desk.enter(await desk.hire(hotel))
    token = inside.refresh
    for _ in range(3):
        await age(desk, hotel, timedelta(minutes=15))
        answer = await desk.refresh(token)
        assert answer.status_code == 200, answer.text
        fresh = entered(answer)
        assert fresh.refresh != token
        assert fresh.me == inside.me
        assert await works(desk, fresh.access)
        token = fresh.refresh


async def test_a_refresh_token_used_again_ends_the_session(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    other = await desk.enter(who)
    inside = await desk.enter(who)
    fresh = entered(await desk.refresh(inside.refresh))
    await age(desk, hotel, timedelta(seconds=11))
    problem(await desk.refresh(inside.refresh), 401, "unauthorized", "refresh_token")
    assert await ended(desk, who) == [None, "reused"]
    assert not await works(desk, fresh.access)
    problem(await desk.refresh(fresh.refresh), 401, "unauthorized", "refresh_token")
    assert await works(desk, other.access)
    [event] = await desk.events(hotel.tenant_id, "refresh.reused")
    assert event["record"] == str(who.id)


async def test_a_lost_answer_is_asked_for_again(desk: Desk, hotel: Hotel) -> None:
    inside = await desk.enter(await desk.hire(hotel))
    entered(await desk.refresh(inside.refresh))
    await age(desk, hotel, timedelta(seconds=5))
    again = entered(await desk.refresh(inside.refresh))
    await age(desk, hotel, timedelta(minutes=15))
    assert await works(desk, entered(await desk.refresh(again.refresh)).access)


async def test_a_thief_who_is_quick_is_found_out(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    inside = await desk.enter(who)
    owner = entered(await desk.refresh(inside.refresh))
    thief = entered(await desk.refresh(inside.refresh))
    await age(desk, hotel, timedelta(minutes=14))
    owner = entered(await desk.refresh(owner.refresh))
    await age(desk, hotel, timedelta(minutes=1))
    problem(await desk.refresh(thief.refresh), 401, "unauthorized", "refresh_token")
    assert await ended(desk, who) == ["reused"]
    assert not await works(desk, owner.access)


async def test_tabs_that_ask_at_once(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    inside = await desk.enter(who)
    answers = await asyncio.gather(*(desk.refresh(inside.refresh) for _ in range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({entered(answer).refresh for answer in answers}) == 8
    assert await ended(desk, who) == [None]
    used = await desk.admin.fetchval(
        "SELECT count(*) FROM app.refresh_tokens WHERE tenant_id = $1 AND used_at IS NOT NULL",
        hotel.tenant_id,
    )
    assert used == 1


async def test_what_nobody_uses_is_over(desk: Desk, hotel: Hotel) -> None:
    inside = await desk.enter(await desk.hire(hotel))
    await age(desk, hotel, timedelta(days=7, seconds=1))
    problem(await desk.refresh(inside.refresh), 401, "unauthorized", "refresh_token")


async def test_the_longest_session_is_over(desk: Desk, hotel: Hotel) -> None:
    inside = await desk.enter(await desk.hire(hotel))
    await desk.admin.execute(
        "UPDATE app.staff_sessions SET expires_at = now() WHERE tenant_id = $1", hotel.tenant_id
    )
    assert not await works(desk, inside.access)
    problem(await desk.refresh(inside.refresh), 401, "unauthorized", "refresh_token")


@pytest.mark.parametrize("token", ["x", "a.b", "a.b.c", "é.é", "😀", "0" * 32 + "." + "x" * 43, "." * 200])
async def test_what_is_no_refresh_token(desk: Desk, token: str) -> None:
    problem(await desk.refresh(token), 401, "unauthorized", "refresh_token")


async def test_no_refresh_token_at_all(desk: Desk) -> None:
    problem(await desk.call("POST", f"{SESSION}/refresh", {}), 401, "unauthorized", "refresh_token")
    problem(await desk.refresh("x" * 201), 400, "invalid_input", "refresh_token")


async def test_the_token_of_another_hotel(desk: Desk, hotel: Hotel, other_hotel: Hotel) -> None:
    inside = await desk.enter(await desk.hire(hotel))
    secret = inside.refresh.partition(".")[2]
    moved = Ticket(other_hotel.tenant_id, secret).encode()
    problem(await desk.refresh(moved), 401, "unauthorized", "refresh_token")
    answer = await desk.call(
        "POST",
        f"{SESSION}/refresh",
        {"refresh_token": inside.refresh},
        Host=f"{other_hotel.slug}.hotels.example",
    )
    problem(answer, 401, "unauthorized", "refresh_token")
    await desk.settled()
    assert len(await desk.events(other_hotel.tenant_id, "tenant.refused")) == 1
    assert (await desk.refresh(inside.refresh)).status_code == 200


async def test_signing_out(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    inside = await desk.enter(who)
    assert (await desk.call("POST", f"{SESSION}/end", token=inside.access)).status_code == 200
    assert await ended(desk, who) == ["signed_out"]
    assert not await works(desk, inside.access)
    problem(await desk.refresh(inside.refresh), 401, "unauthorized", "refresh_token")


async def listed(desk: Desk, path: str, token: str) -> list[str]:
    answer = await desk.call("GET", path, token=token)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["sessions"]]


async def test_own_sessions(desk: Desk, hotel: Hotel) -> None:
    who, colleague = await desk.hire(hotel), await desk.hire(hotel)
    first = await desk.enter(who)
    second = await desk.enter(who)
    other = await desk.enter(colleague)
    answer = await desk.call("GET", SESSIONS, token=second.access)
    sessions = answer.json()["sessions"]
    assert [one["current"] for one in sessions] == [True, False]
    assert sessions[0]["user_agent"].startswith("python-httpx")
    old = sessions[1]["id"]
    # A colleague's session is one that does not exist.
    problem(
        await desk.call("POST", f"{SESSIONS}/{old}/revoke", token=other.access),
        404,
        "not_found",
        "session_id",
    )
    assert (await desk.call("POST", f"{SESSIONS}/{old}/revoke", token=second.access)).status_code == 200
    assert not await works(desk, first.access)
    assert await works(desk, second.access)
    problem(
        await desk.call("POST", f"{SESSIONS}/{old}/revoke", token=second.access),
        404,
        "not_found",
        "session_id",
    )
    [event] = await desk.events(hotel.tenant_id, "session.revoked")
    assert (event["record"], event["user_id"]) == (str(who.id), who.id)


async def test_a_manager_ends_the_sessions_of_others(desk: Desk, hotel: Hotel, other_hotel: Hotel) -> None:
    who, boss = await desk.hire(hotel), await desk.hire(hotel, "manager")
    stranger = await desk.hire(other_hotel, "manager")
    inside, manager, foreign = [await desk.enter(one) for one in (who, boss, stranger)]
    path = f"{STAFF}/people/{who.id}/sessions"
    problem(await desk.call("GET", path, token=foreign.access), 404, "not_found", "staff_id")
    problem(await desk.call("GET", path, token=inside.access), 403, "forbidden")
    problem(
        await desk.call("GET", f"{STAFF}/people/{uuid4()}/sessions", token=manager.access),
        404,
        "not_found",
        "staff_id",
    )
    [session] = await listed(desk, path, manager.access)
    revoke = f"{SESSIONS}/{session}/revoke"
    problem(await desk.call("POST", revoke, token=foreign.access), 404, "not_found", "session_id")
    assert (await desk.call("POST", revoke, token=manager.access)).status_code == 200
    assert not await works(desk, inside.access)
    problem(
        await desk.call("POST", f"{SESSIONS}/x/revoke", token=manager.access),
        400,
        "invalid_input",
        "session_id",
    )


async def test_other_permissions_count_at_once_and_a_renewal_knows_them(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel, "kitchen")
    inside = await desk.enter(who)
    await change(desk, who.id, "role = 'runner'")
    problem(await desk.call("GET", SESSION, token=inside.access), 401, "token_expired")
    fresh = entered(await desk.refresh(inside.refresh))
    assert fresh.me["role"] == "runner"
    assert "order.cook" not in fresh.me["permissions"]
    assert await works(desk, fresh.access)


async def test_whoever_is_dismissed_gets_nothing_more(desk: Desk, hotel: Hotel) -> None:
    who = await desk.hire(hotel)
    inside = await desk.enter(who)
    await change(desk, who.id, "is_active = false")
    assert not await works(desk, inside.access)
    problem(await desk.refresh(inside.refresh), 401, "unauthorized", "refresh_token")


async def change(desk: Desk, staff_id: UUID, what: str) -> None:
    await desk.admin.execute(f"UPDATE app.staff SET {what} WHERE id = $1", staff_id)
