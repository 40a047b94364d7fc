-- What a plan allows - rooms, users, bytes - is held by the database, whoever writes.

-- Pictures of a hotel's menu and pages.
CREATE TABLE app.files (
    tenant_id uuid NOT NULL CONSTRAINT files_tenant_fkey REFERENCES app.tenants (id),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    name text NOT NULL CONSTRAINT files_name_length CHECK (length(name) BETWEEN 1 AND 200),
    media_type text NOT NULL
        CONSTRAINT files_media_type_known CHECK (media_type IN ('image/avif', 'image/jpeg', 'image/png', 'image/webp')),
    content bytea NOT NULL CONSTRAINT files_content_size CHECK (octet_length(content) <= 4194304),
    -- emptied when deleted, so that it no longer counts
    deleted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT files_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT files_deleted_is_empty CHECK (deleted_at IS NULL OR octet_length(content) = 0)
);
SELECT app.protect_tenant_table('app.files');
GRANT SELECT, INSERT, UPDATE ON app.files TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.files TO hub_admin;
GRANT SELECT ON app.files TO hub_log;
CREATE POLICY log ON app.files FOR SELECT TO hub_log USING (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.files FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.files FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();

-- Refuses what goes over the plan: HUB03, with limit, allowed and used in DETAIL as JSON. One writer of a hotel at a
-- time counts, and sees what the one before has committed, or two at once would both find the last place free.
CREATE FUNCTION app.check_limit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    allowed bigint;
    used bigint;
BEGIN
    IF current_setting('transaction_isolation') = 'repeatable read' THEN
        RAISE EXCEPTION 'what a plan allows cannot be counted in REPEATABLE READ' USING ERRCODE = 'feature_not_supported';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(format('hub limit %s %s', TG_ARGV[0], NEW.tenant_id), 0));
    CASE TG_ARGV[0]
        WHEN 'rooms' THEN
            SELECT t.room_limit INTO STRICT allowed FROM app.tenants AS t WHERE t.id = NEW.tenant_id;
            SELECT count(*) INTO used FROM app.device_rooms AS d
            WHERE d.tenant_id = NEW.tenant_id AND d.device_type = 'tablet' AND d.deleted_at IS NULL
                AND d.status IN ('pending', 'active', 'suspended');
        WHEN 'users' THEN
            SELECT t.user_limit INTO STRICT allowed FROM app.tenants AS t WHERE t.id = NEW.tenant_id;
            SELECT count(*) INTO used FROM app.staff AS s
            WHERE s.tenant_id = NEW.tenant_id AND s.is_active AND s.deleted_at IS NULL;
        WHEN 'storage' THEN
            SELECT t.storage_limit INTO STRICT allowed FROM app.tenants AS t WHERE t.id = NEW.tenant_id;
            SELECT coalesce(sum(octet_length(f.content)), 0) INTO used FROM app.files AS f
            WHERE f.tenant_id = NEW.tenant_id;
    END CASE;
    IF used > allowed THEN
        RAISE EXCEPTION 'the plan of this hotel allows no more %', TG_ARGV[0] USING ERRCODE = 'HUB03',
            DETAIL = jsonb_build_object('limit', TG_ARGV[0], 'allowed', allowed, 'used', used);
    END IF;
    RETURN NULL;
END
$$;
GRANT CREATE ON SCHEMA app TO hub_log;
ALTER FUNCTION app.check_limit() OWNER TO hub_log;
REVOKE CREATE ON SCHEMA app FROM hub_log;
CREATE TRIGGER room_limit AFTER INSERT ON app.device_rooms FOR EACH ROW
    WHEN (NEW.device_type = 'tablet' AND NEW.deleted_at IS NULL AND NEW.status IN ('pending', 'active', 'suspended'))
    EXECUTE FUNCTION app.check_limit('rooms');
CREATE TRIGGER room_limit_update AFTER UPDATE ON app.device_rooms FOR EACH ROW
    WHEN (NEW.device_type = 'tablet' AND NEW.deleted_at IS NULL AND NEW.status IN ('pending', 'active', 'suspended')
          AND (OLD.deleted_at IS NOT NULL OR OLD.status IN ('lost', 'retired') OR OLD.device_type <> 'tablet'))
    EXECUTE FUNCTION app.check_limit('rooms');
CREATE TRIGGER user_limit AFTER INSERT ON app.staff FOR EACH ROW WHEN (NEW.is_active AND NEW.deleted_at IS NULL)
    EXECUTE FUNCTION app.check_limit('users');
CREATE TRIGGER user_limit_update AFTER UPDATE ON app.staff FOR EACH ROW
    WHEN (NEW.is_active AND NEW.deleted_at IS NULL AND (NOT OLD.is_active OR OLD.deleted_at IS NOT NULL))
    EXECUTE FUNCTION app.check_limit('users');
CREATE TRIGGER storage_limit AFTER INSERT ON app.files FOR EACH ROW EXECUTE FUNCTION app.check_limit('storage');
CREATE TRIGGER storage_limit_update AFTER UPDATE OF content ON app.files FOR EACH ROW
    WHEN (octet_length(NEW.content) > octet_length(OLD.content)) EXECUTE FUNCTION app.check_limit('storage');
