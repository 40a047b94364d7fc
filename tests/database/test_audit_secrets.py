"""A value that is planted in every secret column is found nowhere in the audit; that it changed is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.database.audited import ROWS, change, delete, entries, make, secrets
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection

# Two values for each type, so that one can take the other's place; bytes are as long as a hash.
PLANTED: Final = {
    "text": ("'m1:canary-in-the-first-place'", "'m1:canary-in-the-other-place'"),
    "bytea": ("'canary-of-the-first-32-bytes-...'", "'canary-of-the-other-32-bytes-...'"),
    "text[]": ("ARRAY['canary-of-some-codes']", "ARRAY['canary-of-other-codes']"),
    "bytea[]": ("ARRAY['canary-of-a-list'::bytea]", "ARRAY['canary-of-a-later-list'::bytea]"),
    "bigint": ("271828182845904523", "271828182845904524"),
}
# As text, as hex and as base64; and what all of the numbers begin with.
TRACES: Final = ("canary", b"canary".hex(), "Y2FuYXJ5", "2718281828459045")

# What triggers raise beside a change.
COUNTED: Final = {"version", "credential_version"}
# Written down once more here, so that one which a trigger forgets is missed.
SECRETS: Final = {
    "tenants": "contact_email_encrypted contact_phone_encrypted",
    "staff": "email_index email_encrypted password_hash totp_encrypted totp_last_step recovery_hashes"
    " pin_hash",
    "staff_codes": "code_hash",
    # what a guest must not eat; what a guest wrote: of an allergy, of whom they are with
    "stays": "guest_name_encrypted guest_phone_encrypted guest_phone_index allergens",
    "orders": "delivery_address special_requests declared_allergens",
    "order_items": "note conflicts",
    "device_rooms": "credential_hash next_credential_hash previous_credential_hash",
    "pairing_codes": "code_hash",
    "files": "content",
    "webhooks": "secret_encrypted",
    "data_keys": "wrapped",
    "signing_keys": "wrapped",
}


async def trace_in(admin: Connection, book: str) -> list[str]:
    """Which of the traces stand in that book."""
    return [
        trace
        for trace in TRACES
        if await admin.fetchval(
            f"SELECT EXISTS (SELECT FROM app.{book} AS b WHERE strpos(lower(b::text), lower($1)) > 0)", trace
        )
    ]


async def types(admin: Connection, table: str) -> dict[str, str]:
    rows = await admin.fetch(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
        " WHERE attrelid = $1::text::regclass AND attnum > 0",
        f"app.{table}",
    )
    return {row[0]: row[1] for row in rows}


async def test_no_table_with_secrets_is_left_out(admin: Connection) -> None:
    hidden = {table: await secrets(admin, table) for table in ROWS}
    assert {table: " ".join(names) for table, names in hidden.items() if names} == SECRETS


@pytest.mark.parametrize("table", SECRETS)
async def test_secrets_stay_out_but_that_they_changed_is_written(
    admin: Connection, hotel: Hotel, table: str
) -> None:
    hidden, kinds = SECRETS[table].split(), await types(admin, table)
    # what is part of the key is planted by the statement that makes the row
    key = {"code_hash"} if table == "staff_codes" else set()
    free = [name for name in hidden if name not in key]
    made = await make(admin, hotel, table)
    for place in (0, 1):
        values = [f"{name} = {PLANTED[kinds[name]][place]}" for name in free]
        if values:
            await change(admin, made, ", ".join(values))
    await delete(admin, made)
    first, *changes, last = await entries(admin, made)
    for entry in changes:
        assert set(entry.changed or ()) - COUNTED == set(free)
    if free:
        for whole in (changes[-1].old, changes[-1].new):
            shown = {name: value for name, value in (whole or {}).items() if name not in COUNTED}
            assert shown == dict.fromkeys(free, "[redacted]")
    assert last.old is not None
    assert {last.old[name] for name in hidden} == {"[redacted]"}
    assert first.new is not None
    # nothing stays nothing: that there was no secret is no secret
    assert {first.new[name] for name in hidden} <= {None, "[redacted]"}
    for book in ("audit_logs", "platform_audit"):
        assert await trace_in(admin, book) == []


async def test_a_trace_would_be_found(admin: Connection, hotel: Hotel) -> None:
    transaction = admin.transaction()
    await transaction.start()
    await admin.execute(
        "CREATE OR REPLACE FUNCTION app.redacted(document jsonb, secrets text[]) RETURNS jsonb"
        " LANGUAGE sql RETURN document"
    )
    for table, name in (("device_rooms", "credential_hash"), ("stays", "guest_name_encrypted")):
        made = await make(admin, hotel, table)
        await change(admin, made, f"{name} = {PLANTED[(await types(admin, table))[name]][0]}")
    await change(admin, await make(admin, hotel, "staff"), "totp_last_step = 271828182845904523")
    assert await trace_in(admin, "audit_logs") == ["canary", b"canary".hex(), "2718281828459045"]
    await transaction.rollback()
