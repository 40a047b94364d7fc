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


async def test_soup_goes_to_the_kitchen_and_its_status_comes_back(tablet: Tablet, kitchen: Kitchen) -> None:
    room = tablet.room
    await tablet.add(SOUP["ja"])
    await tablet.add(CURRY, 2)
    await tablet.review()
    await expect(tablet.place_button).to_have_text("注文する　6,850円")
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


async def test_a_double_tap_is_one_order(tablet: Tablet, kitchen: Kitchen, admin: Connection) -> None:
    await tablet.add(SOUP["ja"])
    await tablet.review()
    await expect(tablet.place_button).to_be_enabled()
    await tablet.place_button.evaluate("button => { button.click(); button.click(); }")
    await expect(tablet.received).to_be_visible()
    await expect(kitchen.ticket(tablet.room)).to_have_count(1)
    assert await admin.fetchval("SELECT count(*) FROM app.orders WHERE room_number = $1", tablet.room) == 1


async def test_the_same_cart_again_asks_first(tablet: Tablet, kitchen: Kitchen) -> None:
    await tablet.order(SOUP["ja"])
    await tablet.page.locator(".brand").click()
    await tablet.add(SOUP["ja"])
    await tablet.review()
    await tablet.place_button.click()
    question = tablet.page.locator("dialog")
    await expect(question).to_contain_text("同じご注文がつい先ほどございました")
    await question.get_by_role("button", name="見直す").click()
    await expect(kitchen.ticket(tablet.room)).to_have_count(1)
    await tablet.place_button.click()
    await question.get_by_role("button", name="もう一度注文する").click()
    await expect(kitchen.ticket(tablet.room)).to_have_count(2)


async def test_alcohol_needs_an_age_on_the_tablet_and_at_the_door(tablet: Tablet, kitchen: Kitchen) -> None:
    room = tablet.room
    await tablet.add(SAKE)
    await tablet.review()
    await expect(tablet.page.locator(".figures .total").last).to_have_text("2,200円")
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


async def test_sold_out_reaches_an_open_cart(tablet: Tablet, kitchen: Kitchen) -> None:
    curry = CURRY
    await tablet.add(curry)
    await tablet.review()
    await expect(tablet.place_button).to_be_enabled()
    await kitchen.page.locator(".tool.sold").click()
    await kitchen.page.get_by_role("searchbox").fill("curry")
    await kitchen.page.get_by_role("button", name="品切れにする").click()
    await expect(tablet.page.locator(".review-lines .line-problem")).to_have_text(
        "品切れになりました。削除してください。"
    )
    await expect(tablet.place_button).to_be_disabled()
    await expect(tablet.place_button).to_have_text("印のついた品をご確認ください")
    await tablet.picture("sold-out")
    await kitchen.page.get_by_role("button", name="販売を再開").click()
    await expect(tablet.place_button).to_be_enabled()


async def test_short_stock_says_what_is_left(tablet: Tablet, admin: Connection) -> None:
    eel = "鰻重 肝吸い付き"
    await admin.execute("UPDATE app.menu_items SET stock_quantity = 1 WHERE name_ja = $1", eel)
    await tablet.add(eel, 2)
    await tablet.review()
    await expect(tablet.page.locator(".problem")).to_contain_text("品切れの品がございます")
    await expect(tablet.page.locator(".review-lines .line-problem")).to_have_text("残り1点です。")
    await tablet.page.locator(".review-lines .less").click()
    await expect(tablet.place_button).to_have_text("注文する　5,800円")
    await expect(tablet.place_button).to_be_enabled()


async def test_a_price_that_changes_is_shown_before_anything_is_ordered(
    tablet: Tablet, kitchen: Kitchen, admin: Connection
) -> None:
    tea = "玉露 八女"
    await tablet.add(tea)
    await tablet.review()
    await expect(tablet.place_button).to_have_text("注文する　1,200円")
    await admin.execute("UPDATE app.menu_items SET price = 1350 WHERE name_ja = $1", tea)
    await expect(tablet.place_button).to_have_text("注文する　1,350円")
    await tablet.place_button.click()
    await expect(tablet.received).to_be_visible()
    await expect(tablet.page.locator(".order-sum").first).to_contain_text("1,350円")


async def test_a_tablet_nobody_has_paired_says_so(screens: Screens) -> None:
    screens.network_may_fail = True  # the refusal of a code is a 401
    page = await screens.page("/tablet", {"width": 1280, "height": 800})
    await expect(page.locator("pairing-view h1")).to_have_text(
        "このタブレットは、まだお部屋に登録されていません"
    )
    other = await screens.page("/tablet#claim=not-a-code", {"width": 1280, "height": 800})
    await expect(other.locator("pairing-view h1")).to_have_text(
        "このタブレットは、まだお部屋に登録されていません"
    )
    await expect(other.locator(".pair-code")).to_have_text(re.compile("^[A-Z]{4}-[A-Z]{4}$"))
    assert "#" not in other.url


async def test_the_end_of_the_stay_leaves_nothing_to_the_next_guest(
    screens: Screens, tablet: Tablet, admin: Connection
) -> None:
    screens.network_may_fail = True
    await tablet.order(SOUP["ja"])
    await tablet.switch_language()
    await tablet.page.locator(".brand").click()
    await tablet.add(SOUP["en"])
    await admin.execute(
        "UPDATE app.stays SET ended_at = now() WHERE room_number = $1 AND ended_at IS NULL", tablet.room
    )
    await expect(tablet.page.locator("notice-view h1")).to_have_text("ご滞在ありがとうございました")
    kept = await tablet.page.evaluate("Object.keys(localStorage).filter(key => key !== 'hub.device.tablet')")
    basket = await tablet.page.evaluate("localStorage.getItem('hub.tablet.basket') ?? ''")
    assert "menu_item_id" not in basket
    assert "hub.tablet.language" not in kept
    await expect(tablet.page.locator("html")).to_have_attribute("data-phase", "live")
    await admin.execute(
        "INSERT INTO app.stays (tenant_id, room_number) SELECT id, $1 FROM app.tenants", tablet.room
    )
    # the tablet hears that somebody has moved in
    await expect(tablet.dish(SOUP["ja"])).to_be_visible()
    await expect(tablet.page.locator("cart-panel .cart-empty")).to_be_visible()
    await tablet.page.locator(".orders-button").click()
    await expect(tablet.page.locator(".orders-empty")).to_contain_text("まだご注文はございません")


async def test_a_guest_who_left_while_the_tablet_was_off_leaves_nothing(
    screens: Screens, tablet: Tablet, admin: Connection
) -> None:
    screens.network_may_fail = True
    await tablet.add(SOUP["ja"])
    await tablet.switch_language()
    await tablet.page.goto("about:blank")
    async with admin.transaction():
        await admin.execute(
            "UPDATE app.stays SET ended_at = now() WHERE room_number = $1 AND ended_at IS NULL", tablet.room
        )
        await admin.execute(
            "INSERT INTO app.stays (tenant_id, room_number) SELECT id, $1 FROM app.tenants", tablet.room
        )
    await tablet.page.go_back()
    await expect(tablet.dish(SOUP["ja"])).to_be_visible()
    await expect(tablet.page.locator("cart-panel .cart-empty")).to_be_visible()
    await expect(tablet.page.locator("html")).to_have_attribute("lang", "ja")


async def test_a_total_that_cannot_be_worked_out_is_tried_again(tablet: Tablet, admin: Connection) -> None:
    move = "UPDATE app.tax_rates SET valid_from = (valid_from + interval '{} years')::date"
    await admin.execute(move.format(100))
    await tablet.add(SOUP["ja"])
    await tablet.review()
    await expect(tablet.page.locator(".problem")).to_contain_text("合計を計算できませんでした")
    await expect(tablet.page.locator(".problem")).to_contain_text("内線 9 へお電話ください")
    await expect(tablet.place_button).to_be_hidden()
    await tablet.picture("no-total")
    await admin.execute(move.format(-100))
    await tablet.page.get_by_role("button", name="もう一度計算する").click()
    await expect(tablet.place_button).to_have_text("注文する　1,650円")
    await expect(tablet.page.locator(".problem")).to_be_hidden()
