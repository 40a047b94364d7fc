"""The two screens as a guest and a cook use them."""

from __future__ import annotations

import asyncio
import contextlib
import re
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from playwright.async_api import Error, expect

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, ViewportSize

    from hub.db.pool import Connection
    from tests.browser.frames import Frames
    from tests.browser.hub_process import HubProcess

Language = Literal["ja", "en"]
SOUP: dict[Language, str] = {"ja": "オニオングラタンスープ", "en": "Onion gratin soup"}
TABLET_SIZE: ViewportSize = {"width": 1280, "height": 800}
KITCHEN_SIZE: ViewportSize = {"width": 1920, "height": 1080}
# What Chromium itself writes while the hub cannot be reached.
NETWORK = re.compile(r"WebSocket connection to|Failed to load resource|net::ERR_")
# Settings of a screen that the hub has not been told yet, though it could be.
UNTOLD = """() => document.documentElement.dataset.phase === 'live'
    && JSON.parse(localStorage.getItem('hub.kitchen.settings') ?? '{}').untold === true"""
_SECONDS = 15.0


class Screens:
    """Opens pages, each in a browser context of its own, and remembers what went wrong in them."""

    def __init__(self, browser: Browser, hub: HubProcess, stack: AsyncExitStack, folder: Path) -> None:
        self.hub = hub
        self.errors: list[str] = []
        self.network_may_fail = False
        self._kitchens: list[Page] = []
        self._browser = browser
        self._stack = stack
        self._folder = folder

    async def page(
        self,
        address: str,
        size: ViewportSize,
        *,
        port: int | None = None,
        script: str | None = None,
        silent: bool = False,
        frames: Frames | None = None,
        clock: bool = False,
    ) -> Page:
        """Open an address; with `silent`, its WebSocket opens and never says a word, with `frames` they are
        between the page and the hub, with `clock` the page's timers can be hurried."""
        context = await self._browser.new_context(viewport=size)
        self._stack.push_async_callback(_close, context)
        if script is not None:
            await context.add_init_script(script)
        if silent:
            await context.route_web_socket("**/ws", lambda _: None)
        if frames is not None:
            await frames.attach(context)
        if clock:
            await context.clock.install()
        page = await context.new_page()
        page.on("pageerror", lambda error: self.errors.append(f"{address}: {error}"))
        page.on("console", self._said)
        await page.goto(f"http://127.0.0.1:{port or self.hub.port}{address}")
        return page

    async def tablet(
        self,
        room: str,
        language: Language = "ja",
        *,
        size: ViewportSize = TABLET_SIZE,
        port: int | None = None,
        script: str | None = None,
        frames: Frames | None = None,
        clock: bool = False,
    ) -> Tablet:
        code = await self.hub.code(room)
        page = await self.page(
            f"/tablet#claim={code}", size, port=port, script=script, frames=frames, clock=clock
        )
        tablet = Tablet(page, room, self._folder)
        await expect(tablet.page.locator("dish-card").first).to_be_visible(timeout=_SECONDS * 1000)
        await expect(tablet.page.locator("html")).to_have_attribute("data-phase", "live")
        if language == "en":
            await tablet.switch_language()
        return tablet

    async def kitchen(
        self,
        *,
        size: ViewportSize = KITCHEN_SIZE,
        port: int | None = None,
        script: str | None = None,
        code: str | None = None,
    ) -> Kitchen:
        """The hotel's kitchen screen, or the one that `code` is for."""
        code = code or await self.hub.code(None)
        page = await self.page(f"/kitchen#claim={code}", size, port=port, script=script)
        self._kitchens.append(page)
        kitchen = Kitchen(page, self._folder)
        await expect(kitchen.bar).to_have_attribute("data-link", "live")
        return kitchen

    async def settle(self) -> None:
        """Wait until the hub keeps what was set on kitchen screens: the next test would be told of it."""
        for page in self._kitchens:
            with contextlib.suppress(TimeoutError, Error):
                async with asyncio.timeout(_SECONDS):
                    while True:
                        if not await page.evaluate(UNTOLD):
                            break
                        await asyncio.sleep(0.02)

    def check_errors(self) -> None:
        assert not self.errors, self.errors

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if self.network_may_fail and NETWORK.search(message.text):
            return
        self.errors.append(message.text)


async def _close(context: BrowserContext) -> None:
    """A page that went while its clock was hurried may keep its browser from ever answering this."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SECONDS):
            await context.close()


class Screen:
    """What both pages share."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page = page
        self._folder = folder

    async def picture(self, name: str) -> Path:
        """A screenshot in the test's temporary directory, for eyes."""
        path = self._folder / f"{name}.png"
        await self.page.screenshot(path=path)
        return path

    async def switch_language(self) -> None:
        """Press the button; the page is drawn in the other language."""
        root = self.page.locator("html")
        before = await root.get_attribute("lang") or ""
        await self.page.locator(".language").click()
        await expect(root).not_to_have_attribute("lang", before)

    async def until(self, admin: Connection, query: str, *arguments: object) -> None:
        """Wait until the database says yes; it hears of a tap later than the screen shows it."""
        async with asyncio.timeout(_SECONDS):
            while True:
                if await admin.fetchval(query, *arguments):
                    return
                await asyncio.sleep(0.02)

    async def resize(self, width: int, height: int) -> None:
        """Another size of the window, when the page knows of it."""
        await self.page.set_viewport_size({"width": width, "height": height})
        await self.becomes(f"innerWidth === {width} && innerHeight === {height}")

    async def drawn(self) -> None:
        """Wait until everything is drawn that the page has been told so far."""
        async with asyncio.timeout(_SECONDS):
            await self.page.evaluate("() => new Promise((on) => requestAnimationFrame(() => setTimeout(on)))")

    async def becomes(self, condition: str) -> None:
        """Wait in the page, whose policy lets no text become code there."""
        async with asyncio.timeout(_SECONDS):
            await self.page.evaluate(
                f"async () => {{ while (!({condition})) await new Promise((on) => setTimeout(on, 10)); }}"
            )


class Tablet(Screen):
    """A guest's tablet."""

    def __init__(self, page: Page, room: str, folder: Path) -> None:
        super().__init__(page, folder)
        self.room = room

    def dish(self, name: str) -> Locator:
        """The card of a dish, in its own section."""
        card = self.page.locator("dish-card").filter(
            has=self.page.get_by_role("heading", name=name, exact=True)
        )
        return card.last

    async def add(self, name: str, times: int = 1) -> None:
        """Touch the button of a dish."""
        for _ in range(times):
            await self.dish(name).locator(".more").click()

    async def open(self, name: str) -> None:
        """The page of a dish."""
        await self.dish(name).get_by_role("heading").get_by_role("button").click()
        await expect(self.page.get_by_role("heading", level=1, name=name)).to_be_visible()

    async def choose(self, *choices: str) -> None:
        """Touch these choices on the page of a dish."""
        for choice in choices:
            await self.page.locator("option-groups .choice").filter(has_text=choice).first.click()

    async def home(self) -> None:
        await self.page.locator(".brand").click()

    async def review(self) -> None:
        await self.page.locator("cart-panel .primary").click()

    @property
    def place_button(self) -> Locator:
        return self.page.locator(".place")

    @property
    def status(self) -> Locator:
        """The word on the newest order."""
        return self.page.locator("order-card").first.locator(".badge")

    @property
    def received(self) -> Locator:
        return self.page.locator(".received-title")

    @property
    def banner(self) -> Locator:
        return self.page.locator("#banner")

    async def order(self, name: str, times: int = 1) -> str:
        """Order a dish; the number of the order."""
        await self.add(name, times)
        await self.review()
        await self.place_button.click()
        await expect(self.received).to_be_visible()
        return (await self.received.locator("strong").inner_text()).removeprefix("#")


class Kitchen(Screen):
    """The kitchen's screen."""

    @property
    def bar(self) -> Locator:
        return self.page.locator("top-bar")

    @property
    def link(self) -> Locator:
        return self.page.locator(".link-text")

    @property
    def message(self) -> Locator:
        return self.page.locator(".board-message")

    def ticket(self, room: str) -> Locator:
        return self.page.locator("kitchen-ticket").filter(
            has=self.page.locator(".ticket-room", has_text=re.compile(f"^{room}$"))
        )

    def item(self, room: str, line: int) -> Locator:
        return self.ticket(room).locator(f".item[data-line='{line}']")

    def state(self, room: str, line: int) -> Locator:
        return self.item(room, line).locator(".state-word")

    def bump(self, room: str) -> Locator:
        return self.ticket(room).locator(".bump")

    async def bump_to(self, room: str, step: str, then: str) -> None:
        """Press the big button, which says `step`, and wait until it says what comes after it."""
        await expect(self.bump(room)).to_have_text(step)
        await self.bump(room).click()
        await expect(self.bump(room)).to_have_text(then)

    async def open_sound_gate(self) -> None:
        """Let it sound; the tickets have the whole page then."""
        await self.page.locator("#sound-gate").click()
        await expect(self.page.locator("#sound-gate")).to_be_hidden()

    def tool(self, name: str) -> Locator:
        return self.page.locator(f".tool.{name}")

    @property
    def undo(self) -> Locator:
        return self.page.locator(".undo-button")
