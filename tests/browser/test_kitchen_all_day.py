"""All-day counts: pinned, live, and a way to the tickets and to "sold out"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest
from playwright.async_api import Locator, expect

from tests.browser.kitchen_probes import CUT, TIGHT, WHOLE_TICKETS
from tests.browser.kitchens import at_rest, change_item, place, screen_code, set_up
from tests.browser.probes import SMALL
from tests.browser.screens import Kitchen, Screens

if TYPE_CHECKING:
    from playwright.async_api import ViewportSize

    from hub.db.pool import Connection

SOUP: Final = (6, {"name_ja": "スープ", "name_en": "Soup"})
FRIED: Final = {
    "key": "egg:fried",
    "group_ja": "卵",
    "group_en": "Egg",
    "name_ja": "目玉焼き",
    "name_en": "Fried",
    "price": 0,
}
EGGS: Final = (1, {"name_ja": "卵料理", "name_en": "Eggs"})
FRIED_EGGS: Final = (1, {**EGGS[1], "options": [FRIED]})
# By their place in the menu: names that take two lines in both languages, and names that take one.
LONGEST: Final = (14, 29, 42, 50)
SHORT: Final = (15, 18, 39)

# Names, numbers and counts of which the end is missing.
SHORTENED: Final = """() => [...document.querySelectorAll(
    'kitchen-ticket :is(.item-name, .ticket-where), .all-day-row :is(.all-day-count, .all-day-name)')]
    .filter((each) => each.scrollWidth > each.clientWidth
        || each.scrollHeight > each.clientHeight + parseFloat(getComputedStyle(each).fontSize) / 2)
    .map((each) => `${each.className} ${each.textContent}`)"""

# How many tickets the counts cover.
UNDER_THE_RAIL: Final = """() => {
    const rail = document.querySelector('side-rail').getBoundingClientRect();
    return [...document.querySelectorAll('kitchen-ticket')].map((each) => each.getBoundingClientRect())
        .filter((box) => box.right > rail.left && box.bottom > rail.top).length;
}"""

# Text of a ticket that is too small to be read from two metres.
FONTS: Final = """() => Object
    .entries({ 'item-name': 20, 'quantity': 24, 'ticket-room': 28, 'ticket-timer': 24 })
    .filter(([name, least]) => [...document.querySelectorAll(`kitchen-ticket .${name}`)]
        .some((each) => parseFloat(getComputedStyle(each).fontSize) < least))
    .map(([name]) => name)"""

# Which order stands in which cell.
CELLS: Final = """() => [...document.querySelectorAll('.grid > *')].map((each) => each.dataset.key ?? null)"""


@pytest.fixture
async def pinned(screens: Screens, admin: Connection) -> Kitchen:
    """A screen whose counts were pinned before: it has nothing to tell the hub when a test ends."""
    await set_up(admin, rail=True)
    kitchen = await screens.kitchen()
    await expect(kitchen.page.locator("side-rail")).to_be_visible()
    return kitchen


def row(kitchen: Kitchen, name: str) -> Locator:
    return kitchen.page.locator(".all-day-row").filter(has_text=re.compile(f"{name}$"))


def count(kitchen: Kitchen, name: str) -> Locator:
    return row(kitchen, name).locator(".all-day-count")


async def test_k13_counts_are_live_on_every_screen_by_dish_and_options(
    screens: Screens, pinned: Kitchen, room: str, admin: Connection
) -> None:
    other = await screens.kitchen(code=await screen_code(admin, screens.hub, "Second"))
    await place(admin, room, [SOUP, EGGS, FRIED_EGGS])
    order = await place(admin, room, [(SOUP[0], {**SOUP[1], "quantity": 3}), FRIED_EGGS])
    await expect(count(pinned, "スープ")).to_have_text("4")
    await expect(count(pinned, "卵料理")).to_have_text("3")
    await expect(count(pinned, "目玉焼き")).to_have_text("2")
    await expect(count(pinned, "そのまま")).to_have_text("1")
    await expect(pinned.page.locator(".rail-total")).to_have_text("残り 7点")
    await pinned.picture("all-day")
    await change_item(admin, order, 1, status="cancelled")
    await expect(count(pinned, "スープ")).to_have_text("1")
    bump = other.page.locator(f"[data-order='{order}'] .bump")
    await expect(bump).to_have_text("取消を確認")
    await bump.click()
    await expect(bump).to_have_text("調理開始")
    for step in ("出来上がり", "配達へ"):
        await expect(bump).to_have_attribute("aria-disabled", "false")
        await bump.click()
        await expect(bump).to_have_text(step)
    await expect(count(pinned, "目玉焼き")).to_have_text("1")
    await pinned.page.reload()
    await expect(pinned.page.locator("side-rail")).to_be_visible()


async def test_k13_a_tap_marks_the_tickets_of_a_dish(pinned: Kitchen, room: str, admin: Connection) -> None:
    await place(admin, room, [SOUP])
    await place(admin, room, [EGGS])
    await row(pinned, "スープ").click()
    await expect(row(pinned, "スープ")).to_have_attribute("aria-pressed", "true")
    await expect(pinned.page.locator("kitchen-ticket.unmarked")).to_have_count(1)
    await expect(pinned.page.locator("kitchen-ticket .marked .item-name")).to_have_text("スープ")
    await row(pinned, "スープ").click()
    await expect(pinned.page.locator("kitchen-ticket.unmarked")).to_have_count(0)


@pytest.mark.parametrize("how", ["hold", "right button", "menu key"])
async def test_k13_a_long_press_or_a_key_marks_a_dish_sold_out(
    pinned: Kitchen, room: str, admin: Connection, how: str
) -> None:
    await place(admin, room, [SOUP])
    button = row(pinned, "スープ")
    if how == "hold":
        await at_rest(pinned.page)
        box = await button.bounding_box()
        assert box is not None
        await pinned.page.mouse.move(box["x"] + 40, box["y"] + 20)
        await pinned.page.mouse.down()
    elif how == "right button":
        await button.click(button="right")
    else:
        await button.focus()
        await button.dispatch_event("contextmenu")
    question = pinned.page.locator("dialog")
    await expect(question.get_by_role("heading")).to_contain_text("品切れにしますか")
    if how == "hold":
        await pinned.page.mouse.up()
        await expect(button).to_have_attribute("aria-pressed", "false")
    await pinned.picture("sold-out")
    await question.get_by_role("button", name="次の営業まで").click()
    gone = "SELECT count(*) = 1 FROM app.menu_items WHERE NOT is_available AND sold_out_until IS NOT NULL"
    await pinned.until(admin, gone)
    await expect(pinned.page.locator(".all-day li.is-sold")).to_have_count(1)


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_k13_pinned_counts_leave_twelve_whole_tickets_of_four_lines(
    pinned: Kitchen, room: str, admin: Connection, language: str
) -> None:
    page = pinned.page
    await pinned.open_sound_gate()
    await set_up(admin, rail=True, language=language)
    await expect(page.locator("html")).to_have_attribute("lang", language)
    for minutes in range(11):
        await place(admin, room, LONGEST, minutes=minutes)
    await place(admin, room, LONGEST, minutes=188)
    await expect(page.locator("kitchen-ticket")).to_have_count(12)
    await at_rest(page)
    await pinned.picture("pinned")
    assert await page.evaluate(WHOLE_TICKETS) == 12
    assert await page.evaluate(CUT) == []
    assert await page.evaluate(SHORTENED) == []
    assert await page.evaluate(UNDER_THE_RAIL) == 0
    assert await page.evaluate(FONTS) == []
    assert await page.evaluate(TIGHT, ["kitchen-ticket .bump", 64, 8]) == []
    assert await page.evaluate(TIGHT, ["kitchen-ticket", 200, 8]) == []
    assert await page.evaluate(TIGHT, [".item, .all-day-row", 48, 0]) == []
    assert await page.evaluate(SMALL, 48) == []


@pytest.mark.parametrize(
    ("size", "count"),
    [
        ({"width": 1920, "height": 1080}, 12),
        ({"width": 1366, "height": 768}, 8),
        ({"width": 1080, "height": 1920}, 12),
    ],
    ids=["1920x1080", "1366x768", "portrait"],
)
async def test_k13_every_ticket_keeps_its_cell_when_the_counts_are_pinned(
    screens: Screens, room: str, admin: Connection, size: ViewportSize, count: int
) -> None:
    for minutes in range(14):
        await place(admin, room, SHORT, minutes=minutes)
    kitchen = await screens.kitchen(size=size)
    await kitchen.open_sound_gate()
    tickets = kitchen.page.locator("kitchen-ticket")
    await expect(tickets).to_have_count(count)
    await at_rest(kitchen.page)
    before = await kitchen.page.evaluate(CELLS)
    if not await kitchen.tool("rail").is_visible():
        await kitchen.tool("menu").click()
    await kitchen.tool("rail").click()
    await expect(kitchen.page.locator("side-rail")).to_be_visible()
    await expect(tickets).to_have_count(count)
    await kitchen.picture("pinned")
    await at_rest(kitchen.page)
    assert await kitchen.page.evaluate(CELLS) == before
    assert await kitchen.page.evaluate(CUT) == []
    assert await kitchen.page.evaluate(SHORTENED) == []
    assert await kitchen.page.evaluate(UNDER_THE_RAIL) == 0
    kept = "SELECT (settings->>'rail')::boolean FROM app.device_rooms WHERE device_name = 'Kitchen'"
    await kitchen.until(admin, kept)
