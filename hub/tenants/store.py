"""Hotels in the database, as hub_admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import UNSET, Struct, UnsetType

from hub.db.queries import load
from hub.errors import Conflict, InvalidInput
from hub.tenants.model import Status, Tenant, TenantSummary, Terms, Usage

if TYPE_CHECKING:
    from hub.db.queries import Query
    from hub.db.scope import Scope
    from hub.security.vault import Vault

_queries = load("tenants")
INSERT_TENANT: Final = _queries["insert_tenant"]
USUAL_RATES: Final = _queries["usual_rates"]
LOCK_TENANT: Final = _queries["lock_tenant"]
SAVE_TENANT: Final = _queries["save_tenant"]
SAVE_CONTACT_EMAIL: Final = _queries["save_contact_email"]
SAVE_CONTACT_PHONE: Final = _queries["save_contact_phone"]
SET_STATUS: Final = _queries["set_status"]
TENANT: Final = _queries["tenant"]
TENANTS: Final = _queries["tenants"]
ID_OF_SLUG: Final = _queries["id_of_slug"]

_CONTACT: Final = ("contact_email", "contact_phone")


class Locked(Struct, frozen=True):
    """A hotel that this transaction holds."""

    slug: str
    status: Status
    terms: Terms


async def insert(scope: Scope, tenant_id: UUID, slug: str, terms: Terms) -> None:
    """A new hotel, with the usual tax rates. Raises Conflict for a slug or a domain that another hotel has,
    InvalidInput."""
    await _write(scope, INSERT_TENANT, tenant_id, slug, *_values(terms))
    await scope.execute(USUAL_RATES, tenant_id)


async def save(scope: Scope, tenant_id: UUID, terms: Terms) -> None:
    """Raises Conflict for a domain that another hotel has, InvalidInput."""
    await _write(scope, SAVE_TENANT, tenant_id, *_values(terms))


async def save_contact(
    scope: Scope, vault: Vault, tenant_id: UUID, email: str | UnsetType | None, phone: str | UnsetType | None
) -> None:
    """Seal how the platform reaches a hotel with the hotel's own keys."""
    theirs = scope.of(tenant_id)
    for query, column, text in (
        (SAVE_CONTACT_EMAIL, "contact_email_encrypted", email),
        (SAVE_CONTACT_PHONE, "contact_phone_encrypted", phone),
    ):
        if text is not UNSET:
            sealed = text and await vault.seal(theirs, "tenants", column, tenant_id, text)
            await scope.execute(query, tenant_id, sealed)


async def lock(scope: Scope, tenant_id: UUID) -> Locked | None:
    """The hotel, held until this transaction ends; None when there is no such one."""
    row = await scope.fetchrow(LOCK_TENANT, tenant_id)
    if row is None:
        return None
    return Locked(row["slug"], row["status"], msgspec.convert(_plain(row), Terms))


async def set_status(scope: Scope, tenant_id: UUID, status: Status, reason: str | None) -> None:
    await scope.execute(SET_STATUS, tenant_id, status, reason)


async def tenant(scope: Scope, vault: Vault, tenant_id: UUID) -> Tenant | None:
    row = await scope.fetchrow(TENANT, tenant_id)
    if row is None:
        return None
    values = _plain(row)
    theirs = scope.of(tenant_id)
    for name in _CONTACT:
        column = f"{name}_encrypted"
        values[name] = await vault.shown(theirs, "tenants", column, tenant_id, values.pop(column))
    used = (values.pop(f"{what}_used") for what in ("rooms", "users", "storage"))
    return msgspec.convert(values | {"usage": Usage(*used)}, Tenant)


async def tenants(scope: Scope, after: str, status: Status | None, limit: int) -> list[TenantSummary]:
    """At most `limit` hotels whose slug comes after `after`, by slug."""
    rows = await scope.fetch(TENANTS, after, status, limit)
    return [msgspec.convert(dict(row), TenantSummary) for row in rows]


async def id_of_slug(scope: Scope, slug: str) -> UUID | None:
    row = await scope.fetchrow(ID_OF_SLUG, slug)
    return None if row is None else row["id"]


def _plain(row: asyncpg.Record) -> dict[str, Any]:
    return dict(row) | {"plan_features": msgspec.json.decode(row["plan_features"])}


def _values(terms: Terms) -> list[object]:
    values = {name: getattr(terms, name) for name in Terms.__struct_fields__}
    return list((values | {"plan_features": msgspec.json.encode(terms.plan_features).decode()}).values())


async def _write(scope: Scope, query: Query, *values: object) -> None:
    try:
        await scope.execute(query, *values)
    except asyncpg.UniqueViolationError as error:
        field = "slug" if error.constraint_name == "tenants_slug_key" else "domain"
        raise Conflict(f"Another hotel has this {field}.", field=field) from error
    except (asyncpg.InvalidParameterValueError, asyncpg.CheckViolationError) as error:
        # Python and PostgreSQL have a table of time zones each
        raise InvalidInput("The database does not know this time zone.", field="time_zone") from error
