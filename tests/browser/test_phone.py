"""A guest's own phone: the tablet shows a code, the phone orders, and after the stay it knows nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest
from playwright.async_api import expect

from hub.security import qr
from tests.browser.frames import Frames, Refusal
from tests.browser.probes import FAINT, SMALL
from tests.browser.screens import SOUP, Kitchen, Screens, Tablet

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Page, ViewportSize, WebSocketRoute

    from hub.db.pool import Connection

JAPANESE: Final = re.compile(r"[぀-ヿ㐀-鿿]")
PHONE_SIZE: Final[ViewportSize] = {"width": 390, "height": 844}
# The dark modules of a picture, row by row, read from its path.
MODULES: Final = """svg => {
  const size = svg.viewBox.baseVal.width - 8;
  const rows = Array.from({ length: size }, () => Array(size).fill("0"));
  for (const [, x, y, run] of svg.querySelector("path").getAttribute("d").matchAll(/M(\\d+) (\\d+)h(\\d+)/g))
    for (let at = 0; at < run; at++) rows[y - 4][x - 4 + at] = "1";
  return rows.map((row) => row.join(""));
}"""


class Heard(Frames):
    """Remembers the answers of the hub too."""

    def __init__(self) -> None:
        super().__init__()
        self.invitations: list[dict[str, Any]] = []

    def _heard(self, page: WebSocketRoute, text: str | bytes) -> None:
        frame = msgspec.json.decode(text)
        if frame["type"] == "reply" and frame["ok"] and "qr" in frame["result"]:
            self.invitations.append(frame["result"])
        super()._heard(page, text)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def tablet(screens: Screens, room: str, kitchen: Kitchen, heard: Heard) -> Tablet:
    """The tablet of this test's room, overheard, opened when the kitchen is live."""
    return await screens.tablet(room, frames=heard)


async def code(tablet: Tablet, heard: Heard) -> str:
    """Open the panel; the address that its newest picture says."""
    await tablet.page.locator(".phone-button").click()
    await expect(tablet.page.locator(".phone-picture svg")).to_be_visible()
    url: str = heard.invitations[-1]["url"]
    return url


async def scan(screens: Screens, url: str, room: str, folder: Path, *, at: str = "dish-card") -> Tablet:
    """A phone that opens an address."""
    path = url[url.index("/tablet") :]
    phone = Tablet(await screens.page(path, PHONE_SIZE), room, folder)
    await expect(phone.page.locator(at).first).to_be_visible()
    return phone


async def kept(page: Page) -> dict[str, str]:
    """All that the page has written down."""
    found: dict[str, str] = await page.evaluate("({ ...localStorage, ...sessionStorage })")
    return found


async def test_a_guest_scans_and_orders_with_the_own_phone(
    screens: Screens, tablet: Tablet, kitchen: Kitchen, heard: Heard, admin: Connection, tmp_path: Path
) -> None:
    url = await code(tablet, heard)
    picture = tablet.page.locator(".phone-picture svg")
    assert await picture.evaluate(MODULES) == qr.rows(url), "the picture says the address"
    await expect(picture).to_have_attribute("aria-label", "スマートフォンをつなぐためのQRコード")
    await expect(tablet.page.locator(".phone-left")).to_have_text(re.compile(r"あと[45]:\d\d使えます"))
    await tablet.picture("panel")
    phone = await scan(screens, url, tablet.room, tmp_path)
    assert "#" not in phone.page.url, "the code does not stay in the address"
    # the tablet sees that it was used
    await expect(tablet.page.locator(".phone-joined")).to_have_text("スマートフォンがつながりました")
    await expect(tablet.page.locator(".phone-count")).to_have_text("つながっているスマートフォン：1台")
    await expect(picture).to_have_count(0)
    await tablet.picture("joined")
    # it is the guest's own: nothing is closed there that is closed in a room
    pressed = "document.body.dispatchEvent(new Event('contextmenu', { bubbles: true, cancelable: true }))"
    assert [await screen.page.evaluate(pressed) for screen in (tablet, phone)] == [False, True]
    # a phone lets nobody in
    await expect(phone.page.locator(".phone-button")).to_be_hidden()
    await phone.picture("phone-menu")

    number = await phone.order(SOUP["ja"])
    await phone.picture("phone-received")
    await tablet.page.locator(".orders-button").click()
    order = tablet.page.locator("order-card").first
    await expect(order).to_contain_text(f"#{number}")
    assert (
        await admin.fetchval("SELECT channel FROM app.orders WHERE room_number = $1", tablet.room) == "phone"
    )
    # both see what the kitchen does
    await kitchen.bump_to(tablet.room, "調理開始", "出来上がり")
    await expect(phone.status).to_have_text("調理中")
    await expect(tablet.status).to_have_text("調理中")
    # and the tablet goes on beside it
    await expect(tablet.page.locator("html")).to_have_attribute("data-phase", "live")


async def test_another_phone_gets_a_code_of_its_own(
    screens: Screens, tablet: Tablet, heard: Heard, tmp_path: Path
) -> None:
    first = await code(tablet, heard)
    await scan(screens, first, tablet.room, tmp_path)
    await tablet.page.get_by_role("button", name="もう一台つなぐ").click()
    await expect(tablet.page.locator(".phone-picture svg")).to_be_visible()
    second: str = heard.invitations[-1]["url"]
    assert second != first
    await scan(screens, second, tablet.room, tmp_path)
    await expect(tablet.page.locator(".phone-count")).to_have_text("つながっているスマートフォン：2台")
    # whoever has photographed the first one comes too late, and is told what to do
    screens.network_may_fail = True
    late = await scan(screens, first, tablet.room, tmp_path, at="notice-view")
    await expect(late.page.locator("notice-view h1")).to_have_text("このQRコードはお使いになれません")
    await expect(late.page.locator("pairing-view")).to_be_hidden()
    await late.picture("expired")


async def test_a_code_that_runs_out_is_followed_by_another_one(tablet: Tablet, heard: Heard) -> None:
    def soon_over(_: Any) -> dict[str, Any]:
        ends = datetime.now(UTC) + timedelta(seconds=2)
        url = f"http://hub/tablet#claim={len(heard.commands)}"
        return {"url": url, "qr": qr.rows(url), "expires_at": ends.isoformat()}

    heard.answer("phone.invite", soon_over)
    await tablet.page.locator(".phone-button").click()
    path = tablet.page.locator(".phone-picture path")
    first = await path.get_attribute("d")
    assert first is not None
    await expect(path).not_to_have_attribute("d", first)
    assert len(heard.sent("phone.invite")) >= 2
    # who goes away asks for no more
    await tablet.page.locator("phone-panel .back").click()
    await expect(tablet.page.locator("dish-card").first).to_be_visible()
    await expect(tablet.page.locator(".phone-picture svg")).to_have_count(0)


async def test_what_goes_wrong_is_said(tablet: Tablet, heard: Heard) -> None:
    def refused(_: Any) -> dict[str, Any]:
        raise Refusal("stay_ended")

    heard.answer("phone.invite", refused)
    await tablet.page.locator(".phone-button").click()
    await expect(tablet.page.locator(".phone-state")).to_contain_text("内線 9 へお電話ください")
    heard.let_through("phone.invite")
    await tablet.page.get_by_role("button", name="新しいQRコードを表示する").click()
    await expect(tablet.page.locator(".phone-picture svg")).to_be_visible()


async def test_the_guest_leaves_and_the_phone_forgets(
    screens: Screens, tablet: Tablet, heard: Heard, admin: Connection, tmp_path: Path
) -> None:
    screens.network_may_fail = True
    phone = await scan(screens, await code(tablet, heard), tablet.room, tmp_path)
    await phone.switch_language()
    await phone.order(SOUP["en"])
    await phone.page.locator(".brand").click()
    await phone.add(SOUP["en"])
    assert "menu_item_id" in str(await kept(phone.page))
    await admin.execute(
        "UPDATE app.stays SET ended_at = now() WHERE room_number = $1 AND ended_at IS NULL", tablet.room
    )
    title = phone.page.locator("notice-view h1")
    await expect(title).to_have_text("ご滞在ありがとうございました")
    await expect(phone.page.locator("notice-view p")).to_contain_text("このスマートフォンには")
    await phone.picture("over")
    assert await kept(phone.page) == {"hub.tablet.phone": "1"}, "that it was one, and nothing else"
    assert await phone.page.evaluate("history.state") is None
    assert await phone.page.locator(".orders-button").is_hidden()
    # neither a reload nor the back key brings anything back
    await phone.page.reload()
    await expect(title).to_have_text("ご滞在ありがとうございました")
    await phone.page.go_back()
    await expect(phone.page.locator("order-card")).to_have_count(0)
    # the next guest's tablet knows of no phone
    await admin.execute(
        "INSERT INTO app.stays (tenant_id, room_number) SELECT id, $1 FROM app.tenants"
        " WHERE id = (SELECT tenant_id FROM app.device_rooms WHERE room_number = $1 LIMIT 1)",
        tablet.room,
    )
    # an empty room's tablet asks every thirty seconds
    await expect(tablet.dish(SOUP["ja"])).to_be_visible(timeout=60_000)
    await tablet.page.locator(".phone-button").click()
    await expect(tablet.page.locator(".phone-count")).to_be_hidden()


async def test_a_phone_that_was_off_when_the_guest_left(
    screens: Screens, tablet: Tablet, heard: Heard, admin: Connection, tmp_path: Path
) -> None:
    screens.network_may_fail = True
    phone = await scan(screens, await code(tablet, heard), tablet.room, tmp_path)
    await phone.add(SOUP["ja"])
    address = phone.page.url
    await phone.page.goto("about:blank")
    await admin.execute(
        "UPDATE app.stays SET ended_at = now() WHERE room_number = $1 AND ended_at IS NULL", tablet.room
    )
    await phone.page.goto(address)
    await expect(phone.page.locator("notice-view h1")).to_have_text("ご滞在ありがとうございました")
    assert await kept(phone.page) == {"hub.tablet.phone": "1"}


async def test_the_guest_takes_another_room(
    screens: Screens, tablet: Tablet, heard: Heard, admin: Connection, tmp_path: Path
) -> None:
    screens.network_may_fail = True
    phone = await scan(screens, await code(tablet, heard), tablet.room, tmp_path)
    await phone.add(SOUP["ja"])
    await admin.execute(
        "UPDATE app.stays SET room_number = $2 WHERE room_number = $1 AND ended_at IS NULL",
        tablet.room,
        f"9{tablet.room}",
    )
    await expect(phone.page.locator("notice-view h1")).to_have_text("このスマートフォンの接続は終了しました")
    await phone.picture("disconnected")
    assert await kept(phone.page) == {"hub.tablet.phone": "1"}


async def test_both_languages_sizes_and_keys(
    screens: Screens, tablet: Tablet, heard: Heard, tmp_path: Path
) -> None:
    url = await code(tablet, heard)
    wide = "document.querySelector('#main').scrollWidth - document.querySelector('#main').clientWidth"
    overflow = "document.scrollingElement.scrollWidth - innerWidth"
    for language in ("ja", "en"):
        assert await tablet.page.evaluate(FAINT) == []
        assert await tablet.page.evaluate(SMALL, 48) == []
        assert await tablet.page.evaluate(wide) == 0
        if language == "en":
            assert not JAPANESE.search(await tablet.page.locator("phone-panel").inner_text())
        await tablet.switch_language()
    await tablet.page.locator(".phone-button").focus()
    await tablet.page.keyboard.press("Tab")
    await tablet.page.evaluate("document.documentElement.style.fontSize = '32px'")
    await tablet.picture("panel-large")
    assert await tablet.page.evaluate(wide) == 0
    phone = await scan(screens, url, tablet.room, tmp_path)
    assert await phone.page.evaluate(overflow) <= 0
    await phone.add(SOUP["ja"])
    await phone.picture("phone-cart")
    await phone.review()
    await expect(phone.place_button).to_be_enabled()
    await phone.picture("phone-review")
    assert await phone.page.evaluate(overflow) <= 0


async def test_a_code_on_a_small_screen_that_was_never_good(screens: Screens) -> None:
    screens.network_may_fail = True
    page = await screens.page("/tablet#claim=not-a-code", PHONE_SIZE)
    await expect(page.locator("notice-view h1")).to_have_text("このQRコードはお使いになれません")
    await page.locator(".language").click()
    await expect(page.locator("notice-view h1")).to_have_text("This QR code cannot be used")
