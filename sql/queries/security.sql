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

-- name: signing_keys (read)
-- The keys that verify tokens now or later, the one that signs first.
SELECT k.kid, k.algorithm, k.wrapped, k.signs_from <= now() AS signs
FROM app.signing_keys AS k
WHERE k.verifies_until IS NULL OR k.verifies_until > now()
ORDER BY k.signs_from <= now() DESC, k.signs_from DESC, k.kid;

-- name: lock_signing_keys (write)
-- Waits until no other process makes the first key.
SELECT pg_advisory_xact_lock(hashtextextended('hub signing keys', 0));

-- name: add_first_signing_key (write)
-- Adds a key that signs at once, unless one does.
INSERT INTO app.signing_keys (kid, wrapped)
SELECT $1, $2
WHERE NOT EXISTS (
    SELECT FROM app.signing_keys AS k
    WHERE k.signs_from <= now() AND (k.verifies_until IS NULL OR k.verifies_until > now())
);
