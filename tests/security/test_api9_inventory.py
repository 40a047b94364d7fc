"""API9:2023 Improper inventory management: addresses, versions and commands that nobody has on a list."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import pytest
from starlette.routing import Mount, Route, WebSocketRoute
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from hub.documents import asyncapi_document, openapi_document
from hub.resources import static_directory
from hub.security.sealing import MasterKeys
from hub.security.vault import Vault
from hub.services import commands
from tests.conftest import MASTER_KEY
from tests.security.test_bola import UNDESCRIBED

if TYPE_CHECKING:
    import httpx

    from tests.realtime.conftest import Live

OPENAPI: Final[dict[str, Any]] = json.loads(openapi_document())
ASYNCAPI: Final[dict[str, Any]] = json.loads(asyncapi_document())
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
# What scanners ask for first, and what frameworks open by themselves.
FORGOTTEN: Final = tuple(
    word
    for line in (
        "/ /admin /api /api/ /api/v1 /api/v1/ /api/v0/menu /api/v2/menu /api/menu /api/orders /v1/menu",
        "/api/v1/debug /api/v1/admin /api/v1/internal /api/v1/test /api/v1/orders/ /api/v1/menu/",
        "//api/v1/menu /API/V1/MENU /api/v1/Menu /api/v1/users /api/v1/graphql /graphql /docs /redoc",
        "/openapi.json /swagger /swagger.json /swagger-ui.html /api/docs /metrics /debug /debug/pprof",
        "/debug/vars /status /health /healthz /info /env /actuator /actuator/env /console /shell",
        "/phpinfo.php /server-status /.env /.git/config /.git/HEAD /.well-known/security.txt /robots.txt",
        "/config.json /backup.sql /hub.sql /sql/schema.sql /hub/settings.py /static/../settings.py",
        "/static/.git/config /static/index.html /static/tablet.html.bak /ws/ /api/v1/ws /socket.io/",
        "/livez/ /readyz/ /tablet/ /kitchen/",
    )
    for word in line.split()
)


def test_every_address_names_its_version() -> None:
    """Defence: hub/services.py http_routes."""
    assert [path for path in OPENAPI["paths"] if not path.startswith("/api/v1/")] == []
    assert [channel["address"] for channel in ASYNCAPI["channels"].values()] == ["/ws"]


async def test_what_runs_is_what_is_described(live: Live, web: httpx.AsyncClient) -> None:
    """Defence: hub/web/site.py site describes the very routes that it serves."""
    assert (await web.get("/api/openapi.json")).json() == OPENAPI
    assert (await web.get("/api/asyncapi.json")).json() == ASYNCAPI
    served = {
        route.path for route in live.hub.app.routes if isinstance(route, Route | Mount | WebSocketRoute)
    }
    assert served == {*OPENAPI["paths"], *UNDESCRIBED}


def test_every_command_is_described() -> None:
    """Defence: hub/services.py commands, the one table for calls and description."""
    described = {name for name, one in ASYNCAPI["operations"].items() if "reply" in one}
    assert described == {operation.name for operation in commands(Vault(MasterKeys((MASTER_KEY,))))}


@pytest.mark.parametrize("path", FORGOTTEN)
async def test_nothing_else_is_there(web: httpx.AsyncClient, path: str) -> None:
    """Defence: hub/web/site.py site, redirect_slashes; Starlette knows no other address."""
    for method in ("GET", "POST"):
        answer = await web.request(method, f"http://hub{path}")
        assert answer.status_code == HTTPStatus.NOT_FOUND or (method, answer.status_code) == ("POST", 405)
        assert answer.headers["content-type"] == "application/problem+json"


def described(method: str, url: str) -> bool:
    """Whether the description knows this address, which may be one with an id too."""
    return any(
        method.lower() in methods and re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), url)
        for path, methods in OPENAPI["paths"].items()
    )


@pytest.mark.parametrize("path", OPENAPI["paths"])
async def test_only_the_methods_that_are_described(web: httpx.AsyncClient, path: str) -> None:
    """Defence: hub/web/endpoint.py Endpoint names its one method."""
    url = path.replace("{", "").replace("}", "")
    for method in METHODS:
        status = (await web.request(method, url)).status_code
        assert (status == HTTPStatus.METHOD_NOT_ALLOWED) == (not described(method, url)), (method, status)


@pytest.mark.parametrize("offered", ["hub.v0.json", "hub.v2.json", "hub.json", "HUB.V1.JSON", "graphql-ws"])
async def test_one_version_of_the_protocol(live: Live, offered: str) -> None:
    """Defence: hub/realtime/endpoint.py __call__."""
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"ws://{live.host}:{live.port}/ws", subprotocols=[Subprotocol(offered)])
    assert caught.value.response.status_code == HTTPStatus.FORBIDDEN


def test_no_file_is_served_by_oversight() -> None:
    """Defence: none in the code; what lies in hub/web/static is public."""
    kinds = {path.suffix for path in static_directory().rglob("*") if path.is_file()}
    known = {".css", ".html", ".js", ".json", ".png", ".svg", ".txt", ".webmanifest", ".webp", ".woff2"}
    assert kinds <= known
    hidden = [path for path in static_directory().rglob("*") if path.name.startswith((".", "_"))]
    assert hidden == []
