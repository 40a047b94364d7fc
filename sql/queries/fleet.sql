-- The fleet: pairing, and what staff see and change of a hotel's devices.

-- name: start_pairing (write)
-- Takes a code for a device that waits for approval; false when another one has it. Runs as hub_auth.
SELECT app.start_pairing($1, $2, $3, $4, $5);

-- name: poll_pairing (read)
-- The tenant and device that a pairing was approved for, nulls while it waits. Runs as hub_auth.
SELECT p.tenant_id, p.device_id FROM app.poll_pairing($1) AS p;

-- name: find_pairing (read)
-- What waits behind a code.
SELECT p.device_type, p.client, p.created_at AS requested_at, p.expires_at
FROM app.find_pairing($2) AS p
WHERE app.tenant_id() = $1;

-- name: approve_pairing (write)
-- Gives what waits behind a code to a device; false for a code that is not good any more.
SELECT app.approve_pairing($2, $3) WHERE app.tenant_id() = $1;

-- name: lock_tablets (write)
-- The tablets that stand for a room, the one in use first.
SELECT d.id, d.device_name, d.status
FROM app.device_rooms AS d
WHERE d.tenant_id = $1 AND d.room_number = $2 AND d.device_type = 'tablet' AND d.deleted_at IS NULL
    AND d.status IN ('pending', 'active', 'suspended')
ORDER BY d.status = 'pending', d.id
FOR NO KEY UPDATE OF d;

-- name: add_device (write)
-- A new device, which waits for its credential.
INSERT INTO app.device_rooms (tenant_id, id, device_name, device_type, room_number, stations)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: prepare_device (write)
-- Gives a device that waits a name and a clean slate.
UPDATE app.device_rooms SET device_name = $3, wipe_requested_at = NULL WHERE tenant_id = $1 AND id = $2;

-- name: lock_device (write)
-- A device that is about to change: its kind, place and state.
SELECT d.device_type, d.room_number, d.status
FROM app.device_rooms AS d
WHERE d.tenant_id = $1 AND d.id = $2 AND d.deleted_at IS NULL
FOR NO KEY UPDATE;

-- name: set_status (write)
-- Puts a device into another state; who works at it is gone with it.
UPDATE app.device_rooms SET status = $3, cook_id = NULL WHERE tenant_id = $1 AND id = $2;

-- name: open_orders (read)
-- How many orders of the guest who is in a room now are still on their way.
SELECT count(*)
FROM app.stays AS s
JOIN app.orders AS o ON o.tenant_id = s.tenant_id AND o.stay_id = s.id
WHERE s.tenant_id = $1 AND s.room_number = $2 AND s.ended_at IS NULL
    AND o.status IN ('received', 'cooking', 'ready', 'delivering');

-- name: change_device (write)
-- Changes what staff may change; a tablet in another room must first forget the guest of this one.
UPDATE app.device_rooms
SET device_name = $3, room_number = $4, stations = $5, room_type = $6, floor = $7, building = $8, settings = $9,
    wipe_requested_at = CASE
        WHEN device_type = 'tablet' AND status = 'active' AND room_number IS DISTINCT FROM $4 THEN now()
        ELSE wipe_requested_at
    END
WHERE tenant_id = $1 AND id = $2;

-- name: read_device (read)
-- A device as staff see it; online only when its node has seen it within $3.
SELECT
    d.id, d.device_name, d.device_type, d.room_number, d.room_type, d.floor, d.building, d.stations, d.status, d.settings,
    coalesce(p.online AND p.last_seen_at > now() - $3::interval, false) AS online,
    p.last_seen_at, d.credential_changed_at, d.wipe_requested_at, d.cook_id, d.created_at
FROM app.device_rooms AS d
LEFT JOIN app.device_presence AS p ON p.tenant_id = d.tenant_id AND p.device_id = d.id
WHERE d.tenant_id = $1 AND d.id = $2 AND d.deleted_at IS NULL;

-- name: list_devices (read)
-- The devices after a place in the list, oldest first; every filter but the place may be null. Phones that have gone
-- with their guests are there for those who ask for what is retired.
SELECT
    d.id, d.device_name, d.device_type, d.room_number, d.room_type, d.floor, d.building, d.stations, d.status, d.settings,
    coalesce(p.online AND p.last_seen_at > now() - $3::interval, false) AS online,
    p.last_seen_at, d.credential_changed_at, d.wipe_requested_at, d.cook_id, d.created_at
FROM app.device_rooms AS d
LEFT JOIN app.device_presence AS p ON p.tenant_id = d.tenant_id AND p.device_id = d.id
WHERE d.tenant_id = $1 AND d.deleted_at IS NULL AND (d.created_at, d.id) > ($4, $5)
    AND ($6::text IS NULL OR d.device_type = $6)
    AND ($7::text = d.status OR $7::text IS NULL AND (d.device_type <> 'phone' OR d.status <> 'retired'))
    AND ($8::text IS NULL OR d.floor = $8)
    AND ($9::boolean IS NULL
        OR coalesce(p.online AND p.last_seen_at > now() - $3::interval, false) = $9)
ORDER BY d.created_at, d.id
LIMIT $2;

-- name: cooks (read)
-- The people who have a PIN and a role of $2 or the permission $3 besides it, and who of them works at screen $4.
SELECT p.id, p.name, d.cook_id IS NOT DISTINCT FROM p.id AS here
FROM app.staff AS p
JOIN app.device_rooms AS d ON d.tenant_id = p.tenant_id AND d.id = $4
WHERE p.tenant_id = $1 AND p.is_active AND p.deleted_at IS NULL AND p.pin_hash IS NOT NULL
    AND (p.role = ANY ($2::text[]) OR $3::text = ANY (p.permissions))
ORDER BY p.name, p.id;

-- name: lock_cook (write)
-- Somebody who may cook, with what is known of the PIN; locked, so that guesses at once are counted one by one.
SELECT p.id, p.name, p.pin_hash, p.failed_pin_attempts, p.pin_locked_until
FROM app.staff AS p
WHERE p.tenant_id = $1 AND p.id = $4 AND p.is_active AND p.deleted_at IS NULL AND p.pin_hash IS NOT NULL
    AND (p.role = ANY ($2::text[]) OR $3::text = ANY (p.permissions))
FOR NO KEY UPDATE;

-- name: count_pin (write)
-- Notes how often in a row a PIN was wrong, and until when none is looked at.
UPDATE app.staff SET failed_pin_attempts = $3, pin_locked_until = $4 WHERE tenant_id = $1 AND id = $2;

-- name: set_cook (write)
-- Who works at a kitchen screen from now on; null for nobody.
UPDATE app.device_rooms SET cook_id = $3
WHERE tenant_id = $1 AND id = $2 AND device_type = 'kitchen_screen' AND cook_id IS DISTINCT FROM $3;
