-- What must stand before the first migration: the roles of the cluster, the schema, the table of migrations.
-- `hub migrate` runs this as the user of HUB_DATABASE_URL, every time; it changes only what differs, so that a
-- user without CREATEROLE can run later migrations. Roles belong to the cluster, not to one database: they are
-- not in the numbered files, and no down migration drops them.

DO $roles$
DECLARE
    wanted record;
    -- Who vanishes without a word, with locks held: between the parts of a statement the server counts neither the
    -- time of a statement nor that of an idle transaction, and TCP gives up after two hours. PostgreSQL 17 ends
    -- whatever is open for too long; before, what TCP does not notice stays.
    bounded CONSTANT boolean = current_setting('server_version_num')::integer >= 170000;
    vanishing CONSTANT text[] = ARRAY['tcp_keepalives_idle=10', 'tcp_keepalives_interval=5',
                                      'tcp_keepalives_count=3', 'tcp_user_timeout=25s'];
    serving CONSTANT text[] = ARRAY['statement_timeout=5s', 'lock_timeout=2s',
                                    'idle_in_transaction_session_timeout=5s']
        || vanishing || CASE WHEN bounded THEN ARRAY['transaction_timeout=15s'] END;
    managing CONSTANT text[] = ARRAY['statement_timeout=30s', 'lock_timeout=2s']
        || vanishing || CASE WHEN bounded THEN ARRAY['transaction_timeout=2min'] END;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            -- name, login, bypasses row-level security, settings at login
            ('hub_owner',    false, false, NULL::text[]),
            ('hub_log',      false, false, NULL),
            ('hub_migrator', true,  false, NULL),
            ('hub_api',      true,  false, serving),
            ('hub_relay',    true,  false, serving),
            ('hub_auth',     true,  false, serving),
            ('hub_admin',    true,  false, managing),
            ('hub_backup',   true,  true,  NULL)
        ) AS role (name, login, bypass, settings)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) THEN
            EXECUTE format('CREATE ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE %s %s', wanted.name,
                           CASE WHEN wanted.login THEN 'LOGIN' ELSE 'NOLOGIN' END,
                           CASE WHEN wanted.bypass THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END);
        END IF;
        DECLARE
            setting text;
        BEGIN
            FOREACH setting IN ARRAY coalesce(wanted.settings, '{}'::text[]) LOOP
                IF NOT EXISTS (SELECT FROM pg_roles
                               WHERE rolname = wanted.name AND setting = ANY (coalesce(rolconfig, '{}'))) THEN
                    EXECUTE format('ALTER ROLE %I SET %I = %L', wanted.name,
                                   split_part(setting, '=', 1), split_part(setting, '=', 2));
                END IF;
            END LOOP;
        END;
    END LOOP;
    -- The migrator becomes the owner; the owner hands the log functions to hub_log.
    IF NOT pg_has_role('hub_migrator', 'hub_owner', 'MEMBER') THEN
        GRANT hub_owner TO hub_migrator;
    END IF;
    IF NOT pg_has_role('hub_owner', 'hub_log', 'MEMBER') THEN
        GRANT hub_log TO hub_owner;
    END IF;
    -- A dump needs to read everything, and nothing else.
    IF NOT pg_has_role('hub_backup', 'pg_read_all_data', 'MEMBER') THEN
        GRANT pg_read_all_data TO hub_backup;
    END IF;
END
$roles$;

DO $schema$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'app') THEN
        EXECUTE format('GRANT CREATE ON DATABASE %I TO hub_owner', current_database());
        CREATE SCHEMA app AUTHORIZATION hub_owner;
        GRANT USAGE ON SCHEMA app TO hub_api, hub_relay, hub_auth, hub_admin, hub_log;
        ALTER DEFAULT PRIVILEGES FOR ROLE hub_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
        ALTER DEFAULT PRIVILEGES FOR ROLE hub_log REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
        CREATE TABLE app.schema_migrations (
            version integer PRIMARY KEY,
            name text NOT NULL,
            sha256 text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            duration_ms integer NOT NULL,
            applied_by text NOT NULL DEFAULT session_user
        );
        ALTER TABLE app.schema_migrations OWNER TO hub_owner;
        GRANT SELECT ON app.schema_migrations TO hub_api, hub_relay, hub_admin;
    END IF;
END
$schema$;
