"""After a stay nothing of it is left on its tablet: not on the page, not in storage, not behind a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from playwright.async_api import expect

from tests.browser.screens import SOUP, Screens, Tablet
from tests.browser.tablet_views import ended

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.browser.frames import Frames

NOTE: Final = "a secret of the guest"
MOVE_IN: Final = "INSERT INTO app.stays (tenant_id, room_number) SELECT id, $1 FROM app.tenants"
# Everything that a browser keeps for a page, but the device's credential and the menu that everybody sees.
KEPT: Final = """async () => ({
  local: Object.keys(localStorage).filter((key) => !['hub.device.tablet', 'hub.tablet.menu'].includes(key))
    .map((key) => localStorage.getItem(key)).filter((text) => text !== '{}'),
  session: sessionStorage.length,
  cookies: document.cookie,
  caches: (await globalThis.caches?.keys() ?? []).length,
  databases: (await indexedDB.databases()).length,
  state: history.state,
})"""


async def _leave_traces(tablet: Tablet) -> None:
    """Order, choose, write, avoid, change the language: everything that a guest can leave behind."""
    page = tablet.page
    await tablet.order(SOUP["ja"])
    await tablet.home()
    await page.locator(".allergies-chip").click()
    await page.get_by_role("button", name="かに").click()
    await page.get_by_role("button", name="お品書きに反映するだけ").click()
    await tablet.switch_language()
    await tablet.add(SOUP["en"])
    await tablet.review()
    await page.get_by_role("button", name=f"Add a request for {SOUP['en']}").click()
    await page.get_by_label("Request (optional)", exact=True).fill(NOTE)
    await page.locator("#requests").fill(NOTE)
    await page.evaluate("async () => { sessionStorage.x = 'y'; await caches.open('x'); }")


async def _nothing_left(tablet: Tablet) -> None:
    page = tablet.page
    await expect(page.locator("html")).to_have_attribute("lang", "ja")
    await tablet.becomes("(await caches.keys()).length === 0")
    kept: dict[str, Any] = await page.evaluate(KEPT)
    words = " ".join(kept.pop("local"))
    assert NOTE not in words
    assert "menu_item_id" not in words
    assert "crab" not in words
    assert kept == {"session": 0, "cookies": "", "caches": 0, "databases": 0, "state": None}
    html = await page.content()
    fields = await page.locator("input, textarea").evaluate_all("all => all.map((each) => each.value)")
    assert NOTE not in html + " ".join(fields)
    assert await page.locator("order-card, .review-lines li, .cart-lines li").count() == 0


async def test_g11_after_check_out_nothing_is_left_not_even_behind_the_back_key(
    screens: Screens, room: str, admin: Connection
) -> None:
    screens.network_may_fail = True
    tablet = await screens.tablet(room)
    page = tablet.page
    await _leave_traces(tablet)
    await ended(tablet, admin)
    await _nothing_left(tablet)
    await tablet.becomes("navigation.canGoForward")
    await page.go_forward()
    await expect(page.locator("notice-view h1")).to_have_text("ご滞在ありがとうございました")
    await expect(page.locator("html")).to_have_attribute("data-phase", "live")
    await admin.execute(MOVE_IN, room)
    await expect(tablet.dish(SOUP["ja"])).to_be_visible(timeout=60_000)  # it asks every half minute
    await _nothing_left(tablet)
    await expect(page.locator(".allergies-chip")).to_have_text("アレルギー")
    await page.locator(".orders-button").click()
    await expect(page.locator(".orders-empty")).to_contain_text("まだご注文はございません")
    await tablet.becomes("history.state?.page === 'orders'")
    await page.go_back()
    await expect(tablet.dish(SOUP["ja"])).to_be_visible()
    await page.go_forward()
    await _nothing_left_of_orders(tablet)


async def _nothing_left_of_orders(tablet: Tablet) -> None:
    await expect(tablet.page.locator(".orders-empty")).to_be_visible()
    assert await tablet.page.locator("order-card").count() == 0


async def test_g11_a_guest_who_left_while_the_tablet_was_off_leaves_nothing(
    screens: Screens, room: str, admin: Connection
) -> None:
    screens.network_may_fail = True
    tablet = await screens.tablet(room)
    await _leave_traces(tablet)
    await tablet.page.goto("about:blank")
    async with admin.transaction():
        await admin.execute(
            "UPDATE app.stays SET ended_at = now() WHERE room_number = $1 AND ended_at IS NULL", room
        )
        await admin.execute(MOVE_IN, room)
    await tablet.page.go_back()
    await expect(tablet.page.locator("html")).to_have_attribute("data-phase", "live")
    await expect(tablet.dish(SOUP["ja"])).to_be_visible()
    await _nothing_left(tablet)


async def test_g11_before_the_hub_has_said_whose_stay_it_is_nothing_of_the_last_is_shown(
    screens: Screens, room: str, frames: Frames
) -> None:
    tablet = await screens.tablet(room, frames=frames)
    await _leave_traces(tablet)
    frames.mute = True
    await tablet.page.reload()
    await expect(tablet.dish(SOUP["en"])).to_be_visible()
    await expect(tablet.page.locator("cart-panel .cart-empty")).to_be_visible()
    await expect(tablet.page.locator("dish-card .warning:visible")).to_have_count(0)
    assert NOTE not in await tablet.page.content()


async def test_a_question_that_was_open_is_closed_with_the_stay(
    screens: Screens, room: str, admin: Connection
) -> None:
    screens.network_may_fail = True
    tablet = await screens.tablet(room)
    await tablet.add(SOUP["ja"], 6)
    await tablet.review()
    await tablet.place_button.click()
    await expect(tablet.page.get_by_role("dialog")).to_be_visible()
    await ended(tablet, admin)
    await expect(tablet.page.get_by_role("dialog")).to_have_count(0)
    count = await admin.fetchval("SELECT count(*) FROM app.orders WHERE room_number = $1", room)
    assert count == 0
