"""The descriptions of what the hub can be asked, generated from the types that it is asked with."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from hub.db.pool import unconnected
from hub.db.scope import utc_now
from hub.ops import health
from hub.realtime import stream_routes
from hub.security.limits import Limiter
from hub.security.tokens import TokenKey, Tokens
from hub.services import SOCKET, Pools, Services, build, commands, http_routes
from hub.settings import MasterKey, Settings
from hub.web import asyncapi, openapi

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from hub.security.principal import Principal


def openapi_document() -> str:
    """The OpenAPI 3.1 document as JSON text."""

    async def describe() -> dict[str, Any]:
        services = _unserved()
        routes = http_routes(services, health.Health(()))
        return openapi.document([*routes, stream_routes.route(services.gate, _never)])

    return json.dumps(asyncio.run(describe()), ensure_ascii=False, indent=2)


def asyncapi_document() -> str:
    """The AsyncAPI 3.0 document as JSON text."""

    async def describe() -> dict[str, Any]:
        return asyncapi.document(SOCKET, commands(_unserved().vault))

    return json.dumps(asyncio.run(describe()), ensure_ascii=False, indent=2)


async def _never(request: Request, principal: Principal) -> Response:
    raise NotImplementedError  # what is only described is not called


def _unserved() -> Services:
    """For the descriptions: routes and commands describe themselves, nothing behind them is called."""
    pool = unconnected()
    settings = Settings(database_url="postgresql://", master_keys=(MasterKey("none", bytes(32)),))
    tokens = Tokens((TokenKey("none", "HS256", bytes(32)),), 60)
    return build(settings, Pools(pool, pool, pool), tokens, Limiter(settings), clock=utc_now)
