"""What a manager sets of a hotel: second factors, language, telephone, the kitchen's undo, the ladder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest

from hub.tenants import service
from tests.api.conftest import Api, bearer, problem
from tests.factories import Hotel, make_staff

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal

SETTINGS = "/api/v1/hotel/settings"


async def change(api: Api, body: object, as_: Principal) -> httpx.Response:
    headers = {"Content-Type": "application/json"} | bearer(as_)
    return await api.client.patch(SETTINGS, content=msgspec.json.encode(body), headers=headers)


async def test_a_manager_sets_what_a_hotel_may_set(api: Api, hotel: Hotel, admin: Connection) -> None:
    await admin.execute(
        "UPDATE app.tenants SET settings = '{\"sandbox\": true}' WHERE id = $1", hotel.tenant_id
    )
    manager = await make_staff(admin, hotel, "manager")
    usual: dict[str, Any] = {
        "totp_roles": [],
        "locale": "ja",
        "phone": None,
        "recall_minutes": None,
        "undo_seconds": None,
        **dict.fromkeys(f"alert_{step}_seconds" for step in ("unseen", "hook", "chime", "page", "every")),
        **dict.fromkeys(service.NAMES),
    }
    assert (await api.get(SETTINGS, manager)).json() == usual
    wanted = {"totp_roles": ["manager", "front"], "locale": "en", "phone": "9", "recall_minutes": 45}
    answer = await change(api, wanted, manager)
    assert answer.json() == usual | wanted | {"totp_roles": ["front", "manager"]}
    # guests' screens know it, and what else is kept there stays
    told = (await api.get("/api/v1/menu", hotel.tablet())).json()["hotel"]
    assert (told["locale"], told["phone"], told["recall_minutes"]) == ("en", "9", 45)
    # as a Japanese keyboard writes it: no telephone has such keys
    assert (await change(api, {"phone": "９"}, manager)).json()["phone"] == "9"
    answer = await change(api, {"phone": None, "totp_roles": []}, manager)
    assert answer.json() == usual | {"locale": "en", "recall_minutes": 45}
    kept = json.loads(await admin.fetchval("SELECT settings FROM app.tenants WHERE id = $1", hotel.tenant_id))
    assert kept == {"sandbox": True, "recall_minutes": 45}
    entry = await admin.fetchrow(
        "SELECT user_id, changed FROM app.audit_logs WHERE tenant_id = $1 AND table_name = 'tenants'"
        " AND 'totp_roles' = ANY (changed) ORDER BY created_at LIMIT 1",
        hotel.tenant_id,
    )
    assert entry is not None
    assert (entry["user_id"], entry["changed"]) == (manager.id, ["locale", "settings", "totp_roles"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"totp_roles": ["super_admin"]}, "totp_roles"),
        ({"totp_roles": ["guest"]}, "totp_roles[0]"),
        ({"totp_roles": None}, "totp_roles"),
        ({"locale": "fr"}, "locale"),
        ({"phone": "call\u202eme"}, "phone"),
        ({"phone": "9\0"}, "phone"),
        ({"phone": ""}, "phone"),
        ({"phone": "٣"}, "phone"),
        ({"recall_minutes": 0}, "recall_minutes"),
        ({"recall_minutes": 10**30}, "recall_minutes"),
        ({"undo_seconds": 61}, "undo_seconds"),
        ({"alert_unseen_seconds": 2}, "alert_unseen_seconds"),
        ({"alert_page_seconds": 7201}, "alert_page_seconds"),
        ({"alert_every_seconds": 4}, "alert_every_seconds"),
        # each step comes after the one below it, as it is set or as usual
        ({"alert_unseen_seconds": 31}, "alert_unseen_seconds"),
        ({"alert_hook_seconds": 9}, "alert_hook_seconds"),
        ({"alert_chime_seconds": 29}, "alert_chime_seconds"),
        ({"alert_page_seconds": 89}, "alert_page_seconds"),
        ({"alert_chime_seconds": 200, "alert_page_seconds": 199}, "alert_page_seconds"),
        ({"room_limit": 500}, None),
        ({"status": "active"}, None),
    ],
)
async def test_and_nothing_else(
    api: Api, hotel: Hotel, admin: Connection, body: dict[str, Any], field: str | None
) -> None:
    manager = await make_staff(admin, hotel, "manager")
    problem(await change(api, body, manager), 400, "invalid_input", field)


async def test_the_ladder_has_the_times_of_the_hotel(api: Api, hotel: Hotel, admin: Connection) -> None:
    manager = await make_staff(admin, hotel, "manager")

    async def told() -> dict[str, int]:
        seconds: dict[str, int] = (await api.get("/api/v1/menu", hotel.tablet())).json()["hotel"][
            "alert_seconds"
        ]
        return seconds

    usual = {"unseen": 10, "hook": 30, "chime": 90, "page": 180, "every": 20}
    assert await told() == usual
    wanted = {"alert_unseen_seconds": 20, "alert_hook_seconds": 20, "alert_page_seconds": 7200}
    answer = await change(api, wanted, manager)
    assert answer.status_code == 200, answer.text
    assert {name: answer.json()[name] for name in wanted} == wanted
    assert await told() == usual | {"unseen": 20, "hook": 20, "page": 7200}
    assert (await change(api, {"alert_page_seconds": None}, manager)).status_code == 200
    assert (await told())["page"] == 180


async def test_nobody_else_sets_it(api: Api, hotel: Hotel, admin: Connection) -> None:
    for principal in (hotel.tablet(), hotel.kitchen(), await make_staff(admin, hotel, "front")):
        assert (await change(api, {"locale": "en"}, principal)).status_code == 403
