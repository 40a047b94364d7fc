-- Tenants and who and what stands in their rooms: staff, stays, devices. With them the two locks that every
-- tenant table carries: keys that begin with tenant_id, and row-level security that is enabled and forced.

-- The tenant of this transaction. Raises when none is set: a query without a tenant is a bug, not an empty list.
-- (After a transaction-local setting ends the value is '', not NULL.)
CREATE FUNCTION app.tenant_id() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    value text := current_setting('app.current_tenant_id', true);
BEGIN
    IF value IS NULL OR value = '' THEN
        RAISE EXCEPTION 'no tenant is set for this transaction' USING ERRCODE = '42501';
    END IF;
    RETURN value::uuid;
END
$$;
GRANT EXECUTE ON FUNCTION app.tenant_id() TO hub_api, hub_admin, hub_log;

-- Moments as every document shows them: RFC 3339, UTC, milliseconds, whatever the session's time zone is.
CREATE FUNCTION app.iso(moment timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
GRANT EXECUTE ON FUNCTION app.iso(timestamptz) TO hub_api, hub_relay, hub_admin, hub_log;

CREATE FUNCTION app.touch_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

-- Screens, events, answers and the audit know a row by its key for ever: a row that took another one would be there
-- twice, and one that went to another hotel would take its history there.
CREATE FUNCTION app.refuse_new_key() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the key of a row of % never changes', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END
$$;

-- Gives a tenant table its row-level security. Each policy names its role, never PUBLIC. Owner and migrator have
-- policies of their own, because under FORCE a backfill would otherwise change 0 rows without an error.
CREATE FUNCTION app.protect_tenant_table(target regclass, tenant_column text DEFAULT 'tenant_id') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY tenant ON %s TO hub_api USING (%I = (SELECT app.tenant_id())) '
                   'WITH CHECK (%2$I = (SELECT app.tenant_id()))', target, tenant_column);
    EXECUTE format('CREATE POLICY owner ON %s TO hub_owner, hub_migrator USING (true) WITH CHECK (true)', target);
    EXECUTE format('CREATE POLICY admin ON %s TO hub_admin USING (true) WITH CHECK (true)', target);
END
$$;

CREATE TABLE app.tenants (
    id uuid DEFAULT gen_random_uuid() CONSTRAINT tenants_pkey PRIMARY KEY,
    name text NOT NULL CONSTRAINT tenants_name_length CHECK (length(name) BETWEEN 1 AND 200),
    slug text NOT NULL CONSTRAINT tenants_slug_form CHECK (slug ~ '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$'),
    domain text CONSTRAINT tenants_domain_form CHECK (domain ~ '^[a-z0-9.-]{3,253}$'),
    plan_type text NOT NULL DEFAULT 'basic'
        CONSTRAINT tenants_plan_type_known CHECK (plan_type IN ('basic', 'standard', 'premium')),
    plan_features jsonb NOT NULL DEFAULT '{}',
    billing_cycle text NOT NULL DEFAULT 'monthly'
        CONSTRAINT tenants_billing_cycle_known CHECK (billing_cycle IN ('monthly', 'yearly')),
    room_limit integer NOT NULL DEFAULT 50 CONSTRAINT tenants_room_limit_positive CHECK (room_limit > 0),
    user_limit integer NOT NULL DEFAULT 5 CONSTRAINT tenants_user_limit_positive CHECK (user_limit > 0),
    storage_limit bigint NOT NULL DEFAULT 1073741824 CONSTRAINT tenants_storage_limit_positive CHECK (storage_limit > 0),
    address text,
    contact_name text,
    contact_email_encrypted text,
    contact_phone_encrypted text,
    contract_start date,
    contract_end date,
    status text NOT NULL DEFAULT 'active'
        CONSTRAINT tenants_status_known CHECK (status IN ('active', 'suspended', 'ended')),
    -- why it is suspended or has ended, as its screens show it
    status_reason text CONSTRAINT tenants_status_reason_length CHECK (length(status_reason) <= 200),
    -- roles whose members need a second factor
    totp_roles text[] NOT NULL DEFAULT '{}',
    time_zone text NOT NULL DEFAULT 'Asia/Tokyo'
        -- an unknown zone raises here instead of at the first order
        CONSTRAINT tenants_time_zone_known CHECK (timezone(time_zone, timestamptz '2000-01-01 00:00Z') IS NOT NULL),
    locale text NOT NULL DEFAULT 'ja' CONSTRAINT tenants_locale_known CHECK (locale IN ('ja', 'en')),
    prices_include_tax boolean NOT NULL DEFAULT true,
    tax_rounding text NOT NULL DEFAULT 'floor'
        CONSTRAINT tenants_tax_rounding_known CHECK (tax_rounding IN ('floor', 'round', 'ceil')),
    business_day_cutover time NOT NULL DEFAULT '05:00',
    settings jsonb NOT NULL DEFAULT '{}' CONSTRAINT tenants_settings_object CHECK (jsonb_typeof(settings) = 'object')
        CONSTRAINT tenants_settings_recall_minutes CHECK ((settings ->> 'recall_minutes')::integer BETWEEN 1 AND 1440)
        CONSTRAINT tenants_settings_undo_seconds CHECK ((settings ->> 'undo_seconds')::integer BETWEEN 1 AND 60)
        CONSTRAINT tenants_settings_service_charge_bp
            CHECK ((settings ->> 'service_charge_bp')::integer BETWEEN 0 AND 3000)
        CONSTRAINT tenants_settings_delivery_minutes
            CHECK ((settings ->> 'delivery_minutes')::integer BETWEEN 0 AND 120)
        CONSTRAINT tenants_settings_idle_seconds CHECK ((settings ->> 'idle_seconds')::integer BETWEEN 30 AND 3600)
        CONSTRAINT tenants_settings_legal_age CHECK ((settings ->> 'legal_age')::integer BETWEEN 0 AND 30)
        CONSTRAINT tenants_settings_night CHECK (
            (settings ->> 'night_start') ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'
            AND (settings ->> 'night_end') ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'
        )
        CONSTRAINT tenants_settings_throttle CHECK (
            (settings ->> 'throttle_interval_minutes')::integer IN (5, 10, 15, 20, 30, 60)
            AND (settings ->> 'throttle_orders')::integer BETWEEN 1 AND 1000
            AND (settings ->> 'throttle_minutes')::integer BETWEEN 1 AND 10000
        )
        -- portions at once, by station
        CONSTRAINT tenants_settings_station_capacity CHECK (
            jsonb_typeof(settings -> 'station_capacity') = 'object'
            AND NOT jsonb_path_exists(settings -> 'station_capacity', 'strict $.keyvalue() ? (!(
                @.key like_regex "^[a-z][a-z0-9_]{0,39}$" && @.value.type() == "number"
                && @.value >= 1 && @.value <= 50 && @.value.floor() == @.value
            ))', silent => true)
        )
        CONSTRAINT tenants_settings_alerts CHECK (
            coalesce((settings ->> 'alert_unseen_seconds')::integer, 10) BETWEEN 3 AND 3600
            AND coalesce((settings ->> 'alert_hook_seconds')::integer, 30)
                BETWEEN coalesce((settings ->> 'alert_unseen_seconds')::integer, 10) AND 3600
            AND coalesce((settings ->> 'alert_chime_seconds')::integer, 90)
                BETWEEN coalesce((settings ->> 'alert_hook_seconds')::integer, 30) AND 3600
            AND coalesce((settings ->> 'alert_page_seconds')::integer, 180)
                BETWEEN coalesce((settings ->> 'alert_chime_seconds')::integer, 90) AND 7200
            AND coalesce((settings ->> 'alert_every_seconds')::integer, 20) BETWEEN 5 AND 600
        ),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenants_slug_key UNIQUE (slug),
    CONSTRAINT tenants_domain_key UNIQUE (domain),
    CONSTRAINT tenants_contract_order CHECK (contract_end IS NULL OR contract_start IS NULL OR contract_end >= contract_start)
);
SELECT app.protect_tenant_table('app.tenants', 'id');
GRANT SELECT ON app.tenants TO hub_api, hub_log;
-- what a manager may set; the rest is the contract's
GRANT UPDATE (totp_roles, locale, settings) ON app.tenants TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.tenants TO hub_admin;
CREATE POLICY log ON app.tenants FOR SELECT TO hub_log USING (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.tenants FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF id ON app.tenants FOR EACH ROW
    WHEN (OLD.id <> NEW.id) EXECUTE FUNCTION app.refuse_new_key();

-- Whether a hotel may be served: its status, and the dates of its contract by its own calendar.
CREATE FUNCTION app.tenant_state(status text, contract_start date, contract_end date, time_zone text) RETURNS text
LANGUAGE sql STABLE
RETURN CASE
    WHEN status <> 'active' THEN status
    WHEN contract_start > (now() AT TIME ZONE time_zone)::date THEN 'not_started'
    WHEN contract_end < (now() AT TIME ZONE time_zone)::date THEN 'expired'
    ELSE 'active'
END;
GRANT EXECUTE ON FUNCTION app.tenant_state(text, date, date, text) TO hub_api, hub_admin, hub_log;

-- E-mail addresses are stored encrypted; a blind index (a keyed hash) makes them unique and findable in a tenant.
CREATE TABLE app.staff (
    tenant_id uuid NOT NULL CONSTRAINT staff_tenant_fkey REFERENCES app.tenants (id),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    email_index bytea NOT NULL CONSTRAINT staff_email_index_length CHECK (octet_length(email_index) = 32),
    email_encrypted text NOT NULL,
    password_hash text NOT NULL,
    name text NOT NULL CONSTRAINT staff_name_length CHECK (length(name) BETWEEN 1 AND 200),
    role text NOT NULL
        CONSTRAINT staff_role_known
            CHECK (role IN ('front', 'kitchen', 'runner', 'menu_editor', 'manager', 'super_admin')),
    -- beyond those of the role
    permissions text[] NOT NULL DEFAULT '{}',
    -- raised by a trigger when role, permissions or standing change: a token that says an older one must be renewed
    access_version integer NOT NULL DEFAULT 1,
    is_active boolean NOT NULL DEFAULT true,
    email_verified boolean NOT NULL DEFAULT false,
    last_login_at timestamptz,
    failed_login_attempts integer NOT NULL DEFAULT 0
        CONSTRAINT staff_failed_login_attempts_not_negative CHECK (failed_login_attempts >= 0),
    locked_until timestamptz,
    password_changed_at timestamptz,
    -- the second factor: set up when enabled; the step is that of the last code used, so that none is good twice
    totp_encrypted text,
    totp_enabled boolean NOT NULL DEFAULT false,
    totp_last_step bigint,
    recovery_hashes bytea[] NOT NULL DEFAULT '{}',
    -- for a shared kitchen screen
    pin_hash bytea CONSTRAINT staff_pin_hash_length CHECK (octet_length(pin_hash) = 32),
    failed_pin_attempts integer NOT NULL DEFAULT 0
        CONSTRAINT staff_failed_pin_attempts_not_negative CHECK (failed_pin_attempts >= 0),
    pin_locked_until timestamptz,
    profile jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT staff_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT staff_super_admin_outside_hotels
        CHECK ((role = 'super_admin') = (tenant_id = '00000000-0000-0000-0000-000000000000')),
    CONSTRAINT staff_totp_enabled_has_secret CHECK (NOT totp_enabled OR totp_encrypted IS NOT NULL)
);
CREATE UNIQUE INDEX staff_email_key ON app.staff (tenant_id, email_index) WHERE deleted_at IS NULL;
SELECT app.protect_tenant_table('app.staff');
GRANT SELECT, INSERT, UPDATE ON app.staff TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.staff TO hub_admin;
GRANT SELECT ON app.staff TO hub_log;
CREATE POLICY log ON app.staff FOR SELECT TO hub_log USING (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.staff FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.staff FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();

-- A stay is one party in one room. Orders belong to the stay, so that the next guest never sees the last one's.
CREATE TABLE app.stays (
    tenant_id uuid NOT NULL CONSTRAINT stays_tenant_fkey REFERENCES app.tenants (id),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    room_number text NOT NULL CONSTRAINT stays_room_number_length CHECK (length(room_number) BETWEEN 1 AND 20),
    guest_name_encrypted text,
    guest_phone_encrypted text,
    guest_phone_index bytea CONSTRAINT stays_guest_phone_index_length CHECK (octet_length(guest_phone_index) = 32),
    -- what the party must not eat, as codes of a version of the list of allergens; no version: nobody has said
    allergens text[] NOT NULL DEFAULT '{}',
    allergens_version text,
    allergens_declared_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT stays_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT stays_times_in_order CHECK (ended_at >= started_at),
    CONSTRAINT stays_allergens_of_a_version CHECK (
        (allergens_version IS NULL) = (allergens_declared_at IS NULL)
        AND (allergens_version IS NOT NULL OR allergens = '{}')
    )
);
CREATE INDEX stays_declared ON app.stays (tenant_id, id) WHERE ended_at IS NULL AND allergens_declared_at IS NOT NULL;
CREATE INDEX stays_guest_phone ON app.stays (tenant_id, guest_phone_index) WHERE guest_phone_index IS NOT NULL;
CREATE INDEX stays_guest_data ON app.stays (tenant_id, ended_at)
    WHERE guest_name_encrypted IS NOT NULL OR guest_phone_encrypted IS NOT NULL OR allergens_declared_at IS NOT NULL;
CREATE UNIQUE INDEX stays_one_open_per_room ON app.stays (tenant_id, room_number) WHERE ended_at IS NULL;
SELECT app.protect_tenant_table('app.stays');
GRANT SELECT, INSERT, UPDATE ON app.stays TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.stays TO hub_admin;
GRANT SELECT, UPDATE (guest_name_encrypted, guest_phone_encrypted, guest_phone_index, allergens, allergens_version,
    allergens_declared_at) ON app.stays TO hub_log;
CREATE POLICY log ON app.stays TO hub_log USING (true) WITH CHECK (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.stays FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.stays FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();

CREATE TABLE app.device_rooms (
    tenant_id uuid NOT NULL CONSTRAINT device_rooms_tenant_fkey REFERENCES app.tenants (id),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    device_name text NOT NULL CONSTRAINT device_rooms_device_name_length CHECK (length(device_name) BETWEEN 1 AND 200),
    device_type text NOT NULL
        CONSTRAINT device_rooms_device_type_known CHECK (device_type IN ('tablet', 'kitchen_screen', 'phone')),
    mac_address macaddr,
    ip_address inet,
    room_number text,
    -- a phone belongs to one stay, in the room that it had when the phone came, and ends with it
    stay_id uuid,
    room_type text,
    floor text,
    building text,
    stations text[] NOT NULL DEFAULT '{}',
    status text NOT NULL DEFAULT 'pending'
        CONSTRAINT device_rooms_status_known CHECK (status IN ('pending', 'active', 'suspended', 'lost', 'retired')),
    settings jsonb NOT NULL DEFAULT '{}',
    metadata jsonb NOT NULL DEFAULT '{}',
    -- the next one replaces the present one when it is used for the first time: a lost answer locks nobody out
    credential_hash bytea CONSTRAINT device_rooms_credential_hash_sha256 CHECK (octet_length(credential_hash) = 32),
    next_credential_hash bytea
        CONSTRAINT device_rooms_next_credential_hash_sha256 CHECK (octet_length(next_credential_hash) = 32),
    previous_credential_hash bytea
        CONSTRAINT device_rooms_previous_credential_hash_sha256 CHECK (octet_length(previous_credential_hash) = 32),
    credential_changed_at timestamptz,
    -- raised by a trigger when another credential is given: a token that says an older one is over
    credential_version integer NOT NULL DEFAULT 0,
    -- after a check-out: the tablet has not yet said that it holds nothing of the last guest any more
    wipe_requested_at timestamptz,
    -- who works at a shared kitchen screen at the moment, by PIN
    cook_id uuid,
    desired jsonb NOT NULL DEFAULT '{}',
    reported jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT device_rooms_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT device_rooms_cook_fkey FOREIGN KEY (tenant_id, cook_id) REFERENCES app.staff (tenant_id, id),
    CONSTRAINT device_rooms_stay_fkey FOREIGN KEY (tenant_id, stay_id) REFERENCES app.stays (tenant_id, id),
    CONSTRAINT device_rooms_phone_has_stay CHECK ((device_type = 'phone') = (stay_id IS NOT NULL)),
    CONSTRAINT device_rooms_tablet_has_room CHECK (device_type <> 'tablet' OR status <> 'active' OR room_number IS NOT NULL)
);
CREATE UNIQUE INDEX device_rooms_one_tablet_per_room ON app.device_rooms (tenant_id, room_number)
    WHERE device_type = 'tablet' AND status = 'active' AND deleted_at IS NULL;
CREATE INDEX device_rooms_phones ON app.device_rooms (tenant_id, stay_id)
    WHERE device_type = 'phone' AND status <> 'retired';
CREATE INDEX device_rooms_screens ON app.device_rooms (tenant_id, id) WHERE device_type = 'kitchen_screen';
SELECT app.protect_tenant_table('app.device_rooms');
GRANT SELECT, INSERT, UPDATE ON app.device_rooms TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.device_rooms TO hub_admin;
GRANT SELECT, DELETE ON app.device_rooms TO hub_log;
CREATE POLICY log ON app.device_rooms TO hub_log USING (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.device_rooms FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();

-- Another credential, but for the next one that takes its place: tokens that were bought with the old one end.
CREATE FUNCTION app.raise_credential_version() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.credential_version := OLD.credential_version + 1;
    RETURN NEW;
END
$$;
CREATE TRIGGER credential BEFORE UPDATE ON app.device_rooms FOR EACH ROW
    WHEN (NEW.credential_hash IS DISTINCT FROM OLD.credential_hash
          AND NEW.credential_hash IS DISTINCT FROM OLD.next_credential_hash)
    EXECUTE FUNCTION app.raise_credential_version();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.device_rooms FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();

-- Written in batches by each node. The generation counts a device's sessions, so that a late disconnect of an old
-- session cannot mark the new one offline.
CREATE TABLE app.device_presence (
    tenant_id uuid NOT NULL,
    device_id uuid NOT NULL,
    online boolean NOT NULL,
    session_generation bigint NOT NULL
        CONSTRAINT device_presence_generation_positive CHECK (session_generation > 0),
    -- of the latest session, by this server's clock
    opened_at timestamptz NOT NULL DEFAULT '-infinity',
    last_seen_at timestamptz NOT NULL,
    vitals jsonb NOT NULL DEFAULT '{}',
    -- a tablet that has not been heard of for long: its room, while an order is under way there
    silent_room text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT device_presence_pkey PRIMARY KEY (tenant_id, device_id),
    CONSTRAINT device_presence_device_fkey FOREIGN KEY (tenant_id, device_id) REFERENCES app.device_rooms (tenant_id, id)
) WITH (fillfactor = 70);
CREATE INDEX device_presence_silent ON app.device_presence (tenant_id, device_id) WHERE silent_room IS NOT NULL;
SELECT app.protect_tenant_table('app.device_presence');
GRANT SELECT, INSERT, UPDATE ON app.device_presence TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.device_presence TO hub_admin;
GRANT SELECT, DELETE, UPDATE (silent_room) ON app.device_presence TO hub_log;
CREATE POLICY log ON app.device_presence TO hub_log USING (true) WITH CHECK (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.device_presence FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();

-- Single-use codes that a page exchanges for its device's credential. Only the hash is stored.
CREATE TABLE app.pairing_codes (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    -- the device that it is for, or the stay that it brings a phone to
    device_id uuid,
    stay_id uuid,
    code_hash bytea NOT NULL CONSTRAINT pairing_codes_code_hash_sha256 CHECK (octet_length(code_hash) = 32),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pairing_codes_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT pairing_codes_device_fkey FOREIGN KEY (tenant_id, device_id) REFERENCES app.device_rooms (tenant_id, id),
    CONSTRAINT pairing_codes_stay_fkey FOREIGN KEY (tenant_id, stay_id) REFERENCES app.stays (tenant_id, id),
    CONSTRAINT pairing_codes_for_one CHECK ((device_id IS NULL) <> (stay_id IS NULL))
);
CREATE INDEX pairing_codes_unused ON app.pairing_codes (code_hash) WHERE used_at IS NULL;
CREATE INDEX pairing_codes_of_stays ON app.pairing_codes (tenant_id, stay_id) WHERE used_at IS NULL;
SELECT app.protect_tenant_table('app.pairing_codes');
GRANT SELECT, INSERT, UPDATE ON app.pairing_codes TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.pairing_codes TO hub_admin;
GRANT SELECT, DELETE ON app.pairing_codes TO hub_log;
CREATE POLICY log ON app.pairing_codes TO hub_log USING (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.pairing_codes FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.pairing_codes FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();

-- The one look-up that runs before a tenant is known: it uses the code up, gives the device its credential, and
-- says whose it was. Both or neither: a code is not burnt for nothing. The code of a stay makes a new phone, and of
-- eight that the stay has already the oldest goes.
CREATE FUNCTION app.claim_code(presented bytea, credential bytea, OUT tenant_id uuid, OUT device_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked record;
BEGIN
    -- locked, so that a stay that ends at this moment takes the phone along, and phones come one after the other
    SELECT code.tenant_id, code.id, s.id AS stay_id, s.room_number INTO asked
    FROM app.pairing_codes AS code
    JOIN app.stays AS s ON s.tenant_id = code.tenant_id AND s.id = code.stay_id
    WHERE code.code_hash = presented AND code.used_at IS NULL AND s.ended_at IS NULL
    FOR NO KEY UPDATE OF s;
    IF FOUND THEN
        UPDATE app.pairing_codes AS code SET used_at = now()
        WHERE code.tenant_id = asked.tenant_id AND code.id = asked.id AND code.used_at IS NULL AND code.expires_at > now();
        IF NOT FOUND THEN
            RETURN;
        END IF;
        UPDATE app.device_rooms AS d SET status = 'retired'
        WHERE d.tenant_id = asked.tenant_id AND d.id IN (
            SELECT phone.id FROM app.device_rooms AS phone
            WHERE phone.tenant_id = asked.tenant_id AND phone.stay_id = asked.stay_id AND phone.device_type = 'phone'
                AND phone.status <> 'retired'
            ORDER BY phone.created_at DESC, phone.id DESC OFFSET 7
        );
        INSERT INTO app.device_rooms AS d (
            tenant_id, device_name, device_type, room_number, stay_id, floor, status, credential_hash, credential_changed_at
        )
        SELECT
            asked.tenant_id, 'Phone ' || asked.room_number, 'phone', asked.room_number, asked.stay_id,
            (
                SELECT t.floor FROM app.device_rooms AS t
                WHERE t.tenant_id = asked.tenant_id AND t.room_number = asked.room_number AND t.device_type = 'tablet'
                    AND t.deleted_at IS NULL
                ORDER BY t.status = 'active' DESC, t.created_at DESC LIMIT 1
            ),
            'active', credential, now()
        RETURNING d.id INTO device_id;
        tenant_id := asked.tenant_id;
        RETURN;
    END IF;
    -- locked, so that a device that is revoked at this moment stays revoked
    WITH device AS MATERIALIZED (
        SELECT d.tenant_id, d.id, code.id AS code_id
        FROM app.pairing_codes AS code
        JOIN app.device_rooms AS d ON d.tenant_id = code.tenant_id AND d.id = code.device_id
        WHERE code.code_hash = presented AND code.used_at IS NULL AND code.expires_at > now()
            AND d.status IN ('pending', 'active') AND d.deleted_at IS NULL
        FOR NO KEY UPDATE OF d
    ), claimed AS (
        UPDATE app.pairing_codes AS code SET used_at = now()
        FROM device
        WHERE code.tenant_id = device.tenant_id AND code.id = device.code_id AND code.used_at IS NULL
        RETURNING code.tenant_id, code.device_id
    )
    UPDATE app.device_rooms AS d
    SET credential_hash = credential, next_credential_hash = NULL, previous_credential_hash = NULL,
        credential_changed_at = now(), status = 'active'
    FROM claimed
    WHERE d.tenant_id = claimed.tenant_id AND d.id = claimed.device_id
    RETURNING d.tenant_id, d.id INTO asked;
    tenant_id := asked.tenant_id;
    device_id := asked.id;
END
$$;

-- What was invited into a stay ends with it, and when the guest takes another room: whoever came in by the old room's
-- code has to be asked in anew.
CREATE FUNCTION app.end_phones() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE app.device_rooms AS d SET status = 'retired'
    WHERE d.tenant_id = NEW.tenant_id AND d.stay_id = NEW.id AND d.device_type = 'phone' AND d.status <> 'retired';
    UPDATE app.pairing_codes AS code SET expires_at = now()
    WHERE code.tenant_id = NEW.tenant_id AND code.stay_id = NEW.id AND code.used_at IS NULL AND code.expires_at > now();
    RETURN NULL;
END
$$;
CREATE TRIGGER phones AFTER UPDATE ON app.stays FOR EACH ROW
    WHEN (OLD.ended_at IS NULL AND (NEW.ended_at IS NOT NULL OR OLD.room_number <> NEW.room_number))
    EXECUTE FUNCTION app.end_phones();
GRANT EXECUTE ON FUNCTION app.claim_code(bytea, bytea) TO hub_auth;
