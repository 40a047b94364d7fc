"""The rules of the kitchen screen that a ruler can check: places, sizes, contrast, languages, windows."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import pytest
from playwright.async_api import expect

from tests.browser.axe import findings
from tests.browser.kitchen_probes import CUT, FAINT_EDGES, HOVER, TIGHT, WHOLE_TICKETS
from tests.browser.kitchens import at_rest, place, set_up
from tests.browser.probes import BOXES, FAINT, SMALL, VISIBLE, WHEN_LEAVING
from tests.browser.screens import Kitchen, Screens

if TYPE_CHECKING:
    from playwright.async_api import ViewportSize

    from hub.db.pool import Connection
    from tests.browser.kitchens import Dish

JAPANESE: Final = re.compile(r"[぀-ヿ㐀-鿿]")
FOUR: Final = (0, 2, 5, 6)
EGG: Final = {
    "key": "egg:over",
    "group_ja": "卵料理",
    "group_en": "Eggs",
    "name_ja": "両面焼き",
    "name_en": "Over easy",
    "price": 0,
}
LONG: Final = {
    "name_ja": "北海道産帆立と季節の温野菜の香草バター焼き丹波産コシヒカリと赤出汁付き特別御膳をお二人で",
    "name_en": "Hokkaido scallops and vegetables of the season in herb butter",
}
LINES: Final = """(each) => Math.round(
    each.getBoundingClientRect().height / parseFloat(getComputedStyle(each).lineHeight))"""
NOTE: Final = "一つはウェルダン、もう一つはミディアムレアで、ソースは別添えでお願いします。"


SIRLOIN: Final = {
    "name_ja": "和牛サーロインの炭火焼",
    "name_en": "Charcoal-grilled wagyu sirloin",
    "options": [
        {"key": f"{n}:x", "group_ja": "選択", "group_en": "Choice", "name_ja": ja, "name_en": en, "price": 0}
        for n, (ja, en) in enumerate(
            [
                ("ミディアムレア", "Medium rare"),
                ("150グラム", "150 g"),
                ("おろしポン酢", "Grated radish and ponzu"),
                ("ガーリックライス", "Garlic rice"),
            ]
        )
    ],
}
CLAMPED: Final = """() => [...document.querySelectorAll('kitchen-ticket :is(.item-options, .item-note)')]
    .filter((each) => each.scrollHeight > each.clientHeight + 2).map((each) => each.textContent)"""


async def full_board(admin: Connection, room: str) -> None:
    """Everything that a ticket can say, in long words, and a dozen of usual ones."""
    hard: list[Dish] = [
        (0, {**LONG, "quantity": 12, "note": NOTE, "options": [EGG, {**EGG, "key": "egg:soft"}]}),
        (1, {"conflicts": ["egg", "milk"], "options": [EGG], "status": "cooking"}),
        (2, {"allergens": None, "conflicts": ["egg", "milk"]}),
        (3, {"status": "cancelled"}),
    ]
    await place(
        admin, room, hard, minutes=31, status="cooking", rush=True, recall_count=1, channel="phone",
        special_requests=NOTE * 3, declared_allergens=["egg", "milk"],
    )  # fmt: skip
    await place(admin, room, [(20, {"status": "ready"})], minutes=12, status="ready")
    await place(admin, room, [5], alerts={"chime": "2026-11-21T12:00:00Z"})
    for n in range(12):
        await place(admin, room, FOUR, minutes=2 * n)


async def all_there(kitchen: Kitchen, tickets: int = 12) -> None:
    """The whole of a full board has come, and stands still."""
    await expect(kitchen.page.locator(".count.received dd")).to_have_text("13")
    await expect(kitchen.page.locator("kitchen-ticket")).to_have_count(tickets)
    await at_rest(kitchen.page)


async def test_k1_twelve_tickets_of_four_lines_stand_on_the_screen_without_scrolling(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    for minutes in range(13):
        await place(admin, room, FOUR, minutes=minutes)
    await kitchen.open_sound_gate()
    await expect(kitchen.page.locator(".page-number")).to_have_text("1/2")
    await at_rest(kitchen.page)
    await kitchen.picture("twelve")
    assert await kitchen.page.evaluate(WHOLE_TICKETS) == 12
    assert await kitchen.page.evaluate(CUT) == []


async def test_k2_a_bump_never_moves_a_ticket_under_a_finger(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    for minutes in range(14):
        await place(admin, room, FOUR, minutes=minutes)
    tickets = kitchen.page.locator("kitchen-ticket")
    await expect(tickets).to_have_count(12)
    await kitchen.page.reload()  # what comes later stands last until then
    await expect(tickets).to_have_count(12)
    await kitchen.open_sound_gate()
    await at_rest(kitchen.page)
    before = await kitchen.page.evaluate(BOXES)
    ages = await tickets.locator(".ticket-timer").all_inner_texts()
    waited = [int(age.removesuffix("分")) for age in ages]
    assert waited == sorted(waited, reverse=True), "oldest first"
    first = tickets.first
    gone = str(await first.get_attribute("data-order"))
    for step in ("出来上がり", "配達へ", "お届け済み"):
        await first.locator(".bump").click()
        await expect(first.locator(".bump")).to_have_text(step)
        await expect(first.locator(".bump")).to_have_attribute("aria-disabled", "false")
    # looked at by the page itself: the moment is over before a busy machine has asked twice
    await kitchen.page.evaluate(f"() => {{ window.left = ({WHEN_LEAVING})(); }}")
    await first.locator(".bump").click()
    assert await kitchen.page.evaluate("() => window.left") == before, "it keeps its cell for a moment"
    await expect(kitchen.page.locator(f"kitchen-ticket[data-order='{gone}']")).to_have_count(0)
    after = await kitchen.page.evaluate(BOXES)
    kept = {order: box for order, box in before.items() if order != gone}
    assert {order: box for order, box in after.items() if order in kept} == kept
    assert next(box for order, box in after.items() if order not in kept) == before[gone]
    await expect(kitchen.tool("sort")).to_be_visible()


async def test_k2_a_new_order_moves_no_ticket(kitchen: Kitchen, room: str, admin: Connection) -> None:
    await kitchen.open_sound_gate()
    for minutes in (9, 5):
        await place(admin, room, FOUR, minutes=minutes)
    await expect(kitchen.ticket(room)).to_have_count(2)
    await at_rest(kitchen.page)
    before = await kitchen.page.evaluate(BOXES)
    await place(admin, room, FOUR, minutes=20, rush=True)
    await expect(kitchen.ticket(room)).to_have_count(3)
    after = await kitchen.page.evaluate(BOXES)
    assert {order: after[order] for order in before} == before


async def test_k3_text_is_large_enough_to_be_read_from_two_metres(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await place(admin, room, [0])
    ticket = kitchen.ticket(room)
    least = {".item-name": 20, ".quantity": 24, ".ticket-room": 28, ".ticket-timer": 24}
    for selector, size in least.items():
        measured = await ticket.locator(selector).first.evaluate(
            "each => parseFloat(getComputedStyle(each).fontSize)"
        )
        assert measured >= size, selector
    await expect(ticket.locator(".quantity").first).to_have_css("font-weight", "800")
    await expect(ticket.locator(".ticket-timer")).to_have_css("font-variant-numeric", "tabular-nums")


async def test_k4_targets_are_large_and_apart(kitchen: Kitchen, room: str, admin: Connection) -> None:
    await full_board(admin, room)
    await kitchen.open_sound_gate()
    await all_there(kitchen)
    page = kitchen.page
    assert await page.evaluate(TIGHT, ["kitchen-ticket .bump", 64, 8]) == []
    assert await page.evaluate(TIGHT, ["kitchen-ticket :is(.bump, .more)", 56, 8]) == []
    assert await page.evaluate(TIGHT, ["kitchen-ticket .item", 48, 0]) == []
    assert await page.evaluate(SMALL, 48) == []


async def test_k5_every_text_and_every_edge_stands_out(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await kitchen.page.emulate_media(reduced_motion="reduce")  # no colour on its way to another
    await full_board(admin, room)
    await all_there(kitchen)
    await kitchen.open_sound_gate()
    await at_rest(kitchen.page)
    levels = await kitchen.page.locator("kitchen-ticket").evaluate_all(
        "all => all.map((each) => each.dataset.level)"
    )
    assert {"ok", "soon", "late"} <= set(levels)
    assert await kitchen.page.evaluate(FAINT) == []
    assert await kitchen.page.evaluate(FAINT_EDGES) == []
    for name in ("recall", "sold", "pause", "settings", "search"):
        await kitchen.tool(name).click()
        await expect(kitchen.page.locator("dialog[open]")).to_be_visible()
        assert await kitchen.page.evaluate(FAINT) == [], name
        await kitchen.page.keyboard.press("Escape")
        await expect(kitchen.page.locator("dialog")).to_have_count(0)


async def test_k5_axe_finds_nothing_serious(kitchen: Kitchen, room: str, admin: Connection) -> None:
    await kitchen.page.emulate_media(reduced_motion="reduce")
    await full_board(admin, room)
    await all_there(kitchen)
    await kitchen.open_sound_gate()
    await kitchen.tool("rail").click()
    await expect(kitchen.page.locator("side-rail")).to_be_visible()
    await at_rest(kitchen.page)
    assert await findings(kitchen.page) == []
    for name in ("recall", "sold", "pause", "settings", "search"):
        await kitchen.tool(name).click()
        await expect(kitchen.page.locator("dialog[open]")).to_be_visible()
        assert await findings(kitchen.page) == [], name
        await kitchen.page.keyboard.press("Escape")
        await expect(kitchen.page.locator("dialog")).to_have_count(0)


async def test_k9_a_long_ticket_goes_on_in_the_next_cell_and_nothing_scrolls_inside(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await kitchen.open_sound_gate()
    await place(admin, room, list(range(11)))
    parts = kitchen.ticket(room)
    await expect(parts).to_have_count(3)
    for n in range(3):
        await expect(parts.nth(n).locator(".ticket-part")).to_have_text(f"続き {n + 1}/3")
    await at_rest(kitchen.page)
    lines = await parts.locator(".item").evaluate_all("all => all.map((each) => Number(each.dataset.line))")
    assert lines == list(range(1, 12)), "no row is lost, none is doubled"
    assert await kitchen.page.evaluate(CUT) == []


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_k17_long_names_wrap_to_two_lines_with_the_other_language_below(
    kitchen: Kitchen, room: str, admin: Connection, language: str
) -> None:
    note = "卵は固めに with crispy bacon"
    await place(admin, room, [(0, {**LONG, "note": note})], special_requests=note)
    if language == "en":
        await kitchen.switch_language()
    ticket = kitchen.ticket(room)
    other = "en" if language == "ja" else "ja"
    await expect(ticket.locator(".item-name")).to_have_text(LONG[f"name_{language}"])
    await expect(ticket.locator(".item-other")).to_have_text(LONG[f"name_{other}"])
    await at_rest(kitchen.page)
    assert await ticket.locator(".item-name").evaluate(LINES) == 2
    sizes = [
        await ticket.locator(selector).evaluate("each => parseFloat(getComputedStyle(each).fontSize)")
        for selector in (".item-name", ".item-other")
    ]
    assert sizes[1] < sizes[0]
    await expect(ticket.locator(".item-note")).to_have_text(note)
    await expect(ticket.locator(".request-text")).to_have_text(note)
    assert await kitchen.page.evaluate(CUT) == []


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize(
    "size",
    [{"width": 1920, "height": 1080}, {"width": 1366, "height": 768}, {"width": 1080, "height": 1920}],
    ids=["1920x1080", "1366x768", "portrait"],
)
async def test_k17_what_was_chosen_and_wished_is_never_shortened(
    screens: Screens, room: str, admin: Connection, size: ViewportSize, language: str
) -> None:
    await set_up(admin, rail=True, language=language)
    await place(admin, room, [(0, SIRLOIN), (1, {**SIRLOIN, "conflicts": ["wheat"]})])
    await place(admin, room, [(0, {**SIRLOIN, "note": "Sauce apart, please"}), 5])
    kitchen = await screens.kitchen(size=size)
    await kitchen.open_sound_gate()
    await expect(kitchen.page.locator("html")).to_have_attribute("lang", language)
    await expect(kitchen.page.locator(".item-options:visible")).to_have_count(3)
    await at_rest(kitchen.page)
    assert await kitchen.page.evaluate(CLAMPED) == []
    assert await kitchen.page.evaluate(CUT) == []
    await kitchen.picture("chosen")


async def test_k17_in_english_everything_but_the_guests_words_is_english(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await full_board(admin, room)
    await all_there(kitchen)
    await kitchen.switch_language()
    await expect(kitchen.page.locator("html")).to_have_attribute("lang", "en")
    texts = await kitchen.page.evaluate(VISIBLE)
    guests = (NOTE, NOTE * 3)
    assert len(texts) > 100
    assert [text for text in texts if JAPANESE.search(text) and text not in guests] == []
    await kitchen.picture("english")


@pytest.mark.parametrize(
    ("size", "least"),
    [({"width": 1366, "height": 768}, 8), ({"width": 1080, "height": 1920}, 12)],
    ids=["1366x768", "portrait"],
)
async def test_k18_a_small_window_and_an_upright_one_lose_nothing(
    screens: Screens, room: str, admin: Connection, size: ViewportSize, least: int
) -> None:
    await full_board(admin, room)
    kitchen = await screens.kitchen(size=size)
    await expect(kitchen.page.locator("#sound-gate")).to_be_visible()
    await all_there(kitchen, least)
    assert await kitchen.page.evaluate(CUT) == []
    await kitchen.open_sound_gate()
    await at_rest(kitchen.page)
    await kitchen.picture("small")
    assert await kitchen.page.locator("kitchen-ticket").count() >= least
    assert await kitchen.page.evaluate(CUT) == []


async def test_k18_with_text_twice_as_large_everything_is_there_and_nothing_is_cut(
    screens: Screens, room: str, admin: Connection
) -> None:
    await set_up(admin, text_size=200)
    await full_board(admin, room)
    kitchen = await screens.kitchen()
    await kitchen.open_sound_gate()
    await expect(kitchen.page.locator(".count.received dd")).to_have_text("13")
    await at_rest(kitchen.page)
    size = await kitchen.page.locator(".item-name").first.evaluate(
        "each => parseFloat(getComputedStyle(each).fontSize)"
    )
    assert size >= 40
    await kitchen.picture("large")
    pages = int((await kitchen.page.locator(".page-number").inner_text()).split("/")[1])
    orders = set()
    for page in range(pages):
        assert await kitchen.page.evaluate(CUT) == [], page
        orders |= set(
            await kitchen.page.locator("kitchen-ticket").evaluate_all(
                "all => all.map((each) => each.dataset.order)"
            )
        )
        if page < pages - 1:
            await kitchen.tool("next").click()
            await expect(kitchen.page.locator(".page-number")).to_have_text(f"{page + 2}/{pages}")
    assert len(orders) == 15
    await kitchen.tool("menu").click()
    await kitchen.tool("recall").click()
    await expect(kitchen.page.locator("dialog.recall")).to_be_visible()


async def test_k19_nothing_needs_a_hover_or_a_drag(kitchen: Kitchen) -> None:
    assert await kitchen.page.evaluate(HOVER) == []
    assert await kitchen.page.locator("[draggable]").count() == 0


@pytest.mark.parametrize("width", [1920, 1366, 1080])
async def test_a_bar_that_has_much_to_say_cuts_nothing_and_never_leaves_the_undo_out(
    screens: Screens, room: str, admin: Connection, width: int
) -> None:
    until = "2099-11-21T12:00:00Z"
    pause = {"since": until, "until": until, "message_ja": None, "message_en": None}
    # an undo that stays until everything has been measured
    await admin.execute(
        "UPDATE app.tenants SET settings = settings || $1::text::jsonb",
        json.dumps({"pause": pause, "undo_seconds": 60}),
    )
    await set_up(admin, language="en")
    await full_board(admin, room)
    await place(admin, room, [5], minutes=90)
    kitchen = await screens.kitchen(size={"width": width, "height": 1080})
    await kitchen.open_sound_gate()
    await place(admin, room, [5], minutes=95)
    await expect(kitchen.tool("sort")).to_be_visible()
    await at_rest(kitchen.page)
    before = await kitchen.bar.bounding_box()
    start = kitchen.page.get_by_role("button", name="Start cooking").first
    await start.click()
    await expect(kitchen.undo).to_be_visible()
    await expect(kitchen.page.locator(".notice-pill")).to_have_count(2)
    await at_rest(kitchen.page)
    await kitchen.picture("bar")
    assert await kitchen.page.evaluate(CUT) == []
    overflow = await kitchen.bar.evaluate("each => each.scrollWidth - each.clientWidth")
    assert overflow <= 0
    assert await kitchen.bar.bounding_box() == before
    await kitchen.undo.click()
    await expect(kitchen.undo).to_be_hidden()
