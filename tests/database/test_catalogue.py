"""A walk over the catalogue: both locks of tenancy stand on every table; nobody may more than he needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from hub.db.pool import Connection

# Tables without a tenant_id, each with its reason.
OF_NO_TENANT: Final = {
    "relay_bell": "one row of the database, says whether writers ring",
    "log_origin": "one row of the database, says which server wrote the log",
    "schema_migrations": "the database's own history",
}
# `tenants` is the tenant: its id stands where others have tenant_id.
OF_TENANTS: Final = "tenants"

# Keys that do not begin with the tenant, each with its reason.
GLOBAL_KEYS: Final = {
    "tenants_slug_key": "names a hotel before its tenant is known; only hub_admin writes tenants",
    "tenants_domain_key": "the same",
}

WITHOUT_TIMES: Final = {
    **OF_NO_TENANT,
    "events": "never changes after it was written: created_at alone",
}
# Tables whose updated_at is set otherwise than by the trigger `touch`.
TOUCHED_OTHERWISE: Final = {
    "orders": "by the trigger `stamp`",
    "tenant_heads": "by the functions of the log, the only ones that may write it",
}

API_MAY: Final = {"SELECT", "INSERT", "UPDATE"}
API_ONLY_READS: Final = {"tenants", "tenant_heads", "events", "schema_migrations"}
API_HAS_NOTHING_ON: Final = {"relay_bell", "log_origin"}


async def column(admin: Connection, query: str, *args: object) -> list[str]:
    return [str(row[0]) for row in await admin.fetch(query, *args)]


async def tables(admin: Connection) -> list[str]:
    return await column(
        admin,
        "SELECT relname FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p')"
        " ORDER BY 1",
    )


async def tenant_tables(admin: Connection) -> dict[str, str]:
    """The column that says whose a row is, by table."""
    names = await column(
        admin,
        "SELECT relname FROM pg_class AS c JOIN pg_attribute AS a ON attrelid = c.oid"
        " WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p') AND attname = 'tenant_id'"
        " AND attnotnull ORDER BY 1",
    )
    return {OF_TENANTS: "id", **dict.fromkeys(names, "tenant_id")}


async def test_every_table_belongs_to_tenants_or_is_on_the_list(admin: Connection) -> None:
    assert set(await tables(admin)) == set(await tenant_tables(admin)) | set(OF_NO_TENANT)
    assert len(await tenant_tables(admin)) >= 14


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
        " (SELECT bool_and(attnotnull) FROM pg_attribute WHERE attrelid = f.conrelid"
        "  AND attnum = ANY (f.conkey)) AS required"
        " FROM pg_constraint AS f JOIN pg_constraint AS p ON p.conrelid = f.confrelid AND p.contype = 'p'"
        " WHERE f.contype = 'f' AND f.connamespace = 'app'::regnamespace"
    )
    assert len(keys) >= 15
    for row in keys:
        assert row["primary"], f"{row['conname']} does not lead to a primary key"
        assert row["source_columns"][0] == "tenant_id", row["conname"]
        # with one column empty, MATCH SIMPLE would check nothing
        assert row["required"], row["conname"]
        if row["target"] == "app.tenants":
            assert row["source_columns"] == ["tenant_id"], row["conname"]
            assert row["on_delete"] == "a", f"{row['conname']}: the end of a tenant is a job, never a cascade"
        else:
            assert row["target_columns"][0] == "tenant_id", row["conname"]
            assert len(row["source_columns"]) >= 2, row["conname"]
    # every tenant table leads to its tenant, at once or by way of another
    led = {row["source"] for row in keys} | {f"app.{OF_TENANTS}"}
    assert led == {f"app.{name}" for name in await tenant_tables(admin)}


async def test_public_has_nothing(admin: Connection) -> None:
    granted = await column(
        admin,
        """
        SELECT relname FROM pg_class, aclexplode(relacl)
        WHERE grantee = 0 AND relnamespace = 'app'::regnamespace
        UNION ALL
        SELECT format('%s.%s', relname, attname) FROM pg_class AS c JOIN pg_attribute ON attrelid = c.oid,
            aclexplode(attacl)
        WHERE grantee = 0 AND relnamespace = 'app'::regnamespace
        UNION ALL
        SELECT proname FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
        WHERE grantee = 0 AND pronamespace = 'app'::regnamespace
        UNION ALL
        SELECT nspname FROM pg_namespace, aclexplode(nspacl) WHERE grantee = 0 AND nspname = 'app'
        """,
    )
    assert granted == []


async def privileges(admin: Connection, role: str) -> dict[str, set[str]]:
    """What a role may do to whole tables and views, by name."""
    found: dict[str, set[str]] = {}
    for table, privilege in await admin.fetch(
        "SELECT relname, privilege_type FROM pg_class, aclexplode(relacl)"
        " WHERE relnamespace = 'app'::regnamespace AND grantee = $1::regrole",
        role,
    ):
        found.setdefault(table, set()).add(privilege)
    return found


async def test_the_hub_has_what_it_needs(admin: Connection) -> None:
    granted = await privileges(admin, "hub_api")
    assert set().union(*granted.values()) == API_MAY
    only_reads = {name for name, rights in granted.items() if rights == {"SELECT"}}
    views = set(await column(admin, "SELECT viewname FROM pg_views WHERE schemaname = 'app'"))
    assert only_reads == API_ONLY_READS | views
    assert not API_HAS_NOTHING_ON & set(granted)
    columns = await column(
        admin, "SELECT attname FROM pg_attribute, aclexplode(attacl) WHERE grantee = 'hub_api'::regrole"
    )
    assert columns == []


async def test_the_others_have_no_more_than_their_part(admin: Connection) -> None:
    assert await privileges(admin, "hub_auth") == {}
    assert await privileges(admin, "hub_relay") == {
        name: {"SELECT"}
        for name in ("tenant_heads", "events", "relay_bell", "log_origin", "schema_migrations")
    }
    assert await column(
        admin,
        "SELECT format('%s %s.%s', privilege_type, attrelid::regclass, attname)"
        " FROM pg_attribute, aclexplode(attacl) WHERE grantee = 'hub_relay'::regrole",
    ) == ["UPDATE app.relay_bell.armed"]
    admins = await privileges(admin, "hub_admin")
    assert set().union(*admins.values()) <= {"SELECT", "INSERT", "UPDATE", "DELETE"}
    for table in ("tenant_heads", "events"):
        assert admins[table] == {"SELECT"}, "nobody writes the log but its functions"
    for role in ("hub_api", "hub_relay", "hub_auth", "hub_admin", "hub_log"):
        assert await column(
            admin,
            "SELECT privilege_type FROM pg_namespace, aclexplode(nspacl)"
            " WHERE nspname = 'app' AND grantee = $1::regrole",
            role,
        ) == ["USAGE"]


async def test_who_may_call_which_function(admin: Connection) -> None:
    granted = await admin.fetch(
        "SELECT proname, grantee::regrole::text AS role FROM pg_proc, aclexplode(proacl)"
        " WHERE pronamespace = 'app'::regnamespace AND grantee <> proowner"
    )
    assert {(row["proname"], row["role"]) for row in granted} == {
        ("tenant_id", "hub_api"),
        *(("iso", role) for role in ("hub_api", "hub_relay", "hub_admin", "hub_log")),
        ("claim_code", "hub_auth"),
        ("check_log_origin", "hub_relay"),
        ("prune_events", "hub_relay"),
        ("prune_operations", "hub_relay"),
    }


async def test_functions_that_run_as_their_owner(admin: Connection) -> None:
    functions = await admin.fetch(
        "SELECT proname, proowner::regrole::text AS owner, coalesce(proconfig, '{}') AS settings"
        " FROM pg_proc WHERE pronamespace = 'app'::regnamespace AND prosecdef"
    )
    assert {row["proname"] for row in functions if row["owner"] == "hub_owner"} == {"claim_code"}
    assert {row["owner"] for row in functions} == {"hub_owner", "hub_log"}
    for row in functions:
        # an app.* setting here would hide the transaction's own from what the function calls
        assert row["settings"] == ["search_path=pg_catalog, pg_temp"], row["proname"]
    assert len(functions) >= 10


async def test_views_show_a_reader_what_his_policies_let_him_see(admin: Connection) -> None:
    views = await admin.fetch(
        "SELECT relname, coalesce(reloptions, '{}') AS options FROM pg_class"
        " WHERE relnamespace = 'app'::regnamespace AND relkind = 'v'"
    )
    assert len(views) == 3
    assert {row["relname"] for row in views if "security_invoker=true" not in row["options"]} == set()
    kinds = await column(admin, "SELECT relkind FROM pg_class WHERE relnamespace = 'app'::regnamespace")
    # no sequence: a shared counter tells tenants about each other; no materialized view: it has no policies
    assert set(kinds) == {"b'r'", "b'v'", "b'i'"}


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
            " WHERE relnamespace = 'app'::regnamespace AND relkind = 'r' AND attname = $1 AND attnotnull"
            " AND atthasdef AND atttypid = 'timestamptz'::regtype",
            name,
        )
        missing = set(await tables(admin)) - set(with_it)
        assert missing == set(WITHOUT_TIMES) - ({"events"} if name == "created_at" else set())
    touched = await column(
        admin,
        "SELECT relname FROM pg_trigger JOIN pg_class AS c ON c.oid = tgrelid"
        " JOIN pg_proc AS p ON p.oid = tgfoid WHERE tgname = 'touch' AND proname = 'touch_updated_at'",
    )
    assert set(await tables(admin)) - set(touched) == set(WITHOUT_TIMES) | set(TOUCHED_OTHERWISE)


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
        " AND NOT starts_with(conname, relname)",
    )
    assert foreign == []


@pytest.mark.parametrize("role", ["hub_api", "hub_relay", "hub_auth", "hub_admin"])
async def test_roles_are_ordinary_and_do_not_wait_for_ever(admin: Connection, role: str) -> None:
    row = await admin.fetchrow(
        "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication, rolcanlogin, rolconfig"
        " FROM pg_roles WHERE rolname = $1",
        role,
    )
    assert row is not None
    settings = {"statement_timeout=5s", "lock_timeout=2s", "idle_in_transaction_session_timeout=5s"}
    if role == "hub_admin":
        settings = {"statement_timeout=30s", "lock_timeout=2s"}
    assert list(row)[:6] == [False, False, False, False, False, True]
    assert set(row["rolconfig"]) == settings


async def test_who_is_a_member_of_whom(admin: Connection) -> None:
    members = await admin.fetch(
        "SELECT member::regrole::text AS member, roleid::regrole::text AS role FROM pg_auth_members"
        " WHERE member::regrole::text LIKE 'hub_%' OR roleid::regrole::text LIKE 'hub_%'"
    )
    assert {(row["member"], row["role"]) for row in members} == {
        ("hub_migrator", "hub_owner"),
        ("hub_owner", "hub_log"),
        ("hub_backup", "pg_read_all_data"),
    }
    bypass = await column(
        admin, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'hub_%' AND (rolbypassrls OR rolsuper)"
    )
    assert bypass == ["hub_backup"]
    asleep = await column(
        admin, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'hub_%' AND NOT rolcanlogin ORDER BY 1"
    )
    assert asleep == ["hub_log", "hub_owner"]


async def test_everything_belongs_to_the_owner(admin: Connection) -> None:
    assert (
        await column(
            admin,
            "SELECT relname FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind <> 'i'"
            " AND relowner <> 'hub_owner'::regrole",
        )
        == []
    )
