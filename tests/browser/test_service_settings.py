"""The manager's form of the service: what it shows and sends, and what it says at which field."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.async_api import expect

from hub.demo.menu import load_menu
from tests.browser.axe import findings
from tests.browser.desk import Desk, hire, open_desk
from tests.browser.probes import FAINT, SMALL, VISIBLE
from tests.browser.test_staff import JAPANESE, SIDEWAYS, SIZES

if TYPE_CHECKING:
    from playwright.async_api import Locator

    from hub.db.pool import Connection
    from tests.browser.screens import Language, Screens

# Colours have become what they will be.
SETTLED: Final = """() => Promise.allSettled(document.getAnimations()
          .filter((each) => each instanceof CSSTransition).map((each) => each.finished))"""
OPEN: Final[dict[Language, str]] = {"en": "Settings", "ja": "設定"}


@pytest.fixture(autouse=True)
async def usual(screens: Screens, admin: Connection) -> AsyncIterator[None]:
    """The demo hotel has the settings that it begins with, before and after."""
    tenant_id = screens.hub.tenant_id
    before = await admin.fetchval("SELECT settings FROM app.tenants WHERE id = $1", tenant_id)
    yield
    await admin.execute("UPDATE app.tenants SET settings = $2 WHERE id = $1", tenant_id, before)


@pytest.fixture
async def boss(screens: Screens, admin: Connection, tmp_path: Path) -> Desk:
    """A manager who has opened the form."""
    boss = await open_desk(screens, tmp_path, "en")
    await boss.enter(await hire(admin, screens, "manager"))
    await boss.go("service")
    await open_form(boss, "en")
    return boss


async def open_form(boss: Desk, language: Language) -> None:
    await boss.page.get_by_role("button", name=OPEN[language], exact=True).click()
    await expect(boss.panel.locator("form button.primary")).to_be_enabled()


def field(boss: Desk, name: str) -> Locator:
    return boss.panel.locator(f"[name={name}]")


def fault(boss: Desk, name: str) -> Locator:
    """What is said at a field."""
    return boss.panel.locator(f".field:has([name={name}]) .fault:visible")


def station(boss: Desk, number: int) -> Locator:
    return boss.panel.locator(".station").nth(number)


async def save(boss: Desk) -> None:
    """Press the button; the form has its answer, from the page or from the hub."""
    button = boss.panel.locator("form > .actions .primary")
    await button.click()
    await expect(button).not_to_have_attribute("aria-busy", "true")


async def told(boss: Desk) -> None:
    await expect(boss.page.locator("#announcer")).to_have_text("The settings are saved.")


async def saved(boss: Desk) -> None:
    """Save what has changed."""
    async with boss.page.expect_response("**/api/v1/hotel/settings") as answer:
        await save(boss)
    assert (await answer.value).ok
    await told(boss)


async def settings(screens: Screens, admin: Connection) -> dict[str, Any]:
    text = await admin.fetchval("SELECT settings FROM app.tenants WHERE id = $1", screens.hub.tenant_id)
    kept: dict[str, Any] = json.loads(text)
    return kept


async def test_a_manager_sees_what_is_set_and_sets_it(
    boss: Desk, screens: Screens, admin: Connection
) -> None:
    begin = await settings(screens, admin)
    for name, value in {
        "service_charge": "10",
        "delivery_minutes": "10",
        "throttle_interval_minutes": "15",
        "throttle_orders": "",
        "throttle_minutes": "",
        "night_start": "22:00",
        "night_end": "07:00",
        "idle_seconds": "90",
        "legal_age": "20",
        "undo_seconds": "10",
        "recall_minutes": "30",
        "locale": "ja",
    }.items():
        await expect(field(boss, name)).to_have_value(value)
    await expect(boss.panel.locator(".station")).to_have_count(len(load_menu().stations))
    await boss.picture("form")
    sent: list[str] = []
    boss.page.on("request", lambda request: sent.append(request.url))
    await save(boss)
    await told(boss)
    assert not [url for url in sent if url.endswith("/settings")], "what was not changed is not sent"
    for name, value in {
        "service_charge": "12.5",
        "delivery_minutes": "0",
        "throttle_orders": "8",
        "throttle_minutes": "120",
        "night_start": "21:30",
        "idle_seconds": "120",
        "legal_age": "18",
        "undo_seconds": "15",
        "phone": "０",
    }.items():
        await field(boss, name).fill(value)
    await field(boss, "throttle_interval_minutes").select_option("30 minutes")
    await station(boss, 0).locator("[name='station.portions']").fill("5")
    await boss.panel.get_by_role("button", name="Add a station").click()
    await expect(station(boss, 3).locator("input").first).to_be_focused()
    await station(boss, 3).locator("[name=name_ja]").fill("鮨")
    await station(boss, 3).locator("[name=name_en]").fill("Sushi counter")
    await station(boss, 2).locator("[name=name_en]").fill("Sky bar")
    # meanwhile somebody else sets something else
    await admin.execute(
        "UPDATE app.tenants SET settings = settings || '{\"recall_minutes\": 45}' WHERE id = $1",
        screens.hub.tenant_id,
    )
    await saved(boss)
    await expect(field(boss, "phone")).to_have_value("0")
    kept = await settings(screens, admin)
    assert [(one["key"], one["name_ja"], one["name_en"]) for one in kept["stations"]] == [
        ("kitchen", "温かいお料理", "Hot kitchen"),
        ("cold", "冷菜・甘味", "Cold & sweets"),
        ("bar", "バー", "Sky bar"),
        ("sushi_counter", "鮨", "Sushi counter"),
    ]
    changed = {
        "service_charge_bp": 1250,
        "delivery_minutes": 0,
        "throttle_interval_minutes": 30,
        "throttle_orders": 8,
        "throttle_minutes": 120,
        "night_start": "21:30",
        "idle_seconds": 120,
        "station_capacity": begin["station_capacity"] | {"kitchen": 5},
        "recall_minutes": 45,
        "legal_age": 18,
        "undo_seconds": 15,
        "phone": "0",
    }
    assert kept == begin | changed | {"stations": kept["stations"]}
    # and back to what is usual, which is not written down
    await field(boss, "throttle_orders").fill("")
    await field(boss, "throttle_minutes").fill("")
    await field(boss, "delivery_minutes").fill("10")
    await boss.panel.get_by_role("button", name="Remove the station 鮨").click()
    await saved(boss)
    kept = await settings(screens, admin)
    assert not {"throttle_orders", "throttle_minutes", "delivery_minutes"} & kept.keys()
    assert [one["key"] for one in kept["stations"]] == ["kitchen", "cold", "bar"]


async def test_faults_are_said_at_their_fields(boss: Desk, screens: Screens, admin: Connection) -> None:
    before = await settings(screens, admin)
    for name, wrong, words in (
        ("service_charge", "31", "Enter a number from 0 to 30, with two decimals at most."),
        ("service_charge", "1.234", "Enter a number from 0 to 30, with two decimals at most."),
        ("delivery_minutes", "", "Please fill this in."),
        ("delivery_minutes", "121", "Enter a whole number from 0 to 120."),
        ("throttle_orders", "0", "Enter a whole number from 1 to 1000."),
        ("throttle_minutes", "1.5", "Enter a whole number from 1 to 10000."),
        ("idle_seconds", "29", "Enter a whole number from 30 to 3600."),
        ("legal_age", "31", "Enter a whole number from 0 to 30."),
        ("undo_seconds", "0", "Enter a whole number from 1 to 60."),
        ("phone", "no number", "Please check the phone number."),
        ("night_end", "22:00", "The night must end at another time than it begins."),
    ):
        right = await field(boss, name).input_value()
        await field(boss, name).fill(wrong)
        await save(boss)
        await expect(fault(boss, name)).to_have_text(words)
        await expect(field(boss, name)).to_be_focused()
        await field(boss, name).fill(right)
        await expect(fault(boss, name)).to_have_count(0)
    english = station(boss, 1).locator("[name=name_en]")
    await english.fill(" ")
    await save(boss)
    await expect(station(boss, 1).locator(".fault:visible")).to_have_text("Please fill this in.")
    # reads backwards
    await english.fill("Cold\u202eBar")
    await save(boss)
    await expect(station(boss, 1).locator(".fault:visible")).to_have_text("Please check the name.")
    await expect(english).to_be_focused()
    await station(boss, 1).locator("[name='station.portions']").fill("51")
    await english.fill("Cold")
    await save(boss)
    await expect(station(boss, 1).locator(".fault:visible")).to_have_text(
        "Enter a whole number from 1 to 50."
    )
    await expect(boss.problem).to_have_count(0)
    assert await settings(screens, admin) == before


async def test_a_station_that_dishes_need_comes_back(boss: Desk, screens: Screens, admin: Connection) -> None:
    before = await settings(screens, admin)
    await boss.panel.get_by_role("button", name="Remove the station 冷菜・甘味").click()
    await expect(boss.panel.locator(".station")).to_have_count(2)
    await save(boss)
    back = station(boss, 1)
    await expect(back.locator("[name=name_en]")).to_have_value("Cold & sweets")
    await expect(back.locator(".fault:visible")).to_contain_text("Dishes on the menu are made here")
    await boss.picture("in-use")
    await save(boss)
    await told(boss)
    assert await settings(screens, admin) == before


async def test_headings_of_the_menu(boss: Desk, screens: Screens, admin: Connection) -> None:
    before = await settings(screens, admin)
    first = before["categories"][0]
    await boss.panel.get_by_role("button", name=f"Remove the heading {first['name_ja']}").click()
    await save(boss)
    back = boss.panel.locator(".heading").first
    await expect(back.locator("[name=name_en]")).to_have_value(first["name_en"])
    await expect(back.locator(".fault:visible")).to_contain_text("Dishes on the menu stand under it")
    await boss.panel.get_by_role("button", name="Add a heading").click()
    await boss.panel.locator(".heading").last.locator("[name=name_ja]").fill("お子様")
    await boss.panel.locator(".heading").last.locator("[name=name_en]").fill("For children")
    await back.locator("[name=name_en]").fill("Chef\u202es table")
    await save(boss)
    await expect(back.locator(".fault:visible")).to_have_text("Please check the name.")
    await back.locator("[name=name_en]").fill("From the chef")
    await saved(boss)
    kept = (await settings(screens, admin))["categories"]
    assert kept == [
        first | {"name_en": "From the chef"},
        *before["categories"][1:],
        {"key": "for_children", "name_ja": "お子様", "name_en": "For children"},
    ]


async def test_a_heading_that_somebody_else_added(boss: Desk, screens: Screens, admin: Connection) -> None:
    everything = await settings(screens, admin)
    fewer = everything | {"categories": everything["categories"][:-1]}
    keep = "UPDATE app.tenants SET settings = $2 WHERE id = $1"
    await admin.execute(keep, screens.hub.tenant_id, json.dumps(fewer))
    await open_form(boss, "en")
    await expect(boss.panel.locator(".heading")).to_have_count(len(fewer["categories"]))
    await admin.execute(keep, screens.hub.tenant_id, json.dumps(everything))
    await boss.panel.locator(".heading").first.locator("[name=name_en]").fill("From the chef")
    await save(boss)
    await expect(boss.problem).to_have_text("Somebody changed it first. Please look again.")
    assert await settings(screens, admin) == everything


async def test_second_factors_and_the_language_of_letters(
    boss: Desk, screens: Screens, admin: Connection
) -> None:
    roles = boss.panel.locator("[name=totp_roles]")
    await expect(roles).to_have_count(5)
    try:
        await boss.panel.get_by_label("Front desk", exact=True).check()
        await boss.panel.get_by_label("Menu editor", exact=True).check()
        await field(boss, "locale").select_option("English")
        await saved(boss)
        told = await admin.fetchrow(
            "SELECT totp_roles, locale FROM app.tenants WHERE id = $1", screens.hub.tenant_id
        )
        assert told is not None
        assert (sorted(told["totp_roles"]), told["locale"]) == (["front", "menu_editor"], "en")
        await boss.panel.get_by_label("Menu editor", exact=True).uncheck()
        await saved(boss)
        await expect(boss.panel.get_by_label("Front desk", exact=True)).to_be_checked()
    finally:
        await admin.execute(
            "UPDATE app.tenants SET totp_roles = '{}', locale = 'ja' WHERE id = $1", screens.hub.tenant_id
        )


async def test_no_charge_without_a_tax_rate(boss: Desk, screens: Screens, admin: Connection) -> None:
    tenant_id = screens.hub.tenant_id
    rates = "UPDATE app.tax_rates SET deleted_at = {} WHERE tenant_id = $1 AND tax_class = 'service'"
    await admin.execute(rates.format("now()"), tenant_id)
    await field(boss, "service_charge").fill("5")
    await save(boss)
    await expect(fault(boss, "service_charge")).to_have_text(
        "There is no tax rate for a service charge yet. Add one first."
    )
    await admin.execute(rates.format("NULL"), tenant_id)
    await saved(boss)


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
    for name, width, height in SIZES:
        desk = await open_desk(screens, tmp_path, language, size={"width": width, "height": height})
        await desk.enter(who)
        await desk.go("service")
        await open_form(desk, language)
        await field(desk, "throttle_orders").fill("0")
        await save(desk)
        await expect(fault(desk, "throttle_orders")).to_be_visible()
        await desk.page.evaluate("document.fonts.ready")
        await desk.page.evaluate(SETTLED)
        where = f"{language}-{name}"
        for part, place in (
            ("top", station(desk, 0)),
            ("heading", desk.panel.locator(".heading").first),
            ("tablets", field(desk, "idle_seconds")),
            ("end", field(desk, "locale")),
        ):
            await place.scroll_into_view_if_needed()
            await desk.picture(f"{where}-{part}")
        assert await desk.page.evaluate(SMALL, 44) == [], where
        assert await desk.page.evaluate(FAINT) == [], where
        assert await desk.page.evaluate(SIDEWAYS) <= 0, where
        assert await findings(desk.page) == [], where
        if language == "en":
            texts = await desk.page.evaluate(VISIBLE)
            menu = load_menu()
            known = {one.name_ja for one in (*menu.stations, *menu.categories)}
            wrong = [text for text in texts if JAPANESE.search(text) and not any(k in text for k in known)]
            assert wrong == [], where
        await desk.page.context.close()
