"""Takes the pictures of the README, into .github/screens: `python -m pytest tests/browser/portraits.py`.
Nobody collects this file by itself."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from playwright.async_api import expect

from tests.browser.desk import hire, open_desk
from tests.browser.kitchens import Dish, change_item, place, set_up
from tests.browser.screens import Language, Screens, Tablet
from tests.browser.tablet_views import BEEF

if TYPE_CHECKING:
    from playwright.async_api import Page

    from hub.db.pool import Connection

FOLDER: Final = Path(__file__).resolve().parents[2] / ".github" / "screens"
WIDTH: Final = 960
QUALITY: Final = 72
DINNER: Final = 18
PAINTED: Final = """() =>
  document.getAnimations().every(({ effect, playState }) =>
    effect.getTiming().iterations === Infinity || playState === 'finished') &&
  [...document.images].every((each) => each.complete ||
  each.getBoundingClientRect().top > innerHeight || !each.checkVisibility())"""
# What stands in the kitchen: room, dishes by their place in the menu, minutes ago, columns of the order.
BOARD: Final[list[tuple[str, list[Dish], float, dict[str, object]]]] = [
    ("601", [12, (20, {"quantity": 2})], 21, {}),
    ("704", [27], 14, {"rush": True}),
    ("703", [(22, {"conflicts": ["wheat"]}), 44], 9, {}),
    ("701", [15, 41, (52, {"quantity": 3})], 8, {"special_requests": "お箸を三膳お願いします"}),
    ("802", [31, 62], 6, {}),
    ("605", [35, 46], 5, {}),
    ("702", [14, 18, 50], 4, {"special_requests": "No ice, please"}),
    ("804", [30], 3, {}),
    ("602", [(45, {"quantity": 2})], 2, {}),
    ("805", [24, 28], 1, {}),
    ("603", [16, 38], 0, {}),
]
READY: Final = {"status": "ready"}
CARRIED: Final = ("502", "503", "603", "701", "702", "804")


async def take(page: Page, name: str, language: Language) -> None:
    """What stands in the window, as a WebP of WIDTH."""
    async with asyncio.timeout(10):
        while True:
            if await page.evaluate(PAINTED):
                break
            await asyncio.sleep(0.05)
    size = page.viewport_size
    assert size is not None
    session = await page.context.new_cdp_session(page)
    clip = {"x": 0, "y": 0, **size, "scale": WIDTH / size["width"]}
    taken = await session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY, "clip": clip})
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}-{language}.webp").write_bytes(base64.b64decode(taken["data"]))


@pytest.fixture(params=["ja", "en"])
def language(request: pytest.FixtureRequest) -> Language:
    return "en" if request.param == "en" else "ja"


@pytest.fixture(autouse=True)
async def evening(admin: Connection, live_hub: object) -> None:
    """The hotel stands where it is time for dinner."""
    west = (datetime.now(UTC).hour - DINNER + 12) % 24 - 12
    zone = f"Etc/GMT{west:+d}" if west else "Etc/GMT"  # these names count towards the west
    await admin.execute("UPDATE app.tenants SET time_zone = $1", zone)


async def test_kitchen(screens: Screens, admin: Connection, language: Language) -> None:
    orders = []
    for room, dishes, minutes, columns in BOARD:
        orders.append(await place(admin, room, dishes, minutes=minutes, **columns))
    for order in orders[:4]:
        await change_item(admin, order, 1, status="cooking")
    kitchen = await screens.kitchen()
    if language == "en":
        await kitchen.switch_language()
    await kitchen.open_sound_gate()
    await expect(kitchen.page.locator("kitchen-ticket")).to_have_count(len(BOARD))
    await take(kitchen.page, "kitchen", language)


async def test_runner(screens: Screens, admin: Connection, language: Language) -> None:
    await set_up(admin, view="runner")
    for number, room in enumerate(CARRIED):
        dishes: list[Dish] = [(12 + number, READY), (40 + number, READY)]
        await place(admin, room, dishes, minutes=18 - number, status="ready")
    kitchen = await screens.kitchen()
    if language == "en":
        await kitchen.switch_language()
    await kitchen.open_sound_gate()
    await expect(kitchen.page.locator("runner-board")).to_contain_text(CARRIED[-1])
    await take(kitchen.page, "runner", language)


async def test_tablet(screens: Screens, room: str, language: Language) -> None:
    tablet: Tablet = await screens.tablet(room, language)
    page = tablet.page
    await take(page, "menu", language)
    await tablet.open(BEEF[language])
    for group in await page.locator("option-groups fieldset").all():
        await group.locator(".choice").nth(1).click()
    await take(page, "dish", language)
    await page.locator(".item-add").click()
    await tablet.review()
    await expect(tablet.place_button).to_be_enabled()
    await take(page, "review", language)
    await tablet.place_button.click()
    await expect(tablet.received).to_be_visible()
    await take(page, "order", language)


async def test_desk(screens: Screens, admin: Connection, language: Language, tmp_path: Path) -> None:
    for room, dishes, minutes, columns in BOARD[:6]:
        await place(admin, room, dishes, minutes=minutes, **columns)
    await place(admin, "805", [24], minutes=0.5, shown_at=datetime.now(UTC))
    await screens.kitchen()
    desk = await open_desk(screens, tmp_path, language)
    await desk.enter(await hire(admin, screens))
    await desk.go("service")
    await expect(desk.page.locator("service-view .row")).to_have_count(7)
    await take(desk.page, "desk", language)
