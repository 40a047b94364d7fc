"""How the screens look and can be used: sizes, places, languages, glyphs, keys, sound."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.browser.probes import BOXES, FAINT, GLYPHS, ORDER, SMALL, VISIBLE, WHEN_LEAVING, WHOLE
from tests.browser.screens import SOUP, Kitchen, Screens, Tablet

if TYPE_CHECKING:
    from hub.db.pool import Connection

NODE = shutil.which("node")
JAPANESE = re.compile(r"[぀-ヿ㐀-鿿]")


def test_the_modules_of_the_pages() -> None:
    assert NODE is not None, "install nodejs"
    run = subprocess.run(
        [NODE, "--test", "."],
        cwd=Path(__file__).parent / "js",
        env={"NODE_NO_WARNINGS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout


async def _orders_by_sql(admin: Connection, room: str, count: int, lines: int) -> None:
    """Orders as another system would write them: the screens must not care where they come from."""
    for minute in range(count):
        await admin.execute(ORDER, room, count - minute, lines)


async def test_the_grid_holds_and_nothing_moves_under_a_finger(
    screens: Screens, kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await _orders_by_sql(admin, room, 14, 4)
    tickets = kitchen.page.locator("kitchen-ticket")
    await expect(tickets).to_have_count(12)
    await kitchen.page.locator("#sound-gate").click()
    await expect(kitchen.page.locator(".page-number")).to_have_text("1/2")
    await kitchen.picture("full")
    inside = await kitchen.page.evaluate(WHOLE)
    assert inside
    before = await kitchen.page.evaluate(BOXES)
    first = tickets.first
    gone = str(await first.get_attribute("data-order"))
    for step in ("出来上がり", "配達へ", "お届け済み"):
        await first.locator(".bump").click()
        await expect(first.locator(".bump")).to_have_text(step)
    # looked at by the page itself: the moment is over before a busy machine has asked twice
    await kitchen.page.evaluate(f"() => {{ window.left = ({WHEN_LEAVING})(); }}")
    await first.locator(".bump").click()
    left = await kitchen.page.evaluate("() => window.left")
    assert left == before, "a finished ticket keeps its cell for a moment"
    await expect(kitchen.page.locator(f"kitchen-ticket[data-order='{gone}']")).to_have_count(0)
    after = await kitchen.page.evaluate(BOXES)
    assert len(after) == 12
    kept = {order: box for order, box in before.items() if order != gone}
    assert {order: box for order, box in after.items() if order in kept} == kept
    assert next(box for order, box in after.items() if order not in kept) == before[gone]
    await expect(kitchen.page.locator(".tool.sort")).to_be_visible()
    await kitchen.page.set_viewport_size({"width": 1366, "height": 768})
    await expect(kitchen.page.locator("kitchen-ticket")).to_have_count(8)
    await kitchen.picture("1366")


async def test_sizes_for_eyes_and_fingers_in_a_kitchen(kitchen: Kitchen, tablet: Tablet) -> None:
    await tablet.order(SOUP["ja"])
    ticket = kitchen.ticket(tablet.room)
    for selector, least in (
        (".ticket-room", 28),
        (".item-name", 20),
        (".quantity", 24),
        (".ticket-timer", 24),
    ):
        size = await ticket.locator(selector).first.evaluate(
            "each => parseFloat(getComputedStyle(each).fontSize)"
        )
        assert size >= least, selector
    tabular = await ticket.locator(".ticket-timer").evaluate(
        "each => getComputedStyle(each).fontVariantNumeric"
    )
    assert "tabular-nums" in tabular
    bump = await ticket.locator(".bump").bounding_box()
    item = await ticket.locator(".item").first.bounding_box()
    assert bump is not None
    assert bump["width"] >= 64
    assert bump["height"] >= 64
    assert item is not None
    assert item["height"] >= 48


async def test_targets_on_the_tablet(tablet: Tablet) -> None:
    await tablet.add(SOUP["ja"])
    assert await tablet.page.evaluate(SMALL, 48) == []
    await tablet.review()
    await expect(tablet.place_button).to_be_enabled()
    assert await tablet.page.evaluate(SMALL, 48) == []
    body = await tablet.page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
    assert body >= 18


async def test_one_tap_changes_the_language_and_keeps_everything(screens: Screens, tablet: Tablet) -> None:
    await tablet.add(SOUP["ja"], 2)
    for page in ("menu", "review", "orders"):
        if page == "review":
            await tablet.review()
            await expect(tablet.place_button).to_be_enabled()
        if page == "orders":
            await tablet.place_button.click()
            await expect(tablet.received).to_be_visible()
        await tablet.switch_language()
        await expect(tablet.page.locator("html")).to_have_attribute("lang", "en")
        texts = await tablet.page.evaluate(VISIBLE)
        assert len(texts) > 10
        assert [text for text in texts if JAPANESE.search(text)] == []
        if page == "menu":
            await expect(tablet.page.locator("cart-panel .line-name")).to_have_text(SOUP["en"])
            await expect(tablet.page.locator("cart-panel .step-count")).to_have_text("2")
        if page == "review":
            await expect(tablet.place_button).to_have_text("Place order, 3,300 yen")
        await tablet.picture(f"{page}-en")
        await tablet.switch_language()
        await expect(tablet.page.locator("html")).to_have_attribute("lang", "ja")
        await tablet.picture(f"{page}-ja")
    await tablet.switch_language()
    await tablet.page.reload()
    await expect(tablet.page.locator("html")).to_have_attribute("lang", "en")


async def test_unknown_allergens_are_never_called_none(tablet: Tablet) -> None:
    await expect(tablet.dish("はまぐりのお吸い物").locator(".allergens")).to_have_text(
        "未確認です。お尋ねください"
    )
    await expect(tablet.dish("玉露 八女").locator(".allergens")).to_have_text("特定原材料等28品目なし")
    await expect(tablet.dish("天ざる蕎麦").locator(".allergens li")).to_have_text(
        ["そば", "小麦", "えび", "卵", "大豆"]
    )


async def test_japanese_is_drawn_not_boxed(tablet: Tablet, kitchen: Kitchen) -> None:
    letters = list("和朝食御膳蕎麦号室厨房取消遅お届けメニュー円、")
    for page in (tablet.page, kitchen.page):
        drawn = await page.evaluate(GLYPHS, letters)
        assert len(drawn) == 2 * len(letters)
        assert all(drawn)


async def test_the_kitchen_by_keyboard(kitchen: Kitchen, tablet: Tablet) -> None:
    await tablet.order(SOUP["ja"])
    ticket = kitchen.ticket(tablet.room)
    number = await ticket.locator(".ticket-index").inner_text()
    press = kitchen.page.keyboard.press
    await press(number)
    await expect(ticket).to_have_class(re.compile("selected"))
    await press("Enter")
    await expect(kitchen.bump(tablet.room)).to_have_text("出来上がり")
    await press("u")
    await expect(kitchen.bump(tablet.room)).to_have_text("調理開始")
    await press("r")
    await expect(kitchen.page.locator("dialog.recall")).to_be_visible()
    await press("1")
    await press("Escape")
    await expect(kitchen.page.locator("dialog.recall")).to_have_count(0)
    await press("ArrowLeft")
    await expect(kitchen.page.locator("kitchen-ticket.selected")).to_have_count(1)


async def test_the_kitchen_in_english_names_both_languages(kitchen: Kitchen, tablet: Tablet) -> None:
    await tablet.order(SOUP["ja"])
    item = kitchen.item(tablet.room, 1)
    await expect(item.locator(".item-name")).to_have_text(SOUP["ja"])
    await expect(item.locator(".item-other")).to_have_text(SOUP["en"])
    await kitchen.switch_language()
    await expect(item.locator(".item-name")).to_have_text(SOUP["en"])
    await expect(kitchen.bump(tablet.room)).to_have_text("Start cooking")
    texts = await kitchen.page.evaluate(VISIBLE)
    assert [text for text in texts if JAPANESE.search(text)] == []
    await kitchen.picture("english")


async def test_sound_starts_with_a_tap_and_says_so(kitchen: Kitchen, tablet: Tablet) -> None:
    gate = kitchen.page.locator("#sound-gate")
    await expect(gate).to_be_visible()
    await expect(kitchen.page.locator(".tool.sound")).to_have_text("通知音オフ")
    await gate.click()
    await expect(gate).to_be_hidden()
    await expect(kitchen.page.locator(".tool.sound")).to_have_text("通知音オン")
    await tablet.order(SOUP["ja"])
    await expect(kitchen.page.locator("html")).to_have_attribute("data-chimes", "1")


async def test_on_a_phone_an_order_takes_few_taps(screens: Screens, kitchen: Kitchen, room: str) -> None:
    phone = await screens.tablet(room, "en", size={"width": 390, "height": 844})
    await phone.picture("phone-menu")
    overflow = await phone.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0
    number = await phone.order(SOUP["en"])
    await expect(kitchen.ticket(room)).to_contain_text(f"#{number}")
    assert await phone.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    await phone.picture("phone-order")


async def test_every_text_stands_out_from_its_background(tablet: Tablet, kitchen: Kitchen) -> None:
    for page in (tablet.page, kitchen.page):
        await page.emulate_media(reduced_motion="reduce")  # no colour on its way to another
    assert await tablet.page.evaluate(FAINT) == []
    await tablet.order(SOUP["ja"])
    for page in (tablet.page, kitchen.page):
        for theme in ("day", "night"):
            await page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
            assert await page.evaluate(FAINT) == [], theme
    for level in ("ok", "soon", "late"):
        ticket = kitchen.ticket(tablet.room)
        await ticket.evaluate("(each, level) => each.dataset.level = level", level)
        assert await kitchen.page.evaluate(FAINT) == [], level
