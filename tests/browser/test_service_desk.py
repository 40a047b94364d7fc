"""Room service at the desk: orders as they come, and alarms that say what to do."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import expect

from hub.db.database import Database
from hub.db.pool import Role, create_pool
from tests.browser.desk import Desk, hire, open_desk
from tests.browser.kitchenless import Service
from tests.browser.probes import FAINT, SMALL, VISIBLE
from tests.browser.screens import SOUP
from tests.browser.test_staff import JAPANESE, SIDEWAYS, SIZES

if TYPE_CHECKING:
    from playwright.async_api import Locator

    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.browser.screens import Language, Screens

# Colours have become what they will be.
SETTLED: Final = """() => Promise.allSettled(document.getAnimations()
          .filter((each) => each instanceof CSSTransition).map((each) => each.finished))"""
# Remembers what may sound.
SOUNDS: Final = """
globalThis.sounds = [];
globalThis.AudioContext = class extends AudioContext {
  constructor(...given) {
    super(...given);
    sounds.push(this);
  }
};
"""
GONE: Final = {"code": "unauthorized", "detail": "", "temporary": False, "details": {}}


@pytest.fixture(scope="module")
async def database(settings: Settings) -> AsyncIterator[Database]:
    pool = await create_pool(settings, Role.API, 2)
    yield Database(pool)
    await pool.close()


@pytest.fixture
async def service(admin: Connection, database: Database, screens: Screens) -> Service:
    service = Service(admin, database, screens)
    await service.furnish()
    return service


@pytest.fixture
async def desk(screens: Screens, admin: Connection, tmp_path: Path) -> Desk:
    """Somebody at the front desk, looking at room service."""
    desk = await open_desk(screens, tmp_path, "en", script=SOUNDS)
    await desk.enter(await hire(admin, screens, "front"))
    await desk.go("service")
    return desk


def order(desk: Desk, order_id: object) -> Locator:
    return desk.page.locator(f"service-view li[data-key='{order_id}']")


def links(row: Locator) -> Locator:
    return row.locator(".stage[data-state=done]")


async def sounding(desk: Desk) -> None:
    """Since somebody has touched the page, it may sound; the browser takes a moment for that."""
    await desk.becomes("sounds.some((each) => each.state === 'running')")


async def rings(desk: Desk) -> int:
    """How often it has rung: also for what it heard of first, though it was over by then."""
    heard = await desk.page.locator("html").get_attribute("data-rings")
    return int(heard or 0)


def alarm(desk: Desk) -> Locator:
    return desk.page.locator("#alarm")


async def test_the_chain_grows_while_somebody_looks(desk: Desk, service: Service, room: str) -> None:
    placed = await service.place(room, 2)
    row = order(desk, placed.id)
    await expect(row).to_contain_text(f"#{placed.order_number}")
    await expect(row).to_contain_text("Onion gratin soup ×2")
    await expect(links(row)).to_have_text([re.compile(r"Sent\d\d:\d\d")])
    await service.seen(placed)
    await expect(links(row)).to_have_count(2)
    await expect(links(row).nth(1)).to_have_text(re.compile(r"On the kitchen screen\d\d:\d\d"))
    await expect(row.locator(".pill")).to_have_text(re.compile(r"Not accepted 0:\d\d"))
    await service.accept(placed)
    await expect(links(row)).to_have_count(3)
    await expect(row.locator(".pill")).to_have_text("Accepted")
    await row.locator("button").click()
    await expect(desk.panel).to_contain_text(f"Room {room} #{placed.order_number}")
    await expect(desk.panel.locator(".chain-list li[data-state=done]")).to_have_count(3)
    await desk.picture("chain")
    await expect(alarm(desk)).to_be_hidden()


async def test_an_alarm_names_the_room_and_what_to_do(
    desk: Desk, service: Service, room: str, admin: Connection
) -> None:
    await sounding(desk)
    before = await rings(desk)
    placed = await service.place(room)
    await expect(order(desk, placed.id)).to_be_visible()
    await desk.go("rooms")
    assert await rings(desk) == before
    await service.age(placed, 11)
    await expect(desk.page.locator("html")).to_have_attribute("data-rings", str(before + 1))
    # on whatever page somebody is
    await expect(alarm(desk)).to_contain_text(f"Room {room}")
    await expect(alarm(desk)).to_contain_text("No kitchen screen shows order")
    await expect(alarm(desk)).to_contain_text("Call the kitchen, read it out")
    await expect(desk.page).to_have_title(re.compile(r"^\(1\) "))
    await desk.picture("alarm")
    await alarm(desk).get_by_text("See the list").click()
    row = order(desk, placed.id)
    await expect(row.locator(".pill")).to_have_text(re.compile(r"Not shown 0:\d\d"))
    await expect(row.locator("button")).to_have_attribute("data-alarm", "unseen")
    await alarm(desk).get_by_text("I see to it").click()
    await expect(alarm(desk)).to_have_attribute("data-state", "seen")
    heard = await rings(desk)
    # it was seen to, but not this
    await service.age(placed, 181)
    await expect(desk.page.locator("html")).to_have_attribute("data-rings", str(heard + 1))
    await expect(alarm(desk)).to_have_attribute("data-state", "loud")
    await expect(alarm(desk)).to_contain_text("nobody has accepted it")
    await expect(alarm(desk)).to_contain_text("The managers have been told")
    await row.locator("button").click()
    await expect(desk.panel.locator(".steps-taken li")).to_have_count(4)
    await desk.picture("alarm-paged")
    await service.accept(placed)
    await expect(alarm(desk)).to_be_hidden()
    await expect(desk.page).not_to_have_title(re.compile(r"^\("))
    await expect(row.locator(".pill")).to_have_text("Accepted")


@pytest.fixture
async def impatient(admin: Connection, screens: Screens) -> AsyncIterator[None]:
    """The hotel is rung for every five seconds."""
    await admin.execute(
        "UPDATE app.tenants SET settings = settings || '{\"alert_every_seconds\": 5}' WHERE id = $1",
        screens.hub.tenant_id,
    )
    yield
    await admin.execute(
        "UPDATE app.tenants SET settings = settings - 'alert_every_seconds' WHERE id = $1",
        screens.hub.tenant_id,
    )


@pytest.mark.usefixtures("impatient")
async def test_it_rings_again_until_somebody_sees_to_it(desk: Desk, service: Service, room: str) -> None:
    await sounding(desk)
    before = await rings(desk)
    placed = await service.place(room)
    await service.age(placed, 11)
    await expect(alarm(desk)).to_be_visible()
    for number in range(3):
        await desk.becomes(f"Number(document.documentElement.dataset.rings) > {before + number}")
    await alarm(desk).get_by_text("I see to it").click()
    await expect(alarm(desk)).to_have_attribute("data-state", "seen")
    heard = await rings(desk)
    # a second alarm is heard, though the first was seen to
    other = await service.place(room)
    await service.age(other, 11)
    await desk.becomes(f"Number(document.documentElement.dataset.rings) > {heard}")
    await service.seen(placed)
    await service.seen(other)
    await expect(alarm(desk)).to_be_hidden()


async def test_hours_are_those_of_the_hotel_and_not_of_the_browser(
    desk: Desk, admin: Connection, room: str
) -> None:
    since = await admin.fetchval(
        "SELECT started_at FROM app.stays WHERE room_number = $1 AND ended_at IS NULL", room
    )
    await desk.go("rooms")
    try:
        for zone in ("Pacific/Auckland", "America/Lima"):
            await admin.execute("UPDATE app.tenants SET time_zone = $1", zone)
            there = since.astimezone(ZoneInfo(zone)).strftime("%H:%M")
            await expect(desk.row(room)).to_contain_text(there)
    finally:
        await admin.execute("UPDATE app.tenants SET time_zone = 'Asia/Tokyo'")


async def test_nothing_to_do_is_said_only_when_it_is_known(desk: Desk, screens: Screens) -> None:
    empty = desk.page.locator("service-view .row-empty")
    await expect(empty).to_have_text(re.compile(r"No open orders. Up to date at \d\d:\d\d."))
    await screens.hub.kill()
    await expect(desk.page.locator(".stale")).to_be_visible()
    await expect(empty).to_have_text("")
    await screens.hub.start()


async def test_rooms_in_order_and_found(
    desk: Desk, service: Service, free_rooms: Iterator[str], room: str
) -> None:
    rooms = [room, *(next(free_rooms) for _ in range(2))]
    placed = {one: await service.place(one) for one in reversed(rooms)}
    names = desk.page.locator("service-view .row:visible .row-name")
    in_order, waiting = sorted(rooms, key=int), sorted(rooms[1:], key=int)
    await expect(names).to_have_text(in_order)
    await service.accept(placed[rooms[0]])
    await desk.page.locator("service-view .chip", has_text="Not accepted").click()
    await expect(names).to_have_text(waiting)
    await desk.page.locator("service-view .chip", has_text="All").click()
    await desk.page.locator("service-view input[type=search]").fill(rooms[2])
    await expect(names).to_have_text([rooms[2]])


async def test_no_list_looks_complete_that_is_not(
    desk: Desk, screens: Screens, service: Service, room: str
) -> None:
    placed = await service.place(room)
    await expect(order(desk, placed.id)).to_be_visible()
    await screens.hub.kill()
    await expect(desk.page.locator(".stale")).to_contain_text("not up to date")
    await expect(order(desk, placed.id)).to_be_visible()
    missed = await service.place(room)
    await screens.hub.start()
    await expect(order(desk, missed.id)).to_be_visible(timeout=30_000)
    await expect(desk.page.locator(".stale")).to_be_hidden()


async def test_the_screens_that_are_away_are_named(desk: Desk, service: Service, admin: Connection) -> None:
    away = desk.page.locator(".screens .alert")
    await expect(away).to_contain_text("All kitchen screens are offline")
    await desk.picture("screens-away")
    await admin.execute(
        "UPDATE app.device_presence SET online = true, last_seen_at = now() WHERE device_id IN"
        " (SELECT id FROM app.device_rooms WHERE device_type = 'kitchen_screen')"
    )
    await admin.execute(
        "INSERT INTO app.device_presence (tenant_id, device_id, online, session_generation, last_seen_at)"
        " SELECT tenant_id, id, true, 1, now() FROM app.device_rooms WHERE device_type = 'kitchen_screen'"
        " ON CONFLICT (tenant_id, device_id) DO UPDATE SET online = true"
    )
    await desk.page.evaluate("dispatchEvent(new Event('online'))")
    # a list that was asked for just before is still the old one; the next comes after fifteen seconds
    await expect(away).to_be_hidden(timeout=30_000)
    await expect(desk.page.locator(".screens-list").first).to_contain_text("Online")


async def test_who_may_see_orders_sees_them_and_who_may_not_is_not_asked(
    screens: Screens, admin: Connection, tmp_path: Path, service: Service, room: str
) -> None:
    await service.place(room)
    runner = await open_desk(screens, tmp_path, "en")
    await runner.enter(await hire(admin, screens, "runner"))
    await expect(runner.page.locator("service-view .row")).to_have_count(1)
    await expect(runner.page.locator("service-view .list-head .quiet")).to_have_count(0)
    editor = await open_desk(screens, tmp_path, "en")
    await editor.enter(await hire(admin, screens, "menu_editor"))
    await expect(editor.page.locator(".tab[data-page=service]")).to_have_count(0)
    await expect(editor.page.locator("service-view")).to_have_count(0)


# Counts what is made anew under `root`.
WATCH: Final = """(root) => {
  globalThis.made = [];
  new MutationObserver((records) => {
    for (const { addedNodes } of records)
      for (const node of addedNodes) if (node.nodeType === 1) made.push(node.outerHTML);
  }).observe(root, { childList: true, subtree: true });
}"""


async def test_an_open_order_stands_still_while_its_time_goes_on_and_goes_with_the_session(
    desk: Desk, service: Service, room: str
) -> None:
    placed = await service.place(room)
    await order(desk, placed.id).locator("button").click()
    # seen, so that no alarm changes it while it stands there
    await service.seen(placed)
    await expect(desk.panel.locator(".chain-list li").nth(1)).to_have_attribute("data-state", "done")
    waits = desk.panel.locator(".facts dd").nth(1)
    await expect(waits).to_have_text(re.compile(r"\d:\d\d"))
    await desk.panel.evaluate(WATCH)
    before = await waits.text_content()
    await expect(waits).not_to_have_text(before or "")
    await expect(waits).to_have_text(re.compile(r"0:\d\d"))
    assert await desk.page.evaluate("made") == []
    await service.accept(placed)
    await expect(desk.panel.locator(".chain-list li").nth(2)).to_have_attribute("data-state", "done")
    await desk.page.route("**/api/v1/staff/session*", lambda route: route.fulfill(status=401, json=GONE))
    await desk.page.route("**/api/v1/staff/session/*", lambda route: route.fulfill(status=401, json=GONE))
    await desk.page.evaluate("dispatchEvent(new Event('online'))")
    await expect(desk.page.locator("signin-view input[name=email]")).to_be_visible()
    assert await desk.page.locator("service-view .panel-side:not([hidden])").count() == 0
    assert SOUP["en"] not in (await desk.page.locator("service-view").text_content() or "")


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_all_sizes(
    screens: Screens, admin: Connection, tmp_path: Path, service: Service, room: str, language: Language
) -> None:
    """Nothing in the wrong language, too small to touch, too faint to read, or beyond the edge."""
    placed = await service.place(room, 3)
    await service.age(placed, 200)
    who = await hire(admin, screens, "manager")
    for name, width, height in SIZES:
        desk = await open_desk(screens, tmp_path, language, size={"width": width, "height": height})
        await desk.enter(who)
        await desk.go("service")
        await expect(order(desk, placed.id).locator(".pill")).to_have_attribute("data-state", "alarm")
        await desk.page.evaluate("document.fonts.ready")
        for step in ("list", "order", "ladder", "hooks"):
            if step == "order":
                await order(desk, placed.id).locator("button").click()
            elif step != "list":
                if name == "phone":
                    await desk.panel.locator("header .round").click()
                await desk.page.locator("service-view .list-head > .quiet").nth(int(step == "hooks")).click()
                if step == "hooks":
                    await expect(desk.panel.locator(".hooks li")).to_have_count(1)
                    await desk.panel.locator(".actions .primary").click()
            if step == "ladder":
                await expect(desk.panel.locator("button.primary")).to_be_enabled()
            await desk.page.evaluate(SETTLED)
            where = f"{language}-{name}-{step}"
            await desk.picture(where)
            assert await desk.page.evaluate(SMALL, 44) == [], where
            assert await desk.page.evaluate(FAINT) == [], where
            assert await desk.page.evaluate(SIDEWAYS) <= 0, where
            if language == "en":
                texts = await desk.page.evaluate(VISIBLE)
                assert [text for text in texts if JAPANESE.search(text)] == [], where
        await desk.page.context.close()
