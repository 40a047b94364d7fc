-- Retention, as hub_relay: through functions that can delete what is old, and nothing else.

-- name: tenants (read)
-- Every tenant that has a log.
SELECT tenant_id FROM app.tenant_heads ORDER BY tenant_id;

-- name: prune_events (write)
-- Deletes at most $3 events of a tenant written before $2 and raises its floor; the number deleted.
SELECT app.prune_events($1, $2, $3);

-- name: prune_operations (write)
-- Deletes at most $3 answers of operations of a tenant that were given before $2; the number deleted.
SELECT app.prune_operations($1, $2, $3);
