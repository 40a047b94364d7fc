"""The HTTP side over a real database, called in-process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from hub.app import http_routes
from hub.db.pool import Role, create_pool
from hub.devices.commands import Devices
from hub.menu import commands as menu_commands
from hub.operations import Operations
from hub.ops.health import Health
from hub.orders import commands as order_commands
from hub.security.tokens import Tokens
from hub.web.gate import Gate
from hub.web.site import site
from tests.conftest import TOKEN_KEY

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from hub.db.database import Database
    from hub.security.principal import Principal
    from hub.settings import Settings
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
    token, _ = tokens.issue(
        tenant_id=principal.tenant_id,
        device_id=principal.id,
        kind=principal.kind,
        room_number=principal.room_number,
        stay_id=principal.stay_id,
        stations=principal.stations,
    )
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


@pytest.fixture(scope="module")
async def app(database: Database, settings: Settings) -> AsyncIterator[Starlette]:
    auth_pool = await create_pool(settings, Role.AUTH, 1)
    gate = Gate(TOKENS, settings.body_bytes)
    operations = Operations(database, [*order_commands.OPERATIONS, *menu_commands.OPERATIONS])
    devices = Devices(auth_pool, database, TOKENS)
    yield site(http_routes(gate, operations, database, devices, Health([])))
    await auth_pool.close()


@pytest.fixture(scope="module")
async def api(app: Starlette) -> AsyncIterator[Api]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        yield Api(client)
