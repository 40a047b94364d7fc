-- The demo hotel, written as hub_admin: what a super-admin and a manager would do by hand.

-- name: tenant (read)
-- The demo hotel, when it is there.
SELECT id FROM app.tenants WHERE slug = $1;

-- name: insert_tenant (write)
-- A new hotel.
INSERT INTO app.tenants (id, name, slug, time_zone, locale, prices_include_tax, settings)
VALUES ($1, $2, $3, 'Asia/Tokyo', 'ja', true, $4::text::jsonb)
ON CONFLICT (slug) DO NOTHING;

-- name: insert_tablets (write)
-- A tablet for each room.
INSERT INTO app.device_rooms (tenant_id, id, device_name, device_type, room_number, floor, status)
SELECT $1, room.device_id, 'Tablet ' || room.number, 'tablet', room.number, left(room.number, -2), 'pending'
FROM unnest($2::uuid[], $3::text[]) AS room (device_id, number);

-- name: insert_kitchen (write)
-- A kitchen screen, for every station, unless it is there.
INSERT INTO app.device_rooms (tenant_id, id, device_name, device_type, stations, status)
VALUES ($1, $2, $3, 'kitchen_screen', '{}', 'pending')
ON CONFLICT (tenant_id, id) DO NOTHING;

-- name: insert_menu (write)
-- The menu, from one JSON list.
INSERT INTO app.menu_items (
    tenant_id, id, name_ja, name_en, description_ja, description_en, price, category, tags, allergens, tax_class,
    preparation_minutes, station, age_restricted, is_featured, stock_quantity, low_stock_threshold, start_time,
    end_time, last_order_minutes, days, fulfilment, may_contain, options, image_url, display_order
)
SELECT
    $1, item.id, item.name_ja, item.name_en, item.description_ja, item.description_en, item.price, item.category,
    item.tags, item.allergens, item.tax_class, item.preparation_minutes, item.station, item.age_restricted,
    item.is_featured, item.stock_quantity, coalesce(item.low_stock_threshold, 5), item.start_time, item.end_time,
    item.last_order_minutes, item.days, item.fulfilment, item.may_contain, item.options, item.image_url,
    item.display_order
FROM jsonb_to_recordset($2::text::jsonb) AS item (
    id uuid, name_ja text, name_en text, description_ja text, description_en text, price integer, category text,
    tags text[], allergens text[], tax_class text, preparation_minutes integer, station text,
    age_restricted boolean, is_featured boolean, stock_quantity integer, low_stock_threshold integer,
    start_time time, end_time time, last_order_minutes integer, days smallint[], fulfilment text,
    may_contain text[], options jsonb, image_url text, display_order integer
);

-- name: insert_pages (write)
-- Pages for the guests, from one JSON list, published; each with the first version of its history.
WITH written AS (
    INSERT INTO app.pages (
        tenant_id, id, slug, title_ja, title_en, summary_ja, summary_en, content_ja, content_en, display_order,
        is_published
    )
    SELECT
        $1, page.id, page.slug, page.title_ja, page.title_en, page.summary_ja, page.summary_en, page.content_ja,
        page.content_en, page.display_order, true
    FROM jsonb_to_recordset($2::text::jsonb) AS page (
        id uuid, slug text, title_ja text, title_en text, summary_ja text, summary_en text, content_ja text,
        content_en text, display_order integer
    )
    RETURNING
        tenant_id, id, version, slug, title_ja, title_en, summary_ja, summary_en, content_ja, content_en, floors,
        display_order, is_published, published_at, expires_at
)
INSERT INTO app.page_histories (tenant_id, page_id, version, action, changed, snapshot)
SELECT
    tenant_id, id, version, 'published', ARRAY['content_en', 'content_ja', 'slug', 'title_en', 'title_ja'],
    to_jsonb(written) - '{tenant_id,id,version}'::text[]
FROM written;

-- name: open_stays (write)
-- A guest for every room that has none.
INSERT INTO app.stays (tenant_id, room_number)
SELECT d.tenant_id, d.room_number
FROM app.device_rooms AS d
WHERE d.tenant_id = $1 AND d.device_type = 'tablet'
    AND NOT EXISTS (
        SELECT FROM app.stays AS s
        WHERE s.tenant_id = d.tenant_id AND s.room_number = d.room_number AND s.ended_at IS NULL
    );

-- name: insert_code (write)
-- A single-use code for a device.
INSERT INTO app.pairing_codes (tenant_id, device_id, code_hash, expires_at)
VALUES ($1, $2, $3, now() + $4::interval);
