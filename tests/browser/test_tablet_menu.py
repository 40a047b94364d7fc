"""The menu on a guest's tablet: pictures, hours, what is sold out, what narrows it."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.async_api import expect

from tests.browser.screens import SOUP, Screens
from tests.browser.tablet_probes import WATCH_MENU, WATCH_SHIFTS
from tests.browser.tablet_views import strike

if TYPE_CHECKING:
    from tests.browser.frames import Frames

NOODLES: Final = "夜鳴きそば"  # 22:00 to 02:00, last order 30 minutes before
BRUNCH: Final = "週末ブランチプレート"  # Saturday and Sunday, 10:00 to 14:00
TEA: Final = "玉露 八女"
RATIO: Final = """() => [...document.querySelectorAll('dish-card .photo')].map((each) => {
    const { width, height } = each.getBoundingClientRect();
    return width / height;
})"""


def japan(text: str) -> datetime:
    """A moment on the hotel's wall; 2026-11-21 is a Saturday."""
    return datetime.fromisoformat(f"{text}+09:00")


async def test_g1_the_menu_of_the_last_visit_is_there_before_the_hub(
    screens: Screens, room: str, frames: Frames
) -> None:
    tablet = await screens.tablet(room, frames=frames, script=WATCH_MENU)
    await expect(tablet.page.locator("html")).to_have_attribute("data-phase", "live")
    await tablet.becomes("localStorage.getItem('hub.tablet.menu') !== null")
    frames.mute = True
    took = []
    for _ in range(3):  # this machine may be busy with something else
        await tablet.page.reload()
        await expect(tablet.dish(SOUP["ja"])).to_be_visible()
        await expect(tablet.page.locator("notice-view")).to_be_hidden()
        await tablet.becomes("globalThis.firstDishMs !== undefined")
        took.append(await tablet.page.evaluate("firstDishMs"))
    assert min(took) < 1000


async def test_g1_a_tap_is_answered_within_a_tenth_of_a_second(screens: Screens, room: str) -> None:
    tablet = await screens.tablet(room)
    async with asyncio.timeout(15):
        took = await tablet.dish(SOUP["ja"]).evaluate(
            """async (card) => {
              const frame = () => new Promise(requestAnimationFrame), took = [];
              for (let count = 1; count <= 5; count += 1) {
                const started = performance.now();
                card.querySelector('.more').click();
                while (card.querySelector('.step-count').textContent !== String(count)) await frame();
                took.push(performance.now() - started);
              }
              return took;
            }"""
        )
    assert min(took) < 100


async def test_every_tap_counts_however_slowly_the_tablet_draws(screens: Screens, room: str) -> None:
    tablet = await screens.tablet(room)
    cart = tablet.page.locator("cart-panel .cart-lines li")
    for button, count, taps in ((".more", 3, 3), (".more", 99, 99), (".less", 97, 2), (".less", 0, 99)):
        await (
            tablet.dish(SOUP["ja"])
            .locator(button)
            .evaluate("(button, taps) => { for (let tap = 0; tap < taps; tap += 1) button.click(); }", taps)
        )
        if count > 0:
            await expect(cart.locator(".step-count")).to_have_text(str(count))
        else:
            await expect(cart).to_have_count(0)


async def test_g13_nothing_moves_while_the_pictures_come(screens: Screens, room: str, frames: Frames) -> None:
    def another_form(item: dict[str, Any]) -> None:
        if item["is_featured"]:
            item["image_url"] = "/static/art/seigaiha.svg"

    frames.change("menu_item", another_form)
    tablet = await screens.tablet(room, frames=frames, script=WATCH_SHIFTS)
    scroll = tablet.page.locator(".menu-scroll")
    ratios = await tablet.page.evaluate(RATIO)
    assert len(ratios) > 70
    assert all(ratio == pytest.approx(16 / 10, rel=0.01) for ratio in ratios)
    images = tablet.page.locator("dish-card img")
    assert await images.evaluate_all("all => all.every((each) => each.alt.length > 0)")
    assert await images.evaluate_all("all => all.slice(4).every((each) => each.loading === 'lazy')")
    assert await images.evaluate_all("all => all.slice(0, 2).every((each) => each.loading !== 'lazy')")
    for place in (0.2, 0.4, 0.6, 0.8, 1.0):
        await scroll.evaluate("(each, part) => each.scrollTo(0, each.scrollHeight * part)", place)
        await tablet.drawn()
    await expect(images.last).to_have_js_property("complete", value=True)
    await tablet.drawn()  # what it has moved is known with the next picture
    assert await tablet.page.evaluate("shifts.reduce((sum, each) => sum + each, 0)") < 0.1


async def test_what_is_served_now_is_recommended_first(screens: Screens, room: str, frames: Frames) -> None:
    frames.set_clock(datetime.fromisoformat("2026-11-21T18:30+09:00"))
    tablet = await screens.tablet(room, frames=frames)
    cards = tablet.page.locator(".course").first.locator("dish-card")
    closed = await cards.evaluate_all("all => all.map((each) => each.classList.contains('unavailable'))")
    assert closed == sorted(closed)
    assert set(closed) == {False, True}
    frames.set_clock(datetime.fromisoformat("2026-11-22T07:30+09:00"))
    await expect(cards.first.get_by_role("heading")).to_have_text("和朝食御膳")


async def test_g13_a_picture_that_cannot_be_loaded_is_an_emblem_with_the_name(
    screens: Screens, room: str, frames: Frames
) -> None:
    screens.network_may_fail = True

    def break_soup(item: dict[str, Any]) -> None:
        if item["name_ja"] == SOUP["ja"]:
            item["image_url"] = "/static/art/dishes/none.svg"
        if item["name_ja"] == TEA:
            item["image_url"] = None

    frames.change("menu_item", break_soup)
    tablet = await screens.tablet(room, frames=frames)
    for name in (SOUP["ja"], TEA):
        picture = tablet.dish(name).get_by_role("img", name=name)
        await picture.scroll_into_view_if_needed()
        await expect(picture).to_have_class(re.compile("emblem"))
        await expect(picture.locator("svg")).to_be_visible()
    await tablet.picture("emblem")


async def test_g4_few_taps_lead_to_a_dish_and_to_an_order(screens: Screens, room: str) -> None:
    tablet = await screens.tablet(room)
    taps = 0

    async def tap(selector: str) -> None:
        nonlocal taps
        taps += 1
        await tablet.page.locator(selector).first.click()

    await tap(".section-tab[data-key=soup_salad]")
    await tap("[data-key=soup_salad] .dish-open")
    await expect(tablet.page.locator("item-view h1")).to_be_visible()
    assert taps <= 3
    await tap(".item-add")
    await tap("cart-panel .primary")
    await tap(".place:enabled")
    await expect(tablet.received).to_be_visible()
    assert taps <= 5


async def test_g7_hours_past_midnight_by_the_hubs_clock(screens: Screens, room: str, frames: Frames) -> None:
    frames.set_clock(japan("2026-11-21T21:59"))
    tablet = await screens.tablet(room, frames=frames)
    dish = tablet.dish(NOODLES)
    await expect(dish.locator(".away")).to_have_text("22:00から")
    await expect(dish.locator(".more")).to_be_hidden()
    await expect(dish).to_have_class(re.compile("unavailable"))
    for moment in ("21T22:00", "21T23:59", "22T00:00", "22T01:29"):
        await strike(tablet, frames, japan(f"2026-11-{moment}"))
        await expect(dish.locator(".more"), moment).to_be_visible()
        await expect(dish.locator(".away")).to_be_hidden()
    await expect(dish.locator(".dish-note")).to_have_text("ラストオーダー 01:30")
    for moment in ("22T01:30", "22T01:59", "22T02:00"):
        await strike(tablet, frames, japan(f"2026-11-{moment}"))
        await expect(dish.locator(".away"), moment).to_have_text("22:00から")


async def test_g7_a_closed_dish_says_on_which_day_it_is_served_again(
    screens: Screens, room: str, frames: Frames
) -> None:
    frames.set_clock(japan("2026-11-21T09:00"))
    tablet = await screens.tablet(room, frames=frames)
    away = tablet.dish(BRUNCH).locator(".away")
    await expect(away).to_have_text("10:00から")
    frames.set_clock(japan("2026-11-21T13:30"))
    await expect(away).to_have_text("明日 10:00から")
    frames.set_clock(japan("2026-11-22T14:00"))
    await expect(away).to_have_text("土曜 10:00から")
    await tablet.switch_language()
    await expect(
        tablet.page.locator("dish-card .away:visible").filter(has_text="Saturday").first
    ).to_have_text("Opens Saturday 10:00")


async def test_g7_what_is_sold_out_says_so_and_comes_back_at_its_time(
    screens: Screens, room: str, frames: Frames
) -> None:
    until: dict[str, str | None] = {"at": None}

    def sell_out(item: dict[str, Any]) -> None:
        if item["name_ja"] == SOUP["ja"]:
            item.update(sold_out=True, sold_out_until=until["at"])

    frames.set_clock(japan("2026-11-21T18:30"))
    tablet = await screens.tablet(room, frames=frames)
    dish = tablet.dish(SOUP["ja"])
    await dish.locator(".more").click()
    frames.change("menu_item", sell_out)
    await expect(dish.locator(".away")).to_have_text("品切れ")
    line = tablet.page.locator("cart-panel li")
    await expect(line.locator(".line-problem")).to_have_text("品切れになりました。削除してください。")
    await expect(line).to_have_class(re.compile("broken"))
    await tablet.picture("sold-out")
    until["at"] = japan("2026-11-21T19:00").isoformat()
    frames.tell()
    await expect(dish.locator(".away")).to_have_text("品切れ（19:00から再開）")
    frames.set_clock(japan("2026-11-21T19:00"))
    await expect(dish.locator(".more")).to_be_visible()
    await expect(line.locator(".line-problem")).to_be_hidden()


async def test_tags_narrow_the_menu_and_an_empty_section_leads_back(screens: Screens, room: str) -> None:
    tablet = await screens.tablet(room)
    dishes = tablet.page.locator("dish-card")
    whole = await dishes.count()
    chip = tablet.page.locator("filter-bar").get_by_role("button", name="ヴィーガン")
    await chip.click()
    await expect(chip).to_have_attribute("aria-pressed", "true")
    await expect(dishes.filter(has=tablet.page.locator(".mark.vegan"))).to_have_count(await dishes.count())
    assert 0 < await dishes.count() < whole
    empty = tablet.page.locator(".course-empty:visible")
    await expect(empty.first).to_contain_text("条件に合うものはありません")
    await tablet.picture("vegan")
    await empty.first.get_by_role("button", name="すべて表示する").click()
    await expect(dishes).to_have_count(whole)
    await expect(chip).to_have_attribute("aria-pressed", "false")


async def test_the_menu_is_found_where_it_was_left(screens: Screens, room: str) -> None:
    tablet = await screens.tablet(room)
    scroll = tablet.page.locator(".menu-scroll")
    card = tablet.dish("天ざる蕎麦").last
    await card.scroll_into_view_if_needed()
    before = await scroll.evaluate("each => each.scrollTop")
    assert before > 0
    await tablet.open("天ざる蕎麦")
    await tablet.page.locator("item-view .back").click()
    await expect(card.locator(".dish-open")).to_be_focused()
    assert await scroll.evaluate("each => each.scrollTop") == pytest.approx(before, abs=2)
    await tablet.switch_language()
    assert await scroll.evaluate("each => each.scrollTop") > 0
    await tablet.open("Cold soba with tempura")
    await tablet.becomes("history.state?.page === 'item'")
    await tablet.page.go_back()
    await expect(tablet.page.locator("menu-view")).to_be_visible()
