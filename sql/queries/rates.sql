-- The tax rates of a hotel, as its manager sets them. What orders read of them stands with the orders.

-- name: lock_calendar (write)
-- By what a hotel counts its days; nobody else sets its rates until this transaction ends.
SELECT t.time_zone, t.business_day_cutover FROM app.tenants AS t WHERE t.id = $1 FOR NO KEY UPDATE;

-- name: calendar (read)
-- By what a hotel counts its days.
SELECT t.time_zone, t.business_day_cutover FROM app.tenants AS t WHERE t.id = $1;

-- name: rates (read)
-- All rates of a hotel, by what they are for, oldest first.
SELECT r.id, r.tax_class, r.fulfilment, r.rate_bp, r.valid_from
FROM app.tax_rates AS r
WHERE r.tenant_id = $1 AND r.deleted_at IS NULL
ORDER BY r.tax_class, r.fulfilment, r.valid_from;

-- name: insert_rate (write)
-- One more rate.
INSERT INTO app.tax_rates (tenant_id, id, tax_class, fulfilment, rate_bp, valid_from)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: delete_rate (write)
-- Takes a rate back.
UPDATE app.tax_rates SET deleted_at = now() WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL;
