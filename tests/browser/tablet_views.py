"""Every view of a guest's tablet, one after the other, for tests that look at all of them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from playwright.async_api import expect

from tests.browser.frames import Frames, Refusal
from tests.browser.screens import SOUP, Language, Tablet

if TYPE_CHECKING:
    from hub.db.pool import Connection

BEEF: Final[dict[Language, str]] = {"ja": "和牛サーロインの炭火焼", "en": "Charcoal-grilled wagyu sirloin"}
EVENING: Final = datetime.fromisoformat("2026-11-21T18:30+09:00")
PAUSE: Final = {"since": "2026-11-21T09:00:00Z", "until": "2026-11-21T11:00:00Z"}
WORDS: Final = {"message_ja": "満席のため、お休みしております。", "message_en": "We are full for a while."}


def paint(frames: Frames, *, night: bool) -> None:
    """Day or night, whatever the hour."""
    hours = ("00:00", "23:59") if night else ("23:58", "23:59")
    frames.change("hotel", lambda hotel: hotel.update(night_start=hours[0], night_end=hours[1]))


async def strike(tablet: Tablet, frames: Frames, moment: datetime) -> None:
    """The hub's time is this from now on, and the page has drawn itself with it: the hotel's name says it."""
    name = f"{moment:%A %H:%M}"
    frames.set_clock(moment)
    frames.change("hotel", lambda hotel: hotel.update(name=name))
    await expect(tablet.page.locator("#bar .hotel")).to_have_text(name)


async def stop(tablet: Tablet) -> None:
    """Time stands still on a page whose timers can be hurried, until its clock is resumed; what waited to be
    drawn is drawn."""
    await tablet.page.clock.pause_at(await tablet.page.evaluate("Date.now() / 1000 + 10"))
    await tablet.page.clock.run_for(50)


async def views(tablet: Tablet, frames: Frames, language: Language) -> AsyncIterator[str]:
    """Goes through the views of a tablet whose frames are `frames`; the name of the one that is shown."""
    page = tablet.page

    def full(_: dict[str, Any]) -> dict[str, Any]:
        raise Refusal("slot_full", free=["2026-11-21T11:15:00Z", "2026-11-21T22:00:00Z"])

    yield "menu"
    await tablet.open(BEEF[language])
    await page.locator(".item-add").click()
    yield "item"
    for group in await page.locator("option-groups fieldset").all():
        await group.locator(".choice").nth(1).click()
    await page.locator(".item-add").click()
    await page.locator(".allergies-chip").click()
    await page.locator(".allergy").nth(6).click()
    await expect(page.locator(".allergy").nth(6)).to_have_attribute("aria-pressed", "true")
    yield "allergies"
    await page.locator(".allergy-side .primary").click()
    await tablet.add(SOUP[language])
    frames.change("hotel", lambda hotel: hotel.update(pause={**PAUSE, **WORDS}))
    await expect(page.locator("#banner")).to_be_visible()
    yield "marked-paused"
    await tablet.review()
    await expect(page.locator(".pick")).to_be_visible()
    await expect(page.locator(".figures .total")).to_be_visible()
    await page.locator(".line-note .link").first.click()
    yield "review-paused"
    frames.change("hotel", lambda hotel: hotel.update(pause=None))
    await expect(page.locator(".pick")).to_be_hidden()
    await expect(tablet.place_button).to_be_enabled()
    await page.locator(".when .quiet").click()
    await expect(page.locator(".slot").first).to_be_visible()
    yield "slots"
    await page.keyboard.press("Escape")
    frames.answer("order.place", full)
    await tablet.place_button.click()
    await expect(page.locator(".free-times")).to_be_visible()
    yield "review-full"
    frames.let_through("order.place")
    await tablet.place_button.click()
    await expect(page.locator("dialog.ask")).to_be_visible()
    yield "conflict"
    await page.locator("dialog .danger").click()
    await expect(tablet.received).to_be_visible()
    yield "received"
    await frames.until_known("order")
    frames.change("order", lambda order: order.update(alerts={"page": PAUSE["since"]}, version=1000))
    await expect(page.locator(".order-alarm")).to_be_visible()
    yield "unanswered"


async def resting(tablet: Tablet, frames: Frames) -> None:
    """Nobody touches it for so long that it rests; its timers can be hurried."""
    frames.change("hotel", lambda hotel: hotel.update(idle_seconds=30))
    await tablet.page.clock.fast_forward(31_000)
    await tablet.page.clock.fast_forward(21_000)
    await expect(tablet.page.locator("attract-view")).to_be_visible()
    await expect(tablet.page.locator("html")).to_have_attribute("data-phase", "live", timeout=15_000)


async def ended(tablet: Tablet, admin: Connection) -> None:
    """The guest checks out."""
    await admin.execute(
        "UPDATE app.stays SET ended_at = now() WHERE room_number = $1 AND ended_at IS NULL", tablet.room
    )
    await expect(tablet.page.locator("notice-view h1")).to_have_text(re.compile("ご滞在|Thank you"))
