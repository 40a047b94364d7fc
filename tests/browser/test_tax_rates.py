"""The manager's view of the tax rates: what holds, what is to come, a new one, and one that is taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.async_api import expect

from tests.browser.axe import findings
from tests.browser.desk import Desk, hire, open_desk
from tests.browser.probes import FAINT, SMALL, VISIBLE
from tests.browser.test_service_settings import SETTLED
from tests.browser.test_staff import JAPANESE, SIDEWAYS, SIZES

if TYPE_CHECKING:
    from playwright.async_api import Locator, Route

    from hub.db.pool import Connection
    from tests.browser.screens import Language, Screens

OPEN: Final[dict[Language, str]] = {"en": "Tax rates", "ja": "税率"}
PATH: Final = "**/api/v1/hotel/tax-rates"
NOON: Final = 12


@pytest.fixture(autouse=True)
async def usual(screens: Screens, admin: Connection) -> AsyncIterator[None]:
    """The demo hotel has the rates that it begins with, before and after. It stands where it is noon, so that
    no day begins meanwhile."""
    west = (datetime.now(UTC).hour - NOON + 12) % 24 - 12
    zone = f"Etc/GMT{west:+d}" if west else "Etc/GMT"  # these names count towards the west
    tenant_id = screens.hub.tenant_id
    before = await admin.fetchval("SELECT time_zone FROM app.tenants WHERE id = $1", tenant_id)
    await admin.execute("UPDATE app.tenants SET time_zone = $2 WHERE id = $1", tenant_id, zone)
    yield
    await admin.execute("UPDATE app.tenants SET time_zone = $2 WHERE id = $1", tenant_id, before)
    await admin.execute(
        "DELETE FROM app.tax_rates WHERE tenant_id = $1 AND valid_from > '2020-01-01'", screens.hub.tenant_id
    )
    await admin.execute(
        "UPDATE app.tax_rates SET deleted_at = NULL WHERE tenant_id = $1", screens.hub.tenant_id
    )


@pytest.fixture
async def boss(screens: Screens, admin: Connection, tmp_path: Path) -> Desk:
    """A manager who looks at the rates."""
    boss = await open_desk(screens, tmp_path, "en")
    await boss.enter(await hire(admin, screens, "manager"))
    await boss.go("service")
    await open_rates(boss, "en")
    return boss


async def open_rates(boss: Desk, language: Language) -> None:
    await boss.page.get_by_role("button", name=OPEN[language], exact=True).click()
    await expect(boss.panel.locator("form button.primary")).to_be_enabled()


def field(boss: Desk, name: str) -> Locator:
    return boss.panel.locator(f"[name={name}]")


def fault(boss: Desk, name: str) -> Locator:
    """What is said at a field."""
    return boss.panel.locator(f".field:has([name={name}]) .fault:visible")


def later(boss: Desk) -> Locator:
    """The rates to come."""
    return boss.panel.locator(".rates-later .rate")


def said(boss: Desk) -> Locator:
    return boss.page.locator("#announcer")


async def save(boss: Desk) -> None:
    await boss.panel.locator("form button.primary").click()


async def today(boss: Desk) -> date:
    """The business date that the hub tells."""
    async with boss.page.expect_response(PATH) as answer:
        await boss.page.get_by_role("button", name=OPEN["en"], exact=True).click()
    told: dict[str, Any] = await (await answer.value).json()
    await expect(boss.panel.locator("form button.primary")).to_be_enabled()
    return date.fromisoformat(told["business_date"])


def words(day: date) -> str:
    """As it is written in England: one month has four letters."""
    month = "Sept" if day.month == 9 else f"{day:%b}"
    return f"{day.day} {month} {day.year}"


async def test_a_rate_is_added_and_taken_back(boss: Desk, screens: Screens, admin: Connection) -> None:
    now = await today(boss)
    food = boss.panel.locator(".rate-class", has_text="Food and drinks")
    await expect(food.locator(".rate")).to_have_text(
        [
            "Room servicesince 1 Oct 201910%",
            "Fridge in the roomsince 1 Oct 20198%",
            "Takeawaysince 1 Oct 20198%",
        ]
    )
    await expect(boss.panel.get_by_text("No other rate is planned.")).to_be_visible()
    await expect(field(boss, "valid_from")).to_have_value(str(now + timedelta(1)))
    begin = now + timedelta(40)
    await field(boss, "rate").fill("12.5")
    await field(boss, "valid_from").fill(str(begin))
    await save(boss)
    await expect(said(boss)).to_have_text(f"Food and drinks · Room service: 12.5% from {words(begin)}.")
    await expect(later(boss)).to_have_count(1)
    await expect(later(boss)).to_contain_text(f"Food and drinks · Room servicefrom {words(begin)}12.5%")
    await expect(food.locator(".rate").first).to_contain_text("10%")
    await expect(field(boss, "rate")).to_have_value("")
    row = await admin.fetchrow(
        "SELECT tax_class, fulfilment, rate_bp FROM app.tax_rates"
        " WHERE tenant_id = $1 AND valid_from = $2 AND deleted_at IS NULL",
        screens.hub.tenant_id,
        begin,
    )
    assert row is not None
    assert tuple(row) == ("food", "room_service", 1250)
    # asked once more, with Escape for no
    back = boss.panel.get_by_role(
        "button", name=f"Take back 12.5% from {words(begin)}: Food and drinks · Room service"
    )
    await back.press("Enter")
    dialog = boss.page.locator("dialog")
    await expect(dialog).to_contain_text("Take back the rate of 12.5%?")
    await expect(dialog).to_contain_text(
        f"Food and drinks · Room service: it will not begin on {words(begin)}."
    )
    await boss.picture("ask")
    await boss.page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(later(boss)).to_have_count(1)
    await back.press("Enter")
    await dialog.locator(".danger").press("Enter")
    await expect(said(boss)).to_have_text(
        f"Food and drinks · Room service: the rate from {words(begin)} is taken back."
    )
    await expect(later(boss)).to_have_count(0)
    await expect(boss.panel.locator("h2")).to_be_focused()


async def test_faults_are_said_at_their_fields(boss: Desk, screens: Screens, admin: Connection) -> None:
    now = await today(boss)
    tomorrow = now + timedelta(1)
    for name, wrong, said_there in (
        ("rate", "", "Please fill this in."),
        ("rate", "100.5", "Enter a number from 0 to 100, with two decimals at most."),
        ("rate", "8.125", "Enter a number from 0 to 100, with two decimals at most."),
        ("valid_from", str(now), f"Choose {words(tomorrow)} or a later day."),
        ("valid_from", "", "Please fill this in."),
    ):
        await field(boss, "rate").fill("8")
        await field(boss, "valid_from").fill(str(tomorrow))
        await field(boss, name).fill(wrong)
        await save(boss)
        await expect(fault(boss, name)).to_have_text(said_there)
        await expect(field(boss, name)).to_be_focused()
    # somebody else was quicker
    await admin.execute(
        "INSERT INTO app.tax_rates (tenant_id, tax_class, fulfilment, rate_bp, valid_from)"
        " VALUES ($1, 'food', 'room_service', 900, $2)",
        screens.hub.tenant_id,
        tomorrow,
    )
    await field(boss, "valid_from").fill(str(tomorrow))
    await save(boss)
    await expect(fault(boss, "valid_from")).to_contain_text("Another rate begins on this day")
    await expect(field(boss, "valid_from")).to_be_focused()
    await expect(field(boss, "rate")).to_have_value("8")
    await expect(later(boss)).to_contain_text("9%")
    # a class that nothing was sold in yet
    await field(boss, "choice").select_option("Another class")
    await field(boss, "tax_class").fill("Toys")
    await save(boss)
    await expect(fault(boss, "tax_class")).to_have_text(
        "Begin with a small letter; then small letters, digits and _."
    )
    await boss.picture("faults")


async def test_what_begins_today_is_asked_once_more(boss: Desk, screens: Screens, admin: Connection) -> None:
    await admin.execute(
        "UPDATE app.tax_rates SET deleted_at = now() WHERE tenant_id = $1 AND tax_class = 'service'",
        screens.hub.tenant_id,
    )
    now = await today(boss)
    await field(boss, "choice").select_option("Service charge")
    await expect(field(boss, "fulfilment")).to_be_hidden()
    await expect(field(boss, "valid_from")).to_have_value(str(now))
    await field(boss, "rate").fill("10")
    await save(boss)
    dialog = boss.page.locator("dialog")
    await expect(dialog).to_contain_text("Begin with 10% today?")
    await expect(dialog).to_contain_text(
        "Service charge: no rate holds yet, so this one counts at once and cannot be taken back."
    )
    await dialog.locator(".quiet").click()
    await expect(dialog).to_have_count(0)
    await expect(boss.panel.locator(".rate-class", has_text="Service charge")).to_have_count(0)
    await save(boss)
    await dialog.locator(".danger").click()
    await expect(boss.panel.locator(".rate-class", has_text="Service charge")).to_contain_text(words(now))
    await expect(later(boss)).to_have_count(0)
    await expect(field(boss, "valid_from")).to_have_value(str(now + timedelta(1)))


async def test_one_that_has_begun_meanwhile_stays(boss: Desk, screens: Screens, admin: Connection) -> None:
    now = await today(boss)
    await field(boss, "rate").fill("12")
    await save(boss)
    await expect(later(boss)).to_have_count(1)
    await admin.execute(
        "UPDATE app.tax_rates SET valid_from = $2 WHERE tenant_id = $1 AND rate_bp = 1200",
        screens.hub.tenant_id,
        now,
    )
    await later(boss).get_by_role("button").click()
    await boss.page.locator("dialog .danger").click()
    await expect(boss.problem).to_have_text("This rate has begun, and stays.")
    await expect(later(boss)).to_have_count(0)
    await expect(boss.panel.locator(".rate-class", has_text="Food and drinks")).to_contain_text("12%")


async def test_a_choice_before_the_rates_are_there(boss: Desk) -> None:
    there = asyncio.Event()

    async def late(route: Route) -> None:
        async with asyncio.timeout(30):
            await there.wait()
        await route.continue_()

    await boss.page.route(PATH, late)
    await boss.page.get_by_role("button", name=OPEN["en"], exact=True).click()
    await expect(boss.panel.locator(".rate")).to_have_count(0)
    await field(boss, "fulfilment").select_option("takeaway")
    there.set()
    await expect(boss.panel.locator("form button.primary")).to_be_enabled()
    await expect(field(boss, "fulfilment")).to_have_value("takeaway")
    await expect(field(boss, "valid_from")).not_to_have_value("")


async def test_only_managers_are_offered_it(screens: Screens, admin: Connection, tmp_path: Path) -> None:
    front = await open_desk(screens, tmp_path, "en")
    await front.enter(await hire(admin, screens, "front"))
    await front.go("service")
    await expect(front.page.locator("service-view .row-empty")).to_be_attached()
    await expect(front.page.get_by_role("button", name=OPEN["en"], exact=True)).to_have_count(0)


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_all_sizes(screens: Screens, admin: Connection, tmp_path: Path, language: Language) -> None:
    """Nothing in the wrong language, too small to touch, too faint to read, or beyond the edge."""
    who = await hire(admin, screens, "manager")
    await admin.execute(
        "INSERT INTO app.tax_rates (tenant_id, tax_class, fulfilment, rate_bp, valid_from) VALUES"
        " ($1, 'food', 'takeaway', 1250, '2040-04-01'),"
        " ($1, 'room_hire_and_more_of_it', 'fridge', 1, '2040-04-01')",
        screens.hub.tenant_id,
    )
    for name, width, height in (*SIZES, ("twice", 640, 400)):  # the last is a desk at 200 %
        desk = await open_desk(screens, tmp_path, language, size={"width": width, "height": height})
        await desk.enter(who)
        await desk.go("service")
        await open_rates(desk, language)
        await field(desk, "rate").fill("101")
        await save(desk)
        await expect(fault(desk, "rate")).to_be_visible()
        await desk.page.evaluate("document.fonts.ready")
        await desk.page.evaluate(SETTLED)
        where = f"{language}-{name}"
        for part, place in (("top", desk.panel.locator("h2")), ("end", field(desk, "valid_from"))):
            await place.scroll_into_view_if_needed()
            await desk.picture(f"{where}-{part}")
        assert await desk.page.evaluate(SMALL, 44) == [], where
        assert await desk.page.evaluate(FAINT) == [], where
        assert await desk.page.evaluate(SIDEWAYS) <= 0, where
        assert await findings(desk.page) == [], where
        texts = await desk.page.evaluate(VISIBLE)
        assert language == "ja" or [text for text in texts if JAPANESE.search(text)] == [], where
        await desk.page.context.close()
