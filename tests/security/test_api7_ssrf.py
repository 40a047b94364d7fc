"""API7:2023 Server side request forgery: making the hub fetch an address that a client chose."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import hub
from hub.app import asyncapi_document, openapi_document

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(hub.__file__).parent
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
    clients = {
        client
        for client in CLIENTS
        for name in imported(tree)
        if name == client or name.startswith(f"{client}.")
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
