-- Hotels as the platform sees them, run as hub_admin. The platform itself is none of them.

-- name: insert_tenant (write)
-- A new hotel.
INSERT INTO app.tenants (
    id, slug, name, domain, plan_type, plan_features, billing_cycle, room_limit, user_limit, storage_limit, address,
    contact_name, contract_start, contract_end, time_zone, locale, prices_include_tax, tax_rounding,
    business_day_cutover
)
VALUES (
    $1, $2, $3, $4, $5, $6::text::jsonb, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19
);

-- name: usual_rates (write)
-- The tax rates of a new hotel, as Japan asks for them since the 1st of October 2019: what is served has the full rate,
-- food that is taken from the fridge or away the reduced one.
INSERT INTO app.tax_rates (tenant_id, tax_class, fulfilment, rate_bp, valid_from)
VALUES
    ($1, 'food', 'room_service', 1000, '2019-10-01'),
    ($1, 'alcohol', 'room_service', 1000, '2019-10-01'),
    ($1, 'service', 'room_service', 1000, '2019-10-01'),
    ($1, 'food', 'fridge', 800, '2019-10-01'),
    ($1, 'alcohol', 'fridge', 1000, '2019-10-01'),
    ($1, 'food', 'takeaway', 800, '2019-10-01'),
    ($1, 'alcohol', 'takeaway', 1000, '2019-10-01');

-- name: lock_tenant (write)
-- A hotel that nobody else changes until this transaction ends.
SELECT
    t.slug, t.status, t.status_reason, t.name, t.domain, t.plan_type, t.plan_features::text AS plan_features,
    t.billing_cycle, t.room_limit, t.user_limit, t.storage_limit, t.address, t.contact_name, t.contract_start,
    t.contract_end, t.time_zone, t.locale, t.prices_include_tax, t.tax_rounding, t.business_day_cutover
FROM app.tenants AS t
WHERE t.id = $1 AND t.id <> '00000000-0000-0000-0000-000000000000'
FOR NO KEY UPDATE;

-- name: save_tenant (write)
-- New terms of a hotel.
UPDATE app.tenants
SET name = $2, domain = $3, plan_type = $4, plan_features = $5::text::jsonb, billing_cycle = $6, room_limit = $7,
    user_limit = $8, storage_limit = $9, address = $10, contact_name = $11, contract_start = $12, contract_end = $13,
    time_zone = $14, locale = $15, prices_include_tax = $16, tax_rounding = $17, business_day_cutover = $18
WHERE id = $1;

-- name: save_contact_email (write)
-- How the platform writes to a hotel, sealed with the hotel's own keys.
UPDATE app.tenants SET contact_email_encrypted = $2 WHERE id = $1;

-- name: save_contact_phone (write)
-- How the platform calls a hotel, sealed with the hotel's own keys.
UPDATE app.tenants SET contact_phone_encrypted = $2 WHERE id = $1;

-- name: set_status (write)
-- Opens or closes a hotel; $3 says why.
UPDATE app.tenants SET status = $2, status_reason = $3 WHERE id = $1;

-- name: tenant (read)
-- A hotel with what it uses of its plan.
SELECT
    t.id, t.slug, t.status, t.status_reason,
    app.tenant_state(t.status, t.contract_start, t.contract_end, t.time_zone) AS state,
    t.name, t.domain, t.plan_type, t.plan_features::text AS plan_features, t.billing_cycle, t.room_limit, t.user_limit,
    t.storage_limit, t.address, t.contact_name, t.contact_email_encrypted, t.contact_phone_encrypted,
    t.contract_start, t.contract_end, t.time_zone, t.locale, t.prices_include_tax, t.tax_rounding,
    t.business_day_cutover, t.created_at,
    (
        SELECT count(*) FROM app.device_rooms AS d
        WHERE d.tenant_id = t.id AND d.device_type = 'tablet' AND d.deleted_at IS NULL
            AND d.status IN ('pending', 'active', 'suspended')
    ) AS rooms_used,
    (
        SELECT count(*) FROM app.staff AS s
        WHERE s.tenant_id = t.id AND s.is_active AND s.deleted_at IS NULL
    ) AS users_used,
    (
        SELECT coalesce(sum(octet_length(f.content)), 0) FROM app.files AS f
        WHERE f.tenant_id = t.id
    ) AS storage_used
FROM app.tenants AS t
WHERE t.id = $1 AND t.id <> '00000000-0000-0000-0000-000000000000';

-- name: tenants (read)
-- A page of the hotels by slug, after a slug; $2 is the one status that is asked for, or NULL.
SELECT
    t.id, t.slug, t.name, t.domain, t.plan_type, t.status, t.status_reason,
    app.tenant_state(t.status, t.contract_start, t.contract_end, t.time_zone) AS state,
    t.room_limit, t.user_limit, t.storage_limit, t.contract_start, t.contract_end, t.created_at
FROM app.tenants AS t
WHERE t.slug > $1 AND t.id <> '00000000-0000-0000-0000-000000000000' AND ($2::text IS NULL OR t.status = $2)
ORDER BY t.slug
LIMIT $3;

-- name: id_of_slug (read)
-- The hotel of a slug.
SELECT t.id FROM app.tenants AS t WHERE t.slug = $1 AND t.id <> '00000000-0000-0000-0000-000000000000';
