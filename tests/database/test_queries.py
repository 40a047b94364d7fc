"""Every named query is prepared on the migrated schema as the role that runs it, and the loader refuses what
is not a list of named blocks."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg
import pytest

import hub.db.queries
from hub.db.pool import Role, connect
from hub.db.queries import Query, load, load_all
from hub.resources import sql_directory
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

ALL: Final = {query.name: query for domain in load_all().values() for query in domain.values()}
# Whoever is not named here is hub_api.
RUN_BY: Final = {
    "audit.of_platform": Role.ADMIN,
    "devices.claim_code": Role.AUTH,
    "devices.silent_tablets_due": Role.RELAY,
    "devices.note_silent_tablets": Role.RELAY,
    "fleet.start_pairing": Role.AUTH,
    "fleet.poll_pairing": Role.AUTH,
    "security.signing_keys": Role.AUTH,
    "security.lock_signing_keys": Role.AUTH,
    "security.add_first_signing_key": Role.AUTH,
    "hosts.find_tenant": Role.AUTH,
    "staff.hotel_by_slug": Role.ADMIN,
    "hooks.alerts_due": Role.RELAY,
    "hooks.raise_alerts": Role.RELAY,
    "hooks.claim_deliveries": Role.RELAY,
    "log.heads": Role.RELAY,
    "log.all_heads": Role.RELAY,
    "log.new_events": Role.RELAY,
    "log.events_of_many": Role.RELAY,
    "log.arm_bell": Role.RELAY,
    "log.limit_silence": Role.RELAY,
    "log.become_relay": Role.RELAY,
    "log.end_silent_relay": Role.RELAY,
    "log.check_origin": Role.RELAY,
    "menu.comebacks_due": Role.RELAY,
    "menu.bring_back": Role.RELAY,
    "pages.pages_due": Role.RELAY,
    "pages.turn_pages": Role.RELAY,
    "replicas.primary_position": Role.RELAY,
    "replicas.replica_position": Role.RELAY,
}
# They ask the server, and no tenant's rows.
OF_NO_TENANT: Final = frozenset({"replicas.position"})


def role_of(query: Query) -> Role:
    match query.name.partition(".")[0]:
        case "demo" | "doctor" | "keys" | "rehearse" | "tenants":
            return Role.ADMIN
        case "retention":
            return Role.RELAY
        case _:
            return RUN_BY.get(query.name, Role.API)


@pytest.fixture(scope="module")
async def connections(settings: Settings) -> AsyncIterator[dict[Role, Connection]]:
    made = {role: await connect(settings, role) for role in (Role.API, Role.RELAY, Role.AUTH, Role.ADMIN)}
    yield made
    for connection in made.values():
        await connection.close()


@pytest.mark.parametrize("query", ALL.values(), ids=ALL)
async def test_it_is_allowed_and_fits_the_schema(
    connections: dict[Role, Connection], hotel: Hotel, query: Query
) -> None:
    """Run as well as prepared: privileges are checked when it runs. Nothing but the tenant is given."""
    connection, role = connections[role_of(query)], role_of(query)
    # an empty value may be refused for what it is, never for who asks
    refusals = (asyncpg.NotNullViolationError, asyncpg.CheckViolationError) if query.writes else ()
    transaction = connection.transaction(readonly=not query.writes)
    await transaction.start()
    try:
        await connection.execute(f"SET LOCAL app.current_tenant_id = '{hotel.tenant_id}'")
        statement = await connection.prepare(query.text)
        arguments: list[object] = [None] * len(statement.get_parameters())
        if role is Role.API and query.name not in OF_NO_TENANT:
            assert statement.get_parameters()[0].name == "uuid", "the tenant comes first"
            arguments[0] = hotel.tenant_id
        with suppress(*refusals):
            await statement.fetch(*arguments)
    finally:
        await transaction.rollback()


@pytest.mark.parametrize(
    "name",
    [
        "devices.claim_code",
        "retention.prune_events",
        "log.check_origin",
        "log.arm_bell",
        "demo.insert_tenant",
    ],
)
async def test_the_hub_itself_may_not_run_what_others_run(
    connections: dict[Role, Connection], name: str
) -> None:
    connection = connections[Role.API]
    statement = await connection.prepare(ALL[name].text)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await statement.fetch(*(None for _ in statement.get_parameters()))


def test_every_query_is_used() -> None:
    source = "".join(
        path.read_text("utf-8") for path in Path(hub.db.queries.__file__).parents[1].rglob("*.py")
    )
    unused = [name for name in ALL if f'"{name.partition(".")[2]}"' not in source]
    assert unused == []


@pytest.mark.parametrize("query", ALL.values(), ids=ALL)
def test_it_names_its_columns_and_its_statuses(query: Query) -> None:
    # a column that is added must not break the cached plan of a running hub
    assert not re.search(r"(?i)\bselect\s+(\w+\.)?\*|\breturning\s+\*", query.text)
    # a parameter would not match the predicate of a partial index
    assert not re.search(r"(?i)\bstatus\s*=\s*any", query.text)
    if not query.writes:
        assert not re.search(r"\b(INSERT|UPDATE|DELETE)\b(?! OF)", query.text)


def test_every_block_says_in_english_what_it_is_for() -> None:
    for path in (sql_directory() / "queries").glob("*.sql"):
        text = path.read_text("utf-8")
        assert text.startswith("-- "), f"{path.name} does not say what it is about"
        for block in text.split("-- name: ")[1:]:
            header, *lines = block.splitlines()
            comment = []
            while lines and lines[0].startswith("-- "):
                comment.append(lines.pop(0).removeprefix("-- "))
            sentence = " ".join(comment)
            assert re.fullmatch(r"[A-Z].*\.", sentence), f"{path.name}: {header} has no sentence"


def write(directory: Path, text: str) -> None:
    (directory / "queries").mkdir()
    (directory / "queries" / "made_up.sql").write_text(text, "utf-8")


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(hub.db.queries, "sql_directory", lambda: tmp_path)
    return tmp_path


def test_a_file_is_a_list_of_named_blocks(made_up: Path) -> None:
    write(
        made_up,
        "-- About it.\n\n-- name: one (read)\n-- Gives one.\nSELECT 1;\n\n"
        "-- name: two (read, replica)\n-- Gives two.\nSELECT\n    -- why\n    2;\n\n"
        "-- name: three (write)\n-- Changes it.\nUPDATE t SET a = 3;\n",
    )
    queries = load("made_up")
    assert dict(queries) == {
        "one": Query("made_up.one", "SELECT 1", writes=False, replica=False),
        "two": Query("made_up.two", "SELECT\n    -- why\n    2", writes=False, replica=True),
        "three": Query("made_up.three", "UPDATE t SET a = 3", writes=True, replica=False),
    }
    with pytest.raises(LookupError, match=r"made_up.sql has no query 'four'; it has: one, three, two"):
        queries["four"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("SELECT 1;\n", "made_up.sql:1: SQL outside a named block"),
        (
            "-- name: one (read)\nSELECT 1;\n-- name: one (read)\nSELECT 2;\n",
            "made_up.sql:3: one stands twice",
        ),
        ("-- name: one\nSELECT 1;\n", "made_up.sql:1: not '-- name: <name> "),
        ("-- name: One (read)\nSELECT 1;\n", "made_up.sql:1: not '-- name: <name> "),
        ("-- name: one (write, replica)\nSELECT 1;\n", "made_up.sql:1: not '-- name: <name> "),
        ("-- name: one (read)\n-- Nothing follows.\n", "made_up.sql: one has no SQL"),
    ],
)
def test_the_loader_says_what_is_wrong_and_where(made_up: Path, text: str, error: str) -> None:
    write(made_up, text)
    with pytest.raises(ValueError, match=f"^{re.escape(error)}"):
        load("made_up")
