"""The HTTP side over a real database, called in-process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from hub.app import open_hub
from hub.security.tokens import Tokens
from tests.api.desk import Desk, Postbox
from tests.conftest import TOKEN_KEY

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from hub.app import Hub
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from hub.settings import Settings
    from hub.staff.mail import Mailer
    from tests.factories import Hotel

TOKENS = Tokens((TOKEN_KEY,), 900)


class Api:
    """A client of the hub's HTTP side; `as_` is who asks."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, as_: Principal | None = None, **params: str | int) -> httpx.Response:
        return await self.client.get(path, headers=bearer(as_), params=params)

    async def post(
        self, path: str, body: object, as_: Principal | None = None, key: UUID | str | None = None
    ) -> httpx.Response:
        """POST `body`, bytes as they are and the rest as JSON, under a new operation id if none is given."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(key or uuid4())}
        return await self.client.post(path, content=content, headers=headers | bearer(as_))

    async def place(self, hotel: Hotel, quantity: int = 1, room: int = 0) -> dict[str, Any]:
        """The document of a new order of soup."""
        body = {"lines": [{"menu_item_id": hotel.menu["soup"], "quantity": quantity}]}
        answer = await self.post("/api/v1/orders", body, hotel.tablet(room))
        assert answer.status_code == 201, answer.text
        order: dict[str, Any] = answer.json()["order"]
        return order


def bearer(principal: Principal | None, tokens: Tokens = TOKENS) -> dict[str, str]:
    if principal is None:
        return {}
    token, _ = tokens.issue(principal)
    return {"Authorization": f"Bearer {token}"}


def problem(answer: httpx.Response, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """Check that the answer is this problem, at this field, and shows nothing of the inside; the document."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document: dict[str, Any] = answer.json()
    found = (answer.status_code, document["code"], document["details"].get("field"))
    assert found == (status, code, field), answer.text
    assert document["status"] == status
    assert document["type"] == f"urn:hub:error:{code}"
    assert document["title"]
    assert document["detail"]
    for inside in ("Traceback", "asyncpg", "msgspec", "hub.", "app.", ".py"):
        assert inside not in answer.text
    return document


@asynccontextmanager
async def opened(settings: Settings, mailer: Mailer | None = None) -> AsyncIterator[Hub]:
    """A running hub, for a fixture."""
    started: asyncio.Future[Hub] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()

    async def run() -> None:
        # One task enters and leaves: a fixture's two halves may run in different ones.
        async with open_hub(settings, mailer=mailer) as hub:
            started.set_result(hub)
            await stop.wait()

    task = asyncio.create_task(run())
    either: list[asyncio.Future[Any]] = [task, started]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not started.done():
        await task
    yield await started
    stop.set()
    await task


@pytest.fixture(scope="module")
async def hub(settings: Settings) -> AsyncIterator[Hub]:
    """A running hub, called in-process."""
    async with opened(settings) as hub:
        yield hub


@pytest.fixture(scope="module")
async def app(hub: Hub) -> Starlette:
    return hub.app


@pytest.fixture(scope="module")
async def api(app: Starlette) -> AsyncIterator[Api]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        yield Api(client)


# Many try from one address here, and often.
FAST = {
    "bcrypt_rounds": 4,
    "limit_sign_in_ip": "100000/minute",
    "limit_sign_in_account": "1000/minute",
    "public_url": "https://hub.example",
    "base_domain": "hotels.example",
}


@pytest.fixture(scope="module")
async def desk(settings: Settings, admin: Connection) -> AsyncIterator[Desk]:
    """A hub that staff sign in to."""
    postbox = Postbox()
    async with (
        opened(msgspec.structs.replace(settings, **FAST), postbox) as hub,
        httpx.AsyncClient(transport=httpx.ASGITransport(hub.app), base_url="http://hub") as web,
    ):
        yield Desk(hub, web, postbox, admin)
