"""A walk over the catalogue: both locks of tenancy stand on every table, and every table is written about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tests.database.catalogue import OF_TENANTS, column, partitions, tables, tenant_tables

if TYPE_CHECKING:
    from hub.db.pool import Connection

# Tables without a tenant_id, each with its reason.
OF_NO_TENANT: Final = {
    "relay_bell": "one row of the database, says whether writers ring",
    "log_origin": "one row of the database, says which server wrote the log",
    "schema_migrations": "the database's own history",
    "pairing_requests": "devices that wait for a hotel; reached through functions alone",
    "signing_keys": "sign the tokens of all hotels; wrapped by the master key",
    "platform_audit": "what happened to the platform itself",
    "allergen_lists": "versions of what the law asks for, the same for all hotels",
}
# References that a row may do without.
MAY_LEAD_NOWHERE: Final = {
    "device_rooms_cook_fkey",
    "deliveries_webhook_fkey",
    "deliveries_staff_fkey",
    "deliveries_order_fkey",
    "device_rooms_stay_fkey",
    "pairing_codes_device_fkey",
    "pairing_codes_stay_fkey",
    "page_histories_staff_fkey",
}

# Keys that do not begin with the tenant, each with its reason.
GLOBAL_KEYS: Final = {
    "tenants_slug_key": "names a hotel before its tenant is known; only hub_admin writes tenants",
    "tenants_domain_key": "the same",
}

WITHOUT_TIMES: Final = {"relay_bell", "log_origin", "schema_migrations"}
# What never changes after it was written has created_at alone.
WRITTEN_ONCE: Final = {"events", "audit_logs", "platform_audit", "allergen_lists", "page_histories"}
# Tables whose updated_at is set otherwise than by the trigger `touch`.
TOUCHED_OTHERWISE: Final = {
    "orders": "by the trigger `stamp`",
    "tenant_heads": "by the functions of the log, the only ones that may write it",
}

# Tables without the trigger `audit`, each with its reason.
NOT_AUDITED: Final = {
    "tenant_heads": "the log is its own record",
    "events": "the same",
    "relay_bell": "the same",
    "log_origin": "the same",
    "schema_migrations": "is a record itself",
    "allergen_lists": "a version is written once, and says from when it holds",
    "audit_logs": "is the audit",
    "platform_audit": "is the audit",
    "idempotency": "answers repeat what is audited",
    "device_presence": "written every second by machines",
    "order_counters": "counted from orders, which are audited",
    "refresh_tokens": "their sessions are audited",
    "deliveries": "sent by machines; what they tell of, and to whom, is audited",
    "pairing_requests": "of nobody yet; an approval shows on its device",
    "page_histories": "is a record itself, of pages, which are audited",
}


async def test_every_table_belongs_to_tenants_or_is_on_the_list(admin: Connection) -> None:
    found = {*await tables(admin), *await partitions(admin)}
    assert found == set(await tenant_tables(admin)) | set(OF_NO_TENANT)
    assert len(await tenant_tables(admin)) >= 20


async def test_row_security_is_enabled_and_forced(admin: Connection) -> None:
    protected = await column(
        admin,
        "SELECT relname FROM pg_class WHERE relnamespace = 'app'::regnamespace"
        " AND relrowsecurity AND relforcerowsecurity",
    )
    assert set(protected) == set(await tenant_tables(admin))


async def test_the_hub_sees_and_writes_only_the_tenant_that_is_set(admin: Connection) -> None:
    policies = await admin.fetch(
        "SELECT tablename, policyname, permissive, cmd, qual, with_check FROM pg_policies"
        " WHERE 'hub_api' = ANY (roles)"
    )
    owners = await tenant_tables(admin)
    # one policy a table: a second one would be ORed to it
    assert sorted(row["tablename"] for row in policies) == sorted(owners)
    for row in policies:
        condition = f"({owners[row['tablename']]} = ( SELECT app.tenant_id() AS tenant_id))"
        assert dict(row) == {
            "tablename": row["tablename"],
            "policyname": "tenant",
            "permissive": "PERMISSIVE",
            "cmd": "ALL",
            "qual": condition,
            "with_check": condition,
        }


async def test_every_policy_names_its_roles(admin: Connection) -> None:
    for_everybody = await column(
        admin, "SELECT tablename || '.' || policyname FROM pg_policies WHERE 'public' = ANY (roles)"
    )
    assert for_everybody == []
    named = await column(admin, "SELECT DISTINCT unnest(roles) FROM pg_policies ORDER BY 1")
    assert named == ["hub_admin", "hub_api", "hub_log", "hub_migrator", "hub_owner", "hub_relay"]
    reads_all = await column(
        admin, "SELECT DISTINCT tablename FROM pg_policies WHERE 'hub_relay' = ANY (roles) ORDER BY 1"
    )
    assert reads_all == ["events", "tenant_heads"]
    writes = await column(admin, "SELECT cmd FROM pg_policies WHERE 'hub_relay' = ANY (roles)")
    assert set(writes) == {"SELECT"}


async def test_a_backfill_as_owner_or_migrator_reaches_every_row(admin: Connection) -> None:
    allowed = await column(
        admin,
        "SELECT tablename FROM pg_policies WHERE roles @> '{hub_owner,hub_migrator}' AND cmd = 'ALL'"
        " AND qual = 'true' AND with_check = 'true'",
    )
    assert set(allowed) == set(await tenant_tables(admin))


async def test_keys_begin_with_the_tenant(admin: Connection) -> None:
    keys = await admin.fetch(
        "SELECT i.indexrelid::regclass::text AS name, c.relname, a.attname FROM pg_index AS i"
        " JOIN pg_class AS c ON c.oid = i.indrelid"
        " JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
        " WHERE c.relnamespace = 'app'::regnamespace AND i.indisunique"
    )
    owners = await tenant_tables(admin)
    strangers = {
        row["name"].removeprefix("app.")
        for row in keys
        if row["relname"] in owners and row["attname"] != owners[row["relname"]]
    }
    assert strangers == set(GLOBAL_KEYS)


async def test_foreign_keys_lead_to_primary_keys_of_the_same_tenant(admin: Connection) -> None:
    keys = await admin.fetch(
        "SELECT f.conname, f.conrelid::regclass::text AS source, f.confrelid::regclass::text AS target,"
        " (SELECT array_agg(attname::text ORDER BY i) FROM unnest(f.conkey) WITH ORDINALITY AS k(n, i)"
        "  JOIN pg_attribute ON attrelid = f.conrelid AND attnum = n) AS source_columns,"
        " (SELECT array_agg(attname::text ORDER BY i) FROM unnest(f.confkey) WITH ORDINALITY AS k(n, i)"
        "  JOIN pg_attribute ON attrelid = f.confrelid AND attnum = n) AS target_columns,"
        " p.conkey = f.confkey AS primary, f.confdeltype::text AS on_delete,"
        " (SELECT count(*) FROM pg_attribute WHERE attrelid = f.conrelid AND NOT attnotnull"
        "  AND attnum = ANY (f.conkey)) AS optional"
        " FROM pg_constraint AS f JOIN pg_constraint AS p ON p.conrelid = f.confrelid AND p.contype = 'p'"
        " WHERE f.contype = 'f' AND f.connamespace = 'app'::regnamespace"
    )
    assert len(keys) >= 15
    for row in keys:
        assert row["primary"], f"{row['conname']} does not lead to a primary key"
        assert row["source_columns"][0] == "tenant_id", row["conname"]
        # with one column empty MATCH SIMPLE checks nothing: one may be, when it alone says "no reference"
        assert row["optional"] == (row["conname"] in MAY_LEAD_NOWHERE), row["conname"]
        if row["target"] == "app.tenants":
            assert row["source_columns"] == ["tenant_id"], row["conname"]
            assert row["on_delete"] == "a", f"{row['conname']}: the end of a tenant is a job, never a cascade"
        else:
            assert row["target_columns"][0] == "tenant_id", row["conname"]
            assert len(row["source_columns"]) >= 2, row["conname"]
    # every tenant table leads to its tenant, at once or by way of another; only the audit outlives it
    led = {row["source"] for row in keys} | {f"app.{OF_TENANTS}", "app.audit_logs"}
    assert led == {f"app.{name}" for name in set(await tenant_tables(admin)) - set(await partitions(admin))}


async def test_no_column_is_an_enum(admin: Connection) -> None:
    """The equality of enums is not leakproof: under row-level security it falls out of the index."""
    assert (
        await column(
            admin,
            "SELECT format('%s.%s', attrelid::regclass, attname) FROM pg_attribute JOIN pg_class AS c"
            " ON c.oid = attrelid JOIN pg_type AS t ON t.oid = atttypid"
            " WHERE relnamespace = 'app'::regnamespace AND typtype = 'e'",
        )
        == []
    )


async def test_rows_know_their_times(admin: Connection) -> None:
    for name in ("created_at", "updated_at"):
        with_it = await column(
            admin,
            "SELECT relname FROM pg_class AS c JOIN pg_attribute AS a ON attrelid = c.oid"
            " WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p') AND attname = $1"
            " AND attnotnull AND atthasdef AND atttypid = 'timestamptz'::regtype",
            name,
        )
        missing = set(await tables(admin)) - set(with_it)
        assert missing == WITHOUT_TIMES | (set() if name == "created_at" else WRITTEN_ONCE)
    touched = await column(
        admin,
        "SELECT relname FROM pg_trigger JOIN pg_class AS c ON c.oid = tgrelid"
        " JOIN pg_proc AS p ON p.oid = tgfoid WHERE tgname = 'touch' AND proname = 'touch_updated_at'",
    )
    assert set(await tables(admin)) - set(touched) == WITHOUT_TIMES | WRITTEN_ONCE | set(TOUCHED_OTHERWISE)


async def test_what_people_and_devices_write_is_audited(admin: Connection) -> None:
    triggers = await admin.fetch(
        "SELECT relname, pg_get_triggerdef(t.oid) AS definition, tgenabled = 'O' AS enabled"
        " FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = tgrelid WHERE tgname = 'audit'"
    )
    audited = {row["relname"] for row in triggers}
    assert audited.isdisjoint(NOT_AUDITED)
    assert audited | set(NOT_AUDITED) == set(await tables(admin))
    for row in triggers:
        assert "AFTER INSERT OR DELETE OR UPDATE" in row["definition"], row["relname"]
        assert "FOR EACH ROW EXECUTE FUNCTION app.audit_row(" in row["definition"], row["relname"]
        assert row["enabled"], row["relname"]
    # the audit names a row by its key, so that must stay
    kept = await column(
        admin,
        "SELECT relname FROM pg_trigger JOIN pg_class AS c ON c.oid = tgrelid"
        " JOIN pg_proc AS p ON p.oid = tgfoid WHERE tgname = 'same_key' AND proname = 'refuse_new_key'",
    )
    assert set(kept) == audited


async def test_what_is_secret_by_its_name_is_redacted(admin: Connection) -> None:
    secret = await admin.fetch(
        "SELECT relname, attname FROM pg_class AS c JOIN pg_attribute ON attrelid = c.oid"
        " JOIN pg_trigger ON tgrelid = c.oid AND tgname = 'audit'"
        " WHERE attnum > 0"
        " AND (attname ~ '(encrypted|hash|hashes|index|wrapped)$' OR atttypid = 'bytea'::regtype)"
    )
    assert len(secret) >= 17
    for table, name in secret:
        definition = await admin.fetchval(
            "SELECT pg_get_triggerdef(oid) FROM pg_trigger"
            " WHERE tgrelid = $1::text::regclass AND tgname = 'audit'",
            f"app.{table}",
        )
        _, secrets, *_ = re.findall("'([^']*)'", definition)
        assert name in secrets.split(","), f"{table}.{name}"


async def test_constraints_have_names_that_say_what_is_wrong(admin: Connection) -> None:
    made_up = await column(
        admin,
        "SELECT conname FROM pg_constraint WHERE connamespace = 'app'::regnamespace"
        " AND (contype = 'c' AND conname ~ '_check[0-9]*$' OR contype = 'f' AND conname ~ '_id_fkey[0-9]*$'"
        "      OR conname ~ '_(key|fkey|excl)[0-9]+$')",
    )
    assert made_up == []
    foreign = await column(
        admin,
        "SELECT conname FROM pg_constraint JOIN pg_class AS c ON c.oid = conrelid"
        " WHERE connamespace = 'app'::regnamespace AND contype NOT IN ('t', 'n')"
        # a partition has the constraints of its whole
        " AND NOT relispartition AND NOT starts_with(conname, relname)",
    )
    assert foreign == []
