"""Two screens, lines that break, and many orders: nothing is lost, nothing is done twice, nothing is late."""

from __future__ import annotations

import re
import statistics
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

import pytest
from playwright.async_api import expect

from tests.browser.kitchen_probes import ANSWERED, CUT, LOST_AT
from tests.browser.kitchens import at_rest, change, place, screen_code
from tests.browser.screens import Kitchen, Screens
from tests.browser.wire import Wire

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.browser.hub_process import HubProcess

LOST: Final = re.compile(r"^接続が切れました。再接続しています — 最終更新 \d\d:\d\d:\d\d")
EMPTY: Final = re.compile(r"^ご注文はありません — 接続中 \d\d:\d\d$")
FIVE_SECONDS: Final = 5_000
# A line that was down for a while is tried again after 30 seconds at most.
BACK: Final = 45_000
# Begins to look, and tells later when the button of an order's ticket said something else, in ms.
WATCH: Final = """(id) => {
    const text = document.querySelector(`kitchen-ticket[data-order="${id}"] .bump-text`);
    const before = text.textContent;
    window.seen = new Promise((done) => {
        const look = () => text.textContent === before ? requestAnimationFrame(look) : done(Date.now());
        look();
        setTimeout(done, 10_000, Infinity);
    });
}"""
# How long, in ms, from a frame of the hub until what it says has been painted.
PUSH_TO_PAINT: Final = """() => {
    window.paints = [];
    const painted = (heard) => () => window.paints.push(performance.now() - heard);
    window.addEventListener('pushed', ({ detail }) =>
        requestAnimationFrame(() => requestAnimationFrame(painted(detail))));
}"""
PUSHED: Final = """
const Real = globalThis.WebSocket;
globalThis.WebSocket = class extends Real {
  set onmessage(handler) {
    super.onmessage = (event) => {
      const heard = performance.now();
      handler(event);
      if (event.data.includes('"type":"event"') && event.data.includes('"kind":"order"'))
        dispatchEvent(new CustomEvent('pushed', { detail: heard }));
    };
  }
};
"""


@pytest.fixture
async def wire(live_hub: HubProcess, screens: Screens) -> AsyncIterator[Wire]:
    """A line to the hub that the test may hurt."""
    screens.network_may_fail = True
    async with Wire(live_hub.port) as wire:
        yield wire


@pytest.mark.alone
async def test_k14_two_screens_agree_within_a_second(
    screens: Screens, kitchen: Kitchen, room: str, admin: Connection
) -> None:
    other = await screens.kitchen(code=await screen_code(admin, screens.hub, "Second"))
    orders = [await place(admin, room, [0]) for _ in range(12)]
    await expect(other.page.locator("kitchen-ticket")).to_have_count(12)
    await expect(kitchen.page.locator("kitchen-ticket")).to_have_count(12)
    waits = []
    for step in ("調理開始", "出来上がり"):
        for order in orders:
            bump = kitchen.page.locator(f"[data-order='{order}'] .bump")
            await expect(bump).to_have_text(step)
            await expect(bump).to_have_attribute("aria-disabled", "false")
            await other.page.evaluate(WATCH, order)
            begun = await bump.evaluate("each => { each.click(); return Date.now(); }")
            waits.append(await other.page.evaluate("() => window.seen") - begun)
    waits.sort()
    assert waits[int(len(waits) * 0.95)] < 1000, waits


async def test_k14_two_cooks_who_bump_at_once_want_the_same(
    screens: Screens, wire: Wire, room: str, admin: Connection
) -> None:
    kitchen = await screens.kitchen()
    late = await screens.kitchen(port=wire.port, code=await screen_code(admin, screens.hub, "Second"))
    order = await place(admin, room, [0])
    await expect(late.bump(room)).to_have_text("調理開始")
    wire.hold()
    await kitchen.bump_to(room, "調理開始", "出来上がり")
    await kitchen.until(admin, "SELECT status = 'cooking' FROM app.orders WHERE id = $1::uuid", order)
    await late.bump(room).click()
    await expect(late.bump(room)).to_have_text("出来上がり")
    wire.mend()
    await expect(late.undo).to_be_hidden()
    await expect(late.bump(room)).to_have_text("出来上がり")
    await expect(late.page.locator("#toast")).to_be_hidden()
    assert await admin.fetchval("SELECT status FROM app.orders WHERE id = $1::uuid", order) == "cooking"


async def test_k14_bumps_wait_while_the_line_is_down_and_are_done_once(
    screens: Screens, wire: Wire, room: str, admin: Connection
) -> None:
    kitchen = await screens.kitchen(port=wire.port)
    order = await place(admin, room, [0, 1])
    other = await place(admin, room, [0])
    ticket = kitchen.page.locator(f"kitchen-ticket[data-order='{order}']")
    await expect(ticket.locator(".bump")).to_have_text("調理開始")
    wire.cut()
    await expect(kitchen.bar).to_have_attribute("data-link", "lost")
    await ticket.locator(".bump").click()
    await expect(ticket.locator(".bump")).to_have_text("出来上がり")
    await expect(ticket.locator(".flag.waiting")).to_have_text("送信待ち")
    await expect(ticket.locator("li.pending-answer")).to_have_count(2)
    await expect(ticket.locator(".bump")).to_have_attribute("aria-disabled", "false")
    await ticket.locator(".item").first.click()
    await expect(ticket.locator(".state-word").first).to_have_text("完了")
    second = kitchen.page.locator(f"kitchen-ticket[data-order='{other}']")
    await second.locator(".bump").click()
    await expect(second.locator(".flag.waiting")).to_be_visible()
    await expect(kitchen.link).to_contain_text("送信待ち 3件")
    await kitchen.undo.click()
    await expect(second.locator(".bump")).to_have_text("調理開始")
    await kitchen.picture("waiting")
    wire.mend()
    await expect(ticket.locator(".flag.waiting")).to_have_count(0, timeout=BACK)
    await expect(ticket.locator(".state-word").nth(1)).to_have_text("調理中")
    done = """SELECT string_agg(status, ' ' ORDER BY line) = 'ready cooking'
        FROM app.order_items WHERE order_id = $1::uuid"""
    await kitchen.until(admin, done, order)
    await expect(ticket.locator("li.pending-answer")).to_have_count(0)
    assert await admin.fetchval("SELECT status FROM app.orders WHERE id = $1::uuid", other) == "received"


async def test_k14_a_reload_while_the_line_is_down_loses_no_bump(
    screens: Screens, live_hub: HubProcess, wire: Wire, room: str, admin: Connection
) -> None:
    kitchen = await screens.kitchen(port=wire.port)
    order = await place(admin, room, [0])
    await expect(kitchen.bump(room)).to_have_text("調理開始")
    wire.hold()
    await kitchen.bump(room).click()  # it arrives, its answer does not
    await expect(kitchen.bump(room)).to_have_text("出来上がり")
    await kitchen.until(admin, "SELECT status = 'cooking' FROM app.orders WHERE id = $1::uuid", order)
    await expect(kitchen.bump(room)).to_have_attribute("aria-disabled", "false")
    await kitchen.bump(room).click()  # this one waits for the answer of the first
    await expect(kitchen.bump(room)).to_have_text("配達へ")
    kept = await kitchen.page.evaluate("JSON.parse(localStorage.getItem('hub.kitchen.outbox')).length")
    assert kept == 2
    wire.cut()
    wire.mend()
    await kitchen.page.reload()
    await expect(kitchen.bump(room)).to_have_text("配達へ", timeout=BACK)
    await kitchen.until(admin, "SELECT status = 'ready' FROM app.orders WHERE id = $1::uuid", order)
    await expect(kitchen.ticket(room).locator(".flag.waiting")).to_have_count(0)
    await kitchen.becomes(ANSWERED)
    bumps = "SELECT count(*) FROM app.idempotency WHERE operation = 'order.advance' AND answer LIKE $1"
    assert await admin.fetchval(bumps, f"%{order}%") == 2


async def test_k15_the_empty_state_is_never_shown_while_disconnected(screens: Screens, wire: Wire) -> None:
    kitchen = await screens.kitchen(port=wire.port)
    await expect(kitchen.message).to_have_text(EMPTY)
    await kitchen.picture("empty")
    wire.cut()
    await expect(kitchen.message).to_be_hidden()
    await expect(kitchen.link).to_have_text(LOST)
    await expect(kitchen.message).to_be_hidden()
    await expect(kitchen.bar).to_have_css("background-color", "rgb(179, 38, 30)")
    wire.mend()
    await expect(kitchen.message).to_have_text(EMPTY, timeout=BACK)


async def test_k15_tickets_stay_and_the_silence_is_noticed_within_five_seconds(
    screens: Screens, wire: Wire, room: str, admin: Connection
) -> None:
    kitchen = await screens.kitchen(port=wire.port)
    await place(admin, room, [0])
    await expect(kitchen.ticket(room)).to_be_visible()
    await at_rest(kitchen.page)
    before = await kitchen.ticket(room).bounding_box()
    begun = await kitchen.page.evaluate(LOST_AT)
    wire.mute()
    await expect(kitchen.bar).to_have_attribute("data-link", "lost")
    # by the page's own clock: a busy machine asks late
    assert await kitchen.page.evaluate("() => window.lostAt") - begun < FIVE_SECONDS
    await expect(kitchen.link).to_have_text(LOST)
    assert await kitchen.ticket(room).bounding_box() == before, "the red bar moves no ticket"
    await kitchen.picture("lost")
    wire.cut()
    wire.mend()
    await expect(kitchen.bar).to_have_attribute("data-link", "live", timeout=BACK)


async def test_k15_after_a_minute_what_is_seen_is_called_old(
    screens: Screens, wire: Wire, room: str, admin: Connection
) -> None:
    kitchen = await screens.kitchen(port=wire.port)
    await place(admin, room, [0])
    await expect(kitchen.ticket(room)).to_be_visible()
    wire.cut()
    await expect(kitchen.link).to_have_text(LOST)
    await expect(kitchen.link).not_to_contain_text("古い")
    await kitchen.page.clock.install()
    await kitchen.page.clock.fast_forward(61_000)
    await expect(kitchen.link).to_contain_text("表示は古い可能性があります")
    await expect(kitchen.ticket(room)).to_be_visible()


async def test_k15_before_the_first_snapshot_nothing_is_claimed(
    screens: Screens, live_hub: HubProcess
) -> None:
    code = await live_hub.code(None)
    page = await screens.page(f"/kitchen#claim={code}", {"width": 1366, "height": 768}, silent=True)
    await expect(page.locator("html")).to_have_attribute("data-phase", "connecting")
    await expect(page.locator(".board-message")).to_have_text("ご注文を読み込んでいます")
    await expect(page.locator("top-bar")).to_have_attribute("data-link", "lost")
    await expect(page.locator(".link-text")).to_have_text("接続できません。再接続しています")


async def test_k20_sixty_orders_page_and_late_ones_elsewhere_are_counted(
    screens: Screens, kitchen: Kitchen, room: str, admin: Connection
) -> None:
    await kitchen.open_sound_gate()
    for n in range(60):
        late = n in (0, 59)  # the first page and the last one
        await place(admin, room, [(0, {"preparation_minutes": 5 if late else 120})], minutes=60 - n * 0.9)
    await expect(kitchen.page.locator(".page-number")).to_have_text("1/5")
    await expect(kitchen.page.locator(".elsewhere-long")).to_have_text("他ページ遅れ 1")
    seen: set[str] = set()
    for page in range(1, 6):
        await expect(kitchen.page.locator(".page-number")).to_have_text(f"{page}/5")
        assert await kitchen.page.evaluate(CUT) == []
        seen |= set(
            await kitchen.page.locator("kitchen-ticket").evaluate_all(
                "all => all.map((each) => each.dataset.order)"
            )
        )
        if page < 5:
            await kitchen.tool("next").click()
    assert len(seen) == 60
    await expect(kitchen.tool("next")).to_be_disabled()


@pytest.mark.alone
async def test_k20_with_sixty_orders_what_is_pushed_is_painted_within_200_ms(
    screens: Screens, room: str, admin: Connection
) -> None:
    orders = [
        await place(admin, room, [0, 1, (2, {"note": "x" * (n % 7)}), 3], minutes=60 - n) for n in range(60)
    ]
    kitchen = await screens.kitchen(script=PUSHED)
    await kitchen.open_sound_gate()
    await expect(kitchen.page.locator("kitchen-ticket")).to_have_count(12)
    await kitchen.page.evaluate(PUSH_TO_PAINT)
    for n, order in enumerate(orders[:20], 1):
        await change(admin, order, status="cooking")
        await expect(kitchen.page.locator(".count.cooking dd")).to_have_text(str(n))
    await place(admin, room, [(4, {"note": "neu"})])
    await expect(kitchen.page.locator(".count.received dd")).to_have_text("41")
    paints = sorted(await kitchen.page.evaluate("() => window.paints"))
    assert len(paints) >= 20
    # the middle one: on a machine that is busy with something else single frames come late
    assert statistics.median(paints) < 200, paints
