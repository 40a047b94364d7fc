"""What a database is made of, read from its catalogue as text that two databases can be compared by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hub.db.pool import Connection

# `tenants` is the tenant: its id stands where others have tenant_id.
OF_TENANTS: Final = "tenants"

# Who may do what, as a sorted text; an absent list is the one that PostgreSQL assumes.
_ACL: Final = """(
    SELECT string_agg(
        format('%s=%s%s', CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END, privilege_type,
               CASE WHEN is_grantable THEN '*' ELSE '' END),
        ' ' ORDER BY grantee::regrole::text, privilege_type)
    FROM aclexplode({acl})
)"""

# Each answers with names and definitions.
_QUERIES: Final = (
    f"""
    SELECT 'schema ' || nspname, concat_ws(' | ', nspowner::regrole,
        {_ACL.format(acl="coalesce(nspacl, acldefault('n', nspowner))")})
    FROM pg_namespace WHERE nspname = 'app'
    """,
    f"""
    SELECT CASE relkind WHEN 'r' THEN 'table ' WHEN 'v' THEN 'view ' ELSE relkind::text || ' ' END || relname,
        concat_ws(' | ', 'owner ' || relowner::regrole::text, 'options ' || reloptions::text,
            CASE WHEN relrowsecurity THEN 'row security' END,
            CASE WHEN relforcerowsecurity THEN 'forced' END, 'persistence ' || relpersistence::text,
            {_ACL.format(acl="coalesce(relacl, acldefault('r', relowner))")},
            CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END)
    FROM pg_class AS c WHERE relnamespace = 'app'::regnamespace AND relkind NOT IN ('i', 'c')
    """,
    f"""
    SELECT format('column %s.%s', attrelid::regclass, attname),
        concat_ws(' | ', 'place ' || attnum, format_type(atttypid, atttypmod),
            CASE WHEN attnotnull THEN 'not null' END, 'default ' || pg_get_expr(adbin, adrelid),
            'identity ' || nullif(attidentity::text, ''), 'generated ' || nullif(attgenerated::text, ''),
            'collation ' || nullif(attcollation, 0)::regcollation::text, 'storage ' || attstorage::text,
            'options ' || attoptions::text, {_ACL.format(acl="attacl")})
    FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
        AND attnum > 0 AND NOT attisdropped
    """,
    """
    SELECT format('constraint %s on %s', conname, conrelid::regclass),
        concat_ws(' | ', pg_get_constraintdef(oid), CASE WHEN NOT convalidated THEN 'not valid' END)
    FROM pg_constraint WHERE connamespace = 'app'::regnamespace
    """,
    """
    SELECT 'index ' || indexrelid::regclass::text,
        concat_ws(' | ', pg_get_indexdef(indexrelid), CASE WHEN NOT indisvalid THEN 'not valid' END)
    FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relnamespace = 'app'::regnamespace
    """,
    """
    SELECT format('policy %s on %s', polname, polrelid::regclass),
        concat_ws(' | ', 'for ' || polcmd::text, CASE WHEN NOT polpermissive THEN 'restrictive' END,
            'to ' || (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE role::regrole::text END, ', '
                                        ORDER BY role::regrole::text) FROM unnest(polroles) AS role),
            'using ' || pg_get_expr(polqual, polrelid), 'check ' || pg_get_expr(polwithcheck, polrelid))
    FROM pg_policy
    """,
    f"""
    SELECT 'function ' || p.oid::regprocedure::text,
        concat_ws(' | ', 'owner ' || proowner::regrole::text,
            {_ACL.format(acl="coalesce(proacl, acldefault('f', proowner))")}, pg_get_functiondef(p.oid))
    FROM pg_proc AS p WHERE pronamespace = 'app'::regnamespace
    """,
    """
    SELECT format('trigger %s on %s', tgname, tgrelid::regclass),
        concat_ws(' | ', pg_get_triggerdef(t.oid), 'enabled ' || tgenabled::text)
    FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = tgrelid
    WHERE relnamespace = 'app'::regnamespace AND NOT tgisinternal
    """,
    """
    SELECT 'type ' || oid::regtype::text, concat_ws(' | ', typtype::text,
        (SELECT string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = pg_type.oid))
    FROM pg_type WHERE typnamespace = 'app'::regnamespace AND typtype IN ('e', 'd', 'r')
    """,
    f"""
    SELECT format('defaults of %s for %s', defaclrole::regrole, defaclobjtype), {_ACL.format(acl="defaclacl")}
    FROM pg_default_acl
    """,
)


async def describe(connection: Connection) -> dict[str, str]:
    """Everything in schema app, and the default privileges: definitions by name."""
    found: dict[str, str] = {}
    for query in _QUERIES:
        for name, definition in await connection.fetch(query):
            found[name] = definition or ""
    return found


def differences(left: dict[str, str], right: dict[str, str]) -> list[str]:
    """What stands in one alone or differs, each as lines for people."""
    lines = []
    for name in sorted(left.keys() | right.keys()):
        if left.get(name) != right.get(name):
            lines.append(f"{name}\n  - {left.get(name, '(absent)')}\n  + {right.get(name, '(absent)')}")
    return lines


async def column(admin: Connection, query: str, *args: object) -> list[str]:
    return [str(row[0]) for row in await admin.fetch(query, *args)]


async def tables(admin: Connection) -> list[str]:
    """Every table, but not its partitions."""
    return await column(
        admin,
        "SELECT relname FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition ORDER BY 1",
    )


async def partitions(admin: Connection) -> list[str]:
    return await column(
        admin,
        "SELECT relname FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind = 'r'"
        " AND relispartition ORDER BY 1",
    )


async def tenant_tables(admin: Connection) -> dict[str, str]:
    """The column that says whose a row is, by table; partitions are tables here."""
    names = await column(
        admin,
        "SELECT relname FROM pg_class AS c JOIN pg_attribute AS a ON attrelid = c.oid"
        " WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p') AND attname = 'tenant_id'"
        " AND attnotnull ORDER BY 1",
    )
    return {OF_TENANTS: "id", **dict.fromkeys(names, "tenant_id")}
