-- A hotel as its own people see it.

-- name: settings (read)
-- What a manager may set.
SELECT t.totp_roles, t.locale, t.settings::text AS settings
FROM app.tenants AS t
WHERE t.id = $1;

-- name: lock_settings (write)
-- The same, and nobody else sets it until this transaction ends.
SELECT t.totp_roles, t.locale, t.settings::text AS settings
FROM app.tenants AS t
WHERE t.id = $1
FOR NO KEY UPDATE;

-- name: save_settings (write)
-- New settings of a hotel.
UPDATE app.tenants SET totp_roles = $2, locale = $3, settings = $4::text::jsonb
WHERE id = $1;

-- name: used (read)
-- Where the dishes that guests can see are made, and under what they stand.
SELECT DISTINCT m.station, m.category
FROM app.menu_items AS m
WHERE m.tenant_id = $1 AND NOT m.is_hidden AND m.deleted_at IS NULL;
