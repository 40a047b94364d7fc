-- Stays: who lives in which room. Locks are taken in this order: the stay, its phones, its orders by id, the tablets.

-- name: insert_stay (write)
-- A guest moves in.
INSERT INTO app.stays (
    tenant_id, id, room_number, guest_name_encrypted, guest_phone_encrypted, guest_phone_index
)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: lock_stay (write)
-- A stay that stands still until this transaction ends: no order is placed in it meanwhile.
SELECT room_number, ended_at
FROM app.stays
WHERE tenant_id = $1 AND id = $2
FOR NO KEY UPDATE;

-- name: end_stay (write)
-- A guest leaves.
UPDATE app.stays SET ended_at = greatest(now(), started_at)
WHERE tenant_id = $1 AND id = $2;

-- name: move_stay (write)
-- A guest takes another room.
UPDATE app.stays SET room_number = $3
WHERE tenant_id = $1 AND id = $2;

-- name: tablet (read)
-- The tablet that works in a room, and whether it has yet to forget the last guest.
SELECT id, wipe_requested_at IS NOT NULL AS wipe_pending
FROM app.device_rooms
WHERE tenant_id = $1 AND room_number = $2 AND device_type = 'tablet' AND status = 'active' AND deleted_at IS NULL;

-- name: request_wipe (write)
-- Asks every tablet that has worked in a room to forget the guest, also one that is suspended or lost at the moment.
UPDATE app.device_rooms SET wipe_requested_at = now()
WHERE tenant_id = $1 AND room_number = $2 AND device_type = 'tablet' AND deleted_at IS NULL
    AND status IN ('active', 'suspended', 'lost')
RETURNING id;

-- name: open_orders (read)
-- The orders of a stay that are under way, oldest first.
SELECT id, order_number, status
FROM app.orders
WHERE tenant_id = $1 AND stay_id = $2 AND status IN ('received', 'cooking', 'ready', 'delivering')
ORDER BY created_at, id;

-- name: move_orders (write)
-- Sends the orders of a stay that are under way to another room; locked in id order.
WITH under_way AS (
    SELECT id
    FROM app.orders
    WHERE tenant_id = $1 AND stay_id = $2 AND status IN ('received', 'cooking', 'ready', 'delivering')
    ORDER BY id
    FOR NO KEY UPDATE
)
UPDATE app.orders AS o SET room_number = $3
FROM under_way
WHERE o.tenant_id = $1 AND o.id = under_way.id;

-- name: stay (read)
-- One stay, open or ended, with what a front desk asks about it.
SELECT
    s.id, s.room_number, s.guest_name_encrypted, s.guest_phone_encrypted, s.started_at, s.ended_at, s.allergens,
    s.allergens_version, s.allergens_declared_at,
    d.id AS tablet_id, d.wipe_requested_at IS NOT NULL AS wipe_pending,
    (
        SELECT count(*) FROM app.orders AS o
        WHERE o.tenant_id = s.tenant_id AND o.stay_id = s.id
            AND o.status IN ('received', 'cooking', 'ready', 'delivering')
    ) AS open_orders
FROM app.stays AS s
LEFT JOIN app.device_rooms AS d
    ON d.tenant_id = s.tenant_id AND d.room_number = s.room_number AND d.device_type = 'tablet'
    AND d.status = 'active' AND d.deleted_at IS NULL
WHERE s.tenant_id = $1 AND s.id = $2;

-- name: open_stays (read)
-- A page of the open stays by room number, after a room; $3 is the one room that is asked for, or NULL.
SELECT
    s.id, s.room_number, s.guest_name_encrypted, s.guest_phone_encrypted, s.started_at, s.ended_at, s.allergens,
    s.allergens_version, s.allergens_declared_at,
    d.id AS tablet_id, d.wipe_requested_at IS NOT NULL AS wipe_pending,
    (
        SELECT count(*) FROM app.orders AS o
        WHERE o.tenant_id = s.tenant_id AND o.stay_id = s.id
            AND o.status IN ('received', 'cooking', 'ready', 'delivering')
    ) AS open_orders
FROM app.stays AS s
LEFT JOIN app.device_rooms AS d
    ON d.tenant_id = s.tenant_id AND d.room_number = s.room_number AND d.device_type = 'tablet'
    AND d.status = 'active' AND d.deleted_at IS NULL
WHERE s.tenant_id = $1 AND s.ended_at IS NULL AND s.room_number > $2
    AND ($3::text IS NULL OR s.room_number = $3)
ORDER BY s.room_number
LIMIT $4;

-- name: stays_of_phone (read)
-- The latest stays of a phone number, open or ended, by its blind indexes.
SELECT
    s.id, s.room_number, s.guest_name_encrypted, s.guest_phone_encrypted, s.started_at, s.ended_at, s.allergens,
    s.allergens_version, s.allergens_declared_at,
    d.id AS tablet_id, d.wipe_requested_at IS NOT NULL AS wipe_pending,
    (
        SELECT count(*) FROM app.orders AS o
        WHERE o.tenant_id = s.tenant_id AND o.stay_id = s.id
            AND o.status IN ('received', 'cooking', 'ready', 'delivering')
    ) AS open_orders
FROM app.stays AS s
LEFT JOIN app.device_rooms AS d
    ON d.tenant_id = s.tenant_id AND d.room_number = s.room_number AND d.device_type = 'tablet'
    AND d.status = 'active' AND d.deleted_at IS NULL
WHERE s.tenant_id = $1 AND s.guest_phone_index = ANY ($2::bytea[])
ORDER BY s.started_at DESC, s.id DESC
LIMIT $3;

-- name: allergens (read)
-- The list of allergens that holds in a hotel today, and the one before it: their versions, and their codes in order.
SELECT
    list.version,
    ARRAY(
        SELECT item.value ->> 'code'
        FROM jsonb_array_elements(list.items) WITH ORDINALITY AS item (value, place)
        ORDER BY item.place
    ) AS codes
FROM app.tenants AS t
JOIN app.allergen_lists AS list ON list.valid_from <= (now() AT TIME ZONE t.time_zone)::date
WHERE t.id = $1
ORDER BY list.valid_from DESC
LIMIT 2;

-- name: declare_allergens (write)
-- What the party of an open stay must not eat, in place of what was said before.
UPDATE app.stays SET allergens = $3, allergens_version = $4, allergens_declared_at = $5
WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL;

-- name: stay_document (read)
-- What the screens of a stay know of it.
SELECT document::text FROM app.stay_documents WHERE tenant_id = $1 AND id = $2;
