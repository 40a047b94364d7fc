"""A hub that staff sign in to: its HTTP side, the letters that it sends, and the people of its hotels."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import bcrypt
import httpx
from msgspec import Struct

from tests.factories import make_person

if TYPE_CHECKING:
    from hub.app import Hub
    from hub.db.pool import Connection
    from hub.security.permissions import StaffRole
    from hub.staff.mail import Letter
    from tests.factories import Hotel

STAFF: Final = "/api/v1/staff"
SESSION: Final = f"{STAFF}/session"
PASSWORD: Final = "correct horse battery"
DEADLINE: Final = 10.0
_CODE: Final = re.compile(r"#(?:reset|verify)=(\S+)")


def hashed(password: str, rounds: int = 4) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds)).decode()


HASHED: Final = hashed(PASSWORD)


class Hired(Struct, frozen=True):
    """A member of staff who can sign in."""

    id: UUID
    email: str
    hotel: str
    tenant_id: UUID


class Entered(Struct, frozen=True):
    """The answer to a sign-in or a renewal."""

    access: str
    refresh: str
    me: dict[str, Any]


class Postbox:
    """Takes every letter."""

    def __init__(self) -> None:
        self._letters: list[Letter] = []
        self._came = asyncio.Event()

    async def send(self, letter: Letter) -> None:
        self._letters.append(letter)
        self._came.set()

    def to(self, address: str) -> list[Letter]:
        return [letter for letter in self._letters if letter.to == address]

    async def code_for(self, address: str, number: int = 1) -> str:
        """The code in the `number`-th letter to this address."""
        async with asyncio.timeout(DEADLINE):
            while len(self.to(address)) < number:
                self._came.clear()
                await self._came.wait()
        found = _CODE.search(self.to(address)[number - 1].text)
        assert found is not None
        return found[1]


class Desk:
    """Calls as staff do. `admin` writes what no route writes."""

    def __init__(self, hub: Hub, web: httpx.AsyncClient, postbox: Postbox, admin: Connection) -> None:
        self.hub = hub
        self.web = web
        self.postbox = postbox
        self.admin = admin

    async def hire(
        self, hotel: Hotel, role: StaffRole = "front", *, permissions: tuple[str, ...] = ()
    ) -> Hired:
        """Somebody with the password of all tests."""
        email = f"{uuid4().hex[:12]}@hotel.example"
        staff_id = await make_person(
            self.admin, hotel.tenant_id, role, email=email, password_hash=HASHED, permissions=permissions
        )
        return Hired(staff_id, email, hotel.slug, hotel.tenant_id)

    async def call(
        self, method: str, path: str, body: object = None, token: str | None = None, **headers: str
    ) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        content: dict[str, Any] = {} if body is None else {"json": body}
        answer = await self.web.request(method, path, headers=sent, **content)
        self.web.cookies.clear()  # each call sends what it is given
        return answer

    async def sign_in(self, who: Hired, password: str = PASSWORD, **more: Any) -> httpx.Response:
        body = {"email": who.email, "password": password, "hotel": who.hotel, **more}
        return await self.call("POST", SESSION, body)

    async def enter(self, who: Hired, **more: Any) -> Entered:
        answer = await self.sign_in(who, **more)
        assert answer.status_code == 201, answer.text
        return entered(answer)

    async def refresh(self, token: str) -> httpx.Response:
        return await self.call("POST", f"{SESSION}/refresh", {"refresh_token": token})

    async def settled(self) -> None:
        """What comes after the answers is done."""
        async with asyncio.timeout(DEADLINE):
            await self.hub.office.after.settled()

    async def row(self, who: Hired) -> dict[str, Any]:
        row = await self.admin.fetchrow(
            "SELECT * FROM app.staff WHERE tenant_id = $1 AND id = $2", who.tenant_id, who.id
        )
        assert row is not None
        return dict(row)

    async def events(self, tenant_id: UUID, operation: str) -> list[dict[str, Any]]:
        rows = await self.admin.fetch(
            "SELECT * FROM app.audit_logs WHERE tenant_id = $1 AND operation = $2 ORDER BY created_at",
            tenant_id,
            operation,
        )
        return [dict(row) for row in rows]


def entered(answer: httpx.Response) -> Entered:
    document = answer.json()
    return Entered(document["access_token"], document["refresh_token"], document["me"])
