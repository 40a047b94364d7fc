"""What the functions of the schema refuse on purpose, by their SQLSTATE, as errors of the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.errors import HubError, LimitReached, TenantClosed, TokenExpired, Unauthorized

if TYPE_CHECKING:
    import asyncpg


def refusal(error: asyncpg.PostgresError) -> HubError | None:
    """The error that a client is told, or None when the database did not mean to refuse."""
    detail: str = getattr(error, "detail", None) or ""
    match getattr(error, "sqlstate", None):
        case "HUB01":
            return Unauthorized("This session has ended.")
        case "HUB02":
            reason: str | None = getattr(error, "hint", None) or None
            return TenantClosed(
                f"This hotel is {detail.replace('_', ' ')}.", tenant_status=detail, status_reason=reason
            )
        case "HUB03":
            limit = msgspec.json.decode(detail)
            return LimitReached(
                f"The plan of this hotel allows {limit['allowed']} {_UNITS[limit['limit']]}.", **limit
            )
        case "HUB04":
            return TokenExpired("Your permissions have changed; renew the token.")
        case _:
            return None


_UNITS = {"rooms": "rooms with a tablet", "users": "people", "storage": "bytes of files"}
