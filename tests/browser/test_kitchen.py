"""What a cook does beside bumping, and that nothing changes its place or its meaning under a finger."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.browser.probes import BOXES, ORDER, UNCUT
from tests.browser.screens import SOUP, Kitchen, Screens, Tablet

if TYPE_CHECKING:
    from hub.db.pool import Connection

FIRST_TWO = (".sold-list .sold-name", "rows => rows.slice(0, 2).map((row) => row.textContent)")


async def test_an_order_that_another_system_cancelled_is_acknowledged(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await admin.execute(ORDER, room, 1, 2)
    await expect(kitchen.bump(room)).to_have_text("調理開始")
    await admin.execute(
        "UPDATE app.orders SET status = 'cancelled', cancelled_at = now() WHERE room_number = $1", room
    )
    await expect(kitchen.ticket(room)).to_have_class(re.compile("shouting"))
    await expect(kitchen.bump(room)).to_have_text("取消を確認")
    await kitchen.bump(room).click()
    await expect(kitchen.ticket(room)).to_have_count(0)


async def test_a_dish_keeps_its_place_in_the_sold_out_list(kitchen: Kitchen, admin: Connection) -> None:
    await kitchen.page.locator(".tool.sold").click()
    before = await kitchen.page.eval_on_selector_all(*FIRST_TWO)
    second = kitchen.page.locator(".sold-list li").nth(1)
    await second.get_by_role("button").click()
    await expect(second).to_have_class(re.compile("is-sold"))
    assert await kitchen.page.eval_on_selector_all(*FIRST_TWO) == before
    await kitchen.picture("sold")
    await second.get_by_role("button").click()
    await expect(second).not_to_have_class(re.compile("is-sold"))


async def test_a_dish_without_stock_cannot_come_back_and_the_cook_is_told_why(
    kitchen: Kitchen, admin: Connection
) -> None:
    tea = "玉露 八女"
    await admin.execute(
        "UPDATE app.menu_items SET stock_quantity = 0, is_available = false WHERE name_ja = $1", tea
    )
    await kitchen.page.locator(".tool.sold").click()
    row = kitchen.page.locator(".sold-list li").filter(has_text=tea)
    await row.get_by_role("button", name="販売を再開").click()
    await expect(kitchen.page.get_by_role("alert")).to_have_text(
        "在庫がありません。在庫を補充すると販売を再開できます"
    )
    await kitchen.picture("no-stock")
    await admin.execute(
        "UPDATE app.menu_items SET stock_quantity = NULL, is_available = true WHERE name_ja = $1", tea
    )
    await expect(row).not_to_have_class(re.compile("is-sold"))


async def test_one_item_is_cancelled_by_name_and_its_dish_may_be_stopped(
    kitchen: Kitchen, tablet: Tablet, admin: Connection
) -> None:
    room = tablet.room
    await tablet.add("ホテル伝統のビーフカレー")
    await tablet.order(SOUP["ja"])
    await kitchen.ticket(room).locator(".more").click()
    await kitchen.picture("details")
    page = kitchen.page
    await page.get_by_role("button", name=f"{SOUP['ja']}: 取り消す").click()
    question = page.get_by_role("dialog")
    await expect(question.get_by_role("heading")).to_contain_text(f"{room}号室")
    await expect(question.get_by_role("heading")).to_contain_text(SOUP["ja"])
    await kitchen.picture("reason")
    await question.get_by_role("button", name="品切れ").click()
    await expect(question).to_contain_text("販売を止める品")
    await expect(question.locator("li")).to_have_count(1)
    await kitchen.picture("stop-selling")
    await question.get_by_role("button", name="品切れにする").click()
    await question.get_by_role("button", name="完了").click()
    await expect(kitchen.ticket(room).locator("li.cancelled .item-name")).to_have_text(SOUP["ja"])
    await expect(kitchen.ticket(room).locator("li.pending")).to_have_count(1)
    assert not await admin.fetchval("SELECT is_available FROM app.menu_items WHERE name_ja = $1", SOUP["ja"])
    await admin.execute("UPDATE app.menu_items SET is_available = true")


async def test_a_whole_order_is_cancelled_only_after_its_room_was_named(
    kitchen: Kitchen, tablet: Tablet
) -> None:
    room = tablet.room
    number = await tablet.order(SOUP["ja"])
    page = kitchen.page
    for answer in ("取り消さない", "注文の誤り"):
        await kitchen.ticket(room).locator(".more").click()
        await page.get_by_role("button", name="注文を取り消す").click()
        question = page.get_by_role("dialog", name=f"{room}号室 #{number}")
        await question.get_by_role("button", name=answer).click()
        await expect(question).to_have_count(0)
    await expect(tablet.status).to_have_text("取り消し")
    await expect(kitchen.bump(room)).to_have_text("取消を確認")


async def test_an_open_panel_keeps_what_is_pressed_and_where_the_focus_is(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await admin.execute(ORDER, room, 1, 2)
    await kitchen.ticket(room).locator(".more").click()
    cancel = kitchen.page.locator("[data-name='cancel']")
    await cancel.focus()
    button = await cancel.element_handle()
    await admin.execute(ORDER, room, 2, 1)
    await expect(kitchen.ticket(room)).to_have_count(2)
    assert await button.evaluate("each => each.isConnected && each === document.activeElement")
    await admin.execute("UPDATE app.orders SET special_requests = 'x' WHERE room_number = $1", room)
    await expect(kitchen.page.locator(".details .request-text")).to_have_text("x")
    await expect(cancel).to_be_focused()


async def test_two_rows_stand_under_the_sound_gate(screens: Screens, room: str, admin: Connection) -> None:
    for minute in range(9):
        await admin.execute(ORDER, room, minute, 2)
    kitchen = await screens.kitchen(size={"width": 1366, "height": 768})
    await expect(kitchen.page.locator("#sound-gate")).to_be_visible()
    await expect(kitchen.page.locator("kitchen-ticket")).to_have_count(8)
    assert len(await kitchen.page.evaluate(BOXES)) == 8, "eight orders, none cut in two"
    assert await kitchen.page.evaluate(UNCUT)
    await kitchen.picture("gate")
