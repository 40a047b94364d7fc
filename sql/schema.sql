-- The data model: what prepare.sql and the migrations add up to, to be read from top to bottom. A database that is
-- made from prepare.sql and this file has the same catalogue as a migrated one; a test compares the two.
--
--   tenants            a hotel; the one with the id of zeros is the platform, whose staff are the super-admins
--     staff            who works in it; with staff_sessions, refresh_tokens and staff_codes, how they sign in
--     stays            one party in one room, from check-in to check-out
--     device_rooms     tablets, phones and kitchen screens; with pairing_codes, how one gets its credential, and device_presence
--     menu_items       what guests see, and stock; with tax_rates, what it is priced with
--     orders           what one stay ordered; with order_items, a snapshot of what was sold
--     order_counters   the human numbers of each business day
--     idempotency      operations that were done, with their answers
--     tenant_heads     how far the log of the hotel reaches; with events, what screens must be told, in commit order
--     data_keys        what encrypts the hotel's personal data, wrapped by a key that is not here
--     files            pictures
--     pages            what guests can read of the hotel; with page_histories, its last versions
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
    -- a mistake, taken back before its day came
    deleted_at timestamptz,
    CONSTRAINT tax_rates_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX tax_rates_one_per_day ON app.tax_rates (tenant_id, tax_class, fulfilment, valid_from)
    WHERE deleted_at IS NULL;
SELECT app.protect_tenant_table('app.tax_rates');
GRANT SELECT, INSERT, UPDATE (deleted_at) ON app.tax_rates TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.tax_rates TO hub_admin;
CREATE TRIGGER touch BEFORE UPDATE ON app.tax_rates FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.tax_rates FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();

-- The allergens that the law wants told, and those it recommends: data with versions, because the law changes. The one
-- that holds is the latest whose day has come; declarations and orders keep the version they were made under.
CREATE TABLE app.allergen_lists (
    version text CONSTRAINT allergen_lists_pkey PRIMARY KEY
        CONSTRAINT allergen_lists_version_form CHECK (version ~ '^[a-z0-9-]{1,40}$'),
    valid_from date NOT NULL CONSTRAINT allergen_lists_one_per_day UNIQUE,
    -- [{"code", "name_ja", "name_en", "mandatory"}], in the order in which they are shown
    items jsonb NOT NULL CONSTRAINT allergen_lists_items_list CHECK (jsonb_typeof(items) = 'array'),
    created_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON app.allergen_lists TO hub_api, hub_log;
GRANT SELECT, INSERT ON app.allergen_lists TO hub_admin;
WITH known (place, code, name_ja, name_en) AS (
    VALUES
        (1, 'shrimp', 'えび', 'Shrimp'),
        (2, 'crab', 'かに', 'Crab'),
        (3, 'walnut', 'くるみ', 'Walnut'),
        (4, 'wheat', '小麦', 'Wheat'),
        (5, 'buckwheat', 'そば', 'Buckwheat'),
        (6, 'egg', '卵', 'Egg'),
        (7, 'milk', '乳', 'Milk'),
        (8, 'peanut', '落花生', 'Peanut'),
        (9, 'almond', 'アーモンド', 'Almond'),
        (10, 'abalone', 'あわび', 'Abalone'),
        (11, 'squid', 'いか', 'Squid'),
        (12, 'salmon_roe', 'いくら', 'Salmon roe'),
        (13, 'orange', 'オレンジ', 'Orange'),
        (14, 'cashew', 'カシューナッツ', 'Cashew'),
        (15, 'kiwi', 'キウイ', 'Kiwi'),
        (16, 'beef', '牛肉', 'Beef'),
        (17, 'sesame', 'ごま', 'Sesame'),
        (18, 'salmon', 'さけ', 'Salmon'),
        (19, 'mackerel', 'さば', 'Mackerel'),
        (20, 'soy', '大豆', 'Soy'),
        (21, 'chicken', '鶏肉', 'Chicken'),
        (22, 'banana', 'バナナ', 'Banana'),
        (23, 'pork', '豚肉', 'Pork'),
        (24, 'macadamia', 'マカダミアナッツ', 'Macadamia'),
        (25, 'peach', 'もも', 'Peach'),
        (26, 'yam', 'やまいも', 'Yam'),
        (27, 'apple', 'りんご', 'Apple'),
        (28, 'gelatin', 'ゼラチン', 'Gelatin')
), lists (version, valid_from, mandatory) AS (
    VALUES
        -- eight are mandatory, twenty recommended
        ('jp-2025-04', date '2025-04-01', ARRAY['shrimp', 'crab', 'walnut', 'wheat', 'buckwheat', 'egg', 'milk', 'peanut']),
        -- cashew nuts became mandatory
        ('jp-2026-04', date '2026-04-01',
         ARRAY['shrimp', 'crab', 'walnut', 'wheat', 'buckwheat', 'egg', 'milk', 'peanut', 'cashew'])
)
INSERT INTO app.allergen_lists (version, valid_from, items)
SELECT
    lists.version, lists.valid_from,
    jsonb_agg(jsonb_build_object(
        'code', known.code, 'name_ja', known.name_ja, 'name_en', known.name_en,
        'mandatory', known.code = ANY (lists.mandatory)
    ) ORDER BY known.place)
FROM lists CROSS JOIN known
GROUP BY lists.version, lists.valid_from;

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
                coalesce(tenant.settings -> 'stations', '[]') AS stations,
                coalesce((tenant.settings ->> 'recall_minutes')::integer, 30) AS recall_minutes,
                coalesce((tenant.settings ->> 'undo_seconds')::integer, 10) AS undo_seconds,
                coalesce((tenant.settings ->> 'service_charge_bp')::integer, 0) AS service_charge_bp,
                coalesce((tenant.settings ->> 'delivery_minutes')::integer, 10) AS delivery_minutes,
                coalesce(tenant.settings ->> 'night_start', '22:00') AS night_start,
                coalesce(tenant.settings ->> 'night_end', '07:00') AS night_end,
                coalesce((tenant.settings ->> 'idle_seconds')::integer, 90) AS idle_seconds,
                coalesce((tenant.settings ->> 'legal_age')::integer, 20) AS legal_age,
                nullif(tenant.settings -> 'pause', 'null') AS pause,
                json_build_object(
                    'unseen', coalesce((tenant.settings ->> 'alert_unseen_seconds')::integer, 10),
                    'hook', coalesce((tenant.settings ->> 'alert_hook_seconds')::integer, 30),
                    'chime', coalesce((tenant.settings ->> 'alert_chime_seconds')::integer, 90),
                    'page', coalesce((tenant.settings ->> 'alert_page_seconds')::integer, 180),
                    'every', coalesce((tenant.settings ->> 'alert_every_seconds')::integer, 20)
                ) AS alert_seconds,
                (
                    SELECT json_build_object('version', list.version, 'items', list.items)
                    FROM app.allergen_lists AS list
                    WHERE list.valid_from <= (now() AT TIME ZONE tenant.time_zone)::date
                    ORDER BY list.valid_from DESC
                    LIMIT 1
                ) AS allergens
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

-- == Devices =========================================================================================================

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
    -- the 86 switch; one "until next service" turns back at that moment
    is_available boolean NOT NULL DEFAULT true,
    sold_out_until timestamptz,
    -- [start, end) by the clock of the hotel; start > end runs past midnight and belongs to the day it starts
    start_time time,
    end_time time,
    -- the last order is taken so long before the end
    last_order_minutes integer NOT NULL DEFAULT 0
        CONSTRAINT menu_items_last_order_minutes_range CHECK (last_order_minutes BETWEEN 0 AND 720),
    -- ISO weekdays on which the hours start, 1 is Monday; NULL is every day
    days smallint[] CONSTRAINT menu_items_days_known CHECK (days <@ '{1,2,3,4,5,6,7}' AND cardinality(days) > 0),
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
    -- traces that cannot be ruled out
    may_contain text[] NOT NULL DEFAULT '{}',
    -- kept by a trigger: false where one of the codes of the dish or of its options is in no list of allergens; nobody
    -- knows what that means, and the dish counts as not confirmed
    allergens_known boolean NOT NULL DEFAULT true,
    -- served, or taken from the fridge in the room: it decides the tax
    fulfilment text NOT NULL DEFAULT 'room_service'
        CONSTRAINT menu_items_fulfilment_known CHECK (fulfilment IN ('room_service', 'fridge')),
    tax_class text NOT NULL DEFAULT 'food' CONSTRAINT menu_items_tax_class_form CHECK (tax_class ~ '^[a-z][a-z0-9_]{0,39}$'),
    preparation_minutes integer NOT NULL DEFAULT 15
        CONSTRAINT menu_items_preparation_minutes_range CHECK (preparation_minutes BETWEEN 0 AND 1440),
    station text NOT NULL DEFAULT 'kitchen' CONSTRAINT menu_items_station_form CHECK (station ~ '^[a-z][a-z0-9_]{0,39}$'),
    -- groups of choices: [{"key", "name_ja", "name_en", "min", "max", "choices": [{"key", "name_ja", "name_en", "price",
    -- "allergens"}]}]
    options jsonb NOT NULL DEFAULT '[]' CONSTRAINT menu_items_options_list CHECK (jsonb_typeof(options) = 'array'),
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT menu_items_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT menu_items_hours_both_or_none CHECK ((start_time IS NULL) = (end_time IS NULL)),
    CONSTRAINT menu_items_hours_differ CHECK (start_time <> end_time),
    CONSTRAINT menu_items_days_have_hours CHECK (days IS NULL OR start_time IS NOT NULL),
    CONSTRAINT menu_items_comes_back_when_sold_out CHECK (NOT is_available OR sold_out_until IS NULL)
);
CREATE INDEX menu_items_visible ON app.menu_items (tenant_id, display_order, id)
    WHERE NOT is_hidden AND deleted_at IS NULL;
CREATE INDEX menu_items_coming_back ON app.menu_items (sold_out_until) WHERE sold_out_until IS NOT NULL;
SELECT app.protect_tenant_table('app.menu_items');
GRANT SELECT, INSERT, UPDATE ON app.menu_items TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.menu_items TO hub_admin;
GRANT SELECT, UPDATE (is_available, sold_out_until) ON app.menu_items TO hub_log;
CREATE POLICY log ON app.menu_items TO hub_log USING (true) WITH CHECK (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.menu_items FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.menu_items FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();

-- A code that is in no list must never read as "does not contain", whoever wrote it. Codes of older lists stay known.
CREATE FUNCTION app.look_up_allergens() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.allergens_known := NOT EXISTS (
        SELECT
        FROM (
            SELECT unnest(NEW.allergens || NEW.may_contain) AS code
            UNION ALL
            SELECT value #>> '{}' FROM jsonb_path_query(NEW.options, '$[*].choices[*].allergens[*] ? (@ != null)') AS value
        ) AS named
        WHERE NOT EXISTS (
            SELECT FROM app.allergen_lists AS list
            WHERE list.items @> jsonb_build_array(jsonb_build_object('code', named.code))
        )
    );
    RETURN NEW;
END
$$;
CREATE TRIGGER allergens BEFORE INSERT OR UPDATE OF allergens, may_contain, options, allergens_known ON app.menu_items
    FOR EACH ROW EXECUTE FUNCTION app.look_up_allergens();

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
                CASE WHEN item.allergens_known THEN item.allergens END AS allergens,
                item.may_contain,
                item.options,
                item.image_url,
                item.display_order,
                item.is_featured,
                NOT item.is_available OR coalesce(item.stock_quantity = 0, false) AS sold_out,
                app.iso(item.sold_out_until) AS sold_out_until,
                item.age_restricted,
                to_char(item.start_time, 'HH24:MI') AS start_time,
                to_char(item.end_time, 'HH24:MI') AS end_time,
                item.last_order_minutes,
                item.days,
                item.fulfilment,
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
    -- what the money was worked out with, to do it again when a line is cancelled
    service_charge_bp integer NOT NULL DEFAULT 0
        CONSTRAINT orders_service_charge_bp_range CHECK (service_charge_bp BETWEEN 0 AND 10000),
    service_tax_rate_bp integer NOT NULL DEFAULT 0
        CONSTRAINT orders_service_tax_rate_bp_range CHECK (service_tax_rate_bp BETWEEN 0 AND 10000),
    tax_rounding text NOT NULL DEFAULT 'floor'
        CONSTRAINT orders_tax_rounding_known CHECK (tax_rounding IN ('floor', 'round', 'ceil')),
    -- [{"rate_bp", "base_amount", "tax_amount"}]
    taxes jsonb NOT NULL DEFAULT '[]',
    delivery_type text NOT NULL DEFAULT 'room_service'
        CONSTRAINT orders_delivery_type_known CHECK (delivery_type IN ('room_service', 'fridge', 'takeaway')),
    delivery_address text,
    channel text NOT NULL DEFAULT 'tablet'
        CONSTRAINT orders_channel_known CHECK (channel IN ('tablet', 'phone', 'staff')),
    estimated_delivery_at timestamptz,
    -- what the stay had declared when it ordered, when all stations that it concerns have taken note, and which have
    declared_allergens text[] NOT NULL DEFAULT '{}',
    allergens_version text,
    allergy_acked_at timestamptz,
    allergy_acked_stations text[] NOT NULL DEFAULT '{}',
    special_requests text CONSTRAINT orders_special_requests_length CHECK (length(special_requests) <= 500),
    -- the receipt chain: stored (placed), shown on a screen, accepted by a human
    placed_at timestamptz NOT NULL DEFAULT now(),
    shown_at timestamptz,
    accepted_at timestamptz,
    ready_at timestamptz,
    finished_at timestamptz,
    -- when nobody sees or accepts it: {"unseen", "hook", "chime", "page"}, when each step was taken
    alerts jsonb NOT NULL DEFAULT '{}',
    -- a scheduled order: when the kitchen begins, and when the guest wants it
    fire_at timestamptz,
    due_at timestamptz,
    rush boolean NOT NULL DEFAULT false,
    -- orders that a runner carries together
    trip_id uuid,
    recall_count integer NOT NULL DEFAULT 0 CONSTRAINT orders_recall_count_not_negative CHECK (recall_count >= 0),
    cancelled_at timestamptz,
    cancel_reason text CONSTRAINT orders_cancel_reason_length CHECK (length(cancel_reason) <= 200),
    cancel_acked_at timestamptz,
    cancel_acked_stations text[] NOT NULL DEFAULT '{}',
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
CREATE INDEX orders_unaccepted ON app.orders ((coalesce(fire_at, created_at)))
    WHERE status = 'received' AND accepted_at IS NULL AND NOT alerts ? 'page';
CREATE INDEX orders_finished ON app.orders (tenant_id, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX orders_keyset ON app.orders (tenant_id, created_at DESC, id DESC);
CREATE INDEX orders_room ON app.orders (tenant_id, room_number, created_at DESC);
CREATE INDEX orders_stay ON app.orders (tenant_id, stay_id, created_at DESC, id DESC);
CREATE INDEX orders_guest_data ON app.orders (tenant_id, stay_id)
    WHERE declared_allergens <> '{}' OR allergens_version IS NOT NULL;
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
    -- [{"key", "group_ja", "group_en", "name_ja", "name_en", "price"}]; unit_price includes them
    options jsonb NOT NULL DEFAULT '[]',
    allergens text[],
    -- what its stay had declared and this holds
    conflicts text[] NOT NULL DEFAULT '{}',
    fulfilment text NOT NULL DEFAULT 'room_service'
        CONSTRAINT order_items_fulfilment_known CHECK (fulfilment IN ('room_service', 'fridge')),
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
GRANT SELECT, UPDATE (conflicts) ON app.order_items TO hub_log;
CREATE POLICY log ON app.order_items TO hub_log USING (true) WITH CHECK (true);
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
                o.service_charge_bp,
                o.taxes,
                o.channel,
                app.iso(o.fire_at) AS fire_at,
                app.iso(o.due_at) AS due_at,
                app.iso(o.estimated_delivery_at) AS estimated_delivery_at,
                o.rush,
                o.trip_id,
                o.declared_allergens,
                app.iso(o.allergy_acked_at) AS allergy_acked_at,
                o.allergy_acked_stations,
                o.alerts,
                o.special_requests,
                app.iso(o.placed_at) AS placed_at,
                app.iso(o.shown_at) AS shown_at,
                app.iso(o.accepted_at) AS accepted_at,
                app.iso(o.ready_at) AS ready_at,
                app.iso(o.finished_at) AS finished_at,
                app.iso(o.cancelled_at) AS cancelled_at,
                o.cancel_reason,
                app.iso(o.cancel_acked_at) AS cancel_acked_at,
                o.cancel_acked_stations,
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
                            i.options,
                            i.station,
                            i.fulfilment,
                            i.allergens,
                            i.conflicts,
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
            'unit_price', i.unit_price, 'tax_rate_bp', i.tax_rate_bp, 'station', i.station, 'conflicts', i.conflicts
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
    WHERE e.xid = pg_current_xact_id() AND e.tenant_id = item_tenant AND e.subject = item_id AND e.kind <> 'low_stock'
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
         OLD.allergens, OLD.may_contain, OLD.options, OLD.image_url, OLD.display_order, OLD.is_featured, OLD.is_hidden,
         OLD.deleted_at, OLD.age_restricted, OLD.start_time, OLD.end_time, OLD.last_order_minutes, OLD.days,
         OLD.sold_out_until, OLD.fulfilment, OLD.station, OLD.tax_class, OLD.preparation_minutes,
         OLD.allergens_known, NOT OLD.is_available OR coalesce(OLD.stock_quantity = 0, false))
        IS DISTINCT FROM
        (NEW.name_ja, NEW.name_en, NEW.description_ja, NEW.description_en, NEW.price, NEW.category, NEW.tags,
         NEW.allergens, NEW.may_contain, NEW.options, NEW.image_url, NEW.display_order, NEW.is_featured, NEW.is_hidden,
         NEW.deleted_at, NEW.age_restricted, NEW.start_time, NEW.end_time, NEW.last_order_minutes, NEW.days,
         NEW.sold_out_until, NEW.fulfilment, NEW.station, NEW.tax_class, NEW.preparation_minutes,
         NEW.allergens_known, NOT NEW.is_available OR coalesce(NEW.stock_quantity = 0, false))
        AND (NOT (OLD.is_hidden OR OLD.deleted_at IS NOT NULL) OR NOT (NEW.is_hidden OR NEW.deleted_at IS NOT NULL))
    )
    EXECUTE FUNCTION app.log_menu_item();

-- Few portions are left: said when the number crosses the threshold downward, to those who can do something about it.
CREATE FUNCTION app.log_low_stock() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM app.tell(NEW.tenant_id, NEW.id, 'kitchen', 'low_stock', json_build_object(
        'id', NEW.id, 'name_ja', NEW.name_ja, 'name_en', coalesce(NEW.name_en, NEW.name_ja),
        'left', NEW.stock_quantity, 'threshold', NEW.low_stock_threshold
    ));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_low_stock AFTER UPDATE ON app.menu_items
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.stock_quantity > OLD.low_stock_threshold AND NEW.stock_quantity <= NEW.low_stock_threshold
          AND NEW.deleted_at IS NULL)
    EXECUTE FUNCTION app.log_low_stock();

-- Hotels of which something that is sold out comes back within that time, and in how many seconds; 0 and less is due.
CREATE FUNCTION app.comebacks_due(within interval) RETURNS TABLE (tenant_id uuid, seconds double precision)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT item.tenant_id, extract(epoch FROM min(item.sold_out_until) - clock_timestamp())::double precision
    FROM app.menu_items AS item
    WHERE item.sold_out_until <= now() + within
    GROUP BY item.tenant_id
    ORDER BY 2
$$;

-- Brings at most `batch` items of a hotel back whose moment has come; how many. One that somebody changes at this moment
-- waits for the next call.
CREATE FUNCTION app.bring_back(tenant uuid, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    back integer;
BEGIN
    UPDATE app.menu_items AS item SET is_available = true, sold_out_until = NULL
    WHERE item.tenant_id = tenant AND item.id = ANY (ARRAY(
        SELECT due.id FROM app.menu_items AS due
        WHERE due.tenant_id = tenant AND due.sold_out_until <= now()
        ORDER BY due.id LIMIT batch FOR NO KEY UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS back = ROW_COUNT;
    RETURN back;
END
$$;

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

-- A topic that has ended: nodes ask anew whether the sessions that hold it are admitted, and close those that are not
-- (so whatever ends a topic here, `admitted` in devices.sql or admit_staff must notice). A stay's ends with the stay,
-- and when the stay moves to another room, whose tablet then asks for it; a device's ends when the device is no longer
-- what its token says: another state, place or credential (but not when the next credential takes its place, which is
-- how credentials are rotated), and when a guest moves in, because its token does not name the stay yet; a hotel's
-- ends when the hotel is suspended, has ended, or its contract does not run.
CREATE FUNCTION app.end_topic(tenant uuid, about uuid, topic text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seq bigint := app.take_head(tenant);
BEGIN
    INSERT INTO app.events (tenant_id, seq, kind, subject, topics, payload)
    VALUES (tenant, seq, 'topic.ended', about, ARRAY[topic], json_build_object('topic', topic));
    PERFORM app.ring_bell();
END
$$;
CREATE FUNCTION app.log_topic_end() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM app.end_topic(NEW.tenant_id, NEW.id, format('%s:%s', TG_ARGV[0], NEW.id));
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
          AND ((NEW.status, NEW.deleted_at, NEW.room_number, NEW.floor, NEW.stations)
                  IS DISTINCT FROM (OLD.status, OLD.deleted_at, OLD.room_number, OLD.floor, OLD.stations)
              OR NEW.credential_hash IS DISTINCT FROM OLD.credential_hash
                  AND NEW.credential_hash IS DISTINCT FROM OLD.next_credential_hash))
    EXECUTE FUNCTION app.log_topic_end('device');
-- The phones of a stay, as the screens of that stay know them.
CREATE VIEW app.phone_documents WITH (security_invoker = true) AS
SELECT
    d.tenant_id,
    d.id,
    d.stay_id,
    d.created_at,
    json_build_object('id', d.id, 'connected_at', app.iso(d.created_at)) AS document
FROM app.device_rooms AS d
WHERE d.device_type = 'phone' AND d.status = 'active' AND d.deleted_at IS NULL;
GRANT SELECT ON app.phone_documents TO hub_api, hub_admin, hub_log;
CREATE FUNCTION app.log_phone() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seq bigint := app.take_head(NEW.tenant_id);
    phone json := (SELECT p.document FROM app.phone_documents AS p WHERE p.tenant_id = NEW.tenant_id AND p.id = NEW.id);
BEGIN
    INSERT INTO app.events (tenant_id, seq, kind, subject, topics, payload)
    VALUES (NEW.tenant_id, seq, CASE WHEN phone IS NULL THEN 'phone.removed' ELSE 'phone' END, NEW.id,
            ARRAY['stay:' || NEW.stay_id], coalesce(phone, json_build_object('id', NEW.id)));
    PERFORM app.ring_bell();
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_phone AFTER INSERT ON app.device_rooms
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.device_type = 'phone' AND NEW.status = 'active')
    EXECUTE FUNCTION app.log_phone();
CREATE CONSTRAINT TRIGGER log_phone_update AFTER UPDATE ON app.device_rooms
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.device_type = 'phone' AND (NEW.status, NEW.deleted_at) IS DISTINCT FROM (OLD.status, OLD.deleted_at))
    EXECUTE FUNCTION app.log_phone();
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
        PERFORM app.end_topic(NEW.tenant_id, tablet, format('device:%s', tablet));
    END LOOP;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_start AFTER INSERT ON app.stays
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.ended_at IS NULL) EXECUTE FUNCTION app.log_stay_start();
CREATE CONSTRAINT TRIGGER log_move AFTER UPDATE ON app.stays
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.ended_at IS NULL AND NEW.room_number <> OLD.room_number)
    EXECUTE FUNCTION app.log_stay_start();
-- What the party of a stay must not eat, as the screens of that stay know it, from the first time that it was said.
CREATE VIEW app.stay_documents WITH (security_invoker = true) AS
SELECT
    s.tenant_id,
    s.id,
    json_build_object(
        'id', s.id,
        'room_number', s.room_number,
        'allergens', s.allergens,
        'allergens_version', s.allergens_version,
        'allergens_declared_at', app.iso(s.allergens_declared_at)
    ) AS document
FROM app.stays AS s
WHERE s.ended_at IS NULL AND s.allergens_declared_at IS NOT NULL;
GRANT SELECT ON app.stay_documents TO hub_api, hub_admin, hub_log;
-- How a kitchen screen is set up, as it knows it itself; what nobody has set is not there.
CREATE VIEW app.screen_documents WITH (security_invoker = true) AS
SELECT
    d.tenant_id,
    d.id,
    json_build_object('id', d.id, 'name', d.device_name, 'stations', d.stations, 'settings', d.settings) AS document
FROM app.device_rooms AS d
WHERE d.device_type = 'kitchen_screen' AND d.status <> 'retired' AND d.deleted_at IS NULL;
GRANT SELECT ON app.screen_documents TO hub_api, hub_admin, hub_log;
-- A tablet that is silent while its room waits for an order: the kitchen knows that nobody reads what it says there.
CREATE VIEW app.silent_tablet_documents WITH (security_invoker = true) AS
SELECT
    p.tenant_id,
    p.device_id AS id,
    json_build_object(
        'id', p.device_id, 'room_number', p.silent_room, 'last_seen_at', app.iso(p.last_seen_at)
    ) AS document
FROM app.device_presence AS p
WHERE p.silent_room IS NOT NULL;
GRANT SELECT ON app.silent_tablet_documents TO hub_api, hub_admin, hub_log;
-- Tells the document of one row, which this transaction holds, or that there is none any more.
CREATE FUNCTION app.tell(tenant uuid, about uuid, topic text, kind text, document json) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seq bigint := app.take_head(tenant);
BEGIN
    INSERT INTO app.events (tenant_id, seq, kind, subject, topics, payload)
    VALUES (tenant, seq, kind || CASE WHEN document IS NULL THEN '.removed' ELSE '' END, about, ARRAY[topic],
            coalesce(document, json_build_object('id', about)));
    PERFORM app.ring_bell();
END
$$;
CREATE FUNCTION app.log_stay() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM app.tell(NEW.tenant_id, NEW.id, 'stay:' || NEW.id, 'stay', (
        SELECT d.document FROM app.stay_documents AS d WHERE d.tenant_id = NEW.tenant_id AND d.id = NEW.id
    ));
    RETURN NULL;
END
$$;
-- After log_start and log_move by their names: who comes back from what these end has the document still before them.
CREATE CONSTRAINT TRIGGER log_stay AFTER INSERT ON app.stays
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.ended_at IS NULL AND NEW.allergens_declared_at IS NOT NULL)
    EXECUTE FUNCTION app.log_stay();
CREATE CONSTRAINT TRIGGER log_stay_update AFTER UPDATE ON app.stays
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.ended_at IS NULL
          AND ((NEW.allergens, NEW.allergens_version, NEW.allergens_declared_at)
                  IS DISTINCT FROM (OLD.allergens, OLD.allergens_version, OLD.allergens_declared_at)
              OR NEW.allergens_declared_at IS NOT NULL AND NEW.room_number <> OLD.room_number))
    EXECUTE FUNCTION app.log_stay();
CREATE FUNCTION app.log_screen() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM app.tell(NEW.tenant_id, NEW.id, 'device:' || NEW.id, 'screen', (
        SELECT d.document FROM app.screen_documents AS d WHERE d.tenant_id = NEW.tenant_id AND d.id = NEW.id
    ));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_screen AFTER INSERT ON app.device_rooms
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.device_type = 'kitchen_screen')
    EXECUTE FUNCTION app.log_screen();
CREATE CONSTRAINT TRIGGER log_screen_update AFTER UPDATE ON app.device_rooms
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.device_type = 'kitchen_screen'
          AND (NEW.device_name, NEW.stations, NEW.settings, NEW.status = 'retired', NEW.deleted_at)
              IS DISTINCT FROM (OLD.device_name, OLD.stations, OLD.settings, OLD.status = 'retired', OLD.deleted_at))
    EXECUTE FUNCTION app.log_screen();
CREATE FUNCTION app.log_silence() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM app.tell(NEW.tenant_id, NEW.device_id, 'kitchen', 'silent_tablet', (
        SELECT d.document FROM app.silent_tablet_documents AS d
        WHERE d.tenant_id = NEW.tenant_id AND d.id = NEW.device_id
    ));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_silence AFTER UPDATE ON app.device_presence
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.silent_room IS DISTINCT FROM OLD.silent_room
          OR NEW.silent_room IS NOT NULL AND NEW.last_seen_at <> OLD.last_seen_at)
    EXECUTE FUNCTION app.log_silence();
-- Tablets of which it is not told yet that an order is under way in their `room`, or no more (NULL): what to tell of those
-- that are silent. Begins with the orders under way: they are few, whatever the number of tablets.
CREATE VIEW app.silence_changes WITH (security_invoker = true) AS
SELECT p.tenant_id, p.device_id, p.last_seen_at, w.room_number AS room
FROM (
    SELECT DISTINCT d.tenant_id, d.id, d.room_number
    FROM app.orders AS o
    JOIN app.device_rooms AS d
        ON d.tenant_id = o.tenant_id AND d.room_number = o.room_number AND d.device_type = 'tablet'
        AND d.status = 'active' AND d.deleted_at IS NULL
    WHERE o.status IN ('received', 'cooking', 'ready', 'delivering')
) AS w
JOIN app.device_presence AS p ON p.tenant_id = w.tenant_id AND p.device_id = w.id
WHERE p.silent_room IS DISTINCT FROM w.room_number
UNION ALL
SELECT p.tenant_id, p.device_id, p.last_seen_at, NULL
FROM app.device_presence AS p
WHERE p.silent_room IS NOT NULL AND NOT EXISTS (
    SELECT FROM app.device_rooms AS d
    JOIN app.orders AS o ON o.tenant_id = d.tenant_id AND o.room_number = d.room_number
    WHERE d.tenant_id = p.tenant_id AND d.id = p.device_id AND d.device_type = 'tablet' AND d.status = 'active'
        AND d.deleted_at IS NULL AND o.status IN ('received', 'cooking', 'ready', 'delivering')
);
GRANT SELECT ON app.silence_changes TO hub_api, hub_admin, hub_log;

-- The hotels in which that has changed of tablets that were last heard of before `since`.
CREATE FUNCTION app.silent_tablets_due(since timestamptz) RETURNS TABLE (tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT c.tenant_id FROM app.silence_changes AS c WHERE c.last_seen_at < since
$$;

-- Notes it of at most `batch` tablets of a hotel; returns of how many. A row that is being written is of a tablet that
-- comes or goes: the next round sees it.
CREATE FUNCTION app.note_silent_tablets(tenant uuid, since timestamptz, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed integer;
BEGIN
    WITH held AS MATERIALIZED (
        SELECT p.tenant_id, p.device_id, c.room
        FROM app.silence_changes AS c
        JOIN app.device_presence AS p ON p.tenant_id = c.tenant_id AND p.device_id = c.device_id
        WHERE c.tenant_id = tenant AND p.tenant_id = tenant AND p.last_seen_at < since
        ORDER BY p.device_id LIMIT batch
        FOR NO KEY UPDATE OF p SKIP LOCKED
    )
    UPDATE app.device_presence AS p SET silent_room = held.room
    FROM held
    WHERE p.tenant_id = held.tenant_id AND p.device_id = held.device_id;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;
CREATE FUNCTION app.log_tenant_end() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM app.end_topic(NEW.id, NEW.id, 'tenant');
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
ALTER FUNCTION app.log_low_stock() OWNER TO hub_log;
ALTER FUNCTION app.comebacks_due(interval) OWNER TO hub_log;
ALTER FUNCTION app.bring_back(uuid, integer) OWNER TO hub_log;
ALTER FUNCTION app.log_hotel() OWNER TO hub_log;
ALTER FUNCTION app.end_topic(uuid, uuid, text) OWNER TO hub_log;
ALTER FUNCTION app.log_topic_end() OWNER TO hub_log;
ALTER FUNCTION app.log_phone() OWNER TO hub_log;
ALTER FUNCTION app.log_stay_start() OWNER TO hub_log;
ALTER FUNCTION app.tell(uuid, uuid, text, text, json) OWNER TO hub_log;
ALTER FUNCTION app.log_stay() OWNER TO hub_log;
ALTER FUNCTION app.log_screen() OWNER TO hub_log;
ALTER FUNCTION app.log_silence() OWNER TO hub_log;
ALTER FUNCTION app.silent_tablets_due(timestamptz) OWNER TO hub_log;
ALTER FUNCTION app.note_silent_tablets(uuid, timestamptz, integer) OWNER TO hub_log;
ALTER FUNCTION app.log_tenant_end() OWNER TO hub_log;
ALTER FUNCTION app.check_log_origin(bigint, integer) OWNER TO hub_log;
ALTER FUNCTION app.prune_events(uuid, timestamptz, integer) OWNER TO hub_log;
REVOKE CREATE ON SCHEMA app FROM hub_log;
GRANT EXECUTE ON FUNCTION app.log_timeline() TO hub_relay;
GRANT EXECUTE ON FUNCTION app.check_log_origin(bigint, integer) TO hub_relay;
GRANT EXECUTE ON FUNCTION app.prune_operations(uuid, timestamptz, integer) TO hub_relay;
GRANT EXECUTE ON FUNCTION app.prune_events(uuid, timestamptz, integer) TO hub_relay;
GRANT EXECUTE ON FUNCTION app.comebacks_due(interval), app.bring_back(uuid, integer) TO hub_relay;
GRANT EXECUTE ON FUNCTION app.silent_tablets_due(timestamptz), app.note_silent_tablets(uuid, timestamptz, integer)
    TO hub_relay;

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

-- The ladder of an order that nobody sees or accepts, and what goes out of the house with its steps.

-- Addresses of a hotel's own that are told. The secret signs what is sent, and is shown once.
CREATE TABLE app.webhooks (
    tenant_id uuid NOT NULL CONSTRAINT webhooks_tenant_fkey REFERENCES app.tenants (id),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    url text NOT NULL CONSTRAINT webhooks_url_form CHECK (url ~ '^https?://[^[:space:]]+$' AND length(url) <= 2000),
    secret_encrypted text,
    events text[] NOT NULL CONSTRAINT webhooks_events_known
        CHECK (events <@ '{order.unseen,order.unaccepted,order.paged}' AND cardinality(events) > 0),
    description text CONSTRAINT webhooks_description_length CHECK (length(description) <= 200),
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT webhooks_pkey PRIMARY KEY (tenant_id, id),
    -- a secret that nobody needs any more is not kept
    CONSTRAINT webhooks_deleted_has_no_secret CHECK ((deleted_at IS NULL) = (secret_encrypted IS NOT NULL)),
    CONSTRAINT webhooks_deleted_is_not_active CHECK (deleted_at IS NULL OR NOT is_active)
);
SELECT app.protect_tenant_table('app.webhooks');
GRANT SELECT, INSERT, UPDATE ON app.webhooks TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.webhooks TO hub_admin;
GRANT SELECT ON app.webhooks TO hub_log;
CREATE POLICY log ON app.webhooks FOR SELECT TO hub_log USING (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.webhooks FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.webhooks FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.webhooks FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('id', 'secret_encrypted');

-- What is on its way: to one of these addresses, or as a letter to a member of staff. Written in the transaction of what
-- it tells of, tried until it is delivered or too old. Not audited: the order and the address are, and this is the
-- record of what became of them.
CREATE TABLE app.deliveries (
    tenant_id uuid NOT NULL CONSTRAINT deliveries_tenant_fkey REFERENCES app.tenants (id),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    webhook_id uuid,
    staff_id uuid,
    order_id uuid,
    kind text NOT NULL CONSTRAINT deliveries_kind_known
        CHECK (kind IN ('order.unseen', 'order.unaccepted', 'order.paged', 'webhook.test')),
    -- as it is signed and sent
    payload json NOT NULL,
    attempts integer NOT NULL DEFAULT 0 CONSTRAINT deliveries_attempts_not_negative CHECK (attempts >= 0),
    -- NULL: it is not tried any more
    next_attempt_at timestamptz DEFAULT now(),
    delivered_at timestamptz,
    last_attempt_at timestamptz,
    last_status integer,
    last_error text CONSTRAINT deliveries_last_error_form CHECK (last_error ~ '^[a-z_]{1,40}$'),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT deliveries_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT deliveries_webhook_fkey FOREIGN KEY (tenant_id, webhook_id) REFERENCES app.webhooks (tenant_id, id),
    CONSTRAINT deliveries_staff_fkey FOREIGN KEY (tenant_id, staff_id) REFERENCES app.staff (tenant_id, id),
    CONSTRAINT deliveries_order_fkey FOREIGN KEY (tenant_id, order_id)
        REFERENCES app.orders (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT deliveries_one_addressee CHECK ((webhook_id IS NULL) <> (staff_id IS NULL)),
    CONSTRAINT deliveries_delivered_is_over CHECK (delivered_at IS NULL OR next_attempt_at IS NULL)
) WITH (fillfactor = 85);
-- each step of an order goes to everybody once, whoever raises it
CREATE UNIQUE INDEX deliveries_once ON app.deliveries (tenant_id, order_id, kind, coalesce(webhook_id, staff_id))
    WHERE order_id IS NOT NULL;
-- what waits for each addressee, in the order in which it goes
CREATE INDEX deliveries_waiting
    ON app.deliveries ((coalesce(webhook_id, staff_id)), (kind <> 'webhook.test'), created_at, id)
    WHERE next_attempt_at IS NOT NULL;
CREATE INDEX deliveries_of_webhook ON app.deliveries (tenant_id, webhook_id, created_at DESC) WHERE webhook_id IS NOT NULL;
CREATE INDEX deliveries_age ON app.deliveries (tenant_id, created_at);
SELECT app.protect_tenant_table('app.deliveries');
GRANT SELECT, INSERT, UPDATE ON app.deliveries TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.deliveries TO hub_admin;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.deliveries TO hub_log;
CREATE POLICY log ON app.deliveries TO hub_log USING (true) WITH CHECK (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.deliveries FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();

-- The steps that are still to come for orders that nobody has accepted, and when. Counted from when the database stored
-- the order: the clock of the node that placed it may be wrong. `unseen` and `hook` are for those that no screen has shown.
-- Nobody waits for what the guest has taken from the room's own fridge.
CREATE VIEW app.order_alerts WITH (security_invoker = true) AS
SELECT
    o.tenant_id,
    o.id AS order_id,
    coalesce(o.fire_at, o.created_at) AS waiting_since,
    s.place,
    s.step,
    greatest(o.created_at, o.fire_at) + make_interval(secs => s.seconds) AS due_at
FROM app.orders AS o
JOIN app.tenants AS t ON t.id = o.tenant_id
CROSS JOIN LATERAL (
    VALUES
        (1, 'unseen', coalesce((t.settings ->> 'alert_unseen_seconds')::integer, 10), o.shown_at IS NULL),
        (2, 'hook', coalesce((t.settings ->> 'alert_hook_seconds')::integer, 30), o.shown_at IS NULL),
        (3, 'chime', coalesce((t.settings ->> 'alert_chime_seconds')::integer, 90), true),
        (4, 'page', coalesce((t.settings ->> 'alert_page_seconds')::integer, 180), true)
) AS s (place, step, seconds, applies)
WHERE o.status = 'received' AND o.accepted_at IS NULL AND NOT o.alerts ? 'page' AND o.version > 0
    AND o.delivery_type <> 'fridge' AND s.applies AND NOT o.alerts ? s.step;
GRANT SELECT ON app.order_alerts TO hub_api, hub_admin, hub_log;

-- The hotels with a step that is due within `ahead`, and in how many seconds; less than 0 is late. In one that is not
-- served nobody could accept an order. The orders come first: they are few, whatever the number of hotels.
CREATE FUNCTION app.alerts_due(ahead interval) RETURNS TABLE (tenant_id uuid, seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH due AS MATERIALIZED (
        SELECT a.tenant_id, min(a.due_at) AS due_at
        FROM app.order_alerts AS a
        WHERE a.waiting_since <= now() + ahead AND a.due_at <= now() + ahead
        GROUP BY a.tenant_id
    )
    SELECT due.tenant_id, extract(epoch FROM due.due_at - now())::double precision
    FROM due
    JOIN app.tenants AS t ON t.id = due.tenant_id
    WHERE app.tenant_state(t.status, t.contract_start, t.contract_end, t.time_zone) = 'active'
    ORDER BY due.due_at
$$;

-- Takes the steps of a hotel that are due, for at most `batch` orders, each once: who comes second waits for no order
-- that another one has, and looks again at each that it has got. With the steps goes what they send out: to the hotel's
-- addresses, and with `letters` to its managers. Returns what was taken.
CREATE FUNCTION app.raise_alerts(tenant uuid, letters boolean, batch integer)
RETURNS TABLE (order_id uuid, step text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taken uuid;
    due text[];
    is_sent record;
    body json;
BEGIN
    IF NOT EXISTS (
        SELECT FROM app.tenants AS t
        WHERE t.id = tenant AND app.tenant_state(t.status, t.contract_start, t.contract_end, t.time_zone) = 'active'
    ) THEN
        RETURN;
    END IF;
    FOR taken IN
        SELECT o.id FROM app.orders AS o
        WHERE o.tenant_id = tenant AND coalesce(o.fire_at, o.created_at) <= now()
            AND o.status = 'received' AND o.accepted_at IS NULL AND NOT o.alerts ? 'page'
            AND EXISTS (
                SELECT FROM app.order_alerts AS a
                WHERE a.tenant_id = o.tenant_id AND a.order_id = o.id AND a.due_at <= now()
            )
        ORDER BY o.id LIMIT batch
        FOR NO KEY UPDATE OF o SKIP LOCKED
    LOOP
        due := ARRAY(
            SELECT a.step FROM app.order_alerts AS a
            WHERE a.tenant_id = tenant AND a.order_id = taken AND a.due_at <= now()
            ORDER BY a.place
        );
        CONTINUE WHEN cardinality(due) = 0;
        UPDATE app.orders AS o
        SET alerts = o.alerts || (SELECT jsonb_object_agg(one, app.iso(now())) FROM unnest(due) AS one)
        WHERE o.tenant_id = tenant AND o.id = taken;
        FOR is_sent IN
            SELECT s.step, s.kind
            FROM (VALUES ('hook', 'order.unseen'), ('chime', 'order.unaccepted'), ('page', 'order.paged')) AS s (step, kind)
            WHERE s.step = ANY (due)
            ORDER BY array_position(due, s.step)
        LOOP
            SELECT row_to_json(told) INTO body
            FROM (
                SELECT
                    is_sent.kind AS type,
                    app.iso(now()) AS timestamp,
                    (
                        SELECT row_to_json(data)
                        FROM (
                            SELECT
                                o.id AS order_id, o.order_number, o.room_number, is_sent.step, o.channel,
                                app.iso(o.placed_at) AS placed_at, app.iso(o.fire_at) AS fire_at,
                                app.iso(o.shown_at) AS shown_at
                            FROM app.orders AS o WHERE o.tenant_id = tenant AND o.id = taken
                        ) AS data
                    ) AS data
            ) AS told;
            INSERT INTO app.deliveries (tenant_id, webhook_id, order_id, kind, payload)
            SELECT w.tenant_id, w.id, taken, is_sent.kind, body FROM app.webhooks AS w
            WHERE w.tenant_id = tenant AND w.is_active AND w.events @> ARRAY[is_sent.kind]
            ON CONFLICT DO NOTHING;
            IF letters AND is_sent.step = 'page' THEN
                INSERT INTO app.deliveries (tenant_id, staff_id, order_id, kind, payload)
                SELECT p.tenant_id, p.id, taken, is_sent.kind, body FROM app.staff AS p
                WHERE p.tenant_id = tenant AND p.role = 'manager' AND p.is_active AND p.email_verified
                    AND p.deleted_at IS NULL
                ON CONFLICT DO NOTHING;
            END IF;
        END LOOP;
        RETURN QUERY SELECT taken, one FROM unnest(due) AS one;
    END LOOP;
END
$$;

-- Takes deliveries that are due, letters or the others: at most `most`, one to each addressee, a test or else the oldest,
-- from hotels that are served. None to those that are `busy`, and to those that are `resting` only what somebody tries them
-- with. A hotel has at most `share` at once, and those that are under way stand in `under_way`, each with its hotel; who has
-- the fewest comes first. Looks at the addressees one by one, and so at no more of a long line than its head. Nobody else
-- takes what is taken for the time of the lease: whoever takes one and dies has not lost it.
CREATE FUNCTION app.claim_deliveries(
    letters boolean, busy uuid[], resting uuid[], under_way uuid[], share integer, most integer, lease interval
)
RETURNS TABLE (tenant_id uuid, id uuid, webhook_id uuid, staff_id uuid, kind text, payload text, attempts integer,
               created_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH RECURSIVE waiting AS (
        (
            SELECT coalesce(d.webhook_id, d.staff_id) AS addressee
            FROM app.deliveries AS d WHERE d.next_attempt_at IS NOT NULL
            ORDER BY 1 LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT coalesce(d.webhook_id, d.staff_id)
            FROM app.deliveries AS d
            WHERE d.next_attempt_at IS NOT NULL AND coalesce(d.webhook_id, d.staff_id) > w.addressee
            ORDER BY 1 LIMIT 1
        )
        FROM waiting AS w WHERE w.addressee IS NOT NULL
    ), head AS MATERIALIZED (
        SELECT d.tenant_id, d.id, d.next_attempt_at
        FROM waiting AS w
        CROSS JOIN LATERAL (
            SELECT d.tenant_id, d.id, d.kind, d.next_attempt_at
            FROM app.deliveries AS d
            WHERE coalesce(d.webhook_id, d.staff_id) = w.addressee AND (d.staff_id IS NOT NULL) = letters
                AND d.next_attempt_at <= now() AND d.created_at > now() - interval '24 hours'
            ORDER BY d.kind <> 'webhook.test', d.created_at, d.id LIMIT 1
        ) AS d
        WHERE w.addressee NOT IN (SELECT unnest(busy))
            AND (d.kind = 'webhook.test' OR w.addressee NOT IN (SELECT unnest(resting)))
    ), turn AS MATERIALIZED (
        SELECT
            h.tenant_id, h.id, h.next_attempt_at,
            (SELECT count(*) FROM unnest(under_way) AS hotel WHERE hotel = h.tenant_id)
                + row_number() OVER (PARTITION BY h.tenant_id ORDER BY h.next_attempt_at, h.id) AS place
        FROM head AS h
        JOIN app.tenants AS t ON t.id = h.tenant_id
        WHERE app.tenant_state(t.status, t.contract_start, t.contract_end, t.time_zone) = 'active'
    ), mine AS MATERIALIZED (
        SELECT d.tenant_id, d.id
        FROM turn
        JOIN app.deliveries AS d ON d.tenant_id = turn.tenant_id AND d.id = turn.id
        -- looked at again under the lock, and in a form that no plan reads all that wait for
        WHERE turn.place <= share AND coalesce(d.next_attempt_at, 'infinity') <= now()
        ORDER BY turn.place, turn.next_attempt_at, turn.id LIMIT most
        FOR NO KEY UPDATE OF d SKIP LOCKED
    )
    UPDATE app.deliveries AS d
    SET attempts = d.attempts + 1, last_attempt_at = now(), next_attempt_at = now() + lease
    FROM mine
    WHERE d.tenant_id = mine.tenant_id AND d.id = mine.id
    RETURNING d.tenant_id, d.id, d.webhook_id, d.staff_id, d.kind, d.payload::text, d.attempts, d.created_at;
END
$$;

-- Deletes at most `batch` of a tenant's deliveries made before `before`; returns how many went.
CREATE FUNCTION app.prune_deliveries(tenant uuid, before timestamptz, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone integer;
BEGIN
    DELETE FROM app.deliveries AS d
    WHERE d.tenant_id = tenant AND d.ctid = ANY (ARRAY(
        SELECT old.ctid FROM app.deliveries AS old
        WHERE old.tenant_id = tenant AND old.created_at < before
        ORDER BY old.created_at LIMIT batch
    ));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$$;

GRANT CREATE ON SCHEMA app TO hub_log;
ALTER FUNCTION app.alerts_due(interval) OWNER TO hub_log;
ALTER FUNCTION app.raise_alerts(uuid, boolean, integer) OWNER TO hub_log;
ALTER FUNCTION app.claim_deliveries(boolean, uuid[], uuid[], uuid[], integer, integer, interval) OWNER TO hub_log;
ALTER FUNCTION app.prune_deliveries(uuid, timestamptz, integer) OWNER TO hub_log;
REVOKE CREATE ON SCHEMA app FROM hub_log;
GRANT EXECUTE ON FUNCTION app.alerts_due(interval), app.raise_alerts(uuid, boolean, integer),
    app.claim_deliveries(boolean, uuid[], uuid[], uuid[], integer, integer, interval),
    app.prune_deliveries(uuid, timestamptz, integer) TO hub_relay;

-- Pages of a hotel's own for its guests: breakfast, the bath, how to leave. The content is HTML as hub/pages has cleaned
-- it; screens show it in a frame that can do nothing, whoever wrote it.

CREATE TABLE app.pages (
    tenant_id uuid NOT NULL CONSTRAINT pages_tenant_fkey REFERENCES app.tenants (id),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    slug text NOT NULL CONSTRAINT pages_slug_form CHECK (slug ~ '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$'),
    title_ja text NOT NULL CONSTRAINT pages_title_ja_length CHECK (length(title_ja) BETWEEN 1 AND 200),
    title_en text NOT NULL DEFAULT '' CONSTRAINT pages_title_en_length CHECK (length(title_en) <= 200),
    -- a line below the title in the list of pages
    summary_ja text NOT NULL DEFAULT '' CONSTRAINT pages_summary_ja_length CHECK (length(summary_ja) <= 300),
    summary_en text NOT NULL DEFAULT '' CONSTRAINT pages_summary_en_length CHECK (length(summary_en) <= 300),
    content_ja text NOT NULL DEFAULT '' CONSTRAINT pages_content_ja_length CHECK (length(content_ja) <= 40000),
    content_en text NOT NULL DEFAULT '' CONSTRAINT pages_content_en_length CHECK (length(content_en) <= 40000),
    -- where it is shown; NULL is every floor
    floors text[] CONSTRAINT pages_floors_not_empty CHECK (cardinality(floors) > 0),
    display_order integer NOT NULL DEFAULT 0,
    -- guests see it from published_at, which may be to come, to expires_at
    is_published boolean NOT NULL DEFAULT false,
    published_at timestamptz,
    expires_at timestamptz,
    -- kept by the trigger: whether guests see it now, and when that changes by itself
    is_shown boolean NOT NULL DEFAULT false,
    turns_at timestamptz,
    -- kept by the trigger; and which version this one was made from: the one before it, or one that was restored
    version integer NOT NULL DEFAULT 1 CONSTRAINT pages_version_positive CHECK (version > 0),
    parent_version integer CONSTRAINT pages_parent_version_older CHECK (parent_version < version),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT pages_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT pages_times_in_order CHECK (expires_at > published_at),
    CONSTRAINT pages_published_in_both_languages
        CHECK (NOT is_published OR (title_en <> '' AND content_ja <> '' AND content_en <> '')),
    CONSTRAINT pages_deleted_is_not_published CHECK (deleted_at IS NULL OR NOT is_published)
);
CREATE UNIQUE INDEX pages_slug_key ON app.pages (tenant_id, slug) WHERE deleted_at IS NULL;
CREATE INDEX pages_shown ON app.pages (tenant_id, display_order, id) WHERE is_shown;
CREATE INDEX pages_turning ON app.pages (turns_at) WHERE turns_at IS NOT NULL;
SELECT app.protect_tenant_table('app.pages');
GRANT SELECT, INSERT, UPDATE ON app.pages TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.pages TO hub_admin;
GRANT SELECT, UPDATE (is_shown), DELETE ON app.pages TO hub_log;
CREATE POLICY log ON app.pages TO hub_log USING (true) WITH CHECK (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.pages FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.pages FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.pages FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', '');

-- The last hundred versions of each page that editors have made, whole. Nobody changes what was.
CREATE TABLE app.page_histories (
    tenant_id uuid NOT NULL,
    page_id uuid NOT NULL,
    version integer NOT NULL CONSTRAINT page_histories_version_positive CHECK (version > 0),
    action text NOT NULL CONSTRAINT page_histories_action_known
        CHECK (action IN ('created', 'changed', 'published', 'scheduled', 'unpublished', 'restored', 'deleted')),
    -- given by who makes the change, so that a repeated one knows itself
    change_id uuid NOT NULL DEFAULT gen_random_uuid(),
    changed_by uuid,
    parent_version integer,
    -- the fields that are not as they were in the version before it
    changed text[] NOT NULL,
    snapshot jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT page_histories_pkey PRIMARY KEY (tenant_id, page_id, version),
    CONSTRAINT page_histories_change_key UNIQUE (tenant_id, change_id),
    CONSTRAINT page_histories_page_fkey FOREIGN KEY (tenant_id, page_id) REFERENCES app.pages (tenant_id, id),
    CONSTRAINT page_histories_staff_fkey FOREIGN KEY (tenant_id, changed_by) REFERENCES app.staff (tenant_id, id)
);
SELECT app.protect_tenant_table('app.page_histories');
GRANT SELECT, INSERT ON app.page_histories TO hub_api;
GRANT SELECT, INSERT, DELETE ON app.page_histories TO hub_admin;
GRANT SELECT, DELETE ON app.page_histories TO hub_log;
CREATE POLICY log ON app.page_histories TO hub_log USING (true) WITH CHECK (true);

-- What no writer may forget: the version rises with every change, and what guests see follows from the rest.
CREATE FUNCTION app.stamp_page() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.is_published THEN
        NEW.published_at := coalesce(NEW.published_at, now());
    END IF;
    IF TG_OP = 'UPDATE' THEN
        NEW.version := OLD.version;
        IF (NEW.slug, NEW.title_ja, NEW.title_en, NEW.summary_ja, NEW.summary_en, NEW.content_ja, NEW.content_en,
            NEW.floors, NEW.display_order, NEW.is_published, NEW.published_at, NEW.expires_at, NEW.deleted_at)
            IS DISTINCT FROM
            (OLD.slug, OLD.title_ja, OLD.title_en, OLD.summary_ja, OLD.summary_en, OLD.content_ja, OLD.content_en,
             OLD.floors, OLD.display_order, OLD.is_published, OLD.published_at, OLD.expires_at, OLD.deleted_at) THEN
            NEW.version := OLD.version + 1;
        END IF;
    END IF;
    NEW.is_shown := NEW.is_published AND NEW.published_at <= now() AND (NEW.expires_at IS NULL OR NEW.expires_at > now());
    NEW.turns_at := CASE
        WHEN NOT NEW.is_published THEN NULL
        WHEN NEW.published_at > now() THEN NEW.published_at
        WHEN NEW.expires_at > now() THEN NEW.expires_at
    END;
    RETURN NEW;
END
$$;
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON app.pages FOR EACH ROW EXECUTE FUNCTION app.stamp_page();

-- A page as guests see it.
CREATE VIEW app.page_documents WITH (security_invoker = true) AS
SELECT
    page.tenant_id,
    page.id,
    page.display_order,
    page.is_shown AS visible,
    (
        SELECT row_to_json(shown)
        FROM (
            SELECT
                page.id,
                page.slug,
                page.title_ja,
                page.title_en,
                page.summary_ja,
                page.summary_en,
                page.content_ja AS html_ja,
                page.content_en AS html_en,
                page.display_order,
                page.floors,
                app.iso(page.published_at) AS published_at,
                app.iso(page.expires_at) AS expires_at
        ) AS shown
    ) AS document
FROM app.pages AS page;
GRANT SELECT ON app.page_documents TO hub_api, hub_admin, hub_log;

CREATE FUNCTION app.log_page() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    page_id uuid := coalesce(NEW.id, OLD.id);
    page_tenant uuid := coalesce(NEW.tenant_id, OLD.tenant_id);
    seq bigint := app.take_head(page_tenant);
    page json := (
        SELECT d.document FROM app.page_documents AS d
        WHERE d.tenant_id = page_tenant AND d.id = page_id AND d.visible
    );
BEGIN
    INSERT INTO app.events (tenant_id, seq, kind, subject, topics, payload)
    VALUES (page_tenant, seq, CASE WHEN page IS NULL THEN 'page.removed' ELSE 'page' END, page_id, ARRAY['pages'],
            coalesce(page, json_build_object('id', page_id)));
    PERFORM app.ring_bell();
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_insert AFTER INSERT ON app.pages
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.is_shown) EXECUTE FUNCTION app.log_page();
CREATE CONSTRAINT TRIGGER log_update AFTER UPDATE ON app.pages
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.is_shown OR NEW.is_shown)
          AND (OLD.is_shown, OLD.slug, OLD.title_ja, OLD.title_en, OLD.summary_ja, OLD.summary_en, OLD.content_ja,
               OLD.content_en, OLD.floors, OLD.display_order, OLD.published_at, OLD.expires_at)
              IS DISTINCT FROM
              (NEW.is_shown, NEW.slug, NEW.title_ja, NEW.title_en, NEW.summary_ja, NEW.summary_en, NEW.content_ja,
               NEW.content_en, NEW.floors, NEW.display_order, NEW.published_at, NEW.expires_at))
    EXECUTE FUNCTION app.log_page();
CREATE CONSTRAINT TRIGGER log_delete AFTER DELETE ON app.pages
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.is_shown) EXECUTE FUNCTION app.log_page();

-- What nobody will look for goes: of a page all but the last hundred versions, of a hotel all but the hundred pages that
-- were deleted last.
CREATE FUNCTION app.forget_versions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM app.page_histories AS past
    WHERE past.tenant_id = NEW.tenant_id AND past.page_id = NEW.page_id AND past.version <= NEW.version - 100;
    RETURN NULL;
END
$$;
CREATE TRIGGER forget_versions AFTER INSERT ON app.page_histories FOR EACH ROW
    WHEN (NEW.version > 100) EXECUTE FUNCTION app.forget_versions();

CREATE FUNCTION app.forget_pages() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone uuid[] := ARRAY(
        SELECT page.id FROM app.pages AS page
        WHERE page.tenant_id = NEW.tenant_id AND page.deleted_at IS NOT NULL
        ORDER BY page.deleted_at DESC, page.id OFFSET 100
        FOR UPDATE
    );
BEGIN
    DELETE FROM app.page_histories AS past WHERE past.tenant_id = NEW.tenant_id AND past.page_id = ANY (gone);
    DELETE FROM app.pages AS page WHERE page.tenant_id = NEW.tenant_id AND page.id = ANY (gone);
    RETURN NULL;
END
$$;
CREATE TRIGGER forget_pages AFTER UPDATE OF deleted_at ON app.pages FOR EACH ROW
    WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION app.forget_pages();

-- Hotels of which a page shall appear or go by itself within that time, and in how many seconds; 0 and less is due.
CREATE FUNCTION app.pages_due(within interval) RETURNS TABLE (tenant_id uuid, seconds double precision)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT page.tenant_id, extract(epoch FROM min(page.turns_at) - clock_timestamp())::double precision
    FROM app.pages AS page
    WHERE page.turns_at <= now() + within
    GROUP BY page.tenant_id
    ORDER BY 2
$$;

-- Shows and hides at most `batch` pages of a hotel whose moment has come; how many. The trigger says what is right now;
-- a page that somebody changes at this moment waits for the next call.
CREATE FUNCTION app.turn_pages(tenant uuid, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    turned integer;
BEGIN
    UPDATE app.pages AS page SET is_shown = NOT page.is_shown
    WHERE page.tenant_id = tenant AND page.id = ANY (ARRAY(
        SELECT due.id FROM app.pages AS due
        WHERE due.tenant_id = tenant AND due.turns_at <= now()
        ORDER BY due.turns_at LIMIT batch FOR NO KEY UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS turned = ROW_COUNT;
    RETURN turned;
END
$$;

GRANT CREATE ON SCHEMA app TO hub_log;
ALTER FUNCTION app.log_page() OWNER TO hub_log;
ALTER FUNCTION app.forget_versions() OWNER TO hub_log;
ALTER FUNCTION app.forget_pages() OWNER TO hub_log;
ALTER FUNCTION app.pages_due(interval) OWNER TO hub_log;
ALTER FUNCTION app.turn_pages(uuid, integer) OWNER TO hub_log;
REVOKE CREATE ON SCHEMA app FROM hub_log;
GRANT EXECUTE ON FUNCTION app.pages_due(interval), app.turn_pages(uuid, integer) TO hub_relay;
