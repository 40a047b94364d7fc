"""Hotels by super-admins, over HTTP and by the command line."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from hub.db.ids import uuid7
from hub.security.principal import PLATFORM
from hub.tenants import command
from tests.api.conftest import Api, bearer, problem
from tests.conftest import MASTER_KEY
from tests.factories import Hotel, make_staff

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from hub.settings import Settings

TENANTS = "/api/v1/tenants"


@pytest.fixture
async def boss(admin: Connection, hotel: Hotel) -> Principal:
    return await make_staff(admin, hotel, "super_admin")


def new(**more: object) -> dict[str, object]:
    return {"slug": f"inn-{uuid4().hex[:12]}", "name": "The Inn", **more}


async def patch(api: Api, path: str, body: object, as_: Principal) -> httpx.Response:
    headers = {"Content-Type": "application/json"} | bearer(as_)
    return await api.client.patch(path, content=msgspec.json.encode(body), headers=headers)


async def test_a_hotel_is_made_and_read(api: Api, admin: Connection, boss: Principal) -> None:
    wanted = new(
        domain="Inn.Example.COM",
        plan_type="standard",
        plan_features={"pages": True, "languages": 2},
        room_limit=7,
        address="1-2-3 Ginza",
        contact_name="Abe",
        contact_email="Abe@Example.com",
        contact_phone="03-1234-5678",
        contract_start="2026-01-01",
        contract_end="2036-12-31",
        time_zone="Europe/Paris",
        locale="en",
        business_day_cutover="04:30:00",
    )
    wanted["domain"] = f"{wanted['slug']}.Example.COM"
    answer = await api.post(TENANTS, wanted, boss)
    assert answer.status_code == 201, answer.text
    made = answer.json()["tenant"]
    assert answer.json()["letter_sent"] is False
    assert (made["domain"], made["contact_email"]) == (f"{wanted['slug']}.example.com", "abe@example.com")
    for name in set(wanted) - {"domain", "contact_email", "business_day_cutover"}:
        assert made[name] == wanted[name], name
    assert (made["status"], made["state"]) == ("active", "active")
    assert made["usage"] == {"rooms": 0, "users": 0, "storage": 0}
    assert (await api.get(f"{TENANTS}/{made['id']}", boss)).json() == {"tenant": made}
    # sealed with the hotel's own keys
    row = await admin.fetchrow("SELECT * FROM app.tenants WHERE id = $1::text::uuid", made["id"])
    assert row is not None
    assert "@" not in row["contact_email_encrypted"]
    keys = "SELECT count(*) FROM app.data_keys WHERE tenant_id = $1::text::uuid"
    assert await admin.fetchval(keys, made["id"]) == 2
    # it stands in the hotel's audit and in the platform's, by whom it was made
    for table, column in (("audit_logs", "tenant_id::text"), ("platform_audit", "record")):
        entry = await admin.fetchrow(
            f"SELECT user_id, user_role, new::text AS new FROM app.{table}"
            f" WHERE {column} = $1 AND table_name = 'tenants' AND operation = 'insert'",
            made["id"],
        )
        assert entry is not None
        assert (entry["user_id"], entry["user_role"]) == (boss.id, "super_admin")
        assert "abe@" not in entry["new"]


async def test_a_plain_one_is_as_usual(api: Api, boss: Principal) -> None:
    made = (await api.post(TENANTS, new(), boss)).json()["tenant"]
    assert (made["room_limit"], made["user_limit"], made["storage_limit"]) == (50, 5, 2**30)
    assert (made["time_zone"], made["locale"], made["plan_type"]) == ("Asia/Tokyo", "ja", "basic")


async def test_the_first_manager_is_made_with_it(api: Api, admin: Connection, boss: Principal) -> None:
    manager = {"name": "Mori", "email": "mori@example.com"}
    answer = await api.post(TENANTS, new(manager=manager), boss)
    assert answer.status_code == 201, answer.text
    assert answer.json()["tenant"]["usage"]["users"] == 1
    row = await admin.fetchrow(
        "SELECT name, role, email_verified, email_encrypted FROM app.staff WHERE tenant_id = $1::text::uuid",
        answer.json()["tenant"]["id"],
    )
    assert row is not None
    assert (row["name"], row["role"], row["email_verified"]) == ("Mori", "manager", False)
    assert "mori" not in row["email_encrypted"]


async def test_slugs_and_domains_are_one_hotels(api: Api, boss: Principal, hotel: Hotel) -> None:
    problem(await api.post(TENANTS, new(slug=hotel.slug), boss), 409, "conflict", "slug")
    domain = f"{uuid4().hex}.example"
    assert (await api.post(TENANTS, new(domain=domain), boss)).status_code == 201
    problem(await api.post(TENANTS, new(domain=domain.upper()), boss), 409, "conflict", "domain")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"slug": "platform"}, "slug"),
        ({"slug": "www"}, "slug"),
        ({"slug": "-inn"}, "slug"),
        ({"slug": "Inn"}, "slug"),
        ({"slug": "xn--inn"}, "slug"),
        ({"slug": "a" * 64}, "slug"),
        ({"slug": "a\n"}, "slug"),
        ({"name": ""}, "name"),
        ({"name": "A\u202eB"}, "name"),
        ({"name": "A\0B"}, "name"),
        ({"domain": "localhost"}, "domain"),
        ({"domain": "10.0.0.1"}, "domain"),
        ({"domain": "inn.example/path"}, "domain"),
        ({"domain": "inn..example"}, "domain"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "JST-9"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"contract_start": "2026-02-30"}, "contract_start"),
        ({"contract_start": "2026-02-02T00:00:00Z"}, "contract_start"),
        ({"contract_start": "2026-02-02", "contract_end": "2026-02-01"}, "contract_end"),
        ({"room_limit": 0}, "room_limit"),
        ({"room_limit": 2**31}, "room_limit"),
        ({"storage_limit": 2**63}, "storage_limit"),
        ({"storage_limit": 10**40}, "storage_limit"),
        ({"user_limit": 1.5}, "user_limit"),
        ({"contact_email": "nobody"}, "contact_email"),
        ({"contact_phone": "call me"}, "contact_phone"),
        ({"plan_features": {"Pages!": True}}, None),
        ({"plan_features": {"pages": "yes"}}, "plan_features[...]"),
        ({"plan_features": {f"f{n}": True for n in range(51)}}, "plan_features"),
        ({"business_day_cutover": "25:00:00"}, "business_day_cutover"),
        ({"business_day_cutover": "05:00:00Z"}, "business_day_cutover"),
        ({"locale": "de"}, "locale"),
        ({"status": "ended"}, None),
        ({"manager": {"name": "M", "email": "nobody"}}, "manager.email"),
        ({"manager": {"name": "M\u200b", "email": "x@example.com"}}, "manager.name"),
    ],
)
async def test_bad_terms_are_refused(
    api: Api, admin: Connection, boss: Principal, more: dict[str, Any], field: str | None
) -> None:
    before = await admin.fetchval("SELECT count(*) FROM app.tenants")
    answer = await api.post(TENANTS, new(**more), boss)
    document = problem(answer, 400, "invalid_input", answer.json()["details"].get("field"))
    assert field is None or document["details"]["field"] == field
    assert await admin.fetchval("SELECT count(*) FROM app.tenants") == before


async def test_terms_change_one_by_one(api: Api, admin: Connection, boss: Principal) -> None:
    made = (await api.post(TENANTS, new(contact_phone="03-1", contract_end="2036-01-01"), boss)).json()
    tenant = made["tenant"]
    path = f"{TENANTS}/{tenant['id']}"
    changed = (await patch(api, path, {"room_limit": 3, "contract_end": None}, boss)).json()["tenant"]
    assert changed == tenant | {"room_limit": 3, "contract_end": None}
    changed = (await patch(api, path, {"contact_phone": None, "contact_email": "a@b.example"}, boss)).json()
    assert (changed["tenant"]["contact_phone"], changed["tenant"]["contact_email"]) == (None, "a@b.example")
    assert (await patch(api, path, {}, boss)).json() == changed
    answer = await patch(api, path, {"contract_start": "2030-01-01", "contract_end": "2029-01-01"}, boss)
    problem(answer, 400, "invalid_input", "contract_end")
    problem(await patch(api, path, {"slug": "other"}, boss), 400, "invalid_input")
    entry = await admin.fetchrow(
        "SELECT changed FROM app.platform_audit WHERE record = $1 AND operation = 'update'"
        " AND 'room_limit' = ANY (changed)",
        tenant["id"],
    )
    assert entry is not None
    assert entry["changed"] == ["contract_end", "room_limit"]


async def test_suspended_and_told_why(
    api: Api, hotel: Hotel, other_hotel: Hotel, admin: Connection, boss: Principal
) -> None:
    path = f"{TENANTS}/{hotel.tenant_id}"
    manager = await make_staff(admin, hotel, "manager")
    problem(await api.post(f"{path}/resume", {}, boss), 409, "invalid_transition")
    tenant = (await api.post(f"{path}/suspend", {"reason": "The bill is not paid."}, boss)).json()["tenant"]
    assert (tenant["status"], tenant["state"]) == ("suspended", "suspended")
    told = {"tenant_status": "suspended", "status_reason": "The bill is not paid."}
    for principal in (hotel.tablet(), hotel.kitchen(), manager):
        document = problem(await api.get("/api/v1/menu", principal), 403, "tenant_closed")
        assert document["details"] == told
    # nobody else is closed
    assert (await api.get("/api/v1/menu", other_hotel.tablet())).status_code == 200
    assert (await api.post(f"{path}/resume", {}, boss)).json()["tenant"]["status_reason"] is None
    assert (await api.get("/api/v1/menu", hotel.tablet())).status_code == 200


async def test_ended_for_good(api: Api, hotel: Hotel, admin: Connection, boss: Principal) -> None:
    path = f"{TENANTS}/{hotel.tenant_id}"
    answer = await api.post(f"{path}/end", {"confirm_slug": "another"}, boss)
    problem(answer, 400, "invalid_input", "confirm_slug")
    assert (await api.get("/api/v1/menu", hotel.tablet())).status_code == 200
    answer = await api.post(f"{path}/end", {"confirm_slug": hotel.slug}, boss)
    assert answer.json()["tenant"]["state"] == "ended"
    document = problem(await api.get("/api/v1/menu", hotel.tablet()), 403, "tenant_closed")
    assert document["details"] == {"tenant_status": "ended", "status_reason": None}
    for step, body in (("resume", {}), ("suspend", {"reason": "x"}), ("end", {"confirm_slug": hotel.slug})):
        problem(await api.post(f"{path}/{step}", body, boss), 409, "invalid_transition")
    # the data stay
    stays = "SELECT count(*) FROM app.stays WHERE tenant_id = $1"
    assert await admin.fetchval(stays, hotel.tenant_id) == 2


@pytest.mark.parametrize(
    ("dates", "state"),
    [
        ({"contract_start": "2099-01-01"}, "not_started"),
        ({"contract_end": "2020-01-01"}, "expired"),
        ({"contract_start": "2020-01-01", "contract_end": "2099-01-01"}, "active"),
    ],
)
async def test_a_contract_runs_from_day_to_day(
    api: Api, hotel: Hotel, boss: Principal, dates: dict[str, str], state: str
) -> None:
    tenant = (await patch(api, f"{TENANTS}/{hotel.tenant_id}", dates, boss)).json()["tenant"]
    assert (tenant["status"], tenant["state"]) == ("active", state)
    answer = await api.get("/api/v1/menu", hotel.tablet())
    if state == "active":
        assert answer.status_code == 200
    else:
        assert problem(answer, 403, "tenant_closed")["details"]["tenant_status"] == state


async def test_the_list_comes_in_pages_without_the_platform(api: Api, boss: Principal) -> None:
    slugs = sorted([str((await api.post(TENANTS, new(), boss)).json()["tenant"]["slug"]) for _ in range(3)])
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = (await api.get(TENANTS, boss, limit=2, **after)).json()
        seen += [tenant["slug"] for tenant in page["tenants"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == sorted(seen)
    assert set(slugs) <= set(seen)
    assert "platform" not in seen
    suspended = (await api.get(TENANTS, boss, status="suspended")).json()["tenants"]
    assert all(tenant["status"] == "suspended" for tenant in suspended)


async def test_the_platform_is_no_hotel(api: Api, boss: Principal) -> None:
    for tenant_id in (PLATFORM, uuid7()):
        path = f"{TENANTS}/{tenant_id}"
        problem(await api.get(path, boss), 404, "not_found", "tenant_id")
        problem(await patch(api, path, {"name": "x"}, boss), 404, "not_found", "tenant_id")
        answer = await api.post(f"{path}/end", {"confirm_slug": "platform"}, boss)
        problem(answer, 404, "not_found", "tenant_id")


async def test_hotels_are_none_of_a_managers_business(
    api: Api, hotel: Hotel, other_hotel: Hotel, admin: Connection
) -> None:
    for principal in (await make_staff(admin, hotel, "manager"), hotel.tablet(), hotel.kitchen()):
        for path in (TENANTS, f"{TENANTS}/{other_hotel.tenant_id}", "/api/v1/platform/audit"):
            assert (await api.get(path, principal)).status_code == 403
        assert (await api.post(TENANTS, new(), principal)).status_code == 403
        body = {"reason": "x"}
        assert (await api.post(f"{TENANTS}/{hotel.tenant_id}/suspend", body, principal)).status_code == 403


async def test_who_is_dismissed_gets_nowhere(api: Api, admin: Connection, boss: Principal) -> None:
    await admin.execute(
        "UPDATE app.staff_sessions SET ended_at = now(), end_reason = 'revoked' WHERE id = $1",
        boss.session_id,
    )
    problem(await api.get(TENANTS, boss), 401, "unauthorized")


async def test_by_the_command_line(
    settings: Settings, admin: Connection, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("HUB_MASTER_KEYS", f"test:{base64.b64encode(MASTER_KEY.secret).decode()}")
    slug = f"cli-{uuid4().hex[:8]}"
    await command.create(slug, "By hand", {"plan": "premium", "rooms": 9, "contract_end": "2099-01-01"})
    tenant_id = UUID(capsys.readouterr().out.split()[1])
    await command.suspend(slug, "later")
    await command.show("suspended")
    assert slug in capsys.readouterr().out
    await command.resume(slug)
    await command.limits(slug, None, 7, None)
    assert capsys.readouterr().out == f"{slug} is active\n" + (
        "rooms    0 of 9\nusers    0 of 7\nstorage  0 of 1073741824 bytes\n"
    )
    await command.end(slug, slug)
    roles = "SELECT DISTINCT user_role FROM app.platform_audit WHERE record = $1"
    assert await admin.fetchval(roles, str(tenant_id)) == "operator"


async def test_a_contact_that_cannot_be_opened_is_put_right_and_hinders_nothing(
    api: Api, admin: Connection, boss: Principal
) -> None:
    contact = {"contact_email": "a@example.com", "contact_phone": "03-1234-5678"}
    made = (await api.post(TENANTS, new(**contact), boss)).json()["tenant"]
    # as after the loss of the hotel's keys
    await admin.execute(
        "UPDATE app.tenants SET contact_email_encrypted = contact_phone_encrypted WHERE id = $1::text::uuid",
        made["id"],
    )
    path = f"{TENANTS}/{made['id']}"
    closed = await api.post(f"{path}/suspend", {"reason": "unpaid"}, boss)
    assert (closed.status_code, closed.json()["tenant"]["contact_email"]) == (200, None)
    mended = await patch(api, path, {"contact_email": "b@example.com"}, boss)
    assert mended.json()["tenant"]["contact_email"] == "b@example.com"
    assert mended.json()["tenant"]["contact_phone"] == contact["contact_phone"]
