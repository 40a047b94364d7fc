"""hub_api in the scope of one hotel calls every function that it may with what it knows of another one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from hashlib import sha256
from itertools import combinations, product
from typing import TYPE_CHECKING, Final

import pytest

from tests.database.intruder import attempt, says_nothing
from tests.database.strangers import Two, fingerprint

if TYPE_CHECKING:
    from hub.db.pool import Connection

WAITING: Final = sha256(b"a device that waits for anybody").digest()

# Every function but those of triggers, with the types of its arguments.
CALLABLE: Final = """
SELECT p.oid::regprocedure::text AS signature, format('app.%I', proname) AS name,
    ARRAY(SELECT typname::text FROM unnest(proargtypes) WITH ORDINALITY AS a (oid, n)
          JOIN pg_type AS t ON t.oid = a.oid ORDER BY n) AS kinds
FROM pg_proc AS p
WHERE pronamespace = 'app'::regnamespace AND prorettype <> 'trigger'::regtype
    AND has_function_privilege('hub_api', p.oid, 'EXECUTE')
ORDER BY 1
"""


@pytest.fixture(scope="module")
async def secrets(admin: Connection, two: Two) -> dict[bytes, bytes]:
    """All hashes that stand in rows of theirs, each with one of nobody in its place; and a device waits."""
    theirs = two.theirs.tenant_id
    await admin.execute(
        "INSERT INTO app.pairing_requests (secret_hash, user_code_hash, device_type, expires_at)"
        " VALUES (sha256('secret'), $1, 'tablet', now() + interval '1 hour')",
        WAITING,
    )
    await admin.execute(
        "INSERT INTO app.pairing_requests"
        " (secret_hash, user_code_hash, device_type, expires_at, approved_for, device_id)"
        " VALUES (sha256('theirs'), sha256('code'), 'tablet', now() + interval '1 hour', $1, $2)",
        theirs,
        two.theirs.rooms[0].tablet_id,
    )
    found = await admin.fetch(
        "SELECT code_hash FROM app.pairing_codes WHERE tenant_id = $1"
        " UNION SELECT token_hash FROM app.refresh_tokens WHERE tenant_id = $1"
        " UNION SELECT code_hash FROM app.staff_codes WHERE tenant_id = $1"
        " UNION SELECT user_code_hash FROM app.pairing_requests WHERE approved_for = $1",
        theirs,
    )
    return {row[0]: sha256(row[0]).digest() for row in found}


async def values_of(admin: Connection, two: Two, secrets: dict[bytes, bytes], kind: str) -> list[object]:
    """What an argument of that type is tried with."""
    match kind:
        case "uuid":
            ids: list[object] = [two.theirs.tenant_id, two.theirs.kitchen_id, two.orders[0]]
            ids += [two.theirs.rooms[0].tablet_id, two.theirs.rooms[0].stay_id]
            for table in ("staff", "staff_sessions", "data_keys", "files"):
                query = f"SELECT id FROM app.{table} WHERE tenant_id = $1 LIMIT 1"
                ids.append(await admin.fetchval(query, two.theirs.tenant_id))
            return ids
        case "bytea":
            return [WAITING, *secrets]
        case "text":
            return ["tablet", "kitchen_screen", "101"]
        case "int4":
            return [1]
        case "jsonb":
            return ["{}"]
        case "date":
            return [date(2026, 11, 21)]
        case "timestamptz":
            return [datetime(2026, 11, 21, tzinfo=UTC)]
        case _:
            raise AssertionError(f"nobody knows what to try for an argument of type {kind}")


def combined(choices: list[list[object]]) -> list[tuple[object, ...]]:
    """Every value of each argument with every one of each other: where there are many arguments, all
    combinations would take minutes and find no more."""
    if len(choices) < 2:
        return list(product(*choices))
    made: dict[tuple[object, ...], None] = {}
    for first, second in combinations(range(len(choices)), 2):
        varied = (values if at in (first, second) else values[:1] for at, values in enumerate(choices))
        made.update(dict.fromkeys(product(*varied)))
    return list(made)


async def call_all(intruder: Connection, two: Two, secrets: dict[bytes, bytes]) -> list[str]:
    """Each function with all that is known of them; the names of those that were called."""
    called = []
    before = await fingerprint(intruder, two)
    for signature, name, kinds in await intruder.fetch(CALLABLE):
        call = f"SELECT * FROM {name}({', '.join(f'${n}' for n in range(1, len(kinds) + 1))})"
        choices = [await values_of(intruder, two, secrets, kind) for kind in kinds]
        if "text" in kinds[:-1]:
            # of two texts the second says little more
            last = len(kinds) - 1 - kinds[::-1].index("text")
            choices[last] = choices[last][-1:]
        for values in combined(choices):
            nobodys = [
                secrets.get(value, value) if isinstance(value, bytes) else two.to_nobody(value)
                for value in values
            ]
            outcome = await attempt(intruder, two, call, list(values), before)
            says_nothing(two, outcome, await attempt(intruder, two, call, nobodys, before))
        called.append(signature)
    return called


async def test_no_function_reaches_them(intruder: Connection, two: Two, secrets: dict[bytes, bytes]) -> None:
    requests = "SELECT md5(string_agg(r::text, ' ' ORDER BY r::text)) FROM app.pairing_requests AS r"
    before = await intruder.fetchval(requests)
    assert len(await call_all(intruder, two, secrets)) >= 8
    assert await intruder.fetchval(requests) == before


async def test_what_they_may_do_we_may_not(intruder: Connection, two: Two) -> None:
    """The calls above are good ones, in their own scope."""
    device = two.theirs.rooms[0].tablet_id
    transaction = intruder.transaction()
    await transaction.start()
    await intruder.execute(
        f"SET LOCAL app.current_tenant_id = '{two.theirs.tenant_id}'; SET LOCAL ROLE hub_api"
    )
    await intruder.execute("SELECT app.admit_device($1, 'tablet', '101', 0)", device)
    assert await intruder.fetchval("SELECT app.approve_pairing($1, $2)", WAITING, device) is True
    await transaction.rollback()


async def test_others_functions_are_refused(intruder: Connection, admin: Connection, two: Two) -> None:
    rest = await admin.fetch(CALLABLE.replace("AND has_function", "AND NOT has_function"))
    assert len(rest) >= 15
    for _, name, kinds in rest:
        arguments = ", ".join(f"NULL::{kind}" for kind in kinds)
        outcome = await attempt(intruder, two, f"SELECT {name}({arguments})", [])
        assert outcome.short == "InsufficientPrivilegeError", name


async def test_a_function_that_forgot_its_tenant_would_be_seen(
    intruder: Connection, two: Two, secrets: dict[bytes, bytes]
) -> None:
    transaction = intruder.transaction()
    await transaction.start()
    try:
        await intruder.execute(
            "CREATE FUNCTION app.careless(device uuid) RETURNS text LANGUAGE sql SECURITY DEFINER"
            " RETURN (SELECT d.room_number FROM app.device_rooms AS d WHERE d.id = device);"
            " GRANT EXECUTE ON FUNCTION app.careless(uuid) TO hub_api"
        )
        with pytest.raises(AssertionError):
            await call_all(intruder, two, secrets)
    finally:
        await transaction.rollback()
