"""What a guest answers before an order goes is heard, whatever the hub says meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.browser.reviews import ORDERS, TEA, japan, quote_of

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.browser.frames import Frames
    from tests.browser.screens import Screens


async def test_who_says_yes_is_heard_while_the_total_is_asked_for_anew(
    screens: Screens, room: str, frames: Frames, admin: Connection
) -> None:
    tablet = await screens.tablet(room, frames=frames, clock=True)
    clock = tablet.page.clock
    for count in range(1, 7):
        await tablet.add(TEA)
        await expect(tablet.dish(TEA).locator(".step-count")).to_have_text(str(count))
    await tablet.review()

    async def say_yes() -> None:
        await tablet.place_button.click()
        yes = tablet.page.get_by_role("dialog").get_by_role("button", name="この数量で注文する")
        await expect(yes).to_be_visible()
        await clock.pause_at(await tablet.page.evaluate("Date.now() / 1000 + 10"))
        frames.tell()  # the menu has come once more: what it costs is asked for in a moment
        async with asyncio.timeout(15):
            while await tablet.place_button.is_enabled():
                await clock.run_for(20)
        await yes.click()
        await clock.resume()

    now = japan("2026-11-21T18:30")
    await expect(tablet.place_button).to_have_text("注文する　7,920円")
    frames.answer("order.quote", lambda _: quote_of(9000, now, now))
    await say_yes()
    await expect(tablet.page.locator(".problem")).to_contain_text("新しい合計は 9,000円 です")
    await expect(tablet.place_button).to_have_text("注文する　9,000円")
    assert await admin.fetchval(ORDERS, room) == 0
    frames.let_through("order.quote")
    frames.tell()
    await expect(tablet.place_button).to_have_text("注文する　7,920円")
    await say_yes()
    await expect(tablet.received).to_be_visible()
    assert await admin.fetchval(ORDERS, room) == 1
