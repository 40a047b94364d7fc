"""API3:2023 Broken object property level authorization: writing a field that is not for the writer, reading
one that is not for the reader."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from hub.documents import asyncapi_document, openapi_document
from tests.api.conftest import Api
from tests.factories import Hotel, make_staff
from tests.realtime.peer import peer
from tests.security.callers import SUPER_ADMIN
from tests.security.generated import Asked, Call, Ids, Maker, commands, ids_of, routes
from tests.security.test_api7_ssrf import resolved
from tests.security.test_bola import Hub

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from tests.database.strangers import Two
    from tests.realtime.conftest import Live

OPENAPI: Final[dict[str, Any]] = json.loads(openapi_document())
ASYNCAPI: Final[dict[str, Any]] = json.loads(asyncapi_document())
ROUTES: Final = list(routes(OPENAPI))
CALLS: Final = [call for call in (*ROUTES, *commands(ASYNCAPI)) if call.body is not None]
# What somebody would try to write along.
PRIVILEGED: Final[dict[str, object]] = {
    "id": "00000000-0000-4000-8000-00000000beef",
    "tenant_id": "00000000-0000-0000-0000-000000000000",
    "role": "super_admin",
    "permissions": ["tenant.manage"],
    "is_active": True,
    "email_verified": True,
    "status": "active",
    "total_amount": 0,
    "price": 0,
    "access_version": 1,
    "credential_hash": "00",
    "password_hash": "x",
    "__proto__": {"role": "manager"},
    "Role": "manager",
}
# Objects whose fields a hotel chooses itself, within their type; the hub reads them as nothing more.
FREE: Final = frozenset({"settings", "plan_features", "keys", "station_capacity"})


def called(call: Call) -> str:
    return call.name


def objects(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every object below a schema."""
    match schema:
        case dict():
            if schema.get("type") == "object":
                yield path, schema
            for name, part in schema.get("properties", {}).items():
                yield from objects(part, f"{path}.{name}")
            for key in ("anyOf", "oneOf", "items"):
                yield from objects(schema.get(key), path)
        case list():
            for part in schema:
                yield from objects(part, path)


@pytest.mark.parametrize("call", CALLS, ids=called)
def test_no_body_takes_what_it_does_not_know(call: Call) -> None:
    """Defence: forbid_unknown_fields of every type that is read from a client."""
    document = OPENAPI if call.path else ASYNCAPI
    found = list(objects(resolved(document, call.body)))
    assert found
    for path, schema in found:
        assert schema.get("additionalProperties") is False or path.rpartition(".")[2] in FREE, path


@pytest.fixture(scope="module")
async def ours(admin: Connection, two: Two) -> Ids:
    return await ids_of(admin, two.owners, two.ours.tenant_id)


@pytest.fixture(scope="module")
def hub(live: Live, web: httpx.AsyncClient) -> Hub:
    return Hub(live, web)


@pytest.mark.parametrize("call", CALLS, ids=called)
async def test_privileged_fields_are_refused(
    hub: Hub, ours: Ids, everybody: dict[str, Principal], call: Call
) -> None:
    """Defence: as above; hub/operations.py decode."""
    document = OPENAPI if call.path else ASYNCAPI
    known = resolved(document, call.body).get("properties", {})
    who = None if call.public else everybody[sorted(call.actors or ())[-1]]
    for field, value in PRIVILEGED.items():
        if field in known:
            continue
        asked = Maker(document, ours, f"{call.name} {field}").ask(call)
        bent = Asked(call, asked.url, asked.headers, {field: value, **asked.body})
        status, answer = await hub.outcome(bent, who)
        assert (status, answer["code"]) == (400, "invalid_input"), (field, answer)
        text = answer.get("detail") or answer["message"]
        assert "unknown field" in text, (field, text)


# what answers hold


async def secret_columns(admin: Connection) -> set[str]:
    """Names of columns that hold hashes, sealed texts, keys: read from the database itself."""
    rows = await admin.fetch(
        "SELECT DISTINCT attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
        " WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p') AND attnum > 0"
        " AND attname ~ '(hash|hashes|encrypted|wrapped|secret|_index|totp_last_step)$'"
    )
    found = {row["attname"] for row in rows}
    assert {"password_hash", "credential_hash", "email_encrypted", "email_index", "pin_hash"} <= found
    return found


def names(value: Any) -> set[str]:
    """Every field's name in a JSON value."""
    match value:
        case dict():
            return set(value) | {name for part in value.values() for name in names(part)}
        case list():
            return {name for part in value for name in names(part)}
        case _:
            return set()


def answers() -> Iterator[tuple[str, Any]]:
    """The schema of every answer that succeeds, by route."""
    for path, methods in OPENAPI["paths"].items():
        for method, operation in methods.items():
            for status, response in operation["responses"].items():
                content = response.get("content", {}).get("application/json")
                if status.startswith("2") and content:
                    yield f"{method.upper()} {path}", resolved(OPENAPI, content["schema"])


def properties(schema: Any) -> set[str]:
    return {name for _, one in objects(schema) for name in one.get("properties", {})}


async def test_no_answer_is_made_to_hold_a_secret(admin: Connection) -> None:
    """Defence: the types of the answers; no row of the database goes out as it is."""
    secret = await secret_columns(admin)
    for name, schema in answers():
        assert not properties(schema) & secret, name


# Who is shown the addresses of people, and numbers: everything else shows none.
PERSONAL: Final = {
    "GET /api/v1/staff/people": {"email"},
    "POST /api/v1/staff/people": {"email"},
    "GET /api/v1/staff/people/{staff_id}": {"email"},
    "PATCH /api/v1/staff/people/{staff_id}": {"email"},
    "GET /api/v1/stays": {"guest_phone", "guest_name"},
    "POST /api/v1/stays/search": {"guest_phone", "guest_name"},
    "GET /api/v1/stays/{stay_id}": {"guest_phone", "guest_name"},
    "GET /api/v1/tenants": {"contact_email", "contact_phone"},
    "POST /api/v1/tenants": {"contact_email", "contact_phone"},
    "GET /api/v1/tenants/{tenant_id}": {"contact_email", "contact_phone"},
    "PATCH /api/v1/tenants/{tenant_id}": {"contact_email", "contact_phone"},
    "POST /api/v1/tenants/{tenant_id}/suspend": {"contact_email", "contact_phone"},
    "POST /api/v1/tenants/{tenant_id}/resume": {"contact_email", "contact_phone"},
    "POST /api/v1/tenants/{tenant_id}/end": {"contact_email", "contact_phone"},
    "GET /api/v1/menu": {"phone"},  # the hotel's own, for guests to call
    "GET /api/v1/hotel/settings": {"phone"},
    "PATCH /api/v1/hotel/settings": {"phone"},
}


def test_who_is_shown_what_is_personal() -> None:
    """Defence: the types of the answers."""
    for name, schema in answers():
        words = ("email", "phone", "guest_name")
        shown = {one for one in properties(schema) if any(word in one for word in words)} - {"email_verified"}
        assert shown <= PERSONAL.get(name, set()), (name, shown)


async def test_no_answer_holds_a_secret(
    hub: Hub, live: Live, admin: Connection, ours: Ids, two: Two, everybody: dict[str, Principal]
) -> None:
    """Defence: sql audit_row redacts; the queries name their columns. Every reading route, every caller."""
    secret = await secret_columns(admin)
    values = {
        row[0]
        for row in await admin.fetch(
            "SELECT email_encrypted FROM app.staff UNION SELECT password_hash FROM app.staff"
            " UNION SELECT encode(email_index, 'hex') FROM app.staff"
        )
    } - {"x", "v1:"}
    assert len(values) > 5
    seen = 0
    for call in ROUTES:
        if call.method != "GET" or call.public:
            continue
        for name, who in everybody.items():
            if name in (call.actors or ()):
                status, answer = await hub.outcome(Maker(OPENAPI, ours, call.name).ask(call), who)
                text = json.dumps(answer)
                # the audit names columns that have changed, and says nothing of what is in them
                assert not names(answer) & secret or "audit" in call.path, call.name
                assert not [value for value in values if value in text], call.name
                seen += status == 200
    assert seen > 20
    for name, who in everybody.items():
        if name != SUPER_ADMIN:
            async with peer(live) as screen:
                await screen.hello(who)
                assert not names(screen.frames) & secret


async def test_the_audit_tells_that_a_secret_changed_and_not_which(
    api: Api, admin: Connection, hotel: Hotel
) -> None:
    """Defence: sql redacted, called by audit_row."""
    manager = await make_staff(admin, hotel, "manager")
    for column in ("password_hash", "email_encrypted"):
        await admin.execute(f"UPDATE app.staff SET {column} = 'v1:canary' WHERE id = $1", manager.id)
    entries = (await api.get("/api/v1/audit", manager, record=str(manager.id))).json()["entries"]
    assert {"password_hash", "email_encrypted"} <= {
        one for entry in entries for one in entry["changed"] or ()
    }
    assert "canary" not in json.dumps(entries)
