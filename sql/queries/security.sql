-- The audit's events, and a hotel's own keys.

-- name: record_event (write)
-- Writes a security event of the transaction's tenant.
SELECT app.record_event($2, $3, $4) WHERE app.tenant_id() = $1;

-- name: data_keys (read)
-- The keys of a tenant, oldest first; whether each is known to every process after $2 seconds, and committed.
SELECT
    k.id, k.purpose, k.wrapped,
    k.created_at <= now() - make_interval(secs => $2) AS known,
    k.xmin IS DISTINCT FROM pg_current_xact_id_if_assigned()::xid AS committed
FROM app.data_keys AS k
WHERE k.tenant_id = $1
ORDER BY k.created_at, k.id;

-- name: add_data_key (write)
-- Gives a tenant its first key of a purpose, unless another transaction was quicker.
INSERT INTO app.data_keys (tenant_id, id, purpose, wrapped)
VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, purpose) WHERE retired_at IS NULL DO NOTHING;
