-- What `hub doctor` reads, as hub_admin.

-- name: server (read)
-- The server: its version, what it promises about commits, and the line to it.
SELECT
    current_setting('server_version_num')::integer / 10000 AS major,
    current_setting('server_version') AS version,
    current_setting('fsync') AS fsync,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('full_page_writes') AS full_page_writes,
    current_setting('data_checksums') AS data_checksums,
    current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
        - coalesce(current_setting('reserved_connections', true), '0')::integer AS room,
    pg_is_in_recovery() AS standby,
    inet_server_addr() IS NULL OR inet_server_addr() <<= inet '127.0.0.0/8' OR inet_server_addr() = inet '::1' AS near,
    coalesce((SELECT s.ssl FROM pg_stat_ssl AS s WHERE s.pid = pg_backend_pid()), false) AS encrypted;

-- name: moment (read)
-- The server's clock.
SELECT clock_timestamp() AS now;

-- name: roles (read)
-- The roles of the hub, with those that are missing.
SELECT
    wanted.name, r.rolname IS NOT NULL AS exists, coalesce(r.rolsuper, false) AS superuser,
    coalesce(r.rolbypassrls, false) AS bypasses
FROM unnest($1::text[]) AS wanted (name)
LEFT JOIN pg_roles AS r ON r.rolname = wanted.name
ORDER BY wanted.name;

-- name: open_tables (read)
-- Tables of tenants, and what each lacks of its row-level security.
SELECT
    c.relname::text AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
    EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polname = 'tenant') AS policy
FROM pg_class AS c
WHERE c.relnamespace = to_regnamespace('app') AND c.relkind IN ('r', 'p')
    AND (c.relname = 'tenants' OR EXISTS (
        SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
    ))
ORDER BY c.relname;

-- name: migrations (read)
-- What was applied, in order.
SELECT m.version, m.name, m.sha256 FROM app.schema_migrations AS m ORDER BY m.version;

-- name: zones (read)
-- The time zones of the hotels, with one hotel that has it.
SELECT t.time_zone AS zone, min(t.slug) AS hotel FROM app.tenants AS t GROUP BY t.time_zone ORDER BY t.time_zone;

-- name: partitions (read)
-- Whether the audit has a partition for this month and the next, and whether rows lie where none was.
SELECT
    to_regclass('app.audit_logs_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')) IS NOT NULL AS this_month,
    to_regclass('app.audit_logs_' || to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month', 'YYYY_MM'))
        IS NOT NULL AS next_month,
    coalesce((
        SELECT s.n_live_tup > 0 FROM pg_stat_all_tables AS s
        WHERE s.relid = to_regclass('app.audit_logs_default')
    ), false) AS astray;

-- name: signing_key_age (read)
-- Since how many days the key signs that signs now; nothing when there is none.
SELECT extract(epoch FROM now() - max(k.signs_from))::double precision / 86400 AS days
FROM app.signing_keys AS k
WHERE k.signs_from <= now() AND (k.verifies_until IS NULL OR k.verifies_until > now());

-- name: old_data_keys (read)
-- How many hotels use a data key that is older than $1 days.
SELECT count(DISTINCT k.tenant_id) FROM app.data_keys AS k
WHERE k.retired_at IS NULL AND k.created_at < now() - make_interval(days => $1);

-- name: master_kids (read)
-- The master keys that something is wrapped with.
SELECT split_part(k.wrapped, ':', 2) AS kid FROM app.signing_keys AS k
WHERE k.verifies_until IS NULL OR k.verifies_until > now()
UNION
SELECT split_part(k.wrapped, ':', 2) FROM app.data_keys AS k
ORDER BY 1;

-- name: wrapped_keys (read)
-- One key of tokens and one of a hotel for each master key, to try whether they open.
(
    SELECT DISTINCT ON (split_part(k.wrapped, ':', 2)) k.kid, NULL::uuid AS tenant_id, NULL::uuid AS id, k.wrapped
    FROM app.signing_keys AS k
    ORDER BY split_part(k.wrapped, ':', 2), k.kid
)
UNION ALL
(
    SELECT DISTINCT ON (split_part(k.wrapped, ':', 2)) NULL, k.tenant_id, k.id, k.wrapped
    FROM app.data_keys AS k
    ORDER BY split_part(k.wrapped, ':', 2), k.tenant_id, k.id
);

-- name: follows (read)
-- Whether the server only follows another one.
SELECT pg_is_in_recovery();
