"""The pages in headless Chromium, against a real hub on a database of its own."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import async_playwright, expect

from tests.browser.frames import Frames
from tests.browser.hub_process import HubProcess
from tests.browser.kitchens import calm
from tests.browser.screens import Kitchen, Screens, Tablet

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from hub.db.pool import Connection
    from hub.settings import Settings

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=user-gesture-required",
)
# Where Playwright itself gives up after five seconds, a machine that is busy with something else may still be
# at work on one frame.
expect.set_options(timeout=15_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The system's Chromium."""
    if CHROMIUM is None:
        pytest.fail("Chromium is not installed: apt-get install chromium fonts-noto-cjk")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        await browser.close()


@pytest.fixture(scope="module")
async def live_hub(settings: Settings) -> AsyncIterator[HubProcess]:
    """A hub process with the demo hotel, shared by a test module."""
    hub = HubProcess(settings)
    await hub.furnish()
    try:
        await hub.start()
        yield hub
    finally:
        await hub.kill()


@pytest.fixture(scope="session")
def free_rooms() -> Iterator[str]:
    """Rooms that no test has used; each test takes its own."""
    from hub.demo.hotel import ROOMS

    return iter(ROOMS * 10)


@pytest.fixture
def room(free_rooms: Iterator[str]) -> str:
    return next(free_rooms)


@pytest.fixture
async def screens(
    browser: Browser,
    live_hub: HubProcess,
    admin: Connection,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Screens]:
    """Opens screens on a hotel without orders; at the end no page may have an error in its console."""
    await live_hub.ensure()
    await calm(admin)
    async with AsyncExitStack() as stack:
        opened = Screens(browser, live_hub, stack, tmp_path / request.node.name)
        yield opened
        await opened.settle()
        opened.check_errors()


@pytest.fixture
async def kitchen(screens: Screens) -> Kitchen:
    return await screens.kitchen()


@pytest.fixture
async def tablet(screens: Screens, room: str, kitchen: Kitchen) -> Tablet:
    """The tablet of this test's room, opened when the kitchen is live."""
    return await screens.tablet(room)


@pytest.fixture
def frames() -> Frames:
    """Between the page of a test and the hub."""
    return Frames()
