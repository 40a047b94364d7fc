"""The OpenAPI 3.1 document, made from the endpoints and their msgspec types: it says what the code does."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from starlette.routing import BaseRoute, Route

from hub import __version__
from hub.errors import (
    Forbidden,
    HubError,
    Internal,
    InvalidInput,
    OperationInProgress,
    OperationMismatch,
    RateLimited,
    TenantClosed,
    TokenExpired,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
)
from hub.security.permissions import holders
from hub.web.description import Json, served
from hub.web.endpoint import Endpoint
from hub.web.gate import ACCESS_COOKIE, CSRF_HEADER, IDEMPOTENCY_KEY
from hub.web.problems import MEDIA_TYPE, Problem

PATH: Final = "/api/openapi.json"
_PARAMETER: Final = re.compile(r"{(\w+)}")
_TEXT: Final[Json] = {"type": "string", "minLength": 1, "maxLength": 100}
_TEXTUAL: Final[Json] = {"type": "string"}
_BINARY: Final[Json] = {"type": "string", "format": "binary"}
_UUID: Final[Json] = {"type": "string", "format": "uuid"}


def route(routes: Iterable[BaseRoute]) -> Route:
    """Serves the document of those `routes` that are endpoints."""
    return served(PATH, "openapi", document(routes))


def document(routes: Iterable[BaseRoute]) -> Json:
    """The document as JSON values, paths in the order of the routes."""
    endpoints = [route for route in routes if isinstance(route, Endpoint)]
    types: list[type] = [Problem]
    for endpoint in endpoints:
        spec = endpoint.spec
        kinds = (spec.body, spec.path, spec.query, spec.headers, spec.result)
        types += [kind for kind in kinds if kind is not None]
    references, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schemas = dict(zip(types, references, strict=True))
    paths: dict[str, Json] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(
            endpoint, schemas, components
        )
    for endpoint in endpoints:
        for kind in (endpoint.spec.path, endpoint.spec.query, endpoint.spec.headers):
            if kind is not None:
                components.pop(kind.__name__, None)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hub",
            "version": __version__,
            "summary": "Live orders between a hotel's guest tablets and its kitchen screens.",
            "description": "Every time is RFC 3339 in UTC, every amount integer yen. An integer is written "
            "without a fraction (2, not 2.0), and no text holds NUL. An error is a problem document with a "
            "stable `code`; `temporary` says that the same request may succeed later. An answer to a change "
            "may carry `Hub-Position`: who sends the last one along with later requests is answered by no "
            "copy of the data that does not show that change yet.",
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"cookie": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The access token of a device or of a member of staff.",
                },
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": ACCESS_COOKIE,
                    "description": "The same of a member of staff, in a browser. What changes something "
                    f"also needs the header {CSRF_HEADER}.",
                },
            },
        },
    }


def _operation(endpoint: Endpoint, schemas: dict[type, Json], components: dict[str, Any]) -> Json:
    spec = endpoint.spec
    named = components[spec.path.__name__]["properties"] if spec.path is not None else {}
    parameters: list[Json] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": named.get(name, _UUID if name.endswith("id") else _TEXT),
        }
        for name in _PARAMETER.findall(endpoint.path)
    ]
    if spec.once:
        parameters.append(
            {
                "name": IDEMPOTENCY_KEY,
                "in": "header",
                "required": True,
                "description": "Made by the client and kept until it has the answer: the same key again "
                "changes nothing and gets the same answer.",
                "schema": _UUID,
            }
        )
    for place, kind in (("query", spec.query), ("header", spec.headers)):
        shape = components[kind.__name__] if kind is not None else {"properties": {}}
        required = shape.get("required", [])
        for name, schema in shape["properties"].items():
            parameters.append({"name": name, "in": place, "required": name in required, "schema": schema})
    success: Json = {
        "description": inspect.cleandoc((spec.result and spec.result.__doc__) or spec.summary),
        "content": _content(spec.result, spec.gives, schemas),
    }
    operation: Json = {
        "operationId": spec.name,
        "summary": spec.summary,
        "tags": [spec.tag],
        "responses": {str(int(spec.status)): success, **_failures(endpoint)},
    }
    if parameters:
        operation["parameters"] = parameters
    if content := _content(spec.body, spec.accepts, schemas):
        operation["requestBody"] = {"required": True, "content": content}
    if endpoint.permission is None:
        operation["security"] = []
    else:
        operation["x-permission"] = endpoint.permission
        operation["x-actors"] = holders(endpoint.permission)
    return operation


def _content(kind: type | None, others: tuple[str, ...], schemas: dict[type, Json]) -> Json:
    """A body or an answer: JSON of this type, or text or octets of the other media types."""
    content: Json = {
        media: {"schema": _TEXTUAL if media.startswith("text/") else _BINARY} for media in others
    }
    if kind is not None:
        content["application/json"] = {"schema": schemas[kind]}
    return content


def _failures(endpoint: Endpoint) -> Json:
    spec = endpoint.spec
    errors: set[type[HubError]] = {*spec.errors, Internal, RateLimited, Unavailable}
    if endpoint.permission is not None:
        errors |= {Unauthorized, TokenExpired, Forbidden, TenantClosed}
    if spec.body is not None or spec.accepts:
        errors |= {InvalidInput, TooLarge, UnsupportedMediaType}
    if spec.query is not None or spec.headers is not None or _PARAMETER.search(endpoint.path):
        errors.add(InvalidInput)
    if spec.once:
        errors |= {InvalidInput, OperationMismatch, OperationInProgress}
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
    failures: Json = {}
    for status in sorted({error.status for error in errors}):
        lines = sorted(f"`{error.code}`: {error.title}" for error in errors if error.status == status)
        failures[str(status)] = {"description": "; ".join(lines), "content": content}
    return failures
