"""The page of a dish: options and what they cost, lines of the basket by dish and options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from playwright.async_api import expect

from tests.browser.screens import SOUP, Screens, Tablet

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.browser.frames import Frames

BEEF: Final = "和牛サーロインの炭火焼"  # doneness, size (200 g: +2,200), sauce, staple: one of each
HAMBURG: Final = "和牛ハンバーグ デミグラスソース"  # a staple, and up to two sides
RARE: Final = ("レア", "150グラム", "おろしポン酢", "ご飯")


async def test_the_price_follows_the_options_and_nothing_is_forgotten(
    screens: Screens, room: str, admin: Connection
) -> None:
    tablet = await screens.tablet(room)
    add = tablet.page.locator(".item-add")
    await tablet.open(BEEF)
    await expect(add).to_have_text("追加する　6,400円")
    await add.click()
    missing = tablet.page.locator("fieldset.missing")
    await expect(missing).to_have_attribute("data-group", "doneness")
    await expect(missing.get_by_role("alert")).to_have_text("こちらをお選びください")
    await expect(missing.get_by_role("radio").first).to_be_focused()
    await tablet.choose("レア", "200グラム", "山わさび", "ガーリックライス")
    await expect(missing).to_have_count(0)
    await expect(add).to_have_text("追加する　9,100円")
    await tablet.choose("150グラム")
    await expect(add).to_have_text("追加する　6,900円")
    await tablet.page.locator("item-view .more").click()
    await expect(add).to_have_text("追加する　13,800円")
    await tablet.picture("options")
    await add.click()
    await expect(tablet.page.locator("cart-panel .line-options")).to_have_text(
        "レア・150グラム・山わさびと藻塩・ガーリックライス"
    )
    await tablet.review()
    await tablet.place_button.click()
    await expect(tablet.received).to_be_visible()
    await expect(tablet.page.locator("order-card .line-options")).to_have_text(
        "レア・150グラム・山わさびと藻塩・ガーリックライス"
    )
    row = await admin.fetchrow(
        "SELECT i.unit_price, i.quantity, i.options::text FROM app.order_items AS i"
        " JOIN app.orders AS o ON (o.tenant_id, o.id) = (i.tenant_id, i.order_id) WHERE o.room_number = $1",
        room,
    )
    assert row is not None
    assert (row["unit_price"], row["quantity"]) == (6900, 2)
    assert '"doneness:rare"' in row["options"]


async def test_no_more_than_what_a_group_allows(screens: Screens, room: str) -> None:
    tablet = await screens.tablet(room)
    await tablet.open(HAMBURG)
    sides = tablet.page.locator("fieldset[data-group=sides]")
    await expect(sides.locator("legend")).to_have_text("追加の一品 任意・2つまで")
    await tablet.choose("グリーンサラダ", "フライドポテト")
    await expect(sides.get_by_role("checkbox", name="温野菜")).to_be_disabled()
    await expect(tablet.page.locator(".item-add")).to_have_text("追加する　4,500円")
    await tablet.choose("グリーンサラダ")
    await expect(sides.get_by_role("checkbox", name="温野菜")).to_be_enabled()


async def _add(tablet: Tablet, dish: str, *choices: str) -> None:
    await tablet.open(dish)
    await tablet.choose(*choices)
    await tablet.page.locator(".item-add").click()
    await expect(tablet.page.locator("menu-view")).to_be_visible()


async def test_the_same_dish_with_other_options_is_another_line(screens: Screens, room: str) -> None:
    tablet = await screens.tablet(room)
    lines = tablet.page.locator("cart-panel li")
    await _add(tablet, BEEF, *RARE)
    await _add(tablet, BEEF, "ウェルダン", *RARE[1:])
    await _add(tablet, BEEF, *RARE)
    await expect(lines).to_have_count(2)
    await expect(lines.locator(".step-count")).to_have_text(["2", "1"])
    await expect(tablet.dish(BEEF).locator(".choose")).to_have_text("選ぶ（3点）")
    await lines.nth(1).locator(".less").click()
    await expect(lines).to_have_count(1)


async def test_options_are_changed_from_the_review_and_equal_lines_become_one(
    screens: Screens, room: str
) -> None:
    tablet = await screens.tablet(room)
    await _add(tablet, BEEF, *RARE)
    await _add(tablet, BEEF, "ウェルダン", *RARE[1:])
    await tablet.review()
    lines = tablet.page.locator(".review-lines > li")
    await lines.nth(1).get_by_role("button", name=f"{BEEF}の選択を変更する").click()
    await expect(tablet.page.get_by_role("radio", name="ウェルダン")).to_be_checked()
    await tablet.choose("レア")
    await tablet.page.get_by_role("button", name="この内容に変える").click()
    await expect(lines).to_have_count(1)
    await expect(lines.locator(".step-count")).to_have_text("2")
    await expect(tablet.place_button).to_have_text("注文する　14,080円")


# Two taps of one finger on the middle of a button; what stands there now, after the page was drawn anew. What
# the first tap wants to be done later waits for the second one, which is early however slow this machine is.
TWICE: Final = """async (button) => {
  const { left, top, width, height } = button.getBoundingClientRect();
  const tap = () => document.elementFromPoint(left + width / 2, top + height / 2)?.closest("button")?.click();
  const frame = () => new Promise((on) => requestAnimationFrame(on)), later = globalThis.setTimeout;
  let tapped;
  const second = new Promise((on) => { tapped = on; });
  globalThis.setTimeout = (work, ms) => later(() => second.then(work), ms);
  tap();
  globalThis.setTimeout = later;
  for (let n = 0; n < 3; n += 1) await frame();
  tap();
  await frame();
  tapped();
}"""


async def test_a_double_tap_that_removes_a_line_takes_no_other_one_along(screens: Screens, room: str) -> None:
    tablet = await screens.tablet(room)
    for choice in ("レア", "ミディアムレア", "ウェルダン"):
        await _add(tablet, BEEF, choice, *RARE[1:])
    lines = tablet.page.locator("cart-panel li")
    await expect(lines).to_have_count(3)
    await lines.first.locator(".less").evaluate(TWICE)
    await expect(lines).to_have_count(2)
    await tablet.review()
    lines = tablet.page.locator(".review-lines > li")
    await expect(lines.first.locator(".less")).to_be_disabled()
    await lines.first.locator(".round").evaluate(TWICE)
    await expect(lines).to_have_count(1)
    await lines.first.locator(".round").click()
    await expect(tablet.page.locator("menu-view")).to_be_visible()


async def test_an_option_that_is_gone_marks_the_line_and_is_chosen_again(
    screens: Screens, room: str, frames: Frames
) -> None:
    def without_rare(item: dict[str, Any]) -> None:
        for group in item["options"]:
            group["choices"] = [each for each in group["choices"] if each["key"] != "rare"]

    tablet = await screens.tablet(room, frames=frames)
    await _add(tablet, BEEF, *RARE)
    await tablet.review()
    await expect(tablet.place_button).to_be_enabled()
    frames.change("menu_item", without_rare)
    line = tablet.page.locator(".review-lines > li")
    await expect(line.locator(".line-problem")).to_have_text("選択肢が変わりました。選び直してください。")
    await expect(tablet.place_button).to_have_text("印のついた品をご確認ください")
    await expect(tablet.place_button).to_be_disabled()
    await line.locator(".line-options .link").click()
    await tablet.choose("ミディアムレア")
    await tablet.page.get_by_role("button", name="この内容に変える").click()
    await expect(line).not_to_have_class(re.compile("broken"))
    await expect(tablet.place_button).to_be_enabled()


async def test_a_dish_that_leaves_the_menu_is_not_left_open(
    screens: Screens, room: str, admin: Connection
) -> None:
    tablet = await screens.tablet(room)
    await tablet.open(SOUP["ja"])
    await admin.execute("UPDATE app.menu_items SET deleted_at = now() WHERE name_ja = $1", SOUP["ja"])
    try:
        await expect(tablet.page.locator("menu-view")).to_be_visible()
        await expect(tablet.dish(SOUP["ja"])).to_have_count(0)
    finally:
        await admin.execute("UPDATE app.menu_items SET deleted_at = NULL WHERE name_ja = $1", SOUP["ja"])


async def test_who_is_choosing_keeps_the_focus_when_the_dish_changes(
    screens: Screens, room: str, admin: Connection
) -> None:
    tablet = await screens.tablet(room)
    await tablet.open(BEEF)
    choice = tablet.page.locator("option-groups input").nth(3)
    await choice.focus()
    price = tablet.page.locator("item-view .item-price")
    change = "UPDATE app.menu_items SET price = price + $2 WHERE name_ja = $1"
    await admin.execute(change, BEEF, 100)
    try:
        await expect(price).to_have_text("6,500円")
        await expect(choice).to_be_focused()
    finally:
        await admin.execute(change, BEEF, -100)


async def test_two_choices_before_the_page_is_drawn_are_both_kept(screens: Screens, room: str) -> None:
    tablet = await screens.tablet(room)
    await tablet.open(BEEF)
    both = """() => { const of = (key) => document.querySelector(`[data-group="${key}"] input`);
      of('doneness').click(); of('steak_sauce').click(); }"""
    await tablet.page.evaluate(both)
    await tablet.drawn()
    checked = tablet.page.locator("option-groups input:checked")
    assert await checked.evaluate_all("all => all.map((each) => each.name)") == [
        "option-doneness",
        "option-steak_sauce",
    ]
