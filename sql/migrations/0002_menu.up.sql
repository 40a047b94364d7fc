-- The menu and the tax rates it is priced with.

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
