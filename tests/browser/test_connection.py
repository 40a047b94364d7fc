"""What the screens say, and do, when the line to the hub is cut: never a comfortable untruth, never an order
lost or doubled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.reviews import reviewed
from tests.browser.screens import SOUP, Screens
from tests.browser.wire import Wire, opened_anew

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.browser.hub_process import HubProcess

# Longer than the longest pause between two attempts to reach the hub.
BACK = 40_000


@pytest.fixture
async def wire(live_hub: HubProcess, screens: Screens) -> AsyncIterator[Wire]:
    """A line to the hub that the test may hurt."""
    screens.network_may_fail = True
    async with Wire(live_hub.port) as wire:
        yield wire


async def _orders(admin: Connection, room: str) -> int:
    count: int = await admin.fetchval("SELECT count(*) FROM app.orders WHERE room_number = $1", room)
    return count


async def test_offline_the_menu_is_readable_and_nothing_can_be_ordered(
    screens: Screens, wire: Wire, room: str
) -> None:
    tablet = await screens.tablet(room, port=wire.port)
    await tablet.add(SOUP["ja"])
    wire.cut()
    await expect(tablet.banner).to_contain_text("ご注文は内線 9 へお電話ください。")
    await expect(tablet.dish("天ざる蕎麦")).to_be_attached()
    await tablet.review()
    await expect(tablet.place_button).to_be_disabled()
    await expect(tablet.place_button).to_have_text("接続を待っています")
    drawn = await tablet.banner.locator("use").evaluate("each => each.getBBox().width")
    assert drawn > 0, "an icon must not need the hub to be drawn"
    await tablet.picture("offline")
    wire.accept()  # were it mended, it might be faster than a finger, and connect by itself
    await tablet.banner.get_by_role("button", name="再接続する").click()
    wire.mend()
    await expect(tablet.place_button).to_have_text("注文する　1,815円", timeout=BACK)
    await expect(tablet.banner).to_be_hidden()


async def test_what_has_the_focus_keeps_it_over_a_lost_line(screens: Screens, wire: Wire, room: str) -> None:
    tablet = await screens.tablet(room, port=wire.port)
    await tablet.order(SOUP["ja"])
    assert await tablet.page.evaluate("document.activeElement.tagName") == "H1"
    button = await tablet.page.locator("order-card .danger-text").element_handle()
    wire.cut()
    await expect(tablet.banner).to_be_visible()
    await expect(tablet.page.locator("order-card .danger-text")).to_be_disabled()
    wire.accept()
    await tablet.banner.get_by_role("button", name="再接続する").click()
    wire.mend()
    await expect(tablet.page.locator("order-card .danger-text")).to_be_enabled(timeout=BACK)
    assert await button.evaluate("each => each.isConnected")


async def test_no_answer_of_a_proxy_and_no_refusal_doubles_an_order(
    screens: Screens, wire: Wire, room: str, admin: Connection
) -> None:
    kitchen = await screens.kitchen()
    tablet = await reviewed(screens, room, port=wire.port)
    wire.hold()
    await tablet.place_button.click()
    await expect(kitchen.ticket(room)).to_be_visible()
    answer = {"status": 404, "content_type": "text/html", "body": "<h1>Not found</h1>"}
    await tablet.page.route("**/api/v1/devices/token", lambda route: route.fulfill(**answer))
    await opened_anew(tablet.page, wire)
    title = tablet.page.locator("notice-view h1")
    await expect(tablet.banner.get_by_role("button", name="再接続する")).to_be_visible(timeout=BACK)
    await expect(tablet.page.locator("menu-view, review-view").locator("visible=true")).to_have_count(1)
    refusal = '{"code": "forbidden", "temporary": false, "details": {"device_status": "suspended"}}'
    answer.update(status=403, content_type="application/problem+json", body=refusal)
    await expect(title).to_have_text("この端末は一時停止中です", timeout=BACK)
    await tablet.page.unroute("**/api/v1/devices/token")
    await tablet.page.get_by_role("button", name="もう一度試す").click()
    await expect(tablet.received).to_be_visible(timeout=BACK)
    assert await _orders(admin, room) == 1


async def test_an_answer_that_is_lost_is_asked_for_again_and_the_order_is_one(
    screens: Screens, wire: Wire, room: str, admin: Connection
) -> None:
    kitchen = await screens.kitchen()
    tablet = await reviewed(screens, room, port=wire.port)
    wire.hold()
    await tablet.place_button.click()
    await expect(tablet.page.locator(".sending-title")).to_have_text("ご注文を送っています")
    await expect(kitchen.ticket(room)).to_be_visible()
    wire.cut()
    await expect(tablet.page.locator(".sending-title")).to_have_text("まだ確認が取れていません")
    await expect(tablet.page.get_by_role("button", name="送らずに見直す")).to_have_count(0)
    await tablet.picture("not-sent")
    again = tablet.page.get_by_role("button", name="今すぐ接続し直す")
    wire.accept()
    await again.click()
    wire.mend()
    await expect(tablet.received).to_be_visible(timeout=BACK)
    assert await _orders(admin, room) == 1


async def test_a_reload_while_sending_sends_the_same_order(
    screens: Screens, wire: Wire, room: str, admin: Connection
) -> None:
    kitchen = await screens.kitchen()
    tablet = await reviewed(screens, room, port=wire.port)
    wire.hold()
    await tablet.place_button.click()
    await expect(kitchen.ticket(room)).to_be_visible()
    await opened_anew(tablet.page, wire)
    await expect(tablet.received).to_be_visible(timeout=BACK)
    assert await _orders(admin, room) == 1


async def test_price_changed_while_the_order_was_on_its_way(
    screens: Screens, wire: Wire, room: str, admin: Connection
) -> None:
    tea = "玉露 八女"
    tablet = await screens.tablet(room, port=wire.port)
    await tablet.add(tea)
    await tablet.review()
    await expect(tablet.place_button).to_have_text("注文する　1,320円")
    wire.hold()
    await admin.execute("UPDATE app.menu_items SET price = 1400 WHERE name_ja = $1", tea)
    await tablet.place_button.click()
    wire.mend()
    await expect(tablet.page.locator(".problem")).to_contain_text("新しい合計は 1,540円 です")
    await expect(tablet.place_button).to_have_text("注文する　1,540円")
    assert await _orders(admin, room) == 0
    await tablet.place_button.click()
    await expect(tablet.received).to_be_visible()


SKEW = """
const Real = Date, skew = 5 * 60_000;
globalThis.Date = class extends Real {
  constructor(...given) { if (given.length) super(...given); else super(Real.now() + skew); }
  static now() { return Real.now() + skew; }
};
"""


async def test_a_clock_that_is_five_minutes_wrong_does_not_age_a_ticket(
    screens: Screens, room: str, admin: Connection
) -> None:
    kitchen = await screens.kitchen(script=SKEW)
    tablet = await screens.tablet(room, script=SKEW)
    await tablet.order(SOUP["ja"])
    await expect(kitchen.ticket(room).locator(".ticket-timer")).to_have_text("0分")
    await admin.execute(
        "UPDATE app.orders SET placed_at = placed_at - interval '13 minutes' WHERE room_number = $1", room
    )
    await expect(kitchen.ticket(room).locator(".ticket-timer")).to_have_text("13分")
    await expect(kitchen.ticket(room).locator(".ticket-level")).to_have_text("遅れ")
    true = await admin.fetchval("SELECT extract(epoch FROM now()) * 1000")
    skewed = await kitchen.page.evaluate("Date.now()")
    assert skewed - float(true) > 290_000
