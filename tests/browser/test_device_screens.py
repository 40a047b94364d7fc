"""What the screens themselves show of being a device: replaced, shut out, paired anew, and who is cooking."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from playwright.async_api import expect

from hub.db.database import Database
from hub.db.ids import uuid7
from hub.db.scope import Actor, Scope
from hub.security.sealing import MasterKeys
from hub.security.vault import Vault
from tests.browser.kitchens import place
from tests.conftest import MASTER_KEY

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.browser.screens import Kitchen, Screens, Tablet

# The first row of a QR code begins with seven dark modules, behind a quiet zone of four.
FINDER = re.compile("^M4 4h7")


async def tenant_of(admin: Connection, room: str) -> UUID:
    found: UUID = await admin.fetchval(
        "SELECT tenant_id FROM app.device_rooms WHERE room_number = $1 LIMIT 1", room
    )
    return found


@pytest.mark.parametrize(
    ("status", "title"),
    [("retired", "この端末の登録は終了しました"), ("lost", "この端末は紛失として届けられています")],
)
async def test_a_tablet_that_is_shut_out_says_why_and_can_be_paired_anew(
    screens: Screens, tablet: Tablet, admin: Connection, room: str, status: str, title: str
) -> None:
    screens.network_may_fail = True
    await tablet.switch_language()
    await admin.execute(
        "UPDATE app.device_rooms SET status = $2 WHERE room_number = $1 AND status = 'active'", room, status
    )
    heading = tablet.page.locator("notice-view h1")
    await expect(heading).to_have_text(title)
    assert await tablet.page.evaluate("localStorage.getItem('hub.tablet.language')") is None
    await tablet.page.get_by_role("button", name="もう一度登録する").click()
    await expect(tablet.page.locator(".pair-code")).to_be_visible()
    await expect(tablet.page.locator("pairing-view svg.qr path")).to_have_attribute("d", FINDER)


async def test_a_page_that_was_replaced_comes_back_when_somebody_asks(
    screens: Screens, tablet: Tablet
) -> None:
    other = await tablet.page.context.new_page()
    await other.goto(tablet.page.url)
    await expect(other.locator("dish-card").first).to_be_visible()
    await expect(tablet.page.locator("notice-view h1")).to_have_text("別の画面でお使いです")
    await tablet.page.get_by_role("button", name="この画面で使う").click()
    await expect(tablet.page.locator("dish-card").first).to_be_visible()
    await expect(other.locator("notice-view h1")).to_have_text("別の画面でお使いです")


async def test_a_tablet_forgets_the_last_guest_and_says_so(
    tablet: Tablet, admin: Connection, room: str
) -> None:
    await tablet.add("オニオングラタンスープ")
    await admin.execute(
        "UPDATE app.device_rooms SET wipe_requested_at = now() WHERE room_number = $1 AND status = 'active'",
        room,
    )
    await tablet.page.evaluate("sessionStorage.setItem('x', 'of a guest')")
    await tablet.page.reload()
    await expect(tablet.page.locator("cart-panel .cart-empty")).to_be_visible()
    await tablet.becomes("sessionStorage.length === 0")
    await tablet.until(
        admin,
        "SELECT count(*) = 0 FROM app.device_rooms WHERE wipe_requested_at IS NOT NULL AND room_number = $1",
        room,
    )


async def test_cooks_change_by_pin(
    screens: Screens, kitchen: Kitchen, admin: Connection, database: Database, room: str
) -> None:
    tenant_id, staff_id = await tenant_of(admin, room), uuid7()

    async def work(scope: Scope) -> bytes:
        return await Vault(MasterKeys((MASTER_KEY,))).digest(scope, "pin", f"{staff_id}:4711")

    actor = Actor(user_id=None, role="sign_in", request_id=uuid7())
    digest = await database.transaction(tenant_id, actor, work, idempotent=True)
    await admin.execute(
        "INSERT INTO app.staff (tenant_id, id, email_index, email_encrypted, password_hash, name, role,"
        " pin_hash) VALUES ($1, $2, $3, 'v1:', 'x', '佐藤 健', 'kitchen', $3)",
        tenant_id,
        staff_id,
        digest,
    )
    page = kitchen.page
    await page.reload()
    await page.locator("#sound-gate").click()
    button = page.locator(".tool.cook")
    await button.click()
    await page.get_by_role("button", name="佐藤 健").click()

    async def enter(pin: str) -> None:
        for digit in pin:
            await page.locator(f"[data-digit='{digit}']").click()
        await page.locator("[data-digit='enter']").click()

    for key in await page.locator(".cook-keys button").all():
        box = await key.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 64
    await enter("1234")
    await expect(page.locator(".cook-dots")).to_have_text("PINが違うか、しばらくの間ロックされています")
    await kitchen.picture("wrong")
    await enter("4711")
    await expect(button).to_contain_text("佐藤 健")
    await button.click()
    await page.get_by_role("button", name="担当を終える").click()
    await expect(page.locator(".cook-list .is-here")).to_have_count(0)

    await page.keyboard.press("Escape")
    await place(admin, room, [0])
    await expect(kitchen.bump(room)).to_have_text("調理開始")
    await button.press("Enter")
    await page.get_by_role("button", name="佐藤 健").press("Enter")
    for pin, says in (("1234", "PINが違うか、しばらくの間ロックされています"), ("4711", "")):
        await page.keyboard.type(pin)
        await expect(page.locator(".cook-dots")).to_have_text("●●●●")
        await page.keyboard.press("Enter")
        if says:
            await expect(page.locator(".cook-dots")).to_have_text(says)
    await expect(button).to_contain_text("佐藤 健")
    await expect(kitchen.bump(room)).to_have_text("調理開始")
    await expect(page.locator("kitchen-ticket.selected")).to_have_count(0)


async def test_keys_do_nothing_behind_the_word_that_another_screen_is_used(
    kitchen: Kitchen, admin: Connection, room: str
) -> None:
    await place(admin, room, [0])
    await expect(kitchen.bump(room)).to_have_text("調理開始")
    other = await kitchen.page.context.new_page()
    await other.goto(kitchen.page.url)
    await expect(kitchen.page.locator("#notice")).to_be_visible()
    await kitchen.page.keyboard.press("1")
    await kitchen.page.keyboard.press("Enter")
    assert await kitchen.page.evaluate("localStorage.getItem('hub.kitchen.outbox')") == "[]"
