"""Named queries: SQL lives in sql/queries/<domain>.sql, Python knows it by name.

A file is a list of blocks; the header says whether the query reads or writes and whether a replica may serve
it, and one sentence of English says what it is for:

    -- name: active_orders (read, replica)
    -- The orders of a tenant that a kitchen still works on, oldest first.
    SELECT ...
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from hub.resources import sql_directory

_HEADER: Final = re.compile(r"^-- name: (?P<name>[a-z][a-z0-9_]*) \((?P<flags>read|read, replica|write)\)$")


class Query(Struct, frozen=True):
    """One query: `name` is "<domain>.<name>", `text` the SQL with $1, $2, ..."""

    name: str
    text: str
    writes: bool
    replica: bool


class Queries(Mapping[str, Query]):
    """The queries of one domain. Look them up while importing: an unknown name then fails at start."""

    def __init__(self, domain: str, queries: dict[str, Query]) -> None:
        self.domain = domain
        self._queries = queries

    def __getitem__(self, name: str) -> Query:
        try:
            return self._queries[name]
        except KeyError:
            known = ", ".join(sorted(self._queries))
            raise LookupError(f"{self.domain}.sql has no query {name!r}; it has: {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._queries)

    def __len__(self) -> int:
        return len(self._queries)


def load(domain: str) -> Queries:
    """Read sql/queries/<domain>.sql.

    Raises ValueError for SQL outside a named block, a block without any, or a name used twice.
    """
    path = sql_directory() / "queries" / f"{domain}.sql"
    blocks: dict[str, tuple[str, list[str]]] = {}
    current: list[str] | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if header := _HEADER.match(line):
            name = header["name"]
            if name in blocks:
                raise ValueError(f"{path.name}:{number}: {name} stands twice")
            current = []
            blocks[name] = (header["flags"], current)
        elif line.startswith("-- name:"):
            raise ValueError(f"{path.name}:{number}: not '-- name: <name> (read|read, replica|write)'")
        elif current is not None:
            if not line.startswith("--"):
                current.append(line)
        elif line and not line.startswith("--"):
            raise ValueError(f"{path.name}:{number}: SQL outside a named block")
    queries = {}
    for name, (flags, lines) in blocks.items():
        text = "\n".join(lines).strip().rstrip(";")
        if not text:
            raise ValueError(f"{path.name}: {name} has no SQL")
        queries[name] = Query(
            name=f"{domain}.{name}", text=text, writes=flags == "write", replica="replica" in flags
        )
    return Queries(domain, queries)


def load_all() -> dict[str, Queries]:
    """Every domain's queries, by domain."""
    files = sorted((sql_directory() / "queries").glob("*.sql"))
    return {path.stem: load(path.stem) for path in files}
