"""A new screen is approved on the staff's page and goes on by itself: both sides in a browser."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.desk import Desk, hire, open_desk
from tests.browser.screens import KITCHEN_SIZE, TABLET_SIZE

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

    from hub.db.pool import Connection
    from tests.browser.screens import Screens

CODE = re.compile(r"^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$")
# What a person does: every press of a key or of a finger.
COUNTED = """
  globalThis.acts = 0;
  for (const kind of ['keydown', 'pointerdown'])
    addEventListener(kind, (event) => event.isTrusted && (globalThis.acts += 1), true);
"""


def _code(page: Page) -> Locator:
    """The code that a fresh screen shows."""
    return page.get_by_text(CODE)


async def _desk(screens: Screens, admin: Connection, folder: Path, fragment: str = "") -> Desk:
    desk = await open_desk(screens, folder, "en", script=COUNTED, fragment=fragment)
    await desk.enter(await hire(admin, screens, "front"))
    return desk


async def test_a_tablet_is_in_its_room_in_well_under_a_minute(
    screens: Screens, admin: Connection, room: str, tmp_path: Path
) -> None:
    tablet = await screens.page("/tablet", TABLET_SIZE)
    code = await _code(tablet).inner_text()
    desk = await _desk(screens, admin, tmp_path)
    await desk.page.evaluate("acts = 0")
    started = time.monotonic()
    await desk.go("devices")
    await desk.page.locator("devices-view .list-head > .primary").click()
    await expect(desk.panel.locator(".code-input")).to_be_focused()
    await desk.page.keyboard.type(code.replace("-", "").lower())
    await expect(desk.panel.locator(".found")).to_contain_text("A guest tablet is waiting")
    number = desk.panel.locator("input[name=room_number]")
    await expect(number).to_be_focused()
    await desk.page.keyboard.type(room)
    await desk.page.keyboard.press("Enter")
    await expect(desk.panel.locator(".found")).to_contain_text("is approved")
    await expect(tablet.locator("dish-card").first).to_be_visible()
    seconds = time.monotonic() - started
    acts = await desk.page.evaluate("acts")
    assert seconds < 20, seconds
    assert acts <= 2 + 8 + len(room) + 1
    await expect(tablet.locator(".room")).to_contain_text(room)
    await expect(desk.panel.locator(".found")).to_contain_text("is online")
    await desk.picture("paired")


async def test_a_kitchen_screen_by_its_qr_code_through_a_sign_in(
    screens: Screens, admin: Connection, tmp_path: Path
) -> None:
    kitchen = await screens.page("/kitchen", KITCHEN_SIZE)
    code = await _code(kitchen).inner_text()
    desk = await open_desk(screens, tmp_path, "en", fragment=f"#pair={code}")
    await expect(desk.page.locator("signin-view .note")).to_contain_text("new device")
    assert code not in desk.page.url
    assert code not in await desk.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    await desk.enter(await hire(admin, screens))
    assert code not in desk.page.url
    await expect(desk.panel.locator(".code-input")).to_have_value(code)
    await expect(desk.panel.locator(".found")).to_contain_text("A kitchen screen is waiting")
    await expect(desk.panel.locator(".found")).to_contain_text("From: Chrome, Linux")
    await desk.panel.locator("input[value=kitchen]").check()
    await desk.panel.locator("input[name=device_name]").fill("Second kitchen")
    await desk.picture("kitchen")
    await desk.panel.locator("form button.primary").click()
    await expect(kitchen.locator("top-bar")).to_have_attribute("data-link", "live")
    row = desk.page.locator("devices-view .row", has_text="Second kitchen")
    await expect(row).to_contain_text("Hot kitchen")
    await expect(row).to_contain_text("Online")


@pytest.fixture
async def sushi(screens: Screens, admin: Connection) -> AsyncIterator[None]:
    """The hotel has the stations that it had, afterwards."""
    tenant_id = screens.hub.tenant_id
    before = await admin.fetchval("SELECT settings FROM app.tenants WHERE id = $1", tenant_id)
    yield
    await admin.execute("UPDATE app.tenants SET settings = $2 WHERE id = $1", tenant_id, before)


@pytest.mark.usefixtures("sushi")
async def test_a_new_station_is_there_to_be_chosen(
    screens: Screens, admin: Connection, tmp_path: Path
) -> None:
    kitchen = await screens.page("/kitchen", KITCHEN_SIZE)
    code = await _code(kitchen).inner_text()
    desk = await open_desk(screens, tmp_path, "en")
    await desk.enter(await hire(admin, screens))
    await desk.go("devices")
    await desk.page.locator("devices-view .list-head > .primary").click()
    await desk.page.keyboard.type(code)
    stations = desk.panel.locator("fieldset .check")
    await expect(stations).to_have_text(["Hot kitchen", "Cold & sweets", "Bar"])
    await stations.nth(2).locator("input").check()
    # meanwhile a manager adds one
    boss = await open_desk(screens, tmp_path, "en")
    await boss.enter(await hire(admin, screens))
    await boss.go("service")
    await boss.page.get_by_role("button", name="Settings", exact=True).click()
    await expect(boss.panel.locator("form button.primary")).to_be_enabled()
    await boss.panel.get_by_role("button", name="Add a station").click()
    await boss.panel.locator(".station").last.locator("[name=name_ja]").fill("鮨")
    await boss.panel.locator(".station").last.locator("[name=name_en]").fill("Sushi counter")
    await boss.panel.locator("form > .actions .primary").click()
    await expect(stations).to_have_text(["Hot kitchen", "Cold & sweets", "Bar", "Sushi counter"])
    await expect(stations.nth(2).locator("input")).to_be_checked()
    await stations.nth(3).locator("input").check()
    await desk.panel.locator("input[name=device_name]").fill("Counter screen")
    await desk.picture("stations")
    await desk.panel.locator("form button.primary").click()
    await expect(kitchen.locator("top-bar")).to_have_attribute("data-link", "live")
    row = desk.page.locator("devices-view .row", has_text="Counter screen")
    await expect(row).to_contain_text("Bar, Sushi counter")
    given = "SELECT stations FROM app.device_rooms WHERE tenant_id = $1 AND device_name = $2"
    assert await admin.fetchval(given, screens.hub.tenant_id, "Counter screen") == ["bar", "sushi_counter"]
    # and be chosen otherwise later
    await row.click()
    await desk.panel.locator("summary").click()
    await expect(stations.nth(3).locator("input")).to_be_checked()
    await stations.nth(2).locator("input").uncheck()
    await desk.panel.locator("input[name=device_name]").fill("Sushi screen")
    await desk.picture("edit")
    await desk.panel.get_by_role("button", name="Save").click()
    await expect(desk.panel.locator("h2")).to_have_text("Sushi screen")
    await expect(desk.panel.locator(".facts")).to_contain_text("Sushi counter")
    assert await admin.fetchval(given, screens.hub.tenant_id, "Sushi screen") == ["sushi_counter"]
    # who only renames it takes nothing from it that somebody else gave it meanwhile
    await admin.execute(
        "UPDATE app.device_rooms SET stations = '{bar,sushi_counter}'"
        " WHERE tenant_id = $1 AND device_name = $2",
        screens.hub.tenant_id,
        "Sushi screen",
    )
    await desk.panel.locator("summary").click()
    await desk.panel.locator("input[name=device_name]").fill("Counter")
    await desk.panel.get_by_role("button", name="Save").click()
    await expect(desk.panel.locator("h2")).to_have_text("Counter")
    await expect(desk.panel.locator(".facts")).to_contain_text("Bar, Sushi counter")
    assert await admin.fetchval(given, screens.hub.tenant_id, "Counter") == ["bar", "sushi_counter"]
    await desk.switch_language()
    await expect(desk.page.locator("devices-view .row", has_text="Counter")).to_contain_text("鮨")


async def test_who_only_pairs_does_not_change_devices(
    screens: Screens, admin: Connection, tmp_path: Path
) -> None:
    desk = await _desk(screens, admin, tmp_path)
    await desk.go("devices")
    await desk.page.locator("devices-view .row").first.click()
    await expect(desk.panel.locator(".facts")).to_be_visible()
    await expect(desk.panel.locator("summary")).to_have_count(0)


async def test_a_code_that_nobody_shows(screens: Screens, admin: Connection, tmp_path: Path) -> None:
    desk = await _desk(screens, admin, tmp_path)
    await desk.go("devices")
    await desk.page.locator("devices-view .list-head > .primary").click()
    await desk.page.keyboard.type("zzzz zzzz")
    await expect(desk.problem).to_contain_text("No device waits with this code")
    await expect(desk.panel.locator(".code-input")).to_have_value("ZZZZ-ZZZZ")


async def test_a_room_that_has_a_tablet_gets_another_one(
    screens: Screens, admin: Connection, room: str, tmp_path: Path
) -> None:
    old = await screens.tablet(room)
    new = await screens.page("/tablet", TABLET_SIZE)
    desk = await _desk(screens, admin, tmp_path)
    await desk.go("devices")
    await desk.page.locator("devices-view .list-head > .primary").click()
    await desk.page.keyboard.type(await _code(new).inner_text())
    await desk.panel.locator("input[name=room_number]").fill(room)
    approve = desk.panel.locator("form button.primary")
    await expect(desk.panel.locator(".warning")).to_contain_text(f"Room {room} already has")
    await expect(approve).to_be_disabled()
    await desk.panel.locator("#replace").check()
    await approve.click()
    await expect(new.locator("dish-card").first).to_be_visible()
    await expect(old.page.locator("dish-card").first).to_be_hidden()


async def test_a_device_is_suspended_and_comes_back(
    screens: Screens, admin: Connection, room: str, tmp_path: Path
) -> None:
    tablet = await screens.tablet(room)
    desk = await open_desk(screens, tmp_path, "en")
    await desk.enter(await hire(admin, screens))
    await desk.go("devices")
    row = desk.page.locator("devices-view .row", has_text=f"Room {room}").first
    await row.click()
    await desk.panel.get_by_role("button", name="Suspend").click()
    dialog = desk.page.locator("dialog")
    name = await desk.panel.locator("h2").inner_text()
    await expect(dialog).to_contain_text(name)
    await dialog.locator(".danger").click()
    await expect(row).to_contain_text("Suspended")
    await expect(tablet.page.locator("notice-view")).to_be_visible()
    await desk.picture("suspended")
    await desk.panel.get_by_role("button", name="Resume").click()
    await expect(row).to_contain_text(re.compile("Online|Offline"))
