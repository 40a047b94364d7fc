"""Looking at hubs from outside: their readiness, and how soon an order is seen."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.faults.load import lateness
from tests.realtime.screens import DEADLINE, Document, Screen

if TYPE_CHECKING:
    from hub.security.principal import Principal
    from tests.factories import Hotel


def ready(address: tuple[str, int]) -> tuple[int, str]:
    """Status code and state of /readyz."""
    connection = http.client.HTTPConnection(*address, timeout=DEADLINE)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())["status"]
    finally:
        connection.close()


async def until_ready(address: tuple[str, int], status: int, state: str) -> None:
    said: object = "nothing"
    try:
        async with asyncio.timeout(DEADLINE):
            while (said := await asyncio.to_thread(ready, address)) != (status, state):  # noqa: ASYNC110 - over there
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not {state} within {DEADLINE:.0f} s: it says {said}") from None


def soup(hotel: Hotel) -> list[Document]:
    return [{"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}]


@asynccontextmanager
async def screen(principal: Principal, address: tuple[str, int]) -> AsyncIterator[Screen]:
    async with Screen(principal, lambda: address) as one:
        yield one


def shows(one: Screen, wanted: set[str]) -> Callable[[], bool]:
    return lambda: set(one.orders()) == wanted


def has(one: Screen, order_id: str) -> Callable[[], bool]:
    return lambda: order_id in one.orders()


def said_goodbye(one: Screen) -> Callable[[], bool]:
    return lambda: bool(one.byes)


async def order_and_see(guest: Screen, hotel: Hotel, *others: Screen) -> float:
    """Place an order; seconds from the reply until the last of the others shows it, but those in which this
    process itself was held up."""
    order = (await guest.command("order.place", lines=soup(hotel)))["order"]
    async with lateness() as late:
        started = time.monotonic()
        for other in others:
            await other.until(has(other, order["id"]))
        return time.monotonic() - started - late.seconds
