"""The page before an order is sent: what it costs, when it comes, what the guest is asked before it goes."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect

from tests.browser.frames import Frames, Refusal
from tests.browser.reviews import BEER, DONUTS, ORDERS, TEA, japan, quote_of, reviewed
from tests.browser.screens import SOUP, Screens

if TYPE_CHECKING:
    from hub.db.pool import Connection


async def test_g5_the_review_says_everything_before_anything_is_sent(screens: Screens, room: str) -> None:
    tablet = await reviewed(screens, room)
    figures = tablet.page.locator(".figures .row")
    await expect(figures).to_have_text(
        ["小計1,650円", "サービス料（10%）165円", "内消費税 10%（対象 1,815円）165円", "合計1,815円"]
    )
    facts = tablet.page.locator(".facts .row")
    await expect(facts.nth(0)).to_have_text(f"お届け先{room}号室")
    await expect(facts.nth(1)).to_have_text(re.compile(r"お届けの目安(明日 )?\d\d:\d\d(〜\d\d:\d\d)?"))
    await expect(facts.nth(2)).to_have_text("お支払いお部屋付け")
    await expect(tablet.place_button).to_have_text("注文する　1,815円")
    await tablet.switch_language()
    await expect(tablet.place_button).to_have_text("Place order, 1,815 yen")
    await tablet.place_button.click()
    await expect(tablet.received).to_have_text(re.compile(r"^Order received #\d+$"))
    await expect(tablet.page.locator("#announcer")).to_have_text(re.compile(r"^Order received #\d+$"))
    await expect(tablet.page.get_by_role("heading", level=1)).to_be_focused()


async def test_g5_each_rate_of_tax_has_its_own_line(screens: Screens, room: str) -> None:
    tablet = await screens.tablet(room)
    for name in ("缶ビール", "瓶入り冷茶"):
        await tablet.add(name)
    await tablet.review()
    await expect(tablet.page.locator(".figures .tax")).to_have_text(
        ["内消費税 8%（対象 350円）25円", "内消費税 10%（対象 700円）63円"]
    )
    await expect(tablet.page.locator(".figures .row").first).to_have_text("小計1,050円")
    await expect(tablet.page.locator(".figures .row").last).to_have_text("合計1,050円")
    await tablet.home()
    await expect(tablet.dish("瓶入り冷茶").locator(".dish-note")).to_have_text("お部屋にご用意しております")


async def test_g6_a_double_tap_is_one_order(screens: Screens, room: str, admin: Connection) -> None:
    tablet = await reviewed(screens, room)
    await tablet.place_button.evaluate("button => { button.click(); button.click(); }")
    await expect(tablet.received).to_be_visible()
    assert await admin.fetchval(ORDERS, room) == 1


async def test_g6_the_same_cart_within_three_minutes_asks_first(
    screens: Screens, room: str, frames: Frames, admin: Connection
) -> None:
    start = japan("2026-11-21T18:30")
    frames.set_clock(start)
    tablet = await screens.tablet(room, frames=frames)
    await tablet.order(SOUP["ja"])
    await tablet.home()
    await tablet.add(SOUP["ja"])
    await tablet.review()
    await tablet.place_button.click()
    question = tablet.page.get_by_role("dialog", name="同じご注文がつい先ほどございました")
    await question.get_by_role("button", name="見直す").click()
    assert await admin.fetchval(ORDERS, room) == 1
    await tablet.place_button.click()
    await question.get_by_role("button", name="もう一度注文する").click()
    await expect(tablet.received).to_be_visible()
    await tablet.home()
    await tablet.add(SOUP["ja"])
    await tablet.review()
    await expect(tablet.place_button).to_be_enabled()
    asked = len(frames.sent("order.quote"))
    frames.set_clock(start + timedelta(minutes=5))
    await frames.until_sent("order.quote", asked + 1)  # the tablet has heard what time it is
    await tablet.place_button.click()
    await expect(tablet.received).to_be_visible()
    assert await admin.fetchval(ORDERS, room) == 3


async def test_g6_more_than_five_of_a_dish_ask_first(screens: Screens, room: str) -> None:
    tablet = await screens.tablet(room)
    await tablet.add(TEA, 6)
    await tablet.review()
    await tablet.place_button.click()
    question = tablet.page.get_by_role("dialog", name="数量をご確認ください")
    await expect(question).to_contain_text(f"{TEA}が6点あります。")
    await question.get_by_role("button", name="見直す").click()
    await tablet.page.locator(".review-lines .less").click()
    await expect(tablet.place_button).to_have_text("注文する　6,600円")
    await tablet.place_button.click()
    await expect(tablet.received).to_be_visible()


async def test_age_is_attested_for_each_order(screens: Screens, room: str, frames: Frames) -> None:
    tablet = await screens.tablet(room, frames=frames)
    await tablet.add(BEER)
    await tablet.review()
    await expect(tablet.place_button).to_have_text("年齢のご確認をお願いいたします")
    await expect(tablet.place_button).to_be_disabled()
    await tablet.page.get_by_label("20歳以上です").check()
    await expect(tablet.place_button).to_have_text("注文する　1,430円")
    await tablet.home()
    await tablet.review()
    await expect(tablet.page.locator("#age")).not_to_be_checked()
    frames.change("hotel", lambda hotel: hotel.update(legal_age=18))
    await expect(tablet.page.get_by_label("18歳以上です")).to_be_visible()


async def test_short_stock_says_what_is_left(screens: Screens, room: str, admin: Connection) -> None:
    stock = "UPDATE app.menu_items SET stock_quantity = $2 WHERE name_ja = $1"
    await admin.execute(stock, DONUTS, 1)
    tablet = await screens.tablet(room)
    await tablet.add(DONUTS, 2)
    await tablet.review()
    await expect(tablet.page.locator(".problem")).to_contain_text("品切れの品がございます")
    await expect(tablet.page.locator(".review-lines .line-problem")).to_have_text("残り1点です。")
    await tablet.page.locator(".review-lines .less").click()
    await expect(tablet.place_button).to_have_text("注文する　1,430円")
    await expect(tablet.place_button).to_be_enabled()
    await admin.execute(stock, DONUTS, 15)


async def test_g7_a_price_that_changes_is_shown_before_anything_is_ordered(
    screens: Screens, room: str, admin: Connection
) -> None:
    price = "UPDATE app.menu_items SET price = $2 WHERE name_ja = $1"
    tablet = await screens.tablet(room)
    await tablet.add(TEA)
    await tablet.review()
    await expect(tablet.place_button).to_have_text("注文する　1,320円")
    await admin.execute(price, TEA, 1350)
    await expect(tablet.place_button).to_have_text("注文する　1,485円")
    await tablet.place_button.click()
    await expect(tablet.received).to_be_visible()
    await expect(tablet.page.locator(".order-sum").first).to_contain_text("1,485円")
    await admin.execute(price, TEA, 1200)


@pytest.mark.parametrize(
    ("code", "total", "minutes", "said", "button", "name"),
    [
        ("price_changed", 1800, 30, "新しい合計は 1,800円 です", "注文する　1,800円", "quoted_total"),
        (
            "later_than_quoted",
            1650,
            75,
            "先ほどのご案内より遅く、18:30〜19:45 ごろ",
            "注文する　1,650円",
            "quoted_until",
        ),
    ],
    ids=["price", "time"],
)
async def test_g7_what_changed_on_the_way_is_asked_about(
    screens: Screens,
    room: str,
    frames: Frames,
    code: str,
    total: int,
    minutes: int,
    said: str,
    button: str,
    name: str,
) -> None:
    now = japan("2026-11-21T18:30")
    frames.set_clock(now)
    old = quote_of(1650, now, now + timedelta(minutes=30))
    new = quote_of(total, now, now + timedelta(minutes=minutes))
    frames.answer("order.quote", lambda _: old)

    def changed(_: dict[str, Any]) -> dict[str, Any]:
        raise Refusal(code, **new)

    frames.answer("order.place", changed)
    tablet = await reviewed(screens, room, frames)
    await tablet.place_button.click()
    await expect(tablet.page.locator(".problem")).to_contain_text(said)
    await expect(tablet.place_button).to_have_text(button)
    await tablet.place_button.click()
    await frames.until_sent("order.place", 2)
    await expect(tablet.place_button).to_be_enabled()
    told = [
        {"quoted_total": quote["total_amount"], "quoted_until": quote["estimate"]["to"]}
        for quote in (old["quote"], new["quote"])
    ]
    assert [each[name] for each in frames.sent("order.place")] == [each[name] for each in told]


async def test_a_total_that_cannot_be_worked_out_is_tried_again(
    screens: Screens, room: str, frames: Frames
) -> None:
    def refuse(_: dict[str, Any]) -> dict[str, Any]:
        raise Refusal("internal")

    frames.answer("order.quote", refuse)
    tablet = await screens.tablet(room, frames=frames)
    await tablet.add(SOUP["ja"])
    await tablet.review()
    await expect(tablet.page.locator(".problem")).to_contain_text("合計を計算できませんでした")
    await expect(tablet.page.locator(".problem")).to_contain_text("内線 9 へお電話ください")
    await expect(tablet.place_button).to_be_hidden()
    await tablet.picture("no-total")
    frames.let_through("order.quote")
    await tablet.page.get_by_role("button", name="もう一度計算する").click()
    await expect(tablet.place_button).to_have_text("注文する　1,815円")
    await expect(tablet.page.locator(".problem")).to_be_hidden()


async def test_wishes_in_words_go_with_the_order_and_not_with_the_next(
    screens: Screens, room: str, admin: Connection
) -> None:
    tablet = await reviewed(screens, room)
    await tablet.page.get_by_role("button", name=f"{SOUP['ja']}にご要望を添える").click()
    note = tablet.page.get_by_label("ご要望（任意）", exact=True)
    await expect(note).to_be_focused()
    await note.fill("熱々で")
    await tablet.page.locator("#requests").fill("取り皿を二枚")
    await tablet.home()
    await tablet.review()
    await expect(note).to_have_value("熱々で")
    await expect(tablet.page.locator("#requests")).to_have_value("取り皿を二枚")
    await tablet.place_button.click()
    await expect(tablet.page.locator(".order-note")).to_have_text("熱々で")
    said = await admin.fetchval("SELECT special_requests FROM app.orders WHERE room_number = $1", room)
    assert said == "取り皿を二枚"
    await tablet.home()
    await tablet.add(TEA)
    await tablet.review()
    await expect(tablet.page.locator("#requests")).to_have_value("")
