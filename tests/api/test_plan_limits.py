"""What a plan allows, told in numbers, and the last place given once: twenty at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import Api, problem
from tests.factories import Hotel, make_staff

if TYPE_CHECKING:
    import httpx

    from hub.db.pool import Connection
    from hub.security.principal import Principal

PAIRING = "/api/v1/devices/pairing"
PEOPLE = "/api/v1/staff/people"
MANY = 20


@pytest.fixture
async def manager(admin: Connection, hotel: Hotel) -> Principal:
    return await make_staff(admin, hotel, "manager")


def check(answers: list[httpx.Response], limit: str, allowed: int) -> None:
    """One got the last place; the others are told the numbers."""
    assert Counter(answer.is_success for answer in answers) == {True: 1, False: MANY - 1}
    for answer in answers:
        if not answer.is_success:
            details = problem(answer, 409, "limit_reached")["details"]
            assert details == {"limit": limit, "allowed": allowed, "used": allowed + 1}


async def test_the_last_room(api: Api, hotel: Hotel, admin: Connection, manager: Principal) -> None:
    await admin.execute("UPDATE app.tenants SET room_limit = 3 WHERE id = $1", hotel.tenant_id)
    codes = [(await api.post(PAIRING, {"device_type": "tablet"})).json()["user_code"] for _ in range(MANY)]
    answers = await asyncio.gather(
        *(
            api.post(f"{PAIRING}/{code}/approve", {"room_number": str(500 + n)}, manager)
            for n, code in enumerate(codes)
        )
    )
    check(list(answers), "rooms", 3)
    tablets = (
        "SELECT count(*) FROM app.device_rooms WHERE tenant_id = $1 AND device_type = 'tablet'"
        " AND status IN ('pending', 'active', 'suspended')"
    )
    assert await admin.fetchval(tablets, hotel.tenant_id) == 3
    # a kitchen's screen is no room
    code = (await api.post(PAIRING, {"device_type": "kitchen_screen"})).json()["user_code"]
    assert (await api.post(f"{PAIRING}/{code}/approve", {}, manager)).status_code == 200


async def test_the_last_person(api: Api, hotel: Hotel, admin: Connection, manager: Principal) -> None:
    await admin.execute("UPDATE app.tenants SET user_limit = 2 WHERE id = $1", hotel.tenant_id)
    answers = await asyncio.gather(
        *(
            api.post(PEOPLE, {"name": f"N{n}", "email": f"n{n}@example.com", "role": "front"}, manager)
            for n in range(MANY)
        )
    )
    check(list(answers), "users", 2)
    people = "SELECT count(*) FROM app.staff WHERE tenant_id = $1"
    assert await admin.fetchval(people, hotel.tenant_id) == 2


async def test_a_larger_plan_has_room_again(
    api: Api, hotel: Hotel, admin: Connection, manager: Principal
) -> None:
    await admin.execute("UPDATE app.tenants SET user_limit = 1 WHERE id = $1", hotel.tenant_id)
    person = {"name": "N", "email": "n@example.com", "role": "front"}
    problem(await api.post(PEOPLE, person, manager), 409, "limit_reached")
    await admin.execute("UPDATE app.tenants SET user_limit = 2 WHERE id = $1", hotel.tenant_id)
    assert (await api.post(PEOPLE, person, manager)).status_code == 201
