-- How people and devices get in, and what a transaction asks before it serves them.

-- The platform is a tenant of its own, without rooms: the super-admins are its staff, so that their passwords, second
-- factors, sessions and audit work like everybody's, and no row of theirs stands in a hotel.
INSERT INTO app.tenants (id, name, slug, time_zone, user_limit)
VALUES ('00000000-0000-0000-0000-000000000000', 'Platform', 'platform', 'UTC', 1000);

-- One sign-in on one browser. It lives as long as its refresh tokens are renewed, and ends for a reason.
CREATE TABLE app.staff_sessions (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    staff_id uuid NOT NULL,
    second_factor boolean NOT NULL DEFAULT false,
    ip inet,
    user_agent text CONSTRAINT staff_sessions_user_agent_length CHECK (length(user_agent) <= 200),
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text CONSTRAINT staff_sessions_end_reason_known
        CHECK (end_reason IN ('signed_out', 'revoked', 'reused', 'password_changed', 'dismissed')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT staff_sessions_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT staff_sessions_staff_fkey FOREIGN KEY (tenant_id, staff_id) REFERENCES app.staff (tenant_id, id),
    CONSTRAINT staff_sessions_end_has_reason CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX staff_sessions_open ON app.staff_sessions (tenant_id, staff_id) WHERE ended_at IS NULL;
CREATE INDEX staff_sessions_over ON app.staff_sessions (tenant_id, least(ended_at, expires_at));
SELECT app.protect_tenant_table('app.staff_sessions');
GRANT SELECT, INSERT, UPDATE ON app.staff_sessions TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.staff_sessions TO hub_admin;
GRANT SELECT, DELETE ON app.staff_sessions TO hub_log;
CREATE POLICY log ON app.staff_sessions TO hub_log USING (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.staff_sessions FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.staff_sessions FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();
CREATE CONSTRAINT TRIGGER log_end AFTER UPDATE ON app.staff_sessions
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL)
    EXECUTE FUNCTION app.log_topic_end('session');

-- Every refresh token of a session, as a hash. One that comes a second time was stolen by somebody: the session ends.
CREATE TABLE app.refresh_tokens (
    tenant_id uuid NOT NULL,
    token_hash bytea NOT NULL CONSTRAINT refresh_tokens_token_hash_sha256 CHECK (octet_length(token_hash) = 32),
    session_id uuid NOT NULL,
    used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT refresh_tokens_pkey PRIMARY KEY (tenant_id, token_hash),
    CONSTRAINT refresh_tokens_session_fkey FOREIGN KEY (tenant_id, session_id)
        REFERENCES app.staff_sessions (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_session ON app.refresh_tokens (tenant_id, session_id, created_at);
CREATE INDEX refresh_tokens_used ON app.refresh_tokens (tenant_id, used_at) WHERE used_at IS NOT NULL;
SELECT app.protect_tenant_table('app.refresh_tokens');
GRANT SELECT, INSERT, UPDATE ON app.refresh_tokens TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.refresh_tokens TO hub_admin;
GRANT SELECT, DELETE ON app.refresh_tokens TO hub_log;
CREATE POLICY log ON app.refresh_tokens TO hub_log USING (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.refresh_tokens FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();

-- Single-use codes that go out by mail. Only the hash is stored.
CREATE TABLE app.staff_codes (
    tenant_id uuid NOT NULL,
    code_hash bytea NOT NULL CONSTRAINT staff_codes_code_hash_sha256 CHECK (octet_length(code_hash) = 32),
    staff_id uuid NOT NULL,
    purpose text NOT NULL
        CONSTRAINT staff_codes_purpose_known CHECK (purpose IN ('verify_email', 'reset_password')),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT staff_codes_pkey PRIMARY KEY (tenant_id, code_hash),
    CONSTRAINT staff_codes_staff_fkey FOREIGN KEY (tenant_id, staff_id) REFERENCES app.staff (tenant_id, id)
);
CREATE INDEX staff_codes_over ON app.staff_codes (tenant_id, expires_at);
CREATE INDEX staff_codes_unused ON app.staff_codes (tenant_id, staff_id, purpose) WHERE used_at IS NULL;
SELECT app.protect_tenant_table('app.staff_codes');
GRANT SELECT, INSERT, UPDATE ON app.staff_codes TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.staff_codes TO hub_admin;
GRANT SELECT, DELETE ON app.staff_codes TO hub_log;
CREATE POLICY log ON app.staff_codes TO hub_log USING (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.staff_codes FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, code_hash ON app.staff_codes FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.code_hash) IS DISTINCT FROM (NEW.tenant_id, NEW.code_hash)) EXECUTE FUNCTION app.refuse_new_key();

CREATE FUNCTION app.raise_access_version() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.access_version := OLD.access_version + 1;
    RETURN NEW;
END
$$;
CREATE TRIGGER access BEFORE UPDATE ON app.staff FOR EACH ROW
    WHEN ((OLD.role, OLD.permissions, OLD.is_active, OLD.deleted_at)
          IS DISTINCT FROM (NEW.role, NEW.permissions, NEW.is_active, NEW.deleted_at))
    EXECUTE FUNCTION app.raise_access_version();

-- Somebody may do more or less now: the sockets of all sign-ins end, and those that are still good come back with a
-- token that says it.
CREATE FUNCTION app.log_access_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    session uuid;
BEGIN
    FOR session IN
        SELECT s.id FROM app.staff_sessions AS s
        WHERE s.tenant_id = NEW.tenant_id AND s.staff_id = NEW.id AND s.ended_at IS NULL AND s.expires_at > now()
        ORDER BY s.id
    LOOP
        PERFORM app.end_topic(NEW.tenant_id, session, format('session:%s', session));
    END LOOP;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_access AFTER UPDATE ON app.staff
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.access_version <> NEW.access_version)
    EXECUTE FUNCTION app.log_access_change();

-- Devices that show a code and wait for a hotel to approve them (RFC 8628). They belong to no tenant until then; nobody
-- may touch the table but the functions below. The device keeps the secret whose hash becomes its credential, so that
-- no answer that gets lost can lock it out.
CREATE TABLE app.pairing_requests (
    secret_hash bytea CONSTRAINT pairing_requests_pkey PRIMARY KEY
        CONSTRAINT pairing_requests_secret_hash_sha256 CHECK (octet_length(secret_hash) = 32),
    user_code_hash bytea NOT NULL
        CONSTRAINT pairing_requests_user_code_hash_sha256 CHECK (octet_length(user_code_hash) = 32),
    device_type text NOT NULL
        CONSTRAINT pairing_requests_device_type_known CHECK (device_type IN ('tablet', 'kitchen_screen')),
    client text CONSTRAINT pairing_requests_client_length CHECK (length(client) <= 200),
    expires_at timestamptz NOT NULL,
    approved_for uuid,
    device_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pairing_requests_user_code_key UNIQUE (user_code_hash),
    CONSTRAINT pairing_requests_approved_whole CHECK ((approved_for IS NULL) = (device_id IS NULL))
);
CREATE INDEX pairing_requests_age ON app.pairing_requests (expires_at);
CREATE TRIGGER touch BEFORE UPDATE ON app.pairing_requests FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();

-- Takes a code for a device that waits; false when another one has it. Clears away what is over on the way.
CREATE FUNCTION app.start_pairing(secret bytea, user_code bytea, kind text, client_text text, life interval)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM app.pairing_requests AS r WHERE r.secret_hash = ANY (ARRAY(
        SELECT old.secret_hash FROM app.pairing_requests AS old
        WHERE old.expires_at < now() ORDER BY old.expires_at LIMIT 100 FOR UPDATE SKIP LOCKED
    ));
    INSERT INTO app.pairing_requests (secret_hash, user_code_hash, device_type, client, expires_at)
    VALUES (secret, user_code, kind, client_text, now() + life)
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;

-- What has become of a request, asked by the device with its secret; no row when there is none any more.
CREATE FUNCTION app.poll_pairing(secret bytea)
RETURNS TABLE (tenant_id uuid, device_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.approved_for, r.device_id FROM app.pairing_requests AS r
    WHERE r.secret_hash = secret AND r.expires_at > now()
$$;

-- What waits behind a code, for the member of staff who is about to approve it; no row for one that is not good.
CREATE FUNCTION app.find_pairing(user_code bytea)
RETURNS TABLE (device_type text, client text, created_at timestamptz, expires_at timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.device_type, r.client, r.created_at, r.expires_at FROM app.pairing_requests AS r
    WHERE r.user_code_hash = user_code AND r.approved_for IS NULL AND r.expires_at > now()
$$;

-- Gives the device that waits behind a code to a device of this transaction's tenant, of the same type: false when the
-- code is not good (any more). Of two approvals at once one gets false. The row is locked before it is read, so that a
-- device that is deleted at this moment does not come back.
CREATE FUNCTION app.approve_pairing(user_code bytea, device uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant uuid := app.tenant_id();
    kind text;
    granted bytea;
BEGIN
    SELECT d.device_type INTO kind FROM app.device_rooms AS d
    WHERE d.tenant_id = tenant AND d.id = device AND d.deleted_at IS NULL AND d.status <> 'retired'
    FOR NO KEY UPDATE;
    UPDATE app.pairing_requests AS r SET approved_for = tenant, device_id = device
    WHERE r.user_code_hash = user_code AND r.approved_for IS NULL AND r.expires_at > now() AND r.device_type = kind
    RETURNING r.secret_hash INTO granted;
    IF granted IS NULL THEN
        RETURN false;
    END IF;
    UPDATE app.device_rooms AS d
    SET credential_hash = granted, next_credential_hash = NULL, previous_credential_hash = NULL,
        credential_changed_at = now(), status = 'active'
    WHERE d.tenant_id = tenant AND d.id = device;
    RETURN true;
END
$$;
GRANT EXECUTE ON FUNCTION app.start_pairing(bytea, bytea, text, text, interval), app.poll_pairing(bytea) TO hub_auth;
GRANT EXECUTE ON FUNCTION app.find_pairing(bytea), app.approve_pairing(bytea, uuid) TO hub_api;

-- A hotel by the name in an address, before any tenant is known: by its own domain, or by its slug.
CREATE FUNCTION app.find_tenant(host text, short_name text)
RETURNS TABLE (tenant_id uuid, name text, slug text, locale text, state text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.id, t.name, t.slug, t.locale, app.tenant_state(t.status, t.contract_start, t.contract_end, t.time_zone)
    FROM app.tenants AS t
    WHERE t.domain = host OR t.slug = short_name
    ORDER BY t.domain IS NOT DISTINCT FROM host DESC
    LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION app.find_tenant(text, text) TO hub_auth;

-- Whether a device is in service and what its token says of it. The one rule for transactions and for sessions.
CREATE FUNCTION app.is_as_told(
    status text, device_type text, room_number text, credential_version integer, kind text, room text, credential integer
) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN status IS NOT DISTINCT FROM 'active' AND device_type IS NOT DISTINCT FROM kind
    AND room_number IS NOT DISTINCT FROM room AND credential_version IS NOT DISTINCT FROM credential;

-- Every transaction of a device or of a member of staff begins with one of these two, in the message that begins it:
-- whoever was revoked meanwhile gets nowhere, whatever the token says and however long it is good.
--   HUB01  the session has ended      HUB02  the hotel is not served now (the state stands in DETAIL, why in HINT)
--   HUB04  role or permissions have changed: a fresh token says so
CREATE FUNCTION app.admit_device(device uuid, kind text, room text, credential integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    asking record;
BEGIN
    SELECT app.is_as_told(d.status, d.device_type, d.room_number, d.credential_version, kind, room, credential) AS good, c.id AS cook_id,
        app.tenant_state(t.status, t.contract_start, t.contract_end, t.time_zone) AS tenant_state, t.status_reason
    INTO asking
    FROM app.device_rooms AS d
    JOIN app.tenants AS t ON t.id = d.tenant_id
    LEFT JOIN app.staff AS c
        ON c.tenant_id = d.tenant_id AND c.id = d.cook_id AND c.is_active AND c.deleted_at IS NULL
    WHERE d.tenant_id = (SELECT app.tenant_id()) AND d.id = device AND d.deleted_at IS NULL;
    IF asking.good IS NOT TRUE THEN
        RAISE EXCEPTION 'the device is not what its token says' USING ERRCODE = 'HUB01';
    ELSIF asking.tenant_state <> 'active' THEN
        RAISE EXCEPTION 'the hotel is not served' USING ERRCODE = 'HUB02', DETAIL = asking.tenant_state,
            HINT = coalesce(asking.status_reason, '');
    END IF;
    IF asking.cook_id IS NOT NULL THEN
        PERFORM set_config('app.cook_id', asking.cook_id::text, true);
    END IF;
END
$$;

CREATE FUNCTION app.admit_staff(session uuid, access integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    asking record;
BEGIN
    SELECT p.access_version, app.tenant_state(t.status, t.contract_start, t.contract_end, t.time_zone) AS tenant_state, t.status_reason
    INTO asking
    FROM app.staff_sessions AS s
    JOIN app.staff AS p ON p.tenant_id = s.tenant_id AND p.id = s.staff_id
    JOIN app.tenants AS t ON t.id = s.tenant_id
    WHERE s.tenant_id = (SELECT app.tenant_id()) AND s.id = session AND s.ended_at IS NULL AND s.expires_at > now()
        AND p.is_active AND p.deleted_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the session has ended' USING ERRCODE = 'HUB01';
    ELSIF asking.tenant_state <> 'active' THEN
        RAISE EXCEPTION 'the hotel is not served' USING ERRCODE = 'HUB02', DETAIL = asking.tenant_state,
            HINT = coalesce(asking.status_reason, '');
    ELSIF asking.access_version IS DISTINCT FROM access THEN
        RAISE EXCEPTION 'the permissions have changed' USING ERRCODE = 'HUB04';
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION app.is_as_told(text, text, text, integer, text, text, integer) TO hub_api;
GRANT EXECUTE ON FUNCTION app.admit_device(uuid, text, text, integer) TO hub_api;
GRANT EXECUTE ON FUNCTION app.admit_staff(uuid, integer) TO hub_api, hub_admin;

-- Deletes at most `batch` of each: a tenant's sign-ins that were over before `before`, refresh tokens that were used and
-- codes that ran out before then, phones of guests who had left. Returns how many went.
CREATE FUNCTION app.prune_sign_ins(tenant uuid, before timestamptz, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part integer;
    gone integer := 0;
    phones uuid[] := ARRAY(
        SELECT d.id
        FROM app.device_rooms AS d
        JOIN app.stays AS s ON s.tenant_id = d.tenant_id AND s.id = d.stay_id
        WHERE d.tenant_id = tenant AND d.device_type = 'phone' AND s.ended_at < before LIMIT batch
    );
BEGIN
    DELETE FROM app.device_presence AS p WHERE p.tenant_id = tenant AND p.device_id = ANY (phones);
    DELETE FROM app.device_rooms AS d WHERE d.tenant_id = tenant AND d.id = ANY (phones);
    GET DIAGNOSTICS part = ROW_COUNT;
    gone := gone + part;
    DELETE FROM app.refresh_tokens AS r
    WHERE r.tenant_id = tenant AND r.ctid = ANY (ARRAY(
        SELECT old.ctid FROM app.refresh_tokens AS old
        WHERE old.tenant_id = tenant AND old.used_at < before ORDER BY old.used_at LIMIT batch
    ));
    GET DIAGNOSTICS part = ROW_COUNT;
    gone := gone + part;
    DELETE FROM app.staff_sessions AS s
    WHERE s.tenant_id = tenant AND s.ctid = ANY (ARRAY(
        SELECT old.ctid FROM app.staff_sessions AS old
        WHERE old.tenant_id = tenant AND least(old.ended_at, old.expires_at) < before
        ORDER BY least(old.ended_at, old.expires_at) LIMIT batch
    ));
    GET DIAGNOSTICS part = ROW_COUNT;
    gone := gone + part;
    DELETE FROM app.staff_codes AS c
    WHERE c.tenant_id = tenant AND c.ctid = ANY (ARRAY(
        SELECT old.ctid FROM app.staff_codes AS old
        WHERE old.tenant_id = tenant AND old.expires_at < before ORDER BY old.expires_at LIMIT batch
    ));
    GET DIAGNOSTICS part = ROW_COUNT;
    gone := gone + part;
    DELETE FROM app.pairing_codes AS c
    WHERE c.tenant_id = tenant AND c.ctid = ANY (ARRAY(
        SELECT old.ctid FROM app.pairing_codes AS old
        WHERE old.tenant_id = tenant AND old.expires_at < before LIMIT batch
    ));
    GET DIAGNOSTICS part = ROW_COUNT;
    RETURN gone + part;
END
$$;

-- Empties what at most `batch` of a tenant's stays that ended before `before`, and at most `batch` of their orders, say of
-- the guests; returns how many. What a guest must not eat stays with an order for as long as it is open.
CREATE FUNCTION app.erase_guests(tenant uuid, before timestamptz, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    emptied integer;
    finished uuid[];
BEGIN
    UPDATE app.stays AS s
    SET guest_name_encrypted = NULL, guest_phone_encrypted = NULL, guest_phone_index = NULL,
        allergens = '{}', allergens_version = NULL, allergens_declared_at = NULL
    WHERE s.tenant_id = tenant AND s.ctid = ANY (ARRAY(
        SELECT old.ctid FROM app.stays AS old
        WHERE old.tenant_id = tenant AND old.ended_at < before
            AND (old.guest_name_encrypted IS NOT NULL OR old.guest_phone_encrypted IS NOT NULL
                OR old.allergens_declared_at IS NOT NULL)
        ORDER BY old.ended_at LIMIT batch
    ));
    GET DIAGNOSTICS emptied = ROW_COUNT;
    finished := ARRAY(
        SELECT o.id
        FROM app.orders AS o
        JOIN app.stays AS s ON s.tenant_id = o.tenant_id AND s.id = o.stay_id
        WHERE o.tenant_id = tenant AND (o.declared_allergens <> '{}' OR o.allergens_version IS NOT NULL)
            AND o.finished_at IS NOT NULL AND s.ended_at < before
        ORDER BY o.id LIMIT batch FOR NO KEY UPDATE OF o
    );
    -- the orders first: their version rises once
    UPDATE app.orders AS o SET declared_allergens = '{}', allergens_version = NULL
    WHERE o.tenant_id = tenant AND o.id = ANY (finished);
    UPDATE app.order_items AS i SET conflicts = '{}'
    WHERE i.tenant_id = tenant AND i.order_id = ANY (finished) AND i.conflicts <> '{}';
    RETURN emptied + cardinality(finished);
END
$$;
GRANT CREATE ON SCHEMA app TO hub_log;
ALTER FUNCTION app.log_access_change() OWNER TO hub_log;
ALTER FUNCTION app.prune_sign_ins(uuid, timestamptz, integer) OWNER TO hub_log;
ALTER FUNCTION app.erase_guests(uuid, timestamptz, integer) OWNER TO hub_log;
REVOKE CREATE ON SCHEMA app FROM hub_log;
GRANT EXECUTE ON FUNCTION app.prune_sign_ins(uuid, timestamptz, integer), app.erase_guests(uuid, timestamptz, integer)
    TO hub_relay;
