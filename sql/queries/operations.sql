-- Operations are done once per id: their records commit together with what they changed. An id is taken with the BEGIN,
-- by app.claim_operation, and the answer stored with the COMMIT, by app.answer_operation.

-- name: stored (write)
-- What an operation id was used for, and its answer; a write waits for the synchronous standby, as the first did.
UPDATE app.idempotency SET answer = answer
WHERE tenant_id = $1 AND principal_id = $2 AND op_id = $3
RETURNING request_hash, answer;
