"""Stations that see their own items, the expo that sees them all, and the pause of the whole kitchen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest
from playwright.async_api import expect

from tests.browser.kitchens import place, screen_code, set_up
from tests.browser.screens import Kitchen, Screens

if TYPE_CHECKING:
    from hub.db.pool import Connection

STEAK: Final = (0, {"station": "kitchen", "name_ja": "ステーキ", "name_en": "Steak"})
SALAD: Final = (1, {"station": "cold", "name_ja": "サラダ", "name_en": "Salad"})
SAKE: Final = (2, {"station": "bar", "name_ja": "日本酒", "name_en": "Sake"})
BEER: Final = (3, {"station": "bar", "name_ja": "ビール", "name_en": "Beer"})
WATER: Final = (2, {"station": "bar", "name_ja": "水", "name_en": "Water", "preparation_minutes": 0})
STATUSES: Final = (
    "SELECT string_agg(status, ' ' ORDER BY line) FROM app.order_items WHERE order_id = $1::uuid"
)


@pytest.fixture
async def bar(screens: Screens, kitchen: Kitchen, admin: Connection) -> Kitchen:
    """A second screen, which was given the bar when it was paired; the first one sees everything."""
    return await screens.kitchen(code=await screen_code(admin, screens.hub, "Bar", ["bar"]))


async def test_a_station_shows_its_own_items_and_says_where_else_the_order_is_made(
    kitchen: Kitchen, bar: Kitchen, room: str, admin: Connection
) -> None:
    order = await place(admin, room, [STEAK, SALAD, SAKE, BEER])
    await expect(bar.ticket(room).locator(".item-name")).to_have_text(["日本酒", "ビール"])
    await expect(kitchen.ticket(room).locator(".item-name")).to_have_count(4)
    await expect(bar.ticket(room).locator(".also li")).to_have_text(["温かいお料理 0/1", "冷菜・甘味 0/1"])
    await kitchen.item(room, 1).click()
    await expect(kitchen.state(room, 1)).to_have_text("調理中")
    await expect(kitchen.item(room, 1)).to_have_attribute("aria-disabled", "false")
    await kitchen.item(room, 1).click()
    await expect(bar.ticket(room).locator(".also li.done")).to_have_text("温かいお料理 完了")
    await bar.picture("bar")
    await bar.bump_to(room, "調理開始", "出来上がり")
    await expect(kitchen.state(room, 3)).to_have_text("調理中")
    await expect(kitchen.state(room, 2)).to_have_text("未着手")
    await bar.undo.click()
    await expect(bar.bump(room)).to_have_text("調理開始")
    await expect(kitchen.state(room, 4)).to_have_text("未着手")
    await bar.bump_to(room, "調理開始", "出来上がり")
    await expect(bar.bump(room)).to_have_attribute("aria-disabled", "false")
    await bar.bump(room).click()
    await expect(bar.ticket(room)).to_have_count(0)
    assert await admin.fetchval(STATUSES, order) == "ready pending ready ready"
    assert await admin.fetchval("SELECT status FROM app.orders WHERE id = $1::uuid", order) == "cooking"
    await bar.tool("recall").click()
    await bar.page.locator(".recall-list li").filter(has_text=room).get_by_role("button").click()
    await expect(bar.ticket(room).locator(".flag.recalled")).to_be_visible()
    assert await admin.fetchval(STATUSES, order) == "ready pending cooking cooking"


async def test_an_order_of_other_stations_is_no_ticket_here(
    bar: Kitchen, kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await place(admin, room, [STEAK])
    await expect(kitchen.ticket(room)).to_be_visible()
    await place(admin, room, [SAKE])
    await expect(bar.ticket(room)).to_have_count(1)
    await expect(bar.page.locator(".item-name:visible")).to_have_text("日本酒")


async def test_stations_are_chosen_on_the_screen_and_kept(
    screens: Screens, kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await place(admin, room, [STEAK, SALAD, SAKE])
    await kitchen.tool("settings").click()
    for station in ("cold", "bar"):
        choice = kitchen.page.locator(f"[data-name='set.stations.{station}']")
        await choice.click()
        await expect(choice).to_have_attribute("aria-pressed", "true")
    await kitchen.page.keyboard.press("Escape")
    await expect(kitchen.ticket(room).locator(".item-name")).to_have_text(["サラダ", "日本酒"])
    kept = """SELECT settings->'stations' = '["cold", "bar"]' FROM app.device_rooms
        WHERE device_name = 'Kitchen'"""
    await kitchen.until(admin, kept)
    screens.network_may_fail = True  # the first one is told that it was replaced
    again = await screens.kitchen()
    await expect(again.ticket(room).locator(".item-name")).to_have_count(2)


async def test_the_expo_sees_every_station_and_asks_before_it_sends_what_is_not_done(
    screens: Screens, room: str, admin: Connection
) -> None:
    await set_up(admin, view="expo")
    expo = await screens.kitchen()
    await expo.open_sound_gate()
    await place(admin, room, [(0, {**STEAK[1], "status": "ready"}), (2, {**SAKE[1], "status": "cooking"})],
        minutes=2, status="cooking")  # fmt: skip
    await expect(expo.ticket(room).locator(".also li")).to_have_text(["温かいお料理 完了", "バー 0/1"])
    await expect(expo.ticket(room).locator(".item-station:visible")).to_have_text(["温かいお料理", "バー"])
    await expo.picture("expo")
    await expo.bump(room).click()
    question = expo.page.locator("dialog")
    await expect(question.locator("li")).to_have_count(1)
    await expect(question.locator("li")).to_contain_text("日本酒")
    await question.get_by_role("button", name="待つ").click()
    await expect(expo.bump(room)).to_have_text("出来上がり")
    await expo.bump(room).click()
    await question.get_by_role("button", name="すべて出来上がりにする").click()
    await expect(expo.bump(room)).to_have_text("配達へ")


async def test_the_expo_hears_when_an_order_is_ready(
    kitchen: Kitchen, bar: Kitchen, room: str, admin: Connection
) -> None:
    expo = kitchen
    await expo.open_sound_gate()
    await set_up(admin, view="expo")
    await expect(expo.page).to_have_title("デシャップ")
    await place(admin, room, [(2, {**SAKE[1], "status": "cooking"})], minutes=2, status="cooking")
    await expect(bar.bump(room)).to_have_text("出来上がり")
    await expect(expo.ticket(room)).to_be_visible()
    await bar.bump(room).click()
    await expect(expo.page.locator("html")).to_have_attribute("data-chime", "ready")


async def test_the_kitchen_pauses_with_words_for_its_guests_and_takes_orders_again(
    screens: Screens, kitchen: Kitchen, admin: Connection
) -> None:
    other = await screens.kitchen(code=await screen_code(admin, screens.hub, "Second"))
    await kitchen.tool("pause").click()
    await kitchen.page.get_by_role("button", name="30分").click()
    await kitchen.page.get_by_role("button", name="営業終了").click()
    await kitchen.picture("pause")
    await kitchen.page.locator("[data-name='pause']").click()
    for screen in (kitchen, other):
        await expect(screen.page.locator(".notice-pill.paused")).to_have_text(
            re.compile(r"^受付停止中 \d\d:\d\dまで$")
        )
    row = await admin.fetchrow(
        "SELECT settings->'pause'->>'message_ja' AS ja, settings->'pause'->>'message_en' AS en"
        " FROM app.tenants WHERE settings ? 'pause'"
    )
    assert row is not None
    assert row["ja"] == "本日のご注文の受付は終了いたしました。"
    assert row["en"] == "We are not taking any more orders today."
    await other.page.locator(".notice-pill.paused").click()
    await expect(other.page.locator("dialog.pause")).to_contain_text(row["ja"])
    await other.page.locator("[data-name='resume']").click()
    for screen in (kitchen, other):
        await expect(screen.page.locator(".notice-pill.paused")).to_have_count(0)


async def test_what_nobody_has_to_make_is_ready_in_one_bump(
    kitchen: Kitchen, bar: Kitchen, room: str, admin: Connection
) -> None:
    order = await place(admin, room, [WATER])
    for screen in (kitchen, bar):
        await expect(screen.bump(room)).to_have_text("出来上がり")
    await kitchen.bump_to(room, "出来上がり", "配達へ")
    await expect(bar.ticket(room)).to_have_count(0)
    await kitchen.undo.click()
    await expect(bar.bump(room)).to_have_text("出来上がり")
    assert await admin.fetchval("SELECT status FROM app.orders WHERE id = $1::uuid", order) == "received"
    await bar.item(room, 1).click()
    await expect(kitchen.bump(room)).to_have_text("配達へ")
    await expect(bar.ticket(room)).to_have_count(0)


async def test_a_station_begins_what_is_cooked_and_readies_all_of_its_own(
    kitchen: Kitchen, bar: Kitchen, room: str, admin: Connection
) -> None:
    order = await place(admin, room, [WATER, BEER, STEAK])
    await bar.bump_to(room, "調理開始", "出来上がり")
    await expect(bar.bump(room)).to_have_attribute("aria-disabled", "false")
    await kitchen.until(admin, f"SELECT ({STATUSES}) = 'pending cooking pending'", order)
    await bar.bump(room).click()
    await expect(bar.ticket(room)).to_have_count(0)
    assert await admin.fetchval(STATUSES, order) == "ready ready pending"
