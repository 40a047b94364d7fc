-- Devices: how one gets its credential and its tokens, what it is, and who is online.

-- name: claim_code (write)
-- Uses a single-use code up for a new credential and says whose device it is; nulls for a code that is not good.
-- Runs as hub_auth.
SELECT tenant_id, device_id
FROM app.claim_code($1, $2);

-- name: device (read)
-- What a token needs to know of a device: its place, its state, its hotel's state, the open stay of its room; of a phone,
-- whether the stay that it belongs to has ended.
SELECT
    d.id, d.device_type, d.room_number, d.floor, d.stations, d.status, d.credential_hash, d.next_credential_hash,
    d.previous_credential_hash, d.credential_changed_at, d.credential_version, d.wipe_requested_at,
    app.tenant_state(t.status, t.contract_start, t.contract_end, t.time_zone) AS tenant_status,
    t.status_reason AS tenant_reason,
    s.id AS open_stay_id,
    own.ended_at IS NOT NULL AS stay_over
FROM app.device_rooms AS d
JOIN app.tenants AS t ON t.id = d.tenant_id
LEFT JOIN app.stays AS s
    ON s.tenant_id = d.tenant_id AND s.room_number = d.room_number AND s.ended_at IS NULL
    AND (d.device_type = 'tablet' OR s.id = d.stay_id)
LEFT JOIN app.stays AS own ON own.tenant_id = d.tenant_id AND own.id = d.stay_id
WHERE d.tenant_id = $1 AND d.id = $2 AND d.deleted_at IS NULL;

-- name: admitted (read)
-- Which of many devices of a hotel are what their tokens say, with the stay that a token names still open; which of
-- those a fresh token would say more of, or something else; and whether the hotel is served. Each device is looked up
-- by its key (LIMIT keeps it so): a database that was never analyzed would read whole tables.
SELECT
    asked.number::integer AS number,
    app.is_as_told(
        d.status, d.device_type, d.room_number, d.credential_version, asked.kind, asked.room, asked.credential
    )
        AND (asked.stay_id IS NULL OR (s.id = asked.stay_id AND d.wipe_requested_at IS NULL)) IS TRUE AS good,
    d.floor IS DISTINCT FROM asked.floor OR array_to_string(d.stations, ',') <> asked.stations
        OR (asked.stay_id IS NULL AND s.id IS NOT NULL AND d.wipe_requested_at IS NULL) AS stale,
    app.tenant_state(t.status, t.contract_start, t.contract_end, t.time_zone) AS tenant_status,
    t.status_reason AS tenant_reason
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::integer[], $6::uuid[], $7::text[], $8::text[])
    WITH ORDINALITY AS asked (device_id, kind, room, credential, stay_id, floor, stations, number)
JOIN app.tenants AS t ON t.id = $1
LEFT JOIN LATERAL (
    SELECT
        dr.status, dr.device_type, dr.room_number, dr.stay_id, dr.floor, dr.stations, dr.credential_version,
        dr.wipe_requested_at
    FROM app.device_rooms AS dr
    WHERE dr.tenant_id = $1 AND dr.id = asked.device_id AND dr.deleted_at IS NULL
    LIMIT 1
) AS d ON true
LEFT JOIN LATERAL (
    SELECT st.id
    FROM app.stays AS st
    WHERE st.tenant_id = $1 AND st.room_number = d.room_number AND st.ended_at IS NULL
        AND (d.device_type = 'tablet' OR st.id = d.stay_id)
    LIMIT 1
) AS s ON true;

-- name: offer_credential (write)
-- Gives a device its next credential beside the present one, which stays good until the next one is used.
UPDATE app.device_rooms
SET next_credential_hash = $4
WHERE tenant_id = $1 AND id = $2 AND credential_hash = $3 AND status = 'active' AND deleted_at IS NULL;

-- name: promote_credential (write)
-- Makes the next credential the present one, because it has been used; false when another transaction has.
UPDATE app.device_rooms
SET credential_hash = next_credential_hash, next_credential_hash = NULL, previous_credential_hash = credential_hash,
    credential_changed_at = now()
WHERE tenant_id = $1 AND id = $2 AND next_credential_hash = $3 AND status = 'active' AND deleted_at IS NULL;

-- name: wiped (write)
-- Notes that a tablet holds nothing of the last guest any more; false when it was asked again after $3.
UPDATE app.device_rooms
SET wipe_requested_at = NULL
WHERE tenant_id = $1 AND id = $2 AND wipe_requested_at = $3 AND status = 'active' AND deleted_at IS NULL;

-- name: open_sessions (write)
-- Marks devices online and counts the session; the number tells this session from those before and after it. $4 are the
-- ages in seconds, because clocks differ: a hub that stood still may come long after the session that followed. No row
-- for such a device; of two that began within 2 seconds, who knows which was first, and the later writer wins. So it
-- does where the server's own clock has gone back behind the one before.
INSERT INTO app.device_presence AS p (tenant_id, device_id, online, session_generation, opened_at, last_seen_at)
SELECT d.tenant_id, d.id, true, 1, clock_timestamp() - make_interval(secs => opened.age), opened.at
FROM unnest($2::uuid[], $3::timestamptz[], $4::float8[]) AS opened (device_id, at, age)
JOIN app.device_rooms AS d ON d.tenant_id = $1 AND d.id = opened.device_id
ORDER BY d.id
ON CONFLICT (tenant_id, device_id) DO UPDATE
SET online = true,
    session_generation = p.session_generation + 1,
    opened_at = CASE WHEN p.opened_at > clock_timestamp() THEN excluded.opened_at
        ELSE greatest(p.opened_at, excluded.opened_at) END,
    last_seen_at = greatest(p.last_seen_at, excluded.last_seen_at),
    silent_room = NULL
WHERE NOT p.online OR p.opened_at <= excluded.opened_at + interval '2 seconds' OR p.opened_at > clock_timestamp()
RETURNING device_id, session_generation;

-- name: see_sessions (write)
-- Notes that sessions are alive. One whose successor has come and gone takes the device back.
UPDATE app.device_presence AS p
SET online = true, last_seen_at = greatest(p.last_seen_at, seen.at), silent_room = NULL
FROM unnest($2::uuid[], $3::bigint[], $4::timestamptz[]) AS seen (device_id, generation, at)
WHERE p.tenant_id = $1 AND p.device_id = seen.device_id
    AND (p.session_generation = seen.generation OR NOT p.online)
RETURNING p.device_id, p.session_generation;

-- name: close_sessions (write)
-- Marks devices offline whose latest session this was; a late end of an older session changes nothing.
UPDATE app.device_presence AS p
SET online = false, last_seen_at = greatest(p.last_seen_at, closed.at)
FROM unnest($2::uuid[], $3::bigint[], $4::timestamptz[]) AS closed (device_id, generation, at)
WHERE p.tenant_id = $1 AND p.device_id = closed.device_id AND p.session_generation = closed.generation;

-- name: stay_exists (read)
-- A stay, open or ended.
SELECT true FROM app.stays WHERE tenant_id = $1 AND id = $2;

-- name: invite_phone (write)
-- A single-use code for one more phone of a stay that is open, good for $5; when it ends. Asked for by a device ($3, null
-- for staff), the stay must be that of its room at this moment.
INSERT INTO app.pairing_codes (tenant_id, stay_id, code_hash, expires_at)
SELECT s.tenant_id, s.id, $4, now() + $5::interval
FROM app.stays AS s
WHERE s.tenant_id = $1 AND s.id = $2 AND s.ended_at IS NULL
    AND ($3::uuid IS NULL OR EXISTS (
        SELECT FROM app.device_rooms AS d
        WHERE d.tenant_id = s.tenant_id AND d.id = $3 AND d.device_type = 'tablet' AND d.room_number = s.room_number
            AND d.wipe_requested_at IS NULL
    ))
FOR SHARE OF s
RETURNING expires_at;

-- name: set_screen (write)
-- How a kitchen screen is set up from now on.
UPDATE app.device_rooms SET settings = $3
WHERE tenant_id = $1 AND id = $2 AND device_type = 'kitchen_screen' AND deleted_at IS NULL
RETURNING device_name, stations;

-- name: silent_tablets_due (read)
-- The hotels in which tablets were last heard of before $1, and not all is told of them. Runs as hub_relay.
SELECT tenant_id FROM app.silent_tablets_due($1);

-- name: note_silent_tablets (write)
-- Notes which tablets of hotel $1 were last heard of before $2 while their room waits for an order; how many have come or
-- gone, at most $3. Runs as hub_relay.
SELECT app.note_silent_tablets($1, $2, $3);
