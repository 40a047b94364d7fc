"""A browser's own EventSource on the event stream: it goes on by itself after a break, and stays away when it
is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

import msgspec
import pytest

from hub.realtime.protocol import CloseCode
from hub.realtime.stream import EventWire
from tests.factories import make_staff
from tests.realtime.conftest import Live, running
from tests.realtime.screens import DEADLINE, token_of

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

    from hub.db.pool import Connection
    from hub.realtime.session import Session
    from hub.settings import Settings
    from tests.factories import Hotel

OPEN: Final = """() => {
    window.seen = [];
    window.stream = new EventSource('/api/v1/events');
    for (const kind of ['welcome', 'snapshot', 'event', 'position', 'bye'])
        stream.addEventListener(kind, ({data}) => seen.push(JSON.parse(data)));
    window.count = (kind) => seen.filter(({type}) => type === kind).length;
}"""


@pytest.fixture(scope="module")
async def live(settings: Settings) -> AsyncIterator[Live]:
    async with running(msgspec.structs.replace(settings, retry_ms=100), relay=False) as hub:
        yield hub


@pytest.fixture
async def page(browser: Browser, live: Live, admin: Connection, hotel: Hotel) -> AsyncIterator[Page]:
    """A page of the hub in the browser of a manager, who looks at the stream."""
    address = f"http://{live.host}:{live.port}"
    token = token_of(await make_staff(admin, hotel, "manager"))
    context = await browser.new_context()
    await context.add_cookies([{"name": "hub_access", "value": token, "url": address}])
    page = await context.new_page()
    await page.goto(f"{address}/api/openapi.json")
    await page.evaluate(OPEN)
    await until(page, "count('position') > 0")
    yield page
    await context.close()
    async with asyncio.timeout(DEADLINE):
        await live.hub.node.emptied()


async def until(page: Page, condition: str) -> None:
    """Wait in the page, whose policy lets no text become code there."""
    async with asyncio.timeout(DEADLINE):
        await page.evaluate(
            f"async () => {{ while (!({condition})) await new Promise((on) => setTimeout(on, 10)); }}"
        )


def session_of(live: Live) -> Session:
    (session,) = live.hub.node.sessions
    return session


async def test_it_goes_on_after_a_break_without_another_snapshot(page: Page, live: Live) -> None:
    wire = session_of(live).wire
    assert isinstance(wire, EventWire)
    assert wire._connection is not None
    wire._connection.abort()
    await until(page, "count('welcome') === 2 && seen.at(-1).type === 'position'")
    assert await page.evaluate("count('snapshot')") == 1


async def test_it_comes_back_after_a_goodbye_for_now(page: Page, live: Live) -> None:
    session_of(live).close(CloseCode.DRAIN, retry_ms=50)
    await until(page, "count('bye') === 1 && count('welcome') === 2 && seen.at(-1).type === 'position'")
    assert await page.evaluate("count('snapshot')") == 1


async def test_it_stays_away_after_a_goodbye_for_good(page: Page, live: Live) -> None:
    session_of(live).close(CloseCode.LIMIT)
    await until(page, "count('bye') === 1 && stream.readyState === EventSource.CLOSED")
    async with asyncio.timeout(DEADLINE):
        await live.hub.node.emptied()
    assert await page.evaluate("count('welcome')") == 1
