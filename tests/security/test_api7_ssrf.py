"""API7:2023 Server side request forgery: making the hub fetch an address that a client chose."""

from __future__ import annotations

import ast
import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import msgspec
import pytest

import hub as product
from hub.documents import asyncapi_document, openapi_document
from hub.hooks.model import URL_LENGTH
from hub.staff.links import Links
from tests.api.conftest import opened, problem
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
    "httpcore",
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
    "hooks/client.py": "posts to what a manager has written down; judges where that leads",
    "staff/mail.py": "speaks to the mail server of the settings, and to nobody else",
    "redis/line.py": "speaks to the Redis of the settings, and to those that it names",
    "drive/client.py": "plays screens before the hub that a load test or the demo names",
    "drive/process.py": "asks the hub that it has started itself whether it is ready",
    "demo/screen.py": "plays a guest and a cook before the demo's own hub",
}
# Calls that connect somewhere without such a module.
CALLS: Final = {"open_connection", "open_unix_connection", "create_connection", "sock_connect", "urlopen"}
# Fields by which a client names an address that the hub itself goes to.
ADDRESSES: Final = {"url": {"NewWebhook", "ChangeWebhook"}}
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


def test_the_hub_has_no_client_but_these() -> None:
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


def test_managers_alone_can_name_an_address() -> None:
    """Defence: the types of bodies and parameters; the picture of a dish is text that only browsers load. The
    addresses of webhooks are judged: hub/hooks/addresses.py, hub/hooks/client.py."""
    seen = list(sent_by_clients())
    assert len(seen) > 20
    named = set()
    for name, schema in seen:
        last = name.rpartition(".")[2].lower()
        if last in ADDRESSES:
            named.add(schema["maxLength"] if "maxLength" in schema else schema["anyOf"][0]["maxLength"])
            continue
        if schema.get("format") == "uuid":
            continue
        assert not any(word in last for word in SUSPICIOUS), name
        assert schema.get("format") not in ("uri", "url", "uri-reference", "hostname", "iri"), name
    assert named == {URL_LENGTH}
    openapi = json.loads(openapi_document())["components"]["schemas"]
    for field, kinds in ADDRESSES.items():
        takers = {
            name
            for name, schema in openapi.items()
            if field in schema.get("properties", {}) and name in bodies()
        }
        assert takers == kinds


def bodies() -> set[str]:
    """The names of the types that clients send."""
    openapi = json.loads(openapi_document())
    found = set()
    for methods in openapi["paths"].values():
        for operation in methods.values():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content is not None:
                found.add(content["schema"]["$ref"].rpartition("/")[2])
    return found


# webhooks

INSIDE: Final = (
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://10.0.0.1/",
    "https://192.168.0.1:8443/",
    "http://hooks.example/",
    "https://root:s3cr3t@hooks.example/",
    "file:///etc/passwd",
    "unix:///var/run/docker.sock",
)


async def test_a_manager_points_no_webhook_into_the_house(desk: Desk, hotel: Hotel) -> None:
    """Defence: hub/hooks/addresses.py checked_url; what a name leads to: tests/hooks/test_client.py."""
    boss = await desk.enter(await desk.hire(hotel, "manager"))
    for url in INSIDE:
        body = {"url": url, "events": ["order.paged"]}
        answer = await desk.call("POST", "/api/v1/webhooks", body, token=boss.access)
        problem(answer, 400, "invalid_input", "url")
        assert "s3cr3t" not in answer.text


async def test_what_the_answer_said_is_told_to_nobody(desk: Desk, hotel: Hotel) -> None:
    """Defence: hub/hooks/client.py reads a status and no body; the name of a fault is all that is kept."""
    boss = await desk.enter(await desk.hire(hotel, "manager"))
    body = {"url": "https://localhost/", "events": ["order.paged"]}
    made = await desk.call("POST", "/api/v1/webhooks", body, token=boss.access)
    path = f"/api/v1/webhooks/{made.json()['webhook']['id']}"
    assert (await desk.call("POST", f"{path}/test", token=boss.access)).status_code == 202
    async with asyncio.timeout(20):
        while True:
            answer = await desk.call("GET", f"{path}/deliveries", token=boss.access)
            [delivery] = answer.json()["deliveries"]
            if delivery["last_error"] is not None:
                break
            await asyncio.sleep(0.05)
    assert delivery["last_error"] == "private_address"
    assert delivery["last_status"] is None


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
