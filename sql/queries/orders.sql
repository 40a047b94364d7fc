-- Orders. Locks are always taken in this order: the stay, the slots, stock rows by id, the counter, the order, its items.

-- name: terms (read)
-- How a hotel prices and counts its days, what its kitchen has to do at the moment $3 (NULL unless $4, because that is
-- counted), and what an open stay ($2, or NULL) has declared.
SELECT
    t.time_zone,
    t.prices_include_tax,
    t.tax_rounding,
    t.business_day_cutover,
    coalesce((t.settings ->> 'service_charge_bp')::integer, 0) AS service_charge_bp,
    (
        SELECT coalesce(json_agg(json_build_object(
            'tax_class', r.tax_class, 'fulfilment', r.fulfilment, 'rate_bp', r.rate_bp, 'valid_from', r.valid_from
        )), '[]')::text
        FROM app.tax_rates AS r
        WHERE r.tenant_id = t.id AND r.deleted_at IS NULL
    ) AS rates,
    json_build_object(
        'time_zone', t.time_zone,
        'delivery_minutes', coalesce((t.settings ->> 'delivery_minutes')::integer, 10),
        'capacity', coalesce(t.settings -> 'station_capacity', '{}'),
        'interval_minutes', coalesce((t.settings ->> 'throttle_interval_minutes')::integer, 15),
        'most_orders', t.settings -> 'throttle_orders',
        'most_minutes', t.settings -> 'throttle_minutes',
        'pause', t.settings -> 'pause'
    )::text AS kitchen,
    CASE WHEN $4::boolean THEN (
        SELECT json_build_object(
            'items', coalesce(sum(waiting.items), 0),
            'minutes', coalesce(json_object_agg(waiting.station, waiting.minutes) FILTER (WHERE waiting.minutes > 0), '{}')
        )::text
        FROM (
            SELECT item.station, count(*) AS items, sum(item.minutes) AS minutes
            FROM app.orders AS o
            CROSS JOIN LATERAL (
                SELECT i.station, i.preparation_minutes * i.quantity AS minutes
                FROM app.order_items AS i
                WHERE i.tenant_id = $1 AND i.order_id = o.id AND i.status IN ('pending', 'cooking')
                -- order by order, never all that the hotel has ever sold
                OFFSET 0
            ) AS item
            WHERE o.tenant_id = $1 AND o.status IN ('received', 'cooking') AND (o.fire_at IS NULL OR o.fire_at <= $3)
            GROUP BY item.station
        ) AS waiting
    ) END AS backlog,
    coalesce(stay.allergens, '{}') AS declared
FROM app.tenants AS t
LEFT JOIN app.stays AS stay ON stay.tenant_id = t.id AND stay.id = $2 AND stay.ended_at IS NULL
WHERE t.id = $1;

-- name: basis (write)
-- All that a new order of a stay needs to know, in one round trip: the stay, which stays open until this transaction
-- ends, and what it has declared, how the hotel prices and counts its days, what its kitchen has to do at the moment $4
-- (NULL unless $5), and the menu items that guests can see. No row when the stay is over.
WITH stay AS MATERIALIZED (
    SELECT room_number, allergens, allergens_version
    FROM app.stays
    WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL
    FOR SHARE
)
SELECT
    stay.room_number,
    stay.allergens AS declared,
    stay.allergens_version,
    t.time_zone,
    t.prices_include_tax,
    t.tax_rounding,
    t.business_day_cutover,
    coalesce((t.settings ->> 'service_charge_bp')::integer, 0) AS service_charge_bp,
    (
        SELECT coalesce(json_agg(json_build_object(
            'tax_class', r.tax_class, 'fulfilment', r.fulfilment, 'rate_bp', r.rate_bp, 'valid_from', r.valid_from
        )), '[]')::text
        FROM app.tax_rates AS r
        WHERE r.tenant_id = t.id AND r.deleted_at IS NULL
    ) AS rates,
    json_build_object(
        'time_zone', t.time_zone,
        'delivery_minutes', coalesce((t.settings ->> 'delivery_minutes')::integer, 10),
        'capacity', coalesce(t.settings -> 'station_capacity', '{}'),
        'interval_minutes', coalesce((t.settings ->> 'throttle_interval_minutes')::integer, 15),
        'most_orders', t.settings -> 'throttle_orders',
        'most_minutes', t.settings -> 'throttle_minutes',
        'pause', t.settings -> 'pause'
    )::text AS kitchen,
    CASE WHEN $5::boolean THEN (
        SELECT json_build_object(
            'items', coalesce(sum(waiting.items), 0),
            'minutes', coalesce(json_object_agg(waiting.station, waiting.minutes) FILTER (WHERE waiting.minutes > 0), '{}')
        )::text
        FROM (
            SELECT item.station, count(*) AS items, sum(item.minutes) AS minutes
            FROM app.orders AS o
            CROSS JOIN LATERAL (
                SELECT i.station, i.preparation_minutes * i.quantity AS minutes
                FROM app.order_items AS i
                WHERE i.tenant_id = $1 AND i.order_id = o.id AND i.status IN ('pending', 'cooking')
                -- order by order, never all that the hotel has ever sold
                OFFSET 0
            ) AS item
            WHERE o.tenant_id = $1 AND o.status IN ('received', 'cooking') AND (o.fire_at IS NULL OR o.fire_at <= $4)
            GROUP BY item.station
        ) AS waiting
    ) END AS backlog,
    (
        SELECT coalesce(json_agg(json_build_object(
            'id', m.id, 'name_ja', m.name_ja, 'name_en', coalesce(m.name_en, m.name_ja),
            'description_ja', m.description_ja, 'description_en', m.description_en, 'price', m.price,
            'is_available', m.is_available, 'sold_out_until', m.sold_out_until, 'start_time', m.start_time,
            'end_time', m.end_time, 'days', m.days, 'last_order_minutes', m.last_order_minutes,
            'age_restricted', m.age_restricted, 'stock_quantity', m.stock_quantity,
            'allergens', CASE WHEN m.allergens_known THEN m.allergens END,
            'may_contain', m.may_contain, 'options', m.options, 'fulfilment', m.fulfilment, 'tax_class', m.tax_class,
            'preparation_minutes', m.preparation_minutes, 'station', m.station
        )), '[]')::text
        FROM app.menu_items AS m
        WHERE m.tenant_id = t.id AND m.id = ANY ($3::uuid[]) AND NOT m.is_hidden AND m.deleted_at IS NULL
    ) AS menu
FROM stay
JOIN app.tenants AS t ON t.id = $1;

-- name: lock_slots (write)
-- The slots of a hotel's kitchen are taken by nobody else until this transaction ends. Two keys, as for operations.
SELECT pg_advisory_xact_lock(hashtext('hub slots'), hashtext(t.id::text)) FROM app.tenants AS t WHERE t.id = $1;

-- name: slots_taken (read)
-- When the kitchen begins each order that it begins at $2 or later, and how many minutes of preparation are in it: of
-- those under way, and of those that have been delivered since; guests take from the fridge without a kitchen.
SELECT
    o.at,
    (
        SELECT coalesce(sum(i.preparation_minutes * i.quantity), 0)::integer
        FROM app.order_items AS i
        WHERE i.tenant_id = $1 AND i.order_id = o.id AND i.status <> 'cancelled'
    ) AS minutes
FROM (
    SELECT active.id, coalesce(active.fire_at, active.placed_at) AS at
    FROM app.orders AS active
    WHERE active.tenant_id = $1 AND active.status IN ('received', 'cooking', 'ready', 'delivering')
        AND active.delivery_type <> 'fridge'
    UNION ALL
    SELECT late.id, coalesce(late.fire_at, late.placed_at)
    FROM app.orders AS late
    WHERE late.tenant_id = $1 AND late.status = 'delivered' AND late.delivery_type <> 'fridge' AND late.finished_at >= $2
        -- always: a range with two ends is taken for a short one, so that one plan serves every hotel
        AND late.finished_at < $2 + interval '24 hours'
) AS o
WHERE o.at >= $2;

-- name: stay_in_room (read)
-- The stay that goes on in a room.
SELECT id FROM app.stays WHERE tenant_id = $1 AND room_number = $2 AND ended_at IS NULL;

-- name: share_stay (write)
-- The room of a stay that is open, and stays open until this transaction ends.
SELECT room_number
FROM app.stays
WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL
FOR SHARE;

-- name: stay_is_open (read)
-- Whether a stay goes on: a tablet may hold a token of one that is over.
SELECT EXISTS (SELECT FROM app.stays WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL);

-- name: menu_items (read)
-- Everything that an order keeps of the menu items it names, of those that guests can see.
SELECT
    id, name_ja, coalesce(name_en, name_ja) AS name_en, description_ja, description_en, price, is_available,
    sold_out_until, start_time, end_time, days, last_order_minutes, age_restricted, stock_quantity,
    CASE WHEN allergens_known THEN allergens END AS allergens, may_contain, options::text AS options, fulfilment,
    tax_class, preparation_minutes, station
FROM app.menu_items
WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) AND NOT is_hidden AND deleted_at IS NULL;

-- name: lock_stock (write)
-- What is left of the counted ones among some menu items, locked in id order so that two orders never deadlock.
SELECT id, stock_quantity
FROM app.menu_items
WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) AND stock_quantity IS NOT NULL
ORDER BY id
FOR NO KEY UPDATE;

-- name: change_stock (write)
-- Adds to the stock of counted menu items, or takes from it; the rows are locked already.
UPDATE app.menu_items AS m
SET stock_quantity = m.stock_quantity + delta.quantity
FROM unnest($2::uuid[], $3::integer[]) AS delta (id, quantity)
WHERE m.tenant_id = $1 AND m.id = delta.id AND m.stock_quantity IS NOT NULL;

-- name: insert_order (write)
-- Stores an order, under the next number of its business day, with its items; these are one JSON list, because unnest
-- would flatten the lists of allergens. Its document, when all of them are stored.
WITH counter AS (
    INSERT INTO app.order_counters (tenant_id, business_date, last_number)
    VALUES ($1, $3, 1)
    ON CONFLICT (tenant_id, business_date) DO UPDATE SET last_number = order_counters.last_number + 1
    RETURNING last_number
), placed AS (
    INSERT INTO app.orders (
        tenant_id, id, business_date, order_number, stay_id, room_number, special_requests, placed_at,
        subtotal_amount, tax_amount, service_amount, total_amount, prices_include_tax, service_charge_bp,
        service_tax_rate_bp, tax_rounding, taxes, delivery_type, channel, fire_at, due_at, estimated_delivery_at,
        declared_allergens, allergens_version, op_id, version
    )
    SELECT
        $1, $2, $3, counter.last_number, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::text::jsonb, $17, $18,
        $19, $20, $21, $22, $23, $24, 1
    FROM counter
    RETURNING id
), items AS (
    INSERT INTO app.order_items (
        tenant_id, order_id, line, menu_item_id, name_ja, name_en, description_ja, description_en, options, allergens,
        conflicts, fulfilment, tax_class, tax_rate_bp, unit_price, quantity, total_price, note, station,
        preparation_minutes, age_restricted
    )
    SELECT
        $1, placed.id, i.line, i.menu_item_id, i.name_ja, i.name_en, i.description_ja, i.description_en, i.options,
        i.allergens, i.conflicts, i.fulfilment, i.tax_class, i.tax_rate_bp, i.unit_price, i.quantity,
        i.unit_price * i.quantity, i.note, i.station, i.preparation_minutes, i.age_restricted
    FROM placed, jsonb_to_recordset($25::text::jsonb) AS i (
        line integer, menu_item_id uuid, name_ja text, name_en text, description_ja text, description_en text,
        options jsonb, allergens text[], conflicts text[], fulfilment text, tax_class text, tax_rate_bp integer,
        unit_price integer, quantity integer, note text, station text, preparation_minutes integer,
        age_restricted boolean
    )
    RETURNING line
)
SELECT app.order_now($1, placed.id) AS document
FROM placed, (SELECT count(*) FROM items) AS stored;

-- name: menu_items_of_order (read)
-- The menu items of an order, whose stock a cancellation may touch; $3 is the stay that asks, or NULL.
SELECT ARRAY(
    SELECT DISTINCT i.menu_item_id
    FROM app.order_items AS i
    WHERE i.tenant_id = o.tenant_id AND i.order_id = o.id
) AS ids
FROM app.orders AS o
WHERE o.tenant_id = $1 AND o.id = $2 AND ($3::uuid IS NULL OR o.stay_id = $3);

-- name: lock_order (write)
-- An order as the rules see it, locked, with its items and the hotel's settings that they need; $3 is the stay that
-- asks, or NULL. The items are read when the order is locked.
WITH locked AS MATERIALIZED (
    SELECT
        o.tenant_id, o.id, o.status, o.version, o.accepted_at, o.ready_at, o.finished_at, o.cancelled_at,
        o.cancel_reason, o.cancel_acked_at, o.cancel_acked_stations, o.fire_at, o.rush, o.allergy_acked_at,
        o.allergy_acked_stations, o.trip_id, o.recall_count, o.last_bump,
        o.prices_include_tax, o.service_charge_bp, o.service_tax_rate_bp, o.tax_rounding
    FROM app.orders AS o
    WHERE o.tenant_id = $1 AND o.id = $2 AND ($3::uuid IS NULL OR o.stay_id = $3)
    FOR NO KEY UPDATE
)
SELECT
    o.id, o.status, o.version, o.accepted_at, o.ready_at, o.finished_at, o.cancelled_at, o.cancel_reason,
    o.cancel_acked_at, o.cancel_acked_stations, o.fire_at, o.rush, o.allergy_acked_at, o.allergy_acked_stations,
    o.trip_id, o.recall_count, o.last_bump::text AS last_bump,
    o.prices_include_tax, o.service_charge_bp, o.service_tax_rate_bp, o.tax_rounding,
    coalesce((t.settings ->> 'recall_minutes')::integer, 30) AS recall_minutes,
    coalesce((t.settings ->> 'undo_seconds')::integer, 10) AS undo_seconds,
    app.order_items_now(o.tenant_id, o.id) AS items
FROM locked AS o
JOIN app.tenants AS t ON t.id = o.tenant_id;

-- name: update_order (write)
-- Stores what a change makes of an order, and the new statuses of the items with these lines; the database raises its
-- version, by updated_at also where nothing else of the order itself is new: what raises it for its items comes after
-- this statement, and its document is read in it.
WITH items AS (
    UPDATE app.order_items AS i
    SET status = new.status
    FROM unnest($17::integer[], $18::text[]) AS new (line, status)
    WHERE i.tenant_id = $1 AND i.order_id = $2 AND i.line = new.line
    RETURNING i.line
), changed AS (
    UPDATE app.orders
    SET status = $3, accepted_at = $4, ready_at = $5, finished_at = $6, cancelled_at = $7, cancel_reason = $8,
        cancel_acked_at = $9, cancel_acked_stations = $10, rush = $11, allergy_acked_at = $12,
        allergy_acked_stations = $13, trip_id = $14, recall_count = $15, last_bump = $16::text::jsonb,
        updated_at = now()
    WHERE tenant_id = $1 AND id = $2
    RETURNING id
)
SELECT app.order_now($1, changed.id) AS document
FROM changed, (SELECT count(*) FROM items) AS stored;

-- name: update_amounts (write)
-- Stores the money of an order of which some items are being cancelled.
UPDATE app.orders
SET subtotal_amount = $3, tax_amount = $4, service_amount = $5, total_amount = $6, taxes = $7::text::jsonb
WHERE tenant_id = $1 AND id = $2;

-- name: mark_shown (write)
-- Notes that a screen has painted these orders; the first one to say so wins. In id order, so that batches of two
-- screens never deadlock.
WITH unseen AS (
    SELECT id
    FROM app.orders
    WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) AND shown_at IS NULL
    ORDER BY id
    FOR NO KEY UPDATE
)
UPDATE app.orders AS o
SET shown_at = $3
FROM unseen
WHERE o.tenant_id = $1 AND o.id = unseen.id;

-- name: document (read, replica)
-- One order as its guest and the kitchen see it; $3 is the stay that asks, or NULL.
SELECT document::text AS document
FROM app.order_documents
WHERE tenant_id = $1 AND id = $2 AND ($3::uuid IS NULL OR stay_id = $3);

-- name: active_orders (read, replica)
-- A page of the orders that a kitchen still works on, oldest first, after a position.
SELECT id, created_at, document::text AS document
FROM app.order_documents
WHERE tenant_id = $1 AND status IN ('received', 'cooking', 'ready', 'delivering') AND (created_at, id) > ($2, $3)
ORDER BY created_at, id
LIMIT $4;

-- name: active_orders_of_stay (read, replica)
-- A page of the orders of one stay that are under way, oldest first, after a position.
SELECT id, created_at, document::text AS document
FROM app.order_documents
WHERE tenant_id = $1 AND stay_id = $5 AND status IN ('received', 'cooking', 'ready', 'delivering')
    AND (created_at, id) > ($2, $3)
ORDER BY created_at, id
LIMIT $4;

-- name: recent_orders (read, replica)
-- The newest $3 orders that were finished, or became ready and are not delivered yet, not longer before the moment $2
-- than the hotel may recall, which is a day at most; with who did the last step and when, as the audit has it: whoever
-- works at a shared screen comes before the screen itself.
WITH since AS MATERIALIZED (
    SELECT $2::timestamptz - coalesce((t.settings ->> 'recall_minutes')::integer, 30) * interval '1 minute' AS moment
    FROM app.tenants AS t
    WHERE t.id = $1
), done AS (
    (
        SELECT o.id, o.finished_at AS moment
        FROM app.orders AS o
        WHERE o.tenant_id = $1 AND o.finished_at > (SELECT since.moment FROM since)
        ORDER BY o.finished_at DESC
        LIMIT $3
    )
    UNION ALL
    SELECT o.id, o.ready_at
    FROM app.orders AS o
    WHERE o.tenant_id = $1 AND o.status IN ('ready', 'delivering') AND o.ready_at > (SELECT since.moment FROM since)
), newest AS MATERIALIZED (
    SELECT done.id, done.moment FROM done ORDER BY done.moment DESC, done.id DESC LIMIT $3
)
SELECT
    d.document::text AS document,
    coalesce(cook.name, person.name, device.device_name) AS by,
    coalesce(step.at, newest.moment) AS at
FROM newest
JOIN app.order_documents AS d ON d.tenant_id = $1 AND d.id = newest.id
LEFT JOIN LATERAL (
    SELECT a.user_id, a.cook_id, a.created_at AS at
    FROM app.audit_logs AS a
    WHERE a.tenant_id = $1 AND a.record = newest.id::text AND a.table_name = 'orders' AND 'status' = ANY (a.changed)
        AND a.created_at > now() - interval '2 days'
    ORDER BY a.created_at DESC
    LIMIT 1
) AS step ON true
LEFT JOIN app.staff AS cook ON cook.tenant_id = $1 AND cook.id = step.cook_id
LEFT JOIN app.staff AS person ON person.tenant_id = $1 AND person.id = step.user_id
LEFT JOIN app.device_rooms AS device ON device.tenant_id = $1 AND device.id = step.user_id
ORDER BY at DESC, d.id DESC;

-- name: lock_pause (write)
-- The pause of a kitchen, also one that is over; nobody else sets it until this transaction ends.
SELECT nullif(t.settings -> 'pause', 'null')::text AS pause
FROM app.tenants AS t
WHERE t.id = $1
FOR NO KEY UPDATE;

-- name: set_pause (write)
-- Begins or changes a pause, or ends it with NULL; a kitchen that has none already is left alone.
UPDATE app.tenants AS t
SET settings = CASE
    WHEN $2::text IS NULL THEN t.settings - 'pause'
    ELSE t.settings || jsonb_build_object('pause', $2::text::jsonb)
END
WHERE t.id = $1 AND ($2::text IS NOT NULL OR t.settings ? 'pause');
