from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import pytest

from hub.db.ids import uuid7
from hub.db.pool import Role, create_pool
from hub.db.scope import utc_now
from hub.ops.health import Health
from hub.security.credentials import Credential
from hub.security.limits import Limiter
from hub.services import Pools, build, http_routes
from hub.web.site import site
from tests.api.conftest import TOKENS, Api, problem
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.settings import Settings


@pytest.fixture
async def cut_off(settings: Settings) -> AsyncIterator[Api]:
    """A hub that has lost its database."""
    pool = await create_pool(settings, Role.API, 1)
    await pool.close()
    limiter = Limiter(settings)
    services = build(settings, Pools(pool, pool, pool), TOKENS, limiter, clock=utc_now)
    app = site(http_routes(services, Health([])))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        yield Api(client)
    await limiter.aclose()


async def test_without_a_database_every_answer_is_temporary(cut_off: Api, hotel: Hotel) -> None:
    order = {"lines": [{"menu_item_id": hotel.menu["soup"], "quantity": 1}]}
    credential = Credential(hotel.tenant_id, hotel.kitchen_id, "secret").encode()
    for answer in (
        await cut_off.get("/api/v1/menu", hotel.tablet()),
        await cut_off.get("/api/v1/orders", hotel.kitchen()),
        await cut_off.get(f"/api/v1/orders/{uuid7()}", hotel.kitchen()),
        await cut_off.post("/api/v1/orders", order, hotel.tablet(), uuid4()),
        await cut_off.post("/api/v1/devices/claim", {"code": "code"}),
        await cut_off.post("/api/v1/devices/token", {"credential": credential}),
    ):
        assert problem(answer, 503, "unavailable")["temporary"] is True
        assert answer.headers["retry-after"] == "1"


async def test_without_a_database_bad_input_is_still_told(cut_off: Api, hotel: Hotel) -> None:
    problem(await cut_off.post("/api/v1/orders", b"{", hotel.tablet()), 400, "invalid_input")
    problem(await cut_off.post("/api/v1/orders", b"{"), 401, "unauthorized")
