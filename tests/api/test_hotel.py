"""A hotel by its address; tokens that are at the wrong address."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest

from tests.api.conftest import Api, bearer, problem
from tests.conftest import clone, settings_for
from tests.factories import Hotel, make_staff

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.embedded import Servers
    from hub.security.principal import Principal
    from hub.settings import Settings

HOTEL = "/api/v1/hotel"
BASE = "hub.example"


@pytest.fixture(scope="module")
async def settings(servers: Servers, template: str) -> AsyncIterator[Settings]:
    """A hub whose hotels have addresses."""
    async with clone(servers, template, "test_hotel") as name:
        yield settings_for(servers, name, base_domain=BASE)


async def at(api: Api, host: str, path: str, as_: Principal | None = None, **params: str) -> httpx.Response:
    return await api.client.get(path, headers={"Host": host} | bearer(as_), params=params)


async def test_a_hotel_is_known_by_its_address(
    api: Api, hotel: Hotel, other_hotel: Hotel, admin: Connection
) -> None:
    domain = f"{uuid4().hex}.example"
    await admin.execute("UPDATE app.tenants SET domain = $2 WHERE id = $1", other_hotel.tenant_id, domain)
    ours = {"name": hotel.slug, "slug": hotel.slug, "locale": "ja"}
    theirs = {"name": other_hotel.slug, "slug": other_hotel.slug, "locale": "ja"}
    own = f"{hotel.slug}.{BASE}"
    for host in (own, f"{own}:8080", own.upper(), f"{own}.", f"{own}.:8080"):
        assert (await at(api, host, HOTEL)).json() == ours
    assert (await at(api, domain, HOTEL)).json() == theirs
    # the address wins over the slug, which counts where the address names none
    assert (await at(api, domain, HOTEL, hotel=hotel.slug)).json() == theirs
    for host in (BASE, "localhost", "127.0.0.1:8080", f"nobody.{BASE}"):
        assert (await at(api, host, HOTEL, hotel=hotel.slug)).json() == ours
        problem(await at(api, host, HOTEL), 404, "not_found")
        problem(await at(api, host, HOTEL, hotel="nobody"), 404, "not_found", "hotel")
    problem(await at(api, BASE, HOTEL, hotel="x" * 64), 400, "invalid_input", "hotel")
    problem(await at(api, BASE, HOTEL, hotel="a\0b"), 400, "invalid_input", "hotel")


async def refusals(admin: Connection, hotel: Hotel) -> list[dict[str, Any]]:
    rows = await admin.fetch(
        "SELECT record, user_role, details FROM app.audit_logs"
        " WHERE tenant_id = $1 AND operation = 'tenant.refused' ORDER BY created_at",
        hotel.tenant_id,
    )
    return [dict(row) | {"details": json.loads(row["details"])} for row in rows]


async def test_a_token_is_no_good_at_another_hotels_address(
    api: Api, hotel: Hotel, other_hotel: Hotel, admin: Connection
) -> None:
    domain = f"{uuid4().hex}.example"
    await admin.execute("UPDATE app.tenants SET domain = $2 WHERE id = $1", other_hotel.tenant_id, domain)
    manager = await make_staff(admin, hotel, "manager")
    for principal in (hotel.tablet(), hotel.kitchen(), manager):
        for own in (f"{hotel.slug}.{BASE}", BASE, "localhost", "10.0.0.1"):
            assert (await at(api, own, "/api/v1/menu", principal)).status_code == 200
    assert await refusals(admin, hotel) == []
    for host in (f"{other_hotel.slug}.{BASE}", domain, f"platform.{BASE}"):
        problem(await at(api, host, "/api/v1/menu", manager), 401, "unauthorized")
    problem(await at(api, domain, "/api/v1/orders", hotel.tablet()), 401, "unauthorized")
    # once for each place, not for each attempt: a tablet with a wrong address tries all day
    for host in (domain, f"{domain}.", f"{domain}.:443"):
        problem(await at(api, host, "/api/v1/menu", manager), 401, "unauthorized")
    found = await refusals(admin, hotel)
    assert [one["details"]["address_of"] for one in found] == [other_hotel.slug, "platform", other_hotel.slug]
    assert (found[0]["record"], found[0]["user_role"]) == (str(manager.id), "manager")
    assert found[2]["record"] == str(hotel.rooms[0].tablet_id)
    # the other hotel was not troubled
    assert await refusals(admin, other_hotel) == []
