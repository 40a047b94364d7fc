"""Who cannot see well, hear, point, or read the language: every view of the tablet in every form."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Final

import pytest
from playwright.async_api import expect

from tests.browser.axe import findings
from tests.browser.probes import FAINT
from tests.browser.screens import SOUP, Language, Screens, Tablet
from tests.browser.tablet_probes import CUT, FOCUS, MIXED, STILL, TARGETS, TINY, TORN
from tests.browser.tablet_views import BEEF, EVENING, ended, paint, resting, views

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.browser.frames import Frames

PHONE: Final = (390, 844)
TABLET: Final = (1280, 800)
SIZES: Final = {"tablet": TABLET, "phone": PHONE}
LETTERS: Final = "(size) => { document.documentElement.style.fontSize = size; }"
GREETINGS: Final = {
    "22T23:30": "どうぞ",
    "23T06:00": "おはよう",
    "23T12:00": "ようこそ",
    "23T18:00": "こんばん",
}


async def _open(
    screens: Screens, room: str, frames: Frames, language: Language, *, night: bool = False
) -> Tablet:
    frames.set_clock(EVENING)
    paint(frames, night=night)
    tablet = await screens.tablet(room, language, frames=frames)
    await tablet.page.emulate_media(reduced_motion="reduce")  # no colour on its way to another
    await expect(tablet.page.locator("html")).to_have_attribute("data-theme", "night" if night else "day")
    return tablet


@pytest.mark.parametrize("night", [False, True], ids=["day", "night"])
@pytest.mark.parametrize("language", ["ja", "en"])
async def test_g12_axe_finds_nothing_serious_and_every_text_stands_out(
    screens: Screens, room: str, frames: Frames, language: Language, night: bool
) -> None:
    tablet = await _open(screens, room, frames, language, night=night)
    async for view in views(tablet, frames, language):
        await tablet.picture(view)
        assert await findings(tablet.page) == [], view
        assert await tablet.page.evaluate(FAINT) == [], view


async def test_axe_does_find_what_is_wrong(screens: Screens, room: str) -> None:
    tablet = await screens.tablet(room)
    await tablet.becomes(STILL)
    # one that the page does not name again when it draws itself
    nameless = "() => { const button = document.querySelector('.language').cloneNode();"
    nameless += " button.removeAttribute('aria-label'); document.querySelector('#bar').append(button); }"
    await tablet.page.evaluate(nameless)
    assert [each["rule"] for each in await findings(tablet.page)] == ["button-name"]


@pytest.mark.parametrize("size", ["tablet", "phone"])
async def test_g2_targets_and_letters_are_large_enough_and_the_way_home_is_there(
    screens: Screens, room: str, frames: Frames, size: str
) -> None:
    tablet = await _open(screens, room, frames, "ja")
    page = tablet.page
    await tablet.resize(*SIZES[size])
    assert await page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") >= 18
    async for view in views(tablet, frames, "ja"):
        assert await page.evaluate(TARGETS, 48) == [], view
        assert await page.evaluate(TINY, 16) == [], view
        for selector, least in ((".price", 18), (".line-price", 18), (".item-price", 18)):
            sizes = await page.locator(f"{selector}:visible").evaluate_all(
                "all => all.map((each) => parseFloat(getComputedStyle(each).fontSize))"
            )
            assert all(each >= least for each in sizes), (view, selector)
        heights = await page.locator(".primary:visible").evaluate_all(
            "all => all.map((each) => each.getBoundingClientRect().height)"
        )
        assert all(each >= 56 for each in heights), view
        close = page.locator("dialog").get_by_role("button").first
        home = page.locator(".brand")
        assert await (close if await close.count() else home).is_visible(), view


@pytest.mark.parametrize("size", ["tablet", "phone"])
async def test_g3_english_holds_no_japanese_on_any_page(
    screens: Screens, room: str, frames: Frames, size: str
) -> None:
    tablet = await _open(screens, room, frames, "en")
    await tablet.resize(*SIZES[size])
    async for view in views(tablet, frames, "en"):
        await expect(tablet.page.locator("html")).to_have_attribute("lang", "en")
        assert await tablet.page.evaluate(MIXED) == [], view
        await tablet.picture(view)


async def test_g3_one_tap_changes_the_language_and_keeps_everything(
    screens: Screens, room: str, frames: Frames
) -> None:
    tablet = await _open(screens, room, frames, "ja")
    page, html = tablet.page, tablet.page.locator("html")

    async def there_and_back(english: str, japanese: str) -> None:
        await tablet.switch_language()
        await expect(html).to_have_attribute("lang", "en")
        await expect(page.get_by_role("heading", level=1)).to_have_text(english)
        assert await page.evaluate(MIXED) == []
        await tablet.switch_language()
        await expect(html).to_have_attribute("lang", "ja")
        await expect(page.get_by_role("heading", level=1)).to_have_text(japanese)

    await tablet.add(SOUP["ja"], 2)
    await there_and_back("Good evening", "こんばんは")
    await expect(page.locator("cart-panel .step-count")).to_have_text("2")
    await tablet.open(BEEF["ja"])
    await tablet.choose("レア")
    await there_and_back(BEEF["en"], BEEF["ja"])
    await expect(page.get_by_role("radio", name="レア", exact=True)).to_be_checked()
    await tablet.home()
    await page.locator(".allergies-chip").click()
    await page.get_by_role("button", name="えび").click()
    await there_and_back("Allergies", "アレルギーについて")
    await expect(page.get_by_role("button", name="えび")).to_have_attribute("aria-pressed", "true")
    await tablet.home()
    await tablet.review()
    await page.locator("#requests").fill("two plates")
    await there_and_back("Review your order", "ご注文の確認")
    await expect(page.locator("#requests")).to_have_value("two plates")
    await expect(tablet.place_button).to_have_text("注文する　3,630円")
    await tablet.place_button.click()
    await expect(tablet.received).to_be_visible()
    await there_and_back("Your orders", "ご注文の状況")
    await tablet.switch_language()
    await page.reload()
    await expect(html).to_have_attribute("lang", "en")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your orders")


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_g12_letters_twice_as_large_lose_nothing(
    screens: Screens, room: str, frames: Frames, language: Language
) -> None:
    tablet = await _open(screens, room, frames, language)
    page = tablet.page
    async for view in views(tablet, frames, language):
        for name, width, height in (("zoom", 640, 400), ("phone", 390, 844)):
            await tablet.resize(width, height)
            assert await page.evaluate(CUT) == [], (view, name)
            await tablet.picture(f"{view}-{name}")
        await page.evaluate(LETTERS, "200%")
        assert await page.evaluate(CUT) == [], (view, "letters on a phone")
        await tablet.picture(f"{view}-letters")
        await page.evaluate(LETTERS, "")
        await tablet.resize(*TABLET)
        assert await page.evaluate(CUT) == [], (view, "tablet")


@pytest.mark.parametrize("size", ["tablet", "phone"])
async def test_headings_are_never_torn_inside_a_word(
    screens: Screens, room: str, frames: Frames, size: str
) -> None:
    tablet = await _open(screens, room, frames, "ja", night=True)
    await tablet.resize(*SIZES[size])
    async for view in views(tablet, frames, "ja"):
        assert await tablet.page.evaluate(TORN) == [], view
    await tablet.home()
    for hour, greeting in GREETINGS.items():
        frames.set_clock(datetime.fromisoformat(f"2026-11-{hour}+09:00"))
        await expect(tablet.page.locator(".hero-greeting")).to_contain_text(greeting)
        assert await tablet.page.evaluate(TORN) == [], hour


async def test_g12_the_whole_flow_by_keyboard_with_the_focus_in_sight(
    screens: Screens, room: str, frames: Frames
) -> None:
    tablet = await _open(screens, room, frames, "en")
    page, press = tablet.page, tablet.page.keyboard.press

    async def reach(name: str, key: str = "Tab", most: int = 260) -> None:
        for _ in range(most):
            await press(key)
            focus = await page.evaluate(FOCUS)
            assert focus["seen"] or focus["tag"] in ("H1", "BODY"), focus
            if focus["name"].startswith(name):
                assert focus["inside"], focus
                return
        raise AssertionError(f"{name} cannot be reached")

    await reach("Mains & sets")
    await press("Enter")
    await reach(BEEF["en"])
    await press("Enter")
    await expect(page.locator("item-view h1")).to_be_focused()
    for _ in range(4):
        await press("Tab")
        async with asyncio.timeout(30):
            while await page.evaluate("document.activeElement.type !== 'radio'"):
                await press("Tab")
        assert (await page.evaluate(FOCUS))["seen"]
        await press("Space")
    await reach("Add to order")
    await press("Enter")
    await expect(tablet.dish(BEEF["en"]).locator(".dish-open")).to_be_focused()
    await reach("Review order")
    await press("Enter")
    await expect(page.locator("review-view h1")).to_be_focused()
    await expect(tablet.place_button).to_be_enabled()
    await reach("Choose a time")
    await press("Enter")
    await expect(page.locator(".slot").first).to_be_visible()
    await press("Escape")
    await expect(page.locator("dialog")).to_have_count(0)
    assert "Choose a time" in (await page.evaluate(FOCUS))["name"], "the focus is where it was"
    await reach("Place order")
    await press("Enter")
    await expect(tablet.received).to_be_visible()
    await reach("Cancel this order")
    await press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await press("Tab")
    await press("Enter")
    await expect(tablet.status).to_have_text("Cancelled")


async def test_the_resting_screen_and_the_end_of_a_stay_are_for_everybody(
    screens: Screens, room: str, frames: Frames, admin: Connection
) -> None:
    screens.network_may_fail = True
    frames.set_clock(EVENING)
    paint(frames, night=False)
    tablet = await screens.tablet(room, "en", frames=frames, clock=True)
    await tablet.page.emulate_media(reduced_motion="reduce")
    await resting(tablet, frames)
    for night in (False, True):
        paint(frames, night=night)
        await expect(tablet.page.locator("html")).to_have_attribute("data-theme", "night" if night else "day")
        assert await findings(tablet.page) == []
        assert await tablet.page.evaluate(MIXED) == []
        assert await tablet.page.evaluate(TARGETS, 48) == []
    await tablet.page.locator("attract-view").click()
    await ended(tablet, admin)
    assert await findings(tablet.page) == []
    assert await tablet.page.evaluate(CUT) == []
    assert await tablet.page.evaluate(TORN) == []
