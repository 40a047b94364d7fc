"""The screen of those who carry: by floor, together, with what must be said and checked at the door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from playwright.async_api import Locator, expect

from tests.browser.axe import findings
from tests.browser.kitchen_probes import ANSWERED, CUT, INERTED
from tests.browser.kitchens import at_rest, change, place, set_up
from tests.browser.probes import FAINT, SMALL
from tests.browser.screens import Kitchen, Screens

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.browser.kitchens import Dish

READY: Final = {"status": "ready"}
EGGS: Final = {**READY, "conflicts": ["egg"], "name_ja": "オムレツ", "name_en": "Omelette"}
SAKE: Final = {**READY, "age_restricted": True}
# One press right after another, as the second half of a double tap: also on a busy machine.
PRESS_BOTH: Final = """([one, other]) => {
    for (const each of [one, other]) document.querySelector(each).click();
}"""


@pytest.fixture
async def runner(screens: Screens, admin: Connection) -> Kitchen:
    await set_up(admin, view="runner")
    return await screens.kitchen()


def card(runner: Kitchen, order: str) -> Locator:
    return runner.page.locator(f".ready-card[data-order='{order}']")


def stop(runner: Kitchen, order: str) -> Locator:
    return runner.page.locator(f".stop[data-order='{order}']")


async def rested(runner: Kitchen) -> None:
    """What follows is no second half of a double tap."""
    await expect(runner.page.locator("runner-board:not([data-resting])")).to_have_count(1)


async def tap_twice(runner: Kitchen, button: Locator) -> None:
    """Two taps at one place, as fast as a hand does; what stood there first may have gone at the second."""
    await at_rest(runner.page)
    box = await button.bounding_box()
    assert box is not None
    await runner.page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, delay=60)


async def test_ready_orders_stand_by_floor_and_go_out_together(runner: Kitchen, admin: Connection) -> None:
    orders = {
        room: await place(admin, room, [(0, READY)], minutes=9, status="ready")
        for room in ("701", "503", "702", "501")
    }
    await place(admin, "505", [0], minutes=9, status="cooking")
    await expect(runner.page.locator(".floor h3")).to_have_text(["5階", "7階"])
    await expect(runner.page.locator(".ready-card .ticket-room")).to_have_text(["501", "503", "701", "702"])
    for room in ("702", "701"):
        await card(runner, orders[room]).click()
        await expect(card(runner, orders[room])).to_have_attribute("aria-pressed", "true")
    await runner.picture("choose")
    await expect(runner.page.locator(".runner-go")).to_have_text("2件をまとめて配達へ")
    await rested(runner)
    await runner.page.locator(".runner-go").click()
    await expect(runner.page.locator(".trip h3")).to_have_text("701 → 702")
    await expect(runner.page.locator(".ready-card")).to_have_count(2)
    together = """SELECT count(DISTINCT trip_id) = 1 AND count(*) = 2 FROM app.orders
        WHERE status = 'delivering' AND trip_id IS NOT NULL"""
    await runner.until(admin, together)
    await rested(runner)
    await stop(runner, orders["701"]).get_by_role("button", name="お届け済み").click()
    await expect(stop(runner, orders["701"])).to_have_count(0)
    await rested(runner)
    await stop(runner, orders["702"]).get_by_role("button", name="戻す").click()
    await expect(card(runner, orders["702"])).to_be_visible()


async def test_alcohol_needs_its_tick_and_an_allergy_is_said_at_the_door(
    runner: Kitchen, room: str, admin: Connection
) -> None:
    order = await place(
        admin, room, [(0, SAKE), (1, EGGS)], minutes=9, status="delivering", declared_allergens=["egg"]
    )
    here = stop(runner, order)
    await expect(here.locator(".slip")).to_contain_text("お渡しのときにお伝えください")
    await expect(here.locator(".slip .allergy-what")).to_have_text("卵")
    await expect(here.locator(".slip-dishes")).to_have_text("オムレツ: 卵")
    deliver = here.get_by_role("button", name="お届け済み")
    await expect(deliver).to_be_disabled()
    await here.get_by_role("checkbox", name="20歳以上を確認しました").check()
    await runner.picture("stop")
    await deliver.click()
    await runner.until(admin, "SELECT status = 'delivered' FROM app.orders WHERE id = $1::uuid", order)


async def test_a_cancellation_in_the_pass_is_noted_by_who_would_have_carried_it(
    runner: Kitchen, room: str, admin: Connection
) -> None:
    order = await place(admin, room, [(0, READY), (1, {"status": "cancelled"})], minutes=9, status="ready")
    await expect(card(runner, order).locator(".flag.cancelled")).to_have_text("取消を確認")
    await card(runner, order).click()
    await expect(card(runner, order).locator(".flag.cancelled")).to_have_count(0)
    await expect(card(runner, order)).to_have_attribute("aria-pressed", "false")


async def test_a_double_tap_hands_over_no_second_order(runner: Kitchen, admin: Connection) -> None:
    first, second = [
        await place(admin, room, [(0, READY)], minutes=9, status="delivering") for room in ("501", "502")
    ]
    await expect(stop(runner, second)).to_be_visible()
    await stop(runner, first).evaluate(INERTED)
    await tap_twice(runner, stop(runner, first).locator(".bump"))
    await runner.becomes("window.inerted")
    await expect(stop(runner, first)).to_have_count(0)
    await expect(stop(runner, second).locator(".bump")).to_have_text("お届け済み")
    await runner.becomes(ANSWERED)
    assert await admin.fetchval("SELECT status FROM app.orders WHERE id = $1::uuid", second) == "delivering"


async def test_the_bar_that_comes_and_goes_under_a_finger_takes_no_second_tap(
    screens: Screens, admin: Connection
) -> None:
    await set_up(admin, view="runner")
    orders = [await place(admin, f"50{n}", [(0, READY)], minutes=9, status="ready") for n in range(1, 6)]
    runner = await screens.kitchen(size={"width": 1366, "height": 480})
    low = card(runner, orders[-1])
    one, five = (f".ready-card[data-order='{order}']" for order in (orders[0], orders[-1]))
    await low.scroll_into_view_if_needed()
    await expect(low).to_have_attribute("aria-pressed", "false")
    await runner.page.evaluate(PRESS_BOTH, [five, ".runner-go"])  # the bar has come in between
    await expect(low).to_have_attribute("aria-pressed", "true")
    await expect(runner.page.locator(".runner-go")).to_be_visible()
    await rested(runner)
    await runner.page.evaluate(PRESS_BOTH, [".runner-go", one])
    await runner.until(admin, "SELECT status = 'delivering' FROM app.orders WHERE id = $1::uuid", orders[-1])
    await expect(card(runner, orders[0])).to_have_attribute("aria-pressed", "false")


async def test_a_cancellation_on_the_way_is_noted_before_the_rest_is_handed_over(
    runner: Kitchen, room: str, admin: Connection
) -> None:
    items: list[Dish] = [(0, SAKE), (1, {"status": "cancelled"})]
    order = await place(admin, room, items, minutes=9, status="delivering")
    button = stop(runner, order).locator(".bump")
    await expect(button).to_have_text("取消を確認")
    await button.click()
    await expect(button).to_have_text("お届け済み")
    await rested(runner)
    await stop(runner, order).get_by_role("checkbox").check()
    await button.click()
    await runner.until(admin, "SELECT status = 'delivered' FROM app.orders WHERE id = $1::uuid", order)


async def test_the_tick_of_one_handover_is_none_for_the_next(
    runner: Kitchen, room: str, admin: Connection
) -> None:
    order = await place(admin, room, [(0, SAKE)], minutes=9, status="delivering")
    here = stop(runner, order)
    await here.get_by_role("checkbox").check()
    await here.get_by_role("button", name="お届け済み").click()
    await expect(here).to_have_count(0)
    await change(admin, order, status="delivering")
    await expect(here.get_by_role("checkbox")).not_to_be_checked()
    await expect(here.get_by_role("button", name="お届け済み")).to_be_disabled()


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (390, 844)])
async def test_a_runner_reads_it_on_the_wall_and_on_a_phone(
    screens: Screens, admin: Connection, width: int, height: int
) -> None:
    await set_up(admin, view="runner")
    for room in ("501", "502", "601"):
        await place(
            admin, room, [(0, SAKE), (1, EGGS)], minutes=30, status="ready", declared_allergens=["egg"]
        )
        await place(
            admin, room, [(0, SAKE), (1, EGGS)], minutes=5, status="delivering", declared_allergens=["egg"]
        )
    runner = await screens.kitchen(size={"width": width, "height": height})
    await runner.page.emulate_media(reduced_motion="reduce")
    await runner.open_sound_gate()
    await expect(runner.page.locator(".ready-card")).to_have_count(3)
    await runner.picture("runner")
    await runner.page.locator(".ready-card").first.click()
    await expect(runner.page.locator(".ready-card").first).to_have_attribute("aria-pressed", "true")
    await at_rest(runner.page)
    assert await runner.page.evaluate(FAINT) == []
    assert await findings(runner.page) == []
    assert await runner.page.evaluate(SMALL, 48) == []
    assert await runner.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert await runner.page.evaluate(CUT) == []


async def test_an_empty_pass_says_so_only_while_connected(screens: Screens, admin: Connection) -> None:
    await set_up(admin, view="runner")
    runner = await screens.kitchen()
    await expect(runner.page.locator(".runner-none")).to_contain_text("運ぶものはありません — 接続中")
    screens.network_may_fail = True
    await screens.hub.kill()
    await expect(runner.bar).to_have_attribute("data-link", "lost")
    await expect(runner.page.locator(".runner-none")).to_be_hidden()
