-- A rehearsal, run as hub_admin: what is read of the hotel that it is made of, and what is written into the sandbox. All
-- that writes asks for the sandbox's mark itself, so that no mistake above can reach a hotel with guests.

-- name: source (read)
-- The hotel that a rehearsal is made of, by its slug.
SELECT
    t.id, t.slug, t.time_zone, t.prices_include_tax, t.tax_rounding,
    coalesce(t.settings -> 'stations', '[]')::text AS stations,
    coalesce(t.settings -> 'categories', '[]')::text AS categories,
    coalesce((t.settings ->> 'service_charge_bp')::integer, 0) AS service_charge_bp
FROM app.tenants AS t
WHERE t.slug = $1 AND t.id <> '00000000-0000-0000-0000-000000000000';

-- name: led (read)
-- Whether a hub leads in this database: one of its connections holds the relay's lock.
SELECT EXISTS (
    SELECT FROM pg_locks AS held
    WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
        AND held.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
        AND (held.classid::bigint << 32 | held.objid::bigint) = 7527030595687047545
);

-- name: dishes (read)
-- What a hotel sells, in the menu's order; with $2, these items alone, also those that it sells no more.
SELECT
    i.id::text AS id, i.name_ja, i.name_en, i.description_ja, i.description_en, i.price, i.category, i.tags, i.allergens,
    i.may_contain, i.tax_class, i.fulfilment, i.preparation_minutes, i.station, i.age_restricted, i.is_featured,
    i.options::text AS options, i.image_url
FROM app.menu_items AS i
WHERE i.tenant_id = $1
    AND CASE WHEN $2::uuid[] IS NULL THEN i.deleted_at IS NULL AND NOT i.is_hidden ELSE i.id = ANY ($2) END
ORDER BY i.display_order, i.id;

-- name: rates (read)
-- The tax rates of a hotel that hold on its business day of this moment.
SELECT DISTINCT ON (r.tax_class, r.fulfilment) r.tax_class, r.fulfilment, r.rate_bp
FROM app.tax_rates AS r
JOIN app.tenants AS t ON t.id = r.tenant_id
WHERE r.tenant_id = $1 AND r.deleted_at IS NULL
    AND r.valid_from <= ((now() AT TIME ZONE t.time_zone) - t.business_day_cutover)::date
ORDER BY r.tax_class, r.fulfilment, r.valid_from DESC;

-- name: past_orders (read)
-- At most $4 orders from $2 until before $3, oldest first: moments, rooms and dishes, nothing that a guest has written.
SELECT
    coalesce(o.fire_at, o.placed_at) AS at, o.room_number, o.accepted_at, o.ready_at,
    CASE WHEN o.status = 'delivered' THEN o.finished_at END AS delivered_at,
    (
        SELECT json_agg(json_build_object(
            'dish', i.menu_item_id, 'quantity', i.quantity,
            'options', ARRAY(SELECT chosen ->> 'key' FROM jsonb_array_elements(i.options) AS chosen)
        ) ORDER BY i.line)
        FROM app.order_items AS i
        WHERE i.tenant_id = o.tenant_id AND i.order_id = o.id
    )::text AS lines
FROM app.orders AS o
WHERE o.tenant_id = $1 AND o.version > 0
    AND coalesce(o.fire_at, o.placed_at) >= $2 AND coalesce(o.fire_at, o.placed_at) < $3
ORDER BY 1, o.id
LIMIT $4;

-- name: make_sandbox (write)
-- A new sandbox, or the one of this slug made anew; no row when a hotel without the mark has the slug.
INSERT INTO app.tenants AS t (id, name, slug, time_zone, locale, prices_include_tax, tax_rounding, room_limit, settings)
VALUES ($1, $2, $3, $4, 'ja', $5, $6, $7, $8::text::jsonb || '{"sandbox": true}')
ON CONFLICT (slug) DO UPDATE
SET name = excluded.name, time_zone = excluded.time_zone, prices_include_tax = excluded.prices_include_tax,
    tax_rounding = excluded.tax_rounding, room_limit = greatest(t.room_limit, excluded.room_limit),
    settings = excluded.settings, status = 'active'
WHERE t.settings @> '{"sandbox": true}'
RETURNING t.id;

-- name: put_dishes (write)
-- The menu of a sandbox, from one JSON list: always served, and nothing of it is counted.
INSERT INTO app.menu_items AS i (
    tenant_id, id, name_ja, name_en, description_ja, description_en, price, category, tags, allergens, may_contain,
    tax_class, fulfilment, preparation_minutes, station, age_restricted, is_featured, options, image_url, display_order
)
SELECT
    t.id, dish.id, dish.name_ja, dish.name_en, dish.description_ja, dish.description_en, dish.price, dish.category,
    dish.tags, dish.allergens, dish.may_contain, dish.tax_class, dish.fulfilment, dish.preparation_minutes, dish.station,
    dish.age_restricted, dish.is_featured, dish.options, dish.image_url, dish.display_order
FROM app.tenants AS t
CROSS JOIN jsonb_to_recordset($2::text::jsonb) AS dish (
    id uuid, name_ja text, name_en text, description_ja text, description_en text, price integer, category text,
    tags text[], allergens text[], may_contain text[], tax_class text, fulfilment text, preparation_minutes integer,
    station text, age_restricted boolean, is_featured boolean, options jsonb, image_url text, display_order integer
)
WHERE t.id = $1 AND t.settings @> '{"sandbox": true}'
ON CONFLICT (tenant_id, id) DO UPDATE
SET name_ja = excluded.name_ja, name_en = excluded.name_en, description_ja = excluded.description_ja,
    description_en = excluded.description_en, price = excluded.price, category = excluded.category, tags = excluded.tags,
    allergens = excluded.allergens, may_contain = excluded.may_contain, tax_class = excluded.tax_class,
    fulfilment = excluded.fulfilment, preparation_minutes = excluded.preparation_minutes, station = excluded.station,
    age_restricted = excluded.age_restricted, is_featured = excluded.is_featured, options = excluded.options,
    image_url = excluded.image_url, display_order = excluded.display_order, deleted_at = NULL, is_hidden = false,
    is_available = true, sold_out_until = NULL;

-- name: take_other_dishes (write)
-- What an earlier rehearsal sold in this sandbox is not on its menu any more.
UPDATE app.menu_items AS i
SET deleted_at = now()
FROM app.tenants AS t
WHERE t.id = $1 AND t.settings @> '{"sandbox": true}' AND i.tenant_id = t.id AND i.deleted_at IS NULL
    AND i.id <> ALL ($2::uuid[]);

-- name: put_rates (write)
-- The tax rates of a sandbox.
INSERT INTO app.tax_rates (tenant_id, tax_class, fulfilment, rate_bp, valid_from)
SELECT t.id, rate.tax_class, rate.fulfilment, rate.rate_bp, '2000-01-01'
FROM app.tenants AS t
CROSS JOIN jsonb_to_recordset($2::text::jsonb) AS rate (tax_class text, fulfilment text, rate_bp integer)
WHERE t.id = $1 AND t.settings @> '{"sandbox": true}'
ON CONFLICT (tenant_id, tax_class, fulfilment, valid_from) WHERE deleted_at IS NULL
DO UPDATE SET rate_bp = excluded.rate_bp;

-- name: put_devices (write)
-- Tablets (with a room) and kitchen screens (without) of a sandbox; one that was there is as new.
INSERT INTO app.device_rooms AS d (tenant_id, id, device_name, device_type, room_number, status)
SELECT
    t.id, device.id, device.name, CASE WHEN device.room IS NULL THEN 'kitchen_screen' ELSE 'tablet' END, device.room,
    'active'
FROM app.tenants AS t
CROSS JOIN unnest($2::uuid[], $3::text[], $4::text[]) AS device (id, name, room)
WHERE t.id = $1 AND t.settings @> '{"sandbox": true}'
ON CONFLICT (tenant_id, id) DO UPDATE
SET device_name = excluded.device_name, room_number = excluded.room_number, status = 'active', deleted_at = NULL,
    wipe_requested_at = NULL;

-- name: open_stays (write)
-- A guest for every room with a tablet that has none.
INSERT INTO app.stays (tenant_id, room_number)
SELECT t.id, d.room_number
FROM app.tenants AS t
JOIN app.device_rooms AS d ON d.tenant_id = t.id AND d.device_type = 'tablet'
WHERE t.id = $1 AND t.settings @> '{"sandbox": true}'
    AND NOT EXISTS (
        SELECT FROM app.stays AS s
        WHERE s.tenant_id = t.id AND s.room_number = d.room_number AND s.ended_at IS NULL
    );

-- name: put_code (write)
-- A single-use code for a screen of a sandbox.
INSERT INTO app.pairing_codes (tenant_id, device_id, code_hash, expires_at)
SELECT t.id, $2, $3, now() + $4::interval
FROM app.tenants AS t
WHERE t.id = $1 AND t.settings @> '{"sandbox": true}';

-- name: end_orders (write)
-- Orders that an earlier rehearsal has left open are over, and nobody has to take note of it.
UPDATE app.orders AS o
SET status = 'cancelled', cancel_reason = 'an earlier rehearsal', cancel_acked_at = now()
FROM app.tenants AS t
WHERE t.id = $1 AND t.settings @> '{"sandbox": true}' AND o.tenant_id = t.id
    AND (o.status IN ('received', 'cooking', 'ready', 'delivering') OR o.status = 'cancelled' AND o.cancel_acked_at IS NULL);

-- name: end_items (write)
-- The same of their items.
UPDATE app.order_items AS i
SET status = 'cancelled'
FROM app.tenants AS t, app.orders AS o
WHERE t.id = $1 AND t.settings @> '{"sandbox": true}' AND o.tenant_id = t.id AND o.status = 'cancelled'
    AND i.tenant_id = o.tenant_id AND i.order_id = o.id AND i.status <> 'cancelled';

-- name: forget_presence (write)
-- No screen of a sandbox is there until it comes.
DELETE FROM app.device_presence AS p
USING app.tenants AS t
WHERE t.id = $1 AND t.settings @> '{"sandbox": true}' AND p.tenant_id = t.id;

-- name: devices (read)
-- The devices of a sandbox with what their tokens say.
SELECT d.id, d.device_type, d.device_name, d.room_number, d.floor, d.stations, d.credential_version, s.id AS stay_id
FROM app.device_rooms AS d
LEFT JOIN app.stays AS s ON s.tenant_id = d.tenant_id AND s.room_number = d.room_number AND s.ended_at IS NULL
WHERE d.tenant_id = $1 AND d.id = ANY ($2::uuid[])
ORDER BY d.room_number, d.device_name;

-- name: online (read)
-- How many of these devices are there.
SELECT count(*) FROM app.device_presence AS p WHERE p.tenant_id = $1 AND p.device_id = ANY ($2::uuid[]) AND p.online;
