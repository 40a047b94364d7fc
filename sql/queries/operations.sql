-- Operations are done once per id: their records commit together with what they changed.

-- name: claim (write)
-- Takes an operation id for this transaction; no row when it is taken already.
INSERT INTO app.idempotency (tenant_id, principal_id, op_id, operation, request_hash)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, principal_id, op_id) DO NOTHING;

-- name: stored (write)
-- What an operation id was used for, and its answer; a write waits for the synchronous standby, as the first did.
UPDATE app.idempotency SET answer = answer
WHERE tenant_id = $1 AND principal_id = $2 AND op_id = $3
RETURNING request_hash, answer;

-- name: answer (write)
-- Stores the answer of an operation beside its change.
UPDATE app.idempotency SET answer = $4
WHERE tenant_id = $1 AND principal_id = $2 AND op_id = $3;
