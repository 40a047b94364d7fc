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
