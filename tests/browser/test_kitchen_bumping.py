"""Bumps and the ways back: allergies before anything is cooked, undo, recall."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from playwright.async_api import expect

from tests.browser.kitchen_probes import ANSWERED, OFFERED
from tests.browser.kitchens import place, screen_code
from tests.browser.screens import Kitchen, Screens

if TYPE_CHECKING:
    from hub.db.pool import Connection

EGGS: Final = {"conflicts": ["egg", "milk"], "name_ja": "オムレツ", "name_en": "Omelette"}


async def test_k10_an_allergy_stands_first_and_is_noted_before_anything_is_bumped(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await kitchen.open_sound_gate()
    order = await place(admin, room, [(0, EGGS), 5], special_requests="x", declared_allergens=["egg", "milk"])
    ticket = kitchen.ticket(room)
    block = ticket.locator(".allergy")
    await expect(block.locator(".allergy-title")).to_have_text("アレルギー")
    await expect(block.locator(".allergy-what")).to_have_text("卵・乳")
    await expect(ticket.locator("li", has_text="オムレツ").locator(".item-conflict")).to_have_text(
        "卵・乳を含みます"
    )
    await expect(ticket.locator(".item-conflict:visible")).to_have_count(1)
    first = await ticket.locator(".ticket-blocks > *").first.get_attribute("class")
    assert "allergy" in str(first)
    colours = [
        await ticket.locator(selector).first.evaluate("each => getComputedStyle(each).backgroundColor")
        for selector in (".allergy", ".request", ".bump", ".ticket-head")
    ]
    assert colours.count(colours[0]) == 1, "a colour of its own"
    drawn = await block.locator("use").evaluate("each => each.getBBox().width")
    assert drawn > 0
    await kitchen.picture("allergy")
    await expect(kitchen.bump(room)).to_have_text("先にアレルギーを確認")
    await expect(kitchen.bump(room)).to_have_attribute("aria-disabled", "true")
    await kitchen.bump(room).click(force=True)
    await kitchen.item(room, 2).click(force=True)
    await block.click()
    await expect(block.locator(".allergy-title")).to_have_text("アレルギー（確認済み）")
    await kitchen.until(
        admin, "SELECT allergy_acked_at IS NOT NULL FROM app.orders WHERE id = $1::uuid", order
    )
    assert await admin.fetchval("SELECT status FROM app.orders WHERE id = $1::uuid", order) == "received"
    await kitchen.bump_to(room, "調理開始", "出来上がり")
    await expect(block).to_be_visible()


async def test_k10_what_nobody_knows_says_so_and_a_mere_declaration_stops_nothing(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await kitchen.open_sound_gate()
    await place(admin, room, [(0, {**EGGS, "allergens": None})], declared_allergens=["egg", "milk"])
    await expect(kitchen.ticket(room).locator(".item-conflict")).to_have_text("未確認：卵・乳")
    await place(admin, room, [1], declared_allergens=["egg", "milk"])
    second = kitchen.ticket(room).nth(1)
    await expect(second.locator(".allergy-title")).to_have_text("アレルギーの申告")
    await expect(second.locator(".bump")).to_have_text("調理開始")


async def test_k11_a_bump_can_be_taken_back_for_ten_seconds(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    order = await place(admin, room, [0, 1])
    await kitchen.bump_to(room, "調理開始", "出来上がり")
    await expect(kitchen.page.locator(".undo-text")).to_contain_text(f"{room}号室")
    await kitchen.undo.click()
    await expect(kitchen.bump(room)).to_have_text("調理開始")
    await expect(kitchen.undo).to_be_hidden()
    await kitchen.until(admin, "SELECT status = 'received' FROM app.orders WHERE id = $1::uuid", order)
    assert await admin.fetchval("SELECT recall_count FROM app.orders WHERE id = $1::uuid", order) == 0
    # by the page's own clock: a busy machine asks late
    await kitchen.page.evaluate(OFFERED)
    await kitchen.item(room, 2).click()
    await expect(kitchen.state(room, 2)).to_have_text("調理中")
    await kitchen.becomes("window.offered !== undefined")
    assert 8_000 < await kitchen.page.evaluate("() => window.offered") <= 11_000
    await expect(kitchen.undo).to_be_hidden()


async def test_k11_the_recall_list_says_who_and_when_on_every_screen(
    screens: Screens, kitchen: Kitchen, room: str, admin: Connection
) -> None:
    order = await place(admin, room, [0])
    for step in ("出来上がり", "配達へ", "お届け済み"):
        await kitchen.bump(room).click()
        await expect(kitchen.bump(room)).to_have_text(step)
        await expect(kitchen.bump(room)).to_have_attribute("aria-disabled", "false")
    await kitchen.bump(room).click()
    await expect(kitchen.ticket(room)).to_have_count(0)
    other = await screens.kitchen(code=await screen_code(admin, screens.hub, "Second"))
    await other.tool("recall").click()
    row = other.page.locator(".recall-list li").filter(has_text=room)
    await expect(row.locator(".recall-when")).to_have_text(re.compile(r"^お届け済み \d\d:\d\d Kitchen$"))
    await other.picture("recall")
    await row.get_by_role("button", name="呼び戻す").click()
    for screen in (kitchen, other):
        await expect(screen.ticket(room).locator(".flag.recalled")).to_have_text("呼び戻し")
        await expect(screen.bump(room)).to_have_text("配達へ")
    assert await admin.fetchval("SELECT recall_count FROM app.orders WHERE id = $1::uuid", order) == 1


async def test_a_double_tap_is_one_step(kitchen: Kitchen, room: str, admin: Connection) -> None:
    order = await place(admin, room, [0])
    await expect(kitchen.bump(room)).to_have_text("調理開始")
    await kitchen.bump(room).evaluate("each => { each.click(); each.click(); }")
    await expect(kitchen.bump(room)).to_have_text("出来上がり")
    await expect(kitchen.bump(room)).to_have_attribute("aria-disabled", "false")
    await kitchen.becomes(ANSWERED)
    assert await admin.fetchval("SELECT status FROM app.orders WHERE id = $1::uuid", order) == "cooking"


async def test_alcohol_is_handed_over_only_after_the_id_was_checked(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await place(
        admin, room, [(0, {"age_restricted": True, "status": "ready"})], minutes=5, status="delivering"
    )
    await expect(kitchen.ticket(room).locator(".flag.age")).to_be_visible()
    await kitchen.bump(room).click()
    question = kitchen.page.locator("dialog")
    await expect(question).to_contain_text("20歳以上")
    await question.get_by_role("button", name="まだです").click()
    await expect(kitchen.bump(room)).to_have_text("お届け済み")
    await kitchen.bump(room).click()
    await question.get_by_role("button", name="確認しました").click()
    await expect(kitchen.ticket(room)).to_have_count(0)
