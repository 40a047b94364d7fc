"""API5:2023 Broken function level authorization: calling what is for somebody of another role."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from msgspec import structs

from hub.documents import asyncapi_document, openapi_document
from hub.security.permissions import GRANTABLE, ROLES, Permission
from hub.security.principal import Principal
from tests.api.conftest import Api, bearer, problem
from tests.api.desk import Desk
from tests.factories import Hotel, make_staff
from tests.security.generated import Call, Ids, Maker, commands, ids_of, routes
from tests.security.test_bola import Hub

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.database.strangers import Two
    from tests.realtime.conftest import Live

OPENAPI: Final[dict[str, Any]] = json.loads(openapi_document())
ASYNCAPI: Final[dict[str, Any]] = json.loads(asyncapi_document())
CALLS: Final = {call.name: call for call in (*routes(OPENAPI), *commands(ASYNCAPI))}
# Columns: tablet, phone, kitchen screen; staff: front, kitchen, runner, menu editor, manager, super-admin.
COLUMNS: Final = ("tablet", "phone", "kitchen", *(f"staff:{role}" for role in ROLES))
# Written by hand, not read from hub/security/permissions.py: who is let in more widely there shows up here.
TABLE: Final = """
POST /api/v1/orders                                x x - x - - - x -
POST /api/v1/orders/quote                          x x x x x x - x -
POST /api/v1/orders/slots                          x x x x x x - x -
POST /api/v1/kitchen/pause                         - - x - x - - x -
POST /api/v1/kitchen/resume                        - - x - x - - x -
GET /api/v1/orders                                 x x x x x x - x -
GET /api/v1/orders/{order_id}                      x x x x x x - x -
POST /api/v1/orders/{order_id}/advance             - - x - x x - x -
POST /api/v1/orders/{order_id}/cancel              x x x x x - - x -
GET /api/v1/orders/recent                          - - x - x x - x -
POST /api/v1/orders/{order_id}/accept              - - x - x x - x -
POST /api/v1/orders/{order_id}/rush                - - x x x - - x -
POST /api/v1/orders/{order_id}/acknowledge-allergy - - x - x - - x -
POST /api/v1/orders/{order_id}/acknowledge         - - x - x - - x -
POST /api/v1/orders/{order_id}/items/{line}/advance - - x - x - - x -
POST /api/v1/orders/{order_id}/recall              - - x - x x - x -
POST /api/v1/orders/seen                           - - x - x - - x -
POST /api/v1/menu/{menu_item_id}/sold-out          - - x - x - x x -
GET /api/v1/menu                                   x x x x x x x x -
GET /api/v1/events                                 x x x x x x x x -
order.quote                                        x x x x x x - x -
order.slots                                        x x x x x x - x -
order.place                                        x x - x - - - x -
kitchen.pause                                      - - x - x - - x -
kitchen.resume                                     - - x - x - - x -
order.advance                                      - - x - x x - x -
item.advance                                       - - x - x - - x -
order.recall                                       - - x - x x - x -
order.cancel                                       x x x x x - - x -
order.acknowledge                                  - - x - x - - x -
order.seen                                         - - x - x - - x -
order.accept                                       - - x - x x - x -
order.rush                                         - - x x x - - x -
order.acknowledge_allergy                          - - x - x - - x -
order.recent                                       - - x - x x - x -
menu.sold_out                                      - - x - x - x x -
cook.list                                          - - x - - - - - -
cook.switch                                        - - x - - - - - -
cook.leave                                         - - x - - - - - -
screen.configure                                   - - x - - - - - -
stay.check_in                                      - - - x - - - x -
stay.check_out                                     - - - x - - - x -
stay.move                                          - - - x - - - x -
stay.declare                                       x x - x - - - x -
GET /api/v1/stays                                  - - - x - - - x -
POST /api/v1/stays                                 - - - x - - - x -
POST /api/v1/stays/search                          - - - x - - - x -
GET /api/v1/stays/{stay_id}                        - - - x - - - x -
POST /api/v1/stays/{stay_id}/check-out             - - - x - - - x -
POST /api/v1/stays/{stay_id}/move                  - - - x - - - x -
PUT /api/v1/stays/{stay_id}/allergens              x x - x - - - x -
POST /api/v1/stays/{stay_id}/phone-code            - - - x - - - x -
phone.invite                                       x - - - - - - - -
GET /api/v1/devices                                - - - x - - - x -
GET /api/v1/devices/{device_id}                    - - - x - - - x -
PATCH /api/v1/devices/{device_id}                  - - - - - - - x -
POST /api/v1/devices/{device_id}/suspend           - - - - - - - x -
POST /api/v1/devices/{device_id}/resume            - - - - - - - x -
POST /api/v1/devices/{device_id}/lost              - - - - - - - x -
POST /api/v1/devices/{device_id}/retire            - - - - - - - x -
GET /api/v1/devices/pairing/{user_code}            - - - x - - - x -
POST /api/v1/devices/pairing/{user_code}/approve   - - - x - - - x -
GET /api/v1/staff/session                          - - - x x x x x x
POST /api/v1/staff/session/end                     - - - x x x x x x
GET /api/v1/staff/sessions                         - - - x x x x x x
POST /api/v1/staff/sessions/{session_id}/revoke    - - - x x x x x x
POST /api/v1/staff/password                        - - - x x x x x x
PUT /api/v1/staff/pin                              - - - x x x x x x
POST /api/v1/staff/totp/begin                      - - - x x x x x x
POST /api/v1/staff/totp/confirm                    - - - x x x x x x
POST /api/v1/staff/totp/end                        - - - x x x x x x
GET /api/v1/staff/people                           - - - - - - - x x
POST /api/v1/staff/people                          - - - - - - - x x
GET /api/v1/staff/people/{staff_id}                - - - - - - - x x
PATCH /api/v1/staff/people/{staff_id}              - - - - - - - x x
DELETE /api/v1/staff/people/{staff_id}             - - - - - - - x x
GET /api/v1/staff/people/{staff_id}/sessions       - - - - - - - x x
POST /api/v1/files                                 - - - - - - x x -
DELETE /api/v1/files/{file_id}                     - - - - - - x x -
GET /api/v1/pages                                  - - - - - - x x -
POST /api/v1/pages                                 - - - - - - x x -
GET /api/v1/pages/{page_id}                        - - - - - - x x -
PATCH /api/v1/pages/{page_id}                      - - - - - - x x -
DELETE /api/v1/pages/{page_id}                     - - - - - - x x -
POST /api/v1/pages/{page_id}/publish               - - - - - - x x -
POST /api/v1/pages/{page_id}/unpublish             - - - - - - x x -
POST /api/v1/pages/{page_id}/restore               - - - - - - x x -
GET /api/v1/pages/{page_id}/history                - - - - - - x x -
GET /api/v1/pages/{page_id}/history/{version}      - - - - - - x x -
GET /api/v1/hotel/settings                         - - - - - - - x x
PATCH /api/v1/hotel/settings                       - - - - - - - x x
GET /api/v1/hotel/tax-rates                        - - - - - - - x -
POST /api/v1/hotel/tax-rates                       - - - - - - - x -
DELETE /api/v1/hotel/tax-rates/{tax_rate_id}       - - - - - - - x -
GET /api/v1/webhooks                               - - - - - - - x -
POST /api/v1/webhooks                              - - - - - - - x -
PATCH /api/v1/webhooks/{webhook_id}                - - - - - - - x -
DELETE /api/v1/webhooks/{webhook_id}               - - - - - - - x -
POST /api/v1/webhooks/{webhook_id}/test            - - - - - - - x -
GET /api/v1/webhooks/{webhook_id}/deliveries       - - - - - - - x -
GET /api/v1/audit                                  - - - - - - - x x
GET /api/v1/platform/audit                         - - - - - - - - x
GET /api/v1/tenants                                - - - - - - - - x
POST /api/v1/tenants                               - - - - - - - - x
GET /api/v1/tenants/{tenant_id}                    - - - - - - - - x
PATCH /api/v1/tenants/{tenant_id}                  - - - - - - - - x
POST /api/v1/tenants/{tenant_id}/suspend           - - - - - - - - x
POST /api/v1/tenants/{tenant_id}/resume            - - - - - - - - x
POST /api/v1/tenants/{tenant_id}/end               - - - - - - - - x
"""


def expected() -> dict[str, frozenset[str]]:
    """Who may call what, by name."""
    rows = {}
    for line in TABLE.strip().splitlines():
        name, marks = line[: -2 * len(COLUMNS)].strip(), line.split()[-len(COLUMNS) :]
        rows[name] = frozenset(who for who, mark in zip(COLUMNS, marks, strict=True) if mark == "x")
    return rows


EXPECTED: Final = expected()


def test_the_table_knows_everything_that_is_guarded() -> None:
    """Defence: this table; a new route or command must be written into it by hand."""
    assert set(EXPECTED) == {name for name, call in CALLS.items() if not call.public}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_description_lets_in_whom_the_table_does(name: str) -> None:
    """Defence: hub/security/permissions.py DEVICES and ROLES; the permission at each route and command."""
    assert CALLS[name].actors == EXPECTED[name]


@pytest.fixture(scope="module")
async def ours(admin: Connection, two: Two) -> Ids:
    return await ids_of(admin, two.owners, two.ours.tenant_id)


@pytest.fixture(scope="module")
def hub(live: Live, web: httpx.AsyncClient) -> Hub:
    return Hub(live, web)


# Those that end the caller's own sign-in come last, in their own tests.
ENDING: Final = {"POST /api/v1/staff/session/end", "POST /api/v1/staff/sessions/{session_id}/revoke"}


@pytest.mark.parametrize("name", sorted(EXPECTED.keys() - ENDING))
async def test_the_hub_lets_in_whom_the_table_does(
    hub: Hub, ours: Ids, everybody: dict[str, Principal], name: str
) -> None:
    """Defence: hub/web/gate.py admit and hub/operations.py call, which ask `need`."""
    call: Call = CALLS[name]
    document = OPENAPI if call.path else ASYNCAPI
    for who in sorted(everybody, key=lambda one: one in EXPECTED[name]):
        asked = Maker(document, ours, f"{name} {who}").ask(call)
        status, answer = await hub.outcome(asked, everybody[who])
        told = answer.get("code") if status >= 400 else None
        told = told if told != "forbidden" or "permission" in answer["details"] else "another reason"
        assert (told == "forbidden") == (who not in EXPECTED[name]), (who, status, answer)
        if who in EXPECTED[name]:
            break  # one who may is enough: what it does may end the others


async def test_without_need_everybody_could(
    api: Api, admin: Connection, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = await make_staff(admin, hotel, "runner")
    problem(await api.get("/api/v1/staff/people", runner), 403, "forbidden")
    monkeypatch.setattr(Principal, "need", lambda self, permission: None)
    assert (await api.get("/api/v1/staff/people", runner)).status_code == 200


# methods that pretend


@pytest.mark.parametrize(
    "headers",
    [
        {"X-HTTP-Method-Override": "GET"},
        {"X-HTTP-Method": "DELETE"},
        {"X-Method-Override": "POST"},
        {"X-Original-URL": "/api/v1/staff/people"},
        {"X-Rewrite-URL": "/api/v1/staff/people"},
        {"X-Forwarded-Prefix": "/api/v1/staff/people"},
    ],
    ids=lambda headers: next(iter(headers)),
)
async def test_a_header_changes_neither_method_nor_address(
    api: Api, admin: Connection, hotel: Hotel, headers: dict[str, str]
) -> None:
    """Defence: Starlette's router reads the request line alone."""
    runner = bearer(await make_staff(admin, hotel, "runner")) | headers
    problem(await api.client.get("/api/v1/staff/people", headers=runner), 403, "forbidden")
    problem(await api.client.post("/api/v1/menu", headers=runner), 405, "method_not_allowed")
    answer = await api.client.get("/api/v1/menu?_method=DELETE", headers=runner)
    assert answer.status_code == 200
    assert "items" in answer.json()


async def test_head_is_guarded_like_get(api: Api, admin: Connection, hotel: Hotel) -> None:
    """Defence: hub/web/endpoint.py Guarded."""
    runner = bearer(await make_staff(admin, hotel, "runner"))
    for path in (path for path, methods in OPENAPI["paths"].items() if "get" in methods and "{" not in path):
        for proof in ({}, {"Authorization": "Bearer x.y.z"}):
            head, get = [await api.client.request(m, path, headers=proof) for m in ("HEAD", "GET")]
            assert head.status_code == get.status_code
            assert head.status_code == 401 or CALLS[f"GET {path}"].public
        if "staff:runner" not in (CALLS[f"GET {path}"].actors or {"staff:runner"}):
            assert (await api.client.head(path, headers=runner)).status_code == 403


# raising oneself


async def test_nobody_raises_oneself(desk: Desk, hotel: Hotel) -> None:
    """Defence: hub/staff/model.py check_change, check_grant, check_role."""
    manager = await desk.hire(hotel, "manager")
    front = await desk.hire(hotel, "front", permissions=("audit.read",))
    boss, clerk = await desk.enter(manager), await desk.enter(front)
    people = "/api/v1/staff/people"

    async def patch(staff_id: object, body: dict[str, Any], token: str) -> tuple[int, str]:
        answer = await desk.call("PATCH", f"{people}/{staff_id}", body, token=token)
        return answer.status_code, answer.json().get("code", "done")

    assert await patch(front.id, {"role": "manager"}, clerk.access) == (403, "forbidden")
    for body in ({"role": "super_admin"}, {"permissions": ["tenant.manage"]}, {"permissions": ["*"]}):
        for target in (manager.id, front.id):
            assert (await patch(target, body, boss.access))[0] in (400, 403), (body, target)
    for grant in Permission:
        status, _ = await patch(front.id, {"permissions": [grant.value]}, boss.access)
        assert (status == 200) == (grant in GRANTABLE), grant
    new = {"name": "Eve", "email": "eve@hotel.example", "role": "super_admin"}
    assert (await desk.call("POST", people, new, token=boss.access)).status_code == 400


def test_what_can_be_given_reaches_nowhere_beyond_the_hotel() -> None:
    """Defence: hub/security/permissions.py GRANTABLE."""
    never = {
        Permission.TENANT_MANAGE,
        Permission.STAFF_MANAGE,
        Permission.WEBHOOK_MANAGE,
        Permission.ORDER_PLACE,
        Permission.COOK_SWITCH,
        Permission.SCREEN_CONFIGURE,
        Permission.PHONE_INVITE,
    }
    assert not never & GRANTABLE


async def test_the_platform_is_no_door_into_a_hotel(api: Api, admin: Connection, hotel: Hotel) -> None:
    """Defence: hub/security/permissions.py ROLES: a super-admin reads nothing of a hotel. Sql admit_staff."""
    root = await make_staff(admin, hotel, "super_admin")
    for path in ("orders", "stays", "devices", "menu"):
        problem(await api.get(f"/api/v1/{path}", root), 403, "forbidden")
    audit = await api.get("/api/v1/audit", root)
    assert str(hotel.tenant_id) not in audit.text
    # a role that the hub would not put into a token, over the sign-in of a manager
    manager = await make_staff(admin, hotel, "manager")
    raised = structs.replace(manager, role="super_admin")
    problem(await api.get("/api/v1/tenants", raised), 401, "unauthorized")
