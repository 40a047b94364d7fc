"""The front desk shows and prints the code that lets a guest's own phone into the stay of a room."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.async_api import expect

from hub.security import qr
from tests.browser.axe import findings
from tests.browser.desk import Desk, hire, open_desk
from tests.browser.probes import FAINT, SMALL, VISIBLE
from tests.browser.test_phone import MODULES, scan
from tests.browser.test_service_settings import SETTLED
from tests.browser.test_staff import JAPANESE, SIDEWAYS, SIZES

if TYPE_CHECKING:
    from playwright.async_api import Locator, Route

    from hub.db.pool import Connection
    from tests.browser.screens import Language, Screens

PATH: Final = "**/api/v1/stays/*/phone-code"
STAYS: Final = "**/api/v1/stays"
OPEN: Final[dict[Language, str]] = {"en": "Code for a phone", "ja": "スマートフォン用のコード"}
# Instead of the dialog of the system.
COUNTED: Final = "globalThis.prints = 0; globalThis.print = () => { globalThis.prints += 1; };"
# What of the page is on paper.
SHOWN: Final = """() => [...document.querySelectorAll('body *')]
          .filter((each) => each.checkVisibility() && !each.children.length)
          .map((each) => each.textContent)"""


@pytest.fixture
async def desk(screens: Screens, admin: Connection, tmp_path: Path) -> Desk:
    """The page of somebody at the front desk."""
    desk = await open_desk(screens, tmp_path, "en", script=COUNTED)
    await desk.enter(await hire(admin, screens, "front"))
    return desk


def dialog(desk: Desk) -> Locator:
    return desk.page.locator("dialog.phone-code")


def picture(desk: Desk) -> Locator:
    return dialog(desk).locator(".phone-code-place svg")


async def show(desk: Desk, room: str, language: Language = "en") -> dict[str, Any]:
    """Ask for the code of a room; what the hub has answered."""
    await desk.open_room(room)
    async with desk.page.expect_response(PATH) as answer:
        await desk.panel.get_by_role("button", name=OPEN[language], exact=True).click()
    await expect(picture(desk)).to_be_visible()
    code: dict[str, Any] = await (await answer.value).json()
    return code


async def test_a_guest_scans_it_and_is_in(screens: Screens, desk: Desk, room: str, tmp_path: Path) -> None:
    code = await show(desk, room)
    assert await picture(desk).evaluate(MODULES) == qr.rows(code["url"]), "the picture says the address"
    await expect(dialog(desk)).to_contain_text(f"Room {room}: order with a phone")
    await expect(dialog(desk).locator(".phone-code-left")).to_have_text(
        re.compile(r"^Valid until \d\d:\d\d \([45]:\d\d left\)$")
    )
    await desk.picture("code")
    phone = await scan(screens, code["url"], room, tmp_path)
    await expect(phone.page.locator(".room")).to_contain_text(room)
    await desk.page.keyboard.press("Escape")
    await expect(dialog(desk)).to_have_count(0)
    await expect(desk.panel.get_by_role("button", name=OPEN["en"])).to_be_focused()
    again = await show(desk, room)
    assert again["url"] != code["url"]


async def test_the_slip_is_all_that_is_printed(desk: Desk, room: str) -> None:
    code = await show(desk, room)
    await dialog(desk).get_by_role("button", name="Print").click()
    assert await desk.page.evaluate("prints") == 1
    await desk.page.emulate_media(media="print")
    slip = dialog(desk).locator(".slip")
    assert await slip.locator("svg").evaluate(MODULES) == qr.rows(code["url"])
    texts = [text for text in await desk.page.evaluate(SHOWN) if text]
    until = re.compile(r"\d\d:\d\d")
    assert texts == [text for text in await slip.locator("*").all_inner_texts() if text in texts]
    await expect(slip).to_contain_text(f"{room}号室 Room {room}")
    for language in ("ja", "en"):
        await expect(slip.locator(f".slip-words[lang={language}]")).to_have_text(until)
    await expect(slip).not_to_contain_text("http")
    box = await slip.bounding_box()
    assert box is not None
    assert box["y"] < 40, "nothing stands above it"
    await desk.picture("slip")
    # the page as it was before is printed as ever
    await desk.page.emulate_media(media="screen")
    await desk.page.keyboard.press("Escape")
    await desk.page.emulate_media(media="print")
    await expect(desk.panel).to_be_visible()


async def test_one_that_is_over_is_not_shown(screens: Screens, desk: Desk, room: str) -> None:
    async def short(route: Route) -> None:
        answer = await route.fetch()
        soon = datetime.now(UTC) + timedelta(seconds=1)
        await route.fulfill(response=answer, json=await answer.json() | {"expires_at": soon.isoformat()})

    await desk.page.route(PATH, short)
    await desk.open_room(room)
    await desk.panel.get_by_role("button", name=OPEN["en"]).click()
    await expect(dialog(desk)).to_contain_text("This code is no longer valid.")
    await expect(dialog(desk).locator("svg.qr")).to_have_count(0)
    await expect(dialog(desk).get_by_role("button", name="Print")).to_be_hidden()
    await desk.page.unroute(PATH)
    await dialog(desk).get_by_role("button", name="New code").click()
    await expect(picture(desk)).to_be_visible()
    await expect(dialog(desk).get_by_role("button", name="Print")).to_be_visible()


async def test_the_stay_ends_under_it(desk: Desk, room: str, screens: Screens, admin: Connection) -> None:
    await show(desk, room)
    # the list knows of the guest until it is asked for again
    async with desk.page.expect_response(STAYS) as listed:
        await desk.page.evaluate("dispatchEvent(new Event('online'))")
    known = await (await listed.value).json()
    await desk.page.route(STAYS, lambda route: route.fulfill(json=known))
    await admin.execute(
        "UPDATE app.stays SET ended_at = now()"
        " WHERE tenant_id = $1 AND room_number = $2 AND ended_at IS NULL",
        screens.hub.tenant_id,
        room,
    )
    await dialog(desk).get_by_role("button", name="New code").click()
    await expect(dialog(desk).locator(".alert")).to_have_text("This stay has ended.")
    await expect(dialog(desk).locator("svg.qr")).to_have_count(0)
    # the list hears of it too, and the dialog goes
    await desk.page.unroute(STAYS)
    await desk.page.evaluate("dispatchEvent(new Event('online'))")
    # one that was asked for just before is still the old one; the next comes after fifteen seconds
    await expect(dialog(desk)).to_have_count(0, timeout=30_000)
    await expect(desk.panel.get_by_role("button", name=OPEN["en"])).to_have_count(0)


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_all_sizes(
    screens: Screens, admin: Connection, room: str, tmp_path: Path, language: Language
) -> None:
    """Nothing in the wrong language, too small to touch, too faint to read, or beyond the edge."""
    who = await hire(admin, screens, "front")
    for name, width, height in (*SIZES, ("twice", 640, 400)):  # the last is a desk at 200 %
        desk = await open_desk(screens, tmp_path, language, size={"width": width, "height": height})
        await desk.enter(who)
        await show(desk, room, language)
        await desk.page.evaluate("document.fonts.ready")
        await desk.page.evaluate(SETTLED)
        where = f"{language}-{name}"
        await desk.picture(where)
        assert await desk.page.evaluate(SMALL, 44) == [], where
        assert await desk.page.evaluate(FAINT) == [], where
        assert await desk.page.evaluate(SIDEWAYS) <= 0, where
        assert await findings(desk.page) == [], where
        texts = await desk.page.evaluate(VISIBLE)
        assert language == "ja" or [text for text in texts if JAPANESE.search(text)] == [], where
        await desk.page.context.close()
