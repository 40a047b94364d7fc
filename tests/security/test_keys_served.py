"""A front desk works over HTTP on two processes, and screens stay open, while all keys of its hotel change:
no request fails, and everything can be read afterwards."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx

from hub.keys import rotation
from hub.keys.command import Access
from tests.factories import Hotel, make_staff
from tests.realtime.conftest import running
from tests.realtime.screens import token_of
from tests.security.rotating import going_on, quick, reencryption

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

STAYS = "/api/v1/stays"


async def test_a_front_desk_and_its_screens_notice_nothing(
    settings: Settings, access: Access, admin: Connection, hotel: Hotel
) -> None:
    bearer = {"Authorization": f"Bearer {token_of(await make_staff(admin, hotel, 'manager'))}"}
    lines = [{"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}]
    phones: dict[str, str] = {}
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(running(quick(settings), relay=n == 0)) for n in range(2)]
        desks = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=f"http://{node.host}:{node.port}", headers=bearer)
            )
            for node in nodes
        ]
        kitchen = await stack.enter_async_context(nodes[0].screen(hotel.kitchen()))
        tablet = await stack.enter_async_context(nodes[1].screen(hotel.tablet()))

        async def ask(number: int, method: str, path: str, body: object = None) -> Any:
            headers = {"Idempotency-Key": str(uuid4())} if method == "POST" else {}
            answer = await desks[number % 2].request(method, path, json=body, headers=headers)
            assert answer.status_code in (200, 201), answer.text
            return answer.json()

        async def check_in(number: int) -> None:
            room, phone = f"9{number:04}", f"+81 90-1111-{number:04}"
            guest = {"guest_name": f"Guest {number} 様", "guest_phone": phone}
            await ask(number, "POST", STAYS, {"room_number": room, **guest})
            # what one process has sealed the other finds, and opens
            [found] = (await ask(number + 1, "POST", f"{STAYS}/search", {"phone": phone}))["stays"]
            assert (found["room_number"], found["guest_name"]) == (room, guest["guest_name"])
            phones[phone] = room

        async def read(number: int) -> None:
            for stay in (await ask(number, "GET", STAYS))["stays"]:
                assert stay["guest_name"] is not None or not stay["room_number"].startswith("9")

        async def order(_: int) -> None:
            placed = await tablet.command("order.place", lines=lines)
            await kitchen.command("order.advance", order_id=placed["order"]["id"], to="cooking")

        for number in range(5):
            await check_in(1000 + number)
        async with going_on(check_in, read, order), asyncio.timeout(60):
            await rotation.rotate_data(access.database, access.vault, hotel.tenant_id)
            done = await reencryption(access).hotel(hotel.tenant_id)
        assert done.left == []
        for number, (phone, room) in enumerate(phones.items()):
            [found] = (await ask(number, "POST", f"{STAYS}/search", {"phone": phone}))["stays"]
            assert (found["room_number"], found["guest_phone"]) == (room, phone)
