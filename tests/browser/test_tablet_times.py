"""When an order comes: the estimate, a time that the guest wishes for, and slots that are full."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from playwright.async_api import expect

from tests.browser.frames import Frames, Refusal
from tests.browser.reviews import DINNER, TEA, japan, quote_of, reviewed
from tests.browser.screens import Screens

if TYPE_CHECKING:
    from hub.db.pool import Connection


async def test_the_estimate_is_that_of_the_kitchen_and_a_busy_one_is_said(
    screens: Screens, room: str, frames: Frames
) -> None:
    now = japan("2026-11-21T18:30")
    frames.set_clock(now)
    answer = quote_of(1650, now + timedelta(minutes=25), now + timedelta(minutes=35))
    frames.answer("order.quote", lambda _: answer)
    tablet = await reviewed(screens, room, frames)
    await expect(tablet.page.locator(".facts .time")).to_have_text("お届けの目安18:55〜19:05")
    await expect(tablet.page.get_by_label("できるだけ早く（18:55〜19:05）")).to_be_checked()
    await expect(tablet.page.locator(".busy")).to_be_hidden()
    answer = quote_of(1650, now + timedelta(minutes=50), now + timedelta(minutes=65))
    await tablet.page.locator(".review-lines .more").click()
    await expect(tablet.page.locator(".facts .time")).to_have_text("お届けの目安19:20〜19:35")
    await expect(tablet.page.locator(".busy")).to_have_text("ただいま厨房が混み合っています。")
    await tablet.picture("busy")
    throttled = now + timedelta(minutes=5)
    answer = quote_of(1650, now + timedelta(minutes=30), now + timedelta(minutes=40), throttled)
    await tablet.page.locator(".review-lines .less").click()
    await expect(tablet.page.locator(".facts .time")).to_have_text("お届けの目安19:00〜19:10")
    await expect(tablet.page.locator(".busy")).to_be_visible()


async def test_an_order_for_a_set_time(screens: Screens, room: str, admin: Connection) -> None:
    tablet = await reviewed(screens, room)
    await tablet.page.get_by_label("時間を指定する").click()
    dialog = tablet.page.get_by_role("dialog", name="お届け時間をお選びください")
    slot = dialog.locator(".slot:enabled").nth(4)
    time = await slot.inner_text()
    await tablet.picture("slots")
    await slot.click()
    await expect(dialog).to_have_count(0)
    chosen = tablet.page.get_by_label(re.compile(f"^(明日 )?{time} にお届け$"))
    await expect(chosen).to_be_checked()
    await expect(tablet.page.locator(".facts .time")).to_have_text(re.compile(f"^お届け時間(明日 )?{time}$"))
    await expect(tablet.place_button).to_be_enabled()
    await tablet.place_button.click()
    await expect(tablet.page.locator(".received .hint")).to_contain_text(f"{time}にお届けいたします")
    await expect(tablet.page.locator(".order-time")).to_have_text(re.compile(f"お届け時間 (明日 )?{time}"))
    due = await admin.fetchval(
        "SELECT to_char(due_at AT TIME ZONE 'Asia/Tokyo', 'HH24:MI') FROM app.orders WHERE room_number = $1",
        room,
    )
    assert due == time
    await tablet.home()
    await tablet.add(TEA)
    await tablet.review()
    await expect(tablet.page.get_by_label(re.compile("^できるだけ早く"))).to_be_checked()


async def test_a_wished_time_that_cannot_be_reached_any_more_is_not_promised(
    screens: Screens, room: str, frames: Frames
) -> None:
    """The hub makes it as soon as possible then, and says when that is."""
    now = japan("2026-11-21T18:30")
    frames.set_clock(now)
    frames.answer(
        "order.slots", lambda _: {"slots": [{"at": japan("2026-11-21T19:00").isoformat(), "free": True}]}
    )
    late = quote_of(1650, now + timedelta(minutes=75), now + timedelta(minutes=90))
    frames.answer("order.quote", lambda _: late)
    tablet = await reviewed(screens, room, frames)
    await tablet.page.get_by_label("時間を指定する").click()
    await tablet.page.get_by_role("dialog").locator(".slot:enabled").click()
    await expect(tablet.page.get_by_label("19:00 にお届け")).to_be_checked()
    await expect(tablet.page.locator(".facts .time")).to_have_text("お届けの目安19:45〜20:00")


async def test_a_closed_dish_is_ordered_for_when_it_is_served(
    screens: Screens, room: str, frames: Frames
) -> None:
    now = japan("2026-11-21T18:30")
    frames.set_clock(now)
    slots = [
        {"at": japan(f"2026-11-21T{time}").isoformat(), "free": free}
        for time, free in (("21:45", False), ("22:15", False), ("22:30", True), ("22:45", False))
    ]
    frames.answer("order.slots", lambda _: {"slots": slots})
    frames.answer(
        "order.quote", lambda _: quote_of(1800, japan("2026-11-21T22:30"), japan("2026-11-21T22:30"))
    )
    tablet = await screens.tablet(room, frames=frames)
    await tablet.open(DINNER)
    await expect(tablet.page.locator(".item-away")).to_have_text("22:00から")
    await tablet.page.get_by_role("button", name="時間を指定して注文する　1,800円").click()
    await tablet.review()
    line = tablet.page.locator(".review-lines .line-problem")
    await expect(line).to_have_text("この時間はご用意できません。22:00から")
    await expect(tablet.place_button).to_be_hidden()
    await tablet.page.locator(".pick").click()
    await expect(tablet.page.locator(".slot")).to_have_text(
        ["22:15 埋まっています", "22:30", "22:45 埋まっています"]
    )
    await expect(tablet.page.locator(".slot").first).to_be_disabled()
    await tablet.page.locator(".slot:enabled").click()
    await expect(line).to_be_hidden()
    await expect(tablet.place_button).to_have_text("注文する　1,800円")
    assert frames.sent("order.quote")[-1]["due_at"] == japan("2026-11-21T22:30").isoformat()


async def test_a_full_slot_offers_the_next_free_ones(screens: Screens, room: str, frames: Frames) -> None:
    now = japan("2026-11-21T18:30")
    frames.set_clock(now)
    frames.answer(
        "order.quote", lambda _: quote_of(1650, now + timedelta(minutes=25), now + timedelta(minutes=35))
    )
    tablet = await reviewed(screens, room, frames)

    def full(_: dict[str, Any]) -> dict[str, Any]:
        raise Refusal(
            "slot_full", free=[japan("2026-11-21T20:15").isoformat(), japan("2026-11-22T07:00").isoformat()]
        )

    frames.answer("order.place", full)
    await tablet.place_button.click()
    problem = tablet.page.locator("problem-note")
    await expect(problem).to_contain_text("そのお時間はご注文が重なっています。")
    await expect(problem.locator(".slot")).to_have_text(["20:15", "明日 07:00"])
    await problem.locator(".slot").first.click()
    await expect(problem).to_be_hidden()
    await expect(tablet.page.get_by_label("20:15 にお届け")).to_be_checked()
    frames.answer("order.quote", full)
    await tablet.page.locator(".review-lines .more").click()
    await expect(problem.locator(".slot")).to_have_count(2)
    await expect(tablet.place_button).to_be_hidden()
    await expect(tablet.page.locator(".pick")).to_be_visible()


async def test_no_free_time_or_no_answer_says_whom_to_call(
    screens: Screens, room: str, frames: Frames
) -> None:
    tablet = await reviewed(screens, room, frames)
    frames.answer("order.slots", lambda _: {"slots": [{"at": "2026-11-21T12:00:00Z", "free": False}]})
    dialog = tablet.page.get_by_role("dialog")
    await tablet.page.get_by_role("button", name="お届け時間を選ぶ").click()
    await expect(dialog).to_contain_text("24時間以内にお届けできる時間がございません。恐れ入りますが、内線 9")
    await dialog.get_by_role("button", name="閉じる").click()

    def refuse(_: dict[str, Any]) -> dict[str, Any]:
        raise Refusal("internal")

    frames.answer("order.slots", refuse)
    await tablet.page.get_by_role("button", name="お届け時間を選ぶ").click()
    await expect(dialog).to_contain_text("時間を調べられませんでした。")
    await tablet.page.keyboard.press("Escape")
    await expect(tablet.page.get_by_label(re.compile("^できるだけ早く"))).to_be_checked()
