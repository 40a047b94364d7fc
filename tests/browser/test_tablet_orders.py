"""The orders of a stay on its tablet: how far they are, whom to call, what is undone, what ordered again."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from playwright.async_api import expect

from tests.browser.frames import Frames, Refusal
from tests.browser.screens import SOUP, Screens, Tablet

if TYPE_CHECKING:
    from hub.db.pool import Connection

TEA: Final = "玉露 八女"
TIMES: Final = {
    "placed_at": "2026-11-21T09:30:00Z",
    "shown_at": "2026-11-21T09:30:02Z",
    "accepted_at": "2026-11-21T09:31:00Z",
    "ready_at": "2026-11-21T09:44:00Z",
    "finished_at": "2026-11-21T09:52:00Z",
}


async def _ordered(screens: Screens, room: str, frames: Frames, *, dish: str = SOUP["ja"]) -> Tablet:
    """A tablet whose order has just been received, a minute after what `TIMES` tell."""
    frames.set_clock(datetime.fromisoformat("2026-11-21T09:53:00Z"))
    tablet = await screens.tablet(room, frames=frames)
    await tablet.order(dish)
    await frames.until_known("order")
    return tablet


_versions = count(1000)


def _show(frames: Frames, **changes: Any) -> None:
    """The order is like this from now on."""
    changes["version"] = next(_versions)
    frames.leave("order")
    frames.change("order", lambda order: order.update(changes))


async def test_the_receipt_chain_is_told_in_words_and_times(
    screens: Screens, room: str, frames: Frames
) -> None:
    tablet = await _ordered(screens, room, frames)
    steps = tablet.page.get_by_role("list", name="進み具合").locator("li")
    words = ["送信済み", "厨房の画面に表示", "受付済み", "調理中", "出来上がり", "お届け中", "お届け済み"]
    await expect(steps.locator(".step-name")).to_have_text(words)
    await expect(steps.first).to_have_attribute("aria-current", "step")
    _show(frames, **{**TIMES, "ready_at": None, "finished_at": None})
    await expect(steps.locator("time")).to_have_text(["18:30", "18:30", "18:31", "", "", "", ""])
    await expect(tablet.status).to_have_text("受付済み")
    _show(frames, **{**TIMES, "finished_at": None, "status": "delivering"})
    await expect(tablet.status).to_have_text("お届け中")
    await expect(steps.locator("time")).to_have_text(["18:30", "18:30", "18:31", "", "18:44", "", ""])
    _show(frames, **TIMES, status="delivered")
    await expect(steps.nth(6).locator("time")).to_have_text("18:52")
    await expect(steps.locator(".icon")).to_have_count(7)
    await expect(tablet.page.locator("order-card .again")).to_be_visible()


async def test_g8_every_step_is_said_in_a_live_region(screens: Screens, room: str, frames: Frames) -> None:
    tablet = await _ordered(screens, room, frames)
    said = tablet.page.get_by_role("status").and_(tablet.page.locator("#announcer"))
    _show(frames, status="cooking")
    await expect(said).to_have_text(re.compile(r"^注文 #\d+：調理中$"))
    await expect(tablet.page.locator(".orders-button")).to_have_text(re.compile(r"^注文 #\d+：調理中$"))
    await tablet.home()
    _show(frames, status="ready")
    await expect(said).to_have_text(re.compile(r"^注文 #\d+：出来上がり$"))
    await tablet.switch_language()
    _show(frames, status="delivering")
    await expect(said).to_have_text(re.compile(r"^Order #\d+: On its way$"))


async def test_an_order_that_nobody_accepts_shows_whom_to_call(
    screens: Screens, room: str, frames: Frames
) -> None:
    tablet = await _ordered(screens, room, frames)
    alarm = tablet.page.locator("order-card").get_by_role("alert")
    await expect(alarm).to_be_hidden()
    _show(frames, alerts={"unseen": TIMES["placed_at"], "page": TIMES["placed_at"]})
    await expect(alarm).to_have_text(
        "厨房の確認に時間がかかっています。お急ぎの場合は内線 9 へお電話ください。"
    )
    await tablet.picture("unanswered")
    _show(frames, alerts={"page": TIMES["placed_at"]}, accepted_at=TIMES["accepted_at"])
    await expect(alarm).to_be_hidden()


async def test_an_order_is_cancelled_after_a_question_while_nobody_has_begun(
    screens: Screens, room: str, admin: Connection
) -> None:
    tablet = await screens.tablet(room)
    await tablet.order(SOUP["ja"])
    cancel = tablet.page.get_by_role("button", name="注文を取り消す")
    question = tablet.page.get_by_role("dialog", name=re.compile(r"注文 #\d+ を取り消しますか"))
    await cancel.click()
    await question.get_by_role("button", name="取り消さない").click()
    await expect(cancel).to_be_visible()
    await cancel.click()
    await question.get_by_role("button", name="取り消す", exact=True).click()
    await expect(tablet.status).to_have_text("取り消し")
    await expect(tablet.page.locator(".order-foot .hint")).to_have_text(
        "このご注文は取り消されました。ご請求はございません。 理由：お客様のご希望"
    )
    assert await admin.fetchval("SELECT status FROM app.orders WHERE room_number = $1", room) == "cancelled"


async def test_too_late_to_cancel_says_whom_to_call(screens: Screens, room: str, frames: Frames) -> None:
    tablet = await _ordered(screens, room, frames)

    def refuse(_: dict[str, Any]) -> dict[str, Any]:
        raise Refusal("already_preparing")

    frames.answer("order.cancel", refuse)
    await tablet.page.get_by_role("button", name="注文を取り消す").click()
    await tablet.page.get_by_role("dialog").get_by_role("button", name="取り消す", exact=True).click()
    hint = tablet.page.locator(".order-foot .hint")
    await expect(hint).to_have_text("すでに調理を始めています。変更は内線 9 へお電話ください。")
    await expect(tablet.page.get_by_role("button", name="注文を取り消す")).to_be_hidden()


async def test_a_past_order_is_ordered_again_and_what_has_changed_is_said(
    screens: Screens, room: str, frames: Frames
) -> None:
    frames.set_clock(datetime.fromisoformat("2026-11-21T09:53:00Z"))
    tablet = await screens.tablet(room, frames=frames)
    await tablet.add(TEA)
    await tablet.order(SOUP["ja"])
    await frames.until_known("order")
    again = tablet.page.get_by_role("button", name="同じものを注文する")
    await expect(again).to_be_hidden()
    _show(frames, **TIMES, status="delivered")
    await again.click()
    lines = tablet.page.locator(".review-lines h2")
    await expect(lines).to_have_text([TEA, SOUP["ja"]])
    for _ in range(2):
        await tablet.page.locator(".review-lines .round").first.click()
    await expect(tablet.page.locator("menu-view")).to_be_visible()

    def changed(item: dict[str, Any]) -> None:
        if item["name_ja"] == TEA:
            item["sold_out"] = True
        if item["name_ja"] == SOUP["ja"]:
            item["price"] = 1800

    frames.change("menu_item", changed)
    await expect(tablet.dish(TEA).locator(".away")).to_be_visible()
    await expect(tablet.dish(SOUP["ja"]).locator(".price")).to_have_text("1,800円")
    await tablet.page.locator(".orders-button").click()
    await again.click()
    question = tablet.page.get_by_role("dialog", name="前回と変わっているものがございます")
    await expect(question.locator("li")).to_have_text(
        [f"{TEA}：ただいまご用意できません", f"{SOUP['ja']}：1,650円から1,800円に変わりました"]
    )
    await question.get_by_role("button", name="見直す").click()
    await expect(tablet.page.locator("orders-view")).to_be_visible()
    await again.click()
    await question.get_by_role("button", name="用意できるものを入れる").click()
    await expect(lines).to_have_text([SOUP["ja"]])


async def test_nothing_of_a_past_order_that_can_be_had(screens: Screens, room: str, frames: Frames) -> None:
    tablet = await _ordered(screens, room, frames)
    frames.change("menu_item", lambda item: item.update(sold_out=True))
    _show(frames, **TIMES, status="delivered")
    await tablet.page.get_by_role("button", name="同じものを注文する").click()
    question = tablet.page.get_by_role("dialog", name="ただいまご用意できるものがございません")
    await question.get_by_role("button", name="お品書きを見る").click()
    await expect(tablet.page.locator("menu-view")).to_be_visible()
    await expect(tablet.page.locator("cart-panel li")).to_have_count(0)


async def test_no_orders_yet_leads_to_the_menu(screens: Screens, room: str, frames: Frames) -> None:
    tablet = await screens.tablet(room)
    await tablet.page.locator(".orders-button").click()
    await expect(tablet.page.locator(".orders-empty")).to_contain_text("まだご注文はございません")
    await tablet.page.locator(".more-orders").click()
    await expect(tablet.page.locator("menu-view")).to_be_visible()
