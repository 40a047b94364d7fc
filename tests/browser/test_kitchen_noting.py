"""Cancellations and allergies on the screens of several stations: each notes for itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest
from playwright.async_api import expect

from tests.browser.kitchens import change, place, screen_code
from tests.browser.screens import Kitchen, Screens

if TYPE_CHECKING:
    from hub.db.pool import Connection

EGG: Final = {"conflicts": ["egg"], "preparation_minutes": 10}
STEAK: Final = (0, {"station": "kitchen", "name_ja": "ステーキ", "name_en": "Steak", **EGG})
SOUR: Final = (1, {"station": "bar", "name_ja": "エッグノッグ", "name_en": "Eggnog", **EGG})
SHOUTING: Final = re.compile(r"\bshouting\b")
FIRST: Final = "先にアレルギーを確認"


@pytest.fixture
async def grill(screens: Screens, kitchen: Kitchen, admin: Connection) -> Kitchen:
    return await screens.kitchen(code=await screen_code(admin, screens.hub, "Grill", ["kitchen"]))


@pytest.fixture
async def bar(screens: Screens, kitchen: Kitchen, admin: Connection) -> Kitchen:
    return await screens.kitchen(code=await screen_code(admin, screens.hub, "Bar", ["bar"]))


async def test_a_cancelled_ticket_shouts_at_each_station_until_that_has_noted_it(
    kitchen: Kitchen, grill: Kitchen, bar: Kitchen, room: str, admin: Connection
) -> None:
    order = await place(admin, room, [STEAK, SOUR], minutes=2)
    await expect(grill.ticket(room)).to_be_visible()
    await change(admin, order, status="cancelled")
    for screen in (kitchen, grill, bar):
        await expect(screen.bump(room)).to_have_text("取消を確認")
    await bar.bump(room).click()
    await expect(bar.ticket(room)).to_have_count(0)
    await bar.until(
        admin,
        "SELECT cancel_acked_stations = '{bar}' AND cancel_acked_at IS NULL FROM app.orders"
        " WHERE id = $1::uuid",
        order,
    )
    await kitchen.ticket(room).locator(".more").click()
    await expect(kitchen.page.locator(".details-facts")).to_contain_text("未確認の持ち場：温かいお料理")
    await kitchen.page.keyboard.press("Escape")
    for screen in (kitchen, grill):
        await expect(screen.ticket(room)).to_have_class(SHOUTING)
    await grill.bump(room).click()
    for screen in (grill, kitchen):
        await expect(screen.ticket(room)).to_have_count(0)
    assert await admin.fetchval("SELECT cancel_acked_at FROM app.orders WHERE id = $1::uuid", order)


async def test_an_allergy_stays_open_at_each_station_until_that_has_noted_it(
    kitchen: Kitchen, grill: Kitchen, bar: Kitchen, room: str, admin: Connection
) -> None:
    order = await place(admin, room, [STEAK, SOUR], declared_allergens=["egg"])
    for screen in (kitchen, grill, bar):
        await expect(screen.bump(room)).to_have_text(FIRST)
    await bar.ticket(room).locator(".allergy").click()
    await expect(bar.ticket(room).locator(".allergy-title")).to_have_text("アレルギー（確認済み）")
    await bar.bump_to(room, "調理開始", "出来上がり")
    await expect(grill.ticket(room).locator(".also li")).to_have_text(["バー 0/1"])
    await expect(kitchen.state(room, 2)).to_have_text("調理中")
    for screen in (kitchen, grill):
        await expect(screen.bump(room)).to_have_text(FIRST)
        await expect(screen.ticket(room).locator(".allergy-title")).to_have_text("アレルギー")
    await grill.ticket(room).locator(".allergy").click()
    await grill.bump_to(room, "調理開始", "出来上がり")
    await expect(kitchen.bump(room)).to_have_text("出来上がり")
    noted = (
        "SELECT allergy_acked_stations FROM app.orders WHERE id = $1::uuid AND allergy_acked_at IS NOT NULL"
    )
    assert await admin.fetchval(noted, order) == ["bar", "kitchen"]
