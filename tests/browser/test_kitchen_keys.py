"""The kitchen screen by keyboard, or by a bump bar, which is one; search; and a ticket on paper."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest
from playwright.async_api import expect

from tests.browser.kitchens import change, place, set_up
from tests.browser.screens import Kitchen, Screens

if TYPE_CHECKING:
    from hub.db.pool import Connection

SELECTED: Final = re.compile(r"\bselected\b")
MM: Final = 72 / 25.4
CURRY: Final = {"name_ja": "カレー", "name_en": "Curry"}


@pytest.fixture
async def board(kitchen: Kitchen, room: str, admin: Connection) -> Kitchen:
    """Fourteen tickets on two pages, the oldest first; the screen may sound."""
    await kitchen.open_sound_gate()
    for minutes in range(14):
        await place(admin, room, [0], minutes=14 - minutes)
    await expect(kitchen.page.locator(".count.received dd")).to_have_text("14")
    await expect(kitchen.page.locator(".page-number")).to_have_text("1/2")
    return kitchen


async def test_k12_the_whole_work_is_done_with_keys_alone(board: Kitchen) -> None:
    press = board.page.keyboard.press
    tickets = board.page.locator("kitchen-ticket")
    await press("1")
    await expect(tickets.nth(0)).to_have_class(SELECTED)
    await press("0")
    await expect(tickets.nth(9)).to_have_class(SELECTED)
    await press("2")
    bump = tickets.nth(1).locator(".bump")
    await press("Enter")
    await expect(bump).to_have_text("出来上がり")
    await press("u")
    await expect(bump).to_have_text("調理開始")
    await press("ArrowRight")
    await expect(tickets.nth(2)).to_have_class(SELECTED)
    await press("ArrowDown")
    await expect(tickets.nth(8)).to_have_class(SELECTED)
    await press("ArrowUp")
    await press("ArrowLeft")
    await expect(tickets.nth(1)).to_have_class(SELECTED)
    await press("a")
    await expect(board.page.locator("side-rail")).to_be_visible()
    await press("A")
    await expect(board.page.locator("side-rail")).to_be_hidden()
    for key, name in (("r", "recall"), ("s", "sold"), ("/", "search"), ("?", "help")):
        await press(key)
        await expect(board.page.locator(f"dialog.{name}")).to_be_visible()
        await press("Escape")
        await expect(board.page.locator("dialog")).to_have_count(0)
    await press("PageDown")
    await expect(board.page.locator(".page-number")).to_have_text("2/2")
    await press("PageUp")
    await expect(board.page.locator(".page-number")).to_have_text("1/2")
    await press("3")
    await press("d")
    await expect(board.page.locator("dialog.details")).to_be_visible()


async def test_k12_keys_rest_while_somebody_types_and_a_held_key_bumps_once(board: Kitchen) -> None:
    page = board.page
    await page.keyboard.press("1")
    await page.keyboard.press("/")
    field = page.get_by_role("searchbox")
    await field.press_sequentially("a1r?")
    await expect(field).to_have_value("a1r?")
    await expect(page.locator("dialog")).to_have_count(1)
    await page.keyboard.press("Escape")
    await expect(field).to_have_value("")
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog")).to_have_count(0)
    first = page.locator("kitchen-ticket").first
    await page.keyboard.press("1")
    await page.keyboard.down("Enter")
    await expect(first.locator(".bump")).to_have_text("出来上がり")
    await expect(first.locator(".bump")).to_have_attribute("aria-disabled", "false")
    for _ in range(5):
        await page.keyboard.down("Enter")  # a key that is held down repeats
    await page.keyboard.up("Enter")
    await page.evaluate("() => new Promise(requestAnimationFrame)")
    await expect(first.locator(".bump")).to_have_text("出来上がり")


async def test_k12_keys_can_be_taught_and_switched_off(
    screens: Screens, board: Kitchen, admin: Connection
) -> None:
    page = board.page
    await board.tool("settings").click()
    bump = page.locator("[data-name='key.bump']")
    await bump.click()
    await expect(bump).to_have_text("キーを押してください")
    await page.keyboard.press("F5")
    await expect(bump).to_have_text("F5")
    recall = page.locator("[data-name='key.recall']")
    await recall.click()
    await page.keyboard.press("u")
    await expect(recall).to_have_text("U")
    await expect(page.locator("[data-name='key.undo']")).to_have_text("R")
    await board.picture("keys")
    await page.keyboard.press("Escape")
    kept = """SELECT settings->'keys' = '{"bump": "F5", "undo": "r", "recall": "u"}' FROM app.device_rooms
        WHERE device_name = 'Kitchen'"""
    await board.until(admin, kept)
    await page.keyboard.press("1")
    first = page.locator("kitchen-ticket").first
    await page.keyboard.press("F5")
    await expect(first.locator(".bump")).to_have_text("出来上がり")
    await page.keyboard.press("r")
    await expect(first.locator(".bump")).to_have_text("調理開始")
    screens.network_may_fail = True  # the first one is told that it was replaced
    again = await screens.kitchen()
    await again.page.keyboard.press("?")
    await expect(again.page.locator("dialog.help kbd", has_text="F5")).to_have_count(1)
    await again.page.keyboard.press("Escape")
    await again.tool("settings").click()
    await again.page.locator("[data-name='keys.on']").click()
    await again.page.keyboard.press("Escape")
    await again.page.keyboard.press("u")
    await expect(again.page.locator("dialog")).to_have_count(0)


async def test_the_search_finds_a_room_a_number_and_a_dish_on_whatever_page(
    board: Kitchen, admin: Connection, room: str
) -> None:
    order = await place(admin, room, [(0, CURRY)])
    page = board.page
    number = await admin.fetchval("SELECT order_number FROM app.orders WHERE id = $1::uuid", order)
    hits = page.locator(".search-hit")
    await page.keyboard.press("/")
    await page.keyboard.type(f"#{number}")
    await expect(hits).to_have_count(1)
    await page.get_by_role("searchbox").fill(room)
    await expect(hits).to_have_count(15)
    await page.get_by_role("searchbox").fill("curry")
    await expect(hits).to_have_count(1)
    await expect(hits.locator(".ticket-room")).to_have_text(room)
    await board.picture("search")
    await page.keyboard.press("Enter")
    await expect(page.locator("dialog")).to_have_count(0)
    await expect(page.locator(".page-number")).to_have_text("2/2")
    await expect(page.locator(f"kitchen-ticket[data-order='{order}']")).to_have_class(SELECTED)


async def test_the_search_shows_what_is_no_ticket_here(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    later = datetime.now(UTC) + timedelta(hours=3)
    await place(admin, room, [(0, CURRY)], fire_at=later, due_at=later)
    page = kitchen.page
    for way in ("key", "tap"):
        await page.keyboard.press("/")
        await page.keyboard.type("curry")
        hit = page.locator(".search-hit")
        await expect(hit).to_have_count(1)
        await (hit.click() if way == "tap" else page.keyboard.press("Enter"))
        await expect(page.locator("dialog.details")).to_contain_text("カレー")
        await expect(page.locator("dialog")).to_have_count(1)
        await page.keyboard.press("Escape")
        await expect(page.locator("dialog")).to_have_count(0)


async def test_a_setting_that_is_nothing_of_size_moves_no_ticket(board: Kitchen, admin: Connection) -> None:
    tickets = board.page.locator("kitchen-ticket")
    gone = await tickets.nth(1).get_attribute("data-order")
    assert gone is not None
    await change(admin, gone, status="delivered", finished_at=datetime.now(UTC))
    await expect(board.tool("sort")).to_be_visible()
    from_behind = await tickets.nth(1).get_attribute("data-order")
    assert from_behind not in (None, gone)
    late = board.page.locator("kitchen-ticket[data-level='late']")
    assert await late.count() < await tickets.count()
    await set_up(admin, thresholds={"soon": 1, "late": 2})
    await expect(late).to_have_count(await tickets.count())
    await expect(board.tool("sort")).to_be_visible()
    await expect(tickets.nth(1)).to_have_attribute("data-order", str(from_behind))


async def test_a_ticket_is_printed_alone_on_a_roll_of_80_mm(
    screens: Screens, room: str, admin: Connection
) -> None:
    kitchen = await screens.kitchen(script="window.print = () => { window.printed = true; };")
    await kitchen.open_sound_gate()
    await place(
        admin,
        room,
        [(0, {**CURRY, "note": "辛口", "conflicts": ["milk"], "quantity": 3}), (1, {"status": "cancelled"})],
        minutes=3,
        declared_allergens=["milk"],
        special_requests="お箸を二膳",
    )
    await expect(kitchen.ticket(room).locator(".item-name").first).to_have_text("カレー")
    await kitchen.page.keyboard.press("1")
    await kitchen.page.keyboard.press("p")
    assert await kitchen.page.evaluate("window.printed")
    await kitchen.page.emulate_media(media="print")
    paper = kitchen.page.locator(".print")
    for text in (room, "カレー", "辛口", "お箸を二膳", "乳を含みます", "3"):
        await expect(paper).to_contain_text(text)
    await expect(kitchen.page.locator("top-bar, main, #sound-gate").locator("visible=true")).to_have_count(0)
    await kitchen.picture("paper")
    document = await kitchen.page.pdf(prefer_css_page_size=True)
    [box] = re.findall(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", document)
    width, height = (float(side) / MM for side in box)
    assert abs(width - 80) < 1
    assert 40 < height < 200, "cut where the ticket ends, on one page"


async def test_text_size_and_columns_are_kept_by_the_hub(
    screens: Screens, kitchen: Kitchen, admin: Connection
) -> None:
    await kitchen.tool("settings").click()
    for name in ("set.text.130", "set.columns.4", "sound.late"):
        await kitchen.page.locator(f"[data-name='{name}']").click()
        await expect(kitchen.page.locator(f"[data-name='{name}']")).to_have_attribute("aria-pressed", "true")
    await kitchen.picture("settings")
    kept = """SELECT settings->>'text_size' = '130' AND settings->>'columns' = '4'
        AND (settings->'sounds'->>'late')::boolean FROM app.device_rooms WHERE device_name = 'Kitchen'"""
    await kitchen.until(admin, kept)
    screens.network_may_fail = True  # the first one is told that it was replaced
    again = await screens.kitchen()
    four = re.compile(r"^(\S+ ){3}\S+$")
    await expect(again.page.locator(".grid")).to_have_css("grid-template-columns", four)
    assert await again.page.evaluate("getComputedStyle(document.documentElement).fontSize") == "20.8px"


async def test_what_a_manager_sets_shows_at_once(kitchen: Kitchen, admin: Connection) -> None:
    await set_up(admin, view="runner", language="en")
    await expect(kitchen.page.locator("runner-board")).to_be_visible()
    await expect(kitchen.page.locator("html")).to_have_attribute("lang", "en")
    await set_up(admin, view="kitchen", language="ja")
    await expect(kitchen.page.locator("ticket-board")).to_be_visible()
