"""The staff's page: who gets in and how, and that a session leaves nothing that a script could take."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyotp
from playwright.async_api import expect

from hub.security.credentials import digest, new_secret
from tests.browser.desk import PASSWORD, Desk, hire, open_desk
from tests.browser.probes import FAINT, SMALL, VISIBLE

if TYPE_CHECKING:
    from playwright.async_api import Request, Route

    from hub.db.pool import Connection
    from tests.browser.screens import Screens

JAPANESE = re.compile(r"[぀-ヿ㐀-鿿]")
STORED = "[...Object.values({...localStorage}), ...Object.values({...sessionStorage}), document.cookie]"
# How far the widest part of the page reaches beyond its place.
SIDEWAYS = """() => Math.max(...[...document.querySelectorAll('html, main, .rows, .panel-place')]
          .filter((each) => each.checkVisibility()).map((each) => each.scrollWidth - each.clientWidth))"""
SIZES = (("desk", 1280, 800), ("tablet", 820, 1180), ("phone", 390, 844))
# Counts what comes round each second until it is called off.
TIMERS = """
globalThis.seconds = new Set();
const { setInterval: begin, clearInterval: end } = globalThis;
globalThis.setInterval = (work, ms, ...given) => {
  const id = begin(work, ms, ...given);
  if (ms === 1000) seconds.add(id);
  return id;
};
globalThis.clearInterval = (id) => (seconds.delete(id), end(id));
"""


async def test_signing_in_leaves_nothing_to_a_script(
    screens: Screens, admin: Connection, tmp_path: Path
) -> None:
    who = await hire(admin, screens)
    desk = await open_desk(screens, tmp_path)
    await desk.enter(who)
    await expect(desk.page.locator("rooms-view .row").first).to_be_visible()
    assert [text for text in await desk.page.evaluate(STORED) if text] == []
    cookies = {each["name"]: each for each in await desk.page.context.cookies()}
    assert set(cookies) == {"hub_access", "hub_refresh"} or {"hub_access"} <= set(cookies)
    assert all(each["httpOnly"] and each["sameSite"] == "Strict" for each in cookies.values())

    await desk.page.reload()
    await expect(desk.page.locator("rooms-view .row").first).to_be_visible()
    changes: list[Request] = []
    desk.page.on("request", lambda request: changes.append(request) if request.method == "POST" else None)
    await desk.page.locator(".signout:visible").first.click()
    await expect(desk.page.locator("signin-view")).to_be_visible()
    [end] = changes
    assert await end.header_value("x-csrf-token")
    assert await end.header_value("x-hub-client") == "browser"
    assert await desk.page.context.cookies() == []
    assert await desk.page.locator("rooms-view").count() == 0
    await desk.page.reload()
    await expect(desk.page.locator("signin-view input[name=email]")).to_be_visible()


async def test_nothing_of_a_page_that_was_left_goes_on(
    screens: Screens, admin: Connection, tmp_path: Path
) -> None:
    who = await hire(admin, screens, "front")
    desk = await open_desk(screens, tmp_path, "en", script=TIMERS)
    before = await desk.page.evaluate("seconds.size")
    for _ in range(2):
        await desk.enter(who)
        await desk.go("service")
        assert await desk.page.evaluate("seconds.size") == before + 1
        await desk.page.locator(".signout:visible").first.click()
        await expect(desk.page.locator("signin-view input[name=email]")).to_be_visible()
        assert await desk.page.evaluate("seconds.size") == before


async def test_signing_out_in_one_tab_signs_out_the_others(
    screens: Screens, admin: Connection, tmp_path: Path
) -> None:
    desk = await open_desk(screens, tmp_path, "en")
    await desk.enter(await hire(admin, screens))
    other = await desk.page.context.new_page()
    await other.goto(desk.page.url)
    await expect(other.locator("rooms-view .row").first).to_be_visible()
    await desk.page.locator(".signout:visible").first.click()
    await expect(other.locator("signin-view input[name=email]")).to_be_visible()
    await expect(other.locator("rooms-view")).to_have_count(0)


async def test_what_is_wrong_is_said(screens: Screens, admin: Connection, tmp_path: Path) -> None:
    who = await hire(admin, screens)
    desk = await open_desk(screens, tmp_path, "en")
    await desk.page.locator("signin-view button.primary").click()
    await expect(desk.page.locator("signin-view input[name=email]")).to_have_attribute("aria-invalid", "true")
    await desk.sign_in(who, "wrong password")
    await expect(desk.problem).to_contain_text("E-mail or password is wrong")
    await expect(desk.page.locator("signin-view input[name=email]")).to_have_value(who.email)
    for _ in range(11):  # ten in a quarter of an hour; one more where two of these meet
        await desk.page.locator("signin-view button.primary").click()
        await expect(desk.page.locator("signin-view [aria-busy=true]")).to_have_count(0)
    await expect(desk.problem).to_contain_text(re.compile(r"Too many tries.+ again after \d\d:\d\d"))
    await screens.hub.kill()
    await desk.page.locator("signin-view button.primary").click()
    await expect(desk.problem).to_contain_text("The hub cannot be reached")
    await screens.hub.start()
    other = await hire(admin, screens)
    await desk.enter(other)


async def test_the_whole_page_by_keyboard(
    screens: Screens, admin: Connection, room: str, tmp_path: Path
) -> None:
    who = await hire(admin, screens)
    desk = await open_desk(screens, tmp_path, "en")
    press = desk.page.keyboard.press
    await expect(desk.page.locator("signin-view input[name=email]")).to_be_focused()
    await desk.page.keyboard.type(who.email)
    await press("Tab")
    await desk.page.keyboard.type(PASSWORD)
    await press("Enter")
    await expect(desk.page.locator("rooms-view h1")).to_be_focused()
    await expect(desk.row(room)).to_be_visible()
    await press("Tab")
    await expect(desk.page.locator("rooms-view input[type=search]")).to_be_focused()
    await desk.page.keyboard.type(room)
    await expect(desk.page.locator("rooms-view .row:visible")).to_have_count(1)
    await press("ArrowDown")
    await expect(desk.row(room).locator("button")).to_be_focused()
    await press("Enter")
    await expect(desk.panel.locator("h2")).to_be_focused()
    await press("Tab")
    await press("Tab")
    await expect(desk.panel.get_by_role("button", name="Code for a phone")).to_be_focused()
    await press("Tab")
    await expect(desk.panel.locator(".danger-quiet")).to_be_focused()
    await press("Enter")
    dialog = desk.page.locator("dialog")
    await expect(dialog).to_contain_text(f"room {room}")
    await expect(dialog.locator(".quiet")).to_be_focused()
    await press("Escape")
    await expect(dialog).to_have_count(0)
    await press("Escape")
    await expect(desk.panel).to_have_count(0)
    await expect(desk.row(room).locator("button")).to_be_focused()


async def test_the_language_changes_in_place(screens: Screens, admin: Connection, tmp_path: Path) -> None:
    who = await hire(admin, screens)
    desk = await open_desk(screens, tmp_path)
    await desk.page.locator("signin-view input[name=email]").fill(who.email)
    await desk.switch_language()
    await expect(desk.page.locator("html")).to_have_attribute("lang", "en")
    await expect(desk.page.locator("signin-view input[name=email]")).to_have_value(who.email)
    await desk.page.reload()
    await expect(desk.page.locator("html")).to_have_attribute("lang", "en")
    await expect(desk.page.locator("signin-view button.primary")).to_have_text("Sign in")


async def test_every_view_in_both_languages_on_every_screen(
    screens: Screens, admin: Connection, tmp_path: Path
) -> None:
    who = await hire(admin, screens)
    desk = await open_desk(screens, tmp_path, "en")
    await desk.page.emulate_media(reduced_motion="reduce")
    await expect(desk.page.locator("signin-view input[name=email]")).to_be_visible()
    await _look(desk, "signin")
    await desk.page.locator("signin-view .link:visible").click()
    await _look(desk, "forgot")
    await desk.page.locator("forgot-view .link").click()
    await desk.enter(who)
    await expect(desk.page.locator("rooms-view .row").first).to_be_visible()
    await _look(desk, "rooms")
    await desk.page.locator("rooms-view .row").first.click()
    await _look(desk, "room")
    await desk.page.keyboard.press("Escape")
    await desk.page.locator("rooms-view .list-head > .quiet").click()
    await _look(desk, "other-room")
    await desk.go("devices")
    await expect(desk.page.locator("devices-view .row").first).to_be_visible()
    await _look(desk, "devices")
    await desk.page.locator("devices-view .row").first.click()
    await _look(desk, "device")
    await desk.page.locator(".device-edit summary").click()
    await expect(desk.panel.locator("fieldset .check").first).to_be_visible()
    await _look(desk, "device-edit")
    await desk.page.keyboard.press("Escape")
    await desk.page.locator("devices-view .list-head > .primary").click()
    await _look(desk, "pair")
    await desk.go("account")
    await expect(desk.page.locator(".sessions li")).to_have_count(1)
    await _look(desk, "account")


async def _look(desk: Desk, view: str) -> None:
    """No text is missing, faint or cut, and nothing is too small for a finger."""
    for language in ("en", "ja"):
        if await desk.page.locator("html").get_attribute("lang") != language:
            await desk.switch_language()
        for name, width, height in SIZES:
            await _resize(desk, width, height)
            where = f"{view}-{language}-{name}"
            await desk.picture(where)
            assert await desk.page.evaluate(SMALL, 44) == [], where
            assert await desk.page.evaluate(FAINT) == [], where
            assert await desk.page.evaluate(SIDEWAYS) <= 0, where
        texts = await desk.page.evaluate(VISIBLE)
        assert len(texts) > 5, view
        assert language == "ja" or [each for each in texts if JAPANESE.search(each)] == [], view
    await _resize(desk, 640, 400)  # a desk at 200 %
    assert await desk.page.evaluate(SIDEWAYS) <= 0, view
    await _resize(desk, 1280, 800)


async def _resize(desk: Desk, width: int, height: int) -> None:
    """Another size of the window, when the page knows of it."""
    await desk.page.set_viewport_size({"width": width, "height": height})
    await desk.becomes(f"innerWidth === {width} && innerHeight === {height}")


async def test_a_second_factor_that_the_role_needs(
    screens: Screens, admin: Connection, tmp_path: Path
) -> None:
    who = await hire(admin, screens, "front")
    await admin.execute("UPDATE app.tenants SET totp_roles = '{front}' WHERE slug = 'demo'")
    try:
        desk = await open_desk(screens, tmp_path, "en")
        await desk.sign_in(who)
        await expect(desk.page.get_by_role("heading", level=1)).to_have_text("Set up your second factor")
        await expect(desk.page.locator(".nav")).to_be_hidden()
        await expect(desk.page.locator(".qr")).to_be_visible()
        await desk.picture("factor")
        await desk.page.locator("summary").click()
        secret = (await desk.page.locator(".secret-text").inner_text()).replace(" ", "")
        code = desk.page.locator(".factor input[name=code]")
        await code.fill("000000")
        await desk.page.locator(".factor input[name=password]").fill(PASSWORD)
        await desk.page.keyboard.press("Enter")
        await expect(desk.problem).to_contain_text("not the right code")
        await code.fill(pyotp.TOTP(secret).now())
        await desk.page.keyboard.press("Enter")
        await expect(desk.page.locator(".recovery code")).to_have_count(10)
        codes = await desk.page.locator(".recovery code").all_inner_texts()
        await desk.picture("recovery")
        await desk.page.get_by_role("button", name="I have kept them").click()
        await expect(desk.page.locator("rooms-view .row").first).to_be_visible()
        assert await desk.page.locator(".recovery").count() == 0
        await desk.page.locator(".signout:visible").first.click()

        await desk.sign_in(who)
        code = desk.page.locator("signin-view input[name=code]")
        await expect(code).to_be_focused()
        await code.fill("000000")
        await desk.page.keyboard.press("Enter")
        await expect(desk.problem).to_contain_text("The code is wrong")
        await code.fill(codes[0])
        await desk.page.keyboard.press("Enter")
        await expect(desk.page.locator("rooms-view .row").first).to_be_visible()
    finally:
        await admin.execute("UPDATE app.tenants SET totp_roles = '{}' WHERE slug = 'demo'")


async def test_the_end_of_a_session_takes_nothing_that_was_typed(
    screens: Screens, admin: Connection, tmp_path: Path
) -> None:
    who = await hire(admin, screens, "front")
    desk = await open_desk(screens, tmp_path, "en")
    await desk.enter(who)
    await desk.page.locator("rooms-view .list-head > .quiet").click()
    await desk.panel.locator("input[name=room_number]").fill("Annex 1")
    await desk.panel.locator("input[name=guest_name]").fill("Ada Lovelace")
    await admin.execute(
        "UPDATE app.staff_sessions SET ended_at = now(), end_reason = 'revoked' WHERE staff_id = $1", who.id
    )
    # pressed also when the page has heard of the end by itself meanwhile
    await desk.page.locator("rooms-view .panel-side button.primary").dispatch_event("click")
    await expect(desk.page.locator("signin-view .note")).to_contain_text("Your session has ended")
    await expect(desk.page.locator("rooms-view .row")).to_have_count(0)
    await desk.sign_in(who)
    await expect(desk.panel.locator("input[name=guest_name]")).to_have_value("Ada Lovelace")
    await desk.panel.locator("button.primary").click()
    await expect(desk.row("Annex 1")).to_contain_text("Ada Lovelace")


async def test_a_guest_who_is_checked_in_while_the_rooms_are_asked_for_stands_in_the_list(
    screens: Screens, admin: Connection, tmp_path: Path
) -> None:
    who = await hire(admin, screens, "front")
    desk = await open_desk(screens, tmp_path, "en")
    asked, checked_in = asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        if route.request.method == "POST":
            answer = await route.fetch()
            checked_in.set()
            await route.fulfill(response=answer)
        elif checked_in.is_set():
            await route.continue_()
        else:  # answered before the check-in, and long on its way
            answer = await route.fetch()
            asked.set()
            await checked_in.wait()
            await route.fulfill(response=answer)

    await desk.page.route("**/api/v1/stays", late)
    await desk.enter(who)
    await asyncio.wait_for(asked.wait(), 15)
    await desk.page.locator("rooms-view .list-head > .quiet").click()
    await desk.panel.locator("input[name=room_number]").fill("Annex 2")
    await desk.panel.locator("input[name=guest_name]").fill("Grace Hopper")
    await desk.panel.locator("button.primary").click()
    # the lists are asked for again after fifteen seconds anyway
    await expect(desk.row("Annex 2")).to_contain_text("Grace Hopper", timeout=10_000)
    await expect(desk.panel).to_contain_text("Grace Hopper")


async def test_a_new_password_by_the_code_of_a_letter(
    screens: Screens, admin: Connection, tmp_path: Path
) -> None:
    who = await hire(admin, screens, "runner")
    secret = new_secret()
    tenant_id = screens.hub.tenant_id
    await admin.execute(
        "INSERT INTO app.staff_codes (tenant_id, code_hash, staff_id, purpose, expires_at)"
        " VALUES ($1, $2, $3, 'reset_password', now() + interval '1 hour')",
        tenant_id,
        digest(secret),
        who.id,
    )
    desk = await open_desk(screens, tmp_path, "en", fragment=f"#reset={tenant_id}.{secret}")
    field = desk.page.locator("reset-view input")
    await expect(field).to_be_focused()
    assert secret not in desk.page.url
    await field.fill("short")
    await desk.page.keyboard.press("Enter")
    await expect(desk.problem).to_contain_text("cannot be used")
    await field.fill("a new and quite long one")
    await desk.page.keyboard.press("Enter")
    await expect(desk.page.locator("signin-view .note")).to_contain_text("Your password is set")
    await desk.sign_in(who, "a new and quite long one")
    await expect(desk.page.locator(".nav")).to_be_visible()


async def test_five_hundred_rooms_are_filtered_at_once(
    screens: Screens, admin: Connection, tmp_path: Path
) -> None:
    who = await hire(admin, screens, "front")
    desk = await open_desk(screens, tmp_path, "en")

    async def many(route: Route) -> None:
        await route.fulfill(json={"devices": [_tablet(number) for number in range(500)], "next": None})

    await desk.page.route("**/api/v1/devices", many)
    await desk.enter(who)
    await expect(desk.page.locator(".row-count:visible")).to_contain_text(re.compile("of 5"))
    took = await desk.page.evaluate(
        """async () => {
          const field = document.querySelector('rooms-view input[type=search]');
          const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
          const type = async (text) => {
            const started = performance.now();
            field.value = text;
            field.dispatchEvent(new Event('input'));
            await painted();
            return performance.now() - started;
          };
          let longest = 0;
          for (const [before, text] of [['', '9'], ['9', '93'], ['zz', ''], ['93', '9312'], ['', 'zz']]) {
            const took = [];
            for (let round = 0; round < 10 && !(Math.min(...took) < 200); round += 1) {
              // this machine may be busy with something else
              await type(before);
              took.push(await type(text));
            }
            longest = Math.max(longest, Math.min(...took));
          }
          return longest;
        }"""
    )
    assert took < 200


def _tablet(number: int) -> dict[str, Any]:
    return {
        "id": str(number),
        "device_name": f"Tablet {9000 + number}",
        "device_type": "tablet",
        "room_number": str(9000 + number),
        "stations": [],
        "status": "active",
        "online": True,
        "last_seen_at": None,
        "wipe_requested_at": None,
    }
