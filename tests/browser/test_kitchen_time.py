"""What time does to the kitchen screen: age by the hub's clock, scheduled orders, sounds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.browser.kitchen_probes import GLOWING, SKEW
from tests.browser.kitchens import change, place, set_up
from tests.browser.screens import Kitchen, Screens

if TYPE_CHECKING:
    from hub.db.pool import Connection


def ahead(**time: float) -> datetime:
    return datetime.now(UTC) + timedelta(**time)


async def chimes(kitchen: Kitchen) -> int:
    return int(await kitchen.page.locator("html").get_attribute("data-chimes") or 0)


async def heard(kitchen: Kitchen, name: str, before: int = 0) -> None:
    """Wait until it has sounded again, and last for `name`."""
    await expect(kitchen.page.locator("html")).to_have_attribute("data-chime", name)
    await expect(kitchen.page.locator("html")).not_to_have_attribute("data-chimes", str(before))


async def test_k6_age_is_a_colour_a_word_and_minutes(kitchen: Kitchen, room: str, admin: Connection) -> None:
    twenty = {"preparation_minutes": 20}
    for minutes, level, word in ((5, "ok", "順調"), (15, "soon", "まもなく"), (21, "late", "遅れ")):
        order = await place(admin, room, [(0, twenty)], minutes=minutes)
        ticket = kitchen.page.locator(f"kitchen-ticket[data-order='{order}']")
        await expect(ticket).to_have_attribute("data-level", level)
        await expect(ticket.locator(".ticket-level")).to_have_text(word)
        await expect(ticket.locator(".ticket-timer")).to_have_text(f"{minutes}分")
    await expect(kitchen.page.locator(".count.late dd")).to_have_text("1")
    await kitchen.switch_language()
    late = kitchen.page.locator("[data-level='late'] .ticket-age")
    await expect(late).to_have_text(re.compile("21mLATE|LATE21m"))


async def test_k6_a_ticket_is_late_by_its_slowest_dish_and_by_what_the_screen_is_set_to(
    screens: Screens, room: str, admin: Connection
) -> None:
    await set_up(admin, thresholds={"soon": 40, "late": 50})
    await place(admin, room, [(0, {"preparation_minutes": 5}), (1, {"preparation_minutes": 30})], minutes=13)
    kitchen = await screens.kitchen()
    await expect(kitchen.ticket(room)).to_have_attribute("data-level", "soon")
    await place(admin, room, [(0, {"preparation_minutes": 30})], minutes=15)
    await expect(kitchen.page.locator("[data-level='late']")).to_have_count(1)


async def test_k7_a_clock_that_is_five_minutes_wrong_ages_no_ticket(
    screens: Screens, room: str, admin: Connection
) -> None:
    kitchen = await screens.kitchen(script=SKEW)
    await place(admin, room, [0], minutes=13)
    await expect(kitchen.ticket(room).locator(".ticket-timer")).to_have_text("13分")
    true = await admin.fetchval("SELECT extract(epoch FROM now()) * 1000")
    skewed = await kitchen.page.evaluate("Date.now()")
    assert skewed - float(true) > 290_000


async def test_k8_sound_starts_with_a_tap_and_the_screen_says_so(
    kitchen: Kitchen, room: str, admin: Connection
) -> None:
    gate = kitchen.page.locator("#sound-gate")
    await expect(gate).to_be_visible()
    box = await gate.bounding_box()
    assert box is not None
    assert box["width"] == 1920
    await expect(kitchen.tool("sound")).to_have_text("通知音オフ")
    await place(admin, room, [0])
    await expect(kitchen.ticket(room)).to_be_visible()
    assert await chimes(kitchen) == 0, "a browser that may not sound does not pretend"
    await gate.click()
    await expect(gate).to_be_hidden()
    await expect(kitchen.tool("sound")).to_have_text("通知音オン")
    await kitchen.page.evaluate(GLOWING)
    await place(admin, room, [0])
    await heard(kitchen, "arrived")
    await kitchen.becomes("window.flashes !== undefined")
    assert await kitchen.page.evaluate("() => window.flashes") == 0
    await kitchen.tool("sound").click()
    await expect(kitchen.tool("sound")).to_have_text("通知音オフ")
    await expect(kitchen.tool("sound")).to_have_class(re.compile("off"))
    await kitchen.page.reload()
    await expect(kitchen.tool("sound")).to_have_class(re.compile("off"))
    await expect(gate).to_be_hidden()  # somebody has chosen silence


async def test_k8_each_event_has_its_own_sound_and_those_that_are_off_are_silent(
    screens: Screens, room: str, admin: Connection
) -> None:
    await set_up(admin, sounds={"arrived": False})
    kitchen = await screens.kitchen()
    await kitchen.open_sound_gate()
    order = await place(admin, room, [0, 1])
    await expect(kitchen.ticket(room)).to_be_visible()
    assert await chimes(kitchen) == 0
    await admin.execute(
        "UPDATE app.order_items SET status = 'cancelled' WHERE order_id = $1::uuid AND line = 2", order
    )
    await change(admin, order, special_requests="x")
    await heard(kitchen, "changed")
    before = await chimes(kitchen)
    await change(admin, order, status="cancelled", cancelled_at=ahead(), finished_at=ahead())
    await expect(kitchen.ticket(room)).to_have_class(re.compile("cancelled"))
    other = await place(admin, room, [0])
    await expect(kitchen.ticket(room)).to_have_count(2)
    await change(admin, other, status="cancelled", cancelled_at=ahead(), finished_at=ahead())
    await heard(kitchen, "cancelled", before)


async def test_a_ticket_that_nobody_accepts_rings_again_until_somebody_touches_it(
    screens: Screens, room: str, admin: Connection
) -> None:
    every = """UPDATE app.tenants SET settings = settings || '{"alert_every_seconds": 5}'"""
    await admin.execute(every)
    kitchen = await screens.kitchen()
    await kitchen.open_sound_gate()
    await place(admin, room, [0], alerts={"unseen": ahead().isoformat(), "chime": ahead().isoformat()})
    ticket = kitchen.ticket(room)
    await expect(ticket.locator(".flag.unaccepted")).to_have_text("未受付")
    await expect(ticket).to_have_class(re.compile("calling"))
    await expect(kitchen.page.locator(".notice-pill.unaccepted")).to_have_text(f"未受付 1件：{room}")
    await heard(kitchen, "unaccepted")
    again = await chimes(kitchen)
    html = kitchen.page.locator("html")
    await expect(html).not_to_have_attribute("data-chimes", str(again))
    await kitchen.page.locator(".notice-pill.unaccepted").click()
    await expect(ticket).to_have_class(re.compile("selected"))
    await ticket.locator(".ticket-head").click()
    await expect(ticket).not_to_have_class(re.compile("calling"))
    await expect(kitchen.page.locator(".notice-pill.unaccepted")).to_have_count(0)


async def test_an_order_that_no_screen_shows_is_announced_on_every_screen(
    screens: Screens, room: str, admin: Connection
) -> None:
    await set_up(admin, stations=["bar"])
    kitchen = await screens.kitchen()
    await place(admin, room, [(0, {"station": "kitchen"})], alerts={"unseen": ahead().isoformat()})
    pill = kitchen.page.locator(".notice-pill.unseen")
    await expect(pill).to_have_text(f"画面に未表示 1件：{room}")
    await expect(kitchen.ticket(room)).to_have_count(0)
    await pill.click()
    await expect(kitchen.page.locator("dialog.details h2")).to_contain_text(room)


async def test_a_scheduled_order_waits_in_its_lane_and_pops_in_with_a_sound(
    screens: Screens, room: str, admin: Connection
) -> None:
    kitchen = await screens.kitchen(script=SKEW)
    await kitchen.open_sound_gate()
    later = ahead(hours=1)
    order = await place(admin, room, [0], minutes=30, fire_at=later, due_at=later + timedelta(minutes=30))
    pill = kitchen.page.locator(".notice-pill.due")
    await expect(pill).to_contain_text("予約 1件")
    await expect(kitchen.ticket(room)).to_have_count(0)
    await pill.click()
    lane = kitchen.page.locator(".upcoming-list li")
    await expect(lane.locator(".upcoming-time")).to_have_text(re.compile(r"^\d\d:\d\d 開始$"))
    await expect(lane.locator(".ticket-room")).to_have_text(room)
    await kitchen.picture("upcoming")
    assert await chimes(kitchen) == 0
    await kitchen.page.evaluate(GLOWING)
    fires = ahead(seconds=3)
    await change(admin, order, fire_at=fires, due_at=fires + timedelta(minutes=30))
    await expect(kitchen.ticket(room)).to_be_visible()
    assert datetime.now(UTC) >= fires
    await heard(kitchen, "arrived")
    await kitchen.becomes("window.flashes !== undefined")
    await expect(kitchen.ticket(room).locator(".ticket-timer")).to_have_text("0分")
    await expect(kitchen.page.locator(".upcoming")).to_be_hidden()


async def test_a_scheduled_order_can_be_begun_before_its_time(
    screens: Screens, room: str, admin: Connection
) -> None:
    await set_up(admin, rail=True)
    kitchen = await screens.kitchen()
    later = ahead(hours=1)
    order = await place(admin, room, [0], fire_at=later, due_at=later + timedelta(minutes=30))
    await kitchen.page.locator(".upcoming-list").get_by_role("button", name="今すぐ").click()
    await expect(kitchen.bump(room)).to_have_text("出来上がり")
    await kitchen.until(admin, "SELECT status = 'cooking' FROM app.orders WHERE id = $1::uuid", order)
