"""A hotel's addresses over HTTP: made, changed, tried, deleted; the secret is told once."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from hub.db.scope import utc_now
from hub.hooks.model import MOST_WEBHOOKS
from tests.api.conftest import Api, bearer, problem
from tests.factories import Hotel, make_staff

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal

PATH = "/api/v1/webhooks"
URL = "https://hooks.example/orders?k=1"
ALL = ["order.paged", "order.unaccepted", "order.unseen"]


@pytest.fixture
async def manager(admin: Connection, hotel: Hotel) -> Principal:
    return await make_staff(admin, hotel, "manager")


async def call(api: Api, method: str, path: str, as_: Principal, body: object = None) -> httpx.Response:
    headers = bearer(as_)
    if body is None:
        return await api.client.request(method, path, headers=headers)
    content = msgspec.json.encode(body)
    headers["Content-Type"] = "application/json"
    return await api.client.request(method, path, content=content, headers=headers)


async def make(api: Api, as_: Principal, **more: object) -> dict[str, Any]:
    """A new address; the document with its secret."""
    answer = await call(api, "POST", PATH, as_, {"url": URL, "events": ALL, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def every(api: Api, as_: Principal) -> list[dict[str, Any]]:
    answer = await call(api, "GET", PATH, as_)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["webhooks"]
    return found


async def test_an_address_is_made_and_its_secret_told_once(
    api: Api, admin: Connection, hotel: Hotel, manager: Principal
) -> None:
    made = await make(
        api, manager, events=["order.paged", "order.unseen", "order.paged"], description=" Pager "
    )
    shown, secret = made["webhook"], made["secret"]
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    created = shown.pop("created_at")
    webhook_id = shown.pop("id")
    assert shown == {
        "url": URL,
        "events": ["order.paged", "order.unseen"],
        "description": "Pager",
        "is_active": True,
        "last_attempt": None,
    }
    answer = await call(api, "GET", PATH, manager)
    assert answer.json()["webhooks"] == [{"id": webhook_id, "created_at": created, **shown}]
    assert "secret" not in answer.text
    assert "whsec" not in answer.text
    row = await admin.fetchrow("SELECT * FROM app.webhooks WHERE id = $1::text::uuid", webhook_id)
    assert row is not None
    assert row["secret_encrypted"].startswith("v1:")
    assert secret not in str(dict(row))
    audit = await admin.fetch("SELECT new::text AS new FROM app.audit_logs WHERE record = $1", webhook_id)
    assert [("[redacted]" in entry["new"], URL in entry["new"]) for entry in audit] == [(True, True)]


async def test_it_is_changed_part_by_part(api: Api, admin: Connection, manager: Principal) -> None:
    made = (await make(api, manager, description="Pager"))["webhook"]
    path = f"{PATH}/{made['id']}"
    for change in (
        {"url": "https://other.example/"},
        {"events": ["order.paged"]},
        {"description": None},
        {"is_active": False},
        {},
    ):
        answer = await call(api, "PATCH", path, manager, change)
        made |= change
        assert (answer.status_code, answer.json()) == (200, {"webhook": made})
    assert await every(api, manager) == [made]
    sealed = "SELECT secret_encrypted FROM app.webhooks WHERE id = $1::text::uuid"
    assert await admin.fetchval(sealed, made["id"]), "the secret stays"


async def test_a_deleted_one_is_gone_and_its_secret_too(
    api: Api, admin: Connection, manager: Principal
) -> None:
    made = (await make(api, manager))["webhook"]
    path = f"{PATH}/{made['id']}"
    assert (await call(api, "DELETE", path, manager)).status_code == 200
    assert await every(api, manager) == []
    row = await admin.fetchrow(
        "SELECT secret_encrypted, is_active FROM app.webhooks WHERE id = $1::text::uuid", made["id"]
    )
    assert row is not None
    assert tuple(row) == (None, False)
    for method, tail, body in (
        ("PATCH", "", {"is_active": True}),
        ("DELETE", "", None),
        ("POST", "/test", None),
        ("GET", "/deliveries", None),
    ):
        problem(await call(api, method, path + tail, manager, body), 404, "not_found", "webhook_id")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"events": ALL}, None),
        ({"url": URL}, None),
        ({"url": URL, "events": []}, "events"),
        ({"url": URL, "events": ["order.placed"]}, "events[0]"),
        ({"url": URL, "events": ["webhook.test"]}, "events[0]"),
        ({"url": "http://hooks.example/", "events": ALL}, "url"),
        ({"url": "https://127.0.0.1/", "events": ALL}, "url"),
        ({"url": "https://u:p@hooks.example/", "events": ALL}, "url"),
        ({"url": f"https://hooks.example/{'x' * 2000}", "events": ALL}, "url"),
        ({"url": URL, "events": ALL, "description": "x" * 201}, "description"),
        ({"url": URL, "events": ALL, "description": "a\u202eb"}, "description"),
        ({"url": URL, "events": ALL, "secret": "whsec_mine"}, None),
    ],
)
async def test_what_is_no_address_is_refused(
    api: Api, manager: Principal, body: dict[str, Any], field: str | None
) -> None:
    problem(await call(api, "POST", PATH, manager, body), 400, "invalid_input", field)
    assert await every(api, manager) == []


async def test_a_change_is_judged_as_a_new_one(api: Api, manager: Principal) -> None:
    made = (await make(api, manager))["webhook"]
    for change, field in (
        ({"url": "https://[::1]/"}, "url"),
        ({"events": []}, "events"),
        ({"id": "x"}, None),
    ):
        answer = await call(api, "PATCH", f"{PATH}/{made['id']}", manager, change)
        problem(answer, 400, "invalid_input", field)
    assert await every(api, manager) == [made]


async def test_a_hotel_has_only_so_many(api: Api, manager: Principal) -> None:
    made = [await make(api, manager) for _ in range(MOST_WEBHOOKS)]
    answer = await call(api, "POST", PATH, manager, {"url": URL, "events": ALL})
    problem(answer, 409, "conflict")
    await call(api, "DELETE", f"{PATH}/{made[0]['webhook']['id']}", manager)
    await make(api, manager)


async def test_a_test_is_on_its_way_until_it_has_failed_or_arrived(
    api: Api, admin: Connection, manager: Principal
) -> None:
    """The name of its address leads nowhere."""
    path = f"{PATH}/{(await make(api, manager, url='https://hooks.invalid/'))['webhook']['id']}"
    answer = await call(api, "POST", f"{path}/test", manager)
    assert answer.status_code == 202, answer.text
    delivery = answer.json()["delivery"]
    assert (delivery["kind"], delivery["order_id"]) == ("webhook.test", None)
    payload = await admin.fetchval(
        "SELECT payload::text FROM app.deliveries WHERE id = $1::text::uuid", delivery["id"]
    )
    told = msgspec.json.decode(payload)
    assert told["type"] == "webhook.test"
    assert told["timestamp"] <= utc_now().isoformat()
    answer = await call(api, "GET", f"{path}/deliveries", manager)
    assert [one["id"] for one in answer.json()["deliveries"]] == [delivery["id"]]


async def test_one_that_is_switched_off_is_not_tried(api: Api, manager: Principal) -> None:
    made = (await make(api, manager, is_active=False))["webhook"]
    problem(await call(api, "POST", f"{PATH}/{made['id']}/test", manager), 409, "conflict")


async def test_another_hotels_address_does_not_exist(
    api: Api, admin: Connection, manager: Principal, other_hotel: Hotel
) -> None:
    stranger = await make_staff(admin, other_hotel, "manager")
    path = f"{PATH}/{(await make(api, manager))['webhook']['id']}"
    assert await every(api, stranger) == []
    for method, tail, body in (
        ("PATCH", "", {"is_active": False}),
        ("DELETE", "", None),
        ("POST", "/test", None),
        ("GET", "/deliveries", None),
    ):
        refused = problem(
            await call(api, method, path + tail, stranger, body), 404, "not_found", "webhook_id"
        )
        nobody = await call(api, method, f"{PATH}/{uuid4()}{tail}", stranger, body)
        assert problem(nobody, 404, "not_found", "webhook_id")["detail"] == refused["detail"]
