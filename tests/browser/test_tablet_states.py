"""Whatever the state, the tablet says it in words and offers something to do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.async_api import expect

from tests.browser.reviews import reviewed
from tests.browser.screens import SOUP, TABLET_SIZE, Screens, Tablet
from tests.browser.tablet_views import BEEF, ended
from tests.browser.wire import Wire, opened_anew

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.browser.frames import Frames
    from tests.browser.hub_process import HubProcess

# Longer than the longest pause between two attempts to reach the hub.
BACK: Final = 40_000
ORDERS: Final = "SELECT count(*) FROM app.orders WHERE room_number = $1"


def japan(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+09:00")


@pytest.fixture
async def wire(live_hub: HubProcess, screens: Screens) -> AsyncIterator[Wire]:
    """A line to the hub that the test may hurt."""
    screens.network_may_fail = True
    async with Wire(live_hub.port) as wire:
        yield wire


async def test_g7_loading_says_so_and_after_a_while_offers_to_try_again(
    screens: Screens, room: str, live_hub: HubProcess
) -> None:
    code = await live_hub.code(room)
    page = await screens.page(f"/tablet#claim={code}", TABLET_SIZE, silent=True, clock=True)
    title = page.locator("notice-view h1")
    await expect(title).to_have_text("お品書きを用意しています")
    await expect(page.get_by_role("button", name="もう一度試す")).to_have_count(0)
    await page.clock.run_for(9_000)
    await expect(page.locator("notice-view p")).to_contain_text("自動で再接続します")
    await expect(page.get_by_role("button", name="もう一度試す")).to_be_visible()


async def test_g7_offline_the_menu_is_read_nothing_is_ordered_and_the_phone_number_is_shown(
    screens: Screens, wire: Wire, room: str
) -> None:
    tablet = await screens.tablet(room, port=wire.port)
    await tablet.add(SOUP["ja"])
    wire.cut()
    await expect(tablet.banner).to_have_text(
        "ただいまオフラインです。お品書きはご覧いただけます。 ご注文は内線 9 へお電話ください。再接続する"
    )
    await tablet.open("天ざる蕎麦")
    await tablet.home()
    await tablet.page.locator(".allergies-chip").click()
    await tablet.page.get_by_role("button", name="かに").click()
    await expect(tablet.page.locator(".allergy-state")).to_contain_text("厨房にお伝えできません。内線 9")
    await expect(tablet.page.get_by_role("button", name="厨房に伝える")).to_be_disabled()
    await tablet.home()
    await tablet.review()
    await expect(tablet.place_button).to_be_disabled()
    await expect(tablet.place_button).to_have_text("接続を待っています")
    await tablet.picture("offline")
    wire.accept()  # were it mended, it might be faster than a finger, and connect by itself
    await tablet.banner.get_by_role("button", name="再接続する").click()
    wire.mend()
    await expect(tablet.place_button).to_have_text("注文する　1,815円", timeout=BACK)
    await expect(tablet.banner).to_be_hidden()


async def test_a_short_break_moves_nothing_on_the_page_a_longer_one_is_said(
    screens: Screens, wire: Wire, room: str
) -> None:
    tablet = await screens.tablet(room, port=wire.port, clock=True)
    clock = tablet.page.clock
    await clock.pause_at(await tablet.page.evaluate("Date.now() / 1000 + 10"))
    wire.cut()
    async with asyncio.timeout(15):
        while await tablet.page.locator("html").get_attribute("data-phase") == "live":
            await clock.run_for(50)
    await clock.run_for(1_000)
    await expect(tablet.banner).to_be_hidden()
    await clock.run_for(2_000)
    await expect(tablet.banner).to_be_visible()


async def test_pictures_that_did_not_come_are_asked_for_again_when_the_line_is_back(
    screens: Screens, wire: Wire, room: str
) -> None:
    tablet = await screens.tablet(room, port=wire.port)
    await tablet.becomes("localStorage.getItem('hub.tablet.menu') !== null")
    pictures = "**/static/art/dishes/**"
    await tablet.page.route(pictures, lambda route: route.abort())
    await tablet.page.reload()
    photo = tablet.page.locator("dish-card .photo").first
    await expect(photo).to_have_class(re.compile("emblem"))
    await expect(tablet.dish(SOUP["ja"]).locator(".more")).to_be_enabled()
    await tablet.page.unroute(pictures)
    wire.cut()
    await expect(tablet.page.locator("html")).not_to_have_attribute("data-phase", "live")
    wire.mend()
    await tablet.page.evaluate("dispatchEvent(new Event('online'))")
    await expect(photo).not_to_have_class(re.compile("emblem"), timeout=BACK)
    await expect(photo.locator("img")).to_have_js_property("complete", value=True)
    await expect(photo).not_to_have_class(re.compile("emblem"))


async def test_g7_a_menu_from_the_last_visit_says_after_a_moment_that_there_is_no_hub(
    screens: Screens, room: str, frames: Frames
) -> None:
    tablet = await screens.tablet(room, frames=frames)
    await tablet.becomes("localStorage.getItem('hub.tablet.menu') !== null")
    frames.mute = True
    await tablet.page.reload()
    await expect(tablet.dish(SOUP["ja"])).to_be_visible()
    await expect(tablet.banner).to_contain_text("ただいまオフラインです", timeout=BACK)


async def test_a_slow_start_is_not_a_lost_line(screens: Screens, room: str, frames: Frames) -> None:
    tablet = await screens.tablet(room, frames=frames, clock=True)
    await tablet.becomes("localStorage.getItem('hub.tablet.menu') !== null")
    clock = tablet.page.clock
    await clock.pause_at(await tablet.page.evaluate("Date.now() / 1000 + 10"))
    frames.hold("position")
    await tablet.page.reload()
    await frames.until_held("position")  # so the page knows whose tablet it is, but not that it is up to date
    await clock.run_for(3_000)
    frames.tell()
    await clock.run_for(100)
    await expect(tablet.banner).to_be_hidden()
    await clock.run_for(1_500)
    await expect(tablet.banner).to_contain_text("ただいまオフラインです")


async def test_before_the_hub_has_said_whose_stay_it_is_nothing_that_is_kept_can_be_changed(
    screens: Screens, room: str, frames: Frames
) -> None:
    tablet = await screens.tablet(room, frames=frames, clock=True)
    await tablet.becomes("localStorage.getItem('hub.tablet.menu') !== null")
    await tablet.page.locator(".allergies-chip").click()
    await tablet.page.get_by_role("button", name="かに").click()
    await tablet.page.locator(".allergy-side .quiet").click()
    await tablet.add(SOUP["ja"])
    frames.mute = True
    await tablet.page.reload()
    await expect(tablet.dish(SOUP["ja"]).locator(".more")).to_be_disabled()
    await expect(tablet.dish("和牛サーロインの炭火焼").locator(".choose")).to_be_disabled()
    await expect(tablet.page.locator(".chip").first).to_be_disabled()
    await expect(tablet.page.locator(".chips .chip").first).to_be_disabled()
    await expect(tablet.page.locator(".orders-button")).to_be_disabled()
    await expect(tablet.page.locator(".cart-empty")).to_have_text(
        "接続していますつながりしだい、お選びいただけます。"
    )
    await expect(tablet.page.locator("cart-panel .primary")).to_have_text("少々お待ちください")
    await expect(tablet.page.locator("cart-panel .primary")).to_be_disabled()
    await tablet.open(SOUP["ja"])
    await expect(tablet.page.locator(".item-add")).to_be_disabled()
    await tablet.picture("whose")
    frames.mute = False
    await tablet.page.clock.run_for(11_000)
    await expect(tablet.page.locator(".item-add")).to_be_enabled(timeout=BACK)
    await tablet.home()
    await expect(tablet.page.locator("cart-panel .step-count")).to_have_text("1")
    await expect(tablet.page.locator(".allergies-chip")).to_have_text("避ける：かに")


async def _eleven_minutes_later(tablet: Tablet, wire: Wire) -> None:
    """The line has been cut while an order was under way, and is back; the page has been opened anew."""
    wire.cut()
    await tablet.page.evaluate(
        "() => { const kept = JSON.parse(localStorage['hub.tablet.basket']); kept.attempt.at -= 660_000;"
        " localStorage['hub.tablet.basket'] = JSON.stringify(kept); }"
    )
    await opened_anew(tablet.page, wire)


async def test_an_order_under_way_that_is_old_and_did_arrive_is_found_among_those_of_the_stay(
    screens: Screens, wire: Wire, room: str, admin: Connection
) -> None:
    kitchen = await screens.kitchen()
    tablet = await screens.tablet(room, port=wire.port)
    await tablet.open(BEEF["ja"])
    for group in await tablet.page.locator("option-groups fieldset").all():
        await group.locator(".choice").first.click()
    await tablet.page.locator(".item-add").click()
    await tablet.add(SOUP["ja"])
    await tablet.review()
    await expect(tablet.place_button).to_be_enabled()
    wire.hold()
    await tablet.place_button.click()
    await expect(kitchen.ticket(room)).to_be_visible()
    await _eleven_minutes_later(tablet, wire)
    await expect(tablet.received).to_have_text(re.compile(r"^ご注文を承りました #\d+$"), timeout=BACK)
    await tablet.home()
    await expect(tablet.page.locator(".cart-lines li")).to_have_count(0)
    assert await admin.fetchval(ORDERS, room) == 1


async def test_an_old_order_that_may_have_arrived_and_is_changed_goes_only_when_both_are_wanted(
    screens: Screens, wire: Wire, room: str, admin: Connection
) -> None:
    tablet = await reviewed(screens, room, port=wire.port)
    wire.mute()
    await tablet.place_button.click()
    await expect(tablet.page.locator(".sending-title")).to_have_text("ご注文を送っています")
    await _eleven_minutes_later(tablet, wire)
    await expect(tablet.page.locator(".problem")).to_contain_text(
        "届いたか確かめられていません", timeout=BACK
    )
    await tablet.picture("still-wanted")
    await tablet.page.locator(".review-lines .more").click()
    await expect(tablet.place_button).to_have_text("注文する　3,630円")
    await tablet.place_button.click()
    question = tablet.page.get_by_role("dialog", name="先ほどのご注文が届いている可能性がございます")
    await tablet.picture("besides")
    await question.get_by_role("button", name="見直す").click()
    await expect(question).to_have_count(0)
    assert await admin.fetchval(ORDERS, room) == 0
    await tablet.place_button.click()
    await question.get_by_role("button", name="新しいご注文として送る").click()
    await expect(tablet.received).to_be_visible()
    assert await admin.fetchval(ORDERS, room) == 1


async def test_g7_an_order_that_could_not_be_sent_keeps_its_cart_and_its_key(
    screens: Screens, wire: Wire, room: str, admin: Connection
) -> None:
    tablet = await reviewed(screens, room, port=wire.port)
    wire.hold()
    await tablet.place_button.click()
    await expect(tablet.page.locator(".sending-title")).to_have_text("ご注文を送っています")
    key = "JSON.parse(localStorage.getItem('hub.tablet.basket')).attempt.op_id"
    first = await tablet.page.evaluate(key)
    wire.cut()
    await expect(tablet.page.locator(".sending-title")).to_have_text("まだ確認が取れていません")
    await expect(tablet.page.get_by_role("button", name="今すぐ接続し直す")).to_be_visible()
    await expect(tablet.page.locator(".review-lines li")).to_have_count(1)
    assert await tablet.page.evaluate(key) == first
    await tablet.picture("not-sent")
    wire.mend()
    await expect(tablet.received).to_be_visible(timeout=BACK)
    assert await admin.fetchval(ORDERS, room) == 1


async def test_g7_a_paused_kitchen_says_until_when_and_orders_are_for_later(
    screens: Screens, room: str, frames: Frames
) -> None:
    frames.set_clock(japan("2026-11-21T18:30"))
    pause: dict[str, Any] = {
        "since": japan("2026-11-21T18:00").isoformat(),
        "until": None,
        "message_ja": None,
        "message_en": None,
    }
    frames.change("hotel", lambda hotel: hotel.update(pause=pause))
    tablet = await screens.tablet(room, frames=frames)
    await expect(tablet.banner).to_have_text(
        "ただいま厨房はご注文をお休みしています。 お急ぎの場合は内線 9 へお電話ください。"
    )
    pause.update(until=japan("2026-11-21T19:00").isoformat(), message_ja="満席です。", message_en="Full.")
    frames.tell()
    await expect(tablet.banner).to_contain_text("満席です。 19:00に再開いたします。")
    await tablet.add(SOUP["ja"])
    await tablet.review()
    await expect(tablet.page.locator("problem-note")).to_contain_text("満席です。")
    await expect(tablet.place_button).to_be_hidden()
    await expect(tablet.page.locator(".pick")).to_have_text("お届け時間を選ぶ")
    await tablet.picture("paused")
    await tablet.switch_language()
    await expect(tablet.banner).to_contain_text("Full. It opens again at 19:00.")
    frames.set_clock(japan("2026-11-21T19:00"))
    await expect(tablet.banner).to_be_hidden()
    await expect(tablet.place_button).to_be_enabled()


async def test_g7_a_session_that_ended_says_goodbye(screens: Screens, room: str, admin: Connection) -> None:
    screens.network_may_fail = True
    tablet = await screens.tablet(room)
    await ended(tablet, admin)
    await expect(tablet.page.locator("notice-view p")).to_contain_text("またのお越し")
    await expect(tablet.page.get_by_role("button", name="もう一度試す")).to_be_visible()
    await expect(tablet.page.locator(".language")).to_be_visible()
    await tablet.picture("ended")


async def test_the_desk_is_called_by_number_or_by_name(screens: Screens, room: str, frames: Frames) -> None:
    tablet = await screens.tablet(room, frames=frames)
    desk = tablet.page.locator(".desk")
    await expect(desk).to_have_text("お困りの際はフロントまで 内線 9")
    frames.change("hotel", lambda hotel: hotel.update(phone=None))
    await expect(desk).to_have_text("お困りの際はフロントまで")


async def test_a_tablet_nobody_has_paired_says_so(screens: Screens) -> None:
    screens.network_may_fail = True  # the refusal of a code is a 401
    for address in ("/tablet", "/tablet#claim=not-a-code"):
        page = await screens.page(address, TABLET_SIZE)
        await expect(page.locator("pairing-view h1")).to_have_text(
            "このタブレットは、まだお部屋に登録されていません"
        )
        await expect(page).to_have_url(re.compile("^[^#]+$"))
