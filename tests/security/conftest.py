"""The whole hub as its settings build it, called in-process; its descriptions say what there is to attack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import httpx
import msgspec
import pytest

from hub.db.database import Database
from hub.keys.command import Access, opened
from tests.api.conftest import Api
from tests.api.desk import Desk, Postbox
from tests.database.strangers import Two, two_hotels
from tests.ordering import Client
from tests.realtime.conftest import Live, running
from tests.security.callers import callers, hire, restore
from tests.security.rotating import quick

if TYPE_CHECKING:
    from uuid import UUID

    from hub.db.pool import Connection
    from hub.security.permissions import StaffRole
    from hub.security.principal import Principal
    from hub.settings import Settings


@pytest.fixture(scope="module")
async def live(settings: Settings) -> AsyncIterator[Live]:
    """This module's hub."""
    # A password costs nothing here, and nobody is told to come later; what these limits do has its own tests.
    quick = msgspec.structs.replace(
        settings,
        bcrypt_rounds=4,
        password_waiting=1000,
        limit_sign_in_ip="100000/minute",
        limit_sign_in_account="100000/minute",
        limit_ip="1000000/minute",
        limit_device="1000000/minute",
        limit_tenant="1000000/minute",
        limit_pairing_ip="100000/minute",
        limit_pairing_tenant="100000/minute",
    )
    async with running(quick) as hub:
        yield hub


@pytest.fixture(scope="module")
async def web(live: Live) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the hub's HTTP side, without a token."""
    transport = httpx.ASGITransport(live.hub.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        yield client


@pytest.fixture(scope="module")
async def api(web: httpx.AsyncClient) -> Api:
    """The same client, for those who have a token."""
    return Api(web)


@pytest.fixture(scope="module")
async def desk(live: Live, web: httpx.AsyncClient, admin: Connection) -> Desk:
    """The same client, for those who sign in; no letter goes out."""
    return Desk(live.hub, web, Postbox(), admin)


@pytest.fixture
async def access(settings: Settings) -> AsyncIterator[Access]:
    """What `hub keys` has of the hub."""
    async with opened(quick(settings)) as made:
        yield made


@pytest.fixture(scope="module")
async def two(admin: Connection, database: Database) -> Two:
    """A hotel that tries, and another one with a row in every table."""
    found = await two_hotels(admin, Client(database))
    # what the hub writes by itself, about orders that nobody accepts here, is no work of an intruder
    await admin.execute(
        'UPDATE app.tenants SET settings = \'{"alert_unseen_seconds": 3600, "alert_hook_seconds": 3600,'
        ' "alert_chime_seconds": 3600, "alert_page_seconds": 7200}\' WHERE id IN ($1, $2)',
        found.ours.tenant_id,
        found.theirs.tenant_id,
    )
    return found


@pytest.fixture(scope="module")
async def staff(admin: Connection, two: Two) -> dict[StaffRole, UUID]:
    return await hire(admin, two.ours)


@pytest.fixture
async def everybody(admin: Connection, two: Two, staff: dict[StaffRole, UUID]) -> dict[str, Principal]:
    """Those who call, anew for each test: an earlier one may have signed them out, or sent them away."""
    await restore(admin, two.ours, staff)
    return await callers(admin, two.ours, staff)
