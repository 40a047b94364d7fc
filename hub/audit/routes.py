"""HTTP of the audit: a hotel's own for its manager, the platform's for super-admins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.audit import store
from hub.audit.model import AuditFilter, Entries
from hub.security.permissions import Permission
from hub.web.endpoint import Guarded, Spec
from hub.web.gate import Gate, query

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.db.database import Database
    from hub.db.scope import Scope
    from hub.security.principal import Principal


def routes(gate: Gate, database: Database, platform: Database) -> list[Guarded]:
    """`platform` works as hub_admin."""

    async def of_hotel(request: Request, principal: Principal) -> Entries:
        wanted = query(request, AuditFilter)

        async def work(scope: Scope) -> Entries:
            return await store.of_hotel(scope, wanted)

        return await database.look(principal.tenant_id, principal.actor(), work)

    async def of_platform(request: Request, principal: Principal) -> Entries:
        wanted = query(request, AuditFilter)
        async with platform.read(principal.tenant_id, principal.actor()) as scope:
            return await store.of_platform(scope, wanted)

    return [
        Guarded(
            gate,
            Permission.AUDIT_READ,
            "GET",
            "/api/v1/audit",
            of_hotel,
            Spec(
                name="readAudit",
                summary="Who changed what in this hotel, when, from where; newest first",
                tag="audit",
                query=AuditFilter,
                result=Entries,
            ),
        ),
        Guarded(
            gate,
            Permission.TENANT_MANAGE,
            "GET",
            "/api/v1/platform/audit",
            of_platform,
            Spec(
                name="readPlatformAudit",
                summary="What happened to the platform itself: hotels, keys; newest first",
                tag="audit",
                query=AuditFilter,
                result=Entries,
            ),
        ),
    ]
