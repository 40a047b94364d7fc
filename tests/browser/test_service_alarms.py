"""Whom an order that nobody accepts calls, and when: the manager's times, and other systems' addresses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from playwright.async_api import expect

from tests.browser.desk import Desk, hire, open_desk

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.browser.screens import Screens

STEPS: Final = ("unseen", "hook", "chime", "page", "every")


@pytest.fixture
async def boss(screens: Screens, admin: Connection, tmp_path: Path) -> Desk:
    boss = await open_desk(screens, tmp_path, "en")
    await boss.enter(await hire(admin, screens, "manager"))
    await boss.go("service")
    return boss


async def test_a_manager_sets_the_times(boss: Desk, screens: Screens, admin: Connection) -> None:
    await boss.page.get_by_role("button", name="Alarm times").click()
    fields = {step: boss.panel.locator(f"input[name=alert_{step}_seconds]") for step in STEPS}
    for step, usual in (("unseen", "10"), ("hook", "30"), ("chime", "90"), ("page", "180"), ("every", "20")):
        await expect(fields[step]).to_have_value(usual)
    await boss.picture("ladder")
    await fields["page"].fill("60")
    await boss.panel.locator("button.primary").click()
    await expect(boss.problem).to_contain_text("Each step takes longer")
    await fields["page"].fill("240")
    await fields["unseen"].fill("15")
    await boss.panel.locator("button.primary").click()
    await expect(boss.page.locator("#announcer")).to_have_text("The alarm times are saved.")
    kept = "SELECT settings ->> $2 FROM app.tenants WHERE id = $1"
    values = [await admin.fetchval(kept, screens.hub.tenant_id, f"alert_{step}_seconds") for step in STEPS]
    assert values == ["15", None, None, "240", None], "what is as usual is not written down"
    await admin.execute(
        "UPDATE app.tenants SET settings = settings - 'alert_unseen_seconds' - 'alert_page_seconds'"
        " WHERE id = $1",
        screens.hub.tenant_id,
    )


async def test_a_manager_adds_tries_and_deletes_an_address(boss: Desk, admin: Connection) -> None:
    await boss.page.get_by_role("button", name="Other systems").click()
    await expect(boss.panel).to_contain_text("No other system is told yet")
    await boss.panel.get_by_role("button", name="Add an address").click()
    url, name = boss.panel.locator("input[name=url]"), boss.panel.locator("input[name=description]")
    await url.fill("http://pager.example/")
    await boss.panel.locator("form button.primary").click()
    await expect(boss.problem).to_contain_text("begins with https://")
    await url.fill("https://localhost/pager")
    await name.fill("Pager")
    await boss.panel.locator("input[name='order.unseen']").uncheck()
    await boss.panel.locator("form button.primary").click()
    secret = boss.panel.locator(".secret-text")
    await expect(secret).to_have_text(re.compile(r"^whsec_[A-Za-z0-9+/=]{44}$"))
    text = await secret.inner_text()
    await boss.picture("secret")
    await boss.panel.get_by_role("button", name="I have kept it").click()
    assert text not in await boss.page.content()

    hook = boss.panel.locator(".hook")
    await expect(hook).to_contain_text("https://localhost/pager")
    await expect(hook.locator(".tag")).to_have_text(["Managers are told", "Nobody accepts it"])
    await hook.get_by_role("button", name="Send a test").click()
    await expect(hook.locator(".hook-outcome")).to_contain_text("not of the public internet", timeout=30_000)
    await boss.picture("test-failed")
    await hook.get_by_role("button", name="Switch off").click()
    dialog = boss.page.locator("dialog")
    await expect(dialog).to_contain_text("“Pager”")
    await dialog.locator(".danger").click()
    await expect(hook).to_contain_text("Off")
    await expect(hook.get_by_role("button", name="Send a test")).to_have_count(0)
    await hook.get_by_role("button", name="Change").click()
    await name.fill("Night pager")
    await boss.panel.locator("form button.primary").click()
    await expect(hook).to_contain_text("Night pager")
    await hook.get_by_role("button", name="Delete").click()
    await expect(dialog).to_contain_text("“Night pager”")
    await dialog.locator(".quiet").click()
    await expect(dialog).to_have_count(0)
    await expect(hook).to_have_count(1)
    await hook.get_by_role("button", name="Delete").click()
    await dialog.locator(".danger").click()
    await expect(boss.panel).to_contain_text("No other system is told yet")
