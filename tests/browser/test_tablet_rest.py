"""A tablet that nobody touches, a tablet at night, and a tablet that must look after itself."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final

from playwright.async_api import expect

from tests.browser.screens import SOUP, Screens, Tablet
from tests.browser.tablet_views import ended, paint, stop, strike

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.browser.frames import Frames

# Every animation, transition and picture effect of the page, and whether it has ever asked for sound.
MOVING: Final = """() => [
  document.getAnimations().length,
  [...document.querySelectorAll('body *')].filter((each) => {
    const style = getComputedStyle(each);
    return style.transitionDuration !== '0s' || style.animationName !== 'none';
  }).length,
]"""
SOUND: Final = """
globalThis.sounds = 0;
for (const name of ['AudioContext', 'Audio'])
  globalThis[name] = class { constructor() { globalThis.sounds += 1; } };
"""
LIGHT: Final = """(selector) => {
  const color = getComputedStyle(document.querySelector(selector)).backgroundColor;
  const rgb = color.match(/[\\d.]+/g).map(Number);
  return rgb.slice(0, 3).reduce((sum, each, n) => sum + (each / 255) ** 2.2 * [0.21, 0.72, 0.07][n], 0);
}"""


def japan(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+09:00")


async def _clocked(screens: Screens, room: str, frames: Frames) -> Tablet:
    """A tablet whose timers the test can hurry; the line breaks when it does, and comes back."""
    screens.network_may_fail = True
    tablet = await screens.tablet(room, frames=frames, clock=True)
    await tablet.add(SOUP["ja"])
    return tablet


async def test_g9_a_tablet_warns_leaves_twenty_seconds_and_rests_with_its_cart(
    screens: Screens, room: str, frames: Frames
) -> None:
    frames.set_clock(japan("2026-11-21T18:30"))
    tablet = await _clocked(screens, room, frames)
    await expect(tablet.page.locator("cart-panel .primary")).to_be_enabled()
    await stop(tablet)
    await tablet.review()
    clock, attract = tablet.page.clock, tablet.page.locator("attract-view")
    await clock.fast_forward(85_000)
    warning = tablet.page.get_by_role("dialog", name="まだご覧になっていますか")
    await expect(warning).to_have_count(0)
    await clock.fast_forward(6_000)
    await expect(warning).to_contain_text(re.compile(r"あと(1\d|20)秒で"))
    await tablet.picture("warning")
    await warning.get_by_role("button", name="このまま続ける").click()
    await expect(warning).to_have_count(0)
    await expect(tablet.page.locator("review-view")).to_be_visible()
    await clock.fast_forward(85_000)
    await expect(warning).to_have_count(0)
    await clock.fast_forward(6_000)
    await expect(warning).to_be_visible()
    await clock.fast_forward(20_000)
    await clock.resume()
    await expect(attract).to_be_visible()
    await expect(attract.locator(".attract-clock")).to_have_text(re.compile(r"^18:\d\d$"))
    await expect(attract.locator("figure")).to_have_count(2)
    await expect(attract.locator(".attract-begin")).to_be_focused()
    await tablet.picture("attract")
    await attract.click(position={"x": 900, "y": 90})
    await expect(attract).to_be_hidden()
    await expect(tablet.page.locator("menu-view")).to_be_visible()
    await expect(tablet.page.locator("cart-panel .step-count")).to_have_text("1")


async def test_g9_a_key_wakes_it_and_presses_nothing(screens: Screens, room: str, frames: Frames) -> None:
    tablet = await _clocked(screens, room, frames)
    await tablet.page.clock.fast_forward(91_000)
    await tablet.page.clock.fast_forward(21_000)
    await expect(tablet.page.locator("attract-view")).to_be_visible()
    await tablet.page.keyboard.press("Enter")
    await expect(tablet.page.locator("attract-view")).to_be_hidden()
    await expect(tablet.page.get_by_role("heading", level=1)).to_be_visible()
    await expect(tablet.page.locator("cart-panel .step-count")).to_have_text("1")


async def test_g9_an_order_that_nobody_answers_is_not_hidden(
    screens: Screens, room: str, frames: Frames
) -> None:
    screens.network_may_fail = True
    tablet = await screens.tablet(room, frames=frames, clock=True)
    await tablet.order(SOUP["ja"])
    await frames.until_known("order")
    frames.change("order", lambda order: order.update(alerts={"page": "2026-11-21T09:30:00Z"}))
    await expect(tablet.page.locator(".order-alarm")).to_be_visible()
    await tablet.page.clock.fast_forward(91_000)
    await tablet.page.clock.fast_forward(21_000)
    await expect(tablet.page.locator("html")).to_have_attribute("data-phase", "live")
    await expect(tablet.page.locator("attract-view")).to_be_hidden()
    await expect(tablet.page.locator(".order-alarm")).to_be_visible()


async def test_g9_a_phone_in_a_hand_does_not_rest(screens: Screens, room: str, frames: Frames) -> None:
    frames.change("principal", lambda principal: principal.update(kind="phone"))
    tablet = await _clocked(screens, room, frames)
    await tablet.page.clock.fast_forward(91_000)
    await tablet.page.clock.fast_forward(21_000)
    await expect(tablet.page.locator("html")).to_have_attribute("data-phase", "live")
    await expect(tablet.page.locator("attract-view")).to_be_hidden()
    await expect(tablet.page.get_by_role("dialog")).to_have_count(0)


async def test_g10_the_night_is_the_hotels_dark_still_and_silent(
    screens: Screens, room: str, frames: Frames
) -> None:
    frames.change("hotel", lambda hotel: hotel.update(night_start="21:30", night_end="06:00"))
    frames.set_clock(japan("2026-11-21T21:29"))
    tablet = await screens.tablet(room, frames=frames, script=SOUND)
    page = tablet.page
    await expect(page.locator("html")).to_have_attribute("data-theme", "day")
    assert await page.evaluate(LIGHT, "body") > 0.5
    assert (await page.evaluate(MOVING))[1] > 0, "by day a touch is answered with a little movement"
    for moment, theme in (("21T21:30", "night"), ("22T05:59", "night"), ("22T06:00", "day")):
        await strike(tablet, frames, japan(f"2026-11-{moment}"))
        await expect(page.locator("html"), moment).to_have_attribute("data-theme", theme)
        if theme == "night":
            assert await page.evaluate(LIGHT, "body") < 0.02
            assert await page.evaluate(MOVING) == [0, 0]
            picture = page.locator("dish-card img").first
            assert "brightness(0.6" in await picture.evaluate("each => getComputedStyle(each).filter")
    await strike(tablet, frames, japan("2026-11-22T22:00"))
    await tablet.order(SOUP["ja"])
    assert await page.evaluate(MOVING) == [0, 0]
    assert await page.evaluate("sounds") == 0


async def test_g10_the_goodbye_at_night_is_dark_too(
    screens: Screens, room: str, frames: Frames, admin: Connection
) -> None:
    screens.network_may_fail = True
    frames.set_clock(japan("2026-11-21T18:30"))
    tablet = await screens.tablet(room, frames=frames)
    paint(frames, night=True)
    await expect(tablet.page.locator("html")).to_have_attribute("data-theme", "night")
    await ended(tablet, admin)
    await expect(tablet.page.locator("html")).to_have_attribute("data-theme", "night")
    assert await tablet.page.evaluate(LIGHT, "body") < 0.02


async def test_g14_there_is_no_way_out_of_the_page(screens: Screens, room: str) -> None:
    tablet = await screens.tablet(room)
    await tablet.add(SOUP["ja"])
    outside = """() => [...document.querySelectorAll('a, area, iframe, form, object, [type=file]')]
      .filter((each) => !(each.href ?? '').startsWith(location.origin)).map((each) => each.outerHTML)"""
    for page in ("menu", "item", "allergies", "review", "orders"):
        if page == "item":
            await tablet.open(SOUP["ja"])
        if page == "allergies":
            await tablet.home()
            await tablet.page.locator(".allergies-chip").click()
            await expect(tablet.page.locator("allergy-view")).to_be_visible()
        if page == "review":
            await tablet.home()
            await tablet.review()
            await expect(tablet.place_button).to_be_enabled()
        if page == "orders":
            await tablet.place_button.click()
            await expect(tablet.received).to_be_visible()
        assert await tablet.page.evaluate(outside) == [], page
    kept = await tablet.page.evaluate(
        """() => {
          const kept = (event) => { document.body.dispatchEvent(event); return event.defaultPrevented; };
          const how = { ctrlKey: true, cancelable: true, bubbles: true };
          const key = (key) => new KeyboardEvent('keydown', { key, ...how });
          const plain = (name) => new Event(name, how);
          return [...['contextmenu', 'dragstart', 'dragover', 'drop'].map((name) => kept(plain(name))),
            ...['p', 's', 'o', 'u'].map((name) => kept(key(name)))];
        }"""
    )
    assert kept == [True] * 8


async def test_g14_a_page_whose_heart_stops_is_loaded_anew(
    screens: Screens, room: str, frames: Frames
) -> None:
    tablet = await _clocked(screens, room, frames)
    await stop(tablet)
    await tablet.page.evaluate("() => { globalThis.old = true; watchdog.beat = () => {}; }")
    await tablet.page.clock.run_for(20_000)
    assert await tablet.page.evaluate("globalThis.old === true"), "twenty seconds are nothing"
    await tablet.page.clock.resume()
    async with tablet.page.expect_navigation():
        await tablet.page.clock.run_for(16_000)
    await expect(tablet.dish(SOUP["ja"])).to_be_visible()
    await expect(tablet.page.locator("cart-panel .step-count")).to_have_text("1")


async def test_g14_a_page_that_never_began_is_loaded_anew(
    screens: Screens, room: str, frames: Frames
) -> None:
    tablet = await _clocked(screens, room, frames)
    await tablet.page.route("**/static/tablet/basket.js", lambda route: route.abort())
    await tablet.page.reload()
    await expect(tablet.page.locator("dish-card")).to_have_count(0)
    await tablet.page.unroute("**/static/tablet/basket.js")
    async with tablet.page.expect_navigation():
        await tablet.page.clock.run_for(36_000)
    await expect(tablet.dish(SOUP["ja"])).to_be_visible()
