"""What there is to attack, read from the hub's own descriptions: every route of the OpenAPI document, every
command of the AsyncAPI document, and arguments for them. A new one is attacked without a line here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote
from uuid import UUID

from msgspec import Struct

if TYPE_CHECKING:
    from hub.db.pool import Connection

Json: TypeAlias = dict[str, Any]
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Texts that mean something to the hub, by the name of their field; any other field gets the last ones.
TEXTS: Final = {
    "room_number": ("101", "102"),
    "email": ("someone@example.com",),
    "url": ("https://hooks.example/told",),
    "Last-Event-ID": (f"{UUID(int=1)}:1",),
    "allergens": ("egg", "milk"),
    "": ("x", "kitchen", "101"),
}


class Parameter(Struct, frozen=True):
    """A part of a request; `place` is path, query or header."""

    name: str
    place: str
    required: bool
    schema: Json


class Call(Struct, frozen=True):
    """A route, or a command where `path` is empty, as its description has it.

    `actors` are the kinds of callers that it lets in; None means that the description does not say.
    """

    name: str
    method: str
    path: str
    parameters: tuple[Parameter, ...]
    body: Json | None
    public: bool
    once: bool
    actors: frozenset[str] | None
    permission: str | None


class Asked(Struct, frozen=True):
    """One request or command, ready to be sent. `url` is empty for a command, whose arguments are `body`."""

    call: Call
    url: str
    headers: dict[str, str]
    body: Any

    def ids(self) -> set[str]:
        """Every id that is in it, but that of the operation."""
        return set(_ID.findall(f"{self.url} {self.body}"))


class Ids(Struct, frozen=True):
    """The ids of one hotel's rows, by table."""

    tables: dict[str, list[UUID]]

    def all(self) -> list[UUID]:
        return sorted({value for values in self.tables.values() for value in values})

    def named(self, field: str) -> list[UUID]:
        """What a field of this name may hold: the ids of the table it seems to mean, or of all of them."""
        stem = field.removesuffix("s").removesuffix("_id")
        found = [value for table, values in self.tables.items() if table.startswith(stem) for value in values]
        return found or self.all()


async def ids_of(admin: Connection, owners: dict[str, str], tenant_id: UUID) -> Ids:
    """The ids of that tenant; `owners` names the tables and their column of the tenant."""
    keyed = await admin.fetch(
        "SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
        " WHERE relnamespace = 'app'::regnamespace AND attname = 'id' AND atttypid = 'uuid'::regtype"
    )
    tables: dict[str, list[UUID]] = {}
    for (table,) in keyed:
        if table in owners:
            rows = await admin.fetch(f"SELECT id FROM app.{table} WHERE {owners[table]} = $1", tenant_id)
            tables[table] = [row["id"] for row in rows]
    return Ids(tables)


def routes(document: Json) -> Iterator[Call]:
    """Every operation of an OpenAPI document."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found = operation.get("parameters", ())
            parameters = [Parameter(p["name"], p["in"], p["required"], p["schema"]) for p in found]
            content = operation.get("requestBody", {}).get("content", {})
            yield Call(
                name=f"{method.upper()} {path}",
                method=method.upper(),
                path=path,
                parameters=tuple(parameters),
                body=content.get("application/json", {}).get("schema"),
                public=operation.get("security", document["security"]) == [],
                once=any(p.place == "header" and p.name == "Idempotency-Key" for p in parameters),
                **_who(operation),
            )


def proofs(document: Json, token: str) -> list[dict[str, str]]:
    """The headers that carry a token, in each of the ways that an OpenAPI document knows."""
    ways = []
    for scheme in document["components"]["securitySchemes"].values():
        match scheme:
            case {"type": "http", "scheme": "bearer"}:
                ways.append({"Authorization": f"Bearer {token}"})
            case {"type": "apiKey", "in": "cookie", "name": name}:
                ways.append({"Cookie": f"{name}={token}"})
            case _:
                raise AssertionError(f"the tests know no way to send a token by {scheme}")
    return ways


def commands(document: Json) -> Iterator[Call]:
    """Every command of an AsyncAPI document: what the hub receives and replies to."""
    for name, operation in document["operations"].items():
        if operation["action"] == "receive" and "reply" in operation:
            payload = document["components"]["messages"][name]["payload"]
            yield Call(
                name=name,
                method="",
                path="",
                parameters=(),
                body=payload["properties"]["args"],
                public=False,
                once="op_id" in payload["required"],
                **_who(operation),
            )


def _who(operation: Json) -> Json:
    actors = operation.get("x-actors")
    return {
        "actors": None if actors is None else frozenset(actors),
        "permission": operation.get("x-permission"),
    }


class Maker:
    """Makes requests that fit their description, with ids of `ids`; the same ones for the same `seed`."""

    def __init__(self, document: Json, ids: Ids, seed: object) -> None:
        self._document = document
        self._ids = ids
        self._random = Random(str(seed))

    def ask(self, call: Call) -> Asked:
        """A request of `call`; what it need not hold it holds now and then."""
        url, headers, query = call.path, {}, []
        for parameter in call.parameters:
            if not parameter.required and self._random.random() < 0.5:
                continue
            value = str(self.value(parameter.name, parameter.schema))
            if parameter.place == "path":
                url = url.replace(f"{{{parameter.name}}}", quote(value, safe=""))
            elif parameter.place == "query":
                query.append(f"{parameter.name}={quote(value)}")
            else:
                headers[parameter.name] = value
        if call.once:
            headers["Idempotency-Key"] = str(UUID(int=self._random.getrandbits(128), version=4))
        body = None if call.body is None else self.value("", call.body)
        return Asked(call, "?".join(filter(None, (url, "&".join(query)))), headers, body)

    def value(self, name: str, schema: Json) -> Any:
        """A value of the schema; `name` is that of the field it is for."""
        pick = self._random
        if "$ref" in schema:
            return self.value(name, self._resolve(schema["$ref"]))
        for several in ("anyOf", "oneOf"):
            if several in schema:
                return self.value(name, pick.choice(schema[several]))
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return pick.choice(schema["enum"])
        match schema.get("type"):
            case "object":
                return self._object(schema)
            case "array":
                least, most = schema.get("minItems", 0), schema.get("maxItems", 3)
                count = pick.randint(least, max(least, min(most, 3)))
                return [self.value(name, schema.get("items", {})) for _ in range(count)]
            case "string":
                return self._text(name, schema)
            case "integer" | "number":
                least = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
                return pick.randint(least, max(least, min(schema.get("maximum", 3), least + 3)))
            case "boolean":
                return pick.choice([True, False])
            case "null":
                return None
            case other:
                assert other is None, f"the generator does not know the type {other}"
                return pick.choice([None, 1, "x", str(pick.choice(self._ids.all()))])

    def _object(self, schema: Json) -> Json:
        required = schema.get("required", ())
        made = {
            field: self.value(field, part)
            for field, part in schema.get("properties", {}).items()
            if field in required or self._random.random() < 0.7
        }
        if isinstance(rest := schema.get("additionalProperties"), dict) and rest:
            made["x"] = self.value("x", rest)
        return made

    def _text(self, name: str, schema: Json) -> str:
        match schema.get("format"):
            case "uuid":
                return str(self._random.choice(self._ids.named(name)))
            case "date-time":
                return "2026-11-21T12:00:00Z"
            case "date":
                return "2026-11-21"
            case _:
                text: str = self._random.choice(TEXTS.get(name, TEXTS[""]))
                return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", 4096)]

    def _resolve(self, reference: str) -> Json:
        part: Any = self._document
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]
        found: Json = part
        return found


def with_ids(ids: Ids, pick: Random, value: Any, name: str = "") -> Any:
    """The same JSON value, with ids of `ids` in place of those that it holds."""
    match value:
        case dict():
            return {field: with_ids(ids, pick, part, field) for field, part in value.items()}
        case list():
            return [with_ids(ids, pick, part, name) for part in value]
        case str() if _ID.fullmatch(value):
            return str(pick.choice(ids.named(name)))
        case _:
            return value
