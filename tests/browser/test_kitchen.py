"""What a cook does beside bumping, and that nothing changes its meaning under a finger."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from playwright.async_api import expect

from tests.browser.kitchen_probes import ANSWERED, SAID
from tests.browser.kitchens import change, place
from tests.browser.screens import Kitchen, Screens

if TYPE_CHECKING:
    from hub.db.pool import Connection

FIRST_TWO = (".sold-list .sold-name > span", "rows => rows.slice(0, 2).map((row) => row.textContent)")


async def test_an_order_that_another_system_cancelled_is_acknowledged(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await place(admin, room, [0, 1], minutes=1)
    await expect(kitchen.bump(room)).to_have_text("調理開始")
    await admin.execute(
        "UPDATE app.orders SET status = 'cancelled', cancelled_at = now() WHERE room_number = $1", room
    )
    await expect(kitchen.ticket(room)).to_have_class(re.compile("shouting"))
    await expect(kitchen.bump(room)).to_have_text("取消を確認")
    await kitchen.bump(room).click()
    await expect(kitchen.ticket(room)).to_have_count(0)


async def test_a_dish_keeps_its_place_in_the_sold_out_list(kitchen: Kitchen) -> None:
    await kitchen.tool("sold").click()
    before = await kitchen.page.eval_on_selector_all(*FIRST_TWO)
    second = kitchen.page.locator(".sold-list li").nth(1)
    await second.get_by_role("button").click()
    await kitchen.page.get_by_role("button", name="販売を再開するまで").click()
    await expect(second).to_have_class(re.compile("is-sold"))
    await expect(second.locator("small")).to_have_text("再開するまで品切れ")
    assert await kitchen.page.eval_on_selector_all(*FIRST_TWO) == before
    await kitchen.picture("sold")
    await second.get_by_role("button").click()
    await expect(second).not_to_have_class(re.compile("is-sold"))


async def test_a_dish_that_is_gone_until_the_next_service_says_when_it_is_back(
    kitchen: Kitchen, admin: Connection
) -> None:
    await kitchen.tool("sold").click()
    first = kitchen.page.locator(".sold-list li").first
    await first.get_by_role("button").click()
    await kitchen.page.get_by_role("button", name="次の営業まで").click()
    await expect(first.locator("small")).to_have_text(re.compile(r"^\d\d:\d\dに自動で再開$"))
    assert await admin.fetchval("SELECT count(*) FROM app.menu_items WHERE sold_out_until IS NOT NULL") == 1


async def test_a_dish_without_stock_cannot_come_back_and_the_cook_is_told_why(
    kitchen: Kitchen, admin: Connection
) -> None:
    tea = "玉露 八女"
    await admin.execute(
        "UPDATE app.menu_items SET stock_quantity = 0, is_available = false WHERE name_ja = $1", tea
    )
    await kitchen.tool("sold").click()
    row = kitchen.page.locator(".sold-list li").filter(has_text=tea)
    await kitchen.page.evaluate(SAID)
    await row.get_by_role("button", name="販売を再開").click()
    await kitchen.becomes("window.said.length > 0")
    said = await kitchen.page.evaluate("() => window.said")
    assert said == ["在庫がありません。在庫を補充すると販売を再開できます"]
    await expect(kitchen.page.locator("#toast")).to_have_role("alert")
    await kitchen.picture("no-stock")
    await admin.execute(
        "UPDATE app.menu_items SET stock_quantity = NULL, is_available = true WHERE name_ja = $1", tea
    )
    await expect(row).not_to_have_class(re.compile("is-sold"))


async def test_who_opens_an_order_accepts_it_once(kitchen: Kitchen, room: str, admin: Connection) -> None:
    order = await place(admin, room, [6])
    accepted = "SELECT accepted_at IS NOT NULL FROM app.orders WHERE id = $1"
    asked = "SELECT count(*) FROM app.idempotency WHERE operation = 'order.accept'"
    before = await admin.fetchval(asked)
    await kitchen.ticket(room).locator(".more").click()
    await expect(kitchen.page.locator("dialog.details")).to_be_visible()
    await kitchen.becomes(ANSWERED)
    assert await admin.fetchval(accepted, UUID(order))
    assert await admin.fetchval(asked) - before == 1


async def test_one_item_is_cancelled_by_name_and_its_dish_may_be_stopped(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    soup, curry = {"name_ja": "スープ", "name_en": "Soup"}, {"name_ja": "カレー", "name_en": "Curry"}
    order = await place(admin, room, [(6, soup), (17, curry)])
    page = kitchen.page
    await kitchen.ticket(room).locator(".more").click()
    await kitchen.picture("details")
    await page.get_by_role("button", name="スープ: 取り消す").click()
    question = page.get_by_role("dialog")
    await expect(question.get_by_role("heading")).to_contain_text(f"{room}号室")
    await expect(question.get_by_role("heading")).to_contain_text("スープ")
    await kitchen.picture("reason")
    await question.get_by_role("button", name="品切れ").click()
    await expect(question).to_contain_text("販売を止める品")
    await expect(question.locator("li")).to_have_count(1)
    await question.get_by_role("button", name="品切れにする").click()
    await kitchen.picture("stop-selling")
    await page.get_by_role("button", name="次の営業まで").click()
    await expect(question.locator("li button")).to_be_disabled()
    await question.get_by_role("button", name="完了").click()
    await expect(kitchen.ticket(room).locator("li.cancelled .item-name")).to_have_text("スープ")
    await expect(kitchen.ticket(room).locator("li.pending")).to_have_count(1)
    await kitchen.until(
        admin,
        "SELECT NOT m.is_available FROM app.menu_items AS m JOIN app.order_items AS i"
        " ON i.menu_item_id = m.id WHERE i.order_id = $1::uuid AND i.line = 1",
        order,
    )


async def test_a_whole_order_is_cancelled_only_after_its_room_was_named(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await place(admin, room, [6])
    page = kitchen.page
    for answer in ("取り消さない", "注文の誤り"):
        await kitchen.ticket(room).locator(".more").click()
        await page.get_by_role("button", name="注文を取り消す").click()
        question = page.get_by_role("dialog", name=f"{room}号室 #")
        await question.get_by_role("button", name=answer).click()
        await expect(question).to_have_count(0)
    await expect(kitchen.bump(room)).to_have_text("取消を確認")


async def test_a_cancelled_item_is_struck_through_and_shouts_until_a_cook_has_seen_it(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await place(admin, room, [6, (17, {"status": "cancelled"})])
    ticket = kitchen.ticket(room)
    await expect(ticket).to_have_class(re.compile("shouting"))
    await expect(ticket.locator(".flag.changed")).to_have_text("一部取消")
    await expect(ticket.locator("li.cancelled .item-name")).to_have_css(
        "text-decoration-line", "line-through"
    )
    await kitchen.bump_to(room, "取消を確認", "調理開始")
    await expect(ticket).not_to_have_class(re.compile("shouting"))
    await expect(ticket.locator(".flag.changed")).to_have_count(1)


async def test_a_rush_is_marked_and_stands_before_the_others_when_they_are_sorted(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    for minutes in (9, 5):
        await place(admin, room, [6], minutes=minutes)
    order = await place(admin, room, [6], minutes=1)
    rushed = kitchen.page.locator(f"kitchen-ticket[data-order='{order}']")
    await rushed.locator(".more").click()
    await kitchen.page.get_by_role("button", name="急ぎにする").click()
    await expect(rushed.locator(".flag.rush")).to_have_text("急ぎ")
    await kitchen.tool("sort").click()
    await expect(kitchen.page.locator("kitchen-ticket").first).to_have_attribute("data-order", order)


async def test_no_open_ticket_is_hidden_by_its_age(screens: Screens, room: str, admin: Connection) -> None:
    await place(admin, room, [6], minutes=60 * 40)
    kitchen = await screens.kitchen()
    await expect(kitchen.ticket(room).locator(".ticket-timer")).to_have_text("2400分")
    await expect(kitchen.ticket(room).locator(".ticket-level")).to_have_text("遅れ")


async def test_goods_from_the_fridge_say_so_and_are_nothing_to_make(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await place(admin, room, [6, (40, {"fulfilment": "fridge"})])
    await expect(kitchen.ticket(room).locator(".item-station:visible")).to_have_text("客室の冷蔵庫")
    await kitchen.tool("rail").click()
    await expect(kitchen.page.locator(".rail-total")).to_have_text("残り 1点")


async def test_a_touch_says_that_somebody_has_taken_note(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await place(admin, room, [6])
    await expect(kitchen.ticket(room).locator(".flag.new")).to_be_visible()
    await kitchen.ticket(room).locator(".ticket-head").click()
    await expect(kitchen.ticket(room).locator(".flag.new")).to_have_count(0)
    accepted = "SELECT accepted_at IS NOT NULL AND status = 'received' FROM app.orders WHERE room_number = $1"
    await kitchen.until(admin, accepted, room)


async def test_k16_an_open_panel_keeps_what_is_pressed_and_where_the_focus_is(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    # seen and accepted before: it does not change by itself while the panel is open
    order = await place(admin, room, [0, 1], minutes=1, shown_at=datetime.now(UTC))
    await kitchen.ticket(room).locator(".more").click()
    cancel = kitchen.page.locator("[data-name='cancel']")
    await cancel.focus()
    button = await cancel.element_handle()
    await place(admin, room, [0])
    await expect(kitchen.ticket(room)).to_have_count(2)
    assert await button.evaluate("each => each.isConnected && each === document.activeElement")
    await change(admin, order, special_requests="x")
    await expect(kitchen.page.locator(".details .request-text")).to_have_text("x")
    await expect(cancel).to_be_focused()


async def test_k16_a_list_keeps_its_scroll_and_a_search_its_text_while_orders_come(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await kitchen.tool("sold").click()
    field = kitchen.page.get_by_role("searchbox")
    await field.press_sequentially("e")
    body = kitchen.page.locator(".panel-body")
    await body.evaluate("each => each.scrollTo(0, 200)")
    await place(admin, room, [0])
    await expect(kitchen.ticket(room)).to_have_count(1)
    assert await body.evaluate("each => each.scrollTop") == 200
    await expect(field).to_be_focused()
    await expect(field).to_have_value("e")


async def test_a_silent_tablet_is_named_on_the_tickets_of_its_room(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await place(admin, room, [6])
    await admin.execute("UPDATE app.device_rooms SET status = 'active' WHERE room_number = $1", room)
    await admin.execute(
        "INSERT INTO app.device_presence (tenant_id, device_id, online, session_generation, last_seen_at)"
        " SELECT tenant_id, id, true, 1, now() - interval '5 minutes' FROM app.device_rooms"
        " WHERE room_number = $1 AND device_type = 'tablet'"
        " ON CONFLICT (tenant_id, device_id) DO UPDATE"
        " SET online = true, last_seen_at = EXCLUDED.last_seen_at",
        room,
    )
    await admin.execute(
        "SELECT app.note_silent_tablets(id, now() - interval '90 seconds', 20) FROM app.tenants"
    )
    await expect(kitchen.ticket(room).locator(".flag.silent")).to_have_text("タブレット通信なし")
    await kitchen.ticket(room).locator(".more").click()
    await expect(kitchen.page.locator(".details-facts")).to_contain_text(
        f"{room}号室のタブレットは通信していません"
    )
