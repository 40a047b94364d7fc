"""A walk over the catalogue: nobody may more than he needs, and functions that lend rights lend few."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.database.catalogue import column, partitions

if TYPE_CHECKING:
    from hub.db.pool import Connection

API_MAY: Final = {"SELECT", "INSERT", "UPDATE"}
API_ONLY_READS: Final = {
    "tenants",
    "tenant_heads",
    "events",
    "audit_logs",
    "schema_migrations",
    "allergen_lists",
}
API_HAS_NOTHING_ON: Final = {"relay_bell", "log_origin", "pairing_requests", "signing_keys", "platform_audit"}


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
    assert await column(
        admin,
        "SELECT format('%s %s.%s', privilege_type, attrelid::regclass, attname)"
        " FROM pg_attribute, aclexplode(attacl) WHERE grantee = 'hub_api'::regrole ORDER BY attname",
    ) == [
        "UPDATE app.tax_rates.deleted_at",
        *(f"UPDATE app.tenants.{name}" for name in ("locale", "settings", "totp_roles")),
    ]


async def test_the_others_have_no_more_than_their_part(admin: Connection) -> None:
    assert await privileges(admin, "hub_auth") == {"signing_keys": {"SELECT", "INSERT"}}
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
    for table in ("tenant_heads", "events", "audit_logs", "platform_audit"):
        assert admins[table] == {"SELECT"}, "nobody writes log and audit but their functions"
    writer = await privileges(admin, "hub_log")
    assert writer["audit_logs"] == writer["platform_audit"] == {"INSERT"}, "nobody changes the audit"
    for partition in await partitions(admin):
        granted = await admin.fetch(
            "SELECT grantee::regrole::text AS role, privilege_type AS right FROM pg_class, aclexplode(relacl)"
            " WHERE relname = $1 AND grantee <> relowner",
            partition,
        )
        assert granted == [], f"{partition} is reached through the whole table alone"
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
        *((name, "hub_api") for name in ("tenant_id", "tenant_state", "admit_device", "admit_staff")),
        *((name, "hub_api") for name in ("is_as_told", "find_pairing", "approve_pairing", "record_event")),
        *((name, "hub_api") for name in ("claim_operation", "answer_operation")),
        *((name, "hub_api") for name in ("order_now", "order_items_now")),
        *((name, "hub_admin") for name in ("tenant_id", "tenant_state", "admit_staff", "record_event")),
        *(("iso", role) for role in ("hub_api", "hub_relay", "hub_admin", "hub_log")),
        *((name, "hub_auth") for name in ("claim_code", "find_tenant", "start_pairing", "poll_pairing")),
        *((name, "hub_relay") for name in ("check_log_origin", "prune_events", "prune_operations")),
        ("log_timeline", "hub_relay"),
        *((name, "hub_relay") for name in ("make_audit_partitions", "drop_audit_partitions")),
        *((name, "hub_relay") for name in ("prune_sign_ins", "erase_guests", "pages_due", "turn_pages")),
        *((name, "hub_relay") for name in ("alerts_due", "raise_alerts")),
        *((name, "hub_relay") for name in ("claim_deliveries", "prune_deliveries")),
        *((name, "hub_relay") for name in ("silent_tablets_due", "note_silent_tablets")),
        *((name, "hub_relay") for name in ("comebacks_due", "bring_back")),
        *((name, "hub_log") for name in ("acting", "redacted", "tenant_id", "tenant_state")),
    }


async def test_functions_that_run_as_their_owner(admin: Connection) -> None:
    functions = await admin.fetch(
        "SELECT proname, proowner::regrole::text AS owner, coalesce(proconfig, '{}') AS settings"
        " FROM pg_proc WHERE pronamespace = 'app'::regnamespace AND prosecdef"
    )
    before_a_tenant = {"claim_code", "find_tenant", "start_pairing", "poll_pairing"}
    approvals = {"find_pairing", "approve_pairing"}
    of_partitions = {"make_audit_partitions", "drop_audit_partitions"}
    as_owner = {row["proname"] for row in functions if row["owner"] == "hub_owner"}
    assert as_owner == before_a_tenant | approvals | of_partitions
    assert {row["owner"] for row in functions} == {"hub_owner", "hub_log"}
    for row in functions:
        # an app.* setting here would hide the transaction's own from what the function calls
        patience = ["lock_timeout=500ms"] if row["proname"] in of_partitions else []
        assert row["settings"] == ["search_path=pg_catalog, pg_temp", *patience], row["proname"]
    assert len(functions) >= 25


async def test_functions_name_the_schema_of_what_they_use(admin: Connection) -> None:
    """Then no search path, and no temporary table, can put something else in its place."""
    ours = await column(
        admin,
        "SELECT relname FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p', 'v')"
        " UNION SELECT proname FROM pg_proc WHERE pronamespace = 'app'::regnamespace",
    )
    bodies = await admin.fetch(
        "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'app'::regnamespace AND prosrc <> ''"
    )
    assert len(bodies) >= 30
    use = re.compile(rf"(?i)\b(?:from|join|into|update|perform|table|:=)\s+(?:{'|'.join(ours)})\b")
    for name, body in bodies:
        assert not use.search(body), name


async def test_views_show_a_reader_what_his_policies_let_him_see(admin: Connection) -> None:
    views = await admin.fetch(
        "SELECT relname, coalesce(reloptions, '{}') AS options FROM pg_class"
        " WHERE relnamespace = 'app'::regnamespace AND relkind = 'v'"
    )
    assert len(views) >= 5
    assert {row["relname"] for row in views if "security_invoker=true" not in row["options"]} == set()
    kinds = await column(admin, "SELECT relkind FROM pg_class WHERE relnamespace = 'app'::regnamespace")
    # no sequence: a shared counter tells tenants about each other; no materialized view: it has no policies
    assert set(kinds) == {f"b'{kind}'" for kind in "rpvi" + "I"}


@pytest.mark.parametrize("role", ["hub_api", "hub_relay", "hub_auth", "hub_admin"])
async def test_roles_are_ordinary_and_do_not_wait_for_ever(admin: Connection, role: str) -> None:
    row = await admin.fetchrow(
        "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication, rolcanlogin, rolconfig"
        " FROM pg_roles WHERE rolname = $1",
        role,
    )
    assert row is not None
    settings = {"lock_timeout=2s", "tcp_keepalives_idle=10", "tcp_keepalives_interval=5"}
    settings |= {"tcp_keepalives_count=3", "tcp_user_timeout=25s"}
    if role == "hub_admin":
        settings |= {"statement_timeout=30s"}
    else:
        settings |= {"statement_timeout=5s", "idle_in_transaction_session_timeout=5s"}
    if await admin.fetchval("SELECT current_setting('server_version_num')::integer") >= 170_000:
        settings |= {"transaction_timeout=2min" if role == "hub_admin" else "transaction_timeout=15s"}
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
