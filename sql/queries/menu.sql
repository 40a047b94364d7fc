-- The menu as guests see it.

-- name: menu (read, replica)
-- What every screen of a hotel may know of it, and the whole menu that guests see, in its order.
SELECT
    h.document::text AS hotel,
    ARRAY(
        SELECT m.document::text
        FROM app.menu_documents AS m
        WHERE m.tenant_id = $1 AND m.visible
        ORDER BY m.display_order, m.id
    ) AS items
FROM app.hotel_documents AS h
WHERE h.tenant_id = $1;

-- name: item (read)
-- One item of the menu that guests see.
SELECT document::text AS document
FROM app.menu_documents
WHERE tenant_id = $1 AND id = $2 AND visible;

-- name: used_up (read)
-- Whether an item is counted and none is left.
SELECT coalesce(stock_quantity = 0, false) AS used_up
FROM app.menu_items
WHERE tenant_id = $1 AND id = $2;

-- name: service (read)
-- When an item is served, and when the days of its hotel begin.
SELECT m.start_time, m.end_time, m.days, m.last_order_minutes, t.time_zone, t.business_day_cutover
FROM app.menu_items AS m
JOIN app.tenants AS t ON t.id = m.tenant_id
WHERE m.tenant_id = $1 AND m.id = $2;

-- name: set_sold_out (write)
-- Turns the 86 switch of an item, whatever its stock, until $4 or for good; an item that stands so already is left alone.
UPDATE app.menu_items
SET is_available = NOT $3, sold_out_until = $4
WHERE tenant_id = $1 AND id = $2 AND NOT is_hidden AND deleted_at IS NULL
    AND (is_available, sold_out_until) IS DISTINCT FROM (NOT $3::boolean, $4::timestamptz);

-- name: comebacks_due (read)
-- Hotels of which something that is sold out comes back within $1, and in how many seconds. Runs as hub_relay.
SELECT due.tenant_id, due.seconds FROM app.comebacks_due($1) AS due;

-- name: bring_back (write)
-- Brings at most $2 items of a hotel back whose moment has come; how many. Runs as hub_relay.
SELECT app.bring_back($1, $2);
