-- Who changed what, when, from where: written by triggers, in the transaction of the change, and never changed.

-- Partitioned by month, so that what is old goes as a whole. The one key that has time before id.
CREATE TABLE app.audit_logs (
    -- no foreign key: what a hotel did outlives it, and its own end is written down too
    tenant_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    -- insert, update, delete; or a security event such as sign_in.failed
    operation text NOT NULL CONSTRAINT audit_logs_operation_form CHECK (operation ~ '^[a-z_]+(?:[.][a-z_]+)?$'),
    table_name text,
    record text,
    user_id uuid,
    user_role text NOT NULL,
    -- who worked at the shared kitchen screen that did it
    cook_id uuid,
    old jsonb,
    new jsonb,
    changed text[],
    details jsonb,
    ip inet,
    user_agent text,
    request_id uuid,
    CONSTRAINT audit_logs_pkey PRIMARY KEY (tenant_id, created_at, id),
    -- no event can pass for the change of a row
    CONSTRAINT audit_logs_row_or_event CHECK ((operation IN ('insert', 'update', 'delete')) = (table_name IS NOT NULL))
) PARTITION BY RANGE (created_at);
CREATE INDEX audit_logs_record ON app.audit_logs (tenant_id, record, created_at DESC, id DESC);
CREATE INDEX audit_logs_user ON app.audit_logs (tenant_id, user_id, created_at DESC, id DESC);
CREATE INDEX audit_logs_operation ON app.audit_logs (tenant_id, operation, created_at DESC, id DESC);
SELECT app.protect_tenant_table('app.audit_logs');
GRANT SELECT ON app.audit_logs TO hub_api, hub_admin;
GRANT INSERT ON app.audit_logs TO hub_log;
CREATE POLICY log ON app.audit_logs FOR INSERT TO hub_log WITH CHECK (true);

-- What belongs to no hotel: keys of tokens, hotels made and ended. Rows alone; events of the platform stand in the audit
-- of its tenant.
CREATE TABLE app.platform_audit (
    id uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT platform_audit_pkey PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    operation text NOT NULL CONSTRAINT platform_audit_operation_form CHECK (operation ~ '^[a-z_]+(?:[.][a-z_]+)?$'),
    table_name text,
    record text,
    user_id uuid,
    user_role text NOT NULL,
    old jsonb,
    new jsonb,
    changed text[],
    details jsonb,
    ip inet,
    user_agent text,
    request_id uuid,
    CONSTRAINT platform_audit_row_or_event
        CHECK ((operation IN ('insert', 'update', 'delete')) = (table_name IS NOT NULL))
);
CREATE INDEX platform_audit_time ON app.platform_audit (created_at, id);
GRANT SELECT ON app.platform_audit TO hub_admin;
GRANT INSERT ON app.platform_audit TO hub_log;

-- Makes the partitions of this month and the `ahead` next ones, and of every month whose rows lie in the default
-- partition because nobody made theirs in time; returns how many it made. A partition has the locks of tenancy too, and
-- grants nothing: it is reached through the whole table. It is attached when it stands, because CREATE TABLE PARTITION OF
-- would lock out every writer; attaching waits for readers of the whole audit alone, and gives up soon.
CREATE FUNCTION app.make_audit_partitions(ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    this_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    month timestamp;
    first timestamptz;
    past timestamptz;
    name text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('hub audit partitions', 0));
    FOR month IN
        SELECT this_month + make_interval(months => step) FROM generate_series(0, ahead) AS step
        UNION
        SELECT date_trunc('month', late.created_at AT TIME ZONE 'UTC') FROM app.audit_logs_default AS late
    LOOP
        name := format('audit_logs_%s', to_char(month, 'YYYY_MM'));
        CONTINUE WHEN to_regclass('app.' || name) IS NOT NULL;
        first := month AT TIME ZONE 'UTC';
        past := (month + interval '1 month') AT TIME ZONE 'UTC';
        EXECUTE format('CREATE TABLE app.%I (LIKE app.audit_logs INCLUDING ALL)', name);
        EXECUTE format('WITH late AS ('
                       'DELETE FROM app.audit_logs_default WHERE created_at >= %L AND created_at < %L RETURNING *'
                       ') INSERT INTO app.%I SELECT * FROM late', first, past, name);
        EXECUTE format('ALTER TABLE app.audit_logs ATTACH PARTITION app.%I FOR VALUES FROM (%L) TO (%L)',
                       name, first, past);
        PERFORM app.protect_tenant_table(format('app.%I', name)::regclass);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
CREATE TABLE app.audit_logs_default PARTITION OF app.audit_logs DEFAULT;
SELECT app.protect_tenant_table('app.audit_logs_default');
SELECT app.make_audit_partitions(2);

-- Drops the partitions of months that were over before `before`; returns how many went. Never one of the last 30 days,
-- whatever is asked. Writers wait while it waits for those before it, so it gives up soon.
CREATE FUNCTION app.drop_audit_partitions(before timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    name text;
    gone integer := 0;
BEGIN
    FOR name IN
        SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'app.audit_logs'::regclass AND c.relname ~ '^audit_logs_[0-9]{4}_[0-9]{2}$'
            AND (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC'
                <= least(before, now() - interval '30 days')
    LOOP
        EXECUTE format('DROP TABLE app.%I', name);
        gone := gone + 1;
    END LOOP;
    RETURN gone;
END
$$;
GRANT EXECUTE ON FUNCTION app.make_audit_partitions(integer), app.drop_audit_partitions(timestamptz) TO hub_relay;

-- Who acts, from the settings of the transaction: user|role|request|ip|hex of the user agent. A writer who says nothing,
-- like psql, is the role that it connected as; one whose setting cannot be read writes nothing. But a user agent is what
-- strangers send: bytes that are no text stand as escapes.
CREATE FUNCTION app.acting(OUT user_id uuid, OUT user_role text, OUT request_id uuid, OUT ip inet, OUT user_agent text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    parts text[] := string_to_array(nullif(current_setting('app.actor', true), ''), '|');
    agent bytea;
BEGIN
    IF cardinality(parts) <> 5 THEN
        RAISE EXCEPTION 'app.actor is not user|role|request|ip|agent' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    user_id := nullif(parts[1], '')::uuid;
    user_role := coalesce(nullif(parts[2], ''), session_user);
    request_id := nullif(parts[3], '')::uuid;
    ip := nullif(parts[4], '')::inet;
    agent := decode(nullif(parts[5], ''), 'hex');
    IF parts[5] ~ '^(0[1-9a-f]|[1-7].)*$' THEN
        user_agent := convert_from(agent, 'UTF8');  -- ASCII; the block below would cost a subtransaction each time
        RETURN;
    END IF;
    BEGIN
        user_agent := convert_from(agent, 'UTF8');
    EXCEPTION WHEN character_not_in_repertoire THEN
        user_agent := encode(agent, 'escape');
    END;
END
$$;
GRANT EXECUTE ON FUNCTION app.acting() TO hub_log;

-- Secrets and personal data stay out, but that they changed is written: `changed` is taken before the redaction.
CREATE FUNCTION app.redacted(document jsonb, secrets text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN document || coalesce((
    SELECT jsonb_object_agg(key, '"[redacted]"'::jsonb)
    FROM unnest(secrets) AS key
    WHERE document -> key <> 'null'
), '{}');
GRANT EXECUTE ON FUNCTION app.redacted(jsonb, text[]) TO hub_log;

-- Arguments: key columns, secret columns (each with commas between), and 'platform' for a table of no hotel.
CREATE FUNCTION app.audit_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    whole jsonb := coalesce(after, before);
    secrets text[] := string_to_array(TG_ARGV[1], ',');
    columns text[];
    who record := app.acting();
    row_key text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT array_agg(a.key ORDER BY a.key), jsonb_object_agg(a.key, before -> a.key), jsonb_object_agg(a.key, a.value)
        INTO columns, before, after
        FROM jsonb_each(after) AS a
        WHERE a.value IS DISTINCT FROM before -> a.key AND a.key <> 'updated_at';
        -- that items have changed is written with them
        IF columns IS NULL OR columns = '{version}' THEN
            RETURN NULL;
        END IF;
    END IF;
    row_key := whole ->> TG_ARGV[0];
    IF row_key IS NULL THEN
        SELECT string_agg(whole ->> name, '/') INTO row_key FROM unnest(string_to_array(TG_ARGV[0], ',')) AS name;
    END IF;
    IF before ?| secrets OR after ?| secrets THEN
        before := app.redacted(before, secrets);
        after := app.redacted(after, secrets);
    END IF;
    IF TG_ARGV[2] IS DISTINCT FROM 'platform' THEN
        INSERT INTO app.audit_logs (tenant_id, operation, table_name, record, user_id, user_role, cook_id, old, new,
                                    changed, ip, user_agent, request_id)
        VALUES (coalesce(whole ->> 'tenant_id', whole ->> 'id')::uuid, lower(TG_OP), TG_TABLE_NAME, row_key,
                who.user_id, who.user_role, nullif(current_setting('app.cook_id', true), '')::uuid, before, after,
                columns, who.ip, who.user_agent, who.request_id);
    END IF;
    IF TG_ARGV[2] IS NOT NULL THEN
        INSERT INTO app.platform_audit (operation, table_name, record, user_id, user_role, old, new, changed, ip,
                                        user_agent, request_id)
        VALUES (lower(TG_OP), TG_TABLE_NAME, row_key, who.user_id, who.user_role, before, after, columns, who.ip,
                who.user_agent, who.request_id);
    END IF;
    RETURN NULL;
END
$$;

-- A security event of the transaction's tenant: what no row shows, such as a sign-in that failed.
CREATE FUNCTION app.record_event(operation text, record text, details jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who record := app.acting();
BEGIN
    INSERT INTO app.audit_logs (tenant_id, operation, record, user_id, user_role, cook_id, details, ip, user_agent,
                                request_id)
    VALUES (app.tenant_id(), record_event.operation, record_event.record, who.user_id, who.user_role,
            nullif(current_setting('app.cook_id', true), '')::uuid, record_event.details, who.ip, who.user_agent,
            who.request_id);
END
$$;

GRANT CREATE ON SCHEMA app TO hub_log;
ALTER FUNCTION app.audit_row() OWNER TO hub_log;
ALTER FUNCTION app.record_event(text, text, jsonb) OWNER TO hub_log;
REVOKE CREATE ON SCHEMA app FROM hub_log;
GRANT EXECUTE ON FUNCTION app.record_event(text, text, jsonb) TO hub_api, hub_admin;

-- Every table that people and devices write. Not: tenant_heads, events, relay_bell, log_origin (the log is its own
-- record), idempotency (answers repeat what is audited), device_presence (written every second), order_counters
-- (counted from orders), refresh_tokens (their sessions are audited), pairing_requests (of no hotel; an approval shows
-- on its device), the audit itself.
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.tenants FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('id', 'contact_email_encrypted,contact_phone_encrypted', 'both');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.staff FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('id', 'email_index,email_encrypted,password_hash,totp_encrypted,totp_last_step,recovery_hashes,pin_hash');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.staff_sessions FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('id', '');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.staff_codes FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('staff_id', 'code_hash');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.stays FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('id', 'guest_name_encrypted,guest_phone_encrypted,guest_phone_index,allergens');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.device_rooms FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('id', 'credential_hash,next_credential_hash,previous_credential_hash');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.pairing_codes FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('id', 'code_hash');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.menu_items FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('id', '');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.tax_rates FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('tax_class,fulfilment,valid_from', '');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.orders FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('id', 'delivery_address,special_requests,declared_allergens');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.order_items FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('order_id,line', 'note,conflicts');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.files FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('id', 'content');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.data_keys FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('id', 'wrapped');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.signing_keys FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('kid', 'wrapped', 'platform');
