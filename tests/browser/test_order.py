"""An order from a guest's tablet to the kitchen screen and back, as both people do it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.browser.screens import SOUP, Kitchen, Screens, Tablet

if TYPE_CHECKING:
    from hub.db.pool import Connection

CURRY = "ホテル伝統のビーフカレー"
SAKE = "純米大吟醸 一合"
# Begins to look, and keeps in `window.saidAt` when a line of the order said what is wrong with it.
SAID_AT = """() => {
    const lines = document.querySelector('.review-lines');
    new MutationObserver(() => {
        if (lines.querySelector('.line-problem:not(:empty)')) window.saidAt ??= Date.now();
    }).observe(lines, { subtree: true, childList: true, characterData: true });
}"""


async def test_soup_goes_to_the_kitchen_and_its_status_comes_back(
    tablet: Tablet, kitchen: Kitchen, admin: Connection
) -> None:
    # an undo that stays until it is asked for; the kitchen hears of this before it hears of the order
    await admin.execute("""UPDATE app.tenants SET settings = settings || '{"undo_seconds": 60}'""")
    room = tablet.room
    await tablet.add(SOUP["ja"])
    await tablet.add(CURRY, 2)
    await tablet.review()
    await expect(tablet.place_button).to_have_text("注文する　7,535円")
    await expect(tablet.page.locator(".figures .tax").first).to_contain_text("10%")
    await expect(tablet.page.locator(".facts")).to_contain_text(f"{room}号室")
    await tablet.picture("review")
    await tablet.place_button.click()
    await expect(tablet.received).to_have_text(re.compile(r"ご注文を承りました #\d+"))

    await expect(kitchen.ticket(room)).to_be_visible()
    await expect(tablet.status).to_have_text("厨房の画面に表示")
    await kitchen.picture("new")

    await kitchen.item(room, 1).click()
    await expect(kitchen.state(room, 1)).to_have_text("調理中")
    await expect(tablet.status).to_have_text("調理中")
    await expect(kitchen.undo).to_be_visible()
    await kitchen.undo.click()
    await expect(kitchen.state(room, 1)).to_have_text("未着手")
    await expect(tablet.status).to_have_text("厨房の画面に表示")

    await kitchen.bump_to(room, "調理開始", "出来上がり")
    await expect(kitchen.state(room, 2)).to_have_text("調理中")
    await kitchen.bump_to(room, "出来上がり", "配達へ")
    await expect(tablet.status).to_have_text("出来上がり")
    await kitchen.bump_to(room, "配達へ", "お届け済み")
    await expect(tablet.status).to_have_text("お届け中")
    await expect(tablet.page.locator("#announcer")).to_have_text(re.compile("お届け中$"))
    await kitchen.bump(room).click()
    await expect(tablet.status).to_have_text("お届け済み")
    await expect(kitchen.ticket(room)).to_have_count(0)

    await kitchen.page.keyboard.press("r")
    row = kitchen.page.locator(".recall-list li").filter(has_text=room)
    await expect(row).to_contain_text("お届け済み")
    await row.get_by_role("button", name="呼び戻す").click()
    await expect(kitchen.ticket(room).locator(".flag.recalled")).to_have_text("呼び戻し")
    await expect(tablet.status).to_have_text("出来上がり")
    await kitchen.bump_to(room, "配達へ", "お届け済み")
    await kitchen.bump(room).click()
    await expect(tablet.status).to_have_text("お届け済み")
    await tablet.picture("delivered")


async def test_alcohol_needs_an_age_on_the_tablet_and_at_the_door(tablet: Tablet, kitchen: Kitchen) -> None:
    room = tablet.room
    await tablet.add(SAKE)
    await tablet.review()
    await expect(tablet.page.locator(".figures .total")).to_have_text("合計2,420円")
    await expect(tablet.place_button).to_be_disabled()
    await tablet.page.locator("#age").check()
    await tablet.place_button.click()
    await expect(tablet.received).to_be_visible()
    await kitchen.bump_to(room, "調理開始", "出来上がり")
    await kitchen.bump_to(room, "出来上がり", "配達へ")
    await kitchen.bump_to(room, "配達へ", "お届け済み")
    await kitchen.bump(room).click()
    question = kitchen.page.locator("dialog")
    await question.get_by_role("button", name="まだです").click()
    await expect(tablet.status).to_have_text("お届け中")
    await kitchen.bump(room).click()
    await question.get_by_role("button", name="確認しました").click()
    await expect(tablet.status).to_have_text("お届け済み")


async def test_a_cancellation_shouts_until_a_cook_has_seen_it(tablet: Tablet, kitchen: Kitchen) -> None:
    room = tablet.room
    await tablet.order(SOUP["ja"])
    await expect(kitchen.ticket(room)).to_be_visible()
    await tablet.page.get_by_role("button", name="注文を取り消す").click()
    await tablet.page.locator("dialog").get_by_role("button", name="取り消す", exact=True).click()
    await expect(tablet.status).to_have_text("取り消し")
    ticket = kitchen.ticket(room)
    await expect(ticket).to_have_class(re.compile("shouting"))
    await expect(ticket.locator(".item-name")).to_have_css("text-decoration-line", "line-through")
    await kitchen.picture("cancelled")
    await ticket.click()
    await expect(ticket).to_have_count(0)


async def test_too_late_to_cancel_says_whom_to_call(tablet: Tablet, kitchen: Kitchen) -> None:
    await tablet.order(SOUP["ja"])
    await expect(tablet.page.get_by_role("button", name="注文を取り消す")).to_be_visible()
    await kitchen.bump_to(tablet.room, "調理開始", "出来上がり")
    await expect(tablet.page.get_by_role("button", name="注文を取り消す")).to_have_count(0)
    await expect(tablet.page.locator(".order-foot").first).to_contain_text("内線 9")


async def test_sold_out_reaches_an_open_cart_within_two_seconds(tablet: Tablet, admin: Connection) -> None:
    sell = "UPDATE app.menu_items SET is_available = $2 WHERE name_ja = $1"
    await tablet.add(CURRY)
    await tablet.review()
    await expect(tablet.place_button).to_be_enabled()
    await tablet.page.evaluate(SAID_AT)
    sold = await admin.fetchval(
        f"{sell} RETURNING extract(epoch FROM clock_timestamp()) * 1000", CURRY, False
    )
    problem = tablet.page.locator(".review-lines .line-problem")
    await expect(problem).to_have_text("品切れになりました。削除してください。")
    assert await tablet.page.evaluate("window.saidAt") - float(sold) < 2000
    await expect(tablet.place_button).to_be_disabled()
    await expect(tablet.place_button).to_have_text("印のついた品をご確認ください")
    await tablet.picture("sold-out")
    await admin.execute(sell, CURRY, True)
    await expect(tablet.place_button).to_be_enabled()


async def test_on_a_phone_an_order_takes_few_taps(screens: Screens, kitchen: Kitchen, room: str) -> None:
    phone = await screens.tablet(room, "en", size={"width": 390, "height": 844})
    await phone.picture("phone-menu")
    overflow = await phone.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0
    number = await phone.order(SOUP["en"])
    await expect(kitchen.ticket(room)).to_contain_text(f"#{number}")
    assert await phone.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    await phone.picture("phone-order")
