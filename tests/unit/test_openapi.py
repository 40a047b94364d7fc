"""The description of the API, held against a strict model of what OpenAPI 3.1 allows of what we use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, cast

import msgspec
import pytest
from msgspec import Struct

from hub import __version__
from hub.documents import openapi_document
from hub.security.permissions import Permission, holders
from hub.tenants.files import MEDIA_TYPES
from hub.web.description import Json

TYPES = {"string", "integer", "number", "boolean", "array", "object", "null"}


class Model(Struct, forbid_unknown_fields=True, rename="camel"):
    """An object of the specification: a field that it does not know fails."""


class Content(Model):
    schema: dict[str, Any]


class Parameter(Model):
    name: str
    in_: Literal["query", "path", "header"] = msgspec.field(name="in")
    required: bool
    schema: dict[str, Any]
    description: str = ""


class RequestBody(Model):
    required: bool
    content: dict[str, Content]


class Answer(Model):
    description: str
    content: dict[str, Content]


class Operation(Model):
    operation_id: str
    summary: str
    tags: list[str]
    responses: dict[str, Answer]
    parameters: list[Parameter] = []
    request_body: RequestBody | None = None
    security: list[dict[str, list[str]]] | None = None
    permission: str | None = msgspec.field(name="x-permission", default=None)
    actors: list[str] | None = msgspec.field(name="x-actors", default=None)


class Info(Model):
    title: str
    version: str
    summary: str
    description: str


class Bearer(Model, tag="http", tag_field="type"):
    scheme: Literal["bearer"]
    bearer_format: str
    description: str


class ApiKey(Model, tag="apiKey", tag_field="type"):
    in_: Literal["cookie"] = msgspec.field(name="in")
    name: str
    description: str


class Components(Model):
    schemas: dict[str, dict[str, Any]]
    security_schemes: dict[str, Bearer | ApiKey]


class OpenApi(Model):
    openapi: Literal["3.1.0"]
    info: Info
    servers: list[dict[str, str]]
    security: list[dict[str, list[str]]]
    paths: dict[str, dict[Literal["get", "post", "put", "patch", "delete"], Operation]]
    components: Components


@pytest.fixture(scope="module")
def described() -> Json:
    return cast(Json, msgspec.json.decode(openapi_document()))


@pytest.fixture(scope="module")
def openapi(described: Json) -> OpenApi:
    return msgspec.convert(described, OpenApi)


def operations_of(openapi: OpenApi) -> Iterator[tuple[str, str, Operation]]:
    for path, methods in openapi.paths.items():
        for method, operation in methods.items():
            yield path, method, operation


def schemas(value: object) -> Iterator[dict[str, Any]]:
    """Every JSON object in `value`, itself included."""
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from schemas(part)
    elif isinstance(value, list):
        for part in value:
            yield from schemas(part)


def test_it_follows_the_specification(openapi: OpenApi) -> None:
    assert openapi.info.version == __version__
    names = [operation.operation_id for _, _, operation in operations_of(openapi)]
    assert len(names) == len(set(names))
    assert {name for scheme in openapi.security for name in scheme} == set(
        openapi.components.security_schemes
    )
    assert all(operation.security in (None, []) for _, _, operation in operations_of(openapi))
    for path, _, operation in operations_of(openapi):
        in_path = {parameter.name for parameter in operation.parameters if parameter.in_ == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path))
        assert all(parameter.required for parameter in operation.parameters if parameter.in_ == "path")
        assert all(re.fullmatch(r"[2345]\d\d", status) for status in operation.responses)


def test_every_reference_leads_somewhere_and_every_type_exists(described: Json) -> None:
    known = described["components"]["schemas"]
    used = set()
    for schema in schemas(described):
        if isinstance(reference := schema.get("$ref"), str):
            used.add(reference.removeprefix("#/components/schemas/"))
        if isinstance(kind := schema.get("type"), str) and "properties" not in described:
            assert kind in TYPES | {"http", "apiKey"}
    assert used == set(known)


def test_each_operation_says_how_it_can_fail(openapi: OpenApi) -> None:
    for _, method, operation in operations_of(openapi):
        for status, answer in operation.responses.items():
            if status.startswith("2"):
                kinds = set(answer.content)
                assert kinds in (
                    {"application/json"},
                    {"application/json", "text/event-stream"},
                    set(MEDIA_TYPES),
                )
            else:
                assert list(answer.content) == ["application/problem+json"]
            assert answer.description
        public = operation.security == []
        assert public == (operation.permission is None)
        if operation.permission is not None:
            assert operation.actors == holders(Permission(operation.permission))
            assert {"401", "403"} <= set(operation.responses)
        assert {"500", "503"} <= set(operation.responses)
        if method == "post":
            if operation.request_body is not None:
                assert {"400", "413", "415"} <= set(operation.responses)
            keys = [parameter for parameter in operation.parameters if parameter.name == "Idempotency-Key"]
            assert not public or keys == []
            assert not keys or {"400", "409", "422"} <= set(operation.responses)


def test_the_events_of_a_hotel(openapi: OpenApi) -> None:
    events = openapi.paths["/api/v1/events"]["get"]
    assert set(events.responses["200"].content) == {"application/json", "text/event-stream"}
    parameters = {(one.in_, one.name): one for one in events.parameters}
    assert set(parameters) == {("query", "after"), ("query", "wait"), ("header", "Last-Event-ID")}
    assert not any(one.required for one in parameters.values())
    assert parameters["query", "wait"].schema["maximum"] == 30
    assert {"400", "401", "403", "409", "429", "503"} <= set(events.responses)


def test_limits_are_told(openapi: OpenApi) -> None:
    quantity = openapi.components.schemas["CartLine"]["properties"]["quantity"]
    assert (quantity["minimum"], quantity["maximum"]) == (1, 99)
    listing = openapi.paths["/api/v1/orders"]["get"].parameters
    limit = next(parameter for parameter in listing if parameter.name == "limit")
    assert (limit.required, limit.schema["maximum"]) == (False, 100)
