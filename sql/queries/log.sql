-- The log: what happened in a hotel, in order; the heads, which say how far each log reaches.

-- name: events_after (read, replica)
-- A page of a tenant's events after a position, with the head and floor of the same moment; one row without an
-- event when there is none.
SELECT head.epoch, head.seq AS head, head.floor, event.seq, event.kind, event.topics, event.data, event.at
FROM app.tenant_heads AS head
LEFT JOIN LATERAL (
    SELECT e.seq, e.kind, e.topics, e.payload::text AS data, app.iso(e.created_at) AS at
    FROM app.events AS e
    WHERE e.tenant_id = head.tenant_id AND e.seq > $2
    ORDER BY e.seq
    LIMIT $3
) AS event ON true
WHERE head.tenant_id = $1
ORDER BY event.seq;

-- name: state (read, replica)
-- The whole state of a tenant that its screens show at the moment $2, with the position it was read at: one
-- statement, so one snapshot of the database.
WITH hotel AS (
    SELECT document, (document ->> 'recall_minutes')::integer * interval '1 minute' AS recall
    FROM app.hotel_documents WHERE tenant_id = $1
),
shown AS (
    SELECT o.id, o.created_at, o.stay_id, o.document, true AS in_kitchen, true AS in_room
    FROM app.order_documents AS o
    WHERE o.tenant_id = $1 AND o.status IN ('received', 'cooking', 'ready', 'delivering')
    UNION ALL
    SELECT o.id, o.created_at, o.stay_id, o.document, true, o.finished_at > $2::timestamptz - interval '24 hours'
    FROM app.order_documents AS o
    WHERE o.tenant_id = $1 AND o.status = 'cancelled' AND o.cancel_acked_at IS NULL
    UNION ALL
    SELECT o.id, o.created_at, o.stay_id, o.document,
        o.status = 'delivered' AND o.finished_at > $2::timestamptz - (SELECT hotel.recall FROM hotel), true
    FROM app.order_documents AS o
    WHERE o.tenant_id = $1 AND o.finished_at > $2::timestamptz - interval '24 hours'
        -- always: a range with two ends is taken for a short one, so that one plan serves every hotel
        AND o.finished_at < $2::timestamptz + interval '24 hours'
        AND (o.status = 'delivered' OR o.cancel_acked_at IS NOT NULL)
)
SELECT head.epoch, head.seq, entry.kind, entry.topics, entry.data
FROM app.tenant_heads AS head
LEFT JOIN LATERAL (
    SELECT 1 AS section, NULL::timestamptz AS moment, 0 AS place, NULL::uuid AS id,
        'hotel' AS kind, ARRAY['kitchen', 'menu'] AS topics, hotel.document::text AS data
    FROM hotel
    UNION ALL
    SELECT 2, NULL, item.display_order, item.id, 'menu_item', ARRAY['menu'], item.document::text
    FROM app.menu_documents AS item
    WHERE item.tenant_id = $1 AND item.visible
    UNION ALL
    SELECT 3, shown.created_at, 0, shown.id, 'order',
        CASE WHEN shown.in_kitchen THEN ARRAY['kitchen'] ELSE '{}' END
            || CASE WHEN shown.in_room THEN ARRAY['stay:' || shown.stay_id] ELSE '{}' END,
        shown.document::text
    FROM shown
    UNION ALL
    SELECT 4, NULL, page.display_order, page.id, 'page', ARRAY['pages'], page.document::text
    FROM app.page_documents AS page
    WHERE page.tenant_id = $1 AND page.visible
    UNION ALL
    SELECT 5, phone.created_at, 0, phone.id, 'phone', ARRAY['stay:' || phone.stay_id], phone.document::text
    FROM app.phone_documents AS phone
    WHERE phone.tenant_id = $1
    UNION ALL
    SELECT 6, NULL, 0, stay.id, 'stay', ARRAY['stay:' || stay.id], stay.document::text
    FROM app.stay_documents AS stay
    WHERE stay.tenant_id = $1
    UNION ALL
    SELECT 7, NULL, 0, screen.id, 'screen', ARRAY['device:' || screen.id], screen.document::text
    FROM app.screen_documents AS screen
    WHERE screen.tenant_id = $1
    UNION ALL
    SELECT 8, NULL, 0, tablet.id, 'silent_tablet', ARRAY['kitchen'], tablet.document::text
    FROM app.silent_tablet_documents AS tablet
    WHERE tablet.tenant_id = $1
) AS entry ON true
WHERE head.tenant_id = $1
ORDER BY entry.section, entry.moment, entry.place, entry.id;

-- name: heads (read)
-- How far the logs of some tenants reach.
SELECT tenant_id, epoch, seq FROM app.tenant_heads WHERE tenant_id = ANY ($1::uuid[]);

-- name: all_heads (read)
-- How far every log reaches, and from where a relay must read on: the oldest transaction of the same moment.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xmin, head.tenant_id, head.epoch, head.seq
FROM (SELECT) AS now LEFT JOIN app.tenant_heads AS head ON true;

-- name: new_events (read)
-- Every event that may have become visible since the last look: whatever that look could not see was written by a
-- transaction not older than the oldest one of then ($1). At most $2 rows.
SELECT now.xmin, event.tenant_id, head.epoch, event.seq, event.kind, event.topics,
    event.payload::text AS data, app.iso(event.created_at) AS at
FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xmin) AS now
LEFT JOIN (
    SELECT e.tenant_id, e.seq, e.kind, e.topics, e.payload, e.created_at
    FROM (
        -- OFFSET 0 keeps the order and the limit out: with them, a plan made for any $1 walks the whole log
        SELECT n.tenant_id, n.seq, n.kind, n.topics, n.payload, n.created_at
        FROM app.events AS n
        WHERE n.xid >= $1::text::xid8
        OFFSET 0
    ) AS e
    ORDER BY e.tenant_id, e.seq
    LIMIT $2
) AS event ON true
LEFT JOIN app.tenant_heads AS head ON head.tenant_id = event.tenant_id
ORDER BY event.tenant_id, event.seq;

-- name: events_of_many (read)
-- The events of some tenants after a position each, at most $3 of each tenant.
SELECT event.tenant_id, head.epoch, event.seq, event.kind, event.topics,
    event.payload::text AS data, app.iso(event.created_at) AS at
FROM unnest($1::uuid[], $2::bigint[]) AS known (tenant_id, seq)
JOIN app.tenant_heads AS head ON head.tenant_id = known.tenant_id
JOIN LATERAL (
    SELECT e.tenant_id, e.seq, e.kind, e.topics, e.payload, e.created_at
    FROM app.events AS e
    WHERE e.tenant_id = known.tenant_id AND e.seq > known.seq
    ORDER BY e.seq
    LIMIT $3
) AS event ON true
ORDER BY event.tenant_id, event.seq;

-- name: arm_bell (write)
-- Says whether writers shall ring.
UPDATE app.relay_bell SET armed = $1 WHERE armed <> $1;

-- name: limit_silence (write)
-- A relay speaks every second; a server that hears nothing for so long has lost it, and frees its lock.
SET idle_session_timeout = '10s';

-- name: become_relay (read)
-- True when this connection now holds the one relay of the database.
SELECT pg_try_advisory_lock(7527030595687047545);

-- name: end_silent_relay (write)
-- Ends the connection that holds the relay when nothing has come on it for 10 s. The limit above does not end one
-- whose backend waits in the middle of a NOTIFY that a relay that stands still does not read.
SELECT pg_terminate_backend(activity.pid)
FROM pg_locks AS held
JOIN pg_stat_activity AS activity ON activity.pid = held.pid
WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
    AND held.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
    AND (held.classid::bigint << 32 | held.objid::bigint) = 7527030595687047545
    AND activity.state_change < clock_timestamp() - interval '10 seconds';

-- name: check_origin (write)
-- True when the server or its timeline differ from those the log was written under; then all epochs are new.
SELECT app.check_log_origin(
    (SELECT system_identifier FROM pg_control_system()),
    app.log_timeline()
);
