"""Check-in and check-out at the front desk, and what the tablet of the room does meanwhile."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.desk import Desk, hire, open_desk
from tests.browser.screens import SOUP

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.browser.screens import Screens

STORED = "JSON.stringify({...localStorage})"


@pytest.fixture
async def desk(screens: Screens, admin: Connection, tmp_path: Path) -> Desk:
    """The page of somebody at the front desk."""
    desk = await open_desk(screens, tmp_path, "en")
    await desk.enter(await hire(admin, screens, "front"))
    return desk


async def _check_in(desk: Desk, room: str, guest: str) -> None:
    await desk.panel.locator("input[name=guest_name]").fill(guest)
    await desk.panel.locator("button.primary").click()
    await expect(desk.row(room)).to_contain_text(guest)


async def test_the_next_guest_finds_nothing_of_the_last_one(
    screens: Screens, desk: Desk, room: str, tmp_path: Path
) -> None:
    tablet = await screens.tablet(room)
    number = await tablet.order(SOUP["ja"])
    await tablet.page.locator(".brand").click()
    await tablet.add(SOUP["ja"])
    await desk.open_room(room)
    await desk.panel.locator(".danger-quiet").click()
    dialog = desk.page.locator("dialog")
    await expect(dialog).to_contain_text(f"room {room}")
    await expect(dialog).to_contain_text(f"#{number}")
    await expect(dialog).to_contain_text("wiped from the room’s tablet")
    await desk.picture("check-out")
    await dialog.locator(".danger").click()
    await expect(desk.panel).to_contain_text(f"The tablet of room {room} is wiped", timeout=30_000)
    await desk.picture("wiped")
    await expect(tablet.page.locator("notice-view")).to_be_visible()
    assert "lines" not in await tablet.page.evaluate(STORED)

    await _check_in(desk, room, "Grace Hopper")
    await expect(desk.panel.locator(".facts")).to_contain_text("Grace Hopper")
    # The tablet asks by itself, every thirty seconds, whether somebody has moved in.
    await expect(tablet.page.locator("dish-card").first).to_be_visible(timeout=60_000)
    await expect(tablet.page.locator("cart-panel .line-name")).to_have_count(0)
    await desk.picture("next-guest")


async def test_a_tablet_that_is_off_must_be_looked_after_first(
    screens: Screens, desk: Desk, room: str, admin: Connection
) -> None:
    tablet = await screens.tablet(room)
    await tablet.page.context.close()
    await desk.check_out(room)
    await expect(desk.panel.locator(".wipe")).to_contain_text("offline")
    await expect(desk.row(room)).to_contain_text("Wipe pending")
    anyway = desk.panel.locator("button.primary")
    await expect(anyway).to_be_disabled()
    await expect(desk.panel.locator(".warning")).to_contain_text("may still hold something of the last guest")
    await desk.panel.locator("#override-wipe").check()
    await expect(anyway).to_have_text(f"Check in to room {room} anyway")
    await _check_in(desk, room, "Ada Lovelace")
    overridden = await admin.fetchval(
        "SELECT count(*) FROM app.audit_logs WHERE operation = 'stay.wipe_overridden'"
        " AND details ->> 'room_number' = $1",
        room,
    )
    assert overridden == 1


async def test_a_room_without_a_tablet_and_one_that_is_taken(desk: Desk, room: str) -> None:
    other = desk.page.locator("rooms-view .list-head > .quiet")
    await other.click()
    await desk.panel.locator("input[name=room_number]").fill(room)
    await desk.panel.locator("input[name=guest_name]").fill("Mary Jackson")
    await desk.panel.locator("button.primary").click()
    await expect(desk.problem).to_contain_text("Somebody is checked in to this room already")
    await desk.panel.locator("input[name=room_number]").fill("Garden villa")
    await desk.panel.locator("input[name=guest_phone]").fill("090-1234-5678")
    await desk.panel.locator("button.primary").click()
    villa = desk.row("Garden villa")
    await expect(villa).to_contain_text(re.compile("Mary Jackson.*No tablet"))
    await expect(desk.panel.locator(".facts")).to_contain_text("1234")
    await desk.page.locator("rooms-view input[type=search]").fill("ｍａｒｙ")
    await expect(desk.page.locator("rooms-view .row:visible")).to_have_count(1)
    await desk.panel.locator(".danger-quiet").click()
    await desk.page.locator("dialog .danger").click()
    await expect(villa).to_have_count(0)


async def test_who_may_not_manage_stays_is_not_asked(
    screens: Screens, admin: Connection, tmp_path: Path
) -> None:
    runner = await open_desk(screens, tmp_path, "en")
    await runner.enter(await hire(admin, screens, "runner"))
    await expect(runner.page.locator("service-view .list-side")).to_be_visible()
    await expect(runner.page.locator(".tab")).to_have_count(2)


async def test_a_guests_phone_stands_by_its_room_and_can_be_shut_out(
    screens: Screens, admin: Connection, room: str, tmp_path: Path
) -> None:
    phone = await admin.fetchval(
        "INSERT INTO app.device_rooms (tenant_id, device_name, device_type, room_number, stay_id, status)"
        " SELECT tenant_id, 'Phone of the guest', 'phone', room_number, id, 'active' FROM app.stays"
        " WHERE tenant_id = $1 AND room_number = $2 AND ended_at IS NULL RETURNING id",
        screens.hub.tenant_id,
        room,
    )
    desk = await open_desk(screens, tmp_path, "en")
    await desk.enter(await hire(admin, screens))
    await desk.go("devices")
    row = desk.page.locator(f"devices-view li[data-key='{phone}']")
    await expect(row.locator(".row-more")).to_have_text(f"Room {room}")
    await desk.page.locator("devices-view .chip").get_by_text("Kitchen screens").click()
    await expect(row).to_be_hidden()
    await desk.page.locator("devices-view .chip").get_by_text("Guests’ phones").click()
    await row.locator("button").click()
    facts = desk.panel.locator(".facts dd")
    await expect(facts).to_have_text(["Guest’s phone", f"Room {room}", "Offline", "never"])
    await desk.picture("phone")
    await desk.panel.get_by_role("button", name="Report as lost").click()
    await desk.page.locator("dialog .danger").click()
    await expect(desk.panel.locator(".pill")).to_have_text("Lost")
    assert await admin.fetchval("SELECT status FROM app.device_rooms WHERE id = $1", phone) == "lost"
