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
-- The kitchen's screen, for every station.
INSERT INTO app.device_rooms (tenant_id, id, device_name, device_type, stations, status)
VALUES ($1, $2, 'Kitchen', 'kitchen_screen', '{}', 'pending');

-- name: insert_menu (write)
-- The menu, from one JSON list.
INSERT INTO app.menu_items (
    tenant_id, id, name_ja, name_en, description_ja, description_en, price, category, tags, allergens, tax_class,
    preparation_minutes, station, age_restricted, is_featured, stock_quantity, low_stock_threshold, start_time,
    end_time, display_order
)
SELECT
    $1, item.id, item.name_ja, item.name_en, item.description_ja, item.description_en, item.price, item.category,
    item.tags, item.allergens, item.tax_class, item.preparation_minutes, item.station, item.age_restricted,
    item.is_featured, item.stock_quantity, coalesce(item.low_stock_threshold, 5), item.start_time, item.end_time,
    item.display_order
FROM jsonb_to_recordset($2::text::jsonb) AS item (
    id uuid, name_ja text, name_en text, description_ja text, description_en text, price integer, category text,
    tags text[], allergens text[], tax_class text, preparation_minutes integer, station text,
    age_restricted boolean, is_featured boolean, stock_quantity integer, low_stock_threshold integer,
    start_time time, end_time time, display_order integer
);

-- name: insert_tax_rates (write)
-- Japan's consumption tax for what the demo sells; served in the room it is not takeaway.
INSERT INTO app.tax_rates (tenant_id, tax_class, fulfilment, rate_bp, valid_from)
VALUES
    ($1, 'food', 'room_service', 1000, '2019-10-01'),
    ($1, 'food', 'takeaway', 800, '2019-10-01'),
    ($1, 'alcohol', 'room_service', 1000, '2019-10-01');

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
-- A single-use code for the tablet of a room, or for the kitchen when the room is null.
INSERT INTO app.pairing_codes (tenant_id, device_id, code_hash, expires_at)
SELECT d.tenant_id, d.id, $3, now() + $4::interval
FROM app.device_rooms AS d
WHERE d.tenant_id = $1 AND d.room_number IS NOT DISTINCT FROM $2::text AND d.deleted_at IS NULL;
