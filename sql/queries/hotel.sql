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
