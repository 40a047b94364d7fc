"""The staff's page as somebody at the front desk uses it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import bcrypt
from msgspec import Struct
from playwright.async_api import expect

from tests.browser.screens import Language, Screen, Screens
from tests.factories import make_person

if TYPE_CHECKING:
    from playwright.async_api import Locator, ViewportSize

    from hub.db.pool import Connection
    from hub.security.permissions import StaffRole

PASSWORD: Final = "correct horse battery"
DESK_SIZE: Final[ViewportSize] = {"width": 1280, "height": 800}
_HASHED: Final = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


class Colleague(Struct, frozen=True):
    """Somebody who can sign in with PASSWORD."""

    id: UUID
    email: str


async def hire(admin: Connection, screens: Screens, role: StaffRole = "manager") -> Colleague:
    """A new member of the demo hotel's staff."""
    email = f"{uuid4().hex[:12]}@hotel.example"
    tenant_id = screens.hub.tenant_id
    assert tenant_id is not None
    return Colleague(await make_person(admin, tenant_id, role, email=email, password_hash=_HASHED), email)


class Desk(Screen):
    """A browser with the staff's page."""

    async def sign_in(self, who: Colleague, password: str = PASSWORD) -> None:
        """Fill in the form and send it."""
        form = self.page.locator("signin-view")
        await form.locator("input[name=email]").fill(who.email)
        await form.locator("input[name=password]").fill(password)
        await form.locator("button.primary").click()

    async def enter(self, who: Colleague) -> None:
        """Sign in and be in."""
        await self.sign_in(who)
        await expect(self.page.locator(".nav")).to_be_visible()

    async def go(self, page: str) -> None:
        """Open a page. The one of the service is up to date then: saying that it is not takes room, and moves
        the buttons when it goes."""
        await self.page.locator(f".tab[data-page={page}]").click()
        if page == "service":
            await expect(self.page.locator("service-view .stale")).to_be_hidden()

    async def open_room(self, room: str) -> None:
        await self.page.locator(f"rooms-view li[data-key='{room}'] .row").click()
        await expect(self.panel).to_be_visible()

    async def check_out(self, room: str) -> None:
        """Check the guest of a room out, and say yes."""
        await self.open_room(room)
        await self.panel.locator(".danger-quiet").click()
        await self.page.locator("dialog .danger").click()

    @property
    def problem(self) -> Locator:
        """What went wrong, where it can be seen."""
        return self.page.locator(".alert:visible")

    @property
    def panel(self) -> Locator:
        """What is open beside the list."""
        return self.page.locator(".panel-side:visible")

    def row(self, room: str) -> Locator:
        return self.page.locator(f"rooms-view li[data-key='{room}']")


async def open_desk(
    screens: Screens,
    folder: Path,
    language: Language = "ja",
    *,
    size: ViewportSize = DESK_SIZE,
    fragment: str = "",
    script: str | None = None,
) -> Desk:
    """The staff's page of the demo hotel in a browser of its own. The browser itself writes a line when the
    hub says that nobody has signed in yet."""
    screens.network_may_fail = True
    page = await screens.page(f"/staff?hotel=demo&lang={language}{fragment}", size, script=script)
    return Desk(page, folder)
