"""API7:2023 Server side request forgery: making the hub fetch an address that a client chose."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import msgspec
import pytest

import hub as product
from hub.documents import asyncapi_document, openapi_document
from hub.staff.links import Links
from tests.api.conftest import opened
from tests.api.desk import STAFF, Desk, Postbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel

ROOT: Final = Path(product.__file__).parent
# Modules that open connections to where they are told, and those that may: each with the reason.
CLIENTS: Final = {
    "aiohttp",
    "aiosmtplib",
    "asyncssh",
    "ftplib",
    "http.client",
    "httpx",
    "imaplib",
    "poplib",
    "pycurl",
    "requests",
    "smtplib",
    "telnetlib",
    "urllib.request",
    "urllib3",
    "websockets.asyncio.client",
    "websockets.client",
    "websockets.sync.client",
    "xmlrpc.client",
}
MAY: Final = {
    "staff/mail.py": "speaks to the mail server of the settings, and to nobody else",
    "redis/line.py": "speaks to the Redis of the settings, and to those that it names",
    "demo/screen.py": "plays a guest and a cook before the demo's own hub",
}
# Calls that connect somewhere without such a module.
CALLS: Final = {"open_connection", "open_unix_connection", "create_connection", "sock_connect", "urlopen"}
# Words in a field's name, or formats, that would say that its value is an address.
SUSPICIOUS: Final = ("url", "uri", "href", "host", "webhook", "callback", "endpoint", "redirect", "proxy")


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def imported(tree: ast.Module) -> set[str]:
    """Every module that a file imports, and what it takes from each, with dots."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def fetching(tree: ast.Module) -> set[str]:
    """How a file could fetch something."""
    names = imported(tree)
    clients = {
        client for client in CLIENTS for name in names if name == client or name.startswith(f"{client}.")
    }
    called = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    return clients | (CALLS & called)


def test_the_hub_has_no_client_of_http() -> None:
    """Defence: there is none; whoever needs one must come here and say why."""
    found = {name: how for name, tree in modules() if (how := fetching(tree))}
    assert set(found) == set(MAY), found


@pytest.mark.parametrize(
    "text",
    [
        "import httpx",
        "from urllib.request import urlopen",
        "from urllib import request",
        "import requests.sessions",
        "import asyncio\nasyncio.open_connection('169.254.169.254', 80)",
        "def late():\n    import http.client as c",
    ],
)
def test_a_client_would_be_found(text: str) -> None:
    assert fetching(ast.parse(text))


def fields(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every property below a schema, with where it stands."""
    match schema:
        case dict():
            for name, part in schema.get("properties", {}).items():
                yield f"{path}.{name}", part
            for key, part in schema.items():
                yield from fields(part, f"{path}.{key}")
        case list():
            for part in schema:
                yield from fields(part, path)


def sent_by_clients() -> Iterator[tuple[str, Any]]:
    """Every field that a client may send, over HTTP or the socket."""
    openapi, asyncapi = json.loads(openapi_document()), json.loads(asyncapi_document())
    for methods in openapi["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                yield parameter["name"], parameter["schema"]
            body = operation.get("requestBody")
            if body and (content := body["content"].get("application/json")):
                yield from fields(resolved(openapi, content["schema"]))
    for name, operation in asyncapi["operations"].items():
        if operation["action"] == "receive":
            payload = asyncapi["components"]["messages"][name]["payload"]
            yield from fields(resolved(asyncapi, payload))


def resolved(document: Any, schema: Any) -> Any:
    """The schema with its references followed; the descriptions have no circles."""
    match schema:
        case {"$ref": str(reference)}:
            part = document
            for step in reference.removeprefix("#/").split("/"):
                part = part[step]
            return resolved(document, part)
        case dict():
            return {key: resolved(document, part) for key, part in schema.items()}
        case list():
            return [resolved(document, part) for part in schema]
        case _:
            return schema


def test_no_client_can_name_an_address() -> None:
    """Defence: the types of bodies and parameters; the picture of a dish is text that only browsers load."""
    seen = list(sent_by_clients())
    assert len(seen) > 20
    for name, schema in seen:
        last = name.rpartition(".")[2].lower()
        assert not any(word in last for word in SUSPICIOUS), name
        assert schema.get("format") not in ("uri", "url", "uri-reference", "hostname", "iri"), name


# links of letters

HOSTS: Final = (
    "evil.example",
    "evil.example:443",
    "hub.example.evil.example",
    "hub.example@evil.example",
    'evil.example"><a href=x>',
    "evil.example\thub.example",
)


async def letter_of(desk: Desk, hotel: Hotel, host: str) -> str | None:
    """The text of the letter to somebody who has forgotten the password, or None when there is none."""
    who = await desk.hire(hotel)
    body = {"email": who.email, "hotel": hotel.slug}
    headers = {"Host": host, "X-Forwarded-Host": host, "Origin": f"https://{host}"}
    answer = await desk.web.post(f"{STAFF}/password/forgot", json=body, headers=headers)
    assert answer.status_code in (202, 400)
    await desk.settled()
    if answer.status_code == 202 and desk.hub.settings.public_url is not None:
        await desk.postbox.code_for(who.email)
    letters = desk.postbox.to(who.email)
    return letters[0].text if letters else None


@pytest.mark.parametrize("public_url", ["https://hub.example", None])
async def test_a_host_that_anybody_writes_is_in_no_letter(
    settings: Settings, admin: Connection, hotel: Hotel, public_url: str | None
) -> None:
    """Defence: hub/staff/links.py base: `public_url`, or the host of a hotel that the database knows."""
    mine = msgspec.structs.replace(settings, public_url=public_url, bcrypt_rounds=4)
    postbox = Postbox()
    async with (
        opened(mine, postbox) as hub,
        httpx.AsyncClient(transport=httpx.ASGITransport(hub.app), base_url="http://hub") as web,
    ):
        desk = Desk(hub, web, postbox, admin)
        for host in HOSTS:
            text = await letter_of(desk, hotel, host)
            if public_url is None:
                assert text is None, "there is no address for the link"
            else:
                assert text is not None
                assert "evil" not in text
                assert "https://hub.example/staff#reset=" in text


async def test_without_that_rule_it_would_be(
    settings: Settings, admin: Connection, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def of_the_request(_: Links, request: Request) -> str:
        return f"https://{request.headers['host']}"

    monkeypatch.setattr(Links, "base", of_the_request)
    mine = msgspec.structs.replace(settings, public_url="https://hub.example", bcrypt_rounds=4)
    postbox = Postbox()
    async with (
        opened(mine, postbox) as hub,
        httpx.AsyncClient(transport=httpx.ASGITransport(hub.app), base_url="http://hub") as web,
    ):
        text = await letter_of(Desk(hub, web, postbox, admin), hotel, HOSTS[0])
        assert text is not None
        assert HOSTS[0] in text
