-- The data model: what prepare.sql and the migrations add up to, to be read from top to bottom. A database that is
-- made from prepare.sql and this file has the same catalogue as a migrated one; a test compares the two.
--
--   tenants            a hotel; the one with the id of zeros is the platform, whose staff are the super-admins
--     staff            who works in it; with staff_sessions, refresh_tokens and staff_codes, how they sign in
--     stays            one party in one room, from check-in to check-out
--     device_rooms     tablets and kitchen screens; with pairing_codes, how one gets its credential, and device_presence
--     menu_items       what guests see, and stock; with tax_rates, what it is priced with
--     orders           what one stay ordered; with order_items, a snapshot of what was sold
--     order_counters   the human numbers of each business day
--     idempotency      operations that were done, with their answers
--     tenant_heads     how far the log of the hotel reaches; with events, what screens must be told, in commit order
--     data_keys        what encrypts the hotel's personal data, wrapped by a key that is not here
--     files            pictures
--     audit_logs       who changed what, when, from where; a partition for each month
--   of no hotel: pairing_requests, devices that wait for one; signing_keys, of all tokens; platform_audit, what happened
--   to the platform; relay_bell and log_origin, one row each
--
-- Tenancy has two locks. The keys: every key of a tenant table begins with tenant_id, so that no reference can lead
-- into another hotel, whatever row-level security says (foreign-key checks ignore it). And row-level security,
-- enabled and forced: hub_api sees the rows of the one tenant that its transaction has set, and raises without one.
--
-- Triggers keep what no writer may forget: versions, the log, what a plan allows, the audit. The settings of a
-- transaction tell them who acts (app.actor); functions that refuse on purpose raise HUB01 to HUB04.
--
-- Who does what (roles are made by prepare.sql): hub_owner owns tables, hub_log owns the functions that write log and
-- audit, whoever the writer is; hub_api serves devices and people, one tenant at a time, and never deletes; hub_relay
-- reads the log of all tenants and clears away what is old; hub_auth finds hotels, pairs devices and reads the keys of
-- tokens before a tenant is known; hub_admin is the super-admin. Nobody but the owner changes what the audit says.

-- == Ground ==========================================================================================================

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

-- == The hotel =======================================================================================================

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
        CONSTRAINT tenants_settings_undo_seconds CHECK ((settings ->> 'undo_seconds')::integer BETWEEN 1 AND 60),
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

-- The rate of a tax class and fulfilment is the row with the latest valid_from that is not after the business date.
CREATE TABLE app.tax_rates (
    tenant_id uuid NOT NULL CONSTRAINT tax_rates_tenant_fkey REFERENCES app.tenants (id),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    tax_class text NOT NULL CONSTRAINT tax_rates_tax_class_form CHECK (tax_class ~ '^[a-z][a-z0-9_]{0,39}$'),
    fulfilment text NOT NULL CONSTRAINT tax_rates_fulfilment_known CHECK (fulfilment IN ('room_service', 'fridge', 'takeaway')),
    rate_bp integer NOT NULL CONSTRAINT tax_rates_rate_bp_range CHECK (rate_bp BETWEEN 0 AND 10000),
    valid_from date NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tax_rates_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT tax_rates_one_per_day UNIQUE (tenant_id, tax_class, fulfilment, valid_from)
);
SELECT app.protect_tenant_table('app.tax_rates');
GRANT SELECT, INSERT, UPDATE ON app.tax_rates TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.tax_rates TO hub_admin;
CREATE TRIGGER touch BEFORE UPDATE ON app.tax_rates FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.tax_rates FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();

-- What every screen of a hotel may know of it.
CREATE VIEW app.hotel_documents WITH (security_invoker = true) AS
SELECT
    tenant.id AS tenant_id,
    (
        SELECT row_to_json(shown)
        FROM (
            SELECT
                tenant.id,
                tenant.name,
                tenant.time_zone,
                tenant.locale,
                tenant.prices_include_tax,
                tenant.settings ->> 'phone' AS phone,
                coalesce(tenant.settings -> 'categories', '[]') AS categories,
                coalesce((tenant.settings ->> 'recall_minutes')::integer, 30) AS recall_minutes,
                coalesce((tenant.settings ->> 'undo_seconds')::integer, 10) AS undo_seconds
        ) AS shown
    ) AS document
FROM app.tenants AS tenant;
GRANT SELECT ON app.hotel_documents TO hub_api, hub_admin, hub_log;

-- == People ==========================================================================================================

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
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT stays_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT stays_times_in_order CHECK (ended_at >= started_at)
);
CREATE INDEX stays_guest_phone ON app.stays (tenant_id, guest_phone_index) WHERE guest_phone_index IS NOT NULL;
CREATE INDEX stays_guest_data ON app.stays (tenant_id, ended_at)
    WHERE guest_name_encrypted IS NOT NULL OR guest_phone_encrypted IS NOT NULL;
CREATE UNIQUE INDEX stays_one_open_per_room ON app.stays (tenant_id, room_number) WHERE ended_at IS NULL;
SELECT app.protect_tenant_table('app.stays');
GRANT SELECT, INSERT, UPDATE ON app.stays TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.stays TO hub_admin;
GRANT SELECT, UPDATE (guest_name_encrypted, guest_phone_encrypted, guest_phone_index) ON app.stays TO hub_log;
CREATE POLICY log ON app.stays TO hub_log USING (true) WITH CHECK (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.stays FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.stays FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();

-- == Devices =========================================================================================================

CREATE TABLE app.device_rooms (
    tenant_id uuid NOT NULL CONSTRAINT device_rooms_tenant_fkey REFERENCES app.tenants (id),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    device_name text NOT NULL CONSTRAINT device_rooms_device_name_length CHECK (length(device_name) BETWEEN 1 AND 200),
    device_type text NOT NULL
        CONSTRAINT device_rooms_device_type_known CHECK (device_type IN ('tablet', 'kitchen_screen')),
    mac_address macaddr,
    ip_address inet,
    room_number text,
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
    CONSTRAINT device_rooms_tablet_has_room CHECK (device_type <> 'tablet' OR status <> 'active' OR room_number IS NOT NULL)
);
CREATE UNIQUE INDEX device_rooms_one_tablet_per_room ON app.device_rooms (tenant_id, room_number)
    WHERE device_type = 'tablet' AND status = 'active' AND deleted_at IS NULL;
SELECT app.protect_tenant_table('app.device_rooms');
GRANT SELECT, INSERT, UPDATE ON app.device_rooms TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.device_rooms TO hub_admin;
GRANT SELECT ON app.device_rooms TO hub_log;
CREATE POLICY log ON app.device_rooms FOR SELECT TO hub_log USING (true);
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
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT device_presence_pkey PRIMARY KEY (tenant_id, device_id),
    CONSTRAINT device_presence_device_fkey FOREIGN KEY (tenant_id, device_id) REFERENCES app.device_rooms (tenant_id, id)
) WITH (fillfactor = 70);
SELECT app.protect_tenant_table('app.device_presence');
GRANT SELECT, INSERT, UPDATE ON app.device_presence TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.device_presence TO hub_admin;
CREATE TRIGGER touch BEFORE UPDATE ON app.device_presence FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();

-- Single-use codes that a page exchanges for its device's credential. Only the hash is stored.
CREATE TABLE app.pairing_codes (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    device_id uuid NOT NULL,
    code_hash bytea NOT NULL CONSTRAINT pairing_codes_code_hash_sha256 CHECK (octet_length(code_hash) = 32),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pairing_codes_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT pairing_codes_device_fkey FOREIGN KEY (tenant_id, device_id) REFERENCES app.device_rooms (tenant_id, id)
);
CREATE INDEX pairing_codes_unused ON app.pairing_codes (code_hash) WHERE used_at IS NULL;
SELECT app.protect_tenant_table('app.pairing_codes');
GRANT SELECT, INSERT, UPDATE ON app.pairing_codes TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.pairing_codes TO hub_admin;
GRANT SELECT, DELETE ON app.pairing_codes TO hub_log;
CREATE POLICY log ON app.pairing_codes TO hub_log USING (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.pairing_codes FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.pairing_codes FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();

-- The one look-up that runs before a tenant is known: it uses the code up, gives the device its credential, and
-- says whose it was. Both or neither: a code is not burnt for nothing.
CREATE FUNCTION app.claim_code(presented bytea, credential bytea, OUT tenant_id uuid, OUT device_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
    RETURNING d.tenant_id, d.id
$$;
GRANT EXECUTE ON FUNCTION app.claim_code(bytea, bytea) TO hub_auth;

-- == The menu ========================================================================================================

CREATE TABLE app.menu_items (
    tenant_id uuid NOT NULL CONSTRAINT menu_items_tenant_fkey REFERENCES app.tenants (id),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    name_ja text NOT NULL CONSTRAINT menu_items_name_ja_length CHECK (length(name_ja) BETWEEN 1 AND 200),
    name_en text CONSTRAINT menu_items_name_en_length CHECK (length(name_en) BETWEEN 1 AND 200),
    description_ja text,
    description_en text,
    price integer NOT NULL CONSTRAINT menu_items_price_range CHECK (price BETWEEN 0 AND 10000000),
    cost integer CONSTRAINT menu_items_cost_not_negative CHECK (cost >= 0),
    category text NOT NULL CONSTRAINT menu_items_category_form CHECK (category ~ '^[a-z][a-z0-9_]{0,39}$'),
    tags text[] NOT NULL DEFAULT '{}',
    is_available boolean NOT NULL DEFAULT true,
    start_time time,
    end_time time,
    age_restricted boolean NOT NULL DEFAULT false,
    display_order integer NOT NULL DEFAULT 0,
    is_featured boolean NOT NULL DEFAULT false,
    is_hidden boolean NOT NULL DEFAULT false,
    image_url text,
    images jsonb NOT NULL DEFAULT '[]',
    stock_quantity integer CONSTRAINT menu_items_stock_not_negative CHECK (stock_quantity >= 0),
    low_stock_threshold integer NOT NULL DEFAULT 5
        CONSTRAINT menu_items_low_stock_threshold_not_negative CHECK (low_stock_threshold >= 0),
    nutritional_info jsonb NOT NULL DEFAULT '{}',
    -- NULL is "not confirmed, please ask", an empty list is "none"
    allergens text[],
    tax_class text NOT NULL DEFAULT 'food' CONSTRAINT menu_items_tax_class_form CHECK (tax_class ~ '^[a-z][a-z0-9_]{0,39}$'),
    preparation_minutes integer NOT NULL DEFAULT 15
        CONSTRAINT menu_items_preparation_minutes_range CHECK (preparation_minutes BETWEEN 0 AND 1440),
    station text NOT NULL DEFAULT 'kitchen' CONSTRAINT menu_items_station_form CHECK (station ~ '^[a-z][a-z0-9_]{0,39}$'),
    options jsonb NOT NULL DEFAULT '[]',
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT menu_items_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT menu_items_hours_both_or_none CHECK ((start_time IS NULL) = (end_time IS NULL)),
    CONSTRAINT menu_items_hours_differ CHECK (start_time <> end_time)
);
CREATE INDEX menu_items_visible ON app.menu_items (tenant_id, display_order, id)
    WHERE NOT is_hidden AND deleted_at IS NULL;
SELECT app.protect_tenant_table('app.menu_items');
GRANT SELECT, INSERT, UPDATE ON app.menu_items TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.menu_items TO hub_admin;
GRANT SELECT ON app.menu_items TO hub_log;
CREATE POLICY log ON app.menu_items FOR SELECT TO hub_log USING (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.menu_items FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.menu_items FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();

-- What a guest may know of a menu item. Snapshot, events and HTTP all show this document.
CREATE VIEW app.menu_documents WITH (security_invoker = true) AS
SELECT
    item.tenant_id,
    item.id,
    item.display_order,
    NOT item.is_hidden AND item.deleted_at IS NULL AS visible,
    (
        SELECT row_to_json(shown)
        FROM (
            SELECT
                item.id,
                item.name_ja,
                coalesce(item.name_en, item.name_ja) AS name_en,
                item.description_ja,
                item.description_en,
                item.price,
                item.category,
                item.tags,
                item.allergens,
                item.image_url,
                item.display_order,
                item.is_featured,
                NOT item.is_available OR coalesce(item.stock_quantity = 0, false) AS sold_out,
                item.age_restricted,
                to_char(item.start_time, 'HH24:MI') AS start_time,
                to_char(item.end_time, 'HH24:MI') AS end_time,
                item.station,
                item.tax_class,
                item.preparation_minutes
        ) AS shown
    ) AS document
FROM app.menu_items AS item;
GRANT SELECT ON app.menu_documents TO hub_api, hub_admin, hub_log;

-- == Orders ==========================================================================================================

CREATE TABLE app.orders (
    tenant_id uuid NOT NULL CONSTRAINT orders_tenant_fkey REFERENCES app.tenants (id),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    business_date date NOT NULL,
    order_number integer NOT NULL CONSTRAINT orders_order_number_positive CHECK (order_number > 0),
    stay_id uuid NOT NULL,
    room_number text NOT NULL CONSTRAINT orders_room_number_length CHECK (length(room_number) BETWEEN 1 AND 20),
    status text NOT NULL DEFAULT 'received' CONSTRAINT orders_status_known
        CHECK (status IN ('received', 'cooking', 'ready', 'delivering', 'delivered', 'cancelled')),
    -- kept by a trigger: 0 is an order whose items are not there yet, 1 a placed one
    version integer NOT NULL DEFAULT 0 CONSTRAINT orders_version_not_negative CHECK (version >= 0),
    subtotal_amount integer NOT NULL CONSTRAINT orders_subtotal_amount_not_negative CHECK (subtotal_amount >= 0),
    tax_amount integer NOT NULL CONSTRAINT orders_tax_amount_not_negative CHECK (tax_amount >= 0),
    service_amount integer NOT NULL DEFAULT 0 CONSTRAINT orders_service_amount_not_negative CHECK (service_amount >= 0),
    total_amount integer NOT NULL,
    prices_include_tax boolean NOT NULL,
    delivery_type text NOT NULL DEFAULT 'room_service'
        CONSTRAINT orders_delivery_type_known CHECK (delivery_type IN ('room_service', 'fridge', 'takeaway')),
    delivery_address text,
    estimated_delivery_at timestamptz,
    special_requests text CONSTRAINT orders_special_requests_length CHECK (length(special_requests) <= 500),
    -- the receipt chain: stored (placed), shown on a screen, accepted by a human
    placed_at timestamptz NOT NULL DEFAULT now(),
    shown_at timestamptz,
    accepted_at timestamptz,
    ready_at timestamptz,
    finished_at timestamptz,
    fire_at timestamptz,
    recall_count integer NOT NULL DEFAULT 0 CONSTRAINT orders_recall_count_not_negative CHECK (recall_count >= 0),
    cancelled_at timestamptz,
    cancel_reason text CONSTRAINT orders_cancel_reason_length CHECK (length(cancel_reason) <= 200),
    cancel_acked_at timestamptz,
    -- who bumped last and what stood before, for the undo of a bump
    last_bump jsonb,
    op_id uuid,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT orders_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT orders_stay_fkey FOREIGN KEY (tenant_id, stay_id) REFERENCES app.stays (tenant_id, id),
    CONSTRAINT orders_number_key UNIQUE (tenant_id, business_date, order_number),
    CONSTRAINT orders_amounts_add_up
        CHECK (total_amount = subtotal_amount + service_amount + CASE WHEN prices_include_tax THEN 0 ELSE tax_amount END),
    CONSTRAINT orders_finished_when_final CHECK ((status IN ('delivered', 'cancelled')) = (finished_at IS NOT NULL))
) WITH (fillfactor = 85);
CREATE INDEX orders_active ON app.orders (tenant_id, created_at, id)
    WHERE status IN ('received', 'cooking', 'ready', 'delivering');
CREATE INDEX orders_unacknowledged ON app.orders (tenant_id, created_at, id)
    WHERE status = 'cancelled' AND cancel_acked_at IS NULL;
CREATE INDEX orders_finished ON app.orders (tenant_id, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX orders_keyset ON app.orders (tenant_id, created_at DESC, id DESC);
CREATE INDEX orders_room ON app.orders (tenant_id, room_number, created_at DESC);
CREATE INDEX orders_stay ON app.orders (tenant_id, stay_id, created_at DESC, id DESC);
SELECT app.protect_tenant_table('app.orders');
GRANT SELECT, INSERT, UPDATE ON app.orders TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.orders TO hub_admin;
GRANT SELECT, UPDATE ON app.orders TO hub_log;
CREATE POLICY log ON app.orders TO hub_log USING (true) WITH CHECK (true);

CREATE TABLE app.order_items (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    line integer NOT NULL CONSTRAINT order_items_line_positive CHECK (line > 0),
    menu_item_id uuid NOT NULL,
    -- snapshots: what was sold, whatever the menu says later
    name_ja text NOT NULL,
    name_en text NOT NULL,
    description_ja text,
    description_en text,
    options jsonb NOT NULL DEFAULT '[]',
    allergens text[],
    tax_class text NOT NULL,
    tax_rate_bp integer NOT NULL CONSTRAINT order_items_tax_rate_bp_range CHECK (tax_rate_bp BETWEEN 0 AND 10000),
    unit_price integer NOT NULL CONSTRAINT order_items_unit_price_not_negative CHECK (unit_price >= 0),
    quantity integer NOT NULL CONSTRAINT order_items_quantity_range CHECK (quantity BETWEEN 1 AND 99),
    total_price integer NOT NULL,
    status text NOT NULL DEFAULT 'pending'
        CONSTRAINT order_items_status_known CHECK (status IN ('pending', 'cooking', 'ready', 'cancelled')),
    note text CONSTRAINT order_items_note_length CHECK (length(note) <= 200),
    station text NOT NULL,
    preparation_minutes integer NOT NULL,
    age_restricted boolean NOT NULL DEFAULT false,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT order_items_pkey PRIMARY KEY (tenant_id, order_id, line),
    CONSTRAINT order_items_order_fkey FOREIGN KEY (tenant_id, order_id)
        REFERENCES app.orders (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT order_items_menu_item_fkey FOREIGN KEY (tenant_id, menu_item_id)
        REFERENCES app.menu_items (tenant_id, id),
    CONSTRAINT order_items_total_adds_up CHECK (total_price = unit_price * quantity)
) WITH (fillfactor = 85);
SELECT app.protect_tenant_table('app.order_items');
GRANT SELECT, INSERT, UPDATE ON app.order_items TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.order_items TO hub_admin;
GRANT SELECT ON app.order_items TO hub_log;
CREATE POLICY log ON app.order_items FOR SELECT TO hub_log USING (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.order_items FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, order_id, line ON app.order_items FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.order_id, OLD.line) IS DISTINCT FROM (NEW.tenant_id, NEW.order_id, NEW.line))
    EXECUTE FUNCTION app.refuse_new_key();

-- Human numbers start at 1 on each business day. The row is taken after stock and before the log's head.
CREATE TABLE app.order_counters (
    tenant_id uuid NOT NULL CONSTRAINT order_counters_tenant_fkey REFERENCES app.tenants (id),
    business_date date NOT NULL,
    last_number integer NOT NULL CONSTRAINT order_counters_last_number_positive CHECK (last_number > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT order_counters_pkey PRIMARY KEY (tenant_id, business_date)
) WITH (fillfactor = 50);
SELECT app.protect_tenant_table('app.order_counters');
GRANT SELECT, INSERT, UPDATE ON app.order_counters TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.order_counters TO hub_admin;
CREATE TRIGGER touch BEFORE UPDATE ON app.order_counters FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();

-- Keeps what no writer may forget: the version rises with every change, and a status that ends an order
-- carries its time, also when psql or another system writes.
CREATE FUNCTION app.stamp_order() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        -- 1 from a writer whose statement brings the items too
        NEW.version := CASE WHEN NEW.version = 1 THEN 1 ELSE 0 END;
    ELSIF NEW IS DISTINCT FROM OLD THEN
        NEW.version := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    IF NEW.status IN ('delivered', 'cancelled') THEN
        NEW.finished_at := coalesce(NEW.finished_at, now());
    ELSE
        NEW.finished_at := NULL;
    END IF;
    IF NEW.status = 'cancelled' THEN
        NEW.cancelled_at := coalesce(NEW.cancelled_at, NEW.finished_at);
    ELSE
        NEW.cancelled_at := NULL;
        IF NEW.status IN ('ready', 'delivering', 'delivered') THEN
            NEW.ready_at := coalesce(NEW.ready_at, now());
        ELSE
            NEW.ready_at := NULL;
        END IF;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON app.orders FOR EACH ROW EXECUTE FUNCTION app.stamp_order();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.orders FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();

-- An order as its guest and the kitchen may see it: no personal data, nothing that only staff may read.
CREATE VIEW app.order_documents WITH (security_invoker = true) AS
SELECT
    o.tenant_id,
    o.id,
    o.stay_id,
    o.status,
    o.created_at,
    o.finished_at,
    o.cancel_acked_at,
    (
        SELECT row_to_json(shown)
        FROM (
            SELECT
                o.id,
                o.order_number,
                to_char(o.business_date, 'YYYY-MM-DD') AS business_date,
                o.stay_id,
                o.room_number,
                o.status,
                o.version,
                o.subtotal_amount,
                o.tax_amount,
                o.service_amount,
                o.total_amount,
                o.prices_include_tax,
                o.special_requests,
                app.iso(o.placed_at) AS placed_at,
                app.iso(o.shown_at) AS shown_at,
                app.iso(o.accepted_at) AS accepted_at,
                app.iso(o.ready_at) AS ready_at,
                app.iso(o.finished_at) AS finished_at,
                app.iso(o.cancelled_at) AS cancelled_at,
                o.cancel_reason,
                app.iso(o.cancel_acked_at) AS cancel_acked_at,
                o.recall_count,
                array_to_json(ARRAY(
                    SELECT row_to_json(item)
                    FROM (
                        SELECT
                            i.line,
                            i.menu_item_id,
                            i.name_ja,
                            i.name_en,
                            i.quantity,
                            i.unit_price,
                            i.total_price,
                            i.tax_rate_bp,
                            i.status,
                            i.note,
                            i.station,
                            i.allergens,
                            i.preparation_minutes,
                            i.age_restricted
                        FROM app.order_items AS i
                        WHERE i.tenant_id = o.tenant_id AND i.order_id = o.id
                        ORDER BY i.line
                    ) AS item
                )) AS items
        ) AS shown
    ) AS document
FROM app.orders AS o
WHERE o.version > 0;  -- not before its items are there
GRANT SELECT ON app.order_documents TO hub_api, hub_admin, hub_log;

-- The document of an order, and the items of one, as they are when a statement calls these: what it has changed so far
-- is seen, and what was committed while it waited for the order's lock. The statement itself sees neither; volatile
-- functions do.
CREATE FUNCTION app.order_now(tenant uuid, wanted uuid) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT d.document FROM app.order_documents AS d WHERE d.tenant_id = tenant AND d.id = wanted);
END
$$;
CREATE FUNCTION app.order_items_now(tenant uuid, wanted uuid) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (
        SELECT coalesce(json_agg(json_build_object(
            'line', i.line, 'menu_item_id', i.menu_item_id, 'quantity', i.quantity, 'status', i.status,
            'needs_cooking', i.preparation_minutes > 0, 'age_restricted', i.age_restricted,
            'unit_price', i.unit_price, 'tax_rate_bp', i.tax_rate_bp
        ) ORDER BY i.line), '[]')
        FROM app.order_items AS i
        WHERE i.tenant_id = tenant AND i.order_id = wanted
    );
END
$$;
GRANT EXECUTE ON FUNCTION app.order_now(uuid, uuid), app.order_items_now(uuid, uuid) TO hub_api;

-- The answer of each committed operation, so that the same operation id twice is one change and one answer.
CREATE TABLE app.idempotency (
    tenant_id uuid NOT NULL CONSTRAINT idempotency_tenant_fkey REFERENCES app.tenants (id),
    principal_id uuid NOT NULL,
    op_id uuid NOT NULL,
    operation text NOT NULL,
    request_hash bytea NOT NULL CONSTRAINT idempotency_request_hash_sha256 CHECK (octet_length(request_hash) = 32),
    -- text, so that the same bytes are answered again
    answer text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_pkey PRIMARY KEY (tenant_id, principal_id, op_id)
);
CREATE INDEX idempotency_age ON app.idempotency (tenant_id, created_at);
SELECT app.protect_tenant_table('app.idempotency');
GRANT SELECT, INSERT, UPDATE ON app.idempotency TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.idempotency TO hub_admin;
GRANT SELECT, DELETE ON app.idempotency TO hub_log;
CREATE POLICY log ON app.idempotency TO hub_log USING (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.idempotency FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();

-- Takes an operation id for this transaction; no row when it was used already. Waits for a transaction that holds it,
-- and sees what that one has committed. Functions, because they come along with BEGIN and COMMIT as text: their plans are
-- kept, those of statements would not.
CREATE FUNCTION app.claim_operation(principal uuid, op uuid) RETURNS SETOF boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    -- two keys: clients choose ids, and must not reach the hub's other locks, which have one
    PERFORM pg_advisory_xact_lock(hashtext('hub operation'), hashtext(principal::text || op::text));
    RETURN QUERY SELECT true WHERE NOT EXISTS (
        SELECT FROM app.idempotency WHERE tenant_id = app.tenant_id() AND principal_id = principal AND op_id = op
    );
END
$$;

-- Stores the answer of an operation that this transaction has taken, beside its change.
CREATE FUNCTION app.answer_operation(principal uuid, op uuid, name text, hash bytea, told text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO app.idempotency (tenant_id, principal_id, op_id, operation, request_hash, answer)
    VALUES (app.tenant_id(), principal, op, name, hash, told);
END
$$;
GRANT EXECUTE ON FUNCTION app.claim_operation(uuid, uuid), app.answer_operation(uuid, uuid, text, bytea, text) TO hub_api;

-- == The log =========================================================================================================
--
-- The log: every change that a screen must show is appended in the transaction of the change itself.
--
-- seq is gapless and in commit order because it is taken from the tenant's head row by a deferred trigger: the head
-- is the last lock of the transaction and lives only for the commit; a rollback takes its number back. A sequence
-- or a timestamp would not do: they are taken before the commit, and a reader with a cursor skips late commits.

CREATE TABLE app.tenant_heads (
    tenant_id uuid NOT NULL CONSTRAINT tenant_heads_tenant_fkey REFERENCES app.tenants (id),
    -- a new epoch says: the past may have changed (restore, failover that lost commits), start from a snapshot
    epoch uuid NOT NULL DEFAULT gen_random_uuid(),
    seq bigint NOT NULL DEFAULT 0 CONSTRAINT tenant_heads_seq_not_negative CHECK (seq >= 0),
    -- events up to and including the floor have been pruned
    floor bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenant_heads_pkey PRIMARY KEY (tenant_id),
    CONSTRAINT tenant_heads_floor_range CHECK (floor BETWEEN 0 AND seq)
) WITH (fillfactor = 50);
SELECT app.protect_tenant_table('app.tenant_heads');
GRANT SELECT ON app.tenant_heads TO hub_api, hub_admin, hub_relay;
GRANT SELECT, INSERT, UPDATE ON app.tenant_heads TO hub_log;
CREATE POLICY log ON app.tenant_heads TO hub_log USING (true) WITH CHECK (true);
CREATE POLICY relay ON app.tenant_heads FOR SELECT TO hub_relay USING (true);

CREATE TABLE app.events (
    tenant_id uuid NOT NULL CONSTRAINT events_tenant_fkey REFERENCES app.tenants (id),
    seq bigint NOT NULL CONSTRAINT events_seq_positive CHECK (seq > 0),
    kind text NOT NULL CONSTRAINT events_kind_form CHECK (kind ~ '^[a-z_]+(?:[.][a-z_]+)?$'),
    subject uuid NOT NULL,
    version integer NOT NULL DEFAULT 0,
    -- who may see it: a session receives an event when it holds one of its topics
    topics text[] NOT NULL CONSTRAINT events_topics_not_empty CHECK (cardinality(topics) > 0),
    -- JSON as it was made, and as it is told
    payload json NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT events_pkey PRIMARY KEY (tenant_id, seq)
);
CREATE INDEX events_xid ON app.events (xid);
SELECT app.protect_tenant_table('app.events');
GRANT SELECT ON app.events TO hub_api, hub_admin, hub_relay;
GRANT SELECT, INSERT, DELETE ON app.events TO hub_log;
CREATE POLICY log ON app.events TO hub_log USING (true) WITH CHECK (true);
CREATE POLICY relay ON app.events FOR SELECT TO hub_relay USING (true);

-- One row. NOTIFY takes a lock of the whole cluster through the commit's flush, so a writer rings only while the
-- relay has armed the bell, which it does when events are few. Nothing is lost without the bell: the relay polls.
CREATE TABLE app.relay_bell (
    id boolean NOT NULL DEFAULT true CONSTRAINT relay_bell_pkey PRIMARY KEY,
    armed boolean NOT NULL,
    CONSTRAINT relay_bell_one_row CHECK (id)
) WITH (fillfactor = 50);
INSERT INTO app.relay_bell (armed) VALUES (true);
GRANT SELECT ON app.relay_bell TO hub_log;
GRANT SELECT, UPDATE (armed) ON app.relay_bell TO hub_relay;

-- One row: the server and timeline under which the log was written. A relay that finds another one gives every
-- tenant a new epoch, because commits may be missing.
CREATE TABLE app.log_origin (
    id boolean NOT NULL DEFAULT true CONSTRAINT log_origin_pkey PRIMARY KEY,
    system_identifier bigint NOT NULL,
    timeline integer NOT NULL,
    CONSTRAINT log_origin_one_row CHECK (id)
);
GRANT SELECT, INSERT, UPDATE ON app.log_origin TO hub_log;
GRANT SELECT ON app.log_origin TO hub_relay;

CREATE FUNCTION app.create_head() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO app.tenant_heads (tenant_id) VALUES (NEW.id);
    RETURN NULL;
END
$$;
CREATE TRIGGER create_head AFTER INSERT ON app.tenants FOR EACH ROW EXECUTE FUNCTION app.create_head();

-- The timeline of the server; every promotion of a replica and every restore to a moment begins a new one.
CREATE FUNCTION app.log_timeline() RETURNS integer
LANGUAGE sql STABLE
RETURN ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer;

-- Takes the head of a tenant for the rest of the transaction. STRICT: a missing head is an error, not silence.
-- What is the first on a new timeline renews the epochs before it: else it could take a seq, in the same epoch,
-- that somebody has seen with an event of the old timeline, which never got here.
CREATE FUNCTION app.take_head(tenant uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taken bigint;
BEGIN
    IF (SELECT o.timeline FROM app.log_origin AS o) IS DISTINCT FROM app.log_timeline() THEN
        PERFORM app.check_log_origin((SELECT c.system_identifier FROM pg_control_system() AS c), app.log_timeline());
    END IF;
    UPDATE app.tenant_heads SET seq = seq + 1, updated_at = now() WHERE tenant_id = tenant RETURNING seq INTO STRICT taken;
    RETURN taken;
END
$$;

-- Rings for the relay. Called last, when the event stands.
CREATE FUNCTION app.ring_bell() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (SELECT armed FROM app.relay_bell) THEN
        PERFORM pg_notify('hub_bell', '');
    END IF;
END
$$;

-- The functions below read the tenant from the row, never from a setting: psql and hub_admin set none.
-- They take the head first and read the document in a statement after it: read before, two transactions that
-- bump two items of one order at once would leave a stale last event.

-- A change of items is a change of their order. One that this transaction has changed and not logged yet has its new
-- version already; stamp_order dates a change, for a row that was written may be the same as before. The others are
-- locked in id order, so that two writers of several orders do not deadlock. Owned by hub_log: it must work for a writer
-- who has set no tenant.
CREATE FUNCTION app.raise_order_version() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT o.tenant_id, o.id FROM app.orders AS o
        WHERE (o.tenant_id, o.id) IN (SELECT changed.tenant_id, changed.order_id FROM changed)
            AND (o.xmin <> pg_current_xact_id()::xid OR o.updated_at <> now() OR o.version = 0 OR EXISTS (
                SELECT FROM app.events AS e
                WHERE e.xid = pg_current_xact_id() AND e.tenant_id = o.tenant_id AND e.subject = o.id
            ))
        ORDER BY o.tenant_id, o.id FOR NO KEY UPDATE
    LOOP
        UPDATE app.orders AS o SET version = o.version + 1 WHERE o.tenant_id = one.tenant_id AND o.id = one.id;
    END LOOP;
    RETURN NULL;
END
$$;
CREATE TRIGGER raise_version_insert AFTER INSERT ON app.order_items REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION app.raise_order_version();
CREATE TRIGGER raise_version_update AFTER UPDATE ON app.order_items REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION app.raise_order_version();
CREATE TRIGGER raise_version_delete AFTER DELETE ON app.order_items REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION app.raise_order_version();

CREATE FUNCTION app.log_order() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    now_version integer;
    now_stay uuid;
    is_logged boolean;
    seq bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.version > 0 AND NOT EXISTS (
            SELECT FROM app.orders AS o WHERE o.tenant_id = OLD.tenant_id AND o.id = OLD.id
        ) THEN
            seq := app.take_head(OLD.tenant_id);
            INSERT INTO app.events (tenant_id, seq, kind, subject, version, topics, payload)
            VALUES (OLD.tenant_id, seq, 'order.removed', OLD.id, OLD.version,
                    ARRAY['kitchen', 'stay:' || OLD.stay_id], json_build_object('id', OLD.id));
            PERFORM app.ring_bell();
        END IF;
        RETURN NULL;
    END IF;
    -- This transaction holds the order's row, so its version stands still.
    SELECT
        o.version, o.stay_id, EXISTS (
            SELECT FROM app.events AS e
            WHERE e.xid = pg_current_xact_id() AND e.tenant_id = o.tenant_id
                AND e.subject = o.id AND e.version = o.version AND e.kind = 'order'
        )
    INTO now_version, now_stay, is_logged
    FROM app.orders AS o WHERE o.tenant_id = NEW.tenant_id AND o.id = NEW.id;
    IF now_version IS NULL OR now_version = 0 THEN
        RETURN NULL;
    END IF;
    IF NOT is_logged THEN
        seq := app.take_head(NEW.tenant_id);
        INSERT INTO app.events (tenant_id, seq, kind, subject, version, topics, payload)
        SELECT d.tenant_id, seq, 'order', d.id, now_version, ARRAY['kitchen', 'stay:' || d.stay_id], d.document
        FROM app.order_documents AS d WHERE d.tenant_id = NEW.tenant_id AND d.id = NEW.id;
        PERFORM app.ring_bell();
    END IF;
    -- Those who could see it before and cannot any more are told to drop it.
    IF TG_OP = 'UPDATE' AND OLD.stay_id <> now_stay THEN
        seq := app.take_head(NEW.tenant_id);
        INSERT INTO app.events (tenant_id, seq, kind, subject, version, topics, payload)
        VALUES (NEW.tenant_id, seq, 'order.removed', NEW.id, now_version,
                ARRAY['stay:' || OLD.stay_id], json_build_object('id', NEW.id));
        PERFORM app.ring_bell();
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log AFTER INSERT OR DELETE ON app.orders
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.log_order();
CREATE CONSTRAINT TRIGGER log_update AFTER UPDATE ON app.orders
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW)
    EXECUTE FUNCTION app.log_order();

-- A menu event fires only when what a guest sees has changed: one portion less of twenty is no news.
CREATE FUNCTION app.log_menu_item() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item_id uuid := coalesce(NEW.id, OLD.id);
    item_tenant uuid := coalesce(NEW.tenant_id, OLD.tenant_id);
    is_visible boolean;
    item_document text;
    logged text;
    seq bigint;
BEGIN
    SELECT d.visible, d.document INTO is_visible, item_document
    FROM app.menu_documents AS d WHERE d.tenant_id = item_tenant AND d.id = item_id;
    -- What guests never saw comes and goes without a word.
    IF (TG_OP = 'INSERT' AND is_visible IS NOT TRUE)
        OR (TG_OP = 'DELETE' AND (OLD.is_hidden OR OLD.deleted_at IS NOT NULL)) THEN
        RETURN NULL;
    END IF;
    IF is_visible IS NOT TRUE THEN
        item_document := json_build_object('id', item_id);
    END IF;
    SELECT e.payload INTO logged FROM app.events AS e
    WHERE e.xid = pg_current_xact_id() AND e.tenant_id = item_tenant AND e.subject = item_id
    ORDER BY e.seq DESC LIMIT 1;
    IF logged = item_document THEN
        RETURN NULL;
    END IF;
    seq := app.take_head(item_tenant);
    INSERT INTO app.events (tenant_id, seq, kind, subject, topics, payload)
    VALUES (item_tenant, seq, CASE WHEN is_visible THEN 'menu_item' ELSE 'menu_item.removed' END,
            item_id, ARRAY['menu'], item_document::json);
    PERFORM app.ring_bell();
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_change AFTER INSERT OR DELETE ON app.menu_items
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.log_menu_item();
CREATE CONSTRAINT TRIGGER log_update AFTER UPDATE ON app.menu_items
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (
        (OLD.name_ja, OLD.name_en, OLD.description_ja, OLD.description_en, OLD.price, OLD.category, OLD.tags,
         OLD.allergens, OLD.image_url, OLD.display_order, OLD.is_featured, OLD.is_hidden, OLD.deleted_at,
         OLD.age_restricted, OLD.start_time, OLD.end_time, OLD.station, OLD.tax_class, OLD.preparation_minutes,
         NOT OLD.is_available OR coalesce(OLD.stock_quantity = 0, false))
        IS DISTINCT FROM
        (NEW.name_ja, NEW.name_en, NEW.description_ja, NEW.description_en, NEW.price, NEW.category, NEW.tags,
         NEW.allergens, NEW.image_url, NEW.display_order, NEW.is_featured, NEW.is_hidden, NEW.deleted_at,
         NEW.age_restricted, NEW.start_time, NEW.end_time, NEW.station, NEW.tax_class, NEW.preparation_minutes,
         NOT NEW.is_available OR coalesce(NEW.stock_quantity = 0, false))
        AND (NOT (OLD.is_hidden OR OLD.deleted_at IS NOT NULL) OR NOT (NEW.is_hidden OR NEW.deleted_at IS NOT NULL))
    )
    EXECUTE FUNCTION app.log_menu_item();

CREATE FUNCTION app.log_hotel() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seq bigint := app.take_head(NEW.id);
BEGIN
    INSERT INTO app.events (tenant_id, seq, kind, subject, topics, payload)
    SELECT d.tenant_id, seq, 'hotel', d.tenant_id, ARRAY['kitchen', 'menu'], d.document
    FROM app.hotel_documents AS d WHERE d.tenant_id = NEW.id;
    PERFORM app.ring_bell();
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log AFTER UPDATE ON app.tenants
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.name, OLD.time_zone, OLD.locale, OLD.prices_include_tax, OLD.settings)
          IS DISTINCT FROM (NEW.name, NEW.time_zone, NEW.locale, NEW.prices_include_tax, NEW.settings))
    EXECUTE FUNCTION app.log_hotel();

-- A topic that has ended: nodes close the sessions that hold it. A stay's ends with the stay, and when the stay
-- moves to another room, whose tablet then asks for it; a device's ends when the device is no longer what its
-- token says: another state, place or credential (but not when the next credential takes its place, which is how
-- credentials are rotated), and when a guest moves in, because its token does not name the stay yet; a hotel's ends
-- when the hotel is suspended, has ended, or its contract does not run.
CREATE FUNCTION app.end_topic(tenant uuid, about uuid, topic text, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seq bigint := app.take_head(tenant);
BEGIN
    INSERT INTO app.events (tenant_id, seq, kind, subject, topics, payload)
    VALUES (tenant, seq, 'topic.ended', about, ARRAY[topic], json_build_object('topic', topic, 'reason', reason));
    PERFORM app.ring_bell();
END
$$;
CREATE FUNCTION app.log_topic_end() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM app.end_topic(NEW.tenant_id, NEW.id, format('%s:%s', TG_ARGV[0], NEW.id), 'revoked');
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_end AFTER UPDATE ON app.stays
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.ended_at IS NULL AND (NEW.ended_at IS NOT NULL OR OLD.room_number <> NEW.room_number))
    EXECUTE FUNCTION app.log_topic_end('stay');
CREATE CONSTRAINT TRIGGER log_end AFTER UPDATE ON app.device_rooms
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.status = 'active' AND OLD.deleted_at IS NULL
          AND ((NEW.status, NEW.deleted_at, NEW.room_number, NEW.stations)
                  IS DISTINCT FROM (OLD.status, OLD.deleted_at, OLD.room_number, OLD.stations)
              OR NEW.credential_hash IS DISTINCT FROM OLD.credential_hash
                  AND NEW.credential_hash IS DISTINCT FROM OLD.next_credential_hash))
    EXECUTE FUNCTION app.log_topic_end('device');
CREATE FUNCTION app.log_stay_start() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tablet uuid;
BEGIN
    FOR tablet IN
        SELECT d.id FROM app.device_rooms AS d
        WHERE d.tenant_id = NEW.tenant_id AND d.room_number = NEW.room_number AND d.device_type = 'tablet'
            AND d.status = 'active' AND d.deleted_at IS NULL
    LOOP
        PERFORM app.end_topic(NEW.tenant_id, tablet, format('device:%s', tablet), 'renew');
    END LOOP;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_start AFTER INSERT ON app.stays
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.ended_at IS NULL) EXECUTE FUNCTION app.log_stay_start();
CREATE CONSTRAINT TRIGGER log_move AFTER UPDATE ON app.stays
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.ended_at IS NULL AND NEW.room_number <> OLD.room_number)
    EXECUTE FUNCTION app.log_stay_start();
CREATE FUNCTION app.log_tenant_end() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM app.end_topic(
        NEW.id, NEW.id, 'tenant', app.tenant_state(NEW.status, NEW.contract_start, NEW.contract_end, NEW.time_zone)
    );
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_end AFTER UPDATE ON app.tenants
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (app.tenant_state(OLD.status, OLD.contract_start, OLD.contract_end, OLD.time_zone) = 'active'
          AND app.tenant_state(NEW.status, NEW.contract_start, NEW.contract_end, NEW.time_zone) <> 'active')
    EXECUTE FUNCTION app.log_tenant_end();

-- Compares the server with the one the log was written under; on a difference every tenant gets a new epoch.
-- Returns true when epochs were renewed.
CREATE FUNCTION app.check_log_origin(server bigint, server_timeline integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known app.log_origin;
BEGIN
    -- As a rule nothing has changed, and whoever only asks must not wait for a synchronous standby.
    IF EXISTS (
        SELECT FROM app.log_origin AS o WHERE (o.system_identifier, o.timeline) = (server, server_timeline)
    ) THEN
        RETURN false;
    END IF;
    INSERT INTO app.log_origin (system_identifier, timeline) VALUES (server, server_timeline)
    ON CONFLICT (id) DO NOTHING;
    SELECT * INTO STRICT known FROM app.log_origin FOR UPDATE;
    IF (known.system_identifier, known.timeline) = (server, server_timeline) THEN
        RETURN false;
    END IF;
    UPDATE app.tenant_heads SET epoch = gen_random_uuid(), updated_at = now();
    UPDATE app.log_origin SET system_identifier = server, timeline = server_timeline;
    RETURN true;
END
$$;

-- Deletes at most `batch` of a tenant's answers of operations given before `before`; returns how many went.
CREATE FUNCTION app.prune_operations(tenant uuid, before timestamptz, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone integer;
BEGIN
    DELETE FROM app.idempotency AS i
    WHERE i.tenant_id = tenant AND i.ctid = ANY (ARRAY(
        SELECT old.ctid FROM app.idempotency AS old
        WHERE old.tenant_id = tenant AND old.created_at < before
        ORDER BY old.created_at LIMIT batch
    ));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$$;

-- Deletes at most `batch` of a tenant's events older than `before`, and raises the floor with them.
-- Returns how many went.
CREATE FUNCTION app.prune_events(tenant uuid, before timestamptz, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last bigint;
    gone integer;
BEGIN
    SELECT max(old.seq) INTO last FROM (
        SELECT e.seq, e.created_at FROM app.events AS e WHERE e.tenant_id = tenant ORDER BY e.seq LIMIT batch
    ) AS old WHERE old.created_at < before;
    IF last IS NULL THEN
        RETURN 0;
    END IF;
    UPDATE app.tenant_heads SET floor = last, updated_at = now() WHERE tenant_id = tenant AND floor < last;
    DELETE FROM app.events WHERE tenant_id = tenant AND seq <= last;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$$;

-- What must work for a writer who has set no tenant belongs to hub_log. It needs CREATE for that moment alone.
GRANT CREATE ON SCHEMA app TO hub_log;
ALTER FUNCTION app.prune_operations(uuid, timestamptz, integer) OWNER TO hub_log;
ALTER FUNCTION app.create_head() OWNER TO hub_log;
ALTER FUNCTION app.raise_order_version() OWNER TO hub_log;
ALTER FUNCTION app.log_timeline() OWNER TO hub_log;
ALTER FUNCTION app.take_head(uuid) OWNER TO hub_log;
ALTER FUNCTION app.ring_bell() OWNER TO hub_log;
ALTER FUNCTION app.log_order() OWNER TO hub_log;
ALTER FUNCTION app.log_menu_item() OWNER TO hub_log;
ALTER FUNCTION app.log_hotel() OWNER TO hub_log;
ALTER FUNCTION app.end_topic(uuid, uuid, text, text) OWNER TO hub_log;
ALTER FUNCTION app.log_topic_end() OWNER TO hub_log;
ALTER FUNCTION app.log_stay_start() OWNER TO hub_log;
ALTER FUNCTION app.log_tenant_end() OWNER TO hub_log;
ALTER FUNCTION app.check_log_origin(bigint, integer) OWNER TO hub_log;
ALTER FUNCTION app.prune_events(uuid, timestamptz, integer) OWNER TO hub_log;
REVOKE CREATE ON SCHEMA app FROM hub_log;
GRANT EXECUTE ON FUNCTION app.log_timeline() TO hub_relay;
GRANT EXECUTE ON FUNCTION app.check_log_origin(bigint, integer) TO hub_relay;
GRANT EXECUTE ON FUNCTION app.prune_operations(uuid, timestamptz, integer) TO hub_relay;
GRANT EXECUTE ON FUNCTION app.prune_events(uuid, timestamptz, integer) TO hub_relay;

-- == Who gets in =====================================================================================================

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
        PERFORM app.end_topic(NEW.tenant_id, session, format('session:%s', session), 'renew');
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
-- codes that ran out before then. Returns how many went.
CREATE FUNCTION app.prune_sign_ins(tenant uuid, before timestamptz, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part integer;
    gone integer := 0;
BEGIN
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

-- Empties what at most `batch` of a tenant's stays that ended before `before` say of their guests; returns how many.
CREATE FUNCTION app.erase_guests(tenant uuid, before timestamptz, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    emptied integer;
BEGIN
    UPDATE app.stays AS s
    SET guest_name_encrypted = NULL, guest_phone_encrypted = NULL, guest_phone_index = NULL
    WHERE s.tenant_id = tenant AND s.ctid = ANY (ARRAY(
        SELECT old.ctid FROM app.stays AS old
        WHERE old.tenant_id = tenant AND old.ended_at < before
            AND (old.guest_name_encrypted IS NOT NULL OR old.guest_phone_encrypted IS NOT NULL)
        ORDER BY old.ended_at LIMIT batch
    ));
    GET DIAGNOSTICS emptied = ROW_COUNT;
    RETURN emptied;
END
$$;
GRANT CREATE ON SCHEMA app TO hub_log;
ALTER FUNCTION app.log_access_change() OWNER TO hub_log;
ALTER FUNCTION app.prune_sign_ins(uuid, timestamptz, integer) OWNER TO hub_log;
ALTER FUNCTION app.erase_guests(uuid, timestamptz, integer) OWNER TO hub_log;
REVOKE CREATE ON SCHEMA app FROM hub_log;
GRANT EXECUTE ON FUNCTION app.prune_sign_ins(uuid, timestamptz, integer), app.erase_guests(uuid, timestamptz, integer)
    TO hub_relay;

-- == Keys ============================================================================================================

-- Keys, all of them wrapped by a master key that never stands in the database.

-- A hotel's own keys: one encrypts its personal data, one makes blind indexes. A retired one still decrypts.
CREATE TABLE app.data_keys (
    tenant_id uuid NOT NULL CONSTRAINT data_keys_tenant_fkey REFERENCES app.tenants (id),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    purpose text NOT NULL CONSTRAINT data_keys_purpose_known CHECK (purpose IN ('field', 'index')),
    wrapped text NOT NULL CONSTRAINT data_keys_wrapped_form CHECK (wrapped ~ '^m1:'),
    retired_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT data_keys_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX data_keys_one_in_use ON app.data_keys (tenant_id, purpose) WHERE retired_at IS NULL;
SELECT app.protect_tenant_table('app.data_keys');
GRANT SELECT, INSERT ON app.data_keys TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.data_keys TO hub_admin;
CREATE TRIGGER touch BEFORE UPDATE ON app.data_keys FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.data_keys FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();

-- What tokens are signed with. A new key begins to sign only when every node knows it, and an old one verifies until
-- the last token that it has signed is over.
CREATE TABLE app.signing_keys (
    kid text CONSTRAINT signing_keys_pkey PRIMARY KEY
        CONSTRAINT signing_keys_kid_form CHECK (kid ~ '^[A-Za-z0-9._-]{1,64}$'),
    algorithm text NOT NULL DEFAULT 'HS256' CONSTRAINT signing_keys_algorithm_known CHECK (algorithm IN ('HS256')),
    wrapped text NOT NULL CONSTRAINT signing_keys_wrapped_form CHECK (wrapped ~ '^m1:'),
    signs_from timestamptz NOT NULL DEFAULT now(),
    verifies_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT ON app.signing_keys TO hub_auth;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.signing_keys TO hub_admin;
CREATE TRIGGER touch BEFORE UPDATE ON app.signing_keys FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF kid ON app.signing_keys FOR EACH ROW
    WHEN (OLD.kid <> NEW.kid) EXECUTE FUNCTION app.refuse_new_key();

-- == Limits ==========================================================================================================

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

-- == Audit ===========================================================================================================

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
    EXECUTE FUNCTION app.audit_row('id', 'guest_name_encrypted,guest_phone_encrypted,guest_phone_index');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.device_rooms FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('id', 'credential_hash,next_credential_hash,previous_credential_hash');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.pairing_codes FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('id', 'code_hash');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.menu_items FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('id', '');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.tax_rates FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('tax_class,fulfilment,valid_from', '');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.orders FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('id', 'delivery_address,special_requests');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.order_items FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('order_id,line', 'note');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.files FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('id', 'content');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.data_keys FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('id', 'wrapped');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.signing_keys FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('kid', 'wrapped', 'platform');
